"""Which symbols belong together, so that fewer pairs need a test.

Source: Sarmento and Horta (2020), "Enhancing a pairs trading strategy with the application of
machine learning", Expert Systems with Applications 158; Ankerst, Breunig, Kriegel and Sander
(1999), "OPTICS: ordering points to identify the clustering structure", SIGMOD.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.arrays import table, whole
from analytics.model import CountError, FloatArray, IntArray, ParameterError

#: Components where none are asked for: beyond five OPTICS finds no dense places (Sarmento and
#: Horta 2020).
COMPONENTS = 5
LEAST_RETURNS = 30


def cluster_symbols(
    returns: Any, *, n_components: int | None = None, min_samples: int = 3
) -> IntArray:
    """The cluster of each symbol, shape (n_symbols,): 0, 1, ..., or -1 for none.

    returns: shape (n, n_symbols), at least 30 rows and 3 symbols, in any unit; NaN, where a
    symbol did not trade, counts as its mean. They are standardised; a symbol's place is its
    loadings on the principal components, each of unit variance over the symbols; OPTICS, by steep
    slopes of its reachability, tells dense places from the rest. n_components: 5 where None, at
    most what there are. min_samples: symbols that make a place dense, from 2 on. The same returns
    give the same clusters. Raises ParameterError, a ValueError, for fewer symbols or rows, a
    symbol that does not vary, an infinite return, or parameters out of range.

    Source: Sarmento and Horta (2020); PCA and OPTICS are scikit-learn's.

    >>> rng = np.random.default_rng(0)
    >>> sectors, own = rng.standard_normal((300, 2)), rng.standard_normal((300, 8))
    >>> cluster_symbols(np.repeat(sectors, 4, axis=1) + 0.3 * own, n_components=2).tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
    """
    values = table("returns", returns)
    n, m = values.shape
    if m < 3:
        raise CountError("returns", m, "3 or more", "symbols")
    if n < LEAST_RETURNS:
        raise CountError("returns", n, f"{LEAST_RETURNS} or more", "rows")
    if np.isinf(values).any():
        raise ParameterError("returns", float("inf"), "finite numbers, or NaN")
    if whole("min_samples", min_samples, 2) > m:
        raise ParameterError("min_samples", min_samples, f"2 to {m}, the number of symbols")
    most = min(n, m) - 1
    count = COMPONENTS if n_components is None else whole("n_components", n_components, 1)
    return _clusters(_standardised(values), min(count, most), min_samples)


def _standardised(values: FloatArray) -> FloatArray:
    """Columns of mean 0 and variance 1, 0 where a symbol did not trade."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(axis=0) / counts, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / counts)
    still = ~(deviation > 1e-14 * np.abs(filled).max(axis=0))
    if still.any():
        number = int(np.argmax(still))
        raise ParameterError("returns", 0.0, f"values that vary in column {number}")
    return centred / deviation


def _clusters(standardised: FloatArray, components: int, min_samples: int) -> IntArray:
    from sklearn.cluster import OPTICS  # imported late: a second that few scans need
    from sklearn.decomposition import PCA

    loadings = PCA(components, svd_solver="full").fit(standardised).components_.T
    spread = loadings.std(axis=0)
    places = (loadings - loadings.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    labels = OPTICS(min_samples=min_samples, n_jobs=1).fit(places).labels_
    return np.asarray(labels, dtype=np.int64)
