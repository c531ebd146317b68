"""The words of how much of each leg a capital buys."""

from __future__ import annotations

from analytics.model import PairSnapshot, ParameterError
from analytics.quantities import quantities
from dashapp.text.numbers import base, number, price, quote
from dashapp.text.pair import known_beta, newest
from dashapp.text.tests import Row


def quantity_row(snapshot: PairSnapshot, capital: float) -> list[Row]:
    """The units and the notional of each leg; none where the hedge is not known."""
    params = snapshot.params
    prices = newest(snapshot.price_y), newest(snapshot.price_x)
    try:
        held = quantities(
            *prices, known_beta(snapshot), capital, log_prices=params.price_space == "log"
        )
    except ParameterError:
        return []
    unit = quote(params.y)
    label = f"Quantities for {number(capital, 0)} {unit}".strip()
    units = f"{held.y_units:,.6g} / {held.x_units:,.6g}"
    notional = f"{price(held.y_notional, 100)} / {price(held.x_notional, 100)} {unit}".strip()
    return [(label, units, f"{base(params.y)} / {base(params.x)}, notional {notional}", "muted")]
