"""Where the rows of an export come from: a market in memory, or a stretch of the archive.

Each source yields tables, a bounded piece at a time, in a worker thread. The bars of archived
ticks are folded day by day, so that they need no more memory than a day of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from analytics.bars import BarBuilder, aggregate
from analytics.model import TIMEFRAMES, Bars, Ticks
from dashapp.services.archive.recorder import Recorder
from ingestion.replay import Batch
from storage.archive.archive import Archive, Holding
from storage.export.tables import Table, bars_table, ticks_table
from storage.market.market import Market

DAY_MS = 86_400_000
PIECE = 65_536
#: Seconds that a worker thread waits for the event loop.
ANSWER_S = 30.0

_Answer = TypeVar("_Answer")
_NOTHING: Any = [np.empty(0)] * 8


@dataclass(frozen=True)
class Span:
    """Rows of start_ms <= ts_ms < end_ms; None where it is open."""

    start_ms: int | None = None
    end_ms: int | None = None

    def __post_init__(self) -> None:
        start, end = self.start_ms, self.end_ms
        if start is not None and end is not None and end <= start:
            raise ValueError(f"end_ms is {end}, expected later than start_ms, {start}")

    def opening(self, timeframe: str) -> Span | None:
        """The ticks of the bars that open in the span, None where none does."""
        length = TIMEFRAMES[timeframe]
        start, end = (
            None if one is None else -(-one // length) * length
            for one in (self.start_ms, self.end_ms)
        )
        return None if start is not None and start == end else Span(start, end)

    def of(self, batch: Batch) -> Any:
        """The rows of a batch that are in the span, in their order, as the same kind."""
        if self.start_ms is None and self.end_ms is None:
            return batch
        low = 0 if self.start_ms is None else self.start_ms
        high = np.iinfo(np.int64).max if self.end_ms is None else self.end_ms
        inside = (batch.ts_ms >= low) & (batch.ts_ms < high)
        if isinstance(batch, Ticks):
            return batch[inside]
        at = np.flatnonzero(inside)  # bars ascend: those inside stand side by side
        return batch[int(at[0]) : int(at[-1]) + 1] if len(at) else batch[:0]


def ticks_of_market(
    market: Market, symbols: Sequence[str], limit: int | None, span: Span
) -> Iterator[Table]:
    """The ticks of a market in memory, symbol by symbol, each as it is when its turn comes.

    Call on the event loop; what is returned is for a worker thread.
    """
    ask = _Loop()
    held = (ask(partial(market.ticks, symbol, limit)) for symbol in symbols)
    return (ticks_table(piece) for one in held for piece in _pieces(span.of(one)))


def bars_of_market(
    market: Market, symbols: Sequence[str], timeframe: str, limit: int | None, span: Span
) -> Iterator[Table]:
    """The bars of a market in memory, as `ticks_of_market` gives the ticks."""
    ask = _Loop()

    def table(symbol: str) -> Table:
        held = span.of(market.bars(symbol, timeframe, limit))
        return bars_table(held, market.touched_by_gaps(held))

    return (ask(partial(table, symbol)) for symbol in symbols)


class _Loop:
    """Asks the event loop, which owns all markets, from a worker thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __call__(self, ask: Callable[[], _Answer]) -> _Answer:
        async def answer() -> _Answer:
            return ask()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(ANSWER_S)


def _pieces(batch: Ticks) -> Iterator[Ticks]:
    for begin in range(0, max(len(batch), 1), PIECE):
        yield batch[begin : begin + PIECE]


