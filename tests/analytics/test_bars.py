from __future__ import annotations

import gzip
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.bars import BarBuilder, aggregate, resample, ticks_of_frame, timeframe_ms, usual_step
from analytics.model import BAR_COLUMNS, TIMEFRAMES, UNKNOWN_TRADES, Bars, Ticks

# Times within a few bars of each other, so that ties, late ticks and gaps are common.
ROW = st.tuples(
    st.integers(0, 9_000),
    st.integers(1, 400).map(lambda n: n / 4),
    st.sampled_from([0.001, 0.1, 0.3, 1.0, 7.0, 1e6]),
)
ROWS = st.lists(ROW, min_size=1, max_size=60)


def make_ticks(rows: list[tuple[int, float, float]], symbol: str = "BTCUSDT") -> Ticks:
    ts, price, size = zip(*rows, strict=True) if rows else ((), (), ())
    return Ticks(symbol, np.array(ts, np.int64), price, size, np.full(len(rows), -1))


def chunks(rows: list, sizes: list[int]) -> list[list]:
    cut, begin = [], 0
    for size in sizes:
        cut.append(rows[begin : begin + size])
        begin += size
    return [*cut, rows[begin:]]


def assert_same_bars(left: Bars, right: Bars) -> None:
    for name in BAR_COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def by_definition(rows: list[tuple[int, float, float]], length: int) -> list[tuple]:
    """Bars straight from the words of the specification, in exact arithmetic."""
    cut: dict[int, list] = {}
    for arrival, (ts, price, size) in enumerate(rows):
        cut.setdefault(ts - ts % length, []).append((ts, arrival, price, size))
    bars = []
    for slot in sorted(cut):
        trades = sorted(cut[slot])
        volume = sum(Fraction(size) for *_, size in trades)
        paid = sum(Fraction(price) * Fraction(size) for *_, price, size in trades)
        prices = [price for _, _, price, _ in trades]
        ends = prices[0], max(prices), min(prices), prices[-1]
        bars.append((slot, *ends, float(volume), len(trades), float(paid / volume)))
    return bars


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(st.integers(0, 20), max_size=8), st.sampled_from(["1s", "1m"]))
def test_streaming_equals_resampling_at_every_step_under_any_chunking(rows, sizes, timeframe):
    builder, so_far = BarBuilder("BTCUSDT", timeframe), []
    for chunk in chunks(rows, sizes):
        builder.update(make_ticks(chunk))
        so_far += chunk
        assert_same_bars(builder.bars(), resample(make_ticks(so_far), timeframe))


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_resampling_is_what_the_definition_says(rows):
    bars = resample(make_ticks(rows), "1s")
    expected = by_definition(rows, 1_000)
    for at, (slot, *ends, volume, trades, vwap) in enumerate(expected):
        assert bars.ts_ms[at] == slot
        assert [bars.open[at], bars.high[at], bars.low[at], bars.close[at]] == ends
        assert bars.trades[at] == trades
        assert bars.volume[at] == pytest.approx(volume, rel=1e-15)
        assert bars.vwap[at] == pytest.approx(vwap, rel=1e-14)
        assert bars.low[at] <= bars.vwap[at] <= bars.high[at]
    assert len(bars) == len(expected)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_bars_but_for_ties_and_rounding(rows, random):
    rows = [(at * 37 % 9_000, price, size) for at, (_, price, size) in enumerate(rows)]
    shuffled = rows.copy()
    random.shuffle(shuffled)
    left, right = resample(make_ticks(rows), "1s"), resample(make_ticks(shuffled), "1s")
    for name in ("ts_ms", "open", "high", "low", "close", "trades"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    np.testing.assert_allclose(left.volume, right.volume, rtol=1e-15)
    np.testing.assert_allclose(left.vwap, right.vwap, rtol=1e-13)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(st.integers(0, 20), max_size=8), st.integers(1, 5))
