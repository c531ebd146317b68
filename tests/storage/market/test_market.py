from __future__ import annotations

import gc
import weakref
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import TIMEFRAMES, UNKNOWN_TRADES, Bars, Gap, Rejected, Ticks
from storage.market.market import Market


def trades(
    times: list[int],
    ids: list[int] | None = None,
    prices: list[float] | None = None,
    sizes: list[float] | None = None,
    symbol: str = "BTCUSDT",
) -> Ticks:
    count = len(times)
    return Ticks(
        symbol,
        times,
        np.ones(count) if prices is None else prices,
        np.ones(count) if sizes is None else sizes,
        np.full(count, -1) if ids is None else ids,
    )


def minutes(times: list[int], symbol: str = "BTCUSD", timeframe: str = "1m") -> Bars:
    base = np.array(times, np.float64) + 1.0
    unknown = np.full(len(times), UNKNOWN_TRADES)
    ms = np.array(times, np.int64) * TIMEFRAMES[timeframe]
    return Bars(symbol, timeframe, ms, base, base + 1, base, base + 0.5, base, unknown, base)


@pytest.fixture
def market() -> Market:
    return Market("demo", "Demo", "demo")


def test_a_market_that_is_let_go_is_freed_without_the_garbage_collector():
    market = Market("upload-1", "a", "upload")
    market.append(trades([1, 2, 3]))
    assert market.stats("BTCUSDT").trades == 3  # its coarser bars are made of what its ring holds
    held = weakref.ref(market)
    gc.disable()
    try:
        del market
        assert held() is None
    finally:
        gc.enable()


def test_a_tick_that_arrives_twice_is_stored_once(market):
    assert len(market.append(trades([1, 2, 3], ids=[10, 11, 12]))) == 3
    kept = market.append(trades([2, 3, 4], ids=[11, 12, 13]))
    assert kept.trade_id.tolist() == [13]
    assert market.ticks("BTCUSDT").trade_id.tolist() == [10, 11, 12, 13]
    assert market.counters.duplicate == 2
    assert market.bars("BTCUSDT", "1s").trades.tolist() == [4]


def test_a_gap_is_filled_by_ids_that_go_on_where_the_others_ended(market):
    market.append(trades([1, 2], ids=[10, 11]))
    market.note_gap(Gap("BTCUSDT", 12, 14, 2, 9))
    market.append(trades([3, 4], ids=[12, 13]))
    assert (market.gaps.open, market.gaps.missing) == (1, 1)
    market.append(trades([5, 6], ids=[14, 15]))
    assert market.gaps.open == 0


def test_ids_that_fall_in_a_run_are_none_that_follow(market):
    market.append(trades([1], ids=[10]))
    kept = market.append(trades([2, 3, 4, 5], ids=[11, 13, 12, 14]))
    assert len(kept) == 4
    assert len(market.append(trades([2, 3], ids=[12, 11]))) == 0
    assert market.append(trades([6, 7, 8], ids=[15, 15, 17])).trade_id.tolist() == [15, 17]
    assert len(market.append(trades([9], ids=[16]))) == 1


def test_ticks_without_ids_are_never_de_duplicated(market):
    for _ in range(3):
        market.append(trades([5, 5]))
    assert len(market.ticks("BTCUSDT")) == 6
    assert market.counters.duplicate == 0


def test_a_small_ring_holds_what_waits_for_the_coarser_bars():
    market = Market("demo", "Demo", "demo", capacity=3)
    for second in range(20):
        market.append(trades([second * 1_000, second * 1_000 + 1]))
    assert market.bars("BTCUSDT", "1m").trades.tolist() == [40]
    assert market.stats("BTCUSDT").trades == 40


def test_ids_are_those_of_their_symbol_alone(market):
    market.append(trades([1], ids=[7]))
    market.append(trades([1], ids=[7], symbol="ETHUSDT"))
    assert market.counters.accepted == 2


def test_a_batch_with_and_without_ids_keeps_its_order(market):
    market.append(trades([1], ids=[7]))
    kept = market.append(trades([2, 3, 4, 5], ids=[-1, 7, -1, 8]))
    assert kept.ts_ms.tolist() == [2, 4, 5]


def test_late_ticks_are_counted_and_kept_out_of_the_ring():
    market = Market("a", "A", "upload", max_bars=1)
    day = 86_400_000
    market.append(trades([3 * day]))
    kept = market.append(trades([100, 3 * day + 1_000]))
    assert kept.ts_ms.tolist() == [3 * day + 1_000]
    assert market.counters.late == 1
    assert market.ticks("BTCUSDT").ts_ms.tolist() == [3 * day, 3 * day + 1_000]
    assert market.counters.balanced


