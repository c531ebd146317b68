"""The first step of a scan: which symbols take part, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics._scan_types import ScanParams, Stretch, SymbolLeft
from analytics.arrays import by_name, check_times, index_of, is_unlabelled, table
from analytics.bounce import bounce
from analytics.model import BoolArray, CountError, FloatArray, IntArray, ParameterError

#: Rows of a stretch below which there is no scan, whatever the share that traded.
LEAST_FORMATION, LEAST_CONFIRMATION = 60, 30
#: Share of bounce in the variance of a symbol's returns from which on its tests reject against
#: every walk. A relation with a half-life of two bars alone gives a leg 0.29 at most, and tests
#: hold their level up to 0.5 (simulated: `docs/scanner.md`).
BOUNCE_LIMIT = 0.4


@dataclass(frozen=True, eq=False)
class Universe:
    """The symbols of a scan. logs: shape (m, n), NaN where a symbol did not trade. kept: numbers
    of those that take part. left: the others.
    """

    names: tuple[str, ...]
    logs: FloatArray
    formation: Stretch
    confirmation: Stretch
    kept: IntArray
    left: tuple[SymbolLeft, ...]


def least_rows(stretch: Stretch, least: int, share: float) -> int:
    """Traded rows that a stretch must have: a share of it, and never fewer than `least`."""
    return max(least, math.ceil(share * stretch.bars))


def universe(closes: Any, names: Sequence[str], params: ScanParams, turnover: Any) -> Universe:
    """Check the closes and part the symbols. Raises ParameterError as `scan_pairs` does."""
    prices = table("closes", closes)
    known = checked_names(names, prices.shape[1])
    named = by_name("closes", closes, known, axis=1)
    if named is not closes:
        closes, prices = named, table("closes", named)
    n, m = prices.shape
    turnover = _on_rows(by_name("turnover", turnover, known, axis=1), closes)
    with np.errstate(invalid="ignore"):
        bad = (prices <= 0.0) | np.isinf(prices)
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        value = float(prices[row, column])
        raise ParameterError(f"closes[{row}, {column}]", value, "a price above 0, or NaN")
    formation, confirmation = params.stretches(n)
    logs = np.log(np.ascontiguousarray(prices.T))
    traded = ~np.isnan(logs)
    volumes = _turnovers(turnover, (n, m), params, formation.start)
    kept, left = [], []
    reasons = _reasons(logs, traded, (formation, confirmation), params)
    for number, (name, reason) in enumerate(zip(known, reasons, strict=True)):
        if reason is None and volumes is not None and not volumes[number] >= params.min_turnover:
            reason = ("too little turnover", float(volumes[number]), params.min_turnover)
        if reason is None:
            kept.append(number)
        else:
            left.append(SymbolLeft(name, *reason))
    return Universe(
        known, logs, formation, confirmation, np.array(kept, dtype=np.int64), tuple(left)
    )


def _on_rows(turnover: Any, closes: Any) -> Any:
    """Turnover on the rows of closes, where both have an index and the indexes differ."""
    rows, own = index_of(closes), index_of(turnover)
    if rows is None or own is None or own.equals(rows):
        return turnover
    if is_unlabelled(rows) or is_unlabelled(own):  # rows that were given no labels go by place
        return turnover
    for name, index in (("closes", rows), ("turnover", own)):
        if not index.is_unique:
            label = str(index[int(np.argmax(index.duplicated()))])
            raise ParameterError(f"{name}.index", label, "labels that differ")
    check_times("turnover", turnover)
    absent = rows[~rows.isin(own)]
    if len(absent):
        text = str(absent[0])
        raise ParameterError("turnover.index", f"without {text}", "every label of closes.index")
    return turnover.loc[rows]


def checked_names(names: Sequence[str], m: int) -> tuple[str, ...]:
    """The names as a tuple. Raises CountError or ParameterError."""
    labels = index_of(names)
    if labels is not None and not labels.is_monotonic_increasing:
        legal = "names in the order of closes' columns: give a list"
        raise ParameterError("names.index", labels.tolist(), legal)
    known = tuple(str(name) for name in names)
    if len(known) != m:
        raise CountError("names", len(known), f"{m}, one for each column of closes", "names")
    seen: set[str] = set()
    for name in known:
        if name in seen:
            raise ParameterError("names", name, "names that differ")
        seen.add(name)
    return known


def _turnovers(
    turnover: Any, shape: tuple[int, int], params: ScanParams, start: int
) -> FloatArray | None:
    """The median turnover of each symbol's traded bars; None where none is asked for."""
    if turnover is None:
        if params.min_turnover > 0.0:
            raise ParameterError("turnover", None, "turnover of each bar where min_turnover is set")
        return None
    rows = table("turnover", turnover)
    if rows.shape != shape:
        raise ParameterError("turnover", rows.shape, f"shape {shape}, as closes have")
    columns = (column[~np.isnan(column)] for column in rows[start:].T)
    medians = [float(np.median(column)) if len(column) else 0.0 for column in columns]
    return np.array(medians)


