"""What the choice of the hedge method, and of the order of the legs, does to the signal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analytics._kernels.sums import newest_scores
from analytics.model import FloatArray, HedgeFit

#: A standard deviation below this share of the legs' size is rounding: no z there.
_NOISE = 16.0 * float(np.finfo(np.float64).eps)


def z_by_fit(y: FloatArray, x: FloatArray, fits: Mapping[str, HedgeFit]) -> dict[str, float]:
    """z of the newest row of each fit's spread, over the rows given: one full window.

    y, x: shape (window,). As `rolling_zscore` of the spread y - beta x - alpha, ddof 1; NaN
    where the spread does not vary.
    """
    betas = np.array([float(fit.beta) for fit in fits.values()])
    scores = newest_scores(y, x, betas, _NOISE)
    return dict(zip(fits, scores.tolist(), strict=True))


def swapped_z(y: FloatArray, x: FloatArray, swapped: HedgeFit) -> float:
    """z of the newest row of x - beta y - alpha, in the sense of Y: above 0 Y is rich.

    That spread holds -beta of Y, so its z changes sign where beta is above 0.
    """
    score = z_by_fit(x, y, {"swapped": swapped})["swapped"]
    return -score if float(swapped.beta) > 0.0 else score
