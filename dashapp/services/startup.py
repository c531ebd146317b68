"""Start-up: memory for large buffers, and kernels compiled in the order in which pages need them.

The functions that compile are for a worker thread: the server answers meanwhile. They take
seconds on the very first start, and tenths of a second once the compiled code is in the cache.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from analytics.backtest import BacktestParams, run_backtest
from analytics.bars import FEW_TICKS, resample
from analytics.cointegration import engle_granger
from analytics.grid import make_grid
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import HEDGE_METHODS, TIMEFRAMES, FloatArray, PairParams, Ticks
from analytics.scanner import ScanParams, scan_pairs
from analytics.stationarity import half_life, hurst, rolling_adf
from analytics.sweep import sweep
from analytics.warmup import warm_up
from dashapp.services.compiled_code import folders, forget_stale_code, kernels
from ingestion.files.reader import UploadReader
from storage.market.market import Market

logger = logging.getLogger(__name__)

_SECONDS = 400
_PROJECT = Path(__file__).resolve().parents[2]
_HELPER_WAIT_S = 30.0

#: Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MOST_ARENAS = -1, -3, -8
#: So much of freed memory is kept for the next buffer, at most.
KEPT_BYTES = 16 << 20
#: Buffers below this come from what is kept.
LARGE_BYTES = 8 << 20
#: Worker threads share so many heaps: each would keep freed memory of its own.
ARENAS = 2
#: Worker threads of the loop: as many as asyncio would let begin.
WORKERS = min(32, (os.cpu_count() or 1) + 4)


class Kernels:
    """The compiled code that statistics need. It comes in the background after `start`.

    ready: whether the statistics of a pair can be computed without waiting for the compiler.
    """

    def __init__(self) -> None:
        self.ready = False
        self._helper: subprocess.Popen[bytes] | None = None
        self._market: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what a market needs. Call on the event loop."""
        settle()
        forget_stale_code()
        self._helper = helper()
        self._market = asyncio.create_task(asyncio.to_thread(compile_market))

    async def market_ready(self) -> None:
        """Wait until a market takes ticks in without compiling on the loop."""
        if self._market is not None:
            await asyncio.shield(self._market)

    async def compile(self) -> None:
        """Compile the rest: the statistics, then what back-tests and files need."""
        started = time.perf_counter()
        await asyncio.to_thread(compile_statistics, self._helper)
        self.ready = True
        logger.info("statistics ready after %.1f s", time.perf_counter() - started)
        await asyncio.to_thread(compile_backtest)
        await asyncio.to_thread(compile_uploads)
        if self._helper is not None:  # the very first start: the worker of scans finds it done
            self._helper = compiling("compile_scan")
        settle()

    async def stop(self) -> None:
        """Give up what is not compiled yet; a worker thread ends by itself."""
        if self._market is not None:
            self._market.cancel()
            await asyncio.gather(self._market, return_exceptions=True)
        if self._helper is not None and self._helper.poll() is None:
            self._helper.kill()


def cached() -> bool:
    """Whether an earlier start, or who built the image, left compiled code where numba keeps it."""
    return any(any(folder.glob("*.nbi")) for folder in folders(kernels()))


def helper() -> subprocess.Popen[bytes] | None:
    """A second process that compiles the hedges for the cache, on the very first start; None
    where there is nothing to compile, or no process to be had.
    """
    return None if cached() else compiling("compile_hedges")


def compiling(part: str) -> subprocess.Popen[bytes] | None:
    """A process that compiles a part for the cache; None where there is no process to be had.

    Compiling holds the interpreter: a second core helps only from a process of its own, which
    ends with its work.
    """
    code = f"from {__name__} import {part}; {part}()"
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


