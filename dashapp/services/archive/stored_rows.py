"""The rows of an export as tables: of a market in memory, or of a market in the archive.

Tables are yielded one bounded piece at a time, in a worker thread. Bars of archived ticks are
folded day by day, so that memory holds one day of them.
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
from storage.archive.archive import Archive, StoredSeries
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
        """The span of the ticks of the bars that open in this span; None where none opens."""
        length = TIMEFRAMES[timeframe]
        start, end = (
            None if bound is None else -(-bound // length) * length
            for bound in (self.start_ms, self.end_ms)
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
        at = np.flatnonzero(inside)  # bars ascend: those inside are contiguous
        return batch[int(at[0]) : int(at[-1]) + 1] if len(at) else batch[:0]


def ticks_of_market(
    market: Market, symbols: Sequence[str], limit: int | None, span: Span
) -> Iterator[Table]:
    """The ticks of a market in memory, symbol by symbol, each as it is when its turn comes.

    Call on the event loop; what is returned is for a worker thread.
    """
    ask = _Loop()
    batches = (ask(partial(market.ticks, symbol, limit)) for symbol in symbols)
    return (ticks_table(piece) for ticks in batches for piece in _pieces(span.of(ticks)))


def bars_of_market(
    market: Market, symbols: Sequence[str], timeframe: str, limit: int | None, span: Span
) -> Iterator[Table]:
    """The bars of a market in memory, as `ticks_of_market` gives the ticks."""
    ask = _Loop()

    def table(symbol: str) -> Table:
        bars = span.of(market.bars(symbol, timeframe, limit))
        return bars_table(bars, market.touched_by_gaps(bars), market.from_exchange(bars))

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
class ArchivedMarket:
    """A market of the archive, to be read. series: at least one, of the same kind."""

    archive: Archive
    series: tuple[StoredSeries, ...]

    @property
    def title(self) -> str:
        return self.series[0].title or self.series[0].market

    @property
    def kind(self) -> str:
        """ticks or bars: a market has one of them."""
        return self.series[0].kind

    @property
    def rows(self) -> int:
        """Ticks or bars of all its symbols."""
        return sum(series.rows for series in self.series)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(series.symbol for series in self.series))

    def of(self, symbol: str) -> StoredSeries:
        """The series of a symbol. Raises KeyError with a sentence."""
        for series in self.series:
            if series.symbol == symbol:
                return series
        known = ", ".join(self.symbols)
        raise KeyError(f"the archive has no {symbol!r} in {self.series[0].market}, only: {known}")

    def check(self, symbol: str, timeframe: str) -> None:
        """Raise ValueError for a timeframe that the stored rows do not fold into."""
        own = self.of(symbol).timeframe
        if own is not None and TIMEFRAMES[timeframe] % TIMEFRAMES[own]:
            raise ValueError(f"timeframe is {timeframe!r}, expected {own} or a multiple of it")

    def ticks(self, symbol: str, span: Span) -> Iterator[Ticks]:
        """A symbol's ticks, in the order in which they were stored."""
        key = self.series[0].market
        return self.archive.ticks(key, symbol, span.start_ms, span.end_ms)

    def base_bars(self, symbol: str, span: Span) -> Iterator[Bars]:
        """A symbol's bars as they were stored."""
        series = self.of(symbol)
        assert series.timeframe is not None
        span_ms = span.start_ms, span.end_ms
        return self.archive.bars(series.market, symbol, series.timeframe, *span_ms)

    def bars(self, symbol: str, timeframe: str, span: Span) -> Iterator[Bars]:
        """A symbol's bars of a timeframe, ascending: of ticks folded, of finer bars joined.

        Raises ValueError as `check` does.
        """
        self.check(symbol, timeframe)
        own = self.of(symbol).timeframe
        opening = span.opening(timeframe)
        for day in self._days(symbol, opening) if opening is not None else ():
            bars = self._day(symbol, timeframe, day, own)
            if len(bars):
                yield bars

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
        series = self.of(symbol)
        low = max(series.first_ts_ms, span.start_ms or 0)
        high = min(series.last_ts_ms + 1, span.end_ms if span.end_ms is not None else 1 << 62)
        for day in range(low // DAY_MS, (high - 1) // DAY_MS + 1 if high > low else 0):
            begin, end = day * DAY_MS, (day + 1) * DAY_MS
            start = begin if span.start_ms is None else max(begin, span.start_ms)
            yield Span(start, end if span.end_ms is None else min(end, span.end_ms))


async def archived_market(recorder: Recorder, key: str) -> ArchivedMarket | None:
    """A market of the archive with every row until now; None where there is none."""
    await recorder.writer.flush()
    series = tuple(row for row in await recorder.contents() if row.market == key)
    archive = recorder.writer.archive
    return ArchivedMarket(archive, series) if archive is not None and series else None


def ticks_of_archive(market: ArchivedMarket, symbols: Sequence[str], span: Span) -> Iterator[Table]:
    """The ticks of an archived market, symbol by symbol."""
    nothing = Ticks(symbols[0], *_NOTHING[:4])
    return _tables(symbols, lambda symbol: market.ticks(symbol, span), nothing)


def bars_of_archive(
    market: ArchivedMarket, symbols: Sequence[str], timeframe: str, span: Span
) -> Iterator[Table]:
    """The bars of an archived market, symbol by symbol."""
    nothing = no_bars(symbols[0], timeframe)
    return _tables(symbols, lambda symbol: market.bars(symbol, timeframe, span), nothing)


def no_bars(symbol: str, timeframe: str) -> Bars:
    """Bars without rows, for the header."""
    return Bars(symbol, timeframe, *_NOTHING)


def _tables(
    symbols: Sequence[str], read: Callable[[str], Iterator[Batch]], nothing: Batch
) -> Iterator[Table]:
    """One table a batch; one without rows where there is no batch."""
    empty = True
    for symbol in symbols:
        for batch in read(symbol):
            empty = False
            yield _table(batch)
    if empty:
        yield _table(nothing)


def _table(batch: Batch) -> Table:
    return ticks_table(batch) if isinstance(batch, Ticks) else bars_table(batch)
