"""What the alert rules read: a value of each thing that they watch, at each update.

At the newest bar, or on closed bars each of them in turn (`closed_bars`). A pair's metrics are
read by `analytics.readings` alone, without a whole snapshot; all pairs of a round in one go,
in a worker thread.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from analytics.alerts import METRICS, AlertRule, Reading, check_rule
from analytics.alignment import align
from analytics.model import Bars, FeedState, FloatArray, IntArray, PairParams, ParameterError
from analytics.readings import newest_counted, pair_readings
from dashapp.services.alerts.closed_bars import ClosedBars, Plan, metrics_of, newest_ms
from dashapp.services.alerts.unconfirmed import certain
from dashapp.services.analysis.cache import legs
from dashapp.services.analysis.lacks import why_no_reading
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from storage.market.market import Market

#: The newest time of symbols in a market, epoch ms.
Clock = Callable[[tuple[str, ...]], int]
#: Kinds of markets that a feed fills, which may fall silent.
_FED = ("live", "demo")
#: Newest bars of one symbol in which a rule is previewed.
_PREVIEWED = 1_000
#: Rows before those in view that are read for a test, which takes a pass over its view.
_TESTS_BEFORE = 50


@dataclass(frozen=True, eq=False)
class _Newest:
    """A pair to read at its newest bar, with the market's clock."""

    rule: AlertRule
    params: PairParams
    y: Bars
    x: Bars
    at_ms: int

    @property
    def legs(self) -> tuple[Bars, Bars]:
        return self.y, self.x

    def read(self) -> list[Reading]:
        if not len(self.y) or not len(self.x):
            return []
        end = int(max(self.y.ts_ms[-1], self.x.ts_ms[-1]))
        read = pair_readings(self.y, self.x, self.params, metrics_of(self.rule), [end])
        value, beta = read[self.rule.metric][0], read.get("hedge_ratio", [math.nan])[0]
        return [Reading(self.rule.key, end, float(value), self.at_ms, beta=float(beta))]


class _Lack(NamedTuple):
    """Why a pair has no reading, in words, and the bar at which that was found; "" where only the
    activity filter leaves that bar out. counted_ms: of the newest bar that counted then.
    """

    ts_ms: int
    counted_ms: int | None
    words: str


#: What a job read, and why the newest of it has no value; None where it has one.
_Found = tuple[list[Reading], _Lack | None]


@dataclass
class _Round:
    """What one round found in a market: readings, and what is still to be read."""

    market: Market
    readings: list[Reading] = field(default_factory=list)
    work: list[_Newest | Plan] = field(default_factory=list)


