"""Which addresses a stream may have, and what of a URL is shown."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from ingestion.url_guard import (
    UrlRefusedError,
    at_address,
    check_address,
    check_url,
    mask_url,
    resolve,
)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("ws://localhost:9000/stream", "localhost", 9000),
        ("wss://fstream.binance.com/market/stream?streams=a", "fstream.binance.com", 443),
        ("http://127.0.0.1/ticks", "127.0.0.1", 80),
        ("https://[::1]:8443/", "::1", 8443),
        ("ws://192.168.1.20:8765", "192.168.1.20", 8765),
        ("wss://USER:pw@Example.ORG./x", "example.org", 443),
        ("ws://１２７.0.0.1:1/", "127.0.0.1", 1),
    ],
)
def test_ordinary_streams_are_taken_loopback_and_private_ones_too(
    url: str, host: str, port: int
) -> None:
    checked = check_url(url)
    assert (checked.host, checked.port) == (host, port)


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "javascript", "unix", "data", ""])
def test_other_schemes_are_refused(scheme: str) -> None:
    with pytest.raises(ValueError, match="expected one of ws, wss, http, https"):
        check_url(f"{scheme}://localhost/")


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("169.254.169.254", "metadata"),
        ("2852039166", "metadata"),
        ("0xA9FEA9FE", "metadata"),
        ("0251.0376.0251.0376", "metadata"),
        ("169.254.43518", "metadata"),
        ("１６９.254.169.254", "metadata"),
        ("[fd00:ec2::254]", "metadata"),
        ("[::ffff:169.254.169.254]", "metadata"),
        ("[64:ff9b::a9fe:a9fe]", "metadata"),
        ("[2002:a9fe:a9fe::]", "metadata"),
        ("100.100.100.200", "metadata"),
        ("192.0.0.192", "metadata"),
        ("168.63.129.16", "metadata"),
        ("[fd20:ce::254]", "metadata"),
        ("[64:ff9b:1::a9fe:a9fe]", "metadata"),
        ("metadata.google.internal", "metadata"),
        ("METADATA.google.internal.", "metadata"),
        ("metadata", "metadata"),
        ("instance-data.ec2.internal", "metadata"),
        ("169.254.0.7", "link-local"),
        ("[fe80::1]", "link-local"),
        ("[fe80::1%25eth0]", "link-local"),
        ("224.0.0.1", "multicast"),
        ("[ff02::1]", "multicast"),
        ("0.0.0.0", "unspecified"),
        ("0", "unspecified"),
        ("[::]", "unspecified"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
    ],
)
def test_addresses_that_no_stream_has_are_refused_in_any_spelling(host: str, why: str) -> None:
    with pytest.raises(UrlRefusedError, match=why):
        check_url(f"ws://{host}/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "127.0.0.1"])
def test_odd_spellings_of_loopback_are_loopback(host: str) -> None:
    check_url(f"ws://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        *("ws://", "ws:///path", "ws://a:99999/", "ws://a:b/", "ws://[::1/", "ws://a b/"),
        *("ws://a\n/", "ws://" + "a" * 5_000),
    ],
)
def test_what_is_no_url_is_refused_in_words(url: str) -> None:
    with pytest.raises(UrlRefusedError, match="URL"):
        check_url(url)


async def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    addresses = await resolve(check_url("ws://localhost:1/"))
    assert "127.0.0.1" in addresses
    assert all(ipaddress.ip_address(address).is_loopback for address in addresses)


async def test_a_name_that_resolves_to_a_refused_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def rebound(*_: object, **__: object) -> list[tuple]:
        return [(0, 0, 0, "", ("93.184.216.34", 80)), (0, 0, 0, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    with pytest.raises(UrlRefusedError, match="metadata"):
        await resolve(check_url("ws://rebind.example/"))


def test_public_addresses_pass() -> None:
    check_address(ipaddress.ip_address("93.184.216.34"))
    check_address(ipaddress.ip_address("2606:2800:220:1::1"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://me:secret@x.example/ws", "wss://***@x.example/ws"),
        ("wss://me:p@ss@x.example/ws", "wss://***@x.example/ws"),
        ("wss://x/ws?token=abc&streams=a@b", "wss://x/ws?token=***&streams=a@b"),
        ("wss://x/ws?listenKey=abc", "wss://x/ws?listenKey=***"),
        ("wss://x/ws?apiKey=abc&signature=def#top", "wss://x/ws?apiKey=***&signature=***#top"),
        ("wss://x/ws?access_token=a;PASSWORD=b", "wss://x/ws?access_token=***;PASSWORD=***"),
        ("ws://localhost/stream?streams=btcusdt@trade", "ws://localhost/stream?streams=btcusdt@trade"),
        ("failed: http://u:p@h/?key=1, again", "failed: http://***@h/?key=***"),
    ],
)  # fmt: skip
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert mask_url(text) == shown


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    checked = check_url("https://u:p@feed.example/a/b?c=d")
    assert at_address(checked, "93.184.216.34") == "https://93.184.216.34:443/a/b?c=d"
    assert at_address(checked, "::1") == "https://[::1]:443/a/b?c=d"
