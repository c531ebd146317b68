"""How much of each leg a capital buys: units at the newest prices, rounded down to lots."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analytics.model import ParameterError

#: Significant digits that are left where a lot is not known.
_DIGITS = 6
#: Fewer units than these are none: what rounds them has no logarithm.
_NOTHING = 1e-290


@dataclass(frozen=True)
class Quantities:
    """Units of each leg, without sign, and the notional of each at its price."""

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
    y_lot, x_lot: the exchange's steps, None where they are not known. Units are rounded down.
    Source: Vidyamurthy, Pairs Trading (2004), beta units of X against one of Y; their gross
    exposure as `analytics.backtest` reckons it, |Y| + |beta X|.

    Raises ParameterError, a ValueError, where a price or the capital is not above 0 or beta is
    not finite.

    >>> quantities(100.0, 50.0, 2.0, 10_000.0)
    Quantities(y_units=50.0, x_units=100.0, y_notional=5000.0, x_notional=5000.0)
    >>> quantities(100.0, 50.0, 1.0, 1_000.0, log_prices=True, y_lot=0.3).y_units
    4.8
    """
    for name, value in (("y_price", y_price), ("x_price", x_price), ("capital", capital)):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(name, value, "a number above 0")
    if not math.isfinite(beta):
        raise ParameterError("beta", beta, "a finite number")
    share = abs(beta) if log_prices else abs(beta) * x_price / y_price
    y_notional = capital / (1.0 + share)
    y_units = _down(y_notional / y_price, y_lot)
    x_units = _down(y_notional * share / x_price, x_lot)
    return Quantities(y_units, x_units, y_units * y_price, x_units * x_price)


def _down(units: float, lot: float | None) -> float:
    """Rounded down to whole lots, to _DIGITS significant digits where none is known."""
    if units < _NOTHING:
        return 0.0
    step = lot or 10.0 ** (math.floor(math.log10(units)) - _DIGITS + 1)
    digits = max(0, -math.floor(math.log10(step)) + 2)
    return round(math.floor(units / step + 1e-9) * step, digits)
