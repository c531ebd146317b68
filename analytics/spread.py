"""The spread of a pair, and where it stands in its own recent range.

Source: Vidyamurthy, Pairs Trading (2004), chapters 5 and 8.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from analytics.arrays import (
    aligned,
    by_name,
    dimensions,
    finite,
    number,
    numbers,
    series,
    table,
    whole,
)
from analytics.model import FloatArray, OrderError, ParameterError
from analytics.rolling import rolling_mean, rolling_std, rolling_zscore


class Bands(NamedTuple):
    """Rolling mean, and the mean less and plus k standard deviations, shape (n,) each."""

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray


def spread(y: Any, x: Any, beta: Any, alpha: Any = 0.0) -> FloatArray:
    """y - beta x - alpha, shape (n,), in the units of y.

    x: shape (n,), or (n, k) for a basket with beta of shape (k,). beta and alpha may
    also be a series of shape (n,), the hedge ratio as it was known at each bar. pandas
    objects whose indexes differ are joined on them, in the order of the first; slopes of
    a basket that bear the names of x's columns are found by them. Raises ValueError where
    the shapes do not fit or nothing can be joined.

    >>> spread([10, 12], [4, 5], 2.0, 1.0)
    array([1., 1.])
    """
    basket = dimensions("x", x) == 2
    if basket:  # its slopes are labelled by leg, not by row
        y, x, alpha = aligned(("y", "x", "alpha"), (y, x, alpha))
        if hasattr(x, "columns"):
            beta = by_name("beta", beta, [str(column) for column in x.columns])
    else:
        y, x, beta, alpha = aligned(("y", "x", "beta", "alpha"), (y, x, beta, alpha))
    y, legs = series("y", y), table("x", x)
    if len(y) != len(legs):
        raise ValueError(f"y has {len(y)} values and x {len(legs)}, expected as many")
    ratio, level = numbers("beta", beta), numbers("alpha", alpha)
    n, k = legs.shape
    if level.shape not in ((), (n,)):
        raise ValueError(f"alpha has shape {level.shape}, expected a number or ({n},)")
    if basket:
        if ratio.shape != (k,):
            raise ValueError(f"beta has shape {ratio.shape}, expected ({k},)")
        return y - (legs * ratio).sum(axis=1) - level
    if ratio.shape not in ((), (n,)):
        raise ValueError(f"beta has shape {ratio.shape}, expected a number or ({n},)")
    return y - ratio * legs[:, 0] - level


def leg_signs(side: int, beta: float) -> tuple[int, int]:
    """Signs of the positions in Y and X that a position in the spread holds.

    side: 1 long the spread, -1 short, 0 none. beta: hedge ratio, a finite number. The spread
    is y - beta x, so Y goes with the side and X against it for beta > 0, with it for beta < 0;
    for beta = 0 there is no X leg. Raises ValueError for another side or a beta that is not
    finite.

    >>> leg_signs(-1, 0.5), leg_signs(-1, -0.5), leg_signs(1, -0.5)
    ((-1, 1), (-1, -1), (1, 1))
    """
    if side not in (-1, 0, 1):
        raise ValueError(f"side is {side}, expected -1, 0 or 1")
    ratio, held = finite("beta", beta), int(side)
    return held, -held * ((ratio > 0) - (ratio < 0))


def zscore(spread: Any, window: int) -> FloatArray:
    """Standard deviations between each spread and the mean of the window that ends there.

    (spread - mean) / std, shape (n,), without unit: `rolling_zscore` by its name in this
    field, ddof 1, NaN before the first full window and where the window is constant. Above 0
    Y is rich against X. Raises ValueError where window is below 2.

    >>> zscore([1, 2, 3], 3)
    array([nan, nan,  1.])
    """
    return rolling_zscore(spread, window)


def bands(spread: Any, window: int, k: float = 2.0) -> Bands:
    """Rolling mean of the spread, with the lines k rolling standard deviations around it.

    mean, lower = mean - k std and upper = mean + k std, shape (n,) each, in the units of the
    spread, ddof 1; NaN before the first full window. Raises ValueError where window is below 2
    or k is no number above 0.

    >>> bands([1, 2, 3], 3, k=2).upper
    array([nan, nan,  4.])
    """
    if not 0 < number("k", k) < math.inf:
        raise ValueError(f"k is {k}, expected a number above 0")
    values = series("spread", spread)
    mean, width = rolling_mean(values, window), k * rolling_std(values, window)
    return Bands(mean, mean - width, mean + width)


def largest_z(window: int) -> float:
    """The largest |z| that a window can have, in standard deviations: (n - 1) / sqrt(n).

    It is that of one value apart from all others, which are equal; ddof 1. Raises ValueError
    where window is below 2. Source: Shiffler, "Maximum z scores and outliers", The American
    Statistician 42 (1988).

    >>> round(largest_z(60), 3)
    7.617
    """
    return (whole("window", window, 2) - 1) / math.sqrt(window)


def least_window(level: float) -> int:
    """The shortest window over which a |z| can reach a level: the inverse of `largest_z`.

    Raises ParameterError, a ValueError, for a level that is not finite or not above 0.

    >>> least_window(2.0), least_window(1.78)
    (6, 5)
    """
    level = finite("level", level)
    if not level > 0.0:
        raise ParameterError("level", level, "a number above 0")
    return max(2, math.ceil(((level + math.hypot(level, 2.0)) / 2.0) ** 2))


def check_reachable(field: str, level: float, window: int) -> None:
    """Refuse a level of |z| that no z-score over `window` bars reaches; see `largest_z`.

    Raises OrderError, a ValueError, with the field, the level and the largest |z|.

    >>> try:
    ...     check_reachable("entry_z", 2.0, 5)
    ... except ValueError as error:
    ...     print(error)
    entry_z is 2.0, expected at most 1.78, the largest |z| of z_window (5)
    """
    largest = largest_z(window)
    if level > largest:
        rule = f"at most {math.floor(largest * 100) / 100:g}, the largest |z| of {{}}"
        raise OrderError(field, level, rule, "z_window", window)
