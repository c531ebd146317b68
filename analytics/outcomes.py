"""What became of an alert on a pair: did the spread come back, how far did it go, what was it
worth after costs.

The trade that the alert suggests: against the spread, one unit of Y for beta of X, with the
hedge as it was known at the alert's bar. It is ordered at that bar's close, and to end at the
close at which z has come back to 0; each leg fills as in the back-test, at the open of its own
next bar, and pays costs both times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_engine import Legs, pair_legs
from analytics._kernels.account import bought
from analytics._kernels.fills import NEVER, Places, Units, apart, leg_fills
from analytics._known_lines import line_at
from analytics._pair_parts import traded_rows
from analytics.alignment import Aligned
from analytics.model import (
    PAIR_RANGES,
    Bars,
    FloatArray,
    PairParams,
    ParameterError,
)
from analytics.rolling import rolling_zscore

#: Bars after which an alert is followed no further.
MAX_BARS = 1_000


@dataclass(frozen=True)
class Outcome:
    """What followed an alert. bars: from its bar to the one at whose close z had come back to
    0, None where it has not. worst_z: the furthest z went beyond 0 on the alert's side.
    worst_bps, net_bps: the trade's lowest mark at a close, and its result after costs, in bps
    of its gross exposure; while it is open, as if it ended at the last close. followed: bars
    since the alert. done: nothing more will be learned.
    """

    bars: int | None
    worst_z: float
    worst_bps: float
    net_bps: float
    followed: int
    done: bool


def outcome(
    y_bars: Bars,
    x_bars: Bars,
    params: PairParams,
    ts_ms: int,
    cost_bps: float = 2.0,
    max_bars: int = MAX_BARS,
) -> Outcome | None:
    """What became of an alert at the bar that opened at ts_ms, by the bars there are.

    cost_bps: per side and leg. None where the bars do not hold the alert's bar and its z
    window, or none follows it. Raises ParameterError, a ValueError, where cost_bps is negative
    or max_bars below 1.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> x = 50.0 + np.sin(np.arange(100.0))
    >>> noise = np.where(np.arange(100) % 2, 0.1, -0.1)
    >>> noise[90:93] = 0.5, 0.7, 0.2
    >>> pair = PairParams("A", "B")
    >>> seen = outcome(bars("A", 2 * x + noise), bars("B", x), pair, 90_000)
    >>> seen.bars, round(seen.worst_z, 1), round(seen.worst_bps, 2), seen.done
    (4, 4.6, 0.0, True)
    """
    if not cost_bps >= 0.0:
        raise ParameterError("cost_bps", cost_bps, "at least 0")
    if max_bars < 1:
        raise ParameterError("max_bars", max_bars, "at least 1")
    legs = pair_legs(y_bars, x_bars, replace(params, limit=PAIR_RANGES["limit"][1]))
    at = int(np.searchsorted(legs.ts_ms, ts_ms))
    if not (at + 1 < len(legs.ts_ms) and legs.ts_ms[at] == ts_ms):
        return None
    stop = min(at + 1 + max_bars, len(legs.ts_ms))
    beyond, beta = _scores(legs, params, at, stop)
    side = float(np.sign(beyond[0]))
    if abs(side) != 1.0:
        return None
    trade = _Trade(legs, at, int(-side), beta, params.price_space == "log", cost_bps * 1e-4)
    return _followed(trade, side * beyond, max_bars)


def _scores(legs: Legs, params: PairParams, at: int, stop: int) -> tuple[FloatArray, float]:
    """z at the rows at..stop-1 by the line known at row `at`, and its slope.

    NaN on rows that do not count; at `at` itself the z of the last that does.
    """
    kept = np.flatnonzero(legs.counted[:stop])
    last = int(np.searchsorted(kept, at, side="right")) - 1
    z = np.full(stop - at, np.nan)
    if last + 1 < params.z_window:
        return z, np.nan
    y, x = legs.prices[2:, kept]
    rows = Aligned(legs.ts_ms[kept], y, x, np.zeros(len(kept), np.bool_), 0)
    traded = traded_rows(rows, params)
    beta, alpha = line_at(traded, params, last)
    first = last + 1 - params.z_window
    spread = traded.y[first:] - beta * traded.x[first:] - alpha
    scores = rolling_zscore(spread, params.z_window)[params.z_window - 1 :]
    z[np.maximum(kept[last:] - at, 0)] = scores
    return z, beta


@dataclass(frozen=True)
class _Trade:
    """The trade that an alert at row `at` suggests. side: 1 long the spread, -1 short."""

    legs: Legs
    at: int
    side: int
    beta: float
    log_prices: bool
    rate: float

    @property
    def units(self) -> Units:
        """Units of each leg for a gross exposure of 1 at the first row it may fill in."""
        open_y, open_x = self.legs.prices[:2, self.at + 1]
        return bought(self.side, self.beta, float(open_y), float(open_x), self.log_prices)

    def places(self, ordered: int) -> tuple[Places, int]:
        """Rows in which the legs enter and leave, and the row after a gap that ends it."""
        first, n = self.at + 1, len(self.legs.ts_ms)
        table = self.legs.fills
        if not table.size:
            return (first, first, ordered, ordered), n
        if table[2, first] == first:  # the order does not outlive the gap
            return (NEVER, NEVER, NEVER, NEVER), first
        places, gap = leg_fills(table, first, ordered, n)
        return places, int(gap)

    def marks(self, places: Places, gap: int, rows: range) -> tuple[FloatArray, FloatArray]:
        """Gain at the close of each row, and what was traded until then."""
        prices, units = tuple(self.legs.prices), self.units
        pairs = [apart(row, prices, units, places, gap) for row in rows]
        gains, traded = zip(*pairs, strict=True)
        return np.array(gains), np.array(traded)

    def held(self, places: Places) -> float:
        """What is still held at the last close, as a share of the gross exposure."""
        n, closes = len(self.legs.ts_ms), self.legs.prices[2:, -1]
        legs = zip(self.units[:2], closes, places[2:], strict=True)
        return float(sum(abs(unit) * close for unit, close, leaves in legs if leaves == n))


def _followed(trade: _Trade, beyond: FloatArray, max_bars: int) -> Outcome:
    """beyond: z on the alert's side from its bar on."""
    n, at = len(trade.legs.ts_ms), trade.at
    back = np.flatnonzero(beyond[1:] <= 0.0)
    bars = int(back[0]) + 1 if len(back) else None
    last = at + (bars if bars is not None else len(beyond) - 1)
    ordered = last + 1 if bars is not None else n
    places, gap = trade.places(ordered)
    leaves = max(places[2], places[3])
    over = leaves < n
    end = min(leaves, n - 1) if over else last
    gains, traded = trade.marks(places, gap, range(at + 1, max(end, last, at + 1) + 1))
    through = gains[: last - at]
    earned, turnover = float(gains[end - at - 1]), float(traded[end - at - 1])
    if not over:
        turnover += trade.held(places)
    return Outcome(
        bars=bars,
        worst_z=float(-trade.side * np.nanmax(beyond[: last - at + 1])),
        worst_bps=min(float(through.min()), 0.0) * 1e4,
        net_bps=(earned - trade.rate * turnover) * 1e4,
        followed=last - at,
        done=over or (bars is None and len(beyond) - 1 >= max_bars),
    )
