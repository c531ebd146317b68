"""Compile the kernels before the first page needs them, in the order in which it will.

Each function is for a worker thread: the server answers meanwhile. It takes seconds on the
very first start, and tenths of a second once the compiled code is in the cache.
"""

from __future__ import annotations

import gc

import numpy as np

from analytics.backtest import BacktestParams, run_backtest
from analytics.bars import resample
from analytics.model import TIMEFRAMES, PairParams, Ticks
from analytics.warmup import warm_up
from storage.market import Market

_SECONDS = 400


def _ticks(symbol: str, base: float) -> Ticks:
    seconds = np.arange(_SECONDS)
    price = base * (1.0 + 1e-3 * np.cumsum(np.sin(seconds.astype(float) ** 2)))
    return Ticks(symbol, seconds * 1_000, price, np.ones(_SECONDS), seconds)


def market() -> None:
    """What a market needs to take ticks in."""
    made = Market("warm-up", "Warm-up", "demo")
    made.append(_ticks("Y", 100.0))
    for timeframe in TIMEFRAMES:
        made.bars("Y", timeframe)
    made.stats("Y")


def statistics() -> None:
    """What a pair's snapshot needs."""
    warm_up()


def backtest() -> None:
    """What a back-test needs."""
    y, x = (resample(_ticks(symbol, base), "1s") for symbol, base in (("Y", 100.0), ("X", 50.0)))
    run_backtest(y, x, PairParams("Y", "X"), BacktestParams(entry_z=1.0))


def settle() -> None:
    """Take what start-up left in memory out of the garbage collector's rounds.

    They are some hundred thousand objects that live as long as the process; each full round
    over them holds everything up for 50 ms.
    """
    gc.collect()
    gc.freeze()
