"""How much of each leg a capital buys: units at the newest prices, rounded down to lots."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analytics.arrays import finite, number
from analytics.model import ParameterError

#: Significant digits that are left where a lot is not known.
_DIGITS = 6
#: Fewer units than these are none: what rounds them has no logarithm.
_NOTHING = 1e-290
#: A hedge that is held to this share of it is held.
_NEAR = 0.005


@dataclass(frozen=True)
class Quantities:
    """Units of each leg, without sign, and the notional of each at its price; all 0 where a lot
    is more than the capital buys of either leg.
    """

    y_units: float
    x_units: float
    y_notional: float
    x_notional: float


def quantities(
    y_price: float,
    x_price: float,
    beta: float,
    capital: float,
    *,
    log_prices: bool = False,
    y_lot: float | None = None,
    x_lot: float | None = None,
) -> Quantities:
    """Units of Y and X whose notionals together are at most the capital, in the hedge's ratio.

    y_price, x_price: newest prices, above 0. beta: units of X to one of Y; of logarithms the
    notional of X to that of Y. capital: above 0, in the quote currency, of both legs together.
    y_lot, x_lot: the exchange's steps, None where they are not known. The lots are those that hold
    the hedge best: of the most of Y, or of X, that the capital buys, the lots of the other leg
    next to the hedge; of two that hold it to half a percent those of more. Both are 0 where the
    capital buys less than a lot of a leg that the hedge asks for: one leg alone is no pair.
    Source: Vidyamurthy, Pairs Trading (2004), beta units of X against one of Y; their gross
    exposure as `analytics.backtest` reckons it, |Y| + |beta X|.

    Raises ParameterError, a ValueError, where a price or the capital is not above 0 or beta is
    not finite.

    >>> quantities(100.0, 50.0, 2.0, 10_000.0)
    Quantities(y_units=50.0, x_units=100.0, y_notional=5000.0, x_notional=5000.0)
    >>> quantities(100.0, 50.0, 1.0, 1_000.0, log_prices=True, y_lot=0.3).y_units
    4.8
    >>> coarse = quantities(100.0, 5_000.0, 0.02, 1_900.0, y_lot=0.1, x_lot=0.1)
    >>> coarse.y_units, coarse.x_units  # 9.5 of Y would want 0.19 of X
    (5.0, 0.1)
    >>> held = quantities(100_000.0, 3_500.0, 20.0, 1_000.0, y_lot=0.001, x_lot=0.001)
    >>> held.y_units, held.x_units
    (0.005, 0.1)
    """
    y_price, x_price = number("y_price", y_price), number("x_price", x_price)
    y_lot, x_lot = (
        lot if lot is None else number(name, lot)
        for name, lot in (("y_lot", y_lot), ("x_lot", x_lot))
    )
    beta, capital = finite("beta", beta), number("capital", capital)
    for name, value in (("y_price", y_price), ("x_price", x_price), ("capital", capital)):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(name, value, "a number above 0")
    per_y = abs(beta) * (y_price / x_price if log_prices else 1.0)
    of_y = capital / (y_price + per_y * x_price)
    lots = []
    y_units = _down(of_y, y_lot)
    for x_units in _beside(y_units * per_y, x_lot):
        lots.append((y_units, x_units))
    if x_lot and per_y > 0.0:
        x_units = _down(of_y * per_y, x_lot)
        lots += [(y_units, x_units) for y_units in _beside(x_units / per_y, y_lot)]
    best, least = Quantities(0.0, 0.0, 0.0, 0.0), (math.inf, 0.0, 0.0)
    for y_units, x_units in lots:
        held = Quantities(y_units, x_units, y_units * y_price, x_units * x_price)
        total, wanted = held.y_notional + held.x_notional, y_units * per_y
        alone = not y_units or (x_lot and wanted > 0.0 and not x_units)
        if alone or total > capital * (1.0 + 1e-9):
            continue
        away = abs(x_units / wanted - 1.0) if wanted > 0.0 else 0.0
        rank = (max(away, _NEAR), -held.y_notional, away)
        if rank < least:
            best, least = held, rank
    return best


def _beside(units: float, lot: float | None) -> list[float]:
    """The whole lots below and above units; where no lot is known, the units."""
    below = _down(units, lot)
    return [below, _down(below + lot, lot)] if lot else [below]


def _down(units: float, lot: float | None) -> float:
    """Rounded down to whole lots, to _DIGITS significant digits where none is known."""
    if units < _NOTHING:
        return 0.0
    step = lot or 10.0 ** (math.floor(math.log10(units)) - _DIGITS + 1)
    digits = max(0, -math.floor(math.log10(step)) + 2)
    return round(math.floor(units / step + 1e-9) * step, digits)
