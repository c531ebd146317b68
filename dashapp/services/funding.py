"""The funding of a pair's legs, at the rates of now."""

from __future__ import annotations

import math

from analytics.carry import Carry, pair_carry
from analytics.model import PairSnapshot
from dashapp.text.pair import known_beta
from storage.market.market import Market


def funding_of(market: Market | None, y: str, x: str) -> tuple[float, float] | None:
    """What a long position in each leg pays a day, as a share of its worth; None where that of
    either is not known.

    >>> funding_of(None, "BTCUSDT", "ETHUSDT") is None
    True
    """
    listings = {} if market is None else market.listings
    rates = [listings[leg].funding_per_day if leg in listings else None for leg in (y, x)]
    if rates[0] is None or rates[1] is None:
        return None
    return rates[0], rates[1]


def carry_of(market: Market | None, snapshot: PairSnapshot) -> Carry | None:
    """The funding of a pair at its hedge; None where that of a leg, or the hedge, is not known."""
    params, beta = snapshot.params, known_beta(snapshot)
    rates = funding_of(market, params.y, params.x)
    if rates is None or not math.isfinite(beta):
        return None
    legs = float(snapshot.price_y[-1]), float(snapshot.price_x[-1])
    return pair_carry(*legs, beta, *rates, price_space=params.price_space)
