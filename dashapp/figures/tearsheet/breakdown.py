"""What a tear sheet tells of a back-test beside its figures: when it earned, and how its trades
went on the way.

Profit and loss is in shares of the equity at the start, so that the parts add up to the net
return.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.backtest import BacktestResult
from analytics.model import FloatArray, IntArray

HOUR_MS = 3_600_000
#: Drawdowns that are listed, the deepest.
MOST_SPELLS = 5


@dataclass(frozen=True)
class Spell:
    """A drawdown: from the highest equity so far, by its lowest, until that height was reached.

    Times in epoch ms; end_ms: None where it was not reached. depth: a share of the peak, <= 0.
    bars: below the peak.
    """

    start_ms: int
    lowest_ms: int
    end_ms: int | None
    depth: float
    bars: int


def gains(equity: FloatArray) -> FloatArray:
    """What each bar added to the equity, which begins at 1; shape (n,).

    >>> gains(np.array([1.0, 1.1, 1.05])).round(2)
    array([ 0.  ,  0.1 , -0.05])
    """
    return np.diff(equity, prepend=1.0)


def by_hour(ts_ms: IntArray, equity: FloatArray) -> FloatArray:
    """Profit and loss by the hour of the day (UTC) in which a bar opened, shape (24,).

    >>> by_hour(np.array([0, 3_600_000, 86_400_000]), np.array([1.0, 1.1, 1.15]))[:2].round(2)
    array([0.05, 0.1 ])
    """
    hours = (ts_ms // HOUR_MS) % 24
    return np.bincount(hours, weights=gains(equity), minlength=24).astype(np.float64)


def by_month(ts_ms: IntArray, equity: FloatArray) -> tuple[list[str], FloatArray]:
    """The months (UTC) from the first to the last bar, as 2024-08, and profit and loss in each.

    >>> by_month(np.array([0, 2_678_400_000]), np.array([1.0, 1.2]))[0]
    ['1970-01', '1970-02']
    """
    months = ts_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    places = months - months[0]
    sums = np.bincount(places, weights=gains(equity)).astype(np.float64)
    names = np.datetime_as_string((months[0] + np.arange(len(sums))).astype("datetime64[M]"))
    return [str(name) for name in names], sums


def drawdowns(ts_ms: IntArray, equity: FloatArray, most: int = MOST_SPELLS) -> list[Spell]:
    """The deepest drawdowns, the deepest first. The first peak is the start, before any bar.

    >>> spells = drawdowns(np.arange(5) * 1_000, np.array([1.0, 0.9, 1.1, 1.0, 1.05]))
    >>> [(spell.bars, round(spell.depth, 3), spell.end_ms) for spell in spells]
    [(1, -0.1, 2000), (2, -0.091, None)]
    """
    peak = np.maximum.accumulate(np.maximum(equity, 1.0))
    below = equity < peak
    edges = np.flatnonzero(np.diff(below, prepend=False, append=False))
    spells = []
    for first, after in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        fall = equity[first:after] / peak[first:after] - 1.0
        end = int(ts_ms[after]) if after < len(ts_ms) else None
        lowest = first + int(np.argmin(fall))
        start = int(ts_ms[max(first - 1, 0)])
        spells.append(Spell(start, int(ts_ms[lowest]), end, float(fall.min()), after - first))
    return sorted(spells, key=lambda spell: spell.depth)[:most]


def excursions(result: BacktestResult) -> tuple[FloatArray, FloatArray]:
    """How far each trade went against its holder, and for him, before costs; shape (trades,).

    At the closes of the bars in which it was held, in shares of the gross exposure at entry:
    adverse <= 0 <= favourable.
    """
    gross, ts_ms = result.gross_equity, result.ts_ms
    adverse, favourable = np.zeros(len(result.trades)), np.zeros(len(result.trades))
    for place, trade in enumerate(result.trades):
        first, last = np.searchsorted(ts_ms, (trade.entry_ts_ms, trade.exit_ts_ms), side="left")
        before = gross[first - 1] if first else 1.0
        ways = np.append(gross[first : max(last, first + 1)] / before - 1.0, trade.gross)
        adverse[place], favourable[place] = min(ways.min(), 0.0), max(ways.max(), 0.0)
    return adverse, favourable


def histogram(values: FloatArray, most: int = 24) -> tuple[FloatArray, IntArray]:
    """Edges (k + 1,) and counts (k,) of at most `most` bins of one width.

    The width is Freedman and Diaconis' (1981), which stands outliers.

    >>> edges, counts = histogram(np.array([1.0, 2.0, 2.0, 3.0]))
    >>> int(counts.sum()), bool(edges[0] <= 1.0 <= 3.0 <= edges[-1])
    (4, True)
    """
    if not len(values):
        return np.array([0.0, 1.0]), np.zeros(1, np.int64)
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = abs(low) * 0.05 or 0.5
        return np.array([low - room, high + room]), np.array([len(values)])
    edges = np.histogram_bin_edges(values, "fd")
    if len(edges) - 1 > most or len(edges) < 4:
        edges = np.linspace(low, high, min(most, max(3, len(values))) + 1)
    counts, edges = np.histogram(values, edges)
    return edges, counts