def test_a_bounded_builder_holds_the_newest_bars_and_counts_what_came_too_late(rows, sizes, most):
    builder = BarBuilder("BTCUSDT", "1s", max_bars=most)
    refused = sum(builder.update(make_ticks(chunk)) for chunk in chunks(rows, sizes))
    assert_same_bars(builder.bars(), resample(make_ticks(rows), "1s").tail(most))
    at_once = BarBuilder("BTCUSDT", "1s", max_bars=most)
    assert at_once.update(make_ticks(rows)) == refused == builder.late
    assert at_once.amended == builder.amended


@pytest.mark.parametrize("order", ["ascending", "descending", "random", "inside out"])
def test_thousands_of_bars_in_any_order_of_time(order):
    times = np.arange(5_000) * 1_000
    arranged = {
        "ascending": times,
        "descending": times[::-1],
        "random": np.random.default_rng(3).permutation(times),
        "inside out": np.r_[times[2_500:], times[:2_500][::-1]],
    }[order]
    builder = BarBuilder("X", "1s", max_bars=4_000)
    for part in np.array_split(arranged, 37):
        ones = np.ones(len(part))
        builder.update(Ticks("X", part, ones + part, ones, np.full(len(part), -1)))
    np.testing.assert_array_equal(builder.bars().ts_ms, times[1_000:])
    np.testing.assert_array_equal(builder.bars().close, 1.0 + times[1_000:])
    too_late = {"ascending": 0, "descending": 1_000, "inside out": 1_000}
    assert builder.late == too_late.get(order, builder.late)


def test_a_late_tick_amends_the_bar_it_belongs_to():
    builder = BarBuilder("BTCUSDT", "1s")
    builder.update(make_ticks([(1_100, 10.0, 1.0), (1_900, 12.0, 1.0), (2_100, 11.0, 1.0)]))
    builder.update(make_ticks([(1_950, 9.0, 2.0)]))
    bars = builder.bars()
    assert bars.close.tolist() == [9.0, 11.0]
    assert bars.low.tolist() == [9.0, 11.0]
    assert bars.trades.tolist() == [3, 1]
    assert builder.amended == 1


def test_a_late_tick_of_a_second_without_trades_opens_its_bar_between_the_others():
    builder = BarBuilder("BTCUSDT", "1s")
    builder.update(make_ticks([(1_000, 10.0, 1.0), (5_000, 12.0, 1.0), (3_000, 11.0, 1.0)]))
    assert builder.bars().ts_ms.tolist() == [1_000, 3_000, 5_000]


def test_of_ticks_in_one_ms_the_first_to_arrive_opens_and_the_last_closes():
    bars = resample(make_ticks([(1_500, 3.0, 1.0), (1_500, 1.0, 1.0), (1_500, 2.0, 1.0)]), "1s")
    assert (bars.open[0], bars.close[0]) == (3.0, 2.0)


def test_a_second_without_trades_has_no_bar():
    assert resample(make_ticks([(0, 1.0, 1.0), (9_000, 1.0, 1.0)]), "1s").ts_ms.tolist() == [
        0,
        9_000,
    ]


def test_a_tick_older_than_the_oldest_bar_kept_is_refused_and_marked():
    builder = BarBuilder("BTCUSDT", "1s", max_bars=2)
    builder.update(make_ticks([(5_000, 1.0, 1.0), (6_000, 1.0, 1.0)]))
    assert builder.refused is None
    late = builder.update(make_ticks([(6_500, 2.0, 1.0), (4_999, 9.0, 1.0), (5_001, 3.0, 1.0)]))
    assert late == builder.late == 1
    assert builder.refused is not None
    assert builder.refused.tolist() == [False, True, False]
    assert builder.bars().high.tolist() == [3.0, 2.0]


def test_times_before_the_epoch_belong_to_the_bar_below():
    assert resample(make_ticks([(-1, 1.0, 1.0)]), "1s").ts_ms.tolist() == [-1_000]


