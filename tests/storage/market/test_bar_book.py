from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.bars import BarBuilder, resample
from analytics.model import BAR_COLUMNS, TIMEFRAMES, Bars, Ticks
from storage.market.bar_book import BarBook
from storage.market.bar_series import BarSeries
from storage.market.ring import TickRing


def trades(symbol: str, times: list[int]) -> Ticks:
    count = len(times)
    return Ticks(symbol, times, np.arange(count) + 1.0, np.ones(count), np.full(count, -1))


def minutes(times: list[int], price: float = 1.0, symbol: str = "BTCUSD", name: str = "1m") -> Bars:
    count = len(times)
    flat = np.full(count, price)
    ms = np.array(times, np.int64) * 60_000
    return Bars(symbol, name, ms, flat, flat, flat, flat, flat, np.full(count, -1), flat)


def test_every_timeframe_is_built_from_the_same_ticks():
    book = BarBook()
    whole = trades("BTCUSDT", list(range(0, 180_000_000, 70_001)))
    for begin in range(0, len(whole), 100):
        part = slice(begin, begin + 100)
        book.append(Ticks("BTCUSDT", *(getattr(whole, c)[part] for c in
                    ("ts_ms", "price", "size", "trade_id"))))  # fmt: skip
    assert book.timeframes("BTCUSDT") == tuple(TIMEFRAMES)
    for timeframe in TIMEFRAMES:
        expected = resample(whole, timeframe)
        for name in BAR_COLUMNS:
            np.testing.assert_array_equal(
                getattr(book.bars("BTCUSDT", timeframe), name), getattr(expected, name)
            )
        assert len(book.bars("BTCUSDT", timeframe, limit=2)) == 2


def test_a_tick_too_old_for_the_seconds_still_counts_in_its_minute():
    book = BarBook(max_bars=3)
    assert book.append(trades("X", [120_000, 121_000, 122_000, 123_000])) is None
    assert book.append(trades("X", [119_000])) is None
    assert book.bars("X", "1s").ts_ms[0] == 121_000
    assert book.bars("X", "1m").ts_ms.tolist() == [60_000, 120_000]


def test_a_tick_too_old_for_every_timeframe_is_refused():
    book = BarBook(max_bars=2)
    day = 86_400_000
    refused = book.append(trades("X", [3 * day, day, 2 * day, 0, 3 * day - 1]))
    assert refused is not None
    assert refused.tolist() == [False, False, False, True, False]


def test_a_tick_that_amends_an_older_bar_is_counted_at_the_finest_timeframe():
    book = BarBook()
    book.append(trades("X", [1_000, 2_000, 1_500, 2_500]))
    assert book.amended("X") == 1


def test_coarser_bars_are_made_when_they_are_read_or_when_enough_waits(monkeypatch):
    folded: list[str] = []
    update = BarBuilder.update

    def watched(builder: BarBuilder, ticks: Ticks) -> int:
        folded.append(builder.timeframe)
        return update(builder, ticks)

    monkeypatch.setattr(BarBuilder, "update", watched)
    ring = TickRing()
    book = BarBook(newest=lambda symbol, count: ring.view(count), most_waiting=5)
    for time in range(4):
        book.append(trades("X", [time * 1_000]))
        ring.append(trades("X", [time * 1_000]))
    assert set(folded) == {"1s"}
    assert book.bars("X", "1m").trades.tolist() == [4]
    assert folded.count("1m") == folded.count("session") == 1
    for time in range(4, 10):
        book.append(trades("X", [time * 1_000]))
        ring.append(trades("X", [time * 1_000]))
    assert folded.count("1m") == 2


#: Times in s of batches, and after which of them which timeframe is read.
STEPS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 400), min_size=1, max_size=6),
        st.sampled_from([None, "1s", "1m", "5m", "session", "keep"]),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(STEPS, st.integers(1, 8), st.integers(0, 12))
def test_bars_that_wait_are_those_that_are_made_at_once(steps, most, waiting):
    ring = TickRing(max(waiting, 1))
    at_once = BarBook(most)
    in_time = BarBook(most, lambda symbol, count: ring.view(count), waiting)
    for times, read in steps:
        batch = trades("X", [time * 1_000 for time in times])
        refused, expected = in_time.append(batch), at_once.append(batch)
        assert (refused is None) == (expected is None)
        if refused is not None:
            assert refused.tolist() == expected.tolist()
            batch = batch[~refused]
        if len(batch):
            ring.append(batch)
        if read == "keep":
            most = max(most - 2, 1)
            in_time.keep("X", most)
            at_once.keep("X", most)
        elif read is not None:
            check_equal(in_time, at_once, read)
    for timeframe in (*TIMEFRAMES, "session") if steps else ():
        check_equal(in_time, at_once, timeframe)
        assert in_time.amended("X") == at_once.amended("X")


