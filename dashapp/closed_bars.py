"""Closed bars as alert rules read them: each once, in turn, as it was known at its close.

However many bars closed since the last reading, in a burst, after a pause or in a replay at
1000x, a rule is given a reading of each of them, with the bar's own time. So what fires does
not depend on how the ticks came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable

import numpy as np

from analytics.alerts import AlertRule, Reading
from analytics.bars import GRACE_MS
from analytics.model import TIMEFRAMES, Bars
from analytics.readings import pair_readings
from dashapp.analyses import serial
from storage.market import Market

#: Bars of a leg that are read for a rule in one go; the rest comes in the next.
MOST_BARS = 2_000


class ClosedBars:
    """How far each key has been read: the serial of its market, and a bar's open time."""

    def __init__(self) -> None:
        self._read: dict[Hashable, tuple[int, int]] = {}

    def begin(self, keys: Iterable[Hashable], market: Market) -> None:
        """Read this market, which begins now, from its first bar on."""
        for key in keys:
            self._read[key] = (serial(market), -1)

    def forget(self, key: Hashable) -> None:
        """Nobody reads this key any more."""
        self._read.pop(key, None)

    def behind_ms(self, keys: Iterable[Hashable], market: Market) -> int:
        """How far the keys' oldest reading of a market is behind its newest bar; 0 for none."""
        read = [ts_ms for key in keys for of, ts_ms in [self._at(key)] if of == serial(market)]
        newest = newest_ms(market, market.symbols)
        return max((newest - max(ts_ms, _oldest_ms(market)) for ts_ms in read), default=0)

    async def read(self, market: Market, rule: AlertRule) -> tuple[list[Reading], bool]:
        """The bars that closed since the last reading, and whether there are more of them.

        The first time, or of a market made anew, that is the newest closed bar alone.
        """
        timeframe = rule.params.timeframe if rule.params else market.timeframes[0]
        before = self._at(rule.key)
        of, after_ms = before
        closed_ms = closed_until_ms(market, rule.symbols, timeframe)
        slots = max(closed_ms - after_ms, 0) // TIMEFRAMES[timeframe]
        first = of != serial(market)
        count = _needed(rule, 0 if first else slots)
        legs = [market.bars(symbol, timeframe, count) for symbol in rule.symbols]
        opened = [_after(leg, -1 if first else after_ms, closed_ms) for leg in legs]
        known = [one for one in opened if len(one)]
        if not known:
            if not first:
                self._read[rule.key] = (of, max(after_ms, closed_ms))
            return [], False
        last_ms = max(int(one[-1]) for one in known)
        if first:
            after_ms, until_ms = last_ms - 1, last_ms
        else:
            until_ms = max(int(one[:MOST_BARS][-1]) for one in known)
        times, values = await _values(rule, legs, after_ms, until_ms)
        if self._at(rule.key) != before:  # the market began anew meanwhile
            return [], False
        self._read[rule.key] = (serial(market), until_ms)
        pairs = zip(times.tolist(), values.tolist(), strict=True)
        return [Reading(rule.key, ts_ms, value) for ts_ms, value in pairs], until_ms < last_ms

    def _at(self, key: Hashable) -> tuple[int, int]:
        return self._read.get(key, (0, -1))


def newest_ms(market: Market, symbols: tuple[str, ...]) -> int:
    """The market's clock: exchange time of the newest tick of the symbols that it has."""
    known = [one for one in symbols or market.symbols if one in market.symbols]
    return max((market.stats(one).ts_ms for one in known), default=0)


def closed_until_ms(market: Market, symbols: tuple[str, ...], timeframe: str) -> int:
    """Bars that open up to this time are closed: after a grace, or when all has been said."""
    newest = newest_ms(market, symbols)
    if market.whole:
        return newest
    if market.origin == "bars":  # each comes when it has closed
        return newest + TIMEFRAMES[market.timeframes[0]] - TIMEFRAMES[timeframe]
    return newest - TIMEFRAMES[timeframe] - GRACE_MS


async def _values(
    rule: AlertRule, legs: list[Bars], after_ms: int, until_ms: int
) -> tuple[np.ndarray, np.ndarray]:
    if rule.params is not None:
        y, x = legs
        return await asyncio.to_thread(
            pair_readings, y, x, rule.params, rule.metric, after_ms, until_ms
        )
    bars = legs[0]
    inside = (bars.ts_ms > after_ms) & (bars.ts_ms <= until_ms)
    values = bars.close if rule.metric == "price" else bars.volume
    return bars.ts_ms[inside], values[inside]


def _needed(rule: AlertRule, slots: int) -> int | None:
    """Bars of each leg from which the readings come; None for all that are held."""
    if rule.params is None:
        return None
    return None if rule.params.min_trades else rule.params.limit + slots + 1


def _after(bars: Bars, after_ms: int, until_ms: int) -> np.ndarray:
    begin, end = np.searchsorted(bars.ts_ms, (after_ms, until_ms), side="right")
    return bars.ts_ms[begin:end]


def _oldest_ms(market: Market) -> int:
    opened = (market.bars(one, market.timeframes[0]).ts_ms for one in market.symbols)
    return min((int(one[0]) for one in opened if len(one)), default=0)
