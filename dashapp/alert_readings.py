"""What the alert rules read: a value of each thing that they watch, at each update.

A pair's metrics are read by `analytics.readings`, at the newest bar, or at each bar that has
closed since the last reading, in turn and as it was known then: a burst, a replay at a
thousand times the speed and a quiet market give the same readings. All pairs of a round are
read in one go, in a worker thread.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from analytics.alerts import METRICS, AlertRule, Reading
from analytics.bars import GRACE_MS
from analytics.model import TIMEFRAMES, Bars, FeedStatus, FloatArray, IntArray, PairParams
from analytics.readings import pair_readings
from dashapp.analyses import legs, serial
from storage.market import Market


class Source(Protocol):
    """What is read from: the runtime."""

    @property
    def kernels_ready(self) -> bool: ...
    def market(self, market_id: str) -> Market | None: ...
    def feed_status(self, market_id: str) -> FeedStatus: ...


@dataclass(frozen=True, eq=False)
class _Job:
    """A pair to read: metrics by the key of whoever watches, at bars, with the market's clock."""

    key: tuple[Any, ...]
    params: PairParams
    metric: str
    y: Bars
    x: Bars
    ends_ms: IntArray
    at_ms: int | None


class AlertReader:
    """Reads for the rules of markets, only where something changed since the last time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: dict[str, Hashable] = {}
        self._versions: dict[Hashable, Hashable] = {}
        self._read_up_to: dict[Hashable, tuple[int, int]] = {}

    def again(self, market_id: str) -> None:
        """Read a market at the next round even if it does not change until then."""
        self._seen.pop(market_id, None)
        for key in [key for key in self._versions if key[0] == market_id]:  # type: ignore[index]
            del self._versions[key]

    def forget(self, key: Hashable) -> None:
        """Nobody watches this any more."""
        self._versions.pop(key, None)
        self._read_up_to.pop(key, None)

    async def read(self, rules: Iterable[AlertRule]) -> list[Reading]:
        """One reading or more for each thing that the enabled rules watch and that changed."""
        readings: list[Reading] = []
        jobs: list[_Job] = []
        wanted: dict[str, dict[Hashable, AlertRule]] = {}
        for rule in rules:
            if rule.enabled:
                wanted.setdefault(rule.market, {})[rule.key] = rule
        for market_id, watched in wanted.items():
            self._collect(market_id, watched, readings, jobs)
        if jobs:
            readings += await asyncio.to_thread(_run, jobs)
        return readings

    def _collect(
        self,
        market_id: str,
        watched: dict[Hashable, AlertRule],
        readings: list[Reading],
        jobs: list[_Job],
    ) -> None:
        """What there is to read of a market: at once into readings, or later as jobs."""
        market = self._source.market(market_id)
        if market is None or not market.symbols:
            self._seen.pop(market_id, None)
            return
        rules = [rule for rule in watched.values() if not waits_for(rule, market)]
        state = self._source.feed_status(market_id).state
        silent = market.kind != "upload" and state != "live"
        clocked = any(rule.metric == "feed_silent" for rule in rules)
        # serial: a market made anew may have come to the same version.
        seen = (serial(market), market.version, silent, self._source.kernels_ready)
        if seen == self._seen.get(market_id) and not clocked:
            return
        self._seen[market_id] = seen
        for rule in rules:
            if rule.metric == "feed_silent":
                readings += _silence(market, rule, state)
            elif silent:
                newest = newest_ms(market, rule.symbols)
                readings.append(Reading(rule.key, newest, math.nan, paused=True))
                self._versions.pop(rule.key, None)
            elif self._changed(market, rule):
                self._of_rule(market, rule, readings, jobs)

    def _changed(self, market: Market, rule: AlertRule) -> bool:
        """Whether the symbols of a rule have new data since it was last read."""
        if rule.params is not None and not self._source.kernels_ready:
            return False
        version = (serial(market), *map(market.symbol_version, rule.symbols))
        if self._versions.get(rule.key) == version:
            return False
        self._versions[rule.key] = version
        return True

    def _of_rule(
        self, market: Market, rule: AlertRule, readings: list[Reading], jobs: list[_Job]
    ) -> None:
        newest = newest_ms(market, rule.symbols)
        length_ms = TIMEFRAMES[timeframe_of(market, rule)]
        clock = newest
        if market.kind == "upload":  # a file is whole: its last bar is closed
            clock += length_ms + GRACE_MS
        if rule.params is None:
            bars = market.bars(rule.symbols[0], market.timeframes[0])
            values = bars.close if rule.metric == "price" else bars.volume
            ends = self._ends(market, rule, bars.ts_ms, clock - length_ms - GRACE_MS)
            at = np.searchsorted(bars.ts_ms, ends)
            readings += _as_readings(
                rule.key, ends, values[at], None if rule.on == "close" else newest
            )
            return
        y, x = legs(market, rule.params)
        if rule.on == "close":
            y, x = (market.bars(leg, rule.params.timeframe) for leg in rule.symbols)
        times = _times(y, x) if rule.on == "close" else _newest_time(y, x)
        ends = self._ends(market, rule, times, clock - length_ms - GRACE_MS)
        if len(ends):
            at_ms = None if rule.on == "close" else newest
            jobs.append(_Job(rule.key, rule.params, rule.metric, y, x, ends, at_ms))

    def _ends(
        self, market: Market, rule: AlertRule, times: IntArray, last_closed_ms: int
    ) -> IntArray:
        """The bars to read: the newest; or, on closed bars, those closed since the last reading."""
        if rule.on == "update":
            return times[-1:]
        closed = int(np.searchsorted(times, last_closed_ms, side="right"))
        known, before = self._read_up_to.get(rule.key, (0, 0))
        fresh = known == serial(market)
        start = int(np.searchsorted(times, before, side="right")) if fresh else closed - 1
        ends = times[max(start, 0) : closed]
        if len(ends):
            self._read_up_to[rule.key] = (serial(market), int(ends[-1]))
        return ends


def waits_for(rule: AlertRule, market: Market | None) -> str:
    """What a rule's market lacks, in words; "" where it has all that the rule reads."""
    if market is None:
        return f"market {rule.market} is gone"
    if rule.metric == "feed_silent":
        return ""
    return waits_for_symbols(market, rule.symbols, rule.params)