@dataclass(frozen=True)
class Kept:
    """A market of the archive, to be read. held: what is there of it, at least one holding."""

    archive: Archive
    held: tuple[Holding, ...]

    @property
    def title(self) -> str:
        return self.held[0].title or self.held[0].market

    @property
    def kind(self) -> str:
        """ticks or bars: a market has one of them."""
        return self.held[0].kind

    @property
    def rows(self) -> int:
        """Ticks or bars of all its symbols."""
        return sum(one.rows for one in self.held)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.symbol for one in self.held))

    def of(self, symbol: str) -> Holding:
        """What is there of a symbol. Raises KeyError in words."""
        for one in self.held:
            if one.symbol == symbol:
                return one
        known = ", ".join(self.symbols)
        raise KeyError(f"the archive has no {symbol!r} in {self.held[0].market}, only: {known}")

    def check(self, symbol: str, timeframe: str) -> None:
        """Raises ValueError for a timeframe that cannot be made of what is there."""
        own = self.of(symbol).timeframe
        if own is not None and TIMEFRAMES[timeframe] % TIMEFRAMES[own]:
            raise ValueError(f"timeframe is {timeframe!r}, expected {own} or a multiple of it")

    def ticks(self, symbol: str, span: Span) -> Iterator[Ticks]:
        """A symbol's ticks, in the order in which they were stored."""
        key = self.held[0].market
        return self.archive.ticks(key, symbol, span.start_ms, span.end_ms)

    def base_bars(self, symbol: str, span: Span) -> Iterator[Bars]:
        """A symbol's bars as they were stored."""
        one = self.of(symbol)
        assert one.timeframe is not None
        return self.archive.bars(one.market, symbol, one.timeframe, span.start_ms, span.end_ms)

    def bars(self, symbol: str, timeframe: str, span: Span) -> Iterator[Bars]:
        """A symbol's bars of a timeframe, ascending: of ticks folded, of finer bars joined.

        Raises ValueError as `check` does.
        """
        self.check(symbol, timeframe)
        own = self.of(symbol).timeframe
        opened = span.opening(timeframe)
        for day in self._days(symbol, opened) if opened is not None else ():
            made = self._day(symbol, timeframe, day, own)
            if len(made):
                yield made

    def _day(self, symbol: str, timeframe: str, day: Span, own: str | None) -> Bars:
        if own is None:
            length = max((day.end_ms or 0) - (day.start_ms or 0), 1)
            builder = BarBuilder(symbol, timeframe, length // TIMEFRAMES[timeframe] + 1)
            for batch in self.ticks(symbol, day):
                builder.update(batch)
            return builder.bars()
        parts = list(self.base_bars(symbol, day))
        return aggregate(Bars.concat(parts), timeframe) if parts else no_bars(symbol, timeframe)

    def _days(self, symbol: str, span: Span) -> Iterator[Span]:
        """The UTC days of a symbol within a span, its first and last cut to it."""
        one = self.of(symbol)
        low = max(one.first_ts_ms, span.start_ms or 0)
        high = min(one.last_ts_ms + 1, span.end_ms if span.end_ms is not None else 1 << 62)
        for day in range(low // DAY_MS, (high - 1) // DAY_MS + 1 if high > low else 0):
            begin, end = day * DAY_MS, (day + 1) * DAY_MS
            start = begin if span.start_ms is None else max(begin, span.start_ms)
            yield Span(start, end if span.end_ms is None else min(end, span.end_ms))


async def kept_of(recorder: Recorder, key: str) -> Kept | None:
    """A market of the archive with all that came until now; None where there is none."""
    await recorder.writer.flush()
    held = tuple(one for one in await recorder.contents() if one.market == key)
    archive = recorder.writer.archive
    return Kept(archive, held) if archive is not None and held else None


def ticks_of_archive(kept: Kept, symbols: Sequence[str], span: Span) -> Iterator[Table]:
    """The ticks of an archived market, symbol by symbol."""
    nothing = Ticks(symbols[0], *_NOTHING[:4])
    return _tables(symbols, lambda symbol: kept.ticks(symbol, span), nothing)


def bars_of_archive(
    kept: Kept, symbols: Sequence[str], timeframe: str, span: Span
) -> Iterator[Table]:
    """The bars of an archived market, symbol by symbol."""
    nothing = no_bars(symbols[0], timeframe)
    return _tables(symbols, lambda symbol: kept.bars(symbol, timeframe, span), nothing)


def no_bars(symbol: str, timeframe: str) -> Bars:
    """Bars without rows, for the header."""
    return Bars(symbol, timeframe, *_NOTHING)


def _tables(
    symbols: Sequence[str], read: Callable[[str], Iterator[Batch]], nothing: Batch
) -> Iterator[Table]:
    """A table a batch; where there is none at all, one without rows."""
    found = False
    for symbol in symbols:
        for batch in read(symbol):
            found = True
            yield _table(batch)
    if not found:
        yield _table(nothing)


def _table(batch: Batch) -> Table:
    return ticks_table(batch) if isinstance(batch, Ticks) else bars_table(batch)
