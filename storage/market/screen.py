"""What no market takes, whoever lets it through: times, prices and sizes that cannot be."""

from __future__ import annotations

import numpy as np

from analytics.model import BoolArray, Ticks

_LAST_LEGAL_MS = 1 << 53

#: Why ticks are refused: a short word, the first of them in words, and how many.
Refused = tuple[str, str, int]


def screen(ticks: Ticks) -> tuple[Ticks, list[Refused]]:
    """The ticks that can be, and why the others were left out; each for its first fault.

    >>> kept, refused = screen(Ticks("X", [1, 2], [5.0, -5.0], [1.0, 1.0], [-1, -1]))
    >>> len(kept), refused
    (1, [('price', 'X 2 -5.0 1.0', 1)])
    """
    legal = {
        "time": (ticks.ts_ms >= 0) & (ticks.ts_ms < _LAST_LEGAL_MS),
        "price": (ticks.price > 0) & (ticks.price < np.inf),
        "size": (ticks.size > 0) & (ticks.size < np.inf),
    }
    usable: BoolArray = np.ones(len(ticks), np.bool_)
    refused: list[Refused] = []
    for reason, good in legal.items():
        bad = usable & ~good
        if bad.any():
            at = int(np.argmax(bad))
            values = ticks.ts_ms[at], ticks.price[at], ticks.size[at]
            words = "{} {} {} {}".format(ticks.symbol, *values)
            refused.append((reason, words, int(bad.sum())))
            usable &= good
    return (ticks[usable] if refused else ticks), refused
