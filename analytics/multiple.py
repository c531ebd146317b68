"""p-values of many tests, adjusted for their number.

Of m tests of true nulls m alpha reject by chance. An adjusted p-value is the level at which
its test would just be rejected when what is bounded is the chance of one false rejection
(Bonferroni) or the expected share of false ones among the rejected: under independence or
positive dependence (Benjamini and Hochberg), or under any dependence, as tests that share a
leg have (Benjamini and Yekutieli).

Sources: Benjamini and Hochberg (1995), J. Royal Statistical Society B 57(1); Benjamini and
Yekutieli (2001), Annals of Statistics 29(4); Bonferroni (1936).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.arrays import one_of, series
from analytics.model import FloatArray, ParameterError

METHODS: tuple[str, ...] = ("by", "bh", "bonferroni")


def adjust_pvalues(p: Any, method: str = "by") -> FloatArray:
    """Adjusted p-values, shape (m,), in the order of `p`; NaN stays NaN and is not counted.

    p: p-values from 0 to 1, shape (m,). method: "by" (Benjamini-Yekutieli), "bh"
    (Benjamini-Hochberg), "bonferroni". A test is rejected at rate q where its adjusted p-value
    is at most q. Equal to statsmodels.stats.multitest.multipletests ("fdr_by", "fdr_bh",
    "bonferroni"). Raises ValueError for another method or a p-value outside 0 to 1.

    >>> adjust_pvalues([0.01, None, 0.02, 0.9], "bh")
    array([0.03,  nan, 0.03, 0.9 ])
    >>> adjust_pvalues([0.01, None, 0.02, 0.9]).round(3)
    array([0.055,   nan, 0.055, 1.   ])
    """
    one_of("method", method, METHODS)
    values = series("p", p, ordered=False)
    known = ~np.isnan(values)
    whole = bool(known.all())
    tested = values if whole else values[known]
    if len(tested) and not 0.0 <= tested.min() <= tested.max() <= 1.0:
        worst = float(tested[int(np.argmax((tested < 0.0) | (tested > 1.0)))])
        raise ParameterError("p", worst, "p-values from 0 to 1")
    if whole:
        return _adjusted(tested, method)
    adjusted = np.full(len(values), np.nan)
    adjusted[known] = _adjusted(tested, method)
    return adjusted


def _adjusted(p: FloatArray, method: str) -> FloatArray:
    m = len(p)
    if method == "bonferroni" or not m:
        return np.minimum(p * m, 1.0)
    ranks = np.arange(1.0, m + 1.0)
    factor = m * (float(np.sum(np.divide(1.0, ranks, out=ranks))) if method == "by" else 1.0)
    adjusted = np.ones(m)
    # A larger p stays 1 at any rank; by "by" it is most of them, which need no order.
    places = np.flatnonzero(p < (1.0 + 1e-9) * m / factor)
    order = places[np.argsort(p[places])]  # equal ones get equal values, whichever comes first
    raised = p[order]  # in place from here on: millions of tests have large arrays
    raised *= factor
    raised /= np.arange(1.0, len(order) + 1.0)
    np.minimum.accumulate(raised[::-1], out=raised[::-1])
    adjusted[order] = np.minimum(raised, 1.0, out=raised)
    return adjusted