def test_vwap_keeps_its_digits_where_a_plain_sum_loses_them():
    rng = np.random.default_rng(5)
    price = 1e5 + np.round(rng.standard_normal(50_000), 1)
    size = np.round(rng.lognormal(0, 3, 50_000) + 0.001, 3)
    bars = resample(Ticks("B", np.zeros(50_000), price, size, np.full(50_000, -1)), "1m")
    volume = sum(map(Fraction, size.tolist()))
    paid = sum(Fraction(p) * Fraction(s) for p, s in zip(price, size, strict=True))
    assert bars.volume[0] == float(volume)
    assert abs(Fraction(float(bars.vwap[0])) - paid / volume) <= np.spacing(1e5)


def test_a_bar_at_one_price_has_that_price_as_its_vwap():
    bars = resample(make_ticks([(0, 0.1, size) for size in (0.3, 0.7, 1e-9, 123.4)]), "1s")
    assert bars.vwap[0] == 0.1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("field", ["price", "size"])
def test_an_unusable_tick_is_an_error_and_changes_nothing(field, bad):
    builder = BarBuilder("BTCUSDT", "1s")
    builder.update(make_ticks([(0, 1.0, 1.0)]))
    before = builder.bars()
    row = (1, bad, 1.0) if field == "price" else (1, 1.0, bad)
    with pytest.raises(ValueError, match=r"tick 1 has price .* expected both finite"):
        builder.update(make_ticks([(0, 5.0, 1.0), row]))
    assert_same_bars(builder.bars(), before)


def test_no_ticks_make_no_bars():
    assert len(resample(make_ticks([]), "5m")) == 0
    builder = BarBuilder("BTCUSDT", "1s")
    assert builder.update(make_ticks([])) == 0
    assert len(builder) == len(builder.bars(10)) == 0


def test_bars_are_read_only_and_the_same_until_the_next_update():
    builder = BarBuilder("BTCUSDT", "1s")
    builder.update(make_ticks([(0, 1.0, 1.0), (1_000, 2.0, 1.0)]))
    newest = builder.bars(1)
    assert newest is builder.bars(1)
    assert newest.ts_ms.tolist() == [1_000]
    assert not any(getattr(newest, name).flags.writeable for name in BAR_COLUMNS)
    builder.update(make_ticks([(1_500, 9.0, 1.0)]))
    assert newest.close.tolist() == [2.0]
    assert builder.bars(1).close.tolist() == [9.0]
    assert [len(builder.bars(limit)) for limit in (0, 1, 2, 3, None)] == [0, 1, 2, 2, 2]


def test_many_limits_do_not_pile_up_copies():
    builder = BarBuilder("BTCUSDT", "1s")
    builder.update(make_ticks([(at * 1_000, 1.0, 1.0) for at in range(100)]))
    for limit in range(90):
        assert len(builder.bars(limit)) == limit
    assert len(builder._views) < 10


def test_a_session_is_one_bar_however_long():
    session = BarBuilder.whole_session("X")
    session.update(make_ticks([(10, 2.0, 1.0), (3 * 10**12, 4.0, 1.0), (5, 1.0, 2.0)]))
    bar = session.bars()
    assert (bar.open[0], bar.high[0], bar.low[0], bar.close[0]) == (1.0, 4.0, 1.0, 4.0)
    assert session.span_ms == (5, 3 * 10**12)
    assert session.late == 0


def test_errors_name_the_field_the_value_and_what_is_legal():
    with pytest.raises(ValueError, match="timeframe is '3y', expected one of 1s, 1m, 5m"):
        resample(make_ticks([]), "3y")
    with pytest.raises(ValueError, match="max_bars is 0, expected at least 1"):
        BarBuilder("X", "1s", max_bars=0)
    with pytest.raises(ValueError, match="X has no ticks"):
        _ = BarBuilder("X", "1s").span_ms


