"""The rules and results of the back-test, explained and public in `analytics.backtest`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from analytics._checks import check_choice, check_whole, take_scalars
from analytics.model import (
    PAIR_RANGES,
    BoolArray,
    FloatArray,
    HedgeFit,
    IntArray,
    OrderError,
    PairParams,
    ParameterError,
)

HedgeMode = Literal["rolling", "kalman", "in-sample"]
HEDGE_MODES: tuple[str, ...] = get_args(HedgeMode)
Sides = Literal["both", "long", "short"]
SIDES: tuple[str, ...] = get_args(Sides)
#: Legal range of each whole-number setting and of the costs: name -> (low, high).
WHOLE_RANGES: dict[str, tuple[int, int]] = {
    "max_bars": (1, 1_000_000),
    "hedge_window": PAIR_RANGES["hedge_window"],
}
COST_RANGES: dict[str, tuple[float, float]] = {
    "cost_bps": (0.0, 1_000.0),
    "slippage_bps": (0.0, 1_000.0),
}
EXIT_REASONS: tuple[str, ...] = ("open", "target", "stop", "time", "gap", "ruin")


@dataclass(frozen=True)
class BacktestParams:
    """The rules of a back-test. Hashable.

    entry_z > exit_z >= 0, stop_z > entry_z or None, all in standard deviations. max_bars:
    time stop, None for none. cost_bps, slippage_bps: per side and leg. hedge_window: bars of
    the rolling hedge, and the warm-up of every mode. hedge_mode: "rolling" (OLS), "kalman",
    or "in-sample" (the pair's own method, fitted on all bars). sides: of the spread that are
    traded, "long" (long Y / short X), "short", or "both".

    Raises ParameterError, a ValueError that carries the field, its value and what is legal.

    >>> BacktestParams(exit_z=2.5)
    Traceback (most recent call last):
    ...
    analytics._errors.OrderError: exit_z is 2.5, expected from 0 to below entry_z (2.0)
    """

    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float | None = 4.0
    max_bars: int | None = None
    cost_bps: float = 2.0
    slippage_bps: float = 0.0
    hedge_mode: str = "rolling"
    hedge_window: int = 200
    sides: str = "both"

    def __post_init__(self) -> None:
        take_scalars(self)
        check_choice("hedge_mode", self.hedge_mode, HEDGE_MODES)
        check_choice("sides", self.sides, SIDES)
        for name in ("entry_z", "exit_z", "stop_z", *COST_RANGES):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number and not (name == "stop_z" and value is None):
                raise ParameterError(name, value, "a number")
        self._check_thresholds()
        for name, (low, high) in COST_RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ParameterError(name, getattr(self, name), f"from {low:g} to {high:g}")
        for name, (least, most) in WHOLE_RANGES.items():
            if name != "max_bars" or self.max_bars is not None:
                check_whole(name, getattr(self, name), least, most)

    def _check_thresholds(self) -> None:
        """exit_z < entry_z < stop_z."""
        entry = ("entry_z", self.entry_z)
        if not 0 < self.entry_z <= 100:
            raise ParameterError(*entry, "above 0 up to 100")
        if not 0 <= self.exit_z < self.entry_z:
            raise OrderError("exit_z", self.exit_z, "from 0 to below {}", *entry)
        if self.stop_z is not None and not self.entry_z < self.stop_z <= 1_000:
            raise OrderError("stop_z", self.stop_z, "above {} up to 1000", *entry)

    @property
    def cost_rate(self) -> float:
        """Commission and slippage of one side of one leg, as a fraction of its value."""
        return (self.cost_bps + self.slippage_bps) / 10_000


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade. side: 1 long the spread, -1 short the spread; see `analytics.spread.leg_signs`.

    Times are the open times of the bars it was held from and until, prices those at which
    each leg filled, before slippage, opens but for exits by gap and ruin, which are closes; NaN for
    a leg that was never held; z the values that
    signalled. gross, cost, net: shares of the gross exposure at entry. exit_reason: target,
    stop, time, gap: closed at the last closes before a gap in the data, ruin: closed at the close
    that left nothing of the equity, or open: still held, marked at the last close, without the
    cost of an exit. entry_wait, exit_wait: bars for which
    the later leg's fill waited until that leg traded. exposure: the gross exposure at entry of
    one unit of Y, in quote currency, or of a worth of one of Y in log space; NaN if not known.
    """

    side: int
    entry_ts_ms: int
    exit_ts_ms: int
    entry_z: float
    exit_z: float
    bars: int
    entry_y: float
    entry_x: float
    exit_y: float
    exit_x: float
    beta: float
    gross: float
    cost: float
    net: float
    exit_reason: str
    entry_wait: int = 0
    exit_wait: int = 0
    exposure: float = math.nan


@dataclass(frozen=True)
class BacktestFigures:
    """The figures of a run; NaN where undefined.

    Returns are net of costs unless they say gross, as fractions (0.01 is 1 %). Those a bar
    (sharpe, sortino, max_drawdown, exposure) are over the bars from the first z-score on,
    annualised with `BacktestResult.periods_per_year`, which is of these bars; those a trade
    (profit_factor, hit_rate, trades, average_holding_bars) are over closed trades.
    profit_factor is infinite where nothing was lost, max_drawdown NaN where nothing was traded.
    turnover: both legs' traded value in multiples of the equity. cost_share: the part of
    gross_return that costs took.

    fills_waited: fills that did not come in the next bar, because their leg did not trade in
    it. average_wait_bars: how long they waited. gap_exits: trades that were closed before a
    gap in the data.
    """

    net_return: float
    gross_return: float
    sharpe: float
    sortino: float
    max_drawdown: float
    profit_factor: float
    hit_rate: float
    trades: int
    average_holding_bars: float
    turnover: float
    exposure: float
    cost_share: float
    fills_waited: int = 0
    average_wait_bars: float = float("nan")
    gap_exits: int = 0


@dataclass(frozen=True)
class TrackRecord:
    """How far the Sharpe ratio of some bars' returns can be trusted; NaN where it has none.

    bars: how many returns. sharpe, stderr: the ratio and its standard error, annualised. psr:
    probability that the true ratio is above 0. min_bars: returns that it takes to tell a ratio
    of this size, and returns of this shape, from 0 at 95 %, on its own side of 0; infinite for
    a ratio of 0. Sources: see `analytics.performance`.
    """

    bars: int
    sharpe: float
    stderr: float
    psr: float
    min_bars: float

    @property
    def too_short(self) -> bool:
        """Whether the returns do not suffice to judge: their ratio cannot be told from 0."""
        return not self.bars >= self.min_bars


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """A run, one row a bar, shape (n,) each; equity and gross_equity compound from 1.0.

    position: 1, 0 or -1, held from the bar's open by one leg at least. hedge: as known before
    the bar; spread, z: as known at its close (NaN in the warm-up); on rows on which no
    statistic rests (counted) both stand as they were at the last that counts. break_even_z: |z|
    below which the way back to the mean earns less than a round trip costs. drawdown: equity
    against its highest so far, 0 or below. trades: in order, an open one last. rows_dropped:
    rows that the activity filter leaves out of every statistic, or without a price above zero;
    rows_unpriced: the latter alone. carried: a leg did not trade in the bar. captured: share
    of |z| sigma that the trades that reached their target earned before costs, NaN without such
    trades. record: what the Sharpe ratio can be trusted. fit: the in-sample fit, None in the
    other modes.
    """

    params: PairParams
    settings: BacktestParams
    ts_ms: IntArray
    equity: FloatArray
    gross_equity: FloatArray
    drawdown: FloatArray
    position: IntArray
    hedge: FloatArray
    spread: FloatArray
    z: FloatArray
    break_even_z: FloatArray
    carried: BoolArray
    trades: tuple[Trade, ...]
    figures: BacktestFigures
    periods_per_year: float
    rows_dropped: int
    fit: HedgeFit | None = None
    counted: BoolArray = field(default_factory=lambda: np.empty(0, np.bool_))
    captured: float = float("nan")
    record: TrackRecord | None = None
    rows_unpriced: int = 0

    @property
    def break_even_realised(self) -> FloatArray:
        """|z| from which a round trip pays if it captures what the targets have, shape (n,).

        break_even_z over `captured`; NaN where no target was reached, or they lost.
        """
        share = self.captured if self.captured > 0.0 else math.nan
        return self.break_even_z / share

    @property
    def rows_carried(self) -> int:
        """Rows on which a leg did not trade."""
        return int(np.count_nonzero(self.carried))

    @property
    def in_sample(self) -> bool:
        """Whether the hedge was fitted on the bars that it trades."""
        return self.settings.hedge_mode == "in-sample"

    @property
    def note(self) -> str:
        """What the reader must know of the in-sample fit, "" if nothing."""
        return self.fit.note if self.fit else ""

    @property
    def label(self) -> str:
        """Which hedge was used, in words."""
        return {
            "rolling": f"rolling hedge over {self.settings.hedge_window} bars, point in time",
            "kalman": "Kalman hedge, point in time",
            "in-sample": "IN-SAMPLE: the hedge was fitted on the bars that it trades",
        }[self.settings.hedge_mode]
