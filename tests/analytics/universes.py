"""Simulated universes: walks, planted relations, bouncing legs, relations that break."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

STEP = 0.01


class Universe(NamedTuple):
    """closes: shape (n, m). names: S0 to S<m - 1>. planted: the related pairs."""

    closes: np.ndarray
    names: list[str]
    planted: set[frozenset[str]]


def reverting(rng: np.random.Generator, n: int, k: int, half_life: float) -> np.ndarray:
    """k spreads of n values, stationary from the first."""
    rho = 0.5 ** (1.0 / half_life)
    shocks = STEP * rng.standard_normal((n + int(20 * half_life), k))
    return lfilter([1.0], [1.0, -rho], shocks, axis=0)[-n:]


def universe(
    seed: int,
    n: int,
    m: int,
    planted: int = 0,
    half_life: float = 3.0,
    noise: float = 0.0,
    breaks: str = "",
    own: float = 1.0,
) -> Universe:
    """Independent walks, the last `planted` of which follow the first ones.

    noise: of each close, in steps of the walk. own: shocks of the spreads in steps. breaks: what
    becomes of the spreads at two thirds of the rows: "walk", "shift", or "" for nothing.
    """
    rng = np.random.default_rng(seed)
    logs = np.cumsum(STEP * rng.standard_normal((n, m)), axis=0)
    spreads = own * reverting(rng, n, max(planted, 1), half_life)
    split = n * 2 // 3
    if breaks == "walk":
        steps = STEP * rng.standard_normal((n - split, max(planted, 1)))
        spreads[split:] = spreads[split - 1] + np.cumsum(steps, axis=0)
    if breaks == "shift":
        spreads[split:] += 5.0 * spreads[:split].std(axis=0)
    names, pairs = [f"S{i}" for i in range(m)], set()
    for i in range(planted):
        logs[:, m - 1 - i] = rng.uniform(0.5, 1.5) * logs[:, i] + spreads[:, i]
        pairs.add(frozenset((names[i], names[m - 1 - i])))
    logs += noise * STEP * rng.standard_normal((n, m))
    return Universe(100.0 * np.exp(logs), names, pairs)


class Tally(NamedTuple):
    """Confirmed pairs that were planted, and those that were not."""

    right: int
    wrong: int


def tally(rows, planted: set[frozenset[str]]) -> Tally:
    """Count the confirmed rows of a result."""
    right = sum(frozenset((row.y, row.x)) in planted for row in rows)
    return Tally(right, len(rows) - right)
