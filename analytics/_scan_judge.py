"""What becomes of a pair that the adjustment kept: the filters, then the confirmation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from analytics._frozen_level import frozen_level_pvalue
from analytics._kernels import scan
from analytics._scan_rows import SURVIVOR_FIELDS
from analytics._scan_types import VERDICTS, ScanParams
from analytics._scan_universe import LEAST_CONFIRMATION, Universe, least_rows
from analytics.model import FloatArray, IntArray
from analytics.stationarity import adf, cusum_squares, half_life, hurst

#: Differences of the Hurst exponent reach so far, or half of the rows.
HURST_LAGS = 100


class Survivor(NamedTuple):
    """A pair that the adjustment kept: numbers of its symbols, its slope."""

    y: int
    x: int
    beta: float


@dataclass(frozen=True, eq=False)
class PairJudge:
    """Judges pairs. Can be sent to another process.

    world: the universe, with the closes of those symbols alone of which there are pairs. funding: a
    bar's rate of each of them, paid by who is long.
    """

    world: Universe
    params: ScanParams
    funding: FloatArray

    def __call__(self, pairs: tuple[Survivor, ...]) -> list[tuple[int, FloatArray]]:
        """(number in VERDICTS, the figures SURVIVOR_FIELDS) of each pair."""
        return [self.judge(pair) for pair in pairs]

    def judge(self, pair: Survivor) -> tuple[int, FloatArray]:
        """One pair: by what it leaves is the first step that it does not pass."""
        figures = dict.fromkeys(SURVIVOR_FIELDS, math.nan)
        verdict = self._filtered(pair, figures) or self._confirmed(pair, figures)
        return VERDICTS.index(verdict), np.array([figures[name] for name in SURVIVOR_FIELDS])

    def _filtered(self, pair: Survivor, figures: dict[str, float]) -> str | None:
        """Fill in the figures of the formation; why the pair leaves there, None if it stays."""
        params, stretch = self.params, self.world.formation
        y, x, _ = self._legs(pair, stretch.start, stretch.stop)
        figures["alpha"] = float(y.mean() - pair.beta * x.mean())
        spread = y - pair.beta * x - figures["alpha"]
        figures["mean"] = mean = float(spread.mean())
        figures["sigma"] = sigma = float(spread.std(ddof=1))
        gross = 1.0 + abs(pair.beta)
        figures["sigma_bps"] = 1e4 * sigma / gross
        life = half_life(spread)
        figures["half_life"] = math.inf if life is None else life
        figures["comovement"] = comovement(y, x, figures["half_life"])
        figures["crossings"] = float(scan.crossings(spread - mean))
        figures["hurst"] = hurst(spread, min(HURST_LAGS, len(spread) // 2))
        figures["explained"] = _explained(y, spread)
        figures["correlation"] = _correlation(*self._changes(pair))
        longest = params.max_half_life_share * stretch.bars
        if not pair.beta > 0.0:
            return "beta not above 0"
        if not figures["explained"] >= params.min_explained:
            return "hedge explains too little"
        if not params.min_half_life <= figures["half_life"] <= longest:
            return "half-life out of range"
        if not figures["comovement"] >= params.min_comovement:
            return "legs do not move together"
        if figures["crossings"] < params.min_crossings:
            return "too few crossings"
        if not figures["hurst"] < params.max_hurst:
            return "Hurst exponent too high"
        if not figures["sigma_bps"] >= params.min_sigma_costs * params.round_trip_bps:
            return "sigma below costs"
        return None

    def _confirmed(self, pair: Survivor, figures: dict[str, float]) -> str:
        """Why the pair is not confirmed, or that it is."""
        problem = self._tested(pair, figures)
        if problem is not None:
            return problem
        params = self.params
        if not figures["confirm_pvalue"] <= params.confirm_level:
            return "not confirmed: no stationary spread"
        if not figures["confirm_explained"] >= params.min_explained / 2.0:
            return "not confirmed: hedge explains too little"
        if not figures["confirm_trades"] > 0:
            return "not confirmed: no trade"
        if not figures["confirm_net_bps"] > 0.0:
            return "not confirmed: no net gain"
        if figures["break_pvalue"] < params.break_level:
            return "not confirmed: relation broke"
        return "confirmed"

    def _tested(self, pair: Survivor, figures: dict[str, float]) -> str | None:
        """Fill in the figures of the confirmation, with all that was fitted as it was."""
        params, stretch = self.params, self.world.confirmation
        y, x, times = self._legs(pair, stretch.start, stretch.stop)
        if len(y) < least_rows(stretch, LEAST_CONFIRMATION, params.min_traded / 2.0):
            return "not confirmed: too few common bars"
        deviation = y - pair.beta * x - figures["alpha"] - figures["mean"]
        centred = x - x.mean()
        squares = float(centred @ centred)
        figures["confirm_beta"] = float(centred @ y) / squares if squares > 0.0 else math.nan
        if not float(np.ptp(deviation)) > 0.0:
            return "not confirmed: no stationary spread"
        figures["confirm_pvalue"] = adf(deviation, trend="n").pvalue
        self._played(pair, deviation, times, figures)
        figures["confirm_explained"] = _explained(y, deviation)
        squares_break = cusum_squares(deviation, mean=0.0).pvalue
        level_break = frozen_level_pvalue(self._residual(pair, figures), deviation)
        figures["break_pvalue"] = min(2.0 * min(squares_break, level_break), 1.0)
        return None

    def _played(
        self, pair: Survivor, deviation: FloatArray, times: IntArray, figures: dict[str, float]
    ) -> None:
        """The z strategy after costs and funding."""
        params, sigma, gross = self.params, figures["sigma"], 1.0 + abs(pair.beta)
        stop = math.inf if params.stop_z is None else params.stop_z
        funding = float(self.funding[pair.y] - pair.beta * self.funding[pair.x])
        gain, trades, paid = scan.play_frozen(
            deviation / sigma, times, params.entry_z, params.exit_z, stop, funding
        )
        figures["confirm_trades"] = float(trades)
        earned = 1e4 * (gain * sigma - paid) / gross
        figures["confirm_net_bps"] = earned - trades * params.round_trip_bps

    def _residual(self, pair: Survivor, figures: dict[str, float]) -> FloatArray:
        """The spread of the formation about its mean."""
        stretch = self.world.formation
        y, x, _ = self._legs(pair, stretch.start, stretch.stop)
        return y - pair.beta * x - figures["alpha"] - figures["mean"]

    def _legs(
        self, pair: Survivor, start: int, stop: int
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Log closes of the rows in which both traded, and which rows those are."""
        y, x = self.world.logs[pair.y, start:stop], self.world.logs[pair.x, start:stop]
        common = np.flatnonzero(~(np.isnan(y) | np.isnan(x)))
        return y[common], x[common], common

    def _changes(self, pair: Survivor) -> tuple[FloatArray, FloatArray]:
        """Returns of the formation from a row in which both traded to the next row, if they did
        there too.
        """
        rows = slice(self.world.formation.start, self.world.formation.stop)
        changes = np.diff(self.world.logs[[pair.y, pair.x], rows], axis=1)
        y, x = changes[:, ~np.isnan(changes).any(axis=0)]
        return y, x


