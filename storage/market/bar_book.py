"""The bar book: the bars of every symbol and timeframe, updated by each batch in O(new ticks)."""

from __future__ import annotations

import numpy as np

from analytics.bars import MAX_BARS, BarBuilder, aggregate, timeframe_ms
from analytics.model import BAR_COLUMNS, TIMEFRAMES, Bars, BoolArray, Ticks


class BarSeries:
    """Bars of one symbol that came as bars (an OHLC file), ascending and bounded.

    A bar at a time already held replaces it. The newest `max_bars` are kept.
    """

    def __init__(self, first: Bars, max_bars: int = MAX_BARS) -> None:
        self.max_bars = max_bars
        self.base = first.tail(0)
        self._views: dict[str, Bars] = {}

    def append(self, bars: Bars) -> tuple[int, int]:
        """Merge a batch in any order of time; return how many were duplicate, and late.

        Duplicate: equal in every column to the bar held at its time, or to one before it
        in the batch. Late: older than the oldest bar held, when no more fit.

        Raises ValueError when they are of another timeframe.
        """
        if bars.timeframe != self.base.timeframe:
            raise ValueError(f"bars are of {bars.timeframe}, expected {self.base.timeframe}")
        if not len(bars):
            return 0, 0
        base = self.base
        if len(base) and bars.ts_ms[0] > base.ts_ms[-1] and (np.diff(bars.ts_ms) > 0).all():
            self._follow(bars)
            return 0, 0
        late = np.zeros(len(bars), np.bool_)
        if len(base) >= self.max_bars:
            late = bars.ts_ms < base.ts_ms[0]
        both = Bars.concat([base, bars[~late]])
        both = both[np.argsort(both.ts_ms, kind="stable")]
        same_time = both.ts_ms[1:] == both.ts_ms[:-1]
        equal = same_time.copy()
        for name in BAR_COLUMNS[1:]:
            column = getattr(both, name)
            newer, older = column[1:], column[:-1]
            equal &= (newer == older) | ((newer != newer) & (older != older))  # NaN is NaN
        self.base = both[np.flatnonzero(np.r_[~same_time, True])[-self.max_bars :]]
        self._views.clear()
        return int(equal.sum()), int(late.sum())

    def _follow(self, bars: Bars) -> None:
        """Take bars that all come after those held, as a replay's do: nothing is to be sorted."""
        newest = bars.tail(self.max_bars)
        kept = self.base.tail(self.max_bars - len(newest))
        self.base = Bars.concat([kept, newest])
        self._views.clear()

    def bars(self, timeframe: str) -> Bars:
        """All bars at a timeframe; kept until the next append."""
        view = self._views.get(timeframe)
        if view is None:
            view = self._views[timeframe] = aggregate(self.base, timeframe)
        return view


class BarBook:
    """Bars by symbol and timeframe: built from ticks, or taken as they are.

    A symbol is fed by ticks or by bars, not by both.

    >>> book = BarBook()
    >>> book.append(Ticks("ETHUSDT", [1_000, 2_500], [10.0, 12.0], [1.0, 1.0], [-1, -1]))
    >>> book.bars("ETHUSDT", "1s").close.tolist(), book.bars("ETHUSDT", "1m").trades.tolist()
    ([10.0, 12.0], [2])
    """

    def __init__(self, max_bars: int = MAX_BARS) -> None:
        self.max_bars = max_bars
        self._builders: dict[str, dict[str, BarBuilder]] = {}
        self._series: dict[str, BarSeries] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols held, those fed by ticks first."""
        return (*self._builders, *self._series)

    def append(self, ticks: Ticks) -> BoolArray | None:
        """Fold a batch into every timeframe.

        Returns a mask of the ticks that changed no bar, older than the oldest bar kept at
        every timeframe, or None where there are none. A coarser timeframe reaches further
        back, so such a tick is one that the coarsest refused.

        Raises ValueError as BarBuilder.update does, and where the symbol is fed by bars.
        """
        if ticks.symbol in self._series:
            raise ValueError(f"{ticks.symbol} is fed by bars, expected no ticks for it")
        builders = self._builders.get(ticks.symbol)
        if builders is None:
            builders = self._builders[ticks.symbol] = {
                name: BarBuilder(ticks.symbol, name, self.max_bars) for name in TIMEFRAMES
            }
        refused: BoolArray | None = None
        for number, builder in enumerate(builders.values()):
            builder.update(ticks)
            if number == 0:
                refused = builder.refused
            elif refused is not None:
                refused = refused & builder.refused if builder.refused is not None else None
        return refused

    def append_bars(self, bars: Bars) -> tuple[int, int]:
        """Take bars as they are; returns how many were duplicate, and late (see BarSeries).

        Raises ValueError where the symbol is fed by ticks or holds another timeframe.
        """
        if bars.symbol in self._builders:
            raise ValueError(f"{bars.symbol} is fed by ticks, expected no bars for it")
        series = self._series.get(bars.symbol)
        if series is None:
            timeframe_ms(bars.timeframe)
            series = self._series[bars.symbol] = BarSeries(bars, self.max_bars)
        return series.append(bars)

    def timeframes(self, symbol: str) -> tuple[str, ...]:
        """Timeframes of a symbol: all for ticks, else its own and the multiples of it."""
        if symbol in self._builders:
            return tuple(TIMEFRAMES)
        name = self._of_bars(symbol).base.timeframe
        own = timeframe_ms(name)
        return (name, *(other for other, ms in TIMEFRAMES.items() if ms > own and ms % own == 0))

    def bars(self, symbol: str, timeframe: str, limit: int | None = None) -> Bars:
        """The newest `limit` bars (None: all), read-only, cheap to ask for again.

        Raises KeyError for an unknown symbol, ValueError for a timeframe it does not have.
        """
        legal = self.timeframes(symbol)
        if timeframe not in legal:
            raise ValueError(f"timeframe is {timeframe!r}, expected one of {', '.join(legal)}")
        if symbol in self._builders:
            return self._builders[symbol][timeframe].bars(limit)
        return self._series[symbol].bars(timeframe).tail(limit)

    def amended(self, symbol: str) -> int:
        """Ticks of a symbol that changed a bar, at the finest timeframe, other than the newest."""
        builders = self._builders[symbol]
        return builders[min(builders, key=timeframe_ms)].amended

    def _of_bars(self, symbol: str) -> BarSeries:
        series = self._series.get(symbol)
        if series is None:
            known = ", ".join(self.symbols) or "none"
            raise KeyError(f"no symbol {symbol!r}: there is {known}")
        return series
