"""Compile the kernels before the first page needs them, in the order in which it will.

Each function is for a worker thread: the server answers meanwhile. It takes seconds on the
very first start, and tenths of a second once the compiled code is in the cache.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np

from analytics.backtest import BacktestParams, run_backtest
from analytics.bars import resample
from analytics.cointegration import engle_granger
from analytics.grid import make_grid
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import HEDGE_METHODS, TIMEFRAMES, PairParams, Ticks
from analytics.stationarity import half_life, hurst, rolling_adf
from analytics.sweep import sweep
from analytics.warmup import warm_up
from ingestion.files.reader import UploadReader
from storage.market.market import Market

_SECONDS = 400
_PROJECT = Path(__file__).resolve().parent.parent
_HELPER_WAIT_S = 30.0


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


def cached() -> bool:
    """Whether an earlier start left compiled code behind."""
    return any((_PROJECT / "analytics" / "__pycache__").glob("*.nbi"))


def helper() -> subprocess.Popen[bytes] | None:
    """A second process that compiles the hedges for the cache, on the very first start.

    Compiling holds the interpreter: a second core helps only from a process of its own, which
    ends with its work. None where there is nothing to compile, or no process to be had.
    """
    if cached():
        return None
    code = "from dashapp.services.startup import hedges; hedges()"
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=_PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None


def hedges() -> None:
    """What the hedge methods and a back-test need: the part that `helper` compiles."""
    y, x = _legs()
    for method in HEDGE_METHODS:
        fit_hedge(y, x, method)
    for method in ("ols", "kalman"):
        hedge_path(y, x, method, 60)
    backtest()


def unit_roots() -> None:
    """What the stationarity tests need: the part that this process compiles meanwhile."""
    y, x = _legs()
    rolling_adf(y, 120, 10)
    engle_granger(y, x)
    half_life(y)
    hurst(y)


def statistics(other: subprocess.Popen[bytes] | None = None) -> None:
    """What a pair's snapshot needs; `other` is the helper that compiles a part of it."""
    if other is not None:
        unit_roots()
        try:
            other.wait(_HELPER_WAIT_S)
        except subprocess.TimeoutExpired:
            other.kill()
    warm_up()


def _legs() -> tuple[np.ndarray, np.ndarray]:
    steps = np.sin(np.arange(float(_SECONDS)) ** 2)
    x = 100.0 + np.cumsum(steps)
    return 2.0 * x + np.cos(np.arange(float(_SECONDS)) ** 2), x


def backtest() -> None:
    """What a back-test needs."""
    y, x = (resample(_ticks(symbol, base), "1s") for symbol, base in (("Y", 100.0), ("X", 50.0)))
    params, settings = PairParams("Y", "X"), BacktestParams(entry_z=1.0)
    run_backtest(y, x, params, settings)
    sweep(y, x, make_grid(params, settings, "entry_z", (1.0, 2.0), "exit_z", (0.0, 0.5)))


def uploads() -> None:
    """What a file of ticks needs, by lines and as an array."""
    line = b'{"symbol":"Y","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}'
    for content in (b"\n".join([line] * _SECONDS), b"[\n" + b",\n".join([line] * _SECONDS) + b"]"):
        reader = UploadReader("warm-up")
        reader.feed(content)
        reader.finish()


def settle() -> None:
    """Take what start-up left in memory out of the garbage collector's rounds.

    They are some hundred thousand objects that live as long as the process; each full round
    over them holds everything up for 50 ms.
    """
    gc.collect()
    gc.freeze()