#: Why a symbol does not take part, how much there is and how much it takes; None where it does.
_Reason = tuple[str, float, float] | None


def _reasons(
    logs: FloatArray, traded: BoolArray, stretches: tuple[Stretch, Stretch], params: ScanParams
) -> list[_Reason]:
    """What each symbol's own bars say against it."""
    short = _short(traded, stretches, params)
    enough = np.array([reason is None for reason in short], np.bool_)
    moved = np.min([_moved(logs, traded, stretch, enough) for stretch in stretches], axis=0)
    rows = slice(stretches[0].start, stretches[0].stop)
    reasons = []
    for number, (reason, bps) in enumerate(zip(short, (1e4 * moved).tolist(), strict=True)):
        if reason is None and not bps > params.min_move_bps:
            reason = ("no variance", bps, params.min_move_bps)
        if reason is None and params.bouncing == "leave":
            found = bounce(logs[number, rows][traded[number, rows]])
            if found.matters(BOUNCE_LIMIT):
                reason = ("returns bounce", found.share, BOUNCE_LIMIT)
        reasons.append(reason)
    return reasons


def _short(
    traded: BoolArray, stretches: tuple[Stretch, Stretch], params: ScanParams
) -> list[_Reason]:
    """Where bars are missing, in the stretch that lacks most of them."""
    have = [np.count_nonzero(traded[:, s.start : s.stop], axis=1).tolist() for s in stretches]
    need = [
        least_rows(stretch, least, params.min_traded)
        for stretch, least in zip(stretches, (LEAST_FORMATION, LEAST_CONFIRMATION), strict=True)
    ]
    reasons: list[_Reason] = []
    for each in zip(*have, strict=True):
        lacks = [wanted - there for wanted, there in zip(need, each, strict=True)]
        worst = lacks.index(max(lacks))
        found = ("too few traded bars", float(each[worst]), float(need[worst]))
        reasons.append(found if lacks[worst] > 0 else None)
    return reasons


def _moved(logs: FloatArray, traded: BoolArray, stretch: Stretch, enough: BoolArray) -> FloatArray:
    """Standard deviation of each symbol's log closes, 0 for rounding; NaN without enough bars."""
    prices, there = logs[:, stretch.start : stretch.stop], traded[:, stretch.start : stretch.stop]
    moved = np.full(len(logs), np.nan)
    complete = enough & there.all(axis=1)
    moved[complete] = _deviation(prices[complete])
    for number in np.flatnonzero(enough & ~complete):
        moved[number] = _deviation(prices[number, there[number]][None])[0]
    return moved


def _deviation(prices: FloatArray) -> FloatArray:
    """Standard deviation of each row; 0 for rounding."""
    if not len(prices):
        return np.empty(0)
    deviation = prices.std(axis=1, ddof=1)
    largest = np.maximum(prices.max(axis=1), -prices.min(axis=1))
    return np.where(deviation > 1e-14 * np.maximum(largest, 1.0), deviation, 0.0)
