"""The bar book: the bars of every symbol and timeframe, updated by each batch in O(new ticks)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics.bars import MAX_BARS, BarBuilder, timeframe_ms
from analytics.model import TIMEFRAMES, Bars, BoolArray, Ticks
from storage.market.bar_series import BarSeries
from storage.market.past import Past

#: Views of a symbol that are kept: of each timeframe a few limits.
_VIEWS = 32
_FINEST = min(TIMEFRAMES, key=timeframe_ms)


@dataclass(eq=False)
class _Built:
    """The bars of one symbol that are made of its ticks.

    by_timeframe: the finest first. session: a bar of all ticks. waiting: so many of the newest
    ticks are in the finest bars alone.
    """

    by_timeframe: dict[str, BarBuilder]
    session: BarBuilder
    waiting: int = 0


class BarBook:
    """Bars by symbol and timeframe: built from ticks, or taken as they are.

    A symbol is fed by ticks or by bars, not by both. Bars may come at several timeframes; one
    that did not come is made of the coarsest that divides it.

    newest: gives so many of a symbol's newest ticks, up to most_waiting of them, while the next
    batch is appended and after it. With it a batch goes into the finest bars alone, and the
    coarser ones are made when they are read, or when most_waiting ticks wait for that.

    >>> book = BarBook()
    >>> book.append(Ticks("ETHUSDT", [1_000, 2_500], [10.0, 12.0], [1.0, 1.0], [-1, -1]))
    >>> book.bars("ETHUSDT", "1s").close.tolist(), book.bars("ETHUSDT", "1m").trades.tolist()
    ([10.0, 12.0], [2])
    """

    def __init__(
        self,
        max_bars: int = MAX_BARS,
        newest: Callable[[str, int], Ticks] | None = None,
        most_waiting: int = 0,
    ) -> None:
        self.max_bars = max_bars
        self._newest = newest
        self._most_waiting = 0 if newest is None else most_waiting
        self._built: dict[str, _Built] = {}
        self._series: dict[str, dict[str, BarSeries]] = {}
        self._past: dict[str, Past] = {}
        self._views: dict[str, dict[tuple[str, int | None], Bars]] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols held, those fed by ticks first."""
        return (*self._built, *self._series)

    def append(self, ticks: Ticks) -> BoolArray | None:
        """Fold a batch into every timeframe.

        Returns a mask of the ticks that changed no bar, older than the oldest bar kept at
        every timeframe, or None where there are none. A coarser timeframe reaches further
        back, so such a tick is one that the coarsest refused.

        Raises ValueError as BarBuilder.update does, and where the symbol is fed by bars.
        """
        if ticks.symbol in self._series:
            raise ValueError(f"{ticks.symbol} is fed by bars, expected no ticks for it")
        built = self._begin(ticks.symbol)
        finest, *coarser = built.by_timeframe.values()
        finest.update(ticks)
        self._views.pop(ticks.symbol, None)
        refused = finest.refused
        if built.waiting + len(ticks) > self._most_waiting or refused is not None:
            self._settle(ticks.symbol, built)
        if len(ticks) <= self._most_waiting and refused is None:
            built.waiting += len(ticks)
            return None
        for builder in coarser:
            builder.update(ticks)
            if refused is not None:
                refused = refused & builder.refused if builder.refused is not None else None
        built.session.update(ticks if refused is None else ticks[~refused])
        return refused

    def _settle(self, symbol: str, built: _Built) -> None:
        """Fold what waits into the coarser bars."""
        if not built.waiting or self._newest is None:
            return
        ticks, built.waiting = self._newest(symbol, built.waiting), 0
        for name, builder in built.by_timeframe.items():
            if name != _FINEST:
                builder.update(ticks)
        built.session.update(ticks)

    def session(self, symbol: str) -> BarBuilder | None:
        """The bar of all ticks of a symbol; None where none came."""
        built = self._built.get(symbol)
        if built is None:
            return None
        self._settle(symbol, built)
        return built.session if len(built.session) else None

    def past(self, symbol: str) -> Past:
        """What an exchange says of a symbol's bars before its ticks; begun where there is none.

        Call `changed` after each change of it. Raises ValueError where it is fed by bars.
        """
        if symbol in self._series:
            raise ValueError(f"{symbol} is fed by bars, expected ticks for it")
        self._begin(symbol)
        if symbol not in self._past:
            self._past[symbol] = Past(self.max_bars)
        return self._past[symbol]

    def changed(self, symbol: str) -> None:
        """The past of a symbol has changed."""
        self._views.pop(symbol, None)

    def from_exchange(self, bars: Bars) -> BoolArray:
        """Which of a symbol's bars are the exchange's own."""
        if bars.symbol in self._past:
            return self._past[bars.symbol].held(bars)
        return np.zeros(len(bars), np.bool_)

    def _begin(self, symbol: str) -> _Built:
        """A symbol's builders, new ones where there are none."""
        built = self._built.get(symbol)
        if built is None:
            names = sorted(TIMEFRAMES, key=timeframe_ms)
            builders = {name: BarBuilder(symbol, name, self.max_bars) for name in names}
            built = self._built[symbol] = _Built(builders, BarBuilder.whole_session(symbol))
        return built

    def append_bars(self, bars: Bars) -> tuple[int, int]:
        """Take bars as they are; returns how many were duplicate, and late (see BarSeries).

        Raises ValueError where the symbol is fed by ticks.
        """
        if bars.symbol in self._built:
            raise ValueError(f"{bars.symbol} is fed by ticks, expected no bars for it")
        timeframe_ms(bars.timeframe)
        held = self._series.setdefault(bars.symbol, {})
        series = held.get(bars.timeframe)
        if series is None:
            series = held[bars.timeframe] = BarSeries(bars, self.max_bars)
        return series.append(bars)

    def nbytes(self, symbol: str) -> int:
        """Memory of a symbol's bars, and of what was read of them and is kept."""
        parts = (self._builders(symbol), self._series.get(symbol, {}), self._views.get(symbol, {}))
        past = self._past.get(symbol)
        used = sum(bars.nbytes for held in parts for bars in held.values())
        return used + (0 if past is None else past.nbytes)

    def keep(self, symbol: str, max_bars: int) -> None:
        """Keep a symbol's newest `max_bars` of each timeframe from now on."""
        for builder in self._builders(symbol).values():
            builder.keep(max_bars)
        for series in self._series.get(symbol, {}).values():
            series.keep(max_bars)
        if symbol in self._past:
            self._past[symbol].keep(max_bars)
        self.changed(symbol)

    def timeframes(self, symbol: str) -> tuple[str, ...]:
        """Timeframes of a symbol: all for ticks, else those that came and the multiples of
        them, finest first.
        """
        if symbol in self._built:
            return tuple(TIMEFRAMES)
        came = sorted(self._of_bars(symbol), key=timeframe_ms)
        own = timeframe_ms(came[0])
        listed = (name for name, ms in TIMEFRAMES.items() if ms > own and ms % own == 0)
        return tuple(sorted(dict.fromkeys((*came, *listed)), key=timeframe_ms))

    def bars(self, symbol: str, timeframe: str, limit: int | None = None) -> Bars:
        """The newest `limit` bars (None: all), read-only, cheap to ask for again.

        Raises KeyError for an unknown symbol, ValueError for a timeframe it does not have.
        """
        built = self._built.get(symbol)
        legal = self.timeframes(symbol) if built is None else TIMEFRAMES
        if timeframe not in legal:
            raise ValueError(f"timeframe is {timeframe!r}, expected one of {', '.join(legal)}")
        if built is not None:
            if timeframe != _FINEST:
                self._settle(symbol, built)
            if symbol in self._past:
                return self._joined(symbol, timeframe, limit)
            return built.by_timeframe[timeframe].bars(limit)
        return self._source(symbol, timeframe).bars(timeframe).tail(limit)

    def amended(self, symbol: str) -> int:
        """Ticks of a symbol that changed a bar, at the finest timeframe, other than the newest."""
        return self._built[symbol].by_timeframe[_FINEST].amended

    def _builders(self, symbol: str) -> dict[str, BarBuilder]:
        built = self._built.get(symbol)
        return {} if built is None else built.by_timeframe

    def _joined(self, symbol: str, timeframe: str, limit: int | None) -> Bars:
        """The bars of ticks behind those of the exchange; kept until one of them changes."""
        views, key = self._views.setdefault(symbol, {}), (timeframe, limit)
        if key in views:
            return views[key]
        past, builder = self._past[symbol], self._built[symbol].by_timeframe[timeframe]
        if limit is not None:
            view = builder.bars(limit)  # kept there
            if len(view) == limit and view.ts_ms[0] >= past.seam_ms(timeframe):
                return view

        def finer(name: str, from_ms: int) -> Bars:
            count = timeframe_ms(timeframe) // timeframe_ms(name) + 1
            newest = self._joined(symbol, name, None)
            begin = int(np.searchsorted(newest.ts_ms, from_ms))
            return newest[begin : begin + count]

        view = past.join(timeframe, builder.bars(), finer).tail(
            self.max_bars if limit is None else limit
        )
        if len(views) >= _VIEWS:
            views.clear()
        views[key] = view
        return view

    def _source(self, symbol: str, timeframe: str) -> BarSeries:
        """The coarsest of the timeframes that came of which this one can be made."""
        length, came = timeframe_ms(timeframe), self._of_bars(symbol)
        usable = [name for name in came if length % timeframe_ms(name) == 0]
        return came[max(usable, key=timeframe_ms)]

    def _of_bars(self, symbol: str) -> dict[str, BarSeries]:
        series = self._series.get(symbol)
        if series is None:
            known = ", ".join(self.symbols) or "none"
            raise KeyError(f"no symbol {symbol!r}: there is {known}")
        return series
