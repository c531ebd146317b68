"""Ticks and bars: slicing and joining, with columns that nothing can change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.model import BAR_COLUMNS, TICK_COLUMNS, Bars, Ticks


def ticks_of(count: int, symbol: str = "BTCUSDT") -> Ticks:
    numbers = np.arange(count)
    return Ticks(symbol, numbers, 100.0 + numbers, 1.0 + numbers, numbers)


def bars_of(count: int, timeframe: str = "1s") -> Bars:
    numbers = np.arange(count)
    prices = 100.0 + numbers
    return Bars(
        "BTCUSDT", timeframe, numbers * 1_000, *[prices] * 4, 1.0 + numbers, numbers, prices
    )


BATCHES = ((ticks_of(9), TICK_COLUMNS), (bars_of(9), BAR_COLUMNS))
ROWS = (
    slice(2, 5),
    slice(None, -3),
    slice(7, 100),
    slice(5, 5),
    slice(None, None, 2),
    np.arange(9) % 3 == 0,
    np.zeros(9, np.bool_),
    np.array([4, 1, 1]),
)


@pytest.mark.parametrize(("batch", "names"), BATCHES)
@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_those_of_every_column(batch, names, rows):
    part = batch[rows]
    assert type(part) is type(batch)
    assert part.symbol == batch.symbol
    for name in names:
        column = getattr(part, name)
        np.testing.assert_array_equal(column, getattr(batch, name)[rows])
        assert column.flags.c_contiguous
        assert not column.flags.writeable
        assert column.dtype == getattr(batch, name).dtype
    assert len(part) == len(part.ts_ms)


def test_bars_keep_their_timeframe():
    assert bars_of(3, "5m")[1:].timeframe == "5m"
    assert Bars.concat([bars_of(3, "5m"), bars_of(2, "5m")]).timeframe == "5m"


@pytest.mark.parametrize(("batch", "names"), BATCHES)
def test_a_slice_shares_the_memory_of_its_batch(batch, names):
    part = batch[2:7]
    assert all(np.shares_memory(getattr(part, name), getattr(batch, name)) for name in names)


@pytest.mark.parametrize(("batch", "names"), BATCHES)
def test_a_batch_that_is_cut_and_joined_is_itself(batch, names):
    joined = type(batch).concat([batch[:2], batch[2:2], batch[2:8], batch[8:]])
    for name in names:
        np.testing.assert_array_equal(getattr(joined, name), getattr(batch, name))
        assert not getattr(joined, name).flags.writeable


def test_a_single_batch_is_joined_without_a_copy():
    batch = ticks_of(3)
    assert Ticks.concat([batch]) is batch


@pytest.mark.parametrize(
    ("kind", "batches", "words"),
    [
        (Ticks, [], "0 batches of Ticks"),
        (Ticks, [ticks_of(2), ticks_of(2, "ETHUSDT")], "ETHUSDT.*expected.*BTCUSDT"),
        (Bars, [bars_of(2), bars_of(2, "1m")], "1m.*expected.*1s"),
    ],
)
def test_batches_of_different_symbols_or_timeframes_are_not_joined(kind, batches, words):
    with pytest.raises(ValueError, match=words):
        kind.concat(batches)


def test_a_batch_has_no_single_rows_and_is_not_iterated():
    with pytest.raises(TypeError, match="expected a slice"):
        ticks_of(3)[1]
    with pytest.raises(TypeError):
        list(ticks_of(3))


def test_the_newest_bars_are_the_tail():
    bars = bars_of(5)
    assert bars.tail(2).ts_ms.tolist() == [3_000, 4_000]
    assert bars.tail(0).ts_ms.tolist() == []
    assert bars.tail(-1).ts_ms.tolist() == []
    assert bars.tail(9) is bars.tail(None) is bars


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_time_that_is_no_number_is_refused_by_its_row(bad):
    ones = np.ones(3)
    with pytest.raises(ValueError, match=r"^ts_ms\[1\] is .*, expected a whole number"):
        Bars("A", "1s", np.array([0.0, bad, 2.0]), *[ones] * 7)
    with pytest.raises(ValueError, match=r"^trade_id\[1\] is .*, expected a whole number"):
        Ticks("A", [0, 1, 2], ones, ones, np.array([0.0, bad, 2.0]))


def test_times_in_another_unit_are_refused_and_not_counted_as_milliseconds():
    ones = np.ones(2)
    times = np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")
    with pytest.raises(ValueError, match=r"ts_ms holds datetime64.*, as epoch ms are"):
        Bars("A", "1d", times, *[ones] * 7)


def test_columns_of_different_indexes_are_refused_by_name():
    close = pd.Series([1.0, 2.0, 3.0])
    other = [close] * 6
    with pytest.raises(ValueError, match=r"^ts_ms and volume have different indexes"):
        Bars("A", "1s", pd.Series([0, 1, 2]), *[close] * 4, close[::-1], close, close)
    assert Bars("A", "1s", pd.Series([0, 1, 2]), close, *other).close.tolist() == [1.0, 2.0, 3.0]
