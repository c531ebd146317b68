from __future__ import annotations

import csv
import io
import json
import math
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.bars import resample
from analytics.model import Ticks
from storage.export.parquet import ParquetUnavailable, parquet_rows
from storage.export.tables import bars_table, rows_table, series_table, ticks_table
from storage.export.text import CHUNK_ROWS, csv_rows, json_rows, neutralise


def some_ticks(count: int, first: int = 0) -> Ticks:
    numbers = np.arange(first, first + count)
    ids = np.where(numbers % 2, numbers, -1)
    return Ticks("BTCUSDT", 1_723_161_256_322 + numbers, 0.1 * (numbers + 1), numbers + 1e-9, ids)


def read_csv(pieces) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(b"".join(pieces)), float_precision="round_trip")


def test_ticks_survive_a_round_trip_through_csv_exactly():
    ticks = some_ticks(25_000)
    frame = read_csv(csv_rows([ticks_table(ticks)]))
    np.testing.assert_array_equal(frame.price, ticks.price)
    np.testing.assert_array_equal(frame["size"], ticks.size)
    np.testing.assert_array_equal(frame.ts_ms, ticks.ts_ms)
    np.testing.assert_array_equal(frame.trade_id.fillna(-1), ticks.trade_id)
    times = pd.to_datetime(frame.time).astype("datetime64[ms, UTC]")
    np.testing.assert_array_equal(times.astype(np.int64), ticks.ts_ms)
    assert frame.time[0] == "2024-08-08T23:54:16.322Z"
    assert set(frame.symbol) == {"BTCUSDT"}


def test_bars_have_a_time_in_both_forms_and_every_column():
    bars = resample(some_ticks(5_000), "1s")
    frame = read_csv(csv_rows([bars_table(bars, bars.trades > 3)]))
    assert list(frame.columns) == [
        "time", "ts_ms", "symbol", "timeframe",
        "open", "high", "low", "close", "volume", "trades", "vwap", "gap", "kline",
    ]  # fmt: skip
    for name in ("ts_ms", "open", "high", "low", "close", "volume", "trades", "vwap"):
        np.testing.assert_array_equal(frame[name], getattr(bars, name))
    np.testing.assert_array_equal(frame.gap, bars.trades > 3)


def test_many_tables_are_one_file_with_one_header():
    tables = (ticks_table(some_ticks(10, first)) for first in range(0, 50, 10))
    lines = b"".join(csv_rows(tables)).decode().splitlines()
    assert len(lines) == 51
    assert lines == b"".join(csv_rows([ticks_table(some_ticks(50))])).decode().splitlines()


def test_an_export_without_rows_is_a_header():
    assert b"".join(csv_rows([ticks_table(some_ticks(0))])) == (
        b"time,ts_ms,symbol,price,size,trade_id,trades\n"
    )
    assert json.loads(b"".join(json_rows([ticks_table(some_ticks(0))]))) == []
    assert b"".join(csv_rows([])) == b""
    assert json.loads(b"".join(json_rows([]))) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_begins_like_a_formula_gets_an_apostrophe(start):
    table = rows_table(["name", "value"], [[start + "1+1", -1.5], ["safe" + start, 2]])
    rows = list(csv.reader(io.StringIO(b"".join(csv_rows([table])).decode(), newline="")))
    assert rows[1] == ["'" + start + "1+1", "-1.5"]
    assert rows[2][0] == "safe" + start


def test_a_symbol_and_a_header_that_begin_like_a_formula_are_neutralised_too():
    ticks = Ticks("-BTC", [0], [1.0], [1.0], [-1])
    assert b",'-BTC,1,1," in b"".join(csv_rows([ticks_table(ticks)]))
    assert b"".join(csv_rows([{"=x": [1]}])) == b"'=x\n1\n"


def test_numbers_stay_numbers_though_they_begin_with_a_minus():
    table = {"z": np.array([-1.5, -np.inf]), "n": np.array([-3, 4]), "mixed": [-2, -0.5]}
    assert b"".join(csv_rows([table])) == b"z,n,mixed\n-1.5,-3,-2\n-inf,4,-0.5\n"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=8))