# --- pandas -----------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_a_frame_gives_the_bars_that_ticks_give(unit, zone):
    rows = [(1_723_161_256_322 + 137 * at, 61_800.3 + at, 0.006) for at in range(50)]
    ticks = make_ticks(rows, symbol="")
    index = pd.to_datetime(ticks.ts_ms, unit="ms").as_unit(unit)
    index = index if zone is None else index.tz_localize("UTC").tz_convert(zone)
    frame = pd.DataFrame({"price": ticks.price, "size": ticks.size}, index=index)
    before = frame.copy()
    assert_same_bars(resample(frame, "1s"), resample(ticks, "1s"))
    pd.testing.assert_frame_equal(frame, before)


def test_a_frame_may_hold_its_times_symbol_and_ids_in_columns():
    frame = pd.DataFrame(
        {"ts_ms": [7], "price": [1], "size": [2], "symbol": ["ETHUSDT"], "trade_id": [5]}
    )
    ticks = ticks_of_frame(frame)
    assert (ticks.symbol, ticks.trade_id.tolist()) == ("ETHUSDT", [5])
    assert resample(frame, "1s").symbol == "ETHUSDT"
    assert len(ticks_of_frame(frame[:0])) == 0


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"price": [1.0], "ts_ms": [1]}), "no column size"),
        (pd.DataFrame({"price": [1.0], "size": [1.0]}), "no times"),
        (
            pd.DataFrame({"price": [1.0], "size": [1.0]}, index=pd.DatetimeIndex([pd.NaT])),
            "without a time",
        ),
        (
            pd.DataFrame({"ts_ms": [1, 2], "price": 1.0, "size": 1.0, "symbol": ["A", "B"]}),
            "2 symbols, expected 1",
        ),
        (pd.DataFrame({"ts_ms": [1], "price": [np.nan], "size": [1.0]}), "price nan"),
    ],
)
def test_a_frame_that_is_no_ticks_is_an_error_in_words(frame, words):
    with pytest.raises(ValueError, match=words):
        resample(frame, "1s")


@pytest.mark.parametrize("times", [[1_000, None], [1_000, np.inf], [1_000, 1_500.5]])
def test_a_time_that_is_no_whole_number_is_an_error_and_never_a_bar(times):
    frame = pd.DataFrame({"ts_ms": times, "price": [2.0, 3.0], "size": [1.0, 1.0]})
    with pytest.raises(ValueError, match="among its times, expected whole numbers"):
        resample(frame, "1s")


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_a_missing_trade_id_is_none(dtype):
    ids = pd.Series([None, 7], dtype=dtype)
    frame = pd.DataFrame({"ts_ms": [5, 6], "price": [2.0, 3.0], "size": 1.0, "trade_id": ids})
    assert ticks_of_frame(frame).trade_id.tolist() == [-1, 7]


# --- coarser bars -----------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900_000), ROW), min_size=1, max_size=60))
def test_aggregating_fine_bars_equals_resampling_to_coarse_ones(pairs):
    rows = [(ts, price, size) for ts, (_, price, size) in pairs]
    # A tie at a bar's edge cannot span two bars, so open and close must agree exactly.
    fine = resample(make_ticks(rows), "1s")
    for timeframe in ("1m", "5m"):
        coarse = resample(make_ticks(rows), timeframe)
        for bars in (aggregate(fine, timeframe), aggregate(aggregate(fine, "1m"), timeframe)):
            for name in ("ts_ms", "open", "high", "low", "close", "trades"):
                np.testing.assert_array_equal(getattr(bars, name), getattr(coarse, name))
            np.testing.assert_allclose(bars.volume, coarse.volume, rtol=1e-14)
            np.testing.assert_allclose(bars.vwap, coarse.vwap, rtol=1e-13)


def ohlc(volume: list[float], trades: list[int], vwap: list[float]) -> Bars:
    count = len(volume)
    ones = np.ones(count)
    times = np.arange(count) * 60_000
    return Bars("X", "1m", times, ones, ones, ones, ones, volume, trades, vwap)


