"""What a view keeps of its hedge for another pair, and with the legs swapped."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import PairParams
from analytics.spread import spread
from dashapp.parameters.hedge import for_legs, hedge_for, unlocked

HELD = PairParams("A", "B", z_window=90, spread_mode="locked", beta=4.0, alpha=2.0)
WAS, SWAPPED = ("A", "B"), ("B", "A")


def test_a_swap_is_the_same_line_seen_from_the_other_leg():
    rng = np.random.default_rng(1)
    y, x = rng.normal(100, 1, 50), rng.normal(25, 1, 50)
    swapped = for_legs(HELD, "B", "A")
    assert (swapped.y, swapped.x, swapped.spread_mode, swapped.z_window) == ("B", "A", "locked", 90)
    there, back = spread(y, x, 4.0, 2.0), spread(x, y, swapped.beta, swapped.alpha)
    np.testing.assert_allclose(back, -there / 4.0, atol=1e-12)
    assert for_legs(swapped, "A", "B") == HELD


@pytest.mark.parametrize("legs", [("A", "C"), ("C", "B"), ("C", "D"), ("B", "C"), ("C", "A")])
def test_any_other_pair_has_its_own_fitted(legs):
    assert for_legs(HELD, *legs) == PairParams(*legs, z_window=90)
    assert unlocked(HELD) == PairParams(*WAS, z_window=90)


def test_the_pair_itself_keeps_it():
    assert for_legs(HELD, *WAS) == HELD


@pytest.mark.parametrize("beta", ["0", "-0", "", None, "many", 1e-300, "1e-16"])
def test_a_line_that_has_no_other_side_is_unlocked_by_a_swap(beta):
    held = {"spread_mode": "locked", "beta": beta, "alpha": "1"}
    changes = hedge_for(held, WAS, SWAPPED)
    assert changes == {"spread_mode": "view", "beta": None, "alpha": None}


def test_an_empty_level_stays_empty_and_one_of_none_is_no_minus_none():
    held = {"spread_mode": "locked", "beta": -2.0, "alpha": None}
    assert hedge_for(held, WAS, SWAPPED) == {"beta": -0.5, "alpha": None}
    assert str(hedge_for({**held, "alpha": 0.0}, WAS, SWAPPED)["alpha"]) == "0.0"


@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
def test_another_mode_stays_and_what_was_typed_for_the_pair_goes(mode):
    typed = {"spread_mode": mode, "beta": "2", "alpha": ""}
    assert hedge_for(typed, WAS, ("C", "D")) == {"beta": None, "alpha": None}
    assert hedge_for({**typed, "beta": ""}, WAS, None) == {}
