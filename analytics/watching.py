"""The z-score of many pairs at their newest bars, read again and again while prices move.

The same figures, to the bit, as `analytics.readings.pair_readings` has. What the pairs share is
made once for all of them: the rows of a leg that stands in twenty pairs, and its logarithms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from analytics._known_lines import known_at
from analytics._pair_parts import TradedRows, traded_rows
from analytics.alignment import align, first_fall
from analytics.model import Bars, BoolArray, FloatArray, IntArray, PairParams, frozen

_Clocks = dict[tuple[int, int, int], list[IntArray]]


@dataclass(frozen=True, eq=False)
class PairView:
    """The rows of a pair whose legs have bars at the same times. Made by `pair_view`."""

    params: PairParams
    rows: TradedRows


class Legs:
    """What pairs share that are read together: of each leg, and of each number of rows, once.

    >>> closes = np.arange(50.0) + 1.0
    >>> leg = Bars("A", "1s", np.arange(50) * 1_000, *[closes] * 5, np.arange(50), closes)
    >>> Legs().logs(leg)[:2].round(2).tolist()
    [0.0, 0.69]
    """

    def __init__(self) -> None:
        self.tail: Callable[[Bars, int], Bars] = cache(Bars.tail)
        self.plain: Callable[[Bars], bool] = cache(_is_plain)
        self.times: Callable[[Bars], IntArray] = cache(partial(_times, {}))
        self.logs: Callable[[Bars], FloatArray | None] = cache(_logs)
        self.places: Callable[[int, int], tuple[IntArray, BoolArray]] = cache(_places)

    def rows(self, y: Bars, x: Bars, params: PairParams) -> TradedRows | None:
        """The rows of legs with bars at the same times, as `traded_rows` makes them.

        None where that has to look at them.
        """
        if y.timeframe != x.timeframe or not (self.plain(y) and self.plain(x)):
            return None
        own_y, own_x = y.close, x.close
        if params.price_space == "log":
            log_y, log_x = self.logs(y), self.logs(x)
            if log_y is None or log_x is None:
                return None
            own_y, own_x = log_y, log_x
        reach, every = self.places(len(y), params.limit)
        return TradedRows(y.ts_ms, y.close, x.close, own_y, own_x, reach, 0, every)


def _times(clocks: _Clocks, bars: Bars) -> IntArray:
    """The times of bars, shape (n,); the same array for all legs that have the same ones.

    clocks: those known so far, by their length and ends.
    """
    times = bars.ts_ms
    alike = clocks.setdefault((len(times), times.item(0), times.item(-1)), [])
    for clock in alike:
        if np.array_equal(clock, times):
            return clock
    alike.append(times)
    return times


def _is_plain(bars: Bars) -> bool:
    """Whether times rise and every close is a number."""
    return not first_fall(bars.ts_ms) and bool(np.isfinite(bars.close).all())


def _logs(bars: Bars) -> FloatArray | None:
    """The logarithms of the closes, None where one has none."""
    if not (bars.close > 0.0).all():
        return None
    return frozen(np.log(bars.close), np.float64)


def _places(count: int, limit: int) -> tuple[IntArray, BoolArray]:
    """The first row of the view that ends at each row, and that each of the rows is there."""
    every = np.ones(count, np.bool_)
    return np.maximum(np.arange(count) - (limit - 1), 0), frozen(every, np.bool_)


def pair_view(
    y_bars: Bars, x_bars: Bars, params: PairParams, legs: Legs | None = None
) -> PairView | None:
    """The rows of a pair's legs, shape (n,), whose bars are at the same times.

    legs: of the pairs that are read together; None for this one alone. None, so that
    `pair_readings` must read the pair, where a leg has a bar without the other, where the
    activity filter is on, and where a price has no logarithm. Raises ParameterError, a
    ValueError, for bars whose times fall or repeat.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> legs = bars("A", np.arange(50.0) + 9.0), bars("B", np.arange(50.0) + 1.0)
    >>> pair_view(*legs, PairParams("A", "B")).rows.ts_ms.shape
    (50,)
    """
    n = min(len(y_bars), len(x_bars))
    if params.filtered or not n:
        return None
    legs = legs or Legs()
    y, x = legs.tail(y_bars, n), legs.tail(x_bars, n)
    if legs.times(y) is not legs.times(x):
        return None
    rows = legs.rows(y, x, params)
    if rows is None:
        rows = traded_rows(align(y, x), params)
    return PairView(params, rows) if len(rows) == n else None


def view_readings(view: PairView, ends_ms: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """z and hedge ratio at bars of a view, each as it was known at its close; shape (k,) each.

    ends_ms: open times, ascending, of bars of the view; NaN for any other, and where the rows up
    to a bar are too few. The bars before them must be those that `pair_readings` asks for.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> view_readings(pair_view(y, x, PairParams("A", "B")), [99_000])[0].round(3)
    array([-1.358])
    """
    return known_at(view.rows, view.params, np.asarray(ends_ms, dtype=np.int64))
