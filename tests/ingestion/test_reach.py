"""Every way out of the server holds to one guard: what it refuses hears nothing from here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from dashapp.services.alerts.webhook import Progress, Webhooks
from dashapp.services.archive.writer import ArchiveWriter
from ingestion.feed import make_feed
from ingestion.redis_client import words_of
from ingestion.url_guard import REDIS_SCHEMES, UrlRefusedError, check_url, resolve
from storage.archive.store import ArchiveError
from tests.waiting import until

#: Refused anywhere: link-local, metadata, multicast, unspecified and reserved addresses.
EVERYWHERE = (
    *("169.254.169.254", "2852039166", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376"),
    *("169.254.43518", "169.16689662", "169.254.169.254.", "１６９.254.169.254"),
    *("169。254。169。254", "[64:ff9b:1::a9fe:a9fe]"),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"),
    *("[2002:a9fe:a9fe::]",),
    *("[::169.254.169.254]", "[fd00:ec2::254]", "[fd20:ce::254]", "100.100.100.200", "192.0.0.192"),
    *("168.63.129.16", "metadata.google.internal", "METADATA.google.internal.", "metadata"),
    *("instance-data.ec2.internal", "169.254.0.7", "[fe80::1]", "[fe80::1%25lo]", "224.0.0.1"),
    *("[ff02::1]", "0.0.0.0", "0", "0x0", "00", "0.0", "０.0.0.0", "[::]", "[::0.0.0.0]"),
    *("[0:0::0]",),
    *("255.255.255.255", "240.0.0.1", "[::ffff:0.0.0.0]", "[::ffff:0:0]"),
)  # fmt: skip
#: Refused where other machines reach the server: loopback and private addresses.
LOCAL = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f.1", "017700000001", "127.0.0.2", "localhost"),
    *("LOCALHOST.", "a.localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("１２７.0.0.1",),
    *("[::127.0.0.1]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00::1]"),
    *("[fc00::1]", "[::ffff:10.0.0.1]"),
)  # fmt: skip


@contextlib.asynccontextmanager
async def listener() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TCP service on all addresses of this machine; what it heard, connections too."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.3):
                heard.append(await reader.read(1_000))
        writer.write(b"-SECRET banner of a service\r\n")
        writer.close()

    server = await asyncio.start_server(hear, "0.0.0.0", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


def test_sixty_spellings_are_refused() -> None:
    assert len(EVERYWHERE) + len(LOCAL) >= 60


@pytest.mark.parametrize("scheme", ["ws", "http", "redis"])
async def test_no_feed_reaches_a_refused_address(scheme: str) -> None:
    async with listener() as (port, heard):
        for host in (*EVERYWHERE, *LOCAL):
            feed = None
            with contextlib.suppress(ValueError):
                local = host in EVERYWHERE
                feed = make_feed(f"{scheme}://{host}:{port}/", [], print, local=local)
                feed.start()
                await until(lambda feed=feed: feed.status.state not in ("stopped", "connecting"))
            if feed is not None:
                await feed.stop()
        assert heard == []


async def test_no_webhook_reaches_a_refused_address() -> None:
    async with listener() as (port, heard):
        told: dict[str, Progress] = {}
        for local, hosts in ((True, EVERYWHERE), (False, LOCAL)):
            hooks = Webhooks(told.__setitem__, (), local)
            for host in hosts:
                hooks.post(f"http://{host}:{port}/", host, "{}")
            await until(lambda hosts=hosts: set(hosts) <= set(told))
        assert {progress.state for progress in told.values()} == {"given up"}
        assert heard == []


async def test_no_archive_reaches_a_refused_address() -> None:
    async with listener() as (port, heard):
        for host in EVERYWHERE:
            writer = ArchiveWriter()
            with contextlib.suppress(ArchiveError, UrlRefusedError):
                await asyncio.to_thread(writer.reserve, f"postgresql://u:p@{host}:{port}/data")
        assert heard == []


async def test_a_name_is_judged_and_pinned_at_each_connection_to_redis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listener() as (port, heard):
        loop = asyncio.get_running_loop()
        asked = []

        async def rebound(host: str, port: int, **_: object) -> list[tuple]:
            asked.append(host)
            address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        looked_up = loop.getaddrinfo

        async def other(host: str, *given: object, **more: object) -> list[tuple]:
            if host == "feed.example":
                return await rebound(host, port)
            return await looked_up(host, *given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(loop, "getaddrinfo", other)
        feed = make_feed(f"redis://feed.example:{port}/0", [], print)
        feed.start()
        await until(lambda: "refused" in feed.status.detail)
        await feed.stop()
        assert heard.count(b"") == 1
        assert len(asked) == 2


@pytest.mark.parametrize("scheme", ["ws", "http", "redis", "webhook"])
async def test_nothing_on_a_public_server_follows_a_name_into_its_network(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    looked_up, told = loop.getaddrinfo, dict[str, Progress]()

    async def inside(host: str, *given: object, **more: object) -> list[tuple]:
        host = "127.0.0.1" if host == "feed.example" else host
        return await looked_up(host, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", inside)
    async with listener() as (port, heard):
        if scheme == "webhook":
            Webhooks(told.__setitem__, (), False).post(f"http://feed.example:{port}/", "a", "{}")
            await until(lambda: told)
        else:
            feed = make_feed(f"{scheme}://feed.example:{port}/", [], print, local=False)
            feed.start()
            await until(lambda: feed.status.state not in ("stopped", "connecting"))
            await feed.stop()
        assert heard == []


@pytest.mark.parametrize("end", ["%0d%0aCONFIG%20SET", "%0a", "%00", "%1b"])
@pytest.mark.parametrize("scheme", ["ws", "http", "redis", "rediss"])
def test_control_characters_in_a_user_or_a_password_are_refused(scheme: str, end: str) -> None:
    for user in (f"u{end}:p", f"u:p{end}"):
        with pytest.raises(ValueError, match="control characters"):
            make_feed(f"{scheme}://{user}@127.0.0.1/", [], print)


async def test_what_a_service_answers_is_told_to_nobody() -> None:
    async with listener() as (port, _):
        for scheme in ("redis", "ws", "http"):
            feed = make_feed(f"{scheme}://127.0.0.1:{port}/", [], print)
            feed.start()
            await until(lambda feed=feed: feed.status.state not in ("stopped", "connecting"))
            await feed.stop()
            words = feed.status.detail + "".join(text for _, text in feed.events)
            assert "banner" not in words
            assert "SECRET" not in words


async def test_a_name_that_leads_into_the_network_is_refused_on_a_public_server() -> None:
    checked = check_url("ws://localhost.localdomain:1/", local=False)
    with pytest.raises((UrlRefusedError, OSError)):
        await resolve(checked)
    with pytest.raises(UrlRefusedError, match="--allow-local"):
        check_url("redis://10.0.0.1/0", local=False, schemes=REDIS_SCHEMES)
    check_url("wss://93.184.216.34/", local=False)


@pytest.mark.parametrize("error", [OSError("banner"), TimeoutError("banner"), ValueError("banner")])
def test_words_of_redis_are_our_own(error: Exception) -> None:
    assert "banner" not in words_of(error)