def check_equal(book: BarBook, other: BarBook, timeframe: str) -> None:
    if timeframe == "session":
        sessions = book.session("X"), other.session("X")
        assert (sessions[0] is None) == (sessions[1] is None)
        found, expected = (one.bars() if one else minutes([]) for one in sessions)
    else:
        found, expected = (one.bars("X", timeframe) for one in (book, other))
    for name in BAR_COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_uploaded_bars_serve_their_own_timeframe_and_its_multiples():
    book = BarBook()
    book.append_bars(minutes([0, 1, 2, 5, 6]))
    assert book.timeframes("BTCUSD") == ("1m", "5m", "15m", "1h", "4h", "1d")
    assert book.bars("BTCUSD", "5m").volume.tolist() == [3.0, 2.0]
    assert book.bars("BTCUSD", "1m", limit=2).ts_ms.tolist() == [300_000, 360_000]
    assert book.bars("BTCUSD", "5m") is book.bars("BTCUSD", "5m")
    with pytest.raises(ValueError, match="timeframe is '1s', expected one of 1m, 5m, 15m"):
        book.bars("BTCUSD", "1s")


def test_a_symbol_is_fed_by_ticks_or_by_bars_but_not_by_both():
    book = BarBook()
    book.append(trades("A", [0]))
    book.append_bars(minutes([0], symbol="B"))
    with pytest.raises(ValueError, match="A is fed by ticks"):
        book.append_bars(minutes([0], symbol="A"))
    with pytest.raises(ValueError, match="B is fed by bars"):
        book.append(trades("B", [0]))
    assert book.symbols == ("A", "B")


def test_an_unknown_symbol_is_a_key_error_in_words():
    book = BarBook()
    with pytest.raises(KeyError, match="no symbol 'NOPE': there is none"):
        book.bars("NOPE", "1s")
    with pytest.raises(ValueError, match="timeframe is '7x', expected one of"):
        book.append_bars(minutes([0], name="7x"))


def test_bars_of_a_timeframe_that_is_not_listed_serve_it_and_the_listed_multiples():
    book = BarBook()
    book.append_bars(minutes([0, 3, 6], name="3m"))
    assert book.timeframes("BTCUSD") == ("3m", "15m", "1h", "4h", "1d")
    assert book.bars("BTCUSD", "15m").volume.tolist() == [3.0]


def test_equal_bars_are_duplicates_and_revised_ones_replace():
    series = BarSeries(minutes([]))
    assert series.append(minutes([0, 1, 2])) == (0, 0)
    assert series.append(minutes([1, 2, 3])) == (2, 0)
    assert series.append(minutes([2], price=9.0)) == (0, 0)
    assert series.base.close.tolist() == [1.0, 1.0, 9.0, 1.0]
    with pytest.raises(ValueError, match="bars are of 5m, expected 1m"):
        series.append(minutes([0], name="5m"))


def test_bars_older_than_the_oldest_kept_are_late_once_no_more_fit():
    series = BarSeries(minutes([]), max_bars=3)
    assert series.append(minutes([5, 6])) == (0, 0)
    assert series.append(minutes([4])) == (0, 0)
    assert series.append(minutes([3, 7])) == (0, 1)
    assert (series.base.ts_ms // 60_000).tolist() == [5, 6, 7]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=10), max_size=6), st.integers(1, 40))
def test_bars_in_any_order_end_as_the_newest_of_them(batches, most):
    series, expected = BarSeries(minutes([]), max_bars=most), set()
    for batch in batches:
        series.append(minutes(batch))
        expected |= set(batch)
        assert (series.base.ts_ms // 60_000).tolist() == sorted(expected)[-most:]


def test_bars_that_follow_one_by_one_are_those_that_come_at_once():
    rng = np.random.default_rng(3)
    times = np.delete(np.arange(60) * 60_000, [7, 8, 31])
    n = len(times)
    columns = [rng.uniform(1, 2, n) for _ in range(5)]
    whole = Bars("A", "1m", times, *columns, np.arange(n), columns[0])
    at_once, one_by_one = BarBook(max_bars=40), BarBook(max_bars=40)
    assert at_once.append_bars(whole) == (0, 0)
    for at in range(n):
        assert one_by_one.append_bars(row(whole, at)) == (0, 0)
    for timeframe in ("1m", "5m"):
        expected, found = at_once.bars("A", timeframe), one_by_one.bars("A", timeframe)
        for name in BAR_COLUMNS:
            assert np.array_equal(getattr(found, name), getattr(expected, name))
    # One that comes again, or between, goes the way of the sorted ones.
    assert one_by_one.append_bars(row(whole, n - 1)) == (1, 0)
    assert one_by_one.append_bars(row(whole, 0)) == (0, 1)


def row(bars: Bars, at: int) -> Bars:
    return Bars(
        bars.symbol, bars.timeframe, *(getattr(bars, name)[at : at + 1] for name in BAR_COLUMNS)
    )
