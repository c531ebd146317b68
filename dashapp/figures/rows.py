"""Which rows of a view are drawn: long views thinned, lines broken where the data has a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.model import BoolArray, FloatArray, IntArray

#: Rows drawn at most; from there on the lowest and the highest of each stretch stay.
MOST_ROWS = 5_000
#: A gap is longer than this many bars, and than this many times the usual distance.
GAP_BARS = 5


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a view as they are drawn.

    ts: float64 epoch ms, with a row of NaN values in each gap. stretches: (m, 2) times
    from-to that are to be shaded. columns: the series, in the order they were given.
    """

    ts: FloatArray
    columns: tuple[FloatArray, ...]
    stretches: FloatArray


def thinned(values: FloatArray, most: int = MOST_ROWS) -> IntArray | None:
    """The rows to draw so that the lowest and the highest of each stretch stay; None for all.

    >>> thinned(np.array([0.0, 9.0, 1.0, 2.0, -9.0, 3.0, 4.0, 5.0]), most=4)
    array([0, 1, 4, 7])
    """
    count = len(values)
    if count <= most:
        return None
    edges = np.linspace(0, count, most // 2 + 1).astype(np.int64)[:-1]
    finite = np.isfinite(values)
    stretch = np.repeat(np.arange(len(edges)), np.diff(edges, append=count))
    keep = []
    for filled in (np.where(finite, values, np.inf), np.where(finite, -values, np.inf)):
        best = np.minimum.reduceat(filled, edges)
        hits = np.flatnonzero(filled == best[stretch])
        keep.append(hits[np.unique(stretch[hits], return_index=True)[1]])
    return np.unique(np.concatenate([*keep, [0, count - 1]]))


def _runs(flags: BoolArray) -> IntArray:
    """First and last row of each run of True, shape (m, 2)."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return np.stack([edges[::2], edges[1::2] - 1], axis=1)


def _gaps(ts: FloatArray, step_ms: float) -> IntArray:
    """Rows after which the data has a gap."""
    if len(ts) < 3:
        return np.empty(0, np.int64)
    distances = np.diff(ts)
    if not distances.max() > GAP_BARS * step_ms:
        return np.empty(0, np.int64)
    longest = GAP_BARS * max(step_ms, float(np.median(distances)))
    return np.flatnonzero(distances > longest)


def _joined(stretches: FloatArray) -> FloatArray:
    """The stretches in order, those that touch as one. What is between two is never covered."""
    if not len(stretches):
        return stretches.reshape(0, 2)
    stretches = stretches[np.argsort(stretches[:, 0], kind="stable")]
    distances = stretches[1:, 0] - np.maximum.accumulate(stretches[:, 1])[:-1]
    firsts = np.flatnonzero(np.r_[True, distances > 0])
    ends = np.maximum.reduceat(stretches[:, 1], firsts)
    return np.stack([stretches[firsts, 0], ends], axis=1)


def rows_of(
    ts_ms: IntArray,
    columns: Sequence[FloatArray],
    step_ms: float,
    carried: BoolArray | None = None,
) -> Rows:
    """The rows of a view as they are drawn.

    ts_ms: shape (n,), ascending. columns: series of the same shape, the first of which
    decides which rows stay of a view that is too long. step_ms: length of a bar. carried:
    rows whose value is carried forward; they are drawn, and shaded.
    """
    ts = ts_ms.astype(np.float64)
    half = step_ms / 2
    stretches = np.empty((0, 2))
    if carried is not None and carried.any():
        stretches = ts[_runs(carried)] + (-half, half)
    gaps = _gaps(ts, step_ms)
    if len(gaps):
        between = np.stack([ts[gaps] + half, ts[gaps + 1] - half], axis=1)
        stretches = np.concatenate([stretches, between])
    columns = tuple(columns)
    if len(columns) and (keep := thinned(columns[0])) is not None:
        columns = tuple(column[keep] for column in columns)
        gaps = np.unique(np.searchsorted(keep, gaps + 1) - 1)
        ts = ts[keep]
    if len(gaps):
        middle = (ts[gaps] + ts[gaps + 1]) / 2
        columns = tuple(np.insert(column, gaps + 1, np.nan) for column in columns)
        ts = np.insert(ts, gaps + 1, middle)
    return Rows(ts, columns, _joined(stretches))
