"""Faults that need the world outside: a name server, a certificate, a day, a clock."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from dashapp.services import startup
from ingestion.feed import BinanceFeed, StreamFeed, Timers, make_feed
from ingestion.stream.timecheck import FUTURE_MS, WallClock
from tests.exchange import Exchange
from tests.ingestion.scenarios import FAST, PATIENT, SYMBOLS, Run, until


def nothing(*_: object) -> None:
    """A sink that forgets."""


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_host_that_does_not_exist_is_tried_again_and_named(scheme: str) -> None:
    feed = make_feed(f"{scheme}://no-such-host.invalid/", [], nothing, timers=FAST)
    feed.start()
    try:
        assert await until(lambda: "(DNS)" in feed.status.detail)
        assert feed.status.state == "reconnecting"
        assert (feed.status.retry_in_s or 0.0) <= FAST.backoff.cap_s
    finally:
        await feed.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    held, key = folder / "held.pem", folder / "key.pem"
    options = (
        "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=stand-in -addext subjectAltName=IP:127.0.0.1"
    )
    command = ["openssl", "req", *options.split(), "-keyout", str(key), "-out", str(held)]
    subprocess.run(command, check=True, capture_output=True)
    return held, key


async def test_a_certificate_that_nobody_signed_is_the_user_s_to_mend(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    handshakes = 0

    async def talk(connection: ServerConnection) -> None:
        nonlocal handshakes
        handshakes += 1
        trade = {"s": "BTCUSDT", "T": time.time_ns() // 1_000_000, "p": "5", "q": "1"}
        await connection.send(json.dumps(trade))
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0, ssl=context) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        feed = StreamFeed(url, nothing, timers=FAST)
        feed.start()
        assert await until(lambda: feed.status.state == "failed")
        assert feed.status.detail.startswith("TLS: the certificate cannot be trusted (self-signed")
        assert (feed.status.retry_in_s or 0) > 55, "left alone: no retry mends it"
        assert handshakes == 0
        await feed.stop()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        feed.start()
        assert await until(lambda: feed.status.state == "live"), "once it is trusted"
        await feed.stop()


class FakeClock:
    """Seconds that never go back, and that a test can let pass at once."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.mark.parametrize("seed", range(3))
async def test_a_connection_is_renewed_before_24_hours_by_overlap_with_its_ids_continuous(
    seed: int,
) -> None:
    """The production age; the clock leaps through the day within the delivery of a tick."""
    startup.compile_market()
    clock, due = FakeClock(), [0.0]
    ids: dict[str, set[int]] = {symbol: set() for symbol in SYMBOLS}
    open_at: list[int] = []

    async with Exchange(SYMBOLS, rate=100, seed=seed) as exchange:

        def take(ticks: list, rejected: list) -> None:
            for batch in ticks:
                ids[batch.symbol].update(batch.trade_id.tolist())
            clock.ahead_s += due.pop() if due else 0.0
            open_at.append(len(exchange.connections))

        timers = Timers(PATIENT.timeouts, PATIENT.backoff, PATIENT.watchdog, handover_s=0.1)
        options = {"base": exchange.ws, "clock": clock, "timers": timers}
        feed = BinanceFeed("binance-futures", take, SYMBOLS, **options)
        feed.start()
        assert await until(lambda: feed.status.state == "live" and not due)
        due.append(23 * 3_600 + 44 * 60)
        assert await until(lambda: not due)
        await asyncio.sleep(0.2)
        assert exchange.connects == 1, "younger than 23 h 45 min"
        due.append(11 * 60)
        assert await until(lambda: exchange.connects == 2), "older than 23 h 55 min"
        begun = {symbol: exchange.newest(symbol) for symbol in SYMBOLS}
        assert await until(lambda: all(max(ids[one]) > begun[one] + 20 for one in SYMBOLS))
        assert await until(lambda: len(exchange.connections) == 1), "the old one is closed"
        await feed.stop()
    assert max(open_at) == 2, "both were open for a while"
    for one in SYMBOLS:
        assert len(ids[one]) == max(ids[one]) - min(ids[one]) + 1
    said = [sentence for _, sentence in feed.events]
    assert not any("gap" in one or "reconnecting" in one for one in said)


@pytest.mark.parametrize("jump_s", [-7_200.0, -12.0, 12.0, 30_000.0])
async def test_timers_do_not_heed_a_clock_that_jumps_and_the_strip_says_so(jump_s: float) -> None:
    startup.compile_market()
    async with Exchange(SYMBOLS, rate=100) as exchange:
        made = Run(exchange, PATIENT, 0)
        try:
            await made.start()
            clock = made.control._feeds["live"].shards[0]._intake.clock
            clock._wall = lambda: time.time() + jump_s
            assert await until(lambda: made.control.health.clock_jump_s is not None)
            assert made.control.health.clock_jump_s == pytest.approx(jump_s, abs=1.0)
            newest = {one: exchange.newest(one) + 20 for one in SYMBOLS}
            assert await until(lambda: made.caught_up(newest))
            said = [sentence for _, sentence in made.control.events("live")]
            words = f"this computer's clock jumped by {jump_s:+,.0f} s: set, or asleep"
            assert said.count(words) == 1
            assert (exchange.connects, made.market.counters.rejected_total) == (1, 0)
        finally:
            await made.control.stop()


def test_a_clock_that_is_set_back_still_tells_which_ticks_are_of_the_future() -> None:
    wall, steady = [1_000_000.0], [50.0]
    clock = WallClock(lambda: wall[0], lambda: steady[0])
    wall[0] -= 3_600
    steady[0] += 10
    assert clock.now_ms() == 1_000_010_000
    assert clock.jump_s() == pytest.approx(-3_610)
    wall[0] += 3_600 + 10 + FUTURE_MS
    assert clock.now_ms() == round(wall[0] * 1_000), "one that is set forward is believed"
    assert clock.jump_s() > 0
    assert clock.jump_s() == 0
