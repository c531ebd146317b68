"""The words of how much of each leg a capital buys."""

from __future__ import annotations

import math

from analytics.model import Listing, PairSnapshot, ParameterError
from analytics.quantities import Quantities, quantities
from dashapp.text.numbers import base, number, price, quote, ratio
from dashapp.text.pair import known_beta, newest, side_of_z, trade_words
from dashapp.text.tests import Row

#: A held hedge that differs from the one asked for by more than this share of it is said.
_NEAR = 0.03
#: Decimals of a step of an exchange at most.
_MOST_DECIMALS = 12


def quantity_row(
    snapshot: PairSnapshot,
    capital: float,
    y_listing: Listing | None = None,
    x_listing: Listing | None = None,
) -> list[Row]:
    """The units, the side and the notional of each leg, for the side of the spread that the newest
    z speaks for; none where the hedge is not known.

    y_listing, x_listing: what the exchange says of the legs. Where it names lots, the units are
    whole ones, and what they leave of the capital is said, and the hedge that they hold where
    it is another; where it names ticks, so are prices.
    """
    params = snapshot.params
    prices = newest(snapshot.price_y), newest(snapshot.price_x)
    listings = (y_listing, x_listing)
    lots = [None if one is None else one.lot_size for one in listings]
    asked = (*prices, known_beta(snapshot), capital)
    log_prices = params.price_space == "log"
    try:
        held = quantities(*asked, log_prices=log_prices, y_lot=lots[0], x_lot=lots[1])
        exact = quantities(*asked, log_prices=log_prices)
    except ParameterError:
        return []
    unit = quote(params.y)
    label = f"Quantities for {number(capital, 0)} {unit}".strip()
    units = (_stepped(held.y_units, lots[0]), _stepped(held.x_units, lots[1]))
    notional = f"{price(held.y_notional, 100)} / {price(held.x_notional, 100)} {unit}".strip()
    legs = trade_words(side_of_z(snapshot), known_beta(snapshot), base(params.y), base(params.x))
    words = f"{legs}, notional {notional}"
    ticks = [None if one is None else one.tick_size for one in listings]
    if any(ticks):
        at = (_on_tick(*one) for one in zip(prices, ticks, strict=True))
        words = f"{legs} at {' / '.join(at)}, notional {notional}"
    if not any(lots):
        return [(label, " / ".join(units), words, "muted")]
    left = max(capital - held.y_notional - held.x_notional, 0.0)
    steps = " / ".join("not known" if lot is None else _step(lot) for lot in lots)
    words = f"{words}; lots of {steps}, {price(left, 100)} {unit}".rstrip() + " left over"
    problem = _too_little(held, exact, snapshot, listings) or _other_hedge(held, exact, snapshot)
    tone = "warn" if problem else "muted"
    return [(label, " / ".join(units), f"{words}; {problem}" if problem else words, tone)]


def _too_little(
    held: Quantities,
    exact: Quantities,
    snapshot: PairSnapshot,
    listings: tuple[Listing | None, Listing | None],
) -> str:
    """Why the exchange would take no order for a leg, in words; "" where it would.

    held, exact: with lots and without.
    """
    legs = (snapshot.params.y, snapshot.params.x)
    if exact.y_units and not held.y_units:
        lot = None if listings[0] is None else listings[0].lot_size
        short = legs[0] if lot and exact.y_units < lot else legs[1]
        return f"less than one lot of {base(short)}, so nothing of either"
    for leg, listing, worth in zip(legs, listings, (held.y_notional, held.x_notional), strict=True):
        if listing is not None and listing.min_notional and worth < listing.min_notional:
            return f"{base(leg)} is under the least order of {number(listing.min_notional, 0)}"
    return ""


def _other_hedge(held: Quantities, exact: Quantities, snapshot: PairSnapshot) -> str:
    """The hedge ratio that whole lots hold where it is another, in words; else ""."""
    if not (held.y_units and exact.y_units and exact.x_units):
        return ""
    share = (held.x_units / held.y_units) / (exact.x_units / exact.y_units)
    if abs(share - 1.0) <= _NEAR:
        return ""
    beta = known_beta(snapshot)
    return f"these lots hold a hedge ratio of {ratio(share * beta)}, not {ratio(beta)}"


def _decimals(step: float) -> int:
    """Decimals that a step of an exchange needs.

    >>> _decimals(0.001), _decimals(0.25), _decimals(10.0)
    (3, 2, 0)
    """
    return next(
        (digits for digits in range(_MOST_DECIMALS) if math.isclose(round(step, digits), step)),
        _MOST_DECIMALS,
    )


def _step(step: float) -> str:
    return number(step, _decimals(step))


def _stepped(units: float, lot: float | None) -> str:
    return f"{units:,.6g}" if not lot else number(units, _decimals(lot))


def _on_tick(value: float, tick: float | None) -> str:
    """A price as the exchange takes it: the nearest whole tick."""
    if not tick:
        return price(value)
    return number(round(value / tick) * tick, _decimals(tick))
