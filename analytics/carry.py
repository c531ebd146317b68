"""Carry: what the funding of two perpetual contracts pays or costs whoever holds a pair."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from analytics._backtest_types import Trade
from analytics._checks import check_choice
from analytics._errors import ParameterError
from analytics.arrays import finite, number
from analytics.model import PriceSpace

_DAY_MS = 86_400_000.0


@dataclass(frozen=True)
class Carry:
    """Funding of a pair at its hedge.

    long_per_day: what a position that is long the spread pays a day, as a share of the gross
    worth of both legs; a short one receives it. per_unit: the same in units of the spread
    (quote currency for a spread of prices, log for one of logs).

    >>> Carry(2e-4, 3.0).paid(-1)
    -0.0002
    """

    long_per_day: float
    per_unit: float

    def paid(self, side: int) -> float:
        """What a side (1 long, -1 short the spread) pays a day, below 0 where it receives."""
        return side * self.long_per_day


def pair_carry(
    price_y: float,
    price_x: float,
    beta: float,
    funding_y: float,
    funding_x: float,
    *,
    price_space: str = "price",
) -> Carry:
    """The funding of a pair at its hedge: long Y and short beta X.

    price_y, price_x: of a unit, quote currency. beta: of the spread, in units of X a unit of Y,
    or in log space in worth of X a worth of Y. funding_y, funding_x: what a long position pays
    a day, as a share of its worth. O(1); no state. Raises ParameterError, a ValueError, for a
    price that is not above zero, for a beta or a funding that is not finite, and another space.

    Source: Binance, "Introduction to Binance Futures Funding Rates" (2019): the payment is the
    worth of the position times the rate, from longs to shorts where the rate is above zero.

    >>> carry = pair_carry(2_600.0, 60_000.0, 0.05, 3e-4, 1e-4)
    >>> round(carry.long_per_day * 1e4, 3), round(carry.per_unit, 3)
    (0.857, 0.48)
    """
    price_y, price_x = number("price_y", price_y), number("price_x", price_x)
    for name, price in (("price_y", price_y), ("price_x", price_x)):
        if not (math.isfinite(price) and price > 0):
            raise ParameterError(name, price, "a price above zero")
    beta = finite("beta", beta)
    funding_y, funding_x = finite("funding_y", funding_y), finite("funding_x", funding_x)
    check_choice("price_space", price_space, get_args(PriceSpace))
    worth_y, worth_x = (1.0, beta) if price_space == "log" else (price_y, beta * price_x)
    paid = worth_y * funding_y - worth_x * funding_x
    return Carry(paid / (worth_y + abs(worth_x)), paid)


def reversion_funding(carry: Carry, z: float, half_life: float, step_ms: float) -> float:
    """What funding costs while a pair is held for a half-life, in units of the spread.

    z: whose sign says which side is held: short the spread above 0, else long. half_life: bars,
    step_ms: of one, in ms. Below 0 where that side receives. O(1); no state. Raises
    ParameterError, a ValueError, for a z, a half-life or a step that is not finite.

    Source: as `pair_carry`; half-life, Chan, Algorithmic Trading (2013), chapter 2.

    >>> reversion_funding(Carry(2e-4, 3.0), z=2.1, half_life=12.0, step_ms=3_600_000.0)
    -1.5
    """
    z, half_life = finite("z", z), finite("half_life", half_life)
    step_ms = finite("step_ms", step_ms)
    side = -1 if z > 0 else 1
    return side * carry.per_unit * half_life * step_ms / _DAY_MS


def trades_funding(
    trades: Iterable[Trade], funding_y: float, funding_x: float, *, price_space: str = "price"
) -> float:
    """What funding would have cost a back-test's trades, at one rate for all of their time.

    trades: of `analytics.backtest`; a leg that was never held pays nothing, and its trade the
    other leg's part. funding_y, funding_x: what a long position pays a day, as a share of its
    worth. The sum of the shares of each trade's gross exposure at entry, below 0 where they
    received. O(trades); no state. Raises ParameterError, a ValueError, as `pair_carry`, and for a
    trade of one leg whose exposure is not known.

    Source: Binance, "Introduction to Binance Futures Funding Rates" (2019).

    >>> from types import SimpleNamespace as Part
    >>> trade = Part(side=-1, entry_ts_ms=0, exit_ts_ms=43_200_000, entry_y=100.0, entry_x=50.0,
    ...              beta=2.0)
    >>> round(trades_funding([trade], 3e-4, 1e-4) * 1e4, 3)
    -0.5
    """
    paid = 0.0
    for trade in trades:
        legs = trade.entry_y, trade.entry_x
        if all(map(math.isfinite, legs)):
            carry = pair_carry(*legs, trade.beta, funding_y, funding_x, price_space=price_space)
        else:
            carry = _one_leg(trade, funding_y, funding_x, price_space)
        paid += carry.paid(trade.side) * (trade.exit_ts_ms - trade.entry_ts_ms) / _DAY_MS
    return paid


def _one_leg(trade: Trade, funding_y: float, funding_x: float, price_space: str) -> Carry:
    """The funding of a trade of which a leg, or both, was never held."""
    if not trade.exposure > 0.0:
        raise ParameterError("exposure", trade.exposure, "that of the trade, above 0")
    log = price_space == "log"
    worth_y, worth_x = (
        (1.0 if log else entry) if math.isfinite(entry) else 0.0
        for entry in (trade.entry_y, trade.entry_x)
    )
    paid = worth_y * funding_y - trade.beta * worth_x * funding_x
    return Carry(paid / trade.exposure, paid)
