"""Rows that are orders far behind rows that are trades, as lines of JSON and in other forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.files import order_lines, orders
from ingestion.files.errors import UploadError
from tests.ingestion.files.test_forms import START_MS, read, text_of

#: Rows of trades before the orders, and orders.
TRADES, ORDERS = 2_400, 40
FORMS = ("lines", "list", "lists", "wrapped", "pretty", "logged")


def rows_of(trade: dict[str, Any], order: dict[str, Any], late: int = ORDERS) -> list[dict]:
    """Trades, and late rows that are orders."""
    return [
        {
            "time": START_MS + 1_000 * at,
            "symbol": "KO",
            "price": 5,
            "size": 1,
            **(trade if at < TRADES else order),
        }
        for at in range(TRADES + late)
    ]


def written(rows: list[dict], form: str) -> str:
    """Rows as JSON of a form."""
    if form in ("list", "pretty"):
        return json.dumps(rows, indent=2 if form == "pretty" else None)
    if form == "lists":
        return "\n".join(json.dumps(rows[at : at + 4]) for at in range(0, len(rows), 4))
    texts = [json.dumps({"ch": "a", "data": row} if form == "wrapped" else row) for row in rows]
    return "\n".join(
        f"2025-01-17 00:00:00 INFO {one}" if form == "logged" else one for one in texts
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("trade", "order", "said"),
    [
        ({"status": "filled"}, {"status": "canceled"}, "no trades: canceled, filled"),
        ({"status": "filled"}, {"status": "partially_filled"}, "column 'status' tells"),
        ({"action": "fill"}, {"action": "modify"}, "no trades: modify"),
        ({}, {"status": "cancelled", "order_id": "a"}, "no trades: cancelled"),
        ({}, {"state": "open", "order_id": "a"}, "every row that has one is that of an order"),
        ({}, {"side": "buy", "orderStatus": "New"}, "every row that has one is that of an order"),
        ({"filled": 1}, {"filled": 0.5}, "'filled' is less than 'size' in 40 of 2,440 rows"),
        ({}, {"executedQty": "0"}, "'executedQty' is less than 'size' in 40 of 40 rows"),
    ],
)
def test_orders_far_behind_trades_are_told_as_those_in_tables(trade, order, said, form):
    with pytest.raises(UploadError, match=said):
        read(written(rows_of(trade, order), form), "x.json")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("trade", "other"),
    [
        ({"status": "filled"}, {"status": "live"}),
        ({"status": "open", "order_id": "a"}, {"status": "live", "order_id": "a"}),
        ({"trade_id": 7, "status": "filled"}, {"trade_id": 8, "status": "canceled"}),
        ({"filled": 1}, {"filled": None}),
        ({"no": 1}, {"no": 2, "state": "open"}),
        ({"note": "status canceled"}, {"note": "state"}),
    ],
)
def test_trades_that_have_a_status_are_read_far_behind_others_too(trade, other, form):
    trade, other = (
        {**one, "tid": None} if "trade_id" not in one else one for one in (trade, other)
    )
    found = read(written(rows_of(trade, other), form), "x.json")
    assert (found.report.accepted, found.report.rejected) == (TRADES + ORDERS, {})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["type", "event"])
def test_events_of_orders_far_behind_trades_are_rejected_row_by_row(name, form):
    events = ("received", "open", "done", "change")
    rows = rows_of({name: "match"}, {})
    for at, row in enumerate(rows[TRADES:]):
        row |= {name: events[at % 4], "order_id": "a", "side": "buy", "status": "canceled"}
    found = read(written(rows, form), "x.json")
    assert found.report.accepted == TRADES
    assert set(found.report.rejected) == {"event"}


def test_an_order_among_the_trades_of_a_line_is_told_beside_one_that_is_rejected():
    trades = written(rows_of({}, {}, 0), "lines")
    row = {"time": START_MS, "symbol": "KO", "price": 5, "size": 1}
    late = [row, {**row, "type": "done"}, {**row, "status": "cancelled"}]
    with pytest.raises(UploadError, match="no trades: cancelled"):
        read(f"{trades}\n{json.dumps(late)}", "x.json")
    late[2] = {**row, "type": "open", "status": "cancelled"}
    assert read(f"{trades}\n{json.dumps(late)}", "x.json").report.rejected == {"event": 2}


@pytest.mark.parametrize("name", ["action", "msgType", "status"])
def test_words_of_orders_far_behind_trades_are_told_in_tables(name):
    rows = [
        (START_MS + 1_000 * at, 5, 1, "fill" if at < TRADES else "cancel") for at in range(2_440)
    ]
    content = text_of(f"time,price,size,{name}", rows)
    with pytest.raises(UploadError, match=f"column '{name}' tells that these rows are orders"):
        read(content, "KO.csv")


def test_rows_of_tables_that_say_what_they_are_are_rejected_one_by_one():
    rows = [
        (START_MS + 1_000 * at, 5, 1, *(("fill", "") if at < TRADES else ("canceled", "canceled")))
        for at in range(TRADES + ORDERS)
    ]
    found = read(text_of("time,price,size,msgType,status", rows), "KO.csv")
    assert (found.report.accepted, found.report.rejected) == (TRADES, {"event": ORDERS})


def test_the_bytes_of_a_line_that_may_tell_of_orders_hold_part_of_each_such_name():
    for name in (*orders._STATES, *orders._FILLED):
        assert any(part in name.encode() for part in order_lines._NAMES), name
