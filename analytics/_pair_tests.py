"""What the tests say of a pair: of its legs, of its spread, and how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from analytics import mackinnon
from analytics._one_line import why_no_spread
from analytics._pair_parts import TradedRows, only_rounding
from analytics.bounce import Bounce, bounce, finest_without_bounce
from analytics.cointegration import engle_granger
from analytics.dynamic_ols import hedge_stderr
from analytics.model import (
    TIMEFRAMES,
    CointegrationResult,
    FloatArray,
    OUFit,
    PairParams,
    UnitRootResult,
)
from analytics.stationarity import (
    FEW_ROWS,
    TEST_ROWS,
    TOO_FEW_ROWS,
    HalfLifeInterval,
    adf,
    half_life_interval,
    hurst,
    mean_reversion,
)

HURST_LAGS = 100
#: Methods whose line is fitted to all rows, so that its residual returns though no leg does.
REGRESSIONS = ("ols", "huber", "theil_sen", "tls")
NO_INTERVAL = (
    "No interval of the half-life: about a line through the origin the spread may carry a share "
    "of X with it."
)
FEW_ROWS_NOTE = (
    f"Lags of the tests by BIC: of fewer than {FEW_ROWS} rows AIC rejects too many random walks."
)
#: What minus infinity as a statistic means: p = 0 of legs that no test can tell apart.
_COLLINEAR = "beside X too little is left of Y to be tested, R² is within 1.5e-6 of 1"
_ABOUT_ZERO = f"{_COLLINEAR} (with trend n about 0, as of any prices far above their moves)"


_Result = TypeVar("_Result", UnitRootResult, CointegrationResult)


@dataclass(frozen=True, eq=False)
class PairTests:
    """What the tests say of a pair; None where a figure does not exist.

    half_life_interval: in bars, 90 %, infinite where the spread cannot be told from a walk; None
    of a line that is fitted through the origin, of which it would not hold.
    beta_stderr: of the hedge ratio, by dynamic least squares, where a relation is shown.
    bounce_y, bounce_x: Roll's estimate of each leg. bounce_free: the finest timeframe at which
    neither leg's bounce matters, None where there is none.
    """

    adf: UnitRootResult | None = None
    engle_granger: CointegrationResult | None = None
    half_life: float | None = None
    hurst: float | None = None
    half_life_interval: HalfLifeInterval | None = None
    ou: OUFit | None = None
    beta_stderr: float | None = None
    bounce_y: Bounce | None = None
    bounce_x: Bounce | None = None
    bounce_free: str | None = None
    notes: tuple[str, ...] = ()


def pair_tests(rows: TradedRows, spread: FloatArray, params: PairParams, method: str) -> PairTests:
    """ADF, half-life, Hurst exponent and OU fit of the spread, Engle-Granger of the legs.

    rows: those in view, from `rows.first` on. spread: of these, NaN in its warm-up. method: by
    which the line was fitted in the end, "ratio" where another fell back to it.
    """
    if only_rounding(rows, slice(rows.first, None), params):
        prices = rows.price_y[rows.first :], rows.price_x[rows.first :]
        return PairTests(notes=(f"No tests: {why_no_spread(prices, rows.log)}.",))
    if params.spread_mode in ("rolling", "kalman"):
        spread = spread[np.isfinite(spread)]  # its warm-up has none
    if len(spread) < 3 or not np.isfinite(spread).all():
        return PairTests(notes=("No tests: the hedge ratio is not defined on these rows.",))
    notes: list[str] = []
    y, x = rows.y[rows.first :], rows.x[rows.first :]
    options = test_options(params, len(y))
    if options["lag_method"] != params.lag_method and len(y) >= TEST_ROWS:
        notes.append(FEW_ROWS_NOTE)
    lags = min(HURST_LAGS, len(spread) // 2)
    exponent = hurst(spread, lags) if lags >= 4 else math.nan
    half_life, ou = mean_reversion(spread)
    if half_life is not None and not _about_constant(params, method):
        notes.append(NO_INTERVAL)
    relation = _test(lambda: legs_tested(y, x, options), "No Engle-Granger test", notes, params)
    bounces = [_bounce(leg[rows.first :]) for leg in (rows.price_y, rows.price_x)]
    free, warning = _bounce_free(rows, params, bounces)
    return PairTests(
        adf=_test(lambda: _spread_adf(spread, options), "No ADF test of the spread", notes, params),
        engle_granger=relation,
        half_life=half_life,
        hurst=None if np.isnan(exponent) else exponent,
        half_life_interval=interval_of(spread, params, method),
        ou=ou,
        beta_stderr=_beta_stderr(y, x, relation, params),
        bounce_y=bounces[0],
        bounce_x=bounces[1],
        bounce_free=free,
        notes=(*notes, *warning),
    )


def test_options(params: PairParams, rows: int) -> dict[str, Any]:
    """Trend and lag method of the tests of so many rows.

    Of fewer than `FEW_ROWS` rows BIC chooses the lags where AIC is set: at "5 %" ADF rejects 6.6
    to 8.1 % of random walks of 60 to 100 rows with AIC, 5.5 to 6.3 % with BIC.
    """
    few = rows < FEW_ROWS and params.lag_method == "aic"
    return {"trend": params.trend, "lag_method": "bic" if few else params.lag_method}


def legs_tested(y: FloatArray, x: FloatArray, options: dict[str, Any]) -> CointegrationResult:
    """`engle_granger`; raises ValueError as well where the rows are too few for any verdict."""
    _check_rows(len(y))
    return engle_granger(y, x, **options)


def _check_rows(rows: int) -> None:
    if rows < TEST_ROWS:
        raise ValueError(TOO_FEW_ROWS.format(rows))


def _about_constant(params: PairParams, method: str) -> bool:
    """Whether a spread is about a constant: one about a line through the origin has no interval."""
    fitted = params.intercept and (method != "ratio" or params.price_space == "log")
    return fitted or params.spread_mode == "locked"


def interval_of(spread: FloatArray, params: PairParams, method: str) -> HalfLifeInterval | None:
    """The interval of a spread's half-life. None where it has none, of too few rows, and where the
    spread does not vary.

    spread: without NaN. method: see `pair_tests`.
    """
    if not _about_constant(params, method):
        return None
    fitted = params.spread_mode == "view" and method in REGRESSIONS
    try:
        interval = half_life_interval(spread, fitted=fitted)
    except ValueError:
        return None
    return None if np.isnan(interval.low) else interval


def _beta_stderr(
    y: FloatArray, x: FloatArray, relation: CointegrationResult | None, params: PairParams
) -> float | None:
    """The error of the slope of a relation that is shown; of the hedge that is fitted to it."""
    if relation is None or not params.intercept or params.spread_mode != "view":
        return None
    rows = min(params.hedge_window or len(y), len(y))
    try:
        return hedge_stderr(y[-rows:], x[-rows:], pvalue=relation.pvalue)
    except ValueError:  # too few rows, or collinear changes: no such error
        return None


def _bounce(prices: FloatArray) -> Bounce | None:
    try:
        return bounce(prices)
    except ValueError:  # too few rows
        return None


def _bounce_free(
    rows: TradedRows, params: PairParams, bounces: list[Bounce | None]
) -> tuple[str | None, list[str]]:
    """The finest timeframe without bounce that matters, and a warning where this one has some."""
    named = [
        (name, leg[rows.first :], estimate)
        for name, leg, estimate in zip(
            (params.y, params.x), (rows.price_y, rows.price_x), bounces, strict=True
        )
        if estimate is not None and estimate.matters()
    ]
    if not named:
        return params.timeframe, []
    finest = [finest_without_bounce(leg, params.timeframe) for _, leg, _ in named]
    free = None if None in finest else max(filter(None, finest), key=TIMEFRAMES.__getitem__)
    legs = " and ".join(name for name, _, _ in named)
    advice = f"from {free} on it does not matter" if free else "no timeframe is free of it"
    return free, [f"Prices of {legs} look like bounce between bid and ask: {advice}."]


def _spread_adf(spread: FloatArray, options: dict[str, Any]) -> UnitRootResult:
    """`adf`, with the p-value of its finite-sample critical values on few rows.

    It would call a constant spread x, as if it were the leg.
    """
    _check_rows(len(spread))
    if spread.min() == spread.max():
        raise ValueError("it does not vary")
    result = adf(spread, **options)
    if len(spread) >= FEW_ROWS:
        return result
    pvalue = mackinnon.pvalue(result.statistic, options["trend"], n_obs=result.n_obs)
    return replace(result, pvalue=pvalue)


def _test(
    run: Callable[[], _Result], absence: str, notes: list[str], params: PairParams
) -> _Result | None:
    """The result of a test; None, and a note of why, where it cannot be made."""
    try:
        result = run()
    except ValueError as error:
        notes.append(f"{absence}: {error}.")
        return None
    if np.isfinite(result.statistic):
        return result
    rounding = "the regression leaves nothing but rounding"
    collinear = _ABOUT_ZERO if params.trend == "n" else _COLLINEAR
    notes.append(f"{absence}: {rounding if np.isnan(result.statistic) else collinear}.")
    return None