def test_an_unknown_number_of_trades_stays_unknown_in_coarser_bars():
    bars = aggregate(ohlc([1.0] * 6, [3, 4, UNKNOWN_TRADES, 1, 1, 9], [1.0] * 6), "5m")
    assert bars.trades.tolist() == [UNKNOWN_TRADES, 9]


def test_the_vwap_of_bars_without_volume_is_their_mean():
    assert aggregate(ohlc([0.0, 0.0], [0, 0], [1.0, 3.0]), "5m").vwap.tolist() == [2.0]
    assert aggregate(ohlc([0.0, 2.0], [0, 1], [1.0, 3.0]), "5m").vwap.tolist() == [3.0]


def test_aggregating_to_the_same_timeframe_or_nothing_changes_nothing():
    bars = ohlc([1.0, 2.0], [1, 1], [1.0, 3.0])
    assert_same_bars(aggregate(bars, "1m"), bars)
    assert len(aggregate(bars.tail(0), "5m")) == 0
    assert aggregate(bars.tail(0), "5m").timeframe == "5m"


def test_bars_cannot_become_finer():
    with pytest.raises(ValueError, match="timeframe is '1s', expected a multiple of 1m"):
        aggregate(ohlc([1.0], [1], [1.0]), "1s")


# --- recorded data ----------------------------------------------------------------------


def recorded(folder: Path, name: str) -> pd.DataFrame:
    rows = []
    with gzip.open(folder / "ticks" / name, "rt") as lines:
        for line in lines:
            trade = json.loads(line.split(" ", 1)[1])["data"]
            if trade.get("X", "MARKET") == "MARKET" and float(trade["p"]) > 0:
                rows.append((trade["T"], float(trade["p"]), float(trade["q"]), trade["t"]))
    return pd.DataFrame(rows, columns=["ts_ms", "price", "size", "trade_id"])


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("name", ["usdm_btcusdt", "usdm_ethusdt", "spot_btcusdt"])
def test_recorded_trades_make_the_bars_that_pandas_makes(market_data, name, timeframe):
    frame = recorded(market_data, f"{name}_20240808.trade.log.gz")
    length = timeframe_ms(timeframe)
    ordered = frame.sort_values("ts_ms", kind="stable")
    groups = ordered.groupby(ordered.ts_ms // length * length)
    bars = resample(frame, timeframe)
    np.testing.assert_array_equal(bars.ts_ms, list(groups.groups))
    for column, how in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")):
        np.testing.assert_array_equal(getattr(bars, column), groups.price.agg(how))
    np.testing.assert_array_equal(bars.trades, groups.size())
    np.testing.assert_allclose(bars.volume, groups["size"].sum(), rtol=1e-13)
    paid = (ordered.price * ordered["size"]).groupby(ordered.ts_ms // length).sum()
    np.testing.assert_allclose(bars.vwap, paid.to_numpy() / groups["size"].sum(), rtol=1e-12)


def test_recorded_trades_streamed_in_odd_batches_equal_the_resampled(market_data):
    frame = recorded(market_data, "usdm_btcusdt_20240808.trade.log.gz")
    ticks = ticks_of_frame(frame)
    for timeframe in TIMEFRAMES:
        builder, begin = BarBuilder("", timeframe), 0
        for size in np.random.default_rng(1).integers(1, 400, 10_000):
            if begin >= len(frame):
                break
            builder.update(ticks_of_frame(frame[begin : begin + size]))
            begin += size
        assert_same_bars(builder.bars(), resample(ticks, timeframe))


def test_trades_filled_in_later_leave_the_bar_they_would_have_made_in_time():
    ts, ids = np.full(6, 1_000), np.arange(6)
    price = np.array([5.0, 4.0, 6.0, 3.0, 7.0, 2.0])
    whole = resample(Ticks("X", ts, price, np.ones(6), ids), "1s")
    late = np.array([2, 3, 5, 0, 4, 1])
    mended = resample(Ticks("X", ts[late], price[late], np.ones(6), ids[late]), "1s")
    for column in ("open", "high", "low", "close", "volume", "trades"):
        assert getattr(mended, column).tolist() == getattr(whole, column).tolist()


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_a_bar_counts_the_trades_that_its_ticks_hold_under_any_chunking(cut: int) -> None:
    held = [3, 1, 250, 1, 7]
    ticks = Ticks("X", [0, 10, 1_500, 20, 1_600], [5.0] * 5, [1.0] * 5, [1, 2, 5, 3, 6], held)
    assert resample(ticks, "1s").trades.tolist() == [5, 257]
    builder = BarBuilder("X", "1s")
    for part in (ticks[:cut], ticks[cut:]):
        builder.update(part)
    assert builder.bars().trades.tolist() == [5, 257]


def test_a_frame_may_say_how_many_trades_its_rows_hold() -> None:
    frame = pd.DataFrame({"ts_ms": [5, 6], "price": [2.0, 2.0], "size": [1.0, 1.0]})
    assert resample(frame.assign(trades=[4, 9]), "1s").trades.tolist() == [13]
    assert resample(frame, "1s").trades.tolist() == [2]
    with pytest.raises(ValueError, match="ticks has rows of 0 trades, expected at least 1"):
        resample(frame.assign(trades=[0, 9]), "1s")


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.05])
def test_bars_that_are_left_out_at_random_take_their_mean_distance(share):
    times = 1_000 * np.flatnonzero(np.random.default_rng(1).random(20_000) < share)
    mean = (times[-1] - times[0]) / (len(times) - 1)
    assert usual_step(times, "1s") == pytest.approx(mean)
    assert mean == pytest.approx(1_000 / share, rel=0.05)


