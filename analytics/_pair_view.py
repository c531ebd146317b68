"""The rows in view of a pair, and today's spread of them; what `analytics.pair` is built of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analytics._known_lines import Known, fitted_at, known_lines, refits, rests_on, score
from analytics._pair_parts import TradedRows, hold, only_rounding, spread_of
from analytics.model import BoolArray, FloatArray, HedgeFit, PairParams, Reading, frozen
from analytics.rolling import rolling_moments


class Legs(NamedTuple):
    """The legs of some rows, in the space of the analysis."""

    y: FloatArray
    x: FloatArray
    log: bool

    def newest(self, rows: int) -> Legs:
        return Legs(self.y[-rows:], self.x[-rows:], self.log)


@dataclass(frozen=True, eq=False)
class View:
    """The rows in view: the traded ones of a stretch, from `rows.first` on.

    traded: which of the aligned rows in view these are, shape (n,).
    """

    rows: TradedRows
    params: PairParams
    traded: BoolArray

    @property
    def legs(self) -> Legs:
        first = self.rows.first
        return Legs(self.rows.y[first:], self.rows.x[first:], self.rows.log)

    @property
    def stop(self) -> int:
        return len(self.rows)

    def before(self, count: int) -> int:
        """The first of as many rows before the view as there are, `count` at most."""
        return max(self.rows.first - count, 0)

    @property
    def lead(self) -> int:
        """The traded rows before the view, 0 or 1, whose values its first rows carry on."""
        return int(self.rows.first > 0 and len(self.traded) > 0 and not self.traded[0])

    def held(self, values: FloatArray) -> FloatArray:
        """Values of the traded rows, the newest last, on all rows in view.

        Its first rows may carry on what was known at the traded row before them.
        """
        count = len(self.legs.y)
        before = values[-count - 1] if self.lead and len(values) > count else np.nan
        return frozen(hold(values[-count:], self.traded, before), np.float64)


class TodaysSpread(NamedTuple):
    """Today's spread of the traded rows in view and of `View.lead` before it, its moments, and
    what was known then.
    """

    line: FloatArray
    mean: FloatArray
    std: FloatArray
    z: FloatArray
    known: Known


def todays_spread(view: View, fit: HedgeFit) -> TodaysSpread:
    """In the modes "rolling" and "kalman" each row's own spread is today's as well."""
    rows, params = view.rows, view.params
    first = rows.first - view.lead
    known = known_lines(rows, params, first, view.stop)
    low = max(first - params.z_window + 1, 0)
    y, x = rows.y[low:], rows.x[low:]
    if params.spread_mode in ("rolling", "kalman"):
        spread = known.spread
        if low < first:
            before = known_lines(rows, params, low, first)
            spread = np.concatenate((before.spread, spread))
        spread = _without_rounding(view, spread)
        moments = rolling_moments(spread, params.z_window)
        z = known.z
    else:
        spread = _without_rounding(view, spread_of(y, x, float(fit.beta), float(fit.alpha)))
        moments = rolling_moments(spread, params.z_window)
        size = np.abs(y) + np.abs(fit.beta * x) + rows.log
        z = score(moments, size)[first - low :]
    newest = slice(first - low, None)
    return TodaysSpread(spread[newest], moments.mean[newest], moments.std[newest], z, known)


def newest_reading(view: View, spread: TodaysSpread) -> Reading:
    """What the newest z rests on: today's spread but by a line that is fitted now and then."""
    beta, alpha = float(spread.known.beta[-1]), float(spread.known.alpha[-1])
    if not refits(view.params) or not np.isfinite(beta + alpha):
        return Reading(float(spread.line[-1]), float(spread.mean[-1]), float(spread.std[-1]))
    window = view.params.z_window
    line = _without_rounding(view, spread_of(*view.legs.newest(window)[:2], beta, alpha))
    moments = rolling_moments(line, window)
    return Reading(
        float(line[-1]),
        float(moments.mean[-1]),
        float(moments.std[-1]),
        fitted_at(view.rows, view.params),
    )


def newest_rests_on(view: View) -> slice:
    """The rows on which the newest z rests."""
    return slice(int(rests_on(view.rows, view.params, view.stop)[-1]), None)


def _without_rounding(view: View, spread: FloatArray) -> FloatArray:
    """A spread of the newest rows that stands still where legs on one line leave it rounding."""
    part = newest_rests_on(view)
    if not only_rounding(view.rows, part, view.params):
        return spread
    still = np.arange(view.stop - len(spread), view.stop) >= part.start
    return np.where(still & np.isfinite(spread), spread[-1], spread)