def test_rejected_lines_and_dropped_ticks_are_part_of_the_sum(market):
    market.reject(
        [Rejected("json", "{oops"), Rejected("price", "NaN"), Rejected("json", "x" * 999)]
    )
    market.drop(5)
    counters = market.counters
    assert counters.rejected == {"json": 2, "price": 1}
    assert (counters.received, counters.dropped, counters.rejected_total) == (8, 5, 3)
    assert counters.last_rejected.startswith("json: xxx")
    assert len(counters.last_rejected) == 200
    assert counters.balanced
    with pytest.raises(ValueError, match="count is -1"):
        market.drop(-1)


def test_a_symbol_over_the_bound_is_rejected():
    market = Market("live", "Live", "live", max_symbols=64)
    for number in range(70):
        market.append(trades([1, 2], symbol=f"S{number}"))
    assert len(market.symbols) == 64
    assert market.counters.rejected == {"symbols": 12}
    assert market.counters.last_rejected == "symbols: S69: over 64 symbols"
    market.append(trades([3], symbol="S3"))
    assert market.counters.accepted == 129


BATCH = st.lists(
    st.tuples(
        st.integers(0, 900_000),
        st.integers(-1, 12),
        st.sampled_from([1.0, 2.0, 3.0]),
    ),
    max_size=15,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), BATCH), max_size=10), st.integers(0, 3))
def test_everything_received_is_accounted_for(batches, drops):
    market = Market("a", "A", "live", max_bars=2, max_symbols=2, capacity=7)
    kept = 0
    for symbol, batch in batches:
        times, ids, prices = zip(*batch, strict=True) if batch else ((), (), ())
        kept += len(market.append(trades(times, ids, prices, symbol=symbol)))
        market.reject([Rejected("json")])
        market.drop(drops)
        assert market.counters.balanced
    assert market.counters.accepted == kept
    rings = [market.ring(symbol) for symbol in market.symbols]
    assert sum(len(ring) + ring.dropped for ring in rings) == kept
    assert sum(market.stats(symbol).trades for symbol in market.symbols) == kept


def test_versions_go_up_with_each_change_and_only_then(market):
    assert (market.version, market.symbol_version("BTCUSDT")) == (0, 0)
    market.append(trades([1], ids=[1]))
    market.append(trades([1], ids=[1]))
    market.append(trades([]))
    market.reject([Rejected("json")])
    assert (market.version, market.symbol_version("BTCUSDT")) == (1, 1)
    market.append(trades([1], symbol="ETHUSDT"))
    assert (market.version, market.symbol_version("BTCUSDT")) == (2, 1)


def test_markets_share_nothing():
    left, right = Market("a", "A", "live"), Market("b", "B", "live")
    left.append(trades([1], ids=[1]))
    right.append(trades([1], ids=[1]))
    assert right.counters.accepted == 1
    left.reject([Rejected("json")])
    assert right.counters.rejected == {}


def test_symbols_come_in_the_order_in_which_they_were_first_seen(market):
    for symbol in ("ETHUSDT", "BTCUSDT", "ETHUSDT", "ADAUSDT"):
        market.append(trades([1], symbol=symbol))
    assert market.symbols == ("ETHUSDT", "BTCUSDT", "ADAUSDT")
    assert market.timeframes == tuple(TIMEFRAMES)
    assert market.has_ticks
    assert market.origin == "ticks"


def test_an_unknown_symbol_is_a_key_error_that_says_what_there_is(market):
    for ask in (market.ticks, market.stats, market.ring, lambda s: market.bars(s, "1s")):
        with pytest.raises(KeyError, match="no symbol 'X' in Demo: there is none yet"):
            ask("X")
    market.append(trades([1]))
    with pytest.raises(KeyError, match="there is BTCUSDT"):
        market.ticks("X")
    with pytest.raises(ValueError, match="timeframe is '2s', expected one of 1s, 1m, 5m"):
        market.bars("BTCUSDT", "2s")


def test_statistics_follow_exchange_time_and_late_ticks(market):
    market.append(trades([2_000, 4_000], prices=[10.0, 12.0], sizes=[1.0, 3.0]))
    market.append(trades([1_000, 3_000], prices=[8.0, 20.0], sizes=[4.0, 2.0]))
    stats = market.stats("BTCUSDT")
    assert (stats.first, stats.last, stats.high, stats.low) == (8.0, 12.0, 20.0, 8.0)
    assert stats.change == 0.5
    assert (stats.volume, stats.trades, stats.ts_ms) == (10.0, 4, 4_000)
    assert stats.vwap == pytest.approx((10 + 36 + 32 + 40) / 10)


