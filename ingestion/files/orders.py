"""Rows that are orders and no trades: told by their columns, and by what stands in them.

The first rows of a table tell most of them; an `OrderWatch` looks at all the others as they come.
Raises UploadError, which says what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.decode.fields import ORDER_NAMES
from ingestion.decode.symbols import word_set
from ingestion.files.cells import Rows
from ingestion.files.errors import LEGAL, UploadError
from ingestion.files.names import canonical, columns_of
from ingestion.files.numbers import floats
from ingestion.files.plan import OrderColumns, Plan, Sample

#: Columns of what became of an order, and the words there that no trade has. Those of `_WEAK`
#: are words of markets, sessions and fills too: two of them tell of orders.
_STATES = word_set("status orderstatus state orderstate action updateaction msgtype messagetype")
_OF_ORDERS = word_set(
    "add added modify modified replace replaced cancel canceled cancelled delete "
    "deleted clear partiallyfilled rejected expired"
)
_WEAK = word_set("new pending placed open closed filled")
_SESSION = word_set("open closed")
#: Words of orders that have not traded, where each row has one of them.
UNTRADED = word_set(
    "open new pending placed submitted untriggered working cancelled canceled rejected expired"
)
#: Columns of orders and of the trades of one's own, but not of the status of a market.
_ORDER_NAMES = word_set(
    "orderid clientorderid clordid ordid side direction buysell ordertype orderside"
)
#: Columns of how much of an order has traded.
_FILLED = word_set(
    "filled filledqty filledquantity filledamount filledsize filledvolume executed executedqty "
    "executedquantity executedamount executedvolume volexec cumqty cumexecqty accfillsz fillsz "
    "dealsize dealamount"
)
#: Letters of order-book messages beside "A", which adds an order (ITCH, Databento).
_LETTERS = frozenset("CDEFMRUX")
_FORCED = word_set("liquidation isliquidation liquidated")
#: Sizes that differ by less, as a share, differ by their rounding.
_ROUNDING = 1e-9
#: One row of so many may be a slip.
_SLIPS = 100


def order_columns(names: Sequence[str], size: int) -> OrderColumns | None:
    """The columns that tell whether rows are orders, None where there are none.

    size: the position of the sizes.

    >>> order_columns(["time", "order_id", "price", "size", "status"], size=3).state
    4
    >>> order_columns(["time", "side", "price", "size", "Order State"], size=3).state
    4
    >>> order_columns(["time", "order_id", "trade_id", "price", "size", "status"], size=4)
    >>> order_columns(["time", "price", "size", "executedQty"], size=2).filled
    3
    """
    bare = [canonical(name) for name in names]
    trades = [at for at in columns_of(names, "id") if bare[at] not in ("id", "i", "a")]
    state = filled = None
    if _ORDER_NAMES.intersection(bare) and not trades:
        states = ("status", "state", "orderstatus", "orderstate")
        state = next((at for at, name in enumerate(bare) if name in states), None)
    filled = next((at for at, name in enumerate(bare) if name in _FILLED and at != size), None)
    if state is None and filled is None:
        return None
    return OrderColumns(tuple(names), size, state, filled)


class OrderWatch:
    """Looks at rows as they come for what tells that they are orders."""

    def __init__(self, plan: Plan) -> None:
        self._columns = plan.orders
        self._style = plan.style
        self._words: set[str] = set()
        self._rows = self._less = 0

    def look(self, rows: Rows) -> None:
        """Look at the next rows. Raises UploadError where the words until now are of orders."""
        told = self._columns
        if told is None:
            return
        if told.state is not None:
            words = pc.unique(rows.columns[told.state].cast(pa.string())).to_pylist()
            new = {(word or "").strip().lower() for word in words} - self._words
            if new:
                self._words |= new
                _refuse_words(told.names[told.state], self._words - {""}, _is_sure(told.names))
        if told.filled is not None:
            whole, part = (
                floats(rows.columns[at].cast(pa.string()), self._style)[0]
                for at in (told.size, told.filled)
            )
            self._rows += len(rows)
            self._less += int((part < whole * (1 - _ROUNDING)).sum())

    def finish(self) -> None:
        """Raise UploadError where not one row has traded, or less of many than their size."""
        told = self._columns
        if told is not None and told.filled is not None and self._less * _SLIPS > self._rows:
            raise no_trades(
                f"column {told.names[told.filled]!r} is less than {told.names[told.size]!r} in "
                f"{self._less:,} of {self._rows:,} rows: they are orders, no trades"
            )
        if self._words and self._words <= UNTRADED:
            raise orders_alone()


def refuse_unfilled(sample: Sample, names: Sequence[str], size: int) -> None:
    """Raise UploadError for orders of which less has traded than their size."""
    whole = sample.floats(size)
    for at, name in enumerate(names):
        if at == size or canonical(name) not in _FILLED:
            continue
        less = int((sample.floats(at) < whole * (1 - _ROUNDING)).sum())
        if less:
            raise no_trades(
                f"column {name!r} is less than {names[size]!r} in {less} of the first "
                f"{len(sample.rows)} rows: they are orders, no trades"
            )


def refuse_states(sample: Sample, names: Sequence[str]) -> None:
    """Raise UploadError for columns whose words are those of orders or of liquidations."""
    for at, name in enumerate(names):
        _refuse_words(name, {cell.lower() for cell in sample.cells(at)}, _is_sure(names))


def refuse_order_lines(objects: Sequence[Mapping[str, Any]], file: str) -> None:
    """Raise UploadError for objects of JSON, one a row, that are orders.

    Each has a price and a size. What one lacks that others have is no cell of it.
    """
    names = list(dict.fromkeys(name for row in objects for name in row))
    sizes = columns_of(names, "size")
    if not sizes or not columns_of(names, "price"):
        return
    cells = [[_cell(row.get(name)) for name in names] for row in objects]
    sample = Sample([(name,) for name in names], cells, file)
    refuse_states(sample, names)
    refuse_unfilled(sample, names, sizes[0])
    told = order_columns(names, sizes[0])
    if told is not None and told.state is not None:
        words = {cell.lower() for cell in sample.cells(told.state)}
        if words and words <= UNTRADED:
            raise orders_alone()


def orders_alone() -> UploadError:
    """The refusal of rows of which none has traded."""
    return no_trades("the status of every row is that of an order that has not traded")


def no_trades(found: str) -> UploadError:
    """The refusal of rows that are something else than trades. found: what tells so."""
    return UploadError(found, "a market is made of trades or bars", LEGAL)


def _is_sure(names: Sequence[str]) -> bool:
    """Whether a column is one that orders alone have."""
    return bool(ORDER_NAMES.intersection(names))


def _refuse_words(name: str, words: set[str], sure: bool) -> None:
    """Raise UploadError for a column whose words, in small letters, are those of orders.

    sure: whether another column is one that orders alone have.
    """
    bare = canonical(name)
    plain = {word.replace("_", "").replace(" ", "") for word in words}
    letters = {word.upper() for word in words if len(word) == 1}
    weak = plain & (_WEAK - _SESSION if bare == "state" else _WEAK)
    orders = plain & _OF_ORDERS or len(weak) + sure > 1 or ("A" in letters and letters & _LETTERS)
    if bare in _STATES and orders:
        shown = ", ".join(sorted(words))[:60]
        raise no_trades(f"column {name!r} tells that these rows are orders, no trades: {shown}")
    if bare in _FORCED and words and words <= {"true", "1", "t", "yes"}:
        raise no_trades(f"column {name!r} tells that these rows are liquidations, no trades")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or isinstance(value, dict | list) else str(value)
