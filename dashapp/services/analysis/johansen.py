"""Johansen's test and the errors of estimates beside a pair's snapshot, off the live path.

`johansen_of` makes the test of one snapshot. `JohansenTests` keeps the newest for the pages:
it is asked on the loop, answers at once with what it has, and computes in a worker thread,
for a pair at most every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
from cachetools import LRUCache

from analytics.cointegration import JohansenTest, johansen
from analytics.estimates import MAX_TICKS, PairEstimates, pair_estimates
from analytics.model import PairParams, PairSnapshot, Ticks
from analytics.stationarity import FEW_ROWS, TEST_ROWS, TOO_FEW_ROWS
from storage.market.market import Market

logger = logging.getLogger(__name__)

#: Reads the ticks of Y and of X, None where the market has none. On the loop.
ReadTicks = Callable[[], tuple[Ticks, Ticks] | None]

#: Seconds between two tests of a pair.
SPACING_S = 5.0
#: Pairs whose test is kept.
MAX_KEPT = 64
#: The test's deterministic terms by the trend of the pair's other tests; there is no ctt. A
#: constant stays inside the relation: prices of a pair seldom drift by one.
_DET_ORDER: dict[str, int | Literal["rc"]] = {"n": -1, "c": "rc", "ct": 1, "ctt": 1}
LAG_DIFF = 1
#: Confidence at which the rank is told.
RANK_LEVELS = ("90%", "95%", "99%")


def newest_ticks(market: Market, pair: PairParams) -> tuple[Ticks, Ticks] | None:
    """The ticks of Y and of X that the correlation on ticks is of; None in a market of bars."""
    y, x = (market.ticks(symbol, MAX_TICKS) for symbol in (pair.y, pair.x))
    return (y, x) if len(y) and len(x) else None


def johansen_of(snapshot: PairSnapshot) -> JohansenTest:
    """The test of the rows in which both legs traded, of logarithms where prices are. For a thread.

    Of fewer than `FEW_ROWS` rows the statistics are multiplied by the result's `small_sample`: of
    60 to 100 rows of random walks it finds a relation in 6.2 to 7.1 % at "95 %" without that.
    """
    legs = np.column_stack([snapshot.price_y, snapshot.price_x])[~snapshot.carried]
    if snapshot.params.price_space == "log":
        legs = np.log(legs)
    order = _DET_ORDER[snapshot.params.trend]
    about = int(snapshot.ts_ms[-1]), len(legs), order, LAG_DIFF
    if len(legs) < TEST_ROWS:
        return JohansenTest(*about, None, TOO_FEW_ROWS.format(len(legs)))
    try:
        result = johansen(legs, det_order=order, lag_diff=LAG_DIFF)
    except ValueError as error:
        return JohansenTest(*about, None, str(error))
    if len(legs) < FEW_ROWS:
        factor = result.small_sample
        result = replace(result, trace=result.trace * factor, max_eig=result.max_eig * factor)
    return JohansenTest(*about, result)


def johansen_document(test: JohansenTest) -> dict[str, Any] | None:
    """Johansen's test with its ranks by the trace at one level; None where there is none."""
    if test.result is None:
        return None
    about = {name: getattr(test, name) for name in ("ts_ms", "rows", "det_order", "lag_diff")}
    figures = {field.name: getattr(test.result, field.name) for field in fields(test.result)}
    return {**about, "rank": {level: test.result.rank(level) for level in RANK_LEVELS}, **figures}


def _pair(params: PairParams) -> Hashable:
    """Equal for pairs that have the same test."""
    rows = params.timeframe, params.limit, params.min_trades, params.min_volume
    return (params.y, params.x, *rows, params.price_space, params.trend)


def _state(snapshot: PairSnapshot) -> Hashable:
    """Changes when the rows of a pair do."""
    ends = snapshot.price_y[-1], snapshot.price_x[-1]
    return (int(snapshot.ts_ms[0]), int(snapshot.ts_ms[-1]), len(snapshot), *map(float, ends))


class _Entry:
    """One pair's newest test, the snapshot that is still to be tested, and when one last was."""

    def __init__(self) -> None:
        self.test: JohansenTest | None = None
        self.estimates: PairEstimates | None = None
        self.ticks: ReadTicks | None = None
        self.made = 0
        self.state: Hashable = None
        self.wanted: PairSnapshot | None = None
        self.begun_s = -float("inf")


class JohansenTests:
    """The newest tests of the pairs that are looked at.

    market, here and below: equal for the same body of data alone.
    """

    def __init__(self, spacing_s: float = SPACING_S) -> None:
        self._spacing_s = spacing_s
        self._kept: LRUCache[Hashable, _Entry] = LRUCache(MAX_KEPT)
        self._tasks: set[asyncio.Task[None]] = set()

    def latest(
        self,
        market: Hashable,
        snapshot: PairSnapshot,
        ticks: ReadTicks | None = None,
    ) -> JohansenTest | None:
        """What is known of the snapshot's pair, None before its first test; never waits.

        Where the rows are others than those of the test, a new one is begun, or awaits its
        time. ticks: reads those of Y and X, when a test begins.
        """
        key = (market, _pair(snapshot.params))
        entry = self._kept.setdefault(key, _Entry())
        if entry.state != _state(snapshot):
            idle = entry.wanted is None
            entry.wanted, entry.ticks = snapshot, ticks
            if idle:
                task = asyncio.create_task(self._test(entry))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return entry.test

    def estimates(self, market: Hashable, params: PairParams) -> PairEstimates | None:
        """The errors of a pair's estimates, of the rows of its newest test; None before it."""
        entry = self._kept.get((market, _pair(params)))
        return entry.estimates if entry is not None else None

    def made(self, market: Hashable, params: PairParams) -> int:
        """How many tests a pair has had: another number, another answer of `latest`."""
        entry = self._kept.get((market, _pair(params)))
        return entry.made if entry is not None else 0

    def stop(self) -> None:
        """End what waits."""
        for task in self._tasks:
            task.cancel()

    async def _test(self, entry: _Entry) -> None:
        await asyncio.sleep(max(0.0, entry.begun_s + self._spacing_s - time.monotonic()))
        snapshot, entry.wanted = entry.wanted, None
        if snapshot is None:
            return
        entry.begun_s = time.monotonic()
        entry.state = _state(snapshot)
        ticks = entry.ticks() if entry.ticks is not None else None
        try:
            entry.test = await asyncio.to_thread(johansen_of, snapshot)
            entry.estimates = await asyncio.to_thread(pair_estimates, snapshot, ticks)
        except Exception:  # the task's last frame: what legs cannot have, johansen_of says itself;
            # of a fault nobody expects the log should know, and the pair be tried again later
            logger.exception("Johansen's test failed")
        entry.made += 1
