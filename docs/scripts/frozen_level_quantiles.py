"""Make the table of `analytics._frozen_level`: how far the level of a frozen spread may drift.

    python docs/scripts/frozen_level_quantiles.py

y = x + u, x a random walk and u independent, is fitted by least squares on the first two thirds;
the deviations from that line on the last third are cumulated, S. The quantiles are those of the
mean of S^2 over the rows of the last third and the long-run variance of u. They are the limit's:
of 450 and of 900 rows they are the same within 1 %. Takes about two minutes.
"""

from __future__ import annotations

import sys

import numpy as np

FORMATION, CONFIRMATION = 600, 300
RUNS, CHUNK = 400_000, 4_000
LEVELS = (0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)


def statistics(rng: np.random.Generator) -> np.ndarray:
    """CHUNK statistics."""
    rows = FORMATION + CONFIRMATION
    x = np.cumsum(rng.standard_normal((CHUNK, rows)), axis=1)
    u = rng.standard_normal((CHUNK, rows))
    fit, level = x[:, :FORMATION], u[:, :FORMATION].mean(axis=1, keepdims=True)
    centre = fit.mean(axis=1, keepdims=True)
    excess = fit - centre
    slope = (excess * u[:, :FORMATION]).sum(axis=1) / (excess**2).sum(axis=1)
    after = u[:, FORMATION:] - level - slope[:, None] * (x[:, FORMATION:] - centre)
    return (np.cumsum(after, axis=1) ** 2).mean(axis=1) / CONFIRMATION


def main() -> None:
    rng = np.random.default_rng(1)
    found = np.concatenate([statistics(rng) for _ in range(RUNS // CHUNK)])
    for level in LEVELS:
        sys.stdout.write(f"{level} {np.quantile(found, 1.0 - level):.3f}\n")


if __name__ == "__main__":
    main()
