"""Where a pair stands beside its z-score: half-life and break-even, without a whole snapshot.

The same figures as `analytics.pair.analyze_pair` has, of the same rows and the same line of
today, at a tenth of its cost: for hundreds of pairs that are watched at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analytics._known_lines import (
    hedge_rows,
    known_lines,
    line_at,
    refits,
    rows_in_view,
)
from analytics._pair_parts import TradedRows, only_rounding, spread_of
from analytics._pair_tests import interval_of
from analytics.alignment import Aligned
from analytics.bars import usual_step
from analytics.carry import pair_carry, reversion_funding
from analytics.hedge import fit_hedge
from analytics.model import Bars, FloatArray, NotReady, PairParams
from analytics.pair import break_even_of
from analytics.stationarity import half_life


@dataclass(frozen=True)
class Standing:
    """Of a pair's newest rows: half_life in bars, None where the spread does not revert;
    half_life_high, the upper end of its 90 % interval, infinite where the spread cannot be told
    from a random walk, NaN where there is no interval;
    break_even, the |z| from which the way back pays a round trip, NaN if not known; beta, the hedge
    ratio known at the newest bar; carried_share, the share of 1 of the rows in view that carry a
    price forward; step_ms, the time from one bar that counts to the next
    (`analytics.bars.usual_step`).
    """

    half_life: float | None
    half_life_high: float
    break_even: float
    beta: float
    carried_share: float
    step_ms: float


def pair_standing(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    cost_bps: float,
    funding: tuple[float, float] | None = None,
    z: float = math.nan,
) -> Standing | NotReady:
    """Half-life and break-even of a pair from its legs' bars, newest `params.limit` rows.

    cost_bps: commission and slippage of a side and leg, in basis points. funding: what a long
    position in Y and in X pays a day, as a share of its worth, None where it is not known; z: of
    now, whose sign says which side is held: the break-even has the funding of a half-life in it
    where all of these are known. The bars are those that
    `analyze_pair` takes, and the figures are its own at the newest bar. NotReady where the rows
    in view are too few. Raises ValueError for negative costs and as `analyze_pair` does.

    Source: half-life, Chan, Algorithmic Trading (2013), chapter 2.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> steps = np.sin(np.arange(100.0) ** 2)
    >>> x = bars("B", 50.0 + np.cumsum(steps))
    >>> y = bars("A", 2.0 * x.close + steps)
    >>> standing = pair_standing(y, x, PairParams("A", "B"), cost_bps=2.0)
    >>> round(standing.half_life, 2), round(standing.break_even, 3), standing.carried_share
    (0.64, 0.12, 0.0)
    """
    found = rows_in_view(y_bars, x_bars, params)
    if isinstance(found, NotReady):
        return found
    aligned, rows = found
    beta, spread, method = _today(rows, params, len(rows) - rows.first)
    if len(spread) and only_rounding(rows, slice(rows.first, None), params):
        spread = np.zeros(len(spread))
    line, newest = spread[np.isfinite(spread)], _newest(rows, params, spread)
    full = len(newest) == params.z_window
    varies = full and newest.min() < newest.max()
    sigma = float(np.std(newest, ddof=1)) if varies else math.nan
    legs = float(aligned.y[-1]), float(aligned.x[-1])
    life = half_life(line) if len(line) >= 3 else None
    interval = None if life is None else interval_of(line, params, method)
    step_ms = usual_step(rows.ts_ms[rows.first :], params.timeframe)
    funded = 0.0
    if funding is not None and life is not None and math.isfinite(z) and math.isfinite(beta):
        carry = pair_carry(*legs, beta, *funding, price_space=params.price_space)
        funded = reversion_funding(carry, z, life, step_ms)
    return Standing(
        half_life=life,
        half_life_high=math.nan if interval is None else interval.high,
        break_even=break_even_of(sigma, beta, legs, params, cost_bps, funded),
        beta=beta,
        carried_share=_carried_share(aligned),
        step_ms=step_ms,
    )


def _newest(rows: TradedRows, params: PairParams, spread: FloatArray) -> FloatArray:
    """The z window of the spread that the newest z is of: today's, or by a line fitted before."""
    newest = spread[-params.z_window :]
    if not refits(params) or not newest.any():
        return newest
    beta, alpha = line_at(rows, params, len(rows) - 1)
    if not (math.isfinite(beta) and math.isfinite(alpha)):
        return newest
    return spread_of(rows.y[-len(newest) :], rows.x[-len(newest) :], beta, alpha)


def _carried_share(aligned: Aligned) -> float:
    return float(aligned.carried[aligned.start :].mean())


def _today(rows: TradedRows, params: PairParams, have: int) -> tuple[float, FloatArray, str]:
    """The hedge ratio known at the newest row, the spread of the rows in view, NaN in its warm-up,
    and the method by which the line was fitted.
    """
    method = "kalman" if params.spread_mode == "kalman" else params.hedge
    if params.spread_mode in ("rolling", "kalman"):
        known = known_lines(rows, params, rows.first, len(rows))
        return float(known.beta[-1]), known.spread, method
    y, x = rows.y[rows.first :], rows.x[rows.first :]
    if params.spread_mode == "locked":
        beta, alpha = float(params.beta or 0.0), float(params.alpha or 0.0)
    else:
        fitted = min(hedge_rows(params) or have, have)
        fit = fit_hedge(y[-fitted:], x[-fitted:], params.hedge, params.intercept, rows.log)
        beta, alpha, method = float(fit.beta), float(fit.alpha), fit.method
    # That of the newest row's own view, which where later rows are carried reaches further back.
    view = params.spread_mode == "view"
    in_use = line_at(rows, params, len(rows) - 1)[0] if view else beta
    if not (math.isfinite(beta) and math.isfinite(alpha)):
        return in_use, np.empty(0), method
    return in_use, spread_of(y, x, beta, alpha), method
