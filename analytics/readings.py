"""What alert rules read of a pair: one metric at given bars, each as it was known then.

The same figures as `analytics.pair.analyze_pair` has at its newest bar, of the same lines, without
the rest of the snapshot: a hundredth of its cost, so that hundreds of rules can be read at each
update. Each reading has the same bits whichever bars are read beside it, so that a burst fires
what the same bars fire one by one. At a bar in which a leg did not trade nothing new is known:
what was read at the last bar in which both did stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analytics._known_lines import Known, known_lines, needed_rows, rows_before, rows_in_view
from analytics._no_score import no_score
from analytics._pair_parts import (
    TradedRows,
    correlation_line,
    only_rounding,
    spread_of,
    traded_rows,
)
from analytics._pair_tests import legs_tested, test_options
from analytics.alignment import Aligned, align, shared_times
from analytics.model import (
    PAIR_RANGES,
    Bars,
    FloatArray,
    IntArray,
    NotReady,
    OrderError,
    PairParams,
    ParameterError,
)
from analytics.stationarity import rolling_adf


@dataclass(frozen=True, eq=False)
class _Stretch:
    """The rows first..stop-1 of a pair's traded rows, in each of which something is read."""

    rows: TradedRows
    params: PairParams
    first: int
    stop: int

    @cached_property
    def known(self) -> Known:
        return known_lines(self.rows, self.params, self.first, self.stop, alone=True)

    def in_view(self, row: int) -> slice:
        """The rows of the view that ends at a row."""
        return slice(int(self.rows.reach[row]), row + 1)

    def ready(self, row: int) -> bool:
        view = self.in_view(row)
        return view.stop - view.start >= needed_rows(self.params)

    def each(self, read: Callable[[int], float], places: IntArray) -> FloatArray:
        """A figure that is computed row by row, at the rows in `places`; NaN elsewhere."""
        line = np.full(self.stop - self.first, np.nan)
        for row in np.unique(places).tolist():
            if self.ready(row):
                line[row - self.first] = read(row)
        return line

    def correlation(self, row: int) -> float:
        return float(correlation_line(self.rows, self.params, row, row + 1)[0])

    def adf_pvalue(self, row: int) -> float:
        window, view = self.params.adf_window, self.in_view(row)
        if view.stop - view.start < window:
            return math.nan
        part = slice(row + 1 - window, row + 1)
        if only_rounding(self.rows, part, self.params):
            return math.nan
        if self.params.spread_mode in ("rolling", "kalman"):
            stretch = known_lines(self.rows, self.params, part.start, part.stop, alone=True)
            spread = stretch.spread
        else:
            at = row - self.first
            line = float(self.known.beta[at]), float(self.known.alpha[at])
            spread = spread_of(self.rows.y[part], self.rows.x[part], *line)
        trend, lag_method = self.params.trend, self.params.lag_method
        pvalues = rolling_adf(spread, window, 1, trend=trend, lag_method=lag_method)[1]
        return float(pvalues[-1])

    def engle_granger_pvalue(self, row: int) -> float:
        view = self.in_view(row)
        try:
            y, x = self.rows.y[view], self.rows.x[view]
            test = legs_tested(y, x, test_options(self.params, len(y)))
        except ValueError:  # a constant leg, too few rows: no such test
            return math.nan
        return test.pvalue if math.isfinite(test.statistic) else math.nan  # else collinear


_READ: dict[str, Callable[[_Stretch, IntArray], FloatArray]] = {
    "z": lambda of, places: of.known.z,
    "spread": lambda of, places: of.known.spread,
    "correlation": lambda of, places: of.each(of.correlation, places),
    "adf_pvalue": lambda of, places: of.each(of.adf_pvalue, places),
    "engle_granger_pvalue": lambda of, places: of.each(of.engle_granger_pvalue, places),
    "hedge_ratio": lambda of, places: of.known.beta,
}
#: The metrics of a pair that can be read.
PAIR_METRICS: tuple[str, ...] = tuple(_READ)


