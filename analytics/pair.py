"""One pair at one moment: from two legs' bars to every figure of the Analytics page."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from analytics._choices import swapped_z, z_by_fit
from analytics._known_lines import (
    PATH_ROWS,
    hedge_rows,
    refits,
    rows_before,
    rows_in_view,
)
from analytics._no_score import no_score
from analytics._pair_parts import (
    correlation_line,
    correlation_of_view,
    only_rounding,
    scatter,
    spread_of,
)
from analytics._pair_tests import PairTests, pair_tests
from analytics._pair_view import (
    Legs,
    TodaysSpread,
    View,
    newest_reading,
    newest_rests_on,
    todays_spread,
)
from analytics.alignment import Aligned, align, unmeasured_notes
from analytics.hedge import HedgeChoices, compare_hedges, fit_hedge, hedge_path
from analytics.model import (
    HEDGE_METHODS,
    Bars,
    FloatArray,
    HedgeFit,
    HedgePath,
    NotReady,
    PairParams,
    PairSnapshot,
    frozen,
)
from analytics.stationarity import rolling_adf

__all__ = ["align", "analyze_pair", "break_even_of", "break_even_z", "snapshot_bars"]

#: The Kalman path scales its legs by this many rows, whatever is chosen beside it.
KALMAN_ROWS = 60
#: The rolling ADF line has at most this many points.
ADF_POINTS = 100
#: The table of methods compares Theil-Sen, which takes 3 ms here, on this many rows.
THEIL_SEN_ROWS = 5_000


def _fits(legs: Legs, params: PairParams) -> HedgeChoices:
    """The fit by every method on the same rows, and by the chosen one with the legs swapped."""
    chosen, intercept, log = params.hedge, params.intercept, legs.log
    if len(legs.y) <= THEIL_SEN_ROWS or chosen == "theil_sen":
        return compare_hedges(legs.y, legs.x, intercept, swap=chosen, log=log)
    others = [method for method in HEDGE_METHODS if method != "theil_sen"]
    choices = compare_hedges(legs.y, legs.x, intercept, methods=others, swap=chosen, log=log)
    rows = legs.newest(THEIL_SEN_ROWS)
    fits = {**choices.fits, "theil_sen": fit_hedge(rows.y, rows.x, "theil_sen", intercept, log)}
    return HedgeChoices({method: fits[method] for method in HEDGE_METHODS}, choices.swapped)


def _todays_fit(legs: Legs, params: PairParams, fits: HedgeChoices) -> HedgeFit:
    """The line of the newest row: by the pair's method, the filter's state, or as given."""
    if params.spread_mode == "kalman":
        return fits.fits["kalman"]
    if params.spread_mode != "locked":
        return fits.fits[params.hedge]
    beta, alpha = float(params.beta or 0.0), float(params.alpha or 0.0)
    near = legs.y - legs.y.mean()
    left, total = spread_of(legs.y, legs.x, beta, alpha), float(near @ near)
    r_squared = 1.0 - float(left @ left) / total if total > 0.0 else np.nan
    return HedgeFit("locked", beta, alpha, r_squared, np.nan, len(legs.y))


def _adf_line(view: View, spread: FloatArray) -> dict[str, Any]:
    """The rolling ADF by the snapshot's names, the newest traded row always among its times."""
    params = view.params
    surplus = len(spread) - params.adf_window
    if surplus < 0:
        return {"adf_ts_ms": frozen((), np.int64), "adf_pvalue": frozen((), np.float64)}
    step = max(1, -(-(surplus + 1) // ADF_POINTS))
    offset = surplus % step
    ends, pvalues = rolling_adf(
        spread[offset:], params.adf_window, step, trend=params.trend, lag_method=params.lag_method
    )
    times = view.rows.ts_ms[view.rows.first :][ends + offset]
    return {"adf_ts_ms": frozen(times, np.int64), "adf_pvalue": frozen(pvalues, np.float64)}


def _notes(view: View, dropped: int, chosen: HedgeFit, n_fit: int) -> list[str]:
    notes, params = [], view.params
    if dropped:
        plural = "row was" if dropped == 1 else "rows were"
        notes.append(f"{dropped} {plural} dropped by the activity filter.")
    carried = len(view.traded) - len(view.legs.y)
    if carried:
        notes.append(
            f"{carried:,} of {len(view.traded):,} rows carry a price forward: no statistic of "
            "levels or returns rests on them."
        )
    if chosen.note:
        notes.append(f"Hedge ratio: {chosen.note}.")
    if n_fit > THEIL_SEN_ROWS and params.hedge != "theil_sen":
        notes.append(f"Theil-Sen is compared on the newest {THEIL_SEN_ROWS:,} rows.")
    return notes


def analyze_pair(y_bars: Bars, x_bars: Bars, params: PairParams) -> PairSnapshot | NotReady:
    """Every series and figure of a pair from its legs' bars, newest `params.limit` rows.

    spread = Y - beta X - alpha with one fit by `params.hedge` on the newest hedge_window rows,
    in logarithms where price_space is "log"; with each bar's own line in the hedge modes
    "rolling" and "kalman", with the given one in "locked". mean, std and fit_z use the window
    that ends at each bar; z is what was known at its close, by the line fitted until then.
    Windows count the rows in which both legs traded, and so does every statistic. z and the
    spread's moments are full from the first row in view on where the bars reach back far
    enough: give `snapshot_bars` of each leg, or all there are.

    NotReady where fewer rows than max(z_window, 30) are in view (in the modes "rolling" and
    "kalman" the hedge's window more), and where the legs lie on one line, so that no row has a z
    (see `analytics._one_line`). Raises ValueError for bars of a timeframe other than
    `params.timeframe`, and ParameterError for bars whose times fall or repeat.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> snapshot = analyze_pair(y, x, PairParams("A", "B"))
    >>> round(snapshot.fit.beta, 1), len(snapshot), bool(snapshot.engle_granger.pvalue < 0.01)
    (2.0, 100, True)
    >>> str(analyze_pair(y.tail(12), x, PairParams("A", "B")))
    'needs 60 bars, has 12'
    """
    if y_bars.timeframe != params.timeframe:
        raise ValueError(f"y has bars of {y_bars.timeframe}, expected {params.timeframe}")
    found = rows_in_view(y_bars, x_bars, params)
    if isinstance(found, NotReady):
        return found
    aligned, rows = found
    view = View(rows, params, rows.places[aligned.start :])
    have, legs = len(rows) - rows.first, view.legs
    fit_rows = legs.newest(min(hedge_rows(params) or have, have))
    choices = _fits(fit_rows, params)
    fit = _todays_fit(legs, params, choices)
    spread = todays_spread(view, fit)
    line = spread.line[view.lead :]
    if not np.isfinite(spread.known.z).any() and only_rounding(rows, newest_rests_on(view), params):
        return no_score(rows, params)
    path_rows = params.hedge_window or PATH_ROWS
    tests = pair_tests(rows, line, params, fit.method)
    lines = _spread_in_view(view, spread)
    return PairSnapshot(
        params=params,
        **_rows_in_view(aligned),
        **_without_notes(tests),
        **lines,
        fit=fit,
        fits=choices.fits,
        path=_path(view, "ols", path_rows),
        kalman_path=_path(view, "kalman", KALMAN_ROWS),
        corr=_correlations(view, params),
        **_adf_line(view, line),
        correlation=correlation_of_view(rows, params),
        rows_dropped=aligned.dropped,
        notes=(
            *_notes(view, aligned.dropped, fit, len(fit_rows.y)),
            *_unmeasured(y_bars, x_bars, aligned, params),
            *tests.notes,
        ),
        **_by_choice(view, choices, lines["z"]),
        path_rows=path_rows,
        reading=newest_reading(view, spread),
        no_z="" if np.isfinite(lines["z"][-1]) else no_score(rows, params).reason,
    )


def _unmeasured(y_bars: Bars, x_bars: Bars, aligned: Aligned, params: PairParams) -> list[str]:
    since_ms = int(aligned.ts_ms[aligned.start])
    return unmeasured_notes((y_bars, x_bars), since_ms, params.min_trades, params.min_volume)


def _correlations(view: View, params: PairParams) -> FloatArray:
    """The rolling correlation at each row in view; of returns there is none on carried rows."""
    line = correlation_line(view.rows, params, view.rows.first - view.lead, view.stop)
    if params.corr_on == "returns":
        return frozen(scatter(line[view.lead :], view.traded), np.float64)
    return view.held(line)


def _rows_in_view(aligned: Aligned) -> dict[str, Any]:
    """Times, closes and what is carried, by their names in the snapshot."""
    shown = slice(aligned.start, None)
    return {
        "ts_ms": frozen(aligned.ts_ms[shown], np.int64),
        "price_y": frozen(aligned.y[shown], np.float64),
        "price_x": frozen(aligned.x[shown], np.float64),
        "carried": frozen(aligned.carried[shown], np.bool_),
    }


def _spread_in_view(view: View, spread: TodaysSpread) -> dict[str, Any]:
    """The spread, its moments and its z at each row in view, by their names in the snapshot."""
    return {
        "spread": view.held(spread.line),
        "mean": view.held(spread.mean),
        "std": view.held(spread.std),
        "z": view.held(spread.known.z),
        "fit_z": view.held(spread.z),
        "known": HedgePath(view.params.spread_mode, *map(view.held, spread.known[:2])),
    }


def _by_choice(view: View, choices: HedgeChoices, z: FloatArray) -> dict[str, Any]:
    """What other methods, and the legs swapped, make of the newest row, by the snapshot's names."""
    window, params = view.legs.newest(view.params.z_window), view.params
    method_z = z_by_fit(window.y, window.x, choices.fits)
    if params.spread_mode == "view" and not refits(params):
        method_z[params.hedge] = float(z[-1])
    swapped = choices.swapped
    other = swapped_z(window.y, window.x, swapped)
    return {"method_z": method_z, "swapped": swapped, "swapped_z": other}


def _without_notes(tests: PairTests) -> dict[str, Any]:
    """The results of the tests, by their names in the snapshot."""
    return {row.name: getattr(tests, row.name) for row in fields(tests) if row.name != "notes"}


def snapshot_bars(params: PairParams) -> int | None:
    """The newest bars of each leg on which a snapshot rests; None for all that there are.

    One more than the rows, whose close may have to be carried; all of them where the activity
    filter may drop any number. Nothing is refused: a ValueError is for what `PairParams` is given.

    >>> snapshot_bars(PairParams("A", "B", limit=500))
    1061
    >>> snapshot_bars(PairParams("A", "B", min_trades=2)) is None
    True
    """
    return None if params.filtered else params.limit + rows_before(params) + 1


def _path(view: View, method: str, window: int) -> HedgePath:
    """The hedge by least squares or a filter as it was known at each row in view."""
    first = view.before(window - 1 + view.lead) if method == "ols" else view.rows.first
    legs = view.rows.y[first:], view.rows.x[first:]
    path = hedge_path(*legs, method, window, view.params.intercept)
    return HedgePath(method, view.held(path.beta), view.held(path.alpha))


def break_even_z(snapshot: PairSnapshot, cost_bps: float, held: float = 0.0) -> float:
    """The |z| below which a round trip costs more than a full reversion to the mean earns.

    A round trip trades both legs twice: 2 cost_bps 1e-4 (|Y| + |beta X|), against |z| std, all
    at the newest row and per unit of Y; in logarithms turnover is 1 + |beta|. beta is that of the
    line known at the newest bar, which is the one traded. cost_bps: per side and leg, in basis
    points. held: what holding the pair costs meanwhile (funding), in units of the spread, below 0
    where it earns. At least 0; NaN where the newest std is NaN or 0. Raises ValueError for negative
    costs.

    >>> from types import SimpleNamespace as Part
    >>> pair = Part(params=Part(price_space="price"), known=Part(beta=[2.0]))
    >>> pair.reading = Part(std=0.5)
    >>> pair.price_y, pair.price_x = [100.0], [30.0]
    >>> round(break_even_z(pair, cost_bps=5.0), 6)  # 2 sides x 5 bps x 160, in units of 0.5
    0.32
    """
    legs = float(snapshot.price_y[-1]), float(snapshot.price_x[-1])
    sigma, known = snapshot.reading.std, snapshot.known.beta
    in_use = len(known) and math.isfinite(known[-1])
    beta = float(known[-1] if in_use else snapshot.fit.beta)
    return break_even_of(sigma, beta, legs, snapshot.params, cost_bps, held)


def break_even_of(
    sigma: float,
    beta: float,
    legs: tuple[float, float],
    params: PairParams,
    cost_bps: float,
    held: float = 0.0,
) -> float:
    """`break_even_z` of a spread's deviation and hedge ratio; legs: newest prices of Y and X.
    Raises ValueError for negative costs.

    >>> round(break_even_of(0.5, 2.0, (100.0, 30.0), PairParams("A", "B"), 5.0), 6)
    0.32
    """
    if not cost_bps >= 0.0:
        raise ValueError(f"cost_bps is {cost_bps}, expected at least 0")
    if not sigma > 0.0:
        return float("nan")
    turnover = 1.0 + abs(beta)
    if params.price_space != "log":
        turnover = legs[0] + abs(beta) * legs[1]
    return max(2.0 * cost_bps * 1e-4 * turnover + held, 0.0) / sigma
