"""What a view keeps of its hedge for another pair, and for its own with the legs swapped.

A locked hedge is that of one who holds the position y = alpha + beta x. Seen from the other leg
it is x = y / beta - alpha / beta; no other pair has it. Every way to another pair asks here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analytics.model import LOCKED_RANGE, PairParams, ParameterError
from dashapp.parameters.check import read
from dashapp.parameters.compared import Legs
from dashapp.parameters.table import PAIR

#: The parameters that are of one pair alone.
OF_PAIR = ("spread_mode", "beta", "alpha")


def for_legs(params: PairParams, y: str, x: str) -> PairParams:
    """The parameters with another pair's legs, and with the hedge that is kept for it.

    >>> held = PairParams("A", "B", spread_mode="locked", beta=4.0, alpha=2.0)
    >>> swapped, other = for_legs(held, "B", "A"), for_legs(held, "A", "C")
    >>> (swapped.spread_mode, swapped.beta, swapped.alpha), (other.spread_mode, other.beta)
    (('locked', 0.25, -0.5), ('view', None))
    """
    hedge = hedge_for(vars(params), (params.y, params.x), (y, x))
    return replace(params, y=y, x=x, **hedge)


def unlocked(params: PairParams) -> PairParams:
    """The parameters without what is of their pair alone."""
    return replace(params, **hedge_for(vars(params), (params.y, params.x), None))


def hedge_for(held: Mapping[str, Any], was: Legs, now: Legs | None) -> dict[str, Any]:
    """What changes of a pair's hedge when another takes its place, by name.

    held: its values or texts, those of OF_PAIR among them. now: None for a pair of another market.
    A hedge that cannot be seen from the other leg, as with a beta of 0, is unlocked by a swap.

    >>> hedge_for({"spread_mode": "locked", "beta": "0", "alpha": ""}, ("A", "B"), ("B", "A"))
    {'spread_mode': 'view', 'beta': None, 'alpha': None}
    >>> hedge_for({"spread_mode": "rolling", "beta": "", "alpha": ""}, ("A", "B"), ("C", "D"))
    {}
    """
    given = {name for name in ("beta", "alpha") if held.get(name) not in (None, "")}
    locked = held.get("spread_mode") == "locked"
    if now == was or not (given or locked):
        return {}
    swapped = _swapped(held) if now == was[::-1] else None
    mode = {"spread_mode": PAIR["spread_mode"].default} if locked else {}
    return swapped or {**mode, "beta": None, "alpha": None}


def _swapped(held: Mapping[str, Any]) -> dict[str, Any] | None:
    """The line seen from the other leg; None where there is none."""
    try:
        beta, alpha = (read(PAIR[name], held.get(name)) for name in ("beta", "alpha"))
    except ParameterError:
        return None
    if not beta:
        return None
    line = {"beta": 1.0 / beta, "alpha": None if alpha is None else 0.0 - alpha / beta}
    low, high = LOCKED_RANGE
    return line if all(low <= value <= high for value in line.values() if value) else None
