"""Make the table of `analytics._kernels.detectable_table`: what a formation can find.

    PYTHONPATH=. python docs/scripts/detectable_half_life.py > detectable_table.py

A pair y = x + u, x a Gaussian random walk and u a stationary Gaussian AR(1) with shocks of the
same size and a given half-life, is tested by Engle and Granger's test in both orders, as a scan
does. The table holds the statistic of the better order below which 80 % of the pairs come, by
the rows of the formation and their number in half-lives. The relative size of the two shocks does
not matter (0.5 to 2: within 0.1). One set of shocks serves every half-life, so that the surface
is smooth. Takes about ten minutes.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.signal import lfilter

from analytics.cointegration import engle_granger_batch

ROWS = (60, 120, 240, 480, 960, 1_920, 3_840, 7_680)
#: Rows of the formation in half-lives.
HALF_LIVES = (10, 20, 30, 45, 60, 80, 100, 125, 150, 180, 220, 280, 360, 480, 700, 1_000)
POWER = 0.8
RUNS = 4_000
#: Half-lives below this are noise, not a relation that comes back.
LEAST_HALF_LIFE = 0.2
WARM_UP = 20


def better_statistics(walk: np.ndarray, shocks: np.ndarray, half_life: float) -> np.ndarray:
    """The smaller statistic of both orders of each pair, shape (runs,)."""
    rows, runs = walk.shape
    rho = 0.5 ** (1.0 / half_life)
    start = min(len(shocks) - rows, int(WARM_UP * half_life) + 1)
    deviation = lfilter([1.0], [1.0, -rho], shocks[-rows - start :], axis=0)[start:]
    closes = np.empty((rows, 2 * runs))
    closes[:, 0::2], closes[:, 1::2] = walk + deviation, walk
    legs = np.arange(2 * runs).reshape(runs, 2)
    found = engle_granger_batch(closes, np.concatenate([legs, legs[:, ::-1]])).statistic
    return found.reshape(2, runs).min(axis=0)


def quantiles(rows: int) -> list[float]:
    """The statistic's quantile at POWER for each of HALF_LIVES; NaN where none is simulated."""
    rng = np.random.default_rng(rows)
    longest = WARM_UP * rows // HALF_LIVES[0]
    parts = [[] for _ in HALF_LIVES]
    chunk = max(min(RUNS, 4_000_000 // (rows + longest)), 50)
    for _ in range(-(-RUNS // chunk)):
        walk = np.cumsum(rng.standard_normal((rows, chunk)), axis=0)
        shocks = rng.standard_normal((rows + longest + 1, chunk))
        for part, count in zip(parts, HALF_LIVES, strict=True):
            if rows / count >= LEAST_HALF_LIFE:
                part.append(better_statistics(walk, shocks, rows / count))
    sys.stderr.write(f"{rows} rows done\n")
    return [float(np.quantile(np.concatenate(p), POWER)) if p else np.nan for p in parts]


def main() -> None:
    lines = [
        '"""What a formation can find: made by `docs/scripts/detectable_half_life.py`."""',
        "",
        "#: Rows of the formation, and those rows in half-lives.",
        f"ROWS: tuple[int, ...] = {ROWS}",
        f"HALF_LIVES: tuple[int, ...] = {HALF_LIVES}",
        "#: Statistics below which 80 % of related pairs come: a row for each of ROWS.",
        "STATISTICS: tuple[tuple[float, ...], ...] = (",
    ]
    for rows in ROWS:
        known = (f"{value:.3f}" for value in quantiles(rows) if value == value)
        lines.append(f"    ({', '.join(known)}),")
    sys.stdout.write("\n".join([*lines, ")"]) + "\n")


if __name__ == "__main__":
    main()
