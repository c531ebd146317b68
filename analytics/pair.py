"""One pair at one moment: from two legs' bars to every figure of the Analytics page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from analytics._choices import swapped_z, z_by_fit
from analytics._pair_parts import MIN_ROWS, Legs, correlations, legs_of, spread_of
from analytics.alignment import Aligned, align, not_enough
from analytics.cointegration import engle_granger
from analytics.hedge import HedgeChoices, compare_hedges, fit_hedge, hedge_path
from analytics.model import (
    HEDGE_METHODS,
    Bars,
    CointegrationResult,
    FloatArray,
    HedgeFit,
    HedgePath,
    IntArray,
    NotReady,
    OUFit,
    PairParams,
    PairSnapshot,
    UnitRootResult,
    frozen,
)
from analytics.rolling import rolling_moments
from analytics.stationarity import adf, hurst, mean_reversion, rolling_adf

#: Window of the rolling hedge path where the pair has none: the back-test's default.
PATH_ROWS = 200
#: The Kalman path scales its legs by this many rows, or by the z window's.
KALMAN_ROWS = 60
#: The rolling ADF line has at most this many points.
ADF_POINTS = 100
#: The table of methods compares Theil-Sen, which takes 3 ms here, on this many rows.
THEIL_SEN_ROWS = 5_000
HURST_LAGS = 100
#: What minus infinity as a statistic means: p = 0 of legs that no test can tell apart.
_COLLINEAR = (
    "Y and X are collinear, R² is within 1.5e-6 of one (about 0 with trend n, so that any two "
    "prices far above their moves come out so)"
)


_Result = TypeVar("_Result", UnitRootResult, CointegrationResult)


def _fits(legs: Legs, params: PairParams) -> HedgeChoices:
    """The fit by every method on the same rows, and by the chosen one with the legs swapped."""
    chosen, intercept = params.hedge, params.intercept
    if len(legs.y) <= THEIL_SEN_ROWS or chosen == "theil_sen":
        return compare_hedges(legs.y, legs.x, intercept, swap=chosen)
    others = [method for method in HEDGE_METHODS if method != "theil_sen"]
    made = compare_hedges(legs.y, legs.x, intercept, methods=others, swap=chosen)
    rows = legs.newest(THEIL_SEN_ROWS)
    fits = {**made.fits, "theil_sen": fit_hedge(rows.y, rows.x, "theil_sen", intercept)}
    return HedgeChoices({method: fits[method] for method in HEDGE_METHODS}, made.swapped)


def _path(legs: Legs, method: str, window: int, intercept: bool) -> HedgePath:
    path = hedge_path(legs.y, legs.x, method, window, intercept)
    return HedgePath(method, frozen(path.beta, np.float64), frozen(path.alpha, np.float64))


def _adf_line(rows: Aligned, spread: FloatArray, params: PairParams) -> tuple[IntArray, FloatArray]:
    """Times and p-values of the rolling ADF, the newest row always among them."""
    surplus = len(rows) - params.adf_window
    if surplus < 0:
        return np.empty(0, np.int64), np.empty(0)
    step = max(1, -(-(surplus + 1) // ADF_POINTS))
    offset = surplus % step
    ends, pvalues = rolling_adf(
        spread[offset:], params.adf_window, step, trend=params.trend, lag_method=params.lag_method
    )
    return rows.ts_ms[ends + offset], pvalues


@dataclass(frozen=True, eq=False)
class _Reversion:
    """What the tests say of the spread; None where a figure does not exist."""

    adf: UnitRootResult | None = None
    engle_granger: CointegrationResult | None = None
    half_life: float | None = None
    hurst: float | None = None
    ou: OUFit | None = None
    notes: tuple[str, ...] = ()


def _reversion(legs: Legs, spread: FloatArray, params: PairParams) -> _Reversion:
    """ADF, half-life, Hurst exponent and OU fit of the spread, Engle-Granger of the legs."""
    if not np.isfinite(spread).all():
        return _Reversion(notes=("No tests: the hedge ratio is not defined on these rows.",))
    notes: list[str] = []
    options: dict[str, Any] = {"trend": params.trend, "lag_method": params.lag_method}
    exponent = hurst(spread, min(HURST_LAGS, len(spread) // 2))
    half_life, ou = mean_reversion(spread)
    return _Reversion(
        _test(lambda: _spread_adf(spread, options), "No ADF test of the spread", notes),
        _test(lambda: engle_granger(legs.y, legs.x, **options), "No Engle-Granger test", notes),
        half_life,
        None if np.isnan(exponent) else exponent,
        ou,
        tuple(notes),
    )


def _spread_adf(spread: FloatArray, options: dict[str, Any]) -> UnitRootResult:
    """`adf`, which would call a constant spread x, as if it were the leg."""
    if spread.min() == spread.max():
        raise ValueError("it does not vary")
    return adf(spread, **options)


def _test(run: Callable[[], _Result], absence: str, notes: list[str]) -> _Result | None:
    """The result of a test; None, and a note of why, where it cannot be made."""
    try:
        result = run()
    except ValueError as error:
        notes.append(f"{absence}: {error}.")
        return None
    if np.isfinite(result.statistic):
        return result
    rounding = "the regression leaves nothing but rounding"
    notes.append(f"{absence}: {rounding if np.isnan(result.statistic) else _COLLINEAR}.")
    return None


def _notes(rows: Aligned, params: PairParams, chosen: HedgeFit, n_fit: int) -> list[str]:
    notes = []
    if rows.dropped:
        plural = "row was" if rows.dropped == 1 else "rows were"
        notes.append(f"{rows.dropped} {plural} dropped by the activity filter.")
    if chosen.note:
        notes.append(f"Hedge ratio: {chosen.note}.")
    if n_fit > THEIL_SEN_ROWS and params.hedge != "theil_sen":
        notes.append(f"Theil-Sen is compared on the newest {THEIL_SEN_ROWS:,} rows.")
    return notes


def analyze_pair(y_bars: Bars, x_bars: Bars, params: PairParams) -> PairSnapshot | NotReady:
    """Every series and figure of a pair from its legs' bars, newest `params.limit` rows.

    spread = Y - beta X - alpha with one fit by `params.hedge` on the newest hedge_window rows,
    in logarithms where price_space is "log". mean, std and z use the window that ends at each
    bar. Correlation of returns leaves carried rows out, takes returns between the rows that
    remain, and is NaN on carried rows. NotReady where fewer than max(z_window, 30) rows are
    aligned. Raises ValueError for bars of a timeframe other than `params.timeframe`.

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
    rows = align(y_bars, x_bars, params.limit, params.min_trades, params.min_volume)
    n, need = len(rows), max(params.z_window, MIN_ROWS)
    if n < need:
        return not_enough(need, n, rows.dropped)
    legs = legs_of(rows, params.price_space)
    fit_rows = legs.newest(min(params.hedge_window or n, n))
    fits, swapped = _fits(fit_rows, params)
    fit = fits[params.hedge]
    spread = spread_of(legs.y, legs.x, fit.beta, fit.alpha)
    mean, std, z = rolling_moments(spread, params.z_window)
    window = legs.newest(params.z_window)
    path_rows = params.hedge_window or PATH_ROWS
    corr, correlation = correlations(rows, params)
    adf_ts_ms, adf_pvalue = _adf_line(rows, spread, params)
    tests = _reversion(legs, spread, params)
    return PairSnapshot(
        params=params,
        ts_ms=frozen(rows.ts_ms, np.int64),
        price_y=frozen(rows.y, np.float64),
        price_x=frozen(rows.x, np.float64),
        carried=frozen(rows.carried, np.bool_),
        fit=fit,
        fits=fits,
        path=_path(legs, "ols", path_rows, params.intercept),
        kalman_path=_path(legs, "kalman", max(params.z_window, KALMAN_ROWS), params.intercept),
        spread=frozen(spread, np.float64),
        mean=frozen(mean, np.float64),
        std=frozen(std, np.float64),
        z=frozen(z, np.float64),
        corr=frozen(corr, np.float64),
        adf_ts_ms=frozen(adf_ts_ms, np.int64),
        adf_pvalue=frozen(adf_pvalue, np.float64),
        adf=tests.adf,
        engle_granger=tests.engle_granger,
        correlation=correlation,
        half_life=tests.half_life,
        hurst=tests.hurst,
        rows_dropped=rows.dropped,
        notes=(*_notes(rows, params, fit, len(fit_rows.y)), *tests.notes),
        ou=tests.ou,
        method_z={**z_by_fit(window.y, window.x, fits), params.hedge: float(z[-1])},
        swapped=swapped,
        swapped_z=swapped_z(window.y, window.x, swapped),
        path_rows=path_rows,
    )


