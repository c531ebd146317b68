"""The seam: an exchange's bars, then those of ticks, and no trade twice, cut or missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.bars import aggregate, resample
from analytics.model import TIMEFRAMES, Bars, Ticks
from storage.market.market import LEAST_BARS, Market

DAY_MS = 86_400_000
START_MS = 1_700_000_000_000 // DAY_MS * DAY_MS
EXACT = ("ts_ms", "open", "high", "low", "close", "trades")


def all_trades(seed: int, count: int, span_ms: int) -> Ticks:
    rng = np.random.default_rng(seed)
    ts_ms = np.sort(START_MS + rng.integers(0, span_ms, count))
    price = 100.0 + np.cumsum(rng.integers(-3, 4, count)) * 0.25
    size = rng.integers(1, 64, count) / 8.0
    return Ticks("X", ts_ms, np.maximum(price, 1.0), size, np.arange(count))


def given_by_exchange(
    market: Market, trades: Ticks, now_ms: int, timeframes=("1m", "5m", "15m", "1h", "4h", "1d")
) -> None:
    """What its klines say at a time: the bar in progress too, of the trades until then."""
    known = trades[trades.ts_ms < now_ms]
    for name in timeframes:
        bars = resample(known, name)
        opened = now_ms - now_ms % TIMEFRAMES[name]
        market.add_past(bars, START_MS, opened)


def assert_whole(market: Market, trades: Ticks, timeframes) -> None:
    for name in timeframes:
        got, want = market.bars("X", name), resample(trades, name)
        for column in EXACT:
            assert np.array_equal(getattr(got, column), getattr(want, column)), (name, column)
        assert np.array_equal(got.volume, want.volume), name
        assert np.allclose(got.vwap, want.vwap, rtol=1e-12)


MINUTES = ("1m", "5m", "15m", "1h", "4h", "1d")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95), st.floats(0.0, 0.2), st.integers(200, 2_000))
def test_bars_equal_those_of_all_trades_wherever_the_ticks_begin(seed, begins, asked, count):
    span_ms = DAY_MS + 7 * 3_600_000
    trades = all_trades(seed, count, span_ms)
    first = int(begins * count)
    begin_ms = int(trades.ts_ms[first])
    market = Market("live", "Live", "live")
    # The first tick may be one of several in its ms: whole are those after it.
    live = trades[first:]
    market.append(live[:1])
    market.whole_from("X", begin_ms + 1)
    now_ms = min(begin_ms + 1 + int(asked * 3_600_000), int(trades.ts_ms[-1]))
    given_by_exchange(market, trades, now_ms)
    for begin in range(1, len(live), 97):
        market.append(live[begin : begin + 97])
    # The minute in which the ticks began is settled once it has closed.
    settled = resample(trades, "1m")
    edge = begin_ms - begin_ms % 60_000
    opened = now_ms - now_ms % 60_000
    inside = (settled.ts_ms >= min(edge, opened)) & (settled.ts_ms <= begin_ms)
    market.add_past(settled[inside], START_MS, edge + 60_000)
    assert_whole(market, trades, MINUTES)
    assert market.counters.balanced
    assert market.counters.accepted == len(live)


def test_the_bar_that_began_before_moves_with_the_ticks_and_counts_none_twice():
    trades = all_trades(1, 4_000, 3 * 3_600_000)
    half = 1_900
    market = Market("live", "Live", "live")
    begin_ms = int(trades.ts_ms[half])
    market.append(trades[half : half + 1])
    market.whole_from("X", begin_ms + 1)
    given_by_exchange(market, trades, begin_ms + 1)
    before = market.bars("X", "1d")
    assert len(before) == 1
    market.append(trades[half + 1 :])
    edge = begin_ms - begin_ms % 60_000
    minute = resample(trades, "1m")
    market.add_past(minute[minute.ts_ms == edge], START_MS, edge + 60_000)
    (day,) = market.bars("X", "1d").trades.tolist()
    assert day == len(trades)
    assert market.bars("X", "1d", 1).close[-1] == trades.price[-1]


def test_bars_of_the_exchange_are_told_from_those_of_ticks():
    trades = all_trades(2, 3_000, 2 * 3_600_000)
    market = Market("live", "Live", "live")
    begin_ms = int(trades.ts_ms[1_500])
    market.append(trades[1_500:])
    market.whole_from("X", begin_ms + 1)
    given_by_exchange(market, trades, begin_ms)
    bars = market.bars("X", "1m")
    mine = market.from_exchange(bars)
    assert mine[0]
    assert not mine[-1]
    seam = -(-(begin_ms + 1) // 60_000) * 60_000
    assert np.array_equal(mine, bars.ts_ms < seam)


def test_there_are_charts_before_the_first_tick_and_none_of_a_cut_second():
    trades = all_trades(3, 1_000, 3_600_000)
    market = Market("live", "Live", "live")
    given_by_exchange(market, trades, int(trades.ts_ms[-1]))
    assert market.symbols == ("X",)
    assert len(market.bars("X", "1m")) == len(resample(trades[:-1], "1m"))
    assert market.stats("X").last == trades.price[-2]
    assert len(market.ticks("X")) == 0
    late = Ticks("X", trades.ts_ms[-1:] + 5_250, [3.0], [1.0], [10_000])
    market.append(late)
    market.whole_from("X", int(late.ts_ms[0]) + 1)
    assert len(market.bars("X", "1s")) == 0, "its second began before the ticks were whole"


def test_a_late_answer_replaces_what_was_known_of_the_bar_in_progress():
    trades = all_trades(4, 1_000, 3_600_000)
    market = Market("live", "Live", "live")
    middle = int(trades.ts_ms[500])
    given_by_exchange(market, trades, middle, ("1m",))
    given_by_exchange(market, trades, int(trades.ts_ms[-1]) + 60_000, ("1m",))
    assert_whole(market, trades, ("1m",))


def test_what_an_earlier_run_had_stays_where_the_exchange_gave_nothing():
    market = Market("live", "Live", "live")
    early = all_trades(5, 500, 1_800_000)
    market.append(early, backfill=True)
    now = Ticks("X", [START_MS + 7_200_000 + 5], [50.0], [1.0], [9_999])
    market.append(now)
    market.whole_from("X", int(now.ts_ms[0]) + 1)
    hour = resample(early, "1m")
    market.add_past(hour[10:], int(hour.ts_ms[10]), START_MS + 7_200_000)
    bars = market.bars("X", "1m")
    assert np.array_equal(bars.ts_ms[: len(hour)], hour.ts_ms)
    assert bars.trades.sum() == 501


def test_the_bar_in_progress_moves_where_the_exchange_has_not_answered():
    trades = all_trades(8, 2_000, 2 * 3_600_000)
    hours = resample(trades, "1h")
    opened = int(hours.ts_ms[-1])
    inside = trades[trades.ts_ms >= opened]
    market = Market("live", "Live", "live")
    market.append(inside[1:2])
    market.whole_from("X", int(inside.ts_ms[1]) + 1)
    market.add_past(hours[:-1], START_MS, opened)
    assert market.bars("X", "1h").close[-1] == inside.price[1]
    for begin in range(2, len(inside), 50):
        batch = inside[begin : begin + 50]
        market.append(batch)
        bars = market.bars("X", "1h")
        assert bars.ts_ms.tolist() == hours.ts_ms.tolist()
        assert bars.close[-1] == batch.price[-1]
    market.add_past(hours, START_MS, opened + 3_600_000)
    assert market.bars("X", "1h").trades.sum() == len(trades)


def test_what_an_exchange_gave_is_kept_no_longer_than_the_bars_of_ticks():
    trades = all_trades(6, 3_000, 20 * 3_600_000)
    market = Market("live", "Live", "live")
    market.append(trades[-1:])
    given_by_exchange(market, trades, int(trades.ts_ms[-1]), ("1m",))
    newest = market.bars("X", "1m")[-LEAST_BARS:]
    market.keep("X", 0.01)
    kept = market.bars("X", "1m")
    assert kept.ts_ms.tolist() == newest.ts_ms.tolist()


def test_whatever_is_learned_of_the_past_of_a_symbol_is_another_version_of_it():
    trades = all_trades(6, 100, 3_600_000)
    market, minutes = Market("live", "Live", "live"), resample(trades, "1m")
    market.whole_from("X", START_MS)
    market.add_past(minutes[:0], START_MS, START_MS)
    assert (market.symbols, market.version) == ((), 0), "nothing is known of it yet"
    versions = [market.version]
    for learn in (
        lambda: market.append(trades[-1:]),
        lambda: market.whole_from("X", int(trades.ts_ms[-1])),
        lambda: market.add_past(minutes, START_MS, START_MS + 1_800_000),
        lambda: market.add_past(minutes[:0], START_MS, START_MS + 3_600_000),
    ):
        learn()
        versions.append(market.symbol_version("X"))
    assert versions == [0, 1, 2, 3, 4]


def test_limits_give_the_newest_bars_of_the_whole():
    trades = all_trades(6, 3_000, 2 * 3_600_000)
    market = Market("live", "Live", "live")
    begin_ms = int(trades.ts_ms[2_900])
    market.append(trades[2_900:])
    market.whole_from("X", begin_ms + 1)
    given_by_exchange(market, trades, begin_ms)
    whole = market.bars("X", "1m")
    for limit in (1, 2, 5, 50, 1_000):
        part = market.bars("X", "1m", limit)
        assert np.array_equal(part.close, whole.tail(limit).close)


def test_an_aggregate_of_finer_bars_is_that_of_the_trades():
    trades = all_trades(7, 3_000, 2 * 3_600_000)
    coarse = aggregate(resample(trades, "1m"), "1h")
    assert np.array_equal(coarse.volume, resample(trades, "1h").volume)


def test_the_past_of_a_symbol_that_is_fed_by_bars_is_refused():
    market = Market("upload", "Upload", "upload")
    ones = np.ones(1)
    bar = Bars("X", "1m", [START_MS], ones, ones, ones, ones, ones, [1], ones)
    market.append_bars(bar)
    with pytest.raises(ValueError, match="fed by bars"):
        market.add_past(bar, START_MS, START_MS)
