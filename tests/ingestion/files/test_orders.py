"""Tables of orders of which none has traded, and those of trades that have a status."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.files.errors import UploadError
from tests.ingestion.files.test_forms import WALL, bars, read, text_of, zipped

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
    assert read(table(["open", ""]), "KO.csv").report.accepted == 40


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


@pytest.mark.parametrize("word", ["OPEN", "new", "Submitted", "Untriggered"])
@pytest.mark.parametrize("name", ["status", "State", "Order State"])
@pytest.mark.parametrize("side", ["side", "Direction", "Order Type"])
def test_orders_without_an_id_are_told_by_their_side(word, name, side):
    rows = [(row[0], "BUY", 5, 1, word) for row in bars(WALL)]
    with pytest.raises(UploadError, match="an order that has not traded"):
        read(text_of(f"time,{side},price,size,{name}", rows), "KO.csv")
    assert read(text_of(f"time,no,price,size,{name}", rows), "KO.csv").report.accepted == 40


@pytest.mark.parametrize("name", ["filled", "Filled Qty", "executedQty", "cumExecQty", "accFillSz"])
def test_orders_of_which_less_has_traded_than_their_size_are_refused(name):
    for share in (0, 0.5):
        rows = [(row[0], "BUY", 5, 1, 1 if at < 30 else share) for at, row in enumerate(bars(WALL))]
        with pytest.raises(UploadError, match="is less than 'quantity' in 10 of the first 40 rows"):
            read(text_of(f"time,side,price,quantity,{name}", rows), "KO.csv")
    rows = [(row[0], "BUY", 5, 1, 1) for row in bars(WALL)]
    whole = read(text_of(f"time,side,price,quantity,{name}", rows), "KO.csv")
    assert whole.report.accepted == 40


def long_orders(changed: dict[int, object], name: str) -> str:
    """3,000 rows of which each has traded whole, but for those that say another thing."""
    whole: object = "filled" if name == "status" else 1
    rows = [
        (row[0] + 60_000 * 40 * turn, "BUY", 5, 1, changed.get(40 * turn + at, whole))
        for turn in range(75)
        for at, row in enumerate(bars())
    ]
    return text_of(f"time,side,price,size,{name}", rows)


def test_orders_that_begin_with_whole_ones_are_told_by_the_rows_below():
    half = long_orders(dict.fromkeys(range(2_900, 3_000), 0.5), "filled")
    with pytest.raises(UploadError, match="less than 'size' in 100 of 3,000 rows: they are orders"):
        read(half, "KO.csv")
    assert read(long_orders({2_900: 0.5}, "filled"), "KO.csv").report.accepted == 3_000
    with pytest.raises(UploadError, match="these rows are orders, no trades: canceled, filled"):
        read(long_orders({2_999: "canceled"}, "status"), "KO.csv")


def as_json(rows: list[dict[str, object]], form: str) -> str:
    """Rows as lines, as a list, or as messages that hold a row each."""
    if form == "list":
        return json.dumps(rows)
    wrapped = [{"data": row} for row in rows] if form == "object" else rows
    return "\n".join(json.dumps([row] if form == "lists" else row) for row in wrapped)


@pytest.mark.parametrize("form", ["lines", "list", "lists", "object"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"status": ["filled", "canceled"]}, "no trades: canceled, filled"),
        ({"action": ["add", "filled"]}, "no trades: add, filled"),
        ({"filled": [1, 0.5]}, "'filled' is less than 'size' in 20 of the first 40 rows"),
        ({"status": ["open"], "order_id": ["a", "b"]}, "an order that has not traded"),
        ({"status": [" OPEN", "open "], "order_id": ["a"]}, "an order that has not traded"),
        ({"liquidation": [True]}, "liquidations, no trades"),
        # Trades that have such columns too.
        ({"filled": [1, None]}, ""),
        ({"status": ["filled"], "order_id": ["a"]}, ""),
        ({"liquidation": ["T", *[None] * 39]}, ""),
        ({"status": ["pending", *[None] * 39]}, ""),
        ({"status": ["open", ""], "order_id": ["a"]}, ""),
        ({"state": ["cancelled", "filled"], "trade_id": list(range(40)), "order_id": ["a"]}, ""),
        ({"filled": [1], "size": [1, 2, 3]}, ""),
        ({"filled": [100], "size": [1, 200, 3]}, ""),
    ],
)
def test_orders_in_json_are_told_as_those_in_tables(more, said, form):
    plain = {"symbol": "KO", "side": "buy", "price": 5, "size": 1}
    rows = [
        {"time": row[0], **plain, **{name: cells[at % len(cells)] for name, cells in more.items()}}
        for at, row in enumerate(bars(WALL))
    ]
    content = as_json(rows, form)
    if not said:
        assert read(content, "KO.json").report.accepted == 40
        return
    with pytest.raises(UploadError, match=said):
        read(content, "KO.json")


def test_a_size_and_what_was_filled_of_it_are_written_alike():
    rows = [
        (row[0], "BUY", "5,25", f"{at + 1},500", f"{at + 1},5") for at, row in enumerate(bars())
    ]
    assert read(text_of("time;side;price;size;filled", rows, ";"), "KO.csv").report.accepted == 40


def test_what_was_filled_may_be_no_number_in_parquet():
    rows = bars()
    columns = {
        "time": [row[0] for row in rows],
        "price": [row[1] for row in rows],
        "size": [1.0] * len(rows),
        "side": ["buy"] * len(rows),
        "filled": [[1, 2]] * len(rows),
        "status": [{"code": 1}] * len(rows),
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    assert read(sink.getvalue(), "KO.parquet").report.accepted == 40


def test_a_file_of_orders_that_is_told_late_leaves_nothing_of_it_in_an_archive():
    half = long_orders(dict.fromkeys(range(2_900, 3_000), 0.5), "filled")
    trades = text_of("time,price,size", [(row[0], 5, 1) for row in bars()])
    with pytest.raises(UploadError, match=r"orders\.csv: column 'filled' is less than 'size'"):
        read(zipped({"KO.csv": trades, "orders.csv": half}), "x.zip")


@pytest.mark.parametrize("name", ["remaining", "Remaining Amount", "unfilled"])
def test_orders_that_have_something_left_are_refused(name):
    rows = [(row[0], "BUY", 5, 1, 0.4) for row in bars(WALL)]
    with pytest.raises(UploadError, match="orders or liquidations, no trades"):
        read(text_of(f"time,side,price,quantity,{name}", rows), "KO.csv")
    rows = [(*row[:4], 0) for row in rows]
    whole = read(text_of(f"time,side,price,quantity,{name}", rows), "KO.csv")
    assert whole.report.accepted == 40


def test_the_executions_of_an_account_are_its_trades_at_the_price_that_they_had():
    kinds = ("Trade", "Funding", "New", "Canceled", "Settlement")
    rows = [(row[0], kinds[at % 5], 100, 5 + at, 900) for at, row in enumerate(bars(WALL))]
    found = read(text_of("transactTime,execType,lastQty,lastPx,price", rows), "XBTUSD.csv")
    assert found.report.rejected == {"event": 32}
    assert found.column("price") == [5.0 + at for at in range(0, 40, 5)]


def test_bids_and_asks_beside_trades_are_quotes():
    kinds = ("TRADE", "BID", "ASK", "BEST_BID")
    rows = [(row[0], kinds[at % 4], 5, 1) for at, row in enumerate(bars(WALL))]
    found = read(text_of("time,type,price,size", rows), "KO.csv")
    assert (found.report.accepted, found.report.rejected) == (10, {"event": 30})
    others = ("trade", "fill", "OTC", "market")
    rows = [(row[0], others[at % 4], 5, 1) for at, row in enumerate(bars(WALL))]
    assert read(text_of("time,type,price,size", rows), "KO.csv").report.accepted == 40
    sides = [(row[0], ("BID", "ASK")[at % 2], 5, 1) for at, row in enumerate(bars(WALL))]
    assert read(text_of("time,type,price,size", sides), "KO.csv").report.accepted == 40
