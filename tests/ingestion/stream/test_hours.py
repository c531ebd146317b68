"""A contract outside its hours is closed, not silent: nobody reconnects, and it opens by itself."""

from __future__ import annotations

import json

import pytest

from ingestion.binance.hours import Hours, Session, read
from ingestion.binance.shards import BinanceFeed
from ingestion.stream.session import Timers
from ingestion.stream.transport import Timeouts
from tests.exchange import Exchange
from tests.ingestion.scenarios import PATIENT
from tests.waiting import until

HOUR_S = 3_600.0


class Clock:
    """Seconds that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_weekend_is_no_silence_and_monday_comes_by_itself() -> None:
    clock, closed, asked = Clock(), {"TSLAUSDT"}, 0
    seen: set[str] = set()
    often = Timers(Timeouts(ping_s=0.02))  # looks at the clock so often

    def excused(symbol: str) -> bool:
        nonlocal asked
        asked += 1
        return symbol in closed

    async with Exchange(["TSLAUSDT"], rate=0) as exchange:
        options = {"base": exchange.ws, "clock": clock, "excused": excused, "timers": often}

        def take(ticks: list, rejected: list) -> None:
            seen.update(batch.symbol for batch in ticks)

        feed = BinanceFeed("binance-futures", take, ["TSLAUSDT"], **options)
        feed.start()
        try:
            await until(lambda: feed.status.state == "closed")
            for _ in range(23):  # a connection is renewed after 23 h 50
                clock.now_s, before = clock.now_s + HOUR_S, asked
                await until(lambda: asked > before + 1)  # noqa: B023
            assert feed.status.state == "closed"
            assert exchange.connects == 1
            closed.clear()
            await until(lambda: feed.status.state == "connecting")
            exchange.publish("TSLAUSDT", exchange.make_up("TSLAUSDT", 3))
            await until(lambda: feed.status.state == "live")
            assert seen == {"TSLAUSDT"}
            assert exchange.connects == 1
        finally:
            await feed.stop()


async def test_what_is_open_beside_it_is_watched_as_ever() -> None:
    async with Exchange(["TSLAUSDT", "BTCUSDT"], rate=0) as exchange:
        options = {"base": exchange.ws, "timers": PATIENT, "excused": {"TSLAUSDT"}.__contains__}
        symbols = ["TSLAUSDT", "BTCUSDT"]
        feed = BinanceFeed("binance-futures", lambda *_: None, symbols, **options)
        feed.start()
        try:
            await until(lambda: exchange.connections)
            exchange.publish("BTCUSDT", exchange.make_up("BTCUSDT", 3))
            await until(lambda: feed.status.state == "live")
            await until(lambda: feed.status.detail == "closed: TSLAUSDT")
            await until(lambda: feed.status.state == "silent")
        finally:
            await feed.stop()


def test_hours_that_are_not_known_close_nothing() -> None:
    hours = Hours({"EQUITY": [Session(100, 200, True), Session(200, 300, False)]})
    assert not hours.closed("EQUITY", 50)
    assert not hours.closed("EQUITY", 400)
    assert not hours.closed("COMMODITY", 250)
    assert hours.closed("EQUITY", 250)
    assert hours.opens_ms("EQUITY", 250) is None


def test_a_session_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    hours = Hours({"EQUITY": [Session(0, 9, False), Session(9, 20, True), Session(20, 30, False)]})
    closed = [hours.closed("EQUITY", now_ms) for now_ms in (8, 9, 19, 20, 29, 30)]
    assert closed == [True, False, False, True, True, False]
    assert [hours.opens_ms("EQUITY", now_ms) for now_ms in (8, 9)] == [9, None]


def test_a_time_between_two_sessions_is_closed() -> None:
    hours = Hours({"EQUITY": [Session(0, 100, True), Session(300, 400, True)]})
    assert hours.closed("EQUITY", 200)
    assert hours.opens_ms("EQUITY", 200) == 300


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", json.dumps({"marketSchedules": {"A": 1}})])
def test_an_answer_that_is_no_schedule_is_refused(body) -> None:
    with pytest.raises(ValueError, match="tradingSchedule"):
        read(body if isinstance(body, bytes) else body.encode())