def judge_of(
    world: Universe, params: ScanParams, funding: FloatArray, legs: IntArray, betas: FloatArray
) -> tuple[PairJudge, list[Survivor]]:
    """The judge of some pairs, who has no symbols but theirs, and the pairs as it numbers them.

    legs: numbers of the symbols, shape (2, k). betas: slopes, shape (k,).
    """
    used, found = np.unique(legs, return_inverse=True)
    theirs = replace(world, logs=world.logs[used])
    ys, xs = found.reshape(legs.shape)
    rows = zip(ys.tolist(), xs.tolist(), betas.tolist(), strict=True)
    survivors = [Survivor(y, x, beta) for y, x, beta in rows]
    return PairJudge(theirs, params, funding[used]), survivors


def comovement(y: FloatArray, x: FloatArray, life: float) -> float:
    """Correlation of the changes over three half-lives, in the standard errors that it has where
    the legs are independent walks: changes that overlap count for what they add.

    Over less a leg that only follows the other has hardly begun to.
    """
    h = max(round(min(3.0 * life, len(y) / 8.0)), 1)
    changes = y[h:] - y[:-h], x[h:] - x[:-h]
    return _correlation(*changes) * math.sqrt(3.0 * h * len(changes[0]) / (2.0 * h * h + 1.0))


def _explained(y: FloatArray, spread: FloatArray) -> float:
    """Share of the variance of y that is not that of the spread; NaN where y does not vary."""
    whole = float(y.var())
    return 1.0 - float(spread.var()) / whole if whole > 0.0 else math.nan


def _correlation(y: FloatArray, x: FloatArray) -> float:
    if len(y) < 3:
        return math.nan
    y, x = y - y.mean(), x - x.mean()
    size = math.sqrt(float(y @ y) * float(x @ x))
    return float(y @ x) / size if size > 0.0 else math.nan
