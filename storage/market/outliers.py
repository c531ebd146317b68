"""Prints far off their market: taken in, marked, and never alone the ground of an alert."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numba import njit

from analytics.model import BoolArray, FloatArray, Ticks

#: A price is marked that is off the median of the SPAN before it by more than this share.
LIMIT = 0.20
SPAN = 100
#: Prices that a symbol must have had before its next one is judged.
FEWEST = 10
#: Lone ticks of a symbol that are remembered.
KEPT = 256


class Outlier(NamedTuple):
    """A marked tick. median: of the prices before it, which it is off."""

    ts_ms: int
    price: float
    median: float

    @property
    def jump(self) -> float:
        """How far off it is, as a share of the median."""
        return self.price / self.median - 1.0


class OutlierWatch:
    """Marks the prices of one symbol that jump, in order of arrival.

    A marked price is one of the prices before the next, so a market that has really moved
    is itself again after half a SPAN. It stands *alone* unless the tick before or after it
    is within LIMIT of it: one tick may be a bad print, two are a market.

    total: marked so far. last: the newest of them. lone: the newest that stand alone.

    >>> watch = OutlierWatch()
    >>> prices = [100.0] * 10 + [130.0, 100.0, 130.0, 131.0]
    >>> ticks = Ticks("X", range(14), prices, [1.0] * 14, [-1] * 14)
    >>> watch.take(ticks).nonzero()[0].tolist(), [one.ts_ms for one in watch.lone]
    ([10, 12, 13], [10])
    """

    def __init__(self) -> None:
        self.total = 0
        self.last: Outlier | None = None
        self.lone: deque[Outlier] = deque(maxlen=KEPT)
        self._before = np.empty(SPAN)
        self._count = 0
        self._unconfirmed = False

    def take(self, ticks: Ticks) -> BoolArray | None:
        """Which ticks of the next batch are marked; None, at the cost of a glance, for none."""
        price = ticks.price
        if not len(price):
            return None
        if self._unconfirmed:
            self._unconfirmed = False
            if _near(price[0], self._before[self._count - 1]):
                self.lone.pop()
        # Every median lies between the two: nothing is further off than they are apart.
        if not _apart(self._before, self._count, price):
            self._count = _push(self._before, self._count, price)
            return None
        known = np.concatenate((self._before[: self._count], price))
        self._count = _push(self._before, self._count, price)
        return self._mark(known, ticks)

    def _mark(self, known: FloatArray, ticks: Ticks) -> BoolArray | None:
        """known: the prices before, then those of the ticks."""
        medians = _medians_before(known, len(known) - len(ticks))
        marked = np.abs(ticks.price - medians) > LIMIT * medians
        at = np.flatnonzero(marked)
        if not len(at):
            return None
        price = ticks.price[at]
        apart = np.r_[np.nan, known, np.nan]  # NaN is near nothing
        place = at + len(known) - len(ticks) + 1
        alone = ~(_near(price, apart[place - 1]) | _near(apart[place + 1], price))
        self.total += len(at)
        told = [
            Outlier(int(ticks.ts_ms[row]), float(ticks.price[row]), float(medians[row]))
            for row in at[alone][-KEPT:].tolist()
        ]
        self.lone.extend(told)
        newest = int(at[-1])
        self.last = Outlier(
            int(ticks.ts_ms[newest]), float(ticks.price[newest]), float(medians[newest])
        )
        self._unconfirmed = bool(alone[-1]) and newest == len(ticks) - 1
        return marked


class Outliers:
    """The watches of a market, one a symbol."""

    def __init__(self) -> None:
        self._watches: dict[str, OutlierWatch] = {}

    def take(self, ticks: Ticks) -> BoolArray | None:
        """Which ticks of the next batch of a symbol are marked, None for none."""
        watch = self._watches.get(ticks.symbol)
        if watch is None:
            watch = self._watches[ticks.symbol] = OutlierWatch()
        return watch.take(ticks)

    def lone(self, symbol: str) -> tuple[Outlier, ...]:
        """The newest ticks of a symbol that are marked and stand alone, oldest first."""
        watch = self._watches.get(symbol)
        return () if watch is None else tuple(watch.lone)

    def last(self, symbol: str) -> Outlier | None:
        """The newest tick of a symbol that is marked, None before the first."""
        watch = self._watches.get(symbol)
        return None if watch is None else watch.last


def _near(price: FloatArray, other: FloatArray) -> BoolArray:
    """Whether prices are within LIMIT of others."""
    return np.abs(price - other) <= LIMIT * other


@njit(cache=True)
def _apart(before: FloatArray, count: int, price: FloatArray) -> bool:
    """Whether the lowest and the highest of the `count` prices before and of these are further
    apart than LIMIT.
    """
    low = high = price[0]
    for at in range(count):
        low, high = min(low, before[at]), max(high, before[at])
    for value in price:
        low, high = min(low, value), max(high, value)
    return high - low > LIMIT * low


@njit(cache=True)
def _push(before: FloatArray, count: int, price: FloatArray) -> int:
    """Put prices behind the `count` that are held; the oldest give way. How many are held."""
    size = len(before)
    arriving = min(len(price), size)
    kept = min(count, size - arriving)
    for at in range(kept):
        before[at] = before[count - kept + at]
    for at in range(arriving):
        before[kept + at] = price[len(price) - arriving + at]
    return kept + arriving


@njit(cache=True)
def _medians_before(price: FloatArray, begin: int) -> FloatArray:
    """For each price from `begin` on, the median of up to SPAN before it; NaN under FEWEST.

    A sorted window is carried along: a price costs the moves that make room for it.
    """
    medians = np.empty(len(price) - begin)
    ranked = np.empty(SPAN)
    count = min(begin, SPAN)
    ranked[:count] = np.sort(price[begin - count : begin])
    for i in range(begin, len(price)):
        half = count // 2
        if count < FEWEST:
            medians[i - begin] = np.nan
        elif count % 2:
            medians[i - begin] = ranked[half]
        else:
            medians[i - begin] = 0.5 * (ranked[half - 1] + ranked[half])
        if count == SPAN:
            at = np.searchsorted(ranked, price[i - SPAN])
            ranked[at:-1] = ranked[at + 1 :].copy()
            count -= 1
        at = np.searchsorted(ranked[:count], price[i])
        ranked[at + 1 : count + 1] = ranked[at:count].copy()
        ranked[at] = price[i]
        count += 1
    return medians
