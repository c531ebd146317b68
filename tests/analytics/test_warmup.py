"""What the live path needs is compiled before the first page asks for it.

In processes of their own: here other tests have compiled it, and a cache on disk hides the rest.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BEGIN = """
import numpy as np
from numba.core.registry import CPUDispatcher
from analytics.model import Bars, PairParams
from analytics.pair import analyze_pair
from analytics.warmup import warm_up
from analytics.watching import pair_view, view_readings

def known():
    import gc
    kernels = (one for one in gc.get_objects() if isinstance(one, CPUDispatcher))
    return {(str(each.py_func.__qualname__), str(types)) for each in kernels
            for types in each.signatures}

def bars(symbol, places, close):
    times, ones = places * 1_000, np.ones(len(places))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)

warm_up()
before = known()
rng = np.random.default_rng(5)
walk = np.round(300.0 + np.cumsum(rng.normal(0, 1.0, 420)), 1)
other = 500.0 + 2.0 * walk + rng.normal(0, 1.0, 420)
every = np.arange(420)
"""
_SNAPSHOTS = """
some = rng.random(420) > 0.1
for options in (
    {},
    {"trend": "ctt", "lag_method": "t-stat"},
    {"hedge": "kalman", "intercept": False, "price_space": "log", "corr_on": "prices"},
    {"hedge_window": 100, "min_trades": 1},
):
    for rows in (some, every >= 0):
        legs = bars("A", every, other), bars("B", every[rows], walk[rows])
        analyze_pair(*legs, PairParams("A", "B", **options))
"""
_WATCHED = """
legs = bars("A", every, other), bars("B", every, walk)
for space in ("price", "log"):
    for window in (None, 60):
        params = PairParams("A", "B", limit=100, hedge_window=window, price_space=space)
        view_readings(pair_view(*legs, params), legs[0].ts_ms[[-2, -1]])
"""
_END = "print(sorted(known() - before))"


@pytest.mark.parametrize("work", [_SNAPSHOTS, _WATCHED], ids=["a snapshot", "a watched pair"])
def test_after_the_warm_up_nothing_is_compiled(work):
    run = subprocess.run(
        [sys.executable, "-c", _BEGIN + work + _END],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert run.stdout.strip() == "[]", run.stderr
