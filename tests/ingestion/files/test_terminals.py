"""Files of terminals and of libraries as they write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ingestion.files.test_forms import (
    CLOSE,
    DAY_MS,
    OHLCV,
    WALL,
    bars,
    check_bars,
    read,
    text_of,
)

Row = tuple[Any, ...]


def days() -> list[Row]:
    """Rows of bars of days."""
    return bars("%Y-%m-%d", DAY_MS)


def test_a_file_with_a_column_per_is_not_said_to_be_metatrader_s():
    rows = [("SBER", 1, *row[0].split(), *row[1:]) for row in bars("%Y%m%d %H%M%S")]
    header = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
    found = read(text_of(header, rows), "x.txt")
    check_bars(found, symbol="SBER")
    assert "MetaTrader" not in " ".join(found.report.notes)
    assert "no zone" in " ".join(found.report.notes)


def test_columns_with_their_values_are_read_as_polars_wrote_them():
    names = ("timestamp", *OHLCV.split(","))
    columns = [
        {"name": name, "datatype": "Float64", "bit_settings": "", "values": list(values)}
        for name, values in zip(names, zip(*bars(), strict=True), strict=True)
    ]
    check_bars(read(json.dumps({"columns": columns}), "KO.json"))


@pytest.mark.parametrize(
    "time",
    [
        lambda ms: f"/Date({ms})/",
        lambda ms: f"/Date({ms}+0000)/",
        lambda ms: {"$date": datetime.fromtimestamp(ms / 1_000, UTC).isoformat()},
    ],
)
def test_times_are_read_as_net_and_mongodb_wrap_them(time):
    names = ("Date", *OHLCV.split(","))
    objects = [dict(zip(names, (time(row[0]), *row[1:]), strict=True)) for row in bars()]
    check_bars(read(json.dumps(objects), "KO.json"))


def test_an_index_beside_one_column_is_a_time_as_pandas_writes_its_tables():
    data = [{"index": f"{row[0]}T00:00:00.000Z", "Close": row[4]} for row in days()]
    found = read(json.dumps({"schema": {"fields": []}, "data": data}), "KO.json")
    assert found.column("close") == CLOSE.tolist()


def test_times_with_their_hours_behind_gmt_need_no_answer_though_they_are_local():
    rows = [
        (f"{datetime.fromisoformat(row[0]):%d.%m.%Y %H:%M:%S}.000 GMT+0000", *row[1:])
        for row in bars(WALL)
    ]
    check_bars(read(text_of(f"Local time,{OHLCV}", rows), "EURUSD.csv"))


def test_the_quantity_of_the_national_exchange_of_india_is_the_volume():
    rows = [("TCS", row[0], *row[1:]) for row in days()]
    header = "SYMBOL, DATE1, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY"
    found = read(text_of(header, rows), "bhav.csv")
    assert found.column("volume") == [row[5] for row in days()]
