"""The rules of a scan, explained and public in `analytics.scanner`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from analytics._checks import check_choice, check_number, check_whole, take_scalars
from analytics.model import OrderError

Candidates = Literal["all", "clusters"]
CANDIDATES: tuple[str, ...] = get_args(Candidates)
Correction = Literal["by", "bh"]
CORRECTIONS: tuple[str, ...] = get_args(Correction)
#: What becomes of a symbol whose returns bounce: it leaves, or its lags are chosen by MAIC.
Bouncing = Literal["leave", "maic"]
BOUNCING: tuple[str, ...] = get_args(Bouncing)
#: Which of a pair's two orders had the smaller p-value: y before x in the names, or after it.
Order = Literal["first", "second"]
ORDERS: tuple[str, ...] = get_args(Order)

Verdict = Literal[
    "confirmed",
    "not confirmed: no stationary spread",
    "not confirmed: hedge explains too little",
    "not confirmed: no net gain",
    "not confirmed: no trade",
    "not confirmed: relation broke",
    "not confirmed: too few common bars",
    "beta not above 0",
    "hedge explains too little",
    "half-life out of range",
    "legs do not move together",
    "too few crossings",
    "Hurst exponent too high",
    "sigma below costs",
    "not significant",
    "too few common bars",
    "collinear",
]
#: Verdicts from the best to the worst: the order of the rows of a result.
VERDICTS: tuple[str, ...] = get_args(Verdict)
#: Verdicts of pairs that the adjustment for the number of tests kept.
SURVIVED: tuple[str, ...] = VERDICTS[:14]

SymbolReason = Literal[
    "too few traded bars", "too little turnover", "no variance", "returns bounce", "no cluster"
]
SYMBOL_REASONS: tuple[str, ...] = get_args(SymbolReason)

#: Steps of a scan, in turn: the keys of its funnel.
STEPS: tuple[str, ...] = (
    "symbols", "universe", "pairs", "candidates", "formation", "filters", "confirmation",
)  # fmt: skip

#: Legal range of each whole-number rule of a scan: name -> (low, high).
SCAN_WHOLE_RANGES: dict[str, tuple[int, int]] = {
    "bars": (90, 20_000),
    "min_crossings": (0, 10_000),
    "min_samples": (2, 50),
    "n_components": (1, 50),
}
#: Legal range of each other number of a scan: name -> (low, high).
SCAN_RANGES: dict[str, tuple[float, float]] = {
    "q": (1e-6, 0.5),
    "min_traded": (0.1, 1.0),
    "min_turnover": (0.0, 1e15),
    "min_move_bps": (0.0, 10_000.0),
    "min_half_life": (0.0, 10_000.0),
    "max_half_life_share": (0.01, 1.0),
    "max_hurst": (0.0, 1.0),
    "min_explained": (0.0, 1.0),
    "min_comovement": (-100.0, 100.0),
    "min_sigma_costs": (0.0, 100.0),
    "cost_bps": (0.0, 1_000.0),
    "slippage_bps": (0.0, 1_000.0),
    "confirm_level": (1e-6, 0.5),
    "break_level": (1e-6, 0.5),
}


@dataclass(frozen=True)
class ScanParams:
    """The rules of a scan. Hashable.

    bars: the newest rows that are looked at; the first two thirds are the formation, the rest
    the confirmation. min_traded: share of the rows of both stretches in which a symbol must have
    traded. min_turnover: its least median turnover of a bar, in quote currency. min_move_bps: its
    log closes have a larger standard deviation in both stretches (a stablecoin's have not).

    candidates: "all" pairs, or those inside "clusters", of which n_components (None: as many as
    explain the returns) and min_samples are `analytics.selection.cluster_symbols`'s. correction,
    q: the adjustment for the number of tests ("by", "bh") and its rate of false ones. bouncing:
    symbols whose own returns bounce "leave", or are tested with lags chosen by "maic".

    min_half_life: bars; max_half_life_share: of the formation; min_crossings: of the mean there;
    max_hurst: the exponent of the spread is below it; min_explained: share of Y's variance that
    the hedge takes away, of which half is enough in the confirmation: a leg that hardly walks
    reverts with every other, whatever the hedge; min_comovement: least correlation of the legs'
    changes over three half-lives, in standard errors, for the same reason; min_sigma_costs: least
    sigma of the spread in round trips' costs.

    cost_bps, slippage_bps: per side and leg. entry_z, exit_z, stop_z: of the confirmation's z
    strategy, as in a back-test, stop_z None for no stop. confirm_level: of the ADF test there;
    break_level: of the tests for a break.

    Raises ParameterError, a ValueError that carries the field, its value and what is legal.

    >>> ScanParams(correction="holm")
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: correction is 'holm', expected one of by, bh
    """

    bars: int = 4_320
    min_traded: float = 0.8
    min_turnover: float = 0.0
    min_move_bps: float = 10.0
    candidates: str = "all"
    n_components: int | None = None
    min_samples: int = 3
    correction: str = "by"
    q: float = 0.05
    bouncing: str = "leave"
    min_half_life: float = 2.0
    max_half_life_share: float = 0.25
    min_crossings: int = 12
    max_hurst: float = 0.5
    min_explained: float = 0.4
    min_comovement: float = 2.0
    min_sigma_costs: float = 1.0
    cost_bps: float = 2.0
    slippage_bps: float = 0.0
    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float | None = 4.0
    confirm_level: float = 0.01
    break_level: float = 0.005

    def __post_init__(self) -> None:
        take_scalars(self)
        check_choice("candidates", self.candidates, CANDIDATES)
        check_choice("correction", self.correction, CORRECTIONS)
        check_choice("bouncing", self.bouncing, BOUNCING)
        for name, (low, high) in SCAN_WHOLE_RANGES.items():
            value = getattr(self, name)
            if not (name == "n_components" and value is None):
                check_whole(name, value, low, high)
        for name, (least, most) in SCAN_RANGES.items():
            check_number(name, getattr(self, name), least, most)
        check_number("entry_z", self.entry_z, 1e-6, 100.0)
        check_number("exit_z", self.exit_z, 0.0, 100.0)
        if not self.exit_z < self.entry_z:
            rule = "from 0 to below {}"
            raise OrderError("exit_z", self.exit_z, rule, "entry_z", self.entry_z)
        if self.stop_z is not None:
            check_number("stop_z", self.stop_z, 0.0, 1_000.0)
            if not self.entry_z < self.stop_z:
                rule = "above {} up to 1000"
                raise OrderError("stop_z", self.stop_z, rule, "entry_z", self.entry_z)

    @property
    def cost_rate(self) -> float:
        """Commission and slippage of one side of one leg, as a fraction of its value."""
        return (self.cost_bps + self.slippage_bps) / 10_000.0

    @property
    def round_trip_bps(self) -> float:
        """What entering and leaving both legs costs, in bps of the gross exposure."""
        return 2e4 * self.cost_rate

    def stretches(self, n: int) -> tuple[Stretch, Stretch]:
        """Formation and confirmation of n rows: two thirds and one third of the newest `bars`.

        >>> ScanParams(bars=720).stretches(1_000)
        (Stretch(start=280, stop=760), Stretch(start=760, stop=1000))
        """
        start = max(n - self.bars, 0)
        middle = start + (n - start) * 2 // 3
        return Stretch(start, middle), Stretch(middle, n)


@dataclass(frozen=True)
class Stretch:
    """Rows start .. stop - 1 of the closes."""

    start: int
    stop: int

    @property
    def bars(self) -> int:
        """How many rows."""
        return self.stop - self.start


@dataclass(frozen=True)
class SymbolLeft:
    """A symbol that took no part: why, how much of it there was and how much it takes.

    have, need: traded bars of the worse stretch, median turnover, standard deviation of the
    returns, or the share of bounce, by the reason; need NaN where there is no such number.
    """

    symbol: str
    reason: str
    have: float
    need: float