def pair_readings(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    metrics: Collection[str],
    ends_ms: npt.ArrayLike,
) -> dict[str, FloatArray]:
    """Metrics of a pair at bars, each from the rows up to that bar and no later ones.

    metrics: any of z, spread, correlation, adf_pvalue (of the newest adf_window rows of the
    spread), engle_granger_pvalue (of the legs over the rows in view) and hedge_ratio. ends_ms:
    open times of aligned bars, shape (k,). The answer's arrays have shape (k,); NaN where no
    row has that time (the activity filter left it out), before a view holds enough rows in
    which both legs traded (see `analytics._known_lines`) and wherever the figure itself is not
    defined. Give `reading_bars` of each leg up to the first end and all later ones, or all there
    are. Raises ParameterError, a ValueError, for an unknown metric, and for bars whose times fall
    or repeat.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> read = pair_readings(y, x, PairParams("A", "B"), ["z"], [58_000, 99_000])
    >>> read["z"].round(3).tolist()  # the first has 59 rows, 60 are needed
    [nan, -1.358]
    """
    for metric in metrics:
        if metric not in _READ:
            raise ParameterError("metric", metric, f"one of {', '.join(_READ)}")
    ends = np.atleast_1d(np.asarray(ends_ms, dtype=np.int64))
    readings = {metric: np.full(len(ends), np.nan) for metric in metrics}
    if not len(ends):
        return readings
    span = (int(ends.min()), int(ends.max()))
    before = None if params.filtered else rows_before(params)
    y, x = (_stretch(bars, span, before) for bars in (y_bars, x_bars))
    aligned = align(y, x, None, params.min_trades, params.min_volume)
    rows = traded_rows(aligned, params)
    places, carried = _places(aligned, rows, ends, params)
    known = places >= 0
    if not known.any():
        return readings
    first, stop = int(places[known].min()), int(places[known].max()) + 1
    stretch = _Stretch(rows, params, first, stop)
    for metric in metrics:
        line = _READ[metric](stretch, places[known])
        readings[metric][known] = line[places[known] - first]
        if metric == "correlation" and params.corr_on == "returns":
            readings[metric][carried] = np.nan
    return readings


def newest_counted(y_bars: Bars, x_bars: Bars, params: PairParams) -> int | None:
    """Open time of the newest bar of the legs that the activity filter lets count, epoch ms.

    None where none does, and of a leg without bars. Raises ValueError for legs of different
    timeframes, and ParameterError for bars whose times fall or repeat, where there is a filter.

    >>> def bars(symbol, trades):
    ...     ones = np.ones(len(trades))
    ...     return Bars(symbol, "1s", np.arange(len(ones)) * 1_000, *[ones] * 5, trades, ones)
    >>> legs = bars("A", [9, 9, 2]), bars("B", [9, 9, 9])
    >>> newest_counted(*legs, PairParams("A", "B", min_trades=5))
    1000
    >>> newest_counted(*legs, PairParams("A", "B"))
    2000
    """
    if not len(y_bars) or not len(x_bars):
        return None
    if not params.filtered:
        return int(max(y_bars.ts_ms[-1], x_bars.ts_ms[-1]))
    rows = align(y_bars, x_bars, 1, params.min_trades, params.min_volume)
    return int(rows.ts_ms[-1]) if len(rows) else None


def why_no_z(y_bars: Bars, x_bars: Bars, params: PairParams) -> NotReady | None:
    """Why a pair has no z-score at the newest bar that counts; None where it has one.

    The bars are those that `analytics.pair.analyze_pair` takes, and the words its own; `have` is
    below `need` where more bars are what it takes. Raises ValueError for legs of different
    timeframes, and ParameterError for bars whose times fall or repeat.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> x = 50.0 + np.sin(np.arange(100.0) ** 2)
    >>> why_no_z(bars("A", 3.0 * x), bars("B", x), PairParams("A", "B")).reason
    'Y and X are multiples of one another, so their spread is nothing but rounding'
    >>> why_no_z(bars("A", 9.0 + np.cos(x)), bars("B", x), PairParams("A", "B")) is None
    True
    """
    found = rows_in_view(y_bars, x_bars, params)
    if isinstance(found, NotReady):
        return found
    rows = found[1]
    last = len(rows) - 1
    z = known_lines(rows, params, last, last + 1, alone=True).z
    return None if math.isfinite(z[0]) else no_score(rows, params)


