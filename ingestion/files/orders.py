"""Rows that are orders and no trades: told by their columns, and by what stands in them.

The first rows of a table tell most of them; an `OrderWatch` looks at all the others as they come.
Raises UploadError, which says what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
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
from ingestion.files.numbers import Style, floats, style_of
from ingestion.files.plan import OrderColumns, Sample

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
    >>> order_columns(["time", "action", "price", "size"], size=3).words
    (1,)
    """
    bare = [canonical(name) for name in names]
    state, numbered = None, bool(_trade_ids(names))
    if _ORDER_NAMES.intersection(bare) and not numbered:
        state = next((at for at, name in enumerate(bare) if name in _STATUS), None)
    filled = tuple(at for at, name in enumerate(bare) if name in _FILLED and at != size)
    words = tuple(
        at for at, name in enumerate(bare) if name in _STATES and not (numbered and name in _STATUS)
    )
    none = not words and not filled
    return None if none else OrderColumns(tuple(names), size, state, filled, words)


class OrderWatch:
    """Looks at rows as they come for what tells that they are orders.

    told: their columns, None where nothing in them tells. style: of their numbers.
    """

    def __init__(self, told: OrderColumns | None, style: Style | None = None) -> None:
        self._told = told
        self._style = style or Style()
        self._words: dict[int, set[str]] = {at: set() for at in told.words} if told else {}
        self._other_words = False
        self._filled = {at: _Filled() for at in told.filled} if told else {}

    def look(self, rows: Rows) -> None:
        """Look at the next rows. Raises UploadError where the words until now are of orders."""
        told = self._told
        if told is None or not len(rows):
            return
        for at in told.words:
            if _is_text(rows.columns[at]):
                self.look_at_words(at, pc.unique(rows.columns[at].cast(pa.string())).to_pylist())
        for at in told.filled:
            size, filled = (floats(rows.columns[one], self._style)[0] for one in (told.size, at))
            self.look_at_filled(at, size, filled)

    def look_at_words(self, at: int, found: Iterable[str | None]) -> None:
        """Look at the words that stand in a column. Raises as `look`."""
        assert self._told is not None
        words = {(word or "").strip().lower() for word in found}
        known = {word for word in words if _plain(word) in _KNOWN}
        if at == self._told.state:
            self._other_words = self._other_words or known != words
        known |= {word for word in words if len(word) == 1}
        if not known <= self._words[at]:
            self._words[at] |= known
            _refuse_words(self._told.names[at], self._words[at], self._told.names)

    def look_at_filled(self, at: int, size: FloatArray, filled: FloatArray) -> None:
        """Look at how much has traded of the next rows, of which size each."""
        self._filled[at].take(size, filled)

    def finish(self, some: bool = False) -> None:
        """Raise UploadError where not one row has traded, or less of many than their size.

        some: whether there are rows beside these.
        """
        told = self._told
        if told is None:
            return
        for at, filled in self._filled.items():
            filled.refuse(told.names[at], told.names[told.size])
        if told.state is not None and not self._other_words:
            _refuse_untraded(self._words[told.state], some)


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
    objects = [row for message in messages for row in objects_in(message)]
    names = list(dict.fromkeys(name for row in objects for name in row))
    sizes = sizes_of(names)
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


def objects_in(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The objects of a message that have a price and a size."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from objects_in(one, depth + 1)
    elif isinstance(value, dict):
        if _are_of_a_trade(
            tuple(k for k, one in value.items() if not isinstance(one, dict | list))
        ):
            yield value
            return
        for one in value.values():
            yield from objects_in(one, depth + 1)


@lru_cache(maxsize=1_000)
def _are_of_a_trade(names: tuple[str, ...]) -> bool:
    """Whether there is a price and a size among names: many objects have the same."""
    return bool(columns_of(names, "price") and sizes_of(names))


def sizes_of(names: Sequence[str]) -> list[int]:
    """The positions of columns that may be the sizes of trades, the best first."""
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


def _refuse_untraded(words: set[str], some: bool = False) -> None:
    """Raise UploadError where no row has traded. words: the status of each, in small letters, "" of
    one without; none where no column tells. some: whether there are other rows.
    """
    if words and words <= _UNTRADED:
        which = "every row that has one" if some else "every row"
        raise no_trades(f"the status of {which} is that of an order that has not traded")


def tells_of_orders(name: str) -> bool:
    """Whether a name is one by which `order_columns` tells orders from trades.

    >>> tells_of_orders("Order Status"), tells_of_orders("executedQty"), tells_of_orders("price")
    (True, True, False)
    """
    bare = canonical(name)
    return bare in _STATES or bare in _FILLED


def _plain(word: str) -> str:
    return word.replace("_", "").replace(" ", "")
