"""How far a pair's point estimates can be trusted: errors, intervals, and what spoils them.

They cost more than a snapshot and change little from bar to bar, so that they are made beside it,
of the rows in which both legs traded. The sources are those of the functions used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.bounce import Bounce, bounce, finest_without_bounce
from analytics.correlation import hayashi_yoshida
from analytics.hedge import hedge_stderr
from analytics.model import TIMEFRAMES, FloatArray, PairSnapshot, Ticks, UnitRootResult
from analytics.stationarity import HalfLifeInterval, adf, half_life_interval

#: Hedge methods whose ratio is a slope of least squares, which the error is of.
SLOPES = ("ols", "huber", "theil_sen", "tls")


@dataclass(frozen=True)
class PairEstimates:
    """What stands beside a pair's figures; None where there is none.

    beta_stderr: of the hedge ratio, in its units, for autocorrelated residuals: None where the
    residual is not shown stationary. half_life: 90 % interval in bars. adf_y, adf_x: of each
    leg's prices as they are measured. bounce_y, bounce_x: Roll's estimates. free_of_bounce: the
    finest timeframe at which neither leg's bounce matters. tick_correlation: Hayashi and
    Yoshida's, of the increments of the ticks as they came, -1 to 1.
    """

    beta_stderr: float | None = None
    half_life: HalfLifeInterval | None = None
    adf_y: UnitRootResult | None = None
    adf_x: UnitRootResult | None = None
    bounce_y: Bounce | None = None
    bounce_x: Bounce | None = None
    free_of_bounce: str | None = None
    tick_correlation: float | None = None

    @property
    def bounces(self) -> bool:
        """Whether bounce matters in a leg."""
        return any(leg is not None and leg.matters() for leg in (self.bounce_y, self.bounce_x))


def pair_estimates(
    snapshot: PairSnapshot, ticks: tuple[Ticks, Ticks] | None = None
) -> PairEstimates:
    """The estimates of a snapshot. ticks: of Y and of X, None where the market has none.

    What too few rows, or rows without variation, leave undefined is None. Raises ValueError for
    ticks whose times fall.

    >>> from analytics.model import Bars, PairParams
    >>> from analytics.pair import analyze_pair
    >>> steps = np.cumsum(np.random.default_rng(0).standard_normal((2, 300)), axis=1)
    >>> times, size, trades = np.arange(300) * 1_000, np.ones(300), np.ones(300, np.int64)
    >>> legs = [Bars(s, "1s", times, *[c] * 4, size, trades, c) for s, c in zip("YX", 90 + steps)]
    >>> estimates = pair_estimates(analyze_pair(*legs, PairParams("Y", "X")))
    >>> estimates.beta_stderr, estimates.half_life.high, estimates.bounces
    (None, inf, False)
    """
    traded = ~snapshot.carried
    y, x = snapshot.price_y[traded], snapshot.price_x[traded]
    if snapshot.params.price_space == "log":
        y, x = np.log(y), np.log(x)
    test, timeframe = snapshot.engle_granger, snapshot.params.timeframe
    known = test is not None and math.isfinite(test.pvalue)
    slope = known and snapshot.params.spread_mode == "view" and snapshot.fit.method in SLOPES
    frames = [_or_none(finest_without_bounce, leg, timeframe) for leg in (y, x)]
    return PairEstimates(
        beta_stderr=_or_none(hedge_stderr, y, x, pvalue=test.pvalue) if slope and test else None,
        half_life=_or_none(half_life_interval, snapshot.spread[traded], fitted=True),
        adf_y=_or_none(adf, y),
        adf_x=_or_none(adf, x),
        bounce_y=_or_none(bounce, y),
        bounce_x=_or_none(bounce, x),
        free_of_bounce=_coarser(frames),
        tick_correlation=None if ticks is None else _on_ticks(*ticks),
    )


def _or_none(estimate: Any, *args: Any, **options: Any) -> Any:
    """An estimate, None of rows that have none."""
    try:
        return estimate(*args, **options)
    except ValueError:
        return None


def _coarser(frames: list[str | None]) -> str | None:
    if any(name is None for name in frames):
        return None
    return max((name for name in frames if name), key=TIMEFRAMES.__getitem__)


def _on_ticks(y: Ticks, x: Ticks) -> float | None:
    """Of the logarithms, over the stretch that both have."""
    if not len(y) or not len(x):
        return None
    start, end = max(y.ts_ms[0], x.ts_ms[0]), min(y.ts_ms[-1], x.ts_ms[-1])
    legs: list[tuple[Any, FloatArray]] = []
    for ticks in (y, x):
        order = np.argsort(ticks.ts_ms, kind="stable")
        times, prices = ticks.ts_ms[order], ticks.price[order]
        inside = (times >= start) & (times <= end)
        legs.append((times[inside], np.log(prices[inside])))
    (ts_y, price_y), (ts_x, price_x) = legs
    result = _or_none(hayashi_yoshida, ts_y, price_y, ts_x, price_x)
    return float(result.correlation) if result and math.isfinite(result.correlation) else None
