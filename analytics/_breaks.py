"""Has a series broken: the cumulated sum of its squares. Public in `analytics.stationarity`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics._dickey_fuller import finite_series
from analytics._kernels.dynamic_ols import long_run_variance, whitened
from analytics.arrays import between, number
from analytics.model import FloatArray, frozen

#: Fewer values than these have no test.
LEAST_ROWS = 30
#: From so many values on the squares are cut where the path is farthest off.
_MANY = 200
#: An AR(1) of the squares beyond this counts as this.
_MOST_PERSISTENCE = 0.97


@dataclass(frozen=True, eq=False)
class CusumSquares:
    """The cumulated share of the squared deviations against the share of the rows.

    path: sum of squares up to each row over that of all, shape (n,), 0 to 1; lower, upper: the
    bounds that a series without a break stays within, shape (n,). statistic: the largest distance
    of the path from the line between, in units of its standard deviation under no break; pvalue:
    how often it is so large; row: where it is. NaN, and row 0, where the series does not vary.
    """

    path: FloatArray
    lower: FloatArray
    upper: FloatArray
    statistic: float
    pvalue: float
    row: int


def cusum_squares(x: Any, *, mean: float | None = None, level: float = 0.05) -> CusumSquares:
    """CUSUM of squares: whether a series' variance, or its distance from `mean`, has changed.

    Under no break the squared deviations add up at an even pace. x: shape (n,), at least 30
    values, in any unit. mean: about which squares are taken, the series' own where None; a mean
    frozen beforehand makes a shift of level a break as well. level: chance of leaving the bounds
    without a break, 0 to 1. The bounds allow for squares that are autocorrelated and fat-tailed,
    by their long-run variance (Newey and West 1994): of series of 1,000 values that do not break
    5 in 100 leave those of 0.05 at half-lives from 0 to 20 bars, where bounds for independent
    normal values are left by 5 to nearly all. Raises ValueError for fewer values, NaN inside, or
    a level that is not between 0 and 1.

    Source: Brown, Durbin and Evans (1975), J. Royal Statistical Society B 37(2); Inclan and Tiao
    (1994), J. American Statistical Association 89; Sanso, Arago and Carrion (2004), Revista de
    Economia Financiera 4, whose kappa-2 it is.

    >>> noise = np.sin(np.arange(400.0) ** 2)
    >>> steady, broken = cusum_squares(noise), cusum_squares(np.r_[noise[:200], 3 * noise[200:]])
    >>> steady.pvalue > 0.05, broken.pvalue < 0.01, broken.row
    (True, True, 199)
    """
    values = finite_series("x", x, LEAST_ROWS)
    level = between("level", level, 0.0, 1.0)
    n = len(values)
    about = float(values.mean()) if mean is None else number("mean", mean)
    squares = (values - about) ** 2
    total = float(squares.sum())
    share = np.arange(1.0, n + 1.0) / n
    if not total > 0.0 or values.min() == values.max():
        nothing = frozen(np.full(n, math.nan), np.float64)
        return CusumSquares(nothing, nothing, nothing, math.nan, math.nan, 0)
    path = np.minimum(np.cumsum(squares) / total, 1.0)  # rounding may go beyond
    row = int(np.argmax(np.abs(path - share)))
    scale = math.sqrt(_long_run(squares, row) * n) / total
    statistic = abs(float(path[row] - share[row])) / scale
    width = _supremum(level) * scale
    return CusumSquares(
        path=frozen(path, np.float64),
        lower=frozen(np.maximum(share - width, 0.0), np.float64),
        upper=frozen(np.minimum(share + width, 1.0), np.float64),
        statistic=statistic,
        pvalue=_exceeded(statistic),
        row=row,
    )


def _long_run(squares: FloatArray, row: int) -> float:
    """Long-run variance of the squares, each side of the row about its own mean: a break there
    would else count as persistence and hide itself. Few squares are cut in the middle, since
    where the path is farthest off is chance there.
    """
    n = len(squares)
    cut = min(max(row + 1, n // 7), n - n // 7) if n >= _MANY else n // 2
    excess = np.concatenate([part - part.mean() for part in (squares[:cut], squares[cut:])])
    rest, rho = whitened(excess, _MOST_PERSISTENCE)
    return float(long_run_variance(rest, -1.0)[0]) / (1.0 - rho) ** 2


def _exceeded(statistic: float) -> float:
    """Chance that the supremum of a Brownian bridge is larger (Kolmogorov 1933)."""
    if statistic < 0.2:
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2.0 * k * k * statistic**2) for k in range(1, 40))
    return min(max(2.0 * sum(terms), 0.0), 1.0)


def _supremum(level: float) -> float:
    """The supremum of a Brownian bridge that is exceeded with this chance."""
    low, high = 0.2, 20.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _exceeded(middle) > level else (low, middle)
    return 0.5 * (low + high)
