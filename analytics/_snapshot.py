"""The snapshot of a pair, and hedge ratios over time. Public in `analytics.model`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from analytics._columns import BoolArray, FloatArray, IntArray, frozen

if TYPE_CHECKING:
    from analytics.bounce import Bounce
    from analytics.model import (
        CointegrationResult,
        HedgeFit,
        OUFit,
        PairParams,
        UnitRootResult,
    )
    from analytics.stationarity import HalfLifeInterval


@dataclass(frozen=True, eq=False)
class HedgePath:
    """The hedge ratio as it was known at each bar; NaN in the warm-up.

    Unpacks as `beta, alpha`, as the results of rolling_ols and kalman_hedge begin.
    """

    method: str
    beta: FloatArray
    alpha: FloatArray

    def __iter__(self) -> Iterator[FloatArray]:
        return iter((self.beta, self.alpha))


def _nothing() -> FloatArray:
    """A series without a row."""
    return frozen((), float)


class Reading(NamedTuple):
    """The spread at the newest row by the line that its z rests on: z is (spread - mean) / std.

    mean and std: of the z window by the same line. fitted_ms: the bar up to which that line was
    fitted, in milliseconds since 1970; None where it is the row's own, or given.
    """

    spread: float = math.nan
    mean: float = math.nan
    std: float = math.nan
    fitted_ms: int | None = None


@dataclass(frozen=True, eq=False)
class PairSnapshot:
    """Everything the Analytics page shows of one pair, at one version of its market.

    All series have one row per aligned bar in view (shape (n,)); prices are closes in quote
    currency, before any logarithm. Statistics rest on the rows in which both legs traded; on
    the others (`carried`) every line stands as it was at the last of those, and `corr` of
    returns is NaN.

    z: as it was known at each bar's close, by the line `known`; appending bars changes none of
    it. spread, mean, std and fit_z: of today's fit, in the units of `params.price_space`; in the
    hedge modes "rolling" and "kalman" each bar's own line, and then fit_z is z. reading: what the
    newest z rests on, which in "view" may be a line that was fitted some bars ago. adf_ts_ms and
    adf_pvalue: the rolling p-value line, shape (m,). half_life: in bars, None where the spread
    does not revert. ou: the spread's Ornstein-Uhlenbeck fit with a bar as the unit of time.

    method_z: z of the newest row by each method's fit. swapped: the fit of X on Y by the
    chosen method; swapped_z: z of its spread, turned so that above 0 Y is rich, as in `z`.
    path_rows: the window of the rolling hedge path. no_z: why the newest row has no z, in words;
    "" where it has one.

    half_life_interval, beta_stderr, bounce_y, bounce_x, bounce_free: see
    `analytics._pair_tests.PairTests`. fit.beta_stderr takes residuals for independent, beta_stderr
    does not.
    """

    params: PairParams
    ts_ms: IntArray
    price_y: FloatArray
    price_x: FloatArray
    carried: BoolArray
    fit: HedgeFit
    fits: Mapping[str, HedgeFit]
    path: HedgePath
    kalman_path: HedgePath
    spread: FloatArray
    mean: FloatArray
    std: FloatArray
    z: FloatArray
    corr: FloatArray
    adf_ts_ms: IntArray
    adf_pvalue: FloatArray
    adf: UnitRootResult | None
    engle_granger: CointegrationResult | None
    correlation: float
    half_life: float | None
    hurst: float | None
    rows_dropped: int = 0
    notes: tuple[str, ...] = field(default=())
    ou: OUFit | None = None
    method_z: Mapping[str, float] = field(default_factory=dict)
    swapped: HedgeFit | None = None
    swapped_z: float = float("nan")
    path_rows: int = 0
    half_life_interval: HalfLifeInterval | None = None
    beta_stderr: float | None = None
    bounce_y: Bounce | None = None
    bounce_x: Bounce | None = None
    bounce_free: str | None = None
    fit_z: FloatArray = field(default_factory=_nothing)
    known: HedgePath = field(default_factory=lambda: HedgePath("", _nothing(), _nothing()))
    no_z: str = ""
    reading: Reading = field(default_factory=Reading)

    def __len__(self) -> int:
        return len(self.ts_ms)

    @property
    def traded_ms(self) -> IntArray:
        """Times of the rows in which both legs traded: the bars that statistics count."""
        return self.ts_ms[~self.carried]

    @property
    def rows_carried(self) -> int:
        """Rows in view on which a leg did not trade: no statistic rests on them."""
        return int(self.carried.sum())

    @property
    def carried_share(self) -> float:
        """Share of the rows in view on which a leg did not trade, 0 to 1."""
        return float(self.carried.mean()) if len(self.carried) else 0.0

    @property
    def z_range(self) -> tuple[float, float]:
        """The lowest and the highest newest z that the choice of the method makes."""
        known = [z for z in self.method_z.values() if math.isfinite(z)]
        return (min(known), max(known)) if known else (math.nan, math.nan)
