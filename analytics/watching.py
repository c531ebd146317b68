"""The z-score of a pair at its newest bars, read again and again while its prices move.

The same figures, to the bit, as `analytics.readings.pair_readings` has. The legs' rows are kept
from one reading to the next, so that a price that moves within a bar costs a quarter: for
hundreds of pairs that are watched at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analytics._known_lines import known_lines
from analytics._pair_parts import TradedRows, traded_rows
from analytics.alignment import align
from analytics.model import Bars, FloatArray, IntArray, PairParams, frozen


@dataclass(frozen=True, eq=False)
class PairView:
    """A pair's legs on the same bars, with the rows made of them. Made by `pair_view`."""

    params: PairParams
    y: Bars
    x: Bars
    rows: TradedRows


def pair_view(
    y_bars: Bars, x_bars: Bars, params: PairParams, before: PairView | None = None
) -> PairView | None:
    """The rows of a pair's legs, shape (n,), whose bars are at the same times.

    before: the view of the last time, whose rows are taken over where nothing but the newest
    close moved since then. None, so that `pair_readings` must read the pair, where a leg has a
    bar without the other, where the activity filter is on, and where a price has no logarithm.
    Raises ParameterError, a ValueError, for bars whose times fall or repeat.

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
    y, x = y_bars.tail(n), x_bars.tail(n)
    if before is not None and before.params == params and _goes_on(before, y, x):
        rows = _moved(before.rows, float(y.close[-1]), float(x.close[-1]))
        return None if rows is None else PairView(params, y, x, rows)
    if not np.array_equal(y.ts_ms, x.ts_ms):
        return None
    rows = traded_rows(align(y, x), params)
    return PairView(params, y, x, rows) if len(rows) == n else None


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
    ends = np.asarray(ends_ms, dtype=np.int64)
    times = view.rows.ts_ms
    if len(ends):  # bars that follow one another, as they nearly always do
        first = int(times.searchsorted(ends[0]))
        stop = first + len(ends)
        if stop <= len(times) and (times[first:stop] == ends).all():
            known = known_lines(view.rows, view.params, first, stop, alone=True)
            return known.z, known.beta
    z, beta = np.full((2, len(ends)), np.nan)
    places = np.minimum(times.searchsorted(ends), len(times) - 1)
    for begin, stop in _runs(places):
        here = (places >= begin) & (places < stop) & (times[places] == ends)
        known = known_lines(view.rows, view.params, begin, stop, alone=True)
        z[here], beta[here] = known.z[places[here] - begin], known.beta[places[here] - begin]
    return z, beta


def _runs(places: IntArray) -> list[tuple[int, int]]:
    """Rows that follow one another, each run from its first to the row after its last."""
    runs: list[tuple[int, int]] = []
    for place in places.tolist():
        if runs and place <= runs[-1][1]:
            runs[-1] = runs[-1][0], place + 1
        else:
            runs.append((place, place + 1))
    return runs


def _goes_on(before: PairView, y: Bars, x: Bars) -> bool:
    """Whether these are the bars of before, but for the newest close of either leg."""
    legs = ((before.y, y), (before.x, x))
    return all(
        len(was) == len(now)
        and was.ts_ms.item(0) == now.ts_ms.item(0)
        and was.ts_ms.item(-1) == now.ts_ms.item(-1)
        and bool((was.close[:-1] == now.close[:-1]).all())
        for was, now in legs
        if was is not now
    )


def _moved(rows: TradedRows, y: float, x: float) -> TradedRows | None:
    """The rows with another newest close of both legs; None where it has no logarithm."""
    if rows.log and not (y > 0.0 and x > 0.0):
        return None
    price_y, price_x = _with_last(rows.price_y, y), _with_last(rows.price_x, x)
    if not rows.log:
        return replace(rows, price_y=price_y, price_x=price_x, y=price_y, x=price_x)
    logs = (_with_last(leg, float(np.log(last))) for leg, last in ((rows.y, y), (rows.x, x)))
    log_y, log_x = logs
    return replace(rows, price_y=price_y, price_x=price_x, y=log_y, x=log_x)


def _with_last(values: FloatArray, last: float) -> FloatArray:
    copied = values.copy()
    copied[-1] = last
    return frozen(copied, np.float64)
