"""Compile what the live path needs before the first page asks for it."""

from __future__ import annotations

import numpy as np

from analytics.model import Bars, FloatArray, PairParams
from analytics.pair import analyze_pair
from analytics.watching import pair_view, view_readings

_ROWS = 160


def _bars(symbol: str, close: FloatArray) -> Bars:
    times = np.arange(_ROWS) * 1_000
    size, trades = np.ones(_ROWS), np.ones(_ROWS, np.int64)
    return Bars(symbol, "1s", times, close, close, close, close, size, trades, close)


def warm_up() -> None:
    """Analyse and watch a small made-up pair, so that every kernel of both is compiled.

    Takes seconds on the very first start and a fraction of one afterwards, when the compiled
    code is read from the cache. Safe to call from a worker thread, and more than once.
    """
    steps = np.sin(np.arange(float(_ROWS)) ** 2)
    x = np.round(100.0 + np.cumsum(steps), 1)  # of ticks, so that many are the same
    y = 50.0 + 2.0 * x + np.cos(np.arange(float(_ROWS)) ** 3)
    legs, params = (_bars("Y", y), _bars("X", x)), PairParams("Y", "X")
    analyze_pair(*legs, params)
    analyze_pair(legs[0], legs[1][np.arange(_ROWS) != 1], params)  # a bar that one leg lacks
    view = pair_view(*legs, params)
    if view is not None:
        view_readings(view, [legs[0].ts_ms.item(-1)])
