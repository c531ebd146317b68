"""Bars as they are drawn: neighbours as one where there are more of them than pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.model import TIMEFRAMES, Bars

#: Candles and volume bars drawn at most: more are thinner than a pixel.
MOST_BARS = 1_500


def merged(bars: Bars, most: int = MOST_BARS) -> Bars:
    """The bars, neighbours as one where there are more than `most`; times are their opens.

    Bars are put together by their time, so that all but the newest stay as they are while more
    come.

    >>> prices, sizes = [np.array([5.0, 6.0, 7.0, 8.0])] * 4, np.ones(4)
    >>> pairs = merged(Bars("A", "1s", 1_000 * np.arange(4), *prices, sizes, sizes, sizes), 2)
    >>> pairs.ts_ms.tolist(), pairs.open.tolist(), pairs.close.tolist(), pairs.volume.tolist()
    ([0, 2000], [5.0, 7.0], [6.0, 8.0], [2.0, 2.0])
    """
    count = len(bars)
    length = TIMEFRAMES[bars.timeframe]
    slots = int(bars.ts_ms[-1] - bars.ts_ms[0]) // length + 1 if count else 0
    together = -(-slots // most)
    if count <= most or together < 2:
        return bars
    groups = bars.ts_ms // (together * length)
    first = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    last = np.append(first[1:], count) - 1
    volume = np.add.reduceat(bars.volume, first)
    return Bars(
        bars.symbol,
        bars.timeframe,
        groups[first] * together * length,
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        volume,
        np.add.reduceat(np.maximum(bars.trades, 0), first),
        np.add.reduceat(bars.vwap * bars.volume, first) / np.where(volume > 0, volume, np.nan),
    )


class Shape(NamedTuple):
    """How bars are drawn. step_ms: from one to the next. words: how many are drawn as one."""

    bars: Bars
    step_ms: float
    words: str


def drawn_bars(bars: Bars) -> Shape:
    """The bars as candles and volumes are drawn: see `merged`."""
    drawn, length = merged(bars), TIMEFRAMES[bars.timeframe]
    if drawn is bars:
        return Shape(bars, length, f"{bars.timeframe} bars")
    step_ms = int(np.diff(drawn.ts_ms).min()) if len(drawn) > 1 else length
    return Shape(drawn, step_ms, f"{bars.timeframe} bars, {step_ms // length:,} drawn as one")
