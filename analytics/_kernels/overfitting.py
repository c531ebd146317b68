"""Compiled parts of combinatorially symmetric cross-validation, a pass over (choices, k) each."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_compiled = njit(nogil=True, cache=True, error_model="numpy")

#: What is below this share of the terms that it is the difference of is their rounding.
ROUNDING = 1e-12
#: Sharpe ratios a period that are no further apart are equal: by as much as that the same trades
#: differ after an account that stood elsewhere.
TIE = 1e-10


@_compiled
def sharpe_ratios(sums, squares, counts, centre):  # type: ignore[no-untyped-def]
    """Sharpe ratio (ddof 1) of each column over each choice, shape (choices, k).

    sums, squares: about `centre`, shape (choices, k); counts: rows, shape (choices,). Without
    variation 0 where the mean is 0, else an infinity of its sign.
    """
    out = np.empty_like(sums)
    for i in range(sums.shape[0]):
        n = counts[i]
        for j in range(sums.shape[1]):
            offset = sums[i, j] / n
            spread = squares[i, j] - n * offset * offset
            mean = centre[j] + offset
            if spread > ROUNDING * squares[i, j]:
                out[i, j] = mean / math.sqrt(spread / (n - 1.0))
            elif abs(mean) <= ROUNDING * (abs(centre[j]) + abs(offset)):
                out[i, j] = 0.0
            else:
                out[i, j] = math.copysign(math.inf, mean)
    return out


@_compiled
def best_of_past(past, future):  # type: ignore[no-untyped-def]
    """Of the column that is highest in the past, the first of equals: its figure there and in the
    future, and the logit of its rank in the future over k + 1, equals sharing the mean of theirs.
    """
    k = past.shape[1]
    out = np.empty((3, past.shape[0]))
    for i in range(past.shape[0]):
        best = 0
        for j in range(1, k):
            if past[i, j] - past[i, best] > TIE:
                best = j
        reached = future[i, best]
        below = equal = 0.0
        for j in range(k):
            lower = reached - future[i, j] > TIE
            below += lower
            equal += not (lower or future[i, j] - reached > TIE)
        share = (below + (equal + 1.0) / 2.0) / (k + 1.0)
        out[0, i], out[1, i], out[2, i] = past[i, best], reached, math.log(share / (1.0 - share))
    return out
