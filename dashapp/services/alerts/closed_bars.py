"""Closed bars as alert rules read them: each once, in turn, as it was known at its close.

However many bars closed since the last reading, in a burst, after a pause or in a replay at
1000x, a rule is given a reading of each of them, with the bar's own time. So what fires does
not depend on how the ticks came.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.alerts import AlertRule, Reading
from analytics.bars import GRACE_MS
from analytics.model import TIMEFRAMES, Bars, FloatArray, IntArray
from analytics.readings import reading_bars, readings_between
from storage.market.market import Market

#: Bars of a leg that are read for a rule in one go; the rest comes in the next.
MOST_BARS = 2_000


@dataclass(frozen=True, eq=False)
class Plan:
    """Bars to read for a rule: those that open after `after_ms`, up to `until_ms`.

    legs: the bars from which the readings come. more: there are further bars after these.
    before: how far the rule had been read; of: the serial of the market.
    """

    rule: AlertRule
    legs: tuple[Bars, ...]
    after_ms: int
    until_ms: int
    more: bool
    before: tuple[int, int]
    of: int

    def read(self) -> list[Reading]:
        """A reading of each of the bars, in turn."""
        columns = _values(self.rule, self.legs, self.after_ms, self.until_ms)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Reading(self.rule.key, ts_ms, value, beta=beta) for ts_ms, value, beta in rows]


class ClosedBars:
    """How far each key has been read: the serial of its market, and a bar's open time."""

    def __init__(self) -> None:
        self._read: dict[Hashable, tuple[int, int]] = {}

    def begin(self, keys: Iterable[Hashable], market: Market) -> None:
        """Read this market, which begins now, from its first bar on."""
        for key in keys:
            self._read[key] = (market.serial, -1)

    def forget(self, key: Hashable) -> None:
        """Nobody reads this key any more."""
        self._read.pop(key, None)

    def again(self, key: Hashable) -> None:
        """Read the last bar once more, for a rule that came after it was read."""
        of, ts_ms = self._at(key)
        if of:
            self._read[key] = (of, ts_ms - 1)

    def behind_ms(self, keys: Iterable[Hashable], market: Market) -> int:
        """How far the keys' oldest reading of a market is behind its newest bar; 0 for none."""
        read = [ts_ms for key in keys for of, ts_ms in [self._at(key)] if of == market.serial]
        newest = newest_ms(market, market.symbols)
        return max((newest - max(ts_ms, _oldest_ms(market)) for ts_ms in read), default=0)

    def plan(self, market: Market, rule: AlertRule) -> Plan | None:
        """What to read for a rule: the bars that closed since the last reading, None for none.

        The first time, or of a market made anew, that is the newest closed bar alone.
        """
        timeframe = rule.params.timeframe if rule.params else market.timeframes[0]
        before = self._at(rule.key)
        of, after_ms = before
        closed_ms = closed_until_ms(market, rule.symbols, timeframe)
        first = of != market.serial
        since_ms = closed_ms if first else min(after_ms, closed_ms)
        slots = (newest_ms(market, rule.symbols) - since_ms) // TIMEFRAMES[timeframe] + 1
        count = _needed(rule, max(slots, 1))
        legs = tuple(market.bars(symbol, timeframe, count) for symbol in rule.symbols)
        opened = [_after(leg, -1 if first else after_ms, closed_ms) for leg in legs]
        known = [times for times in opened if len(times)]
        if not known:
            if not first:
                self._read[rule.key] = (of, max(after_ms, closed_ms))
            return None
        last_ms = max(int(times[-1]) for times in known)
        if first:
            after_ms, until_ms = last_ms - 1, last_ms
        else:
            until_ms = max(int(times[:MOST_BARS][-1]) for times in known)
        return Plan(rule, legs, after_ms, until_ms, until_ms < last_ms, before, market.serial)

    def done(self, plan: Plan) -> bool:
        """The bars of a plan are read; False where the market began anew meanwhile."""
        if self._at(plan.rule.key) != plan.before:
            return False
        self._read[plan.rule.key] = (plan.of, plan.until_ms)
        return True

    def _at(self, key: Hashable) -> tuple[int, int]:
        return self._read.get(key, (0, -1))


def newest_ms(market: Market, symbols: tuple[str, ...]) -> int:
    """The market's clock: exchange time of the newest tick of the symbols that it has."""
    known = [symbol for symbol in symbols or market.symbols if symbol in market.symbols]
    return max((market.stats(symbol).ts_ms for symbol in known), default=0)


def closed_until_ms(market: Market, symbols: tuple[str, ...], timeframe: str) -> int:
    """Bars that open up to this time are closed: after a grace, or when all has been said."""
    return closed_at(market, newest_ms(market, symbols), timeframe)


def closed_at(market: Market, newest: int, timeframe: str) -> int:
    """`closed_until_ms` of symbols whose newest tick is of that time, epoch ms."""
    if market.whole:
        return newest
    if market.origin == "bars":  # each comes when it has closed
        return newest + TIMEFRAMES[market.timeframes[0]] - TIMEFRAMES[timeframe]
    return newest - TIMEFRAMES[timeframe] - GRACE_MS


def metrics_of(rule: AlertRule) -> tuple[str, ...]:
    """What is read of a pair for a rule: its metric, and beta where that words a trade."""
    return (rule.metric, "hedge_ratio") if rule.metric == "z" else (rule.metric,)


def _values(
    rule: AlertRule, legs: Sequence[Bars], after_ms: int, until_ms: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Times, values of the rule's metric, and betas, NaN where no trade is worded."""
    if rule.params is not None:
        y, x = legs
        metrics = metrics_of(rule)
        times, read = readings_between(y, x, rule.params, metrics, after_ms, until_ms)
        values = read[rule.metric]
        return times, values, read.get("hedge_ratio", np.full(len(times), np.nan))
    bars = legs[0]
    inside = (bars.ts_ms > after_ms) & (bars.ts_ms <= until_ms)
    values = (bars.close if rule.metric == "price" else bars.volume)[inside]
    return bars.ts_ms[inside], values, np.full(len(values), np.nan)


def _needed(rule: AlertRule, slots: int) -> int | None:
    """Bars of each leg from which the readings come; None for all that are held."""
    if rule.params is None:
        return None
    before = reading_bars(rule.params)
    return None if before is None else before + slots


def _after(bars: Bars, after_ms: int, until_ms: int) -> np.ndarray:
    begin, end = np.searchsorted(bars.ts_ms, (after_ms, until_ms), side="right")
    return bars.ts_ms[begin:end]


def _oldest_ms(market: Market) -> int:
    opened = (market.bars(symbol, market.timeframes[0]).ts_ms for symbol in market.symbols)
    return min((int(times[0]) for times in opened if len(times)), default=0)
