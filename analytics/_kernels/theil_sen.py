"""The exact median of all n (n - 1) / 2 pairwise slopes, in O(n log n) time and memory.

Sort the points by x. For a slope t, the pairs with a smaller slope are the inversions of
y - t x. So two slopes lo < hi out of a random sample, a few standard errors on either
side of its median, leave only the pairs that change their order between lo and hi: an
insertion sort from the one order into the other meets each of them once, and there the
slope is computed and ranked exactly. If the median should not be between lo and hi, they
are moved apart.

Rounding cannot misplace a pair: each key gets a step per rank of x, larger than all
rounding errors of the keys, in the direction that makes doubtful pairs be met rather
than skipped. Ties of x make no pair; ties of slopes, of which tick prices are full, are
counted where they equal lo or hi and kept otherwise.

Source: Theil (1950); Sen, JASA 63 (1968); the search after Matousek, Information
Processing Letters 39 (1991).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from analytics.model import FloatArray, IntArray

_EVERYTHING = 5_000  # pairs up to which all slopes are taken without a search
_DISTANCES = (1, 2, 3)  # of the pairs in the sample, about 5 root(pairs) of them
_FEW = 32  # rows that are sorted by insertion
_FAR = 4.0  # so many slopes of a sample apart, ranks tell how close slopes are to one another


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _falling(order: IntArray) -> int:
    """How many pairs of these row numbers stand in falling order (Fenwick's tree)."""
    counts = np.zeros(order.size + 1, np.int32)
    falling = 0
    for i in range(order.size):
        before, at = 0, order[i] + 1
        while at > 0:
            before += counts[at]
            at &= at - 1
        falling += i - before
        at = order[i] + 1
        while at < counts.size:
            counts[at] += 1
            at += at & -at
    return falling


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _part_ties(order: IntArray, keys: FloatArray, then: FloatArray) -> None:
    """Sort the rows of equal keys by `then`, within an order that sorts the keys."""
    begin = 0
    for end in range(1, order.size + 1):
        if end < order.size and keys[order[end]] == keys[order[begin]]:
            continue
        if end - begin > _FEW:
            rows = order[begin:end].copy()
            order[begin:end] = rows[np.argsort(then[rows])]
        else:
            for i in range(begin + 1, end):
                row, j = order[i], i
                while j > begin and then[order[j - 1]] > then[row]:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = row
        begin = end


def _sorted(points: _Points, keys: FloatArray) -> tuple[IntArray, int]:
    """The order that sorts `keys`, and how many pairs of them stood in falling order.

    Of equal points, which only equal x can hide, no pair may fall: there the order is that of
    the rows.
    """
    order = np.argsort(keys)
    if points.ties:
        _part_ties(order, keys, _rows(len(keys)))
    return order, _falling(order)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _meet(
    key: FloatArray, x: FloatArray, y: FloatArray, lo: float, hi: float
) -> tuple[int, int, int, int, FloatArray]:
    """Sort `key` by insertion; rank the slope of each pair of rising x that changes places.

    x, y and key are permuted. Returns how many slopes are below lo, at lo and at hi, and
    those between.
    """
    below = at_lo = at_hi = inside = 0
    slopes = np.empty(1024)
    for i in range(1, key.size):
        this_key, this_x, this_y = key[i], x[i], y[i]
        j = i - 1
        while j >= 0 and key[j] > this_key:
            if this_x > x[j]:
                slope = (this_y - y[j]) / (this_x - x[j])
                if lo < slope < hi:
                    if inside == slopes.size:
                        more = np.empty(2 * inside)
                        for k in range(inside):
                            more[k] = slopes[k]
                        slopes = more
                    slopes[inside] = slope
                    inside += 1
                elif slope < lo:
                    below += 1
                elif slope == lo:
                    at_lo += 1
                elif slope == hi:
                    at_hi += 1
            key[j + 1], x[j + 1], y[j + 1] = key[j], x[j], y[j]
            j -= 1
        key[j + 1], x[j + 1], y[j + 1] = this_key, this_x, this_y
    return below, at_lo, at_hi, inside, slopes


class _Points(NamedTuple):
    """Points in order of x, and of y where x is equal, as they are and moved towards 0 for
    the keys.

    rank: equal for equal x, else rising by 1. pairs: of different x. ties: whether x has any.
    """

    x: FloatArray
    y: FloatArray
    near_x: FloatArray
    near_y: FloatArray
    rank: IntArray
    pairs: int
    ties: bool


def _points(y: FloatArray, x: FloatArray) -> _Points:
    order = np.argsort(x)
    n = len(x)
    rank = np.zeros(n, np.int64)
    np.cumsum(np.diff(x[order]) > 0, out=rank[1:])
    pairs = n * (n - 1) // 2
    ties = bool(rank[-1] < n - 1)
    if ties:
        _part_ties(order, x.copy(), y.copy())  # compiled for arrays of one kind
        alike = np.bincount(rank)
        pairs -= int((alike * (alike - 1)).sum()) // 2
    x, y = x[order], y[order]
    return _Points(x, y, x - x[n // 2], y - y[n // 2], rank, pairs, ties)


def _brackets(points: _Points) -> Iterator[tuple[float, float]]:
    """Slopes on either side of the median, likely ones first, certain ones last.

    The true rank of the sample's median says how far the sample is off, and with that
    the median is known to some fourth root of the sample; a secant from there to a second
    slope of known rank leaves a part of that. Where slopes differ by less than the keys'
    rounding the rank is of no use, and the sample's own error serves.
    """
    if points.pairs > _EVERYTHING:
        slopes = _sample(points)
        m, error = len(slopes), math.sqrt(len(slopes))
        near = int(error)
        slopes.partition([m // 2 - near, m // 2, m // 2 + near])
        middle = float(slopes[m // 2])
        doubt = _step(points, middle) * points.rank[-1] / (points.x[-1] - points.x[0])
        below = _rank(points, middle)
        apart = float(slopes[m // 2 + near] - slopes[m // 2 - near]) / (2 * near)
        if 4.0 * doubt < apart:
            lo, hi = _around_secant(points, middle, below, apart, points.pairs / m)
            # Where many slopes are one, or few are near the median, a secant is of no use.
            if lo < hi and np.count_nonzero((slopes >= lo) & (slopes <= hi)) <= near:
                yield lo, hi
        centre = int(np.count_nonzero(slopes < middle - 2.0 * doubt))
        shift = (0.5 - below / points.pairs) * m
        centre, half = int(centre + shift), 2.5 * math.sqrt(abs(shift)) + 4.0
        if abs(centre - m // 2) > 2.0 * error:
            centre, half = m // 2, 2.0 * error
        for width in (int(half), int(7.0 * error)):
            if centre >= width and centre + width < m:
                slopes.partition([centre - width, centre + width])
                yield float(slopes[centre - width]), float(slopes[centre + width])
    yield -math.inf, math.inf


def _around_secant(
    points: _Points, first: float, below: int, apart: float, each: float
) -> tuple[float, float]:
    """Slopes around the one at which a secant has the rank of the median.

    first: a slope, which `below` are smaller than. apart: how far slopes of the sample are from
    one another; each: for how many pairs one of them stands.
    """
    wanted = points.pairs / 2
    per_pair = apart / each
    second = first + (wanted - below) * per_pair
    found = _rank(points, second)
    if abs(found - below) > _FAR * each and (second - first) / (found - below) > 0:
        per_pair = (second - first) / (found - below)
    left = wanted - found
    middle, half = second + left * per_pair, (abs(left) / 2 + each) * per_pair
    return middle - half, middle + half


def _rank(points: _Points, slope: float) -> int:
    """How many pairs have a smaller slope, as far as the keys tell."""
    return _sorted(points, _key(points, slope, 1))[1]


def _sample(points: _Points) -> FloatArray:
    """Slopes of pairs drawn at random, the same ones each time.

    Neighbours at a few distances in one shuffled row of the points: each point stands in as
    many pairs as any other, and only the shuffle itself is a walk through memory.
    """
    shuffled = _shuffle(len(points.x))
    x, y = points.x[shuffled], points.y[shuffled]
    run = np.concatenate([x[:-step] - x[step:] for step in _DISTANCES])
    rise = np.concatenate([y[:-step] - y[step:] for step in _DISTANCES])
    if points.ties:
        apart = run != 0
        run, rise = run[apart], rise[apart]
    return rise / run


@lru_cache(maxsize=4)
def _rows(n: int) -> FloatArray:
    return np.arange(n, dtype=np.float64)


@lru_cache(maxsize=4)
def _shuffle(n: int) -> IntArray:
    """Row numbers in a random order; kept, for a live chart asks for the same ones each time."""
    return np.random.default_rng(n).permutation(n)


def _step(points: _Points, slope: float) -> float:
    """More than all rounding errors of a key and of a slope's rank."""
    reach_x = max(float(points.near_x[-1]), -float(points.near_x[0]))
    size = abs(slope) * reach_x + float(np.abs(points.near_y).max())
    return 32.0 * 2.0**-53 * size


def _key(points: _Points, slope: float, sign: int) -> FloatArray:
    """y - slope x with a step of `sign` per rank; the rank alone for an infinite slope."""
    if math.isinf(slope):
        return sign * points.rank.astype(np.float64)
    step = sign * _step(points, slope)
    return points.near_y - slope * points.near_x + step * points.rank


def median_slope(y: FloatArray, x: FloatArray) -> float:
    """Median of (y[j] - y[i]) / (x[j] - x[i]) over all pairs of different x; NaN without any.

    y, x: complete, shape (n,).
    """
    points = _points(y, x)
    if points.pairs == 0:
        return math.nan
    wanted = (points.pairs - 1) // 2, points.pairs // 2
    for lo, hi in _brackets(points):
        order, falling = _sorted(points, _key(points, lo, 1))
        below, at_lo, at_hi, count, slopes = _meet(
            _key(points, hi, -1)[order], points.x[order], points.y[order], lo, hi
        )
        below += falling
        inside = slopes[:count]
        ranks = below, below + at_lo, below + at_lo + len(inside)
        if ranks[0] <= wanted[0] and wanted[1] < ranks[2] + at_hi:
            break
    places = [k - ranks[1] for k in wanted]
    if within := [k for k in places if 0 <= k < len(inside)]:
        inside.partition(within)
    low, high = (_at(inside, k, lo, hi) for k in places)
    return (low + high) / 2


def _at(inside: FloatArray, k: int, lo: float, hi: float) -> float:
    """The k-th of the slopes `inside`; lo before and hi after them."""
    if not 0 <= k < len(inside):
        return lo if k < 0 else hi
    return float(inside[k])


def median(values: FloatArray) -> float:
    """Median of complete values, shape (n,), n at least 1."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, [half - 1, half])[half - 1 : half + 1].tolist()
    return 0.5 * (low + high)