def test_the_rate_counts_the_last_five_seconds_without_history(market):
    market.append(trades([1] * 500), 100.0, backfill=True)
    assert market.last_arrival_s is None
    assert market.rate(100.0) == 0.0
    for step in range(100):
        market.append(trades([1_000 + step] * 2), 100.0 + step * 0.1)
    assert market.rate(110.0) == pytest.approx(20.0, abs=0.5)
    assert market.rate(113.0) == pytest.approx(8.0, abs=0.5)
    assert market.rate(120.0) == 0.0
    assert market.last_arrival_s == pytest.approx(109.9)
    assert len(market._arrivals._recent) <= 60


def test_the_hour_of_arrival_defaults_to_the_monotonic_clock(market):
    market.append(trades([1, 2, 3, 4, 5]))
    assert market.rate() == 1.0


def test_late_and_early_ticks_that_amend_a_bar_are_counted_beside_the_sum(market):
    market.append(trades([1_000, 2_000]))
    market.append(trades([1_500, 2_500]))
    assert market.counters.amended == 1
    assert market.counters.balanced


# --- bars that came as bars -------------------------------------------------------------


def test_uploaded_bars_are_a_market_of_their_timeframe_and_coarser():
    market = Market("upload-1", "file.csv", "upload")
    assert market.append_bars(minutes([0, 1, 2, 3, 4, 5])) == 6
    assert market.append_bars(minutes([5, 6])) == 1
    assert (market.origin, market.timeframes[:2]) == ("bars", ("1m", "5m"))
    assert len(market.bars("BTCUSD", "5m")) == 2
    assert not market.has_ticks
    assert len(market.ticks("BTCUSD")) == 0
    assert market.counters.duplicate == 1
    assert market.counters.balanced
    assert (market.version, market.symbol_version("BTCUSD")) == (2, 2)
    with pytest.raises(KeyError, match="it has no ticks"):
        market.ring("BTCUSD")


def test_statistics_of_uploaded_bars():
    market = Market("upload-1", "file.csv", "upload")
    market.append_bars(minutes([3, 0, 1]))
    stats = market.stats("BTCUSD")
    assert (stats.first, stats.last, stats.high, stats.low) == (1.0, 4.5, 5.0, 1.0)
    assert (stats.volume, stats.trades, stats.ts_ms) == (7.0, UNKNOWN_TRADES, 180_000)
    assert stats.vwap == pytest.approx((1 + 4 + 16) / 7)
    assert not np.isnan(astuple(stats)[1:]).any()


def test_a_market_of_bars_rejects_ticks_and_a_market_of_ticks_bars(market):
    market.append(trades([1]))
    assert market.append_bars(minutes([0, 1])) == 0
    assert market.counters.rejected == {"origin": 2}
    upload = Market("upload-1", "file.csv", "upload")
    upload.append_bars(minutes([0]))
    assert len(upload.append(trades([1, 2]))) == 0
    assert upload.counters.rejected == {"origin": 2}
    assert market.counters.balanced
    assert upload.counters.balanced


def test_a_symbol_keeps_the_timeframe_of_its_first_bars():
    market = Market("upload-1", "file.csv", "upload")
    market.append_bars(minutes([0]))
    assert market.append_bars(minutes([0, 1], timeframe="5m")) == 0
    assert market.counters.rejected == {"timeframe": 2}
    assert market.append_bars(minutes([0, 1], symbol="ETHUSD", timeframe="5m")) == 2
    assert market.timeframes == ("5m", "15m", "1h", "4h", "1d")


def test_a_universe_takes_bars_of_several_timeframes():
    market = Market("universe", "Universe", "universe")
    assert market.append_bars(minutes(list(range(120)))) == 120
    assert market.append_bars(minutes([0, 1], timeframe="1h")) == 2
    symbol = market.symbols[0]
    assert market.timeframes == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert len(market.bars(symbol, "1m")) == 120
    assert len(market.bars(symbol, "5m")) == 24
    # Hours are those that came, and what is coarser is made of them.
    assert len(market.bars(symbol, "1h")) == 2
    assert market.bars(symbol, "4h").volume[0] == market.bars(symbol, "1h").volume.sum()
    assert market.stats(symbol).last == market.bars(symbol, "1m").close[-1]
    assert market.counters.balanced
