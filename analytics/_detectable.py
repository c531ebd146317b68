"""What a scan can find at all: the slowest relation that its tests tell from chance.

Public in `analytics.scanner`.
"""

from __future__ import annotations

import math

import numpy as np

from analytics import mackinnon
from analytics._kernels.detectable_table import HALF_LIVES, ROWS, STATISTICS
from analytics._scan_types import CORRECTIONS
from analytics.arrays import between, one_of, whole
from analytics.cointegration import ASYMPTOTIC_ROWS

#: Related pairs are taken to be so many of the symbols. Both their tests count.
RELATED = 1.0 / 40.0


def detectable_half_life(n: int, m: int, correction: str = "by", q: float = 0.05) -> float:
    """The half-life in bars up to which the tests of a scan find a relation in 80 % of cases.

    n: rows of the formation. m: tests, two a pair. correction: "by" or "bh", q: its rate of false
    ones. Slower relations are found more seldom; 0.0 where none is found in 80 % of cases. The
    adjustment asks the less of each the more there are: it is taken that one symbol in forty has
    a relation, or one in all at least; were each alone, or one symbol in ten related, the half-life
    would be a tenth shorter, or longer. Raises ParameterError, a ValueError, for n or m below 1,
    another correction, or q not between 0 and 1.

    Source: simulated, `docs/scripts/detectable_half_life.py`; method in `docs/scanner.md`.

    >>> round(detectable_half_life(480, 39_800)), round(detectable_half_life(2_880, 39_800))
    (4, 25)
    >>> detectable_half_life(60, 39_800)
    0.0
    """
    n, m = whole("n", n, 1), whole("m", m, 1)
    one_of("correction", correction, CORRECTIONS)
    q = between("q", q, 0.0, 1.0)
    related = max(2.0, 2.0 * math.sqrt(m) * RELATED)
    harmonic = _harmonic(m) if correction == "by" else 1.0
    level = min(q * min(related, m) / (m * harmonic), q)
    return _slowest(n, critical_statistic(level, n))


def _harmonic(m: int) -> float:
    """1 + 1/2 + ... + 1/m."""
    return (
        sum(1.0 / k for k in range(1, m + 1)) if m < 100 else math.log(m) + 0.5 / m + np.euler_gamma
    )


def critical_statistic(level: float, n: int) -> float:
    """The Engle-Granger statistic of two series of n rows whose p-value is `level`."""
    n_obs = n - 1.0 if n < ASYMPTOTIC_ROWS else math.inf
    low, high = -30.0, 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if mackinnon.pvalue(middle, "c", 2, max(n_obs, 12.0)) > level:
            high = middle
        else:
            low = middle
    return low


def _slowest(n: int, critical: float) -> float:
    """The half-life at which 80 % of statistics are below the critical one."""
    if n < ROWS[0]:
        return 0.0
    above = min(int(np.searchsorted(ROWS, n, side="right")), len(ROWS) - 1)
    found = []
    for row in (above - 1, above):
        statistics = np.array(STATISTICS[row])
        lives = np.log(HALF_LIVES[: len(statistics)])
        if statistics[-1] > critical:
            return 0.0
        # statistics fall as the formation holds more half-lives
        found.append(float(np.interp(-critical, -statistics, lives)))
    low, high = 1.0 / ROWS[above - 1], 1.0 / ROWS[above]
    share = min((low - 1.0 / n) / (low - high), 1.0)
    return n / math.exp(found[0] + share * (found[1] - found[0]))