def break_even_z(snapshot: PairSnapshot, cost_bps: float) -> float:
    """The |z| below which a round trip costs more than a full reversion to the mean earns.

    A round trip trades both legs twice: 2 cost_bps 1e-4 (|Y| + |beta X|), against |z| std, all
    at the newest row and per unit of Y; in logarithms turnover is 1 + |beta|. cost_bps: per
    side and leg, in basis points. NaN where the newest std is NaN or 0. Raises ValueError for
    negative costs.

    >>> from types import SimpleNamespace as Part
    >>> pair = Part(params=Part(price_space="price"), fit=Part(beta=2.0), std=[0.5])
    >>> pair.price_y, pair.price_x = [100.0], [30.0]
    >>> round(break_even_z(pair, cost_bps=5.0), 6)  # 2 sides x 5 bps x 160, in units of 0.5
    0.32
    """
    if not cost_bps >= 0.0:
        raise ValueError(f"cost_bps is {cost_bps}, expected at least 0")
    sigma = float(snapshot.std[-1])
    if not sigma > 0.0:
        return float("nan")
    beta = abs(float(snapshot.fit.beta))
    if snapshot.params.price_space == "log":
        turnover = 1.0 + beta
    else:
        turnover = float(snapshot.price_y[-1]) + beta * float(snapshot.price_x[-1])
    return 2.0 * cost_bps * 1e-4 * turnover / sigma
