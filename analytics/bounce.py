"""Bid-ask bounce: how much of a price's movement is trades that change sides.

Trades at the bid and at the ask by turns make the price jump to and fro by the spread though
its value stands still. Each jump is taken back by the next: the changes have a negative first
autocovariance, of minus a quarter of the squared spread, and half of the squared spread is added
to their variance. What bounces looks mean-reverting, in a spread of two legs as well.

Source: Roll (1984), "A simple implicit measure of the effective bid-ask spread in an efficient
market", J. of Finance 39(4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics._dickey_fuller import finite_series
from analytics.arrays import between, one_of
from analytics.model import TIMEFRAMES, is_timeframe

#: Bounce matters where it is more than this share of the variance of the changes ...
LIMIT = 0.1
#: ... and the autocorrelation is below 0 by so many of its standard errors.
_SIGNIFICANT = 1.6448536269514722


@dataclass(frozen=True)
class Bounce:
    """Roll's estimate of one series of prices against its volatility.

    spread: the effective bid-ask spread, in the units of the prices; 0 where the changes do not
    bounce. share: its part of the variance of the changes, 0 to 1. autocorrelation: of each
    change with the one before, -1 to 1; NaN where the prices do not vary. n: how many changes.
    """

    spread: float
    share: float
    autocorrelation: float
    n: int

    def matters(self, limit: float = LIMIT) -> bool:
        """Whether bounce makes up more than `limit` of the variance, and is no accident."""
        least = -_SIGNIFICANT / math.sqrt(self.n)
        return self.share > limit and self.autocorrelation < least


def bounce(prices: Any) -> Bounce:
    """Roll's effective spread, and what it is of the variance of the changes.

    spread = 2 sqrt(-c), share = -2 c / variance, c being the covariance of each change with the
    one before, both about 0. prices: shape (n,), at least 4, of bars in which the leg traded, or
    of trades; logarithms give the spread as a fraction of the price. Raises ValueError for fewer
    prices or NaN inside.

    >>> bid_and_ask = 100.0 + 0.25 * np.array([1, -1, 1, 1, -1, -1, 1, -1, 1, -1])
    >>> found = bounce(bid_and_ask)
    >>> round(found.spread, 2), found.matters()
    (0.71, True)
    """
    changes = np.diff(finite_series("prices", prices, 4, ties=True))
    squares = float(changes @ changes)
    if not squares > 0.0:
        return Bounce(0.0, 0.0, math.nan, len(changes))
    product = float(changes[1:] @ changes[:-1])
    covariance = product / (len(changes) - 1)
    share = min(max(-2.0 * covariance / (squares / len(changes)), 0.0), 1.0)
    return Bounce(2.0 * math.sqrt(max(-covariance, 0.0)), share, product / squares, len(changes))


def roll_spread(prices: Any) -> float:
    """Roll's effective bid-ask spread in the units of the prices; 0 where nothing bounces.

    prices: shape (n,), at least 4. Raises ValueError for fewer or NaN inside. Source: Roll
    (1984), equation 3.

    >>> roll_spread([100.0, 101.0, 100.0, 101.0, 100.0, 101.0])
    2.0
    """
    return bounce(prices).spread


def finest_without_bounce(prices: Any, timeframe: str, limit: float = LIMIT) -> str | None:
    """The finest timeframe at which bounce is at most `limit` of the variance of the changes.

    prices: closes of bars of `timeframe`, shape (n,), at least 4. That timeframe itself where
    its bounce does not matter (`Bounce.matters`). For coarser ones Roll's model is extended: in a
    bar k times as long the value moves with k times the variance and the bounce stays as it is.
    None where no listed timeframe is coarse enough. Raises ValueError for fewer prices, NaN
    inside, an unknown timeframe, or a limit that is not between 0 and 1. Source: Roll (1984).

    >>> steps = np.random.default_rng(0).standard_normal((2, 2_000))
    >>> closes = 100.0 + 0.01 * np.cumsum(steps[0]) + 0.01 * np.sign(steps[1])
    >>> finest_without_bounce(closes, "1s"), finest_without_bounce(np.cumsum(steps[0]), "1s")
    ('1m', '1s')
    """
    if not is_timeframe(timeframe):
        one_of("timeframe", timeframe, tuple(TIMEFRAMES))
    between("limit", limit, 0.0, 1.0)
    estimate = bounce(prices)
    if not estimate.matters(limit):
        return timeframe
    moved = 1.0 - estimate.share
    if not moved > 0.0:
        return None
    least = estimate.share * (1.0 - limit) / (limit * moved) * TIMEFRAMES[timeframe]
    coarse = [(ms, name) for name, ms in TIMEFRAMES.items() if ms >= least]
    return min(coarse)[1] if coarse else None
