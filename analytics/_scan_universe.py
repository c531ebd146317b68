"""The first step of a scan: which symbols take part, and why the others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics._scan_types import ScanParams, Stretch, SymbolLeft
from analytics.arrays import table
from analytics.bounce import bounce
from analytics.model import CountError, FloatArray, IntArray, ParameterError

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
    n, m = prices.shape
    known = checked_names(names, m)
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
    for number, name in enumerate(known):
        reason = _reason(logs[number], traded[number], (formation, confirmation), params)
        if reason is None and volumes is not None and not volumes[number] >= params.min_turnover:
            reason = ("too little turnover", float(volumes[number]), params.min_turnover)
        if reason is None:
            kept.append(number)
        else:
            left.append(SymbolLeft(name, *reason))
    return Universe(
        known, logs, formation, confirmation, np.array(kept, dtype=np.int64), tuple(left)
    )


def checked_names(names: Sequence[str], m: int) -> tuple[str, ...]:
    """The names as a tuple. Raises CountError or ParameterError."""
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


def _reason(
    logs: FloatArray, traded: Any, stretches: tuple[Stretch, Stretch], params: ScanParams
) -> tuple[str, float, float] | None:
    """Why a symbol does not take part, how much there is and how much it takes."""
    missing = [_missing(traded, s, p, params) for s, p in zip(stretches, _LEAST, strict=True)]
    short = [found for found in missing if found is not None]
    if short:
        have, need = max(short, key=lambda found: found[1] - found[0])
        return "too few traded bars", float(have), float(need)
    formation, confirmation = (_prices(logs, traded, stretch) for stretch in stretches)
    moved = 1e4 * min(_moved(formation), _moved(confirmation))
    if not moved > params.min_move_bps:
        return "no variance", moved, params.min_move_bps
    if params.bouncing == "leave":
        found = bounce(formation)
        if found.matters(BOUNCE_LIMIT):
            return "returns bounce", found.share, BOUNCE_LIMIT
    return None


_LEAST = (LEAST_FORMATION, LEAST_CONFIRMATION)


def _missing(
    traded: Any, stretch: Stretch, least: int, params: ScanParams
) -> tuple[int, int] | None:
    """Traded rows that there are and that it takes, where they are too few."""
    have = int(np.count_nonzero(traded[stretch.start : stretch.stop]))
    need = least_rows(stretch, least, params.min_traded)
    return (have, need) if have < need else None


def _moved(prices: FloatArray) -> float:
    """Standard deviation of log closes; 0 for rounding."""
    moved = float(prices.std(ddof=1))
    return moved if moved > 1e-14 * max(float(np.abs(prices).max()), 1.0) else 0.0


def _prices(logs: FloatArray, traded: Any, stretch: Stretch) -> FloatArray:
    """Log closes of the rows of a stretch in which the symbol traded."""
    rows = slice(stretch.start, stretch.stop)
    return logs[rows][traded[rows]]