def test_any_text_is_read_from_csv_and_json_as_it_was_written(texts):
    rows = [[text, at] for at, text in enumerate(texts)]
    table = rows_table(["text", "at"], rows)
    data = b"".join(csv_rows([table])).decode()
    read = list(csv.reader(io.StringIO(data, newline="")))[1:]
    assert [row[0] for row in read] == [neutralise(text) for text in texts]
    objects = json.loads(b"".join(json_rows([table])))
    assert [row["text"] for row in objects] == texts


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(), max_size=8))
def test_every_float_is_read_exactly_or_is_missing(values):
    column = np.array(values, np.float64)
    lines = b"".join(csv_rows([{"x": column, "end": "e"}])).decode().splitlines()[1:]
    for line, value in zip(lines, values, strict=True):
        cell = line.split(",")[0]
        assert cell == "" if math.isnan(value) else float(cell) == value
    objects = json.loads(b"".join(json_rows([{"x": column}])))
    assert [row["x"] for row in objects] == [v if math.isfinite(v) else None for v in values]


def test_missing_values_of_every_kind_are_empty_or_null():
    table = {
        "f": np.array([1.0, np.nan]),
        "t": np.array(["1970-01-01", "NaT"], "datetime64[ms]"),
        "m": np.ma.masked_equal([1, -1], -1),
        "b": np.array([True, False]),
        "o": [None, float("nan")],
        "g": [np.float64("nan"), np.bool_(True)],
    }
    rows = b"".join(csv_rows([table])).decode().splitlines()[1:]
    assert rows == ["1,1970-01-01T00:00:00.000Z,1,true,,", ",,,false,,true"]
    objects = json.loads(b"".join(json_rows([table])))
    assert objects[1] == {"f": None, "t": None, "m": None, "b": False, "o": None, "g": True}


def test_a_nan_of_float32_and_text_arrays_are_written_as_they_are():
    table = {"x": np.array([1.5, np.nan], np.float32), "s": np.array(["=a", "b"])}
    assert b"".join(csv_rows([table])) == b"x,s\n1.5,'=a\n,b\n"


def test_series_share_their_times():
    table = series_table(np.array([0, 1_000]), {"z": np.array([np.nan, 2.0])})
    assert list(table) == ["time", "ts_ms", "z"]
    assert json.loads(b"".join(json_rows([table])))[1] == {
        "time": "1970-01-01T00:00:01.000Z",
        "ts_ms": 1_000,
        "z": 2.0,
    }


def test_ragged_tables_and_changing_columns_are_errors():
    with pytest.raises(ValueError, match="columns of lengths"):
        list(csv_rows([{"a": [1], "b": [1, 2]}]))
    with pytest.raises(ValueError, match="row 2 has 1 cells, expected 2"):
        rows_table(["a", "b"], [[1, 2], [3]])
    with pytest.raises(ValueError, match="a table has columns"):
        list(json_rows([{"a": [1]}, {"b": [1]}]))


def test_a_long_export_needs_no_more_memory_than_a_short_one():
    def peak(tables: int) -> int:
        tracemalloc.start()
        batches = (ticks_table(some_ticks(CHUNK_ROWS)) for _ in range(tables))
        for _ in csv_rows(batches):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(8) < 1.2 * peak(2)


def test_parquet_keeps_types_and_missing_values():
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = [ticks_table(some_ticks(CHUNK_ROWS + 5)), ticks_table(some_ticks(3, 7))]
    read = parquet.read_table(io.BytesIO(b"".join(parquet_rows(tables))), use_threads=False)
    assert len(read) == CHUNK_ROWS + 8
    assert str(read.schema.field("time").type) == "timestamp[ms, tz=UTC]"
    assert read.column("trade_id").null_count == (CHUNK_ROWS + 5) // 2 + 1 + 1
    empty = parquet.read_table(io.BytesIO(b"".join(parquet_rows([ticks_table(some_ticks(0))]))))
    assert empty.num_rows == 0


def test_parquet_without_its_library_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ParquetUnavailable, match="pip install pyarrow"):
        parquet_rows([ticks_table(some_ticks(1))])
