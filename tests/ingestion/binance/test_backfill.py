"""Gaps are filled over REST, within the limits, once each; what cannot be filled is said."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from analytics.model import Gap, Rejected, Ticks
from ingestion.binance.backfill import Backfill, BackfillPolicy
from ingestion.binance.wire import VENUES, GapPages, checked_rest
from ingestion.feed import BinanceFeed
from ingestion.stream.backoff import BackoffPolicy
from tests.exchange import Exchange
from tests.waiting import until

FUTURES = VENUES["binance-futures"]
QUICK = BackfillPolicy(BackoffPolicy(floor_s=0.01, cap_s=0.05), settle_s=0.0)
#: Shorter than the second that "restslow" takes; elsewhere a loaded machine is no slow server.
IMPATIENT = replace(QUICK, timeout_s=0.3)


class Filled:
    """Takes what is filled in, and what is said."""

    def __init__(self) -> None:
        self.ticks: list[Ticks] = []
        self.rejected: list[Rejected] = []
        self.said: list[str] = []

    def __call__(self, ticks: list[Ticks], rejected: list[Rejected]) -> None:
        self.ticks += ticks
        self.rejected += rejected

    @property
    def ids(self) -> list[int]:
        return [number for batch in self.ticks for number in batch.trade_id.tolist()]


@asynccontextmanager
async def filling(
    mode: str = "", trades: int = 5_000, policy: BackfillPolicy = QUICK
) -> AsyncIterator[tuple[Exchange, Filled, Backfill]]:
    """A stand-in that holds trades, and a backfill that asks it."""
    filled = Filled()
    async with Exchange(rate=0) as exchange:
        exchange.publish("BTCUSDT", exchange.make_up("BTCUSDT", trades))
        exchange.requests.mode = mode
        options = {"policy": policy, "rng": random.Random(7)}
        backfill = Backfill(FUTURES, exchange.rest, filled, filled.said.append, **options)
        backfill.start()
        try:
            yield exchange, filled, backfill
        finally:
            await backfill.stop()


def gap(first: int, last: int, symbol: str = "BTCUSDT") -> Gap:
    return Gap(symbol, first, last, 0, 1)


async def test_a_gap_of_several_pages_is_filled_trade_by_trade() -> None:
    async with filling() as (exchange, filled, backfill):
        backfill.want(gap(1_100, 3_599))
        await until(lambda: filled.said)
        assert filled.ids == list(range(1_100, 3_600))
        assert filled.said == ["backfilled 2,500 trades of BTCUSDT"]
        assert [path.partition("fromId=")[2] for path in exchange.requests.asked] == [
            "1100&limit=1000",
            "2100&limit=1000",
            "3100&limit=500",
        ]
        kept = exchange.tape["BTCUSDT"][100]
        assert filled.ticks[0].price[0] == float(kept["p"])
        assert filled.ticks[0].ts_ms[0] == kept["T"]


@pytest.mark.parametrize("mode", ["restpartial", "restholes"])
async def test_pages_that_leave_trades_out_are_asked_for_again(mode: str) -> None:
    async with filling(mode) as (exchange, filled, backfill):
        backfill.want(gap(1_100, 2_299))
        await until(lambda: filled.said)
        assert set(filled.ids) == set(range(1_100, 2_300))
        assert len(exchange.requests.asked) < 20


@pytest.mark.parametrize("mode", ["rest429", "rest418", "rest500", "restbroken", "restslow"])
async def test_a_fault_that_passes_is_waited_out(mode: str) -> None:
    policy = replace(IMPATIENT if mode == "restslow" else QUICK, tries=1_000)
    async with filling(mode, policy=policy) as (exchange, filled, backfill):
        backfill.want(gap(1_100, 1_199))
        await until(lambda: exchange.requests.asked)
        await asyncio.sleep(0.1)
        exchange.requests.mode = ""
        await until(lambda: filled.said)
        assert filled.ids == list(range(1_100, 1_200))
        if mode in ("rest429", "rest418"):
            first_s, second_s = exchange.requests.asked_s
            assert second_s - first_s >= 1.0, "Retry-After is obeyed"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("restwrong", "the exchange has no trades there"),
        ("restempty", "the exchange has no trades there"),
        ("restbroken", "the exchange has no trades there"),
        ("restdown", "connection failed"),
        ("rest500", "the server has trouble (HTTP 500)"),
        ("rest403", "refused (HTTP 403)"),
        ("restslow", "no answer in time"),
    ],
)
async def test_a_gap_that_cannot_be_filled_stays_and_says_why(mode: str, words: str) -> None:
    policy = replace(IMPATIENT if mode == "restslow" else QUICK, tries=3)
    async with filling(mode, policy=policy) as (exchange, filled, backfill):
        backfill.want(gap(1_100, 1_199))
        await until(lambda: filled.said)
        assert filled.ids == []
        assert words in filled.said[0]
        assert "the gap of BTCUSDT, ids 1100 to 1199, stays, 100 trades" in filled.said[0]
        assert len(exchange.requests.asked) <= 3
        exchange.requests.mode = ""
        backfill.want(gap(1_200, 1_201))
        await until(lambda: filled.ids)
        assert filled.ids == [1_200, 1_201]


async def test_rows_that_were_not_asked_for_are_refused_and_counted() -> None:
    async with filling("restwrong", policy=replace(QUICK, tries=1)) as (_, filled, backfill):
        backfill.want(gap(2_100, 2_149))
        await until(lambda: filled.said)
        assert {one.reason for one in filled.rejected} == {"backfill-id"}
        assert len(filled.rejected) == 50


async def test_the_newest_trades_that_the_exchange_has_not_yet_are_waited_for() -> None:
    async with filling(trades=100) as (exchange, filled, backfill):
        backfill.want(gap(1_090, 1_109))
        await until(lambda: filled.ids)
        exchange.publish("BTCUSDT", exchange.make_up("BTCUSDT", 10))
        await until(lambda: filled.said)
        assert filled.ids == list(range(1_090, 1_110))


async def test_an_unknown_symbol_and_a_gap_too_large_stay() -> None:
    async with filling() as (_, filled, backfill):
        backfill.want(gap(1, 200_000))
        assert "stays: more than 100,000 trades" in filled.said[0]
        backfill.want(gap(1, 2, "NOUSDT"))
        await until(lambda: len(filled.said) == 2)
        assert "no stream is there (HTTP 400)" in filled.said[1]


async def test_gaps_that_wait_are_bounded_and_kept_over_a_stop() -> None:
    policy = replace(QUICK, max_waiting=2)
    async with filling("restempty", policy=policy) as (exchange, filled, backfill):
        await backfill.stop()
        await backfill.stop()
        for start in (1_100, 2_200, 3_300):
            backfill.want(gap(start, start + 9))
        assert filled.said == ["the gap of BTCUSDT, ids 3300 to 3309, stays: 2 gaps wait already"]
        exchange.requests.mode = ""
        backfill.start()
        backfill.start()
        await until(lambda: len(filled.said) == 3)
        assert filled.ids == [*range(1_100, 1_110), *range(2_200, 2_210)]


async def test_the_exchange_s_budget_is_never_spent_beyond_its_share() -> None:
    policy = replace(QUICK, share=0.02)  # 48 of weight a minute: two requests
    async with filling(policy=policy) as (exchange, filled, backfill):
        backfill.want(gap(1_100, 4_599))
        await until(lambda: any("limit of requests" in said for said in filled.said))
        await asyncio.sleep(0.05)
        assert len(exchange.requests.asked) == 2
        assert exchange.requests.used_weight == 40


def test_pages_are_asked_for_until_nothing_is_open() -> None:
    pages = GapPages(FUTURES, gap(10, 14))
    rows = '[{"a":11,"p":"1","q":"1","T":1723161256322},{"a":13,"p":"1","q":"1","T":1723161256322}]'
    ticks, rejected, progress = pages.take(rows.encode())
    assert ([batch.trade_id.tolist() for batch in ticks], rejected, progress) == (
        [[11, 13]],
        [],
        True,
    )
    assert pages.open == [(10, 10), (12, 12), (14, 14)]
    assert pages.missing == 3
    assert pages.request().endswith("fromId=10&limit=5"), "holes are asked for together"
    ticks, rejected, progress = pages.take(rows.encode())
    assert (len(ticks[0]), rejected, progress) == (2, [], False)


async def test_many_small_gaps_are_filled_by_one_request() -> None:
    policy = replace(QUICK, settle_s=0.05)
    async with filling(policy=policy) as (exchange, filled, backfill):
        gaps = [gap(2_000 + 7 * number, 2_001 + 7 * number) for number in range(100)]
        for one in (*gaps, gap(4_000, 4_100), gap(5_990, 6_010, "ETHUSDT")):
            backfill.want(one)
        await until(lambda: not backfill._waiting)
        wanted = [number for one in gaps for number in range(one.first_id, one.last_id + 1)]
        assert sorted(filled.ids) == [*wanted, *range(4_000, 4_101)]
        assert filled.rejected == [], "what lies between the gaps was had before"
        assert exchange.requests.asked[0].endswith("fromId=2000&limit=695")
        assert exchange.requests.asked[1].endswith("fromId=4000&limit=101")
        assert "backfilled 200 trades of BTCUSDT" in filled.said


def test_a_page_with_bad_rows_gives_the_good_ones_and_reasons() -> None:
    rows = b'[{"a":1,"p":"1","q":"1","T":1723161256322},{"a":2,"p":"nan","q":"1","T":1},{"a":3}]'
    ticks, rejected, _ = GapPages(FUTURES, gap(1, 3)).take(rows)
    assert ticks[0].trade_id.tolist() == [1]
    assert sorted(one.reason for one in rejected) == ["price", "schema"]


def test_bases_of_requests_are_checked() -> None:
    assert checked_rest("http://localhost:9080") == "http://localhost:9080"
    with pytest.raises(ValueError, match="expected an http:// or https:// URL"):
        checked_rest("ws://localhost:9080")


@pytest.mark.parametrize(
    ("bases", "fills"),
    [({}, True), ({"base": "ws://x"}, False), ({"base": "ws://x", "rest": "http://x"}, True)],
)
def test_a_stand_in_for_the_streams_is_not_filled_up_from_the_exchange(
    bases: dict[str, str], fills: bool
) -> None:
    feed = BinanceFeed("binance-spot", print, ["BTCUSDT"], fill=print, **bases)
    assert (feed.backfill is not None) == fills