class AlertReader:
    """Reads for the rules of markets, only where something changed since the last time."""

    def __init__(self, markets: Markets, kernels: Kernels) -> None:
        self._markets = markets
        self._kernels = kernels
        self._closed = ClosedBars()
        self._seen: dict[str, Hashable] = {}
        self._versions: dict[Hashable, Hashable] = {}
        self._lacks: dict[Hashable, _Lack] = {}

    def lack(self, key: Hashable) -> str:
        """Why the newest reading of a key has no value, in words; "" where it has one, or none
        was made.
        """
        return self._lacks[key].words if key in self._lacks else ""

    def again(self, market_id: str, key: Hashable) -> None:
        """Read a key of a market at the next round even if nothing changes until then.

        Whoever read it before is told the same once more, which says nothing new.
        """
        self._seen.pop(market_id, None)
        self._versions.pop(key, None)
        self._closed.again(key)

    def forget(self, key: Hashable) -> None:
        """Nobody reads this key any more, or whoever does begins anew."""
        self._versions.pop(key, None)
        self._lacks.pop(key, None)
        self._closed.forget(key)

    def begin(self, keys: Iterable[Hashable], market: Market) -> None:
        """Read this market, which begins now, from its first bar on."""
        self._closed.begin(keys, market)

    def behind_ms(self, rules: Iterable[AlertRule], market: Market) -> int:
        """How far the rules on closed bars are behind a market, by its own clock."""
        armed = _armed(rules, market)
        return self._closed.behind_ms({rule.key for rule in armed if rule.on == "close"}, market)

    async def read(self, rules: Iterable[AlertRule]) -> list[Reading]:
        """One reading or more for each thing that the enabled rules watch and that changed."""
        collected: list[_Round] = []
        for market_id in dict.fromkeys(rule.market for rule in rules):
            market = self._markets.get(market_id)
            if market is None or not market.symbols:
                self._seen.pop(market_id, None)
            else:
                collected.append(self._collect(market, _armed(rules, market)))
        jobs = [job for part in collected for job in part.work]
        lacks = dict(self._lacks)
        read = await asyncio.to_thread(lambda: [_read(job, lacks) for job in jobs]) if jobs else []
        results = iter(read)
        readings: list[Reading] = []
        for part in collected:
            found = list(islice(results, len(part.work)))
            # What was read of a market that another one replaced meanwhile says nothing.
            if self._markets.get(part.market.id) is part.market:
                readings += part.readings + self._taken(part, found)
        return sorted(readings, key=lambda reading: reading.ts_ms)

    def _taken(self, of: _Round, found: Iterable[_Found]) -> list[Reading]:
        """The results of a round's work, but for those that have been overtaken."""
        readings: list[Reading] = []
        for job, (result, lack) in zip(of.work, found, strict=True):
            key = job.rule.key
            if isinstance(job, Plan) and not self._closed.done(job):
                continue
            if key in self._versions:  # else nobody reads it any more
                self._lacks.pop(key, None)
                if lack is not None:
                    self._lacks[key] = lack
            if isinstance(job, Plan) and job.more:
                self._seen.pop(of.market.id, None)
                self._versions.pop(key, None)
            readings += certain(of.market, job.rule, job.legs, result)
        return readings

    def _collect(self, market: Market, rules: list[AlertRule]) -> _Round:
        """What there is to read of a market for its armed rules, one of each key."""
        part = _Round(market)
        state = self._markets.status(market.id).state
        silent = market.kind in _FED and state != "live"
        clocked = any(rule.metric == "feed_silent" for rule in rules)
        # A market made anew, which has another serial, may have come to the same version.
        ready = self._kernels.ready
        seen = (market.serial, market.version, market.whole, silent, ready)
        if seen == self._seen.get(market.id) and not clocked:
            return part
        self._seen[market.id] = seen
        clock = cache(partial(newest_ms, market))
        for rule in rules:
            if rule.metric == "feed_silent":
                part.readings += _silence(market, rule, state)
            elif silent:
                newest = clock(rule.symbols)
                part.readings.append(Reading(rule.key, newest, math.nan, paused=True))
                self._versions.pop(rule.key, None)
            elif self._changed(market, rule):
                self._of_rule(part, rule, clock)
        return part

    def _changed(self, market: Market, rule: AlertRule) -> bool:
        """Whether the symbols of a rule have new data since it was last read."""
        if rule.params is not None and not self._kernels.ready:
            return False
        version = (market.serial, market.whole, *map(market.symbol_version, rule.symbols))
        if self._versions.get(rule.key) == version:
            return False
        self._versions[rule.key] = version
        return True

    def _of_rule(self, part: _Round, rule: AlertRule, clock: Clock) -> None:
        market = part.market
        if rule.on == "close":
            plan = self._closed.plan(market, rule)
            if plan is not None:
                part.work.append(plan)
        elif rule.params is not None:
            y, x = legs(market, rule.params)
            part.work.append(_Newest(rule, rule.params, y, x, clock(rule.symbols)))
        else:
            bars = market.bars(rule.symbols[0], market.timeframes[0], 1)
            values = bars.close if rule.metric == "price" else bars.volume
            newest = Reading(rule.key, int(bars.ts_ms[-1]), float(values[-1]), clock(rule.symbols))
            part.readings += certain(market, rule, (bars,), [newest])


def _read(job: _Newest | Plan, lacks: Mapping[Hashable, _Lack]) -> _Found:
    """What a job reads, and why the newest of it has no value; None where it has one.

    lacks: what was found before, which is looked for anew at another bar, and where that bar comes
    to count.
    """
    readings, params = job.read(), job.rule.params
    if params is None or not readings or not math.isnan(readings[-1].value):
        return readings, None
    before, newest = lacks.get(job.rule.key), readings[-1].ts_ms
    y, x = (leg[: int(leg.ts_ms.searchsorted(newest, side="right"))] for leg in job.legs)
    counted = newest_counted(y, x, params)
    if before is not None and before[:2] == (newest, counted):
        return readings, before
    lack = why_no_reading(y, x, params, job.rule.metric)
    return readings, _Lack(newest, counted, "" if lack is None else lack.reason)


