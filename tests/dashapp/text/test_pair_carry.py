"""What the page says of a pair's funding."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from analytics.carry import Carry
from dashapp.text.pair import BreakEven, _carry_rows


def test_the_side_that_z_speaks_for_is_told_what_it_pays():
    rich = SimpleNamespace(z=np.array([0.5, 2.1]))
    ((label, value, words, tone),) = _carry_rows(rich, Carry(2e-4, 1.0))
    assert (label, value, tone) == ("Funding a day", "+2.00 bps", "muted")
    assert words == "short the spread receives it, long pays; at the rates of now"
    cheap = SimpleNamespace(z=np.array([-2.1]))
    ((_, value, words, tone),) = _carry_rows(cheap, Carry(2e-4, 1.0))
    assert (value, tone) == ("−2.00 bps", "warn")
    assert words.startswith("long the spread pays it")
    assert _carry_rows(rich, None) == []


def test_the_break_even_says_that_funding_is_in_it():
    words = BreakEven(1.14, 2.0, funded=True).words
    assert words == "needs |z| > 1.1 to pay costs (2 bps a side and leg, with funding)"
