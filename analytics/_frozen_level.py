"""Does a spread keep the level at which it was frozen: a break test for a scan's confirmation."""

from __future__ import annotations

import math

import numpy as np

from analytics._kernels.dynamic_ols import long_run_variance, whitened
from analytics.model import FloatArray

#: Chances, and the statistic that is exceeded with them while the relation goes on: of a line
#: fitted on two thirds of the rows (`docs/scripts/frozen_level_quantiles.py`).
_CHANCES = (0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001)
_STATISTICS = (0.1, 0.207, 0.543, 1.407, 2.991, 4.561, 6.492, 9.734, 12.61, 16.213, 21.806)
#: An AR(1) beyond this counts as this.
_MOST_PERSISTENCE = 0.97


def frozen_level_pvalue(residual: FloatArray, deviation: FloatArray) -> float:
    """How often the level of a frozen spread drifts so far while its relation goes on.

    residual: of the fit, shape (n,). deviation: of the rows after it from the same line, shape
    (n / 2,). The deviations are cumulated; the mean square of the sums, over the rows and the
    residual's long-run variance, has a distribution that allows for the line's having been
    estimated. 0.9 at most, 0.001 at least; NaN where the residual does not vary. Its chance is
    that of a small p-value alone: read it as a test, not as evidence for the relation.

    Source: Wagner and Wied (2017), "Consistent monitoring of cointegrating relationships",
    J. Time Series Analysis 38(6), whose detector it is, with least squares and their own table.

    >>> noise = np.sin(np.arange(300.0) ** 2)
    >>> frozen_level_pvalue(noise[:200], noise[200:]) > 0.1
    True
    >>> round(frozen_level_pvalue(noise[:200], noise[200:] + 1.0), 6)
    0.001
    """
    rest, rho = whitened(np.ascontiguousarray(residual - residual.mean()), _MOST_PERSISTENCE)
    variance = float(long_run_variance(rest, -1.0)[0]) / (1.0 - rho) ** 2
    if not variance > 0.0:
        return math.nan
    sums = np.cumsum(deviation)
    statistic = float(sums @ sums) / len(sums) ** 2 / variance
    logs = np.interp(math.log(max(statistic, 1e-12)), np.log(_STATISTICS), np.log(_CHANCES))
    return float(math.exp(logs))