def _armed(rules: Iterable[AlertRule], market: Market) -> list[AlertRule]:
    """The enabled rules of a market that has what they read, one of each key."""
    by_key = {
        rule.key: rule
        for rule in rules
        if rule.market == market.id and rule.enabled and not waits_for(rule, market)
    }
    return list(by_key.values())


def waits_for(rule: AlertRule, market: Market | None) -> str:
    """What a rule's market lacks, or why the rule can never fire, in words; "" where neither is."""
    never = never_fires(rule)
    if never:
        return never
    if market is None:
        return f"market {rule.market} is gone"
    if rule.metric == "feed_silent":
        return "" if market.kind in _FED else f"market {market.id} has no feed of its own"
    return waits_for_symbols(market, rule.symbols, rule.params)


def never_fires(rule: AlertRule) -> str:
    """Why a rule can never fire, in words, as one that was kept from before; "" where it can.

    >>> pair = PairParams("A", "B", z_window=2_000)
    >>> never_fires(AlertRule("r", "demo", "z", "abs>", 2.0, pair))
    'can never fire: z_window is 2000, expected at most limit (1000)'
    """
    try:
        check_rule(rule)
    except ParameterError as error:
        return f"can never fire: {error}"
    return ""


def waits_for_symbols(market: Market, symbols: Iterable[str], params: PairParams | None) -> str:
    """What a market lacks of these symbols and of the bars of a pair; "" for nothing."""
    for symbol in symbols:
        if symbol not in market.symbols:
            return f"no symbol {symbol} yet"
    if params is not None and params.timeframe not in market.timeframes:
        return f"no {params.timeframe} bars in market {market.id}"
    return ""


class PastReadings(NamedTuple):
    """What a rule would have read at bars, shape (n,) each; those from `start` on are in view.

    What lies before only decides whether a condition is new there, so that a view which slides
    on keeps its marks. betas: NaN where the rule's metric words no trade.
    """

    ts_ms: IntArray
    values: FloatArray
    betas: FloatArray
    start: int


def past_readings(market: Market, rule: AlertRule) -> Callable[[], PastReadings]:
    """What a rule would have read at each bar in view: a call that gives it.

    Of a pair the rows in view, those that the activity filter leaves, of one symbol its newest
    1,000 bars; nothing for seconds of silence and for what the market does not have. The bars
    are taken now; the call takes tens of ms and may run in a worker thread.
    """
    if METRICS[rule.metric].subject == "market" or waits_for(rule, market):
        return lambda: PastReadings(np.empty(0, np.int64), np.empty(0), np.empty(0), 0)
    if rule.params is None:
        bars = market.bars(rule.symbols[0], market.timeframes[0], 2 * _PREVIEWED)
        values = bars.close if rule.metric == "price" else bars.volume
        betas, start = np.full(len(bars), np.nan), max(len(bars) - _PREVIEWED, 0)
        return lambda: PastReadings(bars.ts_ms, values, betas, start)
    params = rule.params
    before = _TESTS_BEFORE if rule.metric.endswith("_pvalue") else params.limit
    y, x = (market.bars(leg, params.timeframe) for leg in rule.symbols)

    def read() -> PastReadings:
        filters = params.min_trades, params.min_volume
        rows = align(y, x, params.limit, *filters, history=before)
        values = pair_readings(y, x, params, metrics_of(rule), rows.ts_ms)
        betas = values.get("hedge_ratio", np.full(len(rows), np.nan))
        return PastReadings(rows.ts_ms, values[rule.metric], betas, rows.start)

    return read


def _silence(market: Market, rule: AlertRule, state: FeedState) -> list[Reading]:
    """Seconds without a tick, while a feed is meant to run."""
    if market.kind not in _FED or state == "stopped" or market.last_arrival_s is None:
        return []
    newest = newest_ms(market, rule.symbols)
    silence_s = time.monotonic() - market.last_arrival_s
    return [Reading(rule.key, newest, silence_s, newest + int(silence_s * 1_000))]