def waits_for_symbols(market: Market, symbols: Iterable[str], params: PairParams | None) -> str:
    """What a market lacks of these symbols and of the bars of a pair; "" for nothing."""
    for symbol in symbols:
        if symbol not in market.symbols:
            return f"no symbol {symbol} yet"
    if params is not None and params.timeframe not in market.timeframes:
        return f"no {params.timeframe} bars in market {market.id}"
    return ""


def timeframe_of(market: Market, rule: AlertRule) -> str:
    """The timeframe of the bars that a rule reads: the market's finest for one symbol."""
    return rule.params.timeframe if rule.params else market.timeframes[0]


def newest_ms(market: Market, symbols: Iterable[str]) -> int:
    """The market's clock: exchange time of the newest tick of the symbols that it has."""
    known = [one for one in tuple(symbols) or market.symbols if one in market.symbols]
    return max((market.stats(one).ts_ms for one in known), default=0)


def rehearse(market: Market, rule: AlertRule) -> tuple[IntArray, FloatArray]:
    """What a rule would have read at each bar in view: times and values, shape (n,).

    Of a pair the rows in view, else the newest 1,000 bars; nothing for seconds of silence.
    """
    if METRICS[rule.metric].subject == "market" or waits_for(rule, market):
        return np.empty(0, np.int64), np.empty(0)
    if rule.params is None:
        bars = market.bars(rule.symbols[0], market.timeframes[0], 1_000)
        return bars.ts_ms, bars.close if rule.metric == "price" else bars.volume
    y, x = (market.bars(leg, rule.params.timeframe) for leg in rule.symbols)
    times = _times(y, x)[-rule.params.limit :]
    return times, pair_readings(y, x, rule.params, [rule.metric], times)[rule.metric]


def _times(y: Bars, x: Bars) -> IntArray:
    """The times of the rows on which both legs have a price."""
    if not len(y) or not len(x):
        return np.empty(0, np.int64)
    if np.array_equal(y.ts_ms, x.ts_ms):
        return y.ts_ms
    times = np.union1d(y.ts_ms, x.ts_ms)
    return times[np.searchsorted(times, max(y.ts_ms[0], x.ts_ms[0])) :]


def _newest_time(y: Bars, x: Bars) -> IntArray:
    """The last of `_times`, where there is one."""
    last = [int(bars.ts_ms[-1]) for bars in (y, x) if len(bars)]
    return np.array([max(last)] if len(last) == 2 else [], dtype=np.int64)


def _run(jobs: list[_Job]) -> list[Reading]:
    """The readings of all jobs, job by job, the bars of each in turn."""
    readings: list[Reading] = []
    for job in jobs:
        read = pair_readings(job.y, job.x, job.params, [job.metric], job.ends_ms)
        readings += _as_readings(job.key, job.ends_ms, read[job.metric], job.at_ms)
    return readings


def _as_readings(
    key: tuple[Any, ...], ends_ms: IntArray, values: FloatArray, at_ms: int | None
) -> list[Reading]:
    pairs = zip(ends_ms.tolist(), values.tolist(), strict=True)
    return [Reading(key, end, value, at_ms) for end, value in pairs]


def _silence(market: Market, rule: AlertRule, state: str) -> list[Reading]:
    """Seconds without a tick, while a feed is meant to run."""
    if state == "stopped" or market.last_arrival_s is None:
        return []
    newest = newest_ms(market, rule.symbols)
    silence_s = time.monotonic() - market.last_arrival_s
    return [Reading(rule.key, newest, silence_s, newest + int(silence_s * 1_000))]