def check_view(params: PairParams) -> None:
    """Refuse a pair whose view never holds the rows that its z-score rests on.

    Those are z_window, in the hedge modes "rolling" and "kalman" with the rows of the hedge
    before it. Raises OrderError, a ValueError, that names the limit and what is beyond it.

    >>> try:
    ...     check_view(PairParams("A", "B", spread_mode="rolling", hedge_window=5_000))
    ... except ValueError as error:
    ...     print(error)
    hedge_window is 5000, expected at most 940, since the z window needs 60 more of limit (1000)
    """
    if needed_rows(params) <= params.limit:
        return
    window, limit = params.z_window, params.limit
    hedge = needed_rows(params) - window if params.spread_mode in ("rolling", "kalman") else 0
    if hedge and window <= limit:
        if params.hedge_window is not None and limit - window >= PAIR_RANGES["hedge_window"][0]:
            words = f"at most {limit - window:,}, since the z window needs {window:,} more of {{}}"
            raise OrderError("hedge_window", params.hedge_window, words, "limit", limit)
        words = f"at least {window + hedge:,}: the hedge takes {hedge:,} rows before those of {{}}"
        raise OrderError("limit", limit, words, "z_window", window)
    raise OrderError("z_window", window, "at most {}", "limit", limit)


def reading_bars(params: PairParams) -> int | None:
    """The newest bars of each leg, up to a bar, on which a reading there rests; None for all.

    Nothing is refused: a ValueError is for what `PairParams` is given.

    >>> reading_bars(PairParams("A", "B", limit=500))
    561
    """
    return None if params.filtered else rows_before(params) + 1


def _places(
    aligned: Aligned, rows: TradedRows, ends: IntArray, params: PairParams
) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """The last traded row up to each end, -1 for none; and whether the end itself is no such row.

    None as well where the view that ends there holds too few of them.
    """
    if not len(rows):
        return np.full(len(ends), -1), np.ones(len(ends), np.bool_)
    at = np.minimum(aligned.ts_ms.searchsorted(ends), len(aligned) - 1)
    places = rows.ts_ms.searchsorted(ends, side="right") - 1
    oldest = aligned.ts_ms[np.maximum(at - (params.limit - 1), 0)]
    rows_in_view = places - rows.ts_ms.searchsorted(oldest) + 1
    inside = (aligned.ts_ms[at] == ends) & (rows_in_view >= needed_rows(params))
    return np.where(inside, places, -1), ~rows.places[at]


def _stretch(bars: Bars, span: tuple[int, int], before: int | None) -> Bars:
    """The bars of a span of times, and as many `before` it (None: all)."""
    first = last = int(bars.ts_ms.searchsorted(span[0], side="right"))
    if span[1] != span[0]:
        last = int(bars.ts_ms.searchsorted(span[1], side="right"))
    start = 0 if before is None else max(first - before - 1, 0)
    return bars[start:last]


def readings_between(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    metrics: Collection[str],
    after_ms: int,
    until_ms: int,
) -> tuple[IntArray, dict[str, FloatArray]]:
    """Times and values of `pair_readings` at every bar of either leg within a span, shape (k,).

    The bars that open after `after_ms`, up to `until_ms`, from the later leg's first bar on.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> x = 50.0 + np.sin(np.arange(100.0))
    >>> pair = PairParams("A", "B")
    >>> readings_between(bars("A", 2 * x), bars("B", x), pair, ["correlation"], 97_000, 99_000)
    (array([98000, 99000]), {'correlation': array([1., 1.])})
    """
    times = shared_times(y_bars, x_bars)
    times = times[(times > after_ms) & (times <= until_ms)]
    return times, pair_readings(y_bars, x_bars, params, metrics, times)
