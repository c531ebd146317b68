"""Rows that are orders and no trades: told by their columns, and by what stands in them.

The first rows of a table tell most of them; an `OrderWatch` looks at all the others as they come.
Raises UploadError, which says what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.model import FloatArray
from ingestion.decode.fields import ORDER_NAMES
from ingestion.decode.symbols import word_set
from ingestion.files.cells import Rows
from ingestion.files.errors import LEGAL, UploadError
from ingestion.files.json_shapes import cell_of
from ingestion.files.names import canonical, columns_of
from ingestion.files.numbers import floats, style_of
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
_UNTRADED = word_set(
    "open new pending placed submitted untriggered working cancelled canceled rejected expired"
)
#: Columns of orders and of the trades of one's own, but not of the status of a market.
_ORDER_NAMES = word_set(
    "orderid clientorderid clordid ordid side direction buysell ordertype orderside"
)
#: Columns of how much of an order has traded.
_FILLED = word_set(
    "filled filledqty filledquantity filledamount filledsize executed executedqty "
    "executedquantity executedamount executedvolume volexec cumqty cumexecqty accfillsz fillsz "
    "dealsize dealamount"
)
#: Letters of order-book messages beside "A", which adds an order (ITCH, Databento).
_BOOK_LETTERS = frozenset("CDEFMRUX")
_FORCED = word_set("liquidation isliquidation liquidated")
#: Sizes that differ by less, as a share, differ by their rounding.
_ROUNDING = 1e-9
#: One row of so many may be a slip.
_SLIPS = 100
_STATUS = ("status", "state", "orderstatus", "orderstate")
#: So deep within a message of a stream its trades may lie.
_MAX_DEPTH = 3
#: Words that a watch keeps; what else a column says is not kept.
_KNOWN = _OF_ORDERS | _WEAK | _UNTRADED


def order_columns(names: Sequence[str], size: int) -> OrderColumns | None:
    """The columns that tell whether rows are orders, None where there are none.

    size: the position of the sizes.

    >>> order_columns(["time", "order_id", "price", "size", "status"], size=3).state
    4
    >>> order_columns(["time", "side", "price", "size", "Order State"], size=3).state
    4
    >>> order_columns(["time", "order_id", "trade_id", "price", "size", "status"], size=4)
    >>> order_columns(["time", "price", "size", "executedQty"], size=2).filled
    (3,)
    """
    bare = [canonical(name) for name in names]
    state = None
    if _ORDER_NAMES.intersection(bare) and not _trade_ids(names):
        state = next((at for at, name in enumerate(bare) if name in _STATUS), None)
    filled = tuple(at for at, name in enumerate(bare) if name in _FILLED and at != size)
    none = state is None and not filled
    return None if none else OrderColumns(tuple(names), size, state, filled)


class OrderWatch:
    """Looks at rows as they come for what tells that they are orders."""

    def __init__(self, plan: Plan) -> None:
        self._columns = plan.orders
        self._style = plan.style
        self._words: set[str] = set()
        self._other_words = False
        self._filled = {at: _Filled() for at in plan.orders.filled} if plan.orders else {}

    def look(self, rows: Rows) -> None:
        """Look at the next rows. Raises UploadError where the words until now are of orders."""
        told = self._columns
        if told is None:
            return
        if told.state is not None and _is_text(rows.columns[told.state]):
            found = pc.unique(rows.columns[told.state].cast(pa.string())).to_pylist()
            words = {(word or "").strip().lower() for word in found}
            known = {word for word in words if _plain(word) in _KNOWN}
            self._other_words = self._other_words or known != words
            if not known <= self._words:
                self._words |= known
                _refuse_words(told.names[told.state], self._words, told.names)
        for at, filled in self._filled.items():
            filled.take(
                *(floats(rows.columns[one], self._style)[0] for one in (told.size, at)),
            )

    def finish(self) -> None:
        """Raise UploadError where not one row has traded, or less of many than their size."""
        for at, filled in self._filled.items():
            assert self._columns is not None
            filled.refuse(self._columns.names[at], self._columns.names[self._columns.size])
        if not self._other_words:
            _refuse_untraded(self._words)


class _Filled:
    """How much of each order has traded, beside its size. A figure that is always the same, and
    not 0, is no such column: a flag, or 100 %.
    """

    def __init__(self) -> None:
        self._rows = self._less = 0
        self._ends: tuple[float, float] | None = None

    def take(self, size: FloatArray, filled: FloatArray) -> None:
        known = filled[~np.isnan(filled)]
        self._rows += len(filled)
        self._less += int((filled < size * (1 - _ROUNDING)).sum())
        if len(known):
            low, high = self._ends or (known[0], known[0])
            self._ends = min(low, float(known.min())), max(high, float(known.max()))

    def refuse(self, name: str, size_name: str, of: str = "") -> None:
        """Raise UploadError where less than the size has traded in more rows than may slip.

        of: which rows they are.
        """
        constant = self._ends is not None and self._ends[0] == self._ends[1] != 0
        if self._less * _SLIPS > self._rows and not constant:
            raise no_trades(
                f"column {name!r} is less than {size_name!r} in {self._less:,} of {of}"
                f"{self._rows:,} rows: they are orders, no trades"
            )


def refuse_unfilled(sample: Sample, names: Sequence[str], size: int) -> None:
    """Raise UploadError for orders of which less has traded than their size."""
    told = order_columns(names, size)
    for at in told.filled if told is not None else ():
        cells = [[row[one] if one < len(row) else "" for row in sample.rows] for one in (size, at)]
        style = style_of([*cells[0], *cells[1]], sample.delimiter)
        filled = _Filled()
        filled.take(*(floats(pa.array(one, pa.string()), style)[0] for one in cells))
        filled.refuse(names[at], names[size], "the first ")


def refuse_states(sample: Sample, names: Sequence[str]) -> None:
    """Raise UploadError for columns whose words are those of orders or of liquidations."""
    traded = any(len(sample.cells(at)) == len(sample.rows) for at in _trade_ids(names))
    for at, name in enumerate(names):
        cells = sample.cells(at)
        words = {cell.lower() for cell in cells}
        if not (traded and canonical(name) in _STATUS):
            _refuse_words(name, words, names)
        forced = canonical(name) in _FORCED and len(cells) == len(sample.rows)
        if forced and words and words <= {"true", "1", "t", "yes"}:
            raise no_trades(f"column {name!r} tells that these rows are liquidations, no trades")


def refuse_order_lines(messages: Sequence[Any], file: str) -> None:
    """Raise UploadError for values of JSON, one a line or an element, whose rows are orders."""
    objects = [row for message in messages for row in _objects(message)]
    names = list(dict.fromkeys(name for row in objects for name in row))
    sizes = _sizes(names)
    if not sizes:
        return
    cells = [[cell_of(row.get(name)) for name in names] for row in objects]
    sample = Sample([(name,) for name in names], cells, file)
    refuse_states(sample, names)
    refuse_unfilled(sample, names, sizes[0])
    told = order_columns(names, sizes[0])
    if told is not None and told.state is not None:
        _refuse_untraded({row[told.state].strip().lower() for row in cells})


def no_trades(found: str) -> UploadError:
    """The refusal of rows that are something else than trades. found: what tells so."""
    return UploadError(found, "a market is made of trades or bars", LEGAL)


def _objects(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The objects of a message that have a price and a size."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from _objects(one, depth + 1)
    elif isinstance(value, dict):
        names = [name for name, one in value.items() if not isinstance(one, dict | list)]
        if columns_of(names, "price") and _sizes(names):
            yield value
            return
        for one in value.values():
            yield from _objects(one, depth + 1)


def _sizes(names: Sequence[str]) -> list[int]:
    return columns_of(names, "size") or columns_of(names, "volume")


def _trade_ids(names: Sequence[str]) -> list[int]:
    """The positions of columns that number trades, and not rows of any kind."""
    return [at for at in columns_of(names, "id") if canonical(names[at]) not in ("id", "i", "a")]


def _is_text(column: Any) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _refuse_words(name: str, words: set[str], names: Sequence[str]) -> None:
    """Raise UploadError for a column whose words, in small letters, are those of orders.

    names: of all columns. One that orders alone have is enough beside one weak word.
    """
    bare = canonical(name)
    if bare not in _STATES:
        return
    plain = set(map(_plain, words))
    letters = {word.upper() for word in words if len(word) == 1}
    weak = plain & (_WEAK - _SESSION if bare == "state" else _WEAK)
    sure = bool(ORDER_NAMES.intersection(names))
    if plain & _OF_ORDERS or len(weak) + sure > 1 or ("A" in letters and letters & _BOOK_LETTERS):
        shown = ", ".join(sorted(words))[:60]
        raise no_trades(f"column {name!r} tells that these rows are orders, no trades: {shown}")


def _refuse_untraded(words: set[str]) -> None:
    """Raise UploadError where no row has traded. words: the status of each, in small letters, "" of
    one without; none where no column tells.
    """
    if words and words <= _UNTRADED:
        raise no_trades("the status of every row is that of an order that has not traded")


def _plain(word: str) -> str:
    return word.replace("_", "").replace(" ", "")
