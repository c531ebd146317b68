"""Tables of orders of which none has traded, and those of trades that have a status."""

from __future__ import annotations

import json

import pytest

from ingestion.files.errors import UploadError
from tests.ingestion.files.test_forms import WALL, bars, read, text_of

IDS = ["order_id", "orderId", "Order ID", "client_order_id", "clOrdId"]


def table(states: list[str], names: str = "time,order_id,price,size,status") -> str:
    """Rows with a status each."""
    rows = [
        (row[0], at, 5, 1, *(f"{at}" for _ in names.split(",")[5:]), states[at % len(states)])
        for at, row in enumerate(bars(WALL) * (len(states) // 40 + 1))
    ]
    return text_of(names, rows)


@pytest.mark.parametrize("word", ["open", "New", "PENDING"])
@pytest.mark.parametrize("name", IDS)
def test_orders_that_have_not_traded_are_refused(word, name):
    content = table([word], f"time,{name},price,size,status")
    with pytest.raises(UploadError, match="an order that has not traded"):
        read(content, "KO.csv")
    lines = content.splitlines()
    keys = lines[0].split(",")
    rows = [dict(zip(keys, line.split(","), strict=True)) for line in lines[1:]]
    with pytest.raises(UploadError, match="an order that has not traded"):
        read(json.dumps({"data": {"KO": rows}}), "KO.json")


def test_one_row_of_another_status_is_enough_to_read_them_all():
    states = ["open"] * 3_000 + ["live"]
    assert read(table(states), "KO.csv").report.accepted == 3_040


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("open", "time,no,price,size,status"),
        ("open", "time,order_id,price,size,trade_id,status"),
        ("open", "time,order_id,price,size,action"),
        ("live", "time,order_id,price,size,status"),
        ("filled", "time,order_id,price,size,status"),
        ("new order", "time,order_id,price,size,status"),
    ],
)
def test_trades_that_have_a_status_are_read(word, names):
    assert read(table([word], names), "KO.csv").report.accepted == 40
