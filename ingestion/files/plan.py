"""What the columns of a file are: a `Plan`, and the sample of rows that it is told by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pyarrow as pa

from analytics.model import FloatArray, IntArray
from ingestion.files.errors import Answers
from ingestion.files.numbers import Style, floats, style_of
from ingestion.files.timeforms import Reading, times

Cells = Sequence[str]


@dataclass(frozen=True)
class Group:
    """The columns of one symbol: meaning -> position. symbol: None where rows or names tell."""

    symbol: str | None
    parts: dict[str, int]


@dataclass(frozen=True)
class OrderColumns:
    """The positions of columns that tell of orders. names: of all columns; size: of the sizes.

    state: what became of an order, where the columns are those of orders. filled: how much of it
    has traded. words: those whose words may be of orders, of the state among them.
    """

    names: tuple[str, ...]
    size: int
    state: int | None = None
    filled: tuple[int, ...] = ()
    words: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What the columns of a file are.

    width: cells of a row. time: the position of the times, and of a clock beside dates. symbol,
    venue, event: positions of columns that tell the symbol, the exchange, and what a row is.
    trades_alone: whether rows that are trades say so, so that all others are none.
    liquidated: whether a row that is LIQUIDATED is a trade, since others are LIMIT, which tells how
    each trade came about. orders: the columns that tell of orders. offset: the hours from UTC of
    each row. close_labels: whether times are those at which bars end. undecided:
    whether rows yet to come may tell day from month. timeframe: the one that was asked for, where a
    column names several. notes: what was assumed, for the report.
    """

    kind: Literal["ticks", "bars"]
    width: int
    time: tuple[int, ...]
    groups: tuple[Group, ...]
    reading: Reading = field(default_factory=Reading)
    style: Style = field(default_factory=Style)
    symbol: int | None = None
    venue: int | None = None
    event: int | None = None
    trades_alone: bool = False
    liquidated: bool = False
    orders: OrderColumns | None = None
    offset: int | None = None
    close_labels: bool = False
    undecided: bool = False
    timeframe: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[int]:
        """The positions of the columns that are read, ascending."""
        found = {*self.time, *(at for group in self.groups for at in group.parts.values())}
        others = [self.symbol, self.venue, self.event, self.offset]
        if self.orders is not None:
            others += [*self.orders.words, *self.orders.filled]
        found |= {at for at in others if at is not None}
        return sorted(found)

    def decided(self, dayfirst: bool) -> Plan:
        """The same, now that it is known whether the day stands first."""
        return replace(self, reading=replace(self.reading, dayfirst=dayfirst), undecided=False)


@dataclass(frozen=True)
class Sample:
    """The beginning of a table. names: levels of each column's name, none without a header.

    file: its name. above: what stands above the header.
    """

    names: Sequence[tuple[str, ...]]
    rows: Sequence[Cells]
    file: str
    answers: Answers = field(default_factory=Answers)
    delimiter: str = ""
    above: str = ""

    def cells(self, position: int) -> list[str]:
        """The cells of a column that are not empty."""
        found = (row[position].strip() for row in self.rows if position < len(row))
        return [cell for cell in found if cell]

    def floats(self, position: int) -> FloatArray:
        """The numbers of a column, NaN where there is none."""
        cells = [row[position] if position < len(row) else "" for row in self.rows]
        return floats(pa.array(cells, pa.string()), style_of(cells, self.delimiter))[0]

    def times(self, plan: Plan) -> IntArray:
        """The times of the rows, as a plan has them."""
        cells = [
            " ".join(row[at].strip() for at in plan.time if at < len(row)) for row in self.rows
        ]
        reading = replace(plan.reading, dayfirst=bool(plan.reading.dayfirst))
        return times(pa.array(cells, pa.string()), reading)
