"""The rules and the result of a scan, explained and public in `analytics.scanner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, overload

import numpy as np

from analytics._checks import check_choice, check_number, check_whole
from analytics.model import FloatArray, IntArray, OrderError, ParameterError, frozen

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
    changes over a half-life, in standard errors, for the same reason; min_sigma_costs: least
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
    min_comovement: float = 3.0
    min_sigma_costs: float = 1.0
    cost_bps: float = 2.0
    slippage_bps: float = 0.0
    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float | None = 4.0
    confirm_level: float = 0.05
    break_level: float = 0.005

    def __post_init__(self) -> None:
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


@dataclass(frozen=True)
class ScanRow:
    """One pair of a scan; NaN where it left before the figure was computed.

    log y = beta log x + alpha + spread. y, x: symbols in the order that had the smaller p-value;
    order: "first" where y stands before x in the names, "second" where after. statistic, pvalue:
    of that order's Engle-Granger test on the formation; adjusted: its p-value adjusted for the
    number of all tests. half_life: bars, formation. crossings: of the mean, formation. hurst:
    of the spread. sigma_bps: standard deviation of the spread, in bps of the gross exposure (one
    of Y, beta of X). mean, sigma: of the spread on the formation, in logarithms.

    Of the confirmation, with beta, alpha, mean and sigma as they were: confirm_pvalue: the
    Dickey-Fuller test of the spread less its mean. confirm_net_bps: of the z strategy after
    costs and funding, in bps of the gross exposure. confirm_trades: how many trades that were.
    explained, confirm_explained: share of Y's variance that the hedge takes away, in each
    stretch. comovement: correlation of the legs' changes over a half-life, in its standard errors
    where none is. confirm_beta: what OLS gives there now. break_pvalue: of the CUSUM of squares
    and of the frozen level together.

    correlation: of the legs' returns, traded_share: rows in which both traded of all, on the
    formation. verdict: one of VERDICTS.
    """

    y: str
    x: str
    beta: float
    alpha: float
    statistic: float
    pvalue: float
    adjusted: float
    order: str
    half_life: float
    crossings: int
    sigma_bps: float
    confirm_pvalue: float
    confirm_net_bps: float
    confirm_trades: int
    verdict: str
    mean: float
    sigma: float
    hurst: float
    explained: float
    comovement: float
    confirm_explained: float
    confirm_beta: float
    break_pvalue: float
    correlation: float
    traded_share: float

    @property
    def confirmed(self) -> bool:
        """Whether it passed every step."""
        return self.verdict == "confirmed"

    @property
    def survived(self) -> bool:
        """Whether the adjustment for the number of tests kept it."""
        return self.verdict in SURVIVED


#: Fields that every candidate pair has, and those that only survivors have.
EVERY_FIELDS: tuple[str, ...] = ("statistic", "pvalue", "adjusted", "beta", "traded_share")
SURVIVOR_FIELDS: tuple[str, ...] = (
    "alpha", "half_life", "crossings", "sigma_bps", "confirm_pvalue", "confirm_net_bps",
    "confirm_trades", "mean", "sigma", "hurst", "explained", "comovement",
    "confirm_explained", "confirm_beta", "break_pvalue", "correlation",
)  # fmt: skip
FIELDS: tuple[str, ...] = tuple(field.name for field in fields(ScanRow))
_WHOLE = ("crossings", "confirm_trades")


@dataclass(frozen=True, eq=False)
class ScanRows(Sequence[ScanRow]):
    """Every candidate pair of a scan as columns, a ScanRow each when asked.

    Rows stand by verdict, then by adjusted p-value and p-value; the first `survivors` are those
    that the adjustment kept. names: of the symbols. y, x: their numbers. verdict: numbers in
    VERDICTS. second: whether the order was the second. every: the columns EVERY_FIELDS, shape
    (5, rows). survived: the columns SURVIVOR_FIELDS of the first rows, shape (13, survivors).
    """

    names: tuple[str, ...]
    y: IntArray
    x: IntArray
    verdict: IntArray
    second: IntArray
    every: FloatArray
    survived: FloatArray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def survivors(self) -> int:
        """How many rows the adjustment kept: they come first."""
        return self.survived.shape[1]

    @overload
    def __getitem__(self, at: int) -> ScanRow: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[ScanRow, ...]: ...
    def __getitem__(self, at: int | slice) -> ScanRow | tuple[ScanRow, ...]:
        """Row `at`, or the rows of a slice."""
        if isinstance(at, slice):
            return tuple(self._row(i) for i in range(*at.indices(len(self))))
        return self._row(range(len(self))[at])

    def __iter__(self) -> Iterator[ScanRow]:
        return (self._row(i) for i in range(len(self)))

    def column(self, name: str, start: int = 0, stop: int | None = None) -> Any:
        """One field of the rows start .. stop - 1: floats, or texts as an array of objects.

        Raises ParameterError for a field that a row does not have.
        """
        rows = slice(*slice(start, stop).indices(len(self)))
        if name in ("y", "x"):
            return np.array(self.names, dtype=object)[getattr(self, name)[rows]]
        if name == "verdict":
            return np.array(VERDICTS, dtype=object)[self.verdict[rows]]
        if name == "order":
            return np.array(ORDERS, dtype=object)[self.second[rows]]
        if name in EVERY_FIELDS:
            return self.every[EVERY_FIELDS.index(name), rows]
        if name not in SURVIVOR_FIELDS:
            raise ParameterError("name", name, f"one of {', '.join(FIELDS)}")
        found = np.full(max(rows.stop - rows.start, 0), np.nan)
        known = self.survived[SURVIVOR_FIELDS.index(name), rows]
        found[: len(known)] = known
        return found

    def where(self, verdict: str | None = None, symbol: str | None = None) -> IntArray:
        """Numbers of the rows with this verdict, of pairs with this symbol, in their order."""
        kept = np.ones(len(self), np.bool_)
        if verdict is not None:
            check_choice("verdict", verdict, VERDICTS)
            kept &= self.verdict == VERDICTS.index(verdict)
        if symbol is not None:
            check_choice("symbol", symbol, self.names)
            number = self.names.index(symbol)
            kept &= (self.y == number) | (self.x == number)
        return np.flatnonzero(kept)

    def _row(self, at: int) -> ScanRow:
        found: dict[str, Any] = dict(zip(EVERY_FIELDS, self.every[:, at].tolist(), strict=True))
        known = at < self.survivors
        figures = self.survived[:, at].tolist() if known else [np.nan] * len(SURVIVOR_FIELDS)
        found |= dict(zip(SURVIVOR_FIELDS, figures, strict=True))
        for name in _WHOLE:
            found[name] = 0 if np.isnan(found[name]) else int(found[name])
        return ScanRow(
            y=self.names[self.y[at]],
            x=self.names[self.x[at]],
            verdict=VERDICTS[self.verdict[at]],
            order=ORDERS[self.second[at]],
            **found,
        )


@dataclass(frozen=True, eq=False)
class ScanResult:
    """What a scan gave.

    rows: every candidate pair that was tested, the best first. tested: how many tests, two a
    pair. expected_by_chance: of them with p below q if no pair were related; below_alpha: with
    p below q in fact. pvalue_counts: all p-values by their hundredth, shape (100,); chance would
    give tested / 100 in each. detectable_half_life: bars; slower relations than this are found in
    less than 80 % of cases with this formation and so many tests; 0.0 where nothing could be.
    funnel: what each of STEPS kept (symbols for the first two, pairs after). dropped: reason ->
    how many left for it, symbols and pairs. left: the symbols that left. formation, confirmation:
    rows of the closes. params: the rules. clusters: symbol -> number of its cluster, -1 for
    none; empty where candidates were all pairs. detectable_if_all: what could have been found
    had all pairs been tested.
    """

    rows: ScanRows
    tested: int
    expected_by_chance: float
    below_alpha: int
    detectable_half_life: float
    funnel: Mapping[str, int]
    dropped: Mapping[str, int]
    formation: Stretch
    confirmation: Stretch
    params: ScanParams
    left: tuple[SymbolLeft, ...]
    pvalue_counts: IntArray
    clusters: Mapping[str, int]
    detectable_if_all: float

    @property
    def confirmed(self) -> tuple[ScanRow, ...]:
        """The pairs that passed every step."""
        return tuple(self.rows[i] for i in self.rows.where("confirmed").tolist())


def no_rows(names: tuple[str, ...]) -> ScanRows:
    """The rows of a scan without a candidate."""
    nobody = frozen(np.empty(0), np.int64)
    every = frozen(np.empty((len(EVERY_FIELDS), 0)), np.float64)
    survived = frozen(np.empty((len(SURVIVOR_FIELDS), 0)), np.float64)
    return ScanRows(names, nobody, nobody, nobody, nobody, every, survived)