def compile_market() -> None:
    """What a market needs to take ticks in."""
    market = Market("warm-up", "Warm-up", "demo")
    market.append(_ticks("Y", 100.0))
    jump = _ticks("Y", 1_000.0)  # what a jump needs is compiled too
    market.append(replace(jump, ts_ms=jump.ts_ms + _SECONDS * 1_000, trade_id=-jump.trade_id - 1))
    for timeframe in TIMEFRAMES:
        market.bars("Y", timeframe)
    market.stats("Y")
    few = _ticks("Y", 100.0)  # a file's batches are folded by another compiled function
    resample(few[np.repeat(np.arange(len(few)), FEW_TICKS // len(few) + 1)], "1s")


def compile_hedges() -> None:
    """What the hedge methods and a back-test need: the part that `helper` compiles."""
    y, x = _legs()
    for method in HEDGE_METHODS:
        fit_hedge(y, x, method)
    for method in ("ols", "kalman"):
        hedge_path(y, x, method, 60)
    compile_backtest()


def compile_unit_roots() -> None:
    """What the stationarity tests need: the part that this process compiles meanwhile."""
    y, x = _legs()
    rolling_adf(y, 120, 10)
    engle_granger(y, x)
    half_life(y)
    hurst(y)


def compile_statistics(other: subprocess.Popen[bytes] | None = None) -> None:
    """What a pair's snapshot needs; `other` is the helper that compiles a part of it."""
    if other is not None:
        compile_unit_roots()
        try:
            other.wait(_HELPER_WAIT_S)
        except subprocess.TimeoutExpired:
            other.kill()
    warm_up()


def compile_backtest() -> None:
    """What a back-test and a sweep need."""
    y, x = (resample(_ticks(symbol, base), "1s") for symbol, base in (("Y", 100.0), ("X", 50.0)))
    params, settings = PairParams("Y", "X"), BacktestParams(entry_z=1.0)
    run_backtest(y, x, params, settings)
    sweep(y, x, make_grid(params, settings, "entry_z", (1.0, 2.0), "exit_z", (0.0, 0.5)))


def compile_scan() -> None:
    """What a scan needs: two related pairs, one of them with gaps."""
    y, x = _legs()
    closes = np.column_stack([y, x, x[::-1], y[::-1]])
    closes[7, 2] = np.nan
    nothing_leaves = ScanParams(
        bars=_SECONDS,
        correction="bh",
        q=0.5,
        min_half_life=0.0,
        max_half_life_share=1.0,
        min_crossings=0,
        max_hurst=1.0,
        min_explained=0.0,
        min_comovement=-100.0,
        min_sigma_costs=0.0,
    )
    scan_pairs(closes, names=list("ABCD"), params=nothing_leaves)


def compile_uploads() -> None:
    """What a file of ticks needs, by lines and as an array."""
    # A size with more digits than float64 has: it is cast, for which its text is needed.
    line = b'{"symbol":"Y","ts":"2024-08-08T23:54:16.322Z","price":6.3,"size":0.30000000000000004}'
    for content in (b"\n".join([line] * _SECONDS), b"[\n" + b",\n".join([line] * _SECONDS) + b"]"):
        reader = UploadReader("warm-up")
        reader.feed(content)
        reader.finish()


def compile_all() -> None:
    """Compile for the cache what the app needs at all: an image is built with it."""
    forget_stale_code()
    compile_market()
    compile_statistics()
    compile_backtest()
    compile_uploads()
    compile_scan()


def begin_workers() -> None:
    """Give the running loop its worker threads, as many as asyncio would allow, all at once.

    By default each begins when work meets no idle one: after hours there are more threads than
    at first, and nobody can tell whether one leaks.
    """
    pool = ThreadPoolExecutor(WORKERS, "worker")
    asyncio.get_running_loop().set_default_executor(pool)
    together = threading.Barrier(WORKERS)
    try:
        for _ in range(WORKERS):
            pool.submit(together.wait)
    except RuntimeError:  # no more threads are to be had: there are as many as began
        together.abort()


def settle() -> None:
    """Take what start-up left in memory out of the garbage collector's rounds.

    They are some hundred thousand objects that live as long as the process; each full round
    over them holds everything up for 50 ms.
    """
    gc.collect()
    gc.freeze()


def keep_freed_memory() -> bool:
    """Let freed buffers be used again; False where the allocator is not glibc's.

    By default glibc returns each large block to the system and asks for it again: every page
    of every buffer is then made anew, which costs more than what is done with it.
    """
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return False
    options = {
        _TRIM_THRESHOLD: KEPT_BYTES,
        _MMAP_THRESHOLD: LARGE_BYTES,
        _MOST_ARENAS: ARENAS,
    }
    return all(tune(option, value) for option, value in options.items())


def _ticks(symbol: str, base: float) -> Ticks:
    seconds = np.arange(_SECONDS)
    price = base * (1.0 + 1e-3 * np.cumsum(np.sin(seconds.astype(float) ** 2)))
    return Ticks(symbol, seconds * 1_000, price, np.ones(_SECONDS), seconds)


def _legs() -> tuple[FloatArray, FloatArray]:
    steps = np.sin(np.arange(float(_SECONDS)) ** 2)
    x = 100.0 + np.cumsum(steps)
    return 2.0 * x + np.cos(np.arange(float(_SECONDS)) ** 2), x