@pytest.mark.parametrize(("busy", "quiet"), [(5, 30), (100, 30), (30, 45)])
def test_quiet_stretches_between_bursts_count(busy, quiet):
    """What the median of the distances says nothing of."""
    times = np.flatnonzero(np.arange(40 * (busy + quiet)) % (busy + quiet) < busy) * 60_000
    mean = (times[-1] - times[0]) / (len(times) - 1)
    assert np.median(np.diff(times)) == 60_000
    assert usual_step(times, "1m") == pytest.approx(mean)


@pytest.mark.parametrize(("timeframe", "a_day"), [("1m", 390), ("5m", 78), ("15m", 26), ("1h", 7)])
def test_nights_and_weekends_between_sessions_do_not_count(timeframe, a_day):
    step = TIMEFRAMES[timeframe]
    days = [day for day in range(28) if day % 7 < 5]
    whole = np.concatenate([86_400_000 * day + step * np.arange(a_day) for day in days])
    assert usual_step(whole, timeframe) == step
    thin = whole[np.random.default_rng(2).random(len(whole)) < 0.5]
    inside = np.diff(thin)[np.diff(thin // 86_400_000) == 0]
    assert usual_step(thin, timeframe) == pytest.approx(inside.mean())


def test_an_outage_of_the_feed_does_not_make_bars_longer():
    times = np.r_[1_000 * np.arange(500), 1_000 * (2_300 + np.arange(500))]
    assert usual_step(times, "1s") == 1_000


def test_daily_bars_take_calendar_time():
    days = 86_400_000 * np.array([day for day in range(700) if day % 7 < 5])
    assert usual_step(days, "1d") == pytest.approx(86_400_000 * 7 / 5, rel=0.01)


@pytest.mark.parametrize(
    ("timeframe", "every_ms", "extra_ms"),
    [("1h", 86_400_000, 3_600_000), ("1m", 3_600_000, 60_000), ("1s", 60_000, 1_000)],
)
def test_one_short_distance_does_not_make_all_others_breaks(timeframe, every_ms, extra_ms):
    regular = np.arange(60) * every_ms
    times = np.sort(np.append(regular, 5 * every_ms + extra_ms))
    assert usual_step(times, timeframe) == pytest.approx(59 / 60 * every_ms)
