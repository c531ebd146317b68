"""Cells between blanks with quotes, as R writes them; Databento's lines with a header within."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.files.errors import QuestionOpen, UploadError
from tests.ingestion.files.test_forms import (
    CLOSE,
    MOMENTS,
    OHLCV,
    START_MS,
    VOLUME,
    WALL,
    bars,
    check_bars,
    read,
    text_of,
)

# --- tables that R writes ----------------------------------------------------------------------


def of_r(names: list[str], rows: list[tuple[Any, ...]], numbered: bool, mark: str = " ") -> str:
    """A table as write.table of R has it: texts and names in quotes, a number before each row."""
    lines = [mark.join(f'"{name}"' for name in names)]
    for at, row in enumerate(rows, 1):
        cells = [f'"{cell}"' if isinstance(cell, str) else str(cell) for cell in row]
        lines.append(mark.join([f'"{at}"', *cells] if numbered else cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("mark", [" ", "\t"])
def test_times_with_a_blank_stand_in_quotes_between_blanks(numbered, mark):
    rows = bars(WALL)
    found = read(of_r(["time", *OHLCV.split(",")], rows, numbered, mark), "KO.txt")
    check_bars(found)
    assert found.column("volume") == VOLUME.tolist()
    behind = [(*row[1:], row[0]) for row in rows]
    check_bars(read(of_r([*OHLCV.split(","), "time"], behind, numbered, mark), "KO.txt"))


def test_a_quote_that_is_left_open_spoils_its_own_line_alone():
    lines = of_r(["time", *OHLCV.split(",")], bars(WALL), numbered=False).splitlines()
    lines.insert(20, '"2025-01-17 00:18:30 5 6 4 5 1')
    found = read("\n".join(lines) + "\n", "KO.txt")
    check_bars(found)
    assert found.report.first_lines == {"quote": [21]}


def test_other_letters_in_quotes_are_kept():
    rows = [(row[0], name, *row[1:]) for row in bars(WALL) for name in ("ŠKODA", "VÚB")]
    found = read(of_r(["time", "symbol", *OHLCV.split(",")], rows, numbered=False), "x.txt")
    assert set(found.rows) == {"ŠKODA", "VÚB"}


# --- Databento ---------------------------------------------------------------------------------


def record(ms: int, pretty: bool, **values: Any) -> str:
    """A line of Databento; pretty: times and prices as people read them."""
    moment = datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    kind = values.pop("rtype", 33 if "open" in values else 0)
    about = {"ts_event": moment if pretty else f"{ms}000000", "rtype": kind, "publisher_id": 1,
             "instrument_id": 5482}  # fmt: skip
    for name in ("price", "open", "high", "low", "close"):
        if name in values:
            price = values[name]
            values[name] = f"{price:.9f}" if pretty else f"{round(price * 10**9)}"
    return json.dumps({"hd": about, **values})


@pytest.mark.parametrize("pretty", [True, False])
def test_trades_of_databento_are_read_and_orders_are_not(pretty):
    lines = [
        record(ms, pretty, action="TACT"[at % 4], price=3720.25 + at, size=at + 1, symbol="ESH5")
        for at, ms in enumerate(MOMENTS)
    ]
    found = read("\n".join(lines), "trades.json")
    kept = [at for at in range(40) if at % 4 in (0, 3)]
    assert found.column("ts_ms", "ESH5") == [MOMENTS[at] for at in kept]
    assert found.column("price") == [3720.25 + at for at in kept]
    assert found.column("size") == [at + 1 for at in kept]
    assert found.report.rejected == {"event": 20}


@pytest.mark.parametrize("pretty", [True, False])
def test_bars_of_databento_are_read(pretty):
    lines = [
        record(row[0], pretty, **dict(zip(OHLCV.split(",")[:4], row[1:5], strict=True)),
               volume=f"{at + 1}", symbol="ESH5")
        for at, row in enumerate(bars())
    ]  # fmt: skip
    for content in ("\n".join(lines), f"[{','.join(lines)}]"):
        found = read(content, "bars.json")
        check_bars(found, symbol="ESH5")
        assert found.column("close") == CLOSE.tolist()
        assert found.column("volume") == list(range(1, 41))


def test_bars_of_several_kinds_of_databento_are_asked_about():
    lines = [
        record(row[0] + at * (step - 60_000), False, rtype=kind, open=5, high=6, low=4, close=5)
        for kind, step in ((33, 60_000), (34, 3_600_000))
        for at, row in enumerate(bars())
    ]
    for content in ("\n".join(lines), f"[{','.join(lines)}]"):
        with pytest.raises(QuestionOpen, match="several timeframes: 1m, 1h"):
            read(content, "ES.json")
        assert read(content, "ES.json", timeframe="1h").report.timeframe == "1h"


@pytest.mark.parametrize("price", ["9" * 400, "9" * 5_000, "", "1e5", "\u0665"])
def test_a_price_of_databento_that_is_none_rejects_its_row_alone(price):
    rows = [json.loads(record(ms, False, action="T", price=5.0, size=1)) for ms in MOMENTS]
    rows[7]["price"] = price
    found = read("\n".join(map(json.dumps, rows)), "ES.json")
    assert (found.report.accepted, found.report.rejected) == (39, {"price": 1})


def test_instruments_without_a_name_are_told_apart_by_their_number():
    lines = [record(ms, False, action="T", price=5.0, size=1) for ms in MOMENTS]
    lines += [line.replace("5482", "323") for line in lines]
    assert set(read("\n".join(lines), "ES.json").rows) == {"5482", "323"}


def test_orders_of_databento_alone_are_refused():
    lines = [record(ms, True, action="A", price=5.0, size=1, symbol="ESH5") for ms in MOMENTS]
    with pytest.raises(UploadError, match="an event that is no trade"):
        read("\n".join(lines), "mbo.json")


def test_prices_of_phemex_that_have_a_scale_are_refused_with_the_way_out():
    rows = [[ms * 10**6, "Sell", 92410000, 1] for ms in MOMENTS]
    lines = [json.dumps({"sequence": at, "symbol": "BTCUSD", "type": "incremental",
                         "trades": [row]}) for at, row in enumerate(rows)]  # fmt: skip
    with pytest.raises(UploadError, match="in its channel trades_p"):
        read("\n".join(lines), "phemex.json")


def test_plain_cells_between_blanks_are_still_read():
    rows = [(*row[0].split(), *row[1:]) for row in bars(WALL)]
    found = read(text_of(f"date time {OHLCV.replace(',', ' ')}", rows, "  "))
    assert found.column("ts_ms")[0] == START_MS
