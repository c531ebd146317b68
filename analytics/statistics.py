"""The figures that describe one series: count, location, spread, shape.

Sums are exact (`math.fsum`) and taken twice: the mean first, then the powers of the
deviations from it with what is left of their own sum subtracted, the corrected two-pass
algorithm of Chan, Golub and LeVeque (1983). NIST's certified series come out to the
last digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.arrays import series
from analytics.model import FloatArray

_NAN = math.nan


@dataclass(frozen=True)
class Summary:
    """One series in figures, in its own units but for skew and kurtosis.

    n: values used. std: ddof 1. skew, kurtosis: bias-corrected (G1, and G2 in excess of
    the normal's 3), as pandas gives them. missing: NaN and infinities left out. NaN
    stands where there are too few values, or no variation, for the figure.
    """

    n: int
    mean: float = _NAN
    std: float = _NAN
    min: float = _NAN
    max: float = _NAN
    last: float = _NAN
    skew: float = _NAN
    kurtosis: float = _NAN
    missing: int = 0


def _exact_sum(values: FloatArray) -> float:
    try:
        return math.fsum(values.tolist())
    except OverflowError:
        return math.inf


def _shape(deviations: FloatArray, squares: float) -> tuple[float, float]:
    """Bias-corrected skew and excess kurtosis (Joanes and Gill 1998, G1 and G2)."""
    n = len(deviations)
    if n < 3 or not 0.0 < squares < math.inf:
        return _NAN, _NAN
    unit = deviations / math.sqrt(squares / n)
    skew = _exact_sum(unit**3) / n * math.sqrt(n * (n - 1)) / (n - 2)
    if n < 4:
        return skew, _NAN
    excess = _exact_sum(unit**4) / n - 3.0
    return skew, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6.0)


def summarize(x: Any) -> Summary:
    """Describe the finite values of a series of shape (n,), in its own units.

    std = sqrt(sum((x - mean)^2) / (n - 1)); skew and kurtosis are those of `Summary`.

    An empty series gives n = 0 and NaN. Raises ValueError where x is no series of
    numbers.

    >>> summarize([10000001, 10000003, 10000002]).std
    1.0
    >>> summarize([1, None, 2, 4]).n
    3
    """
    values = series("x", x, ties=True)
    finite = values[np.isfinite(values)]
    n, missing = len(finite), int(len(values) - len(finite))
    if n == 0:
        return Summary(0, missing=missing)
    mean = _exact_sum(finite) / n
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = finite - mean
        rest = _exact_sum(deviations) / n
        squares = _exact_sum(deviations**2) - n * rest * rest
        deviations = deviations - rest
    if finite.min() == finite.max():
        squares = 0.0  # rounding of the mean would leave a trace
    skew, kurtosis = _shape(deviations, squares)
    return Summary(
        n=n,
        mean=mean if math.isfinite(mean) else _NAN,
        std=math.sqrt(max(squares, 0.0) / (n - 1)) if n > 1 and squares < math.inf else _NAN,
        min=float(finite.min()),
        max=float(finite.max()),
        last=float(finite[-1]),
        skew=skew,
        kurtosis=kurtosis,
        missing=missing,
    )
