"""The rows and the result of a scan, explained and public in `analytics.scanner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

import numpy as np

from analytics._checks import check_choice
from analytics._scan_types import (
    ORDERS,
    SURVIVED,
    VERDICTS,
    ScanParams,
    Stretch,
    SymbolLeft,
)
from analytics.model import FloatArray, IntArray, ParameterError, frozen


@dataclass(frozen=True)
class ScanRow:
    """One pair of a scan; where it left before a figure was computed NaN, a count None.

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
    stretch. comovement: correlation of the legs' changes over three half-lives, in its standard
    errors where none is. confirm_beta: what OLS gives there now. break_pvalue: of the CUSUM of
    squares and of the frozen level together.

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
    crossings: int | None
    sigma_bps: float
    confirm_pvalue: float
    confirm_net_bps: float
    confirm_trades: int | None
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
    (5, rows). survived: the columns SURVIVOR_FIELDS of the first rows, shape (16, survivors).
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
        values = np.full(max(rows.stop - rows.start, 0), np.nan)
        known = self.survived[SURVIVOR_FIELDS.index(name), rows]
        values[: len(known)] = known
        return values

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
        cells: dict[str, Any] = dict(zip(EVERY_FIELDS, self.every[:, at].tolist(), strict=True))
        known = at < self.survivors
        figures = self.survived[:, at].tolist() if known else [np.nan] * len(SURVIVOR_FIELDS)
        cells |= dict(zip(SURVIVOR_FIELDS, figures, strict=True))
        for name in _WHOLE:
            cells[name] = None if np.isnan(cells[name]) else int(cells[name])
        return ScanRow(
            y=self.names[self.y[at]],
            x=self.names[self.x[at]],
            verdict=VERDICTS[self.verdict[at]],
            order=ORDERS[self.second[at]],
            **cells,
        )


@dataclass(frozen=True, eq=False)
class ScanResult:
    """What a scan gave.

    rows: every candidate pair that was tested, the best first. tested: how many tests, two a
    pair. expected_by_chance: of them with p below q if no pair were related; below_alpha: with
    p below q in fact; kept_tests: that the adjustment kept. pvalue_counts: all p-values by their
    hundredth, shape (100,); chance would give tested / 100 in each. detectable_half_life: bars;
    slower relations than this are found in less than 80 % of cases with this formation and so
    many tests; 0.0 where nothing could be.
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
    kept_tests: int
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
