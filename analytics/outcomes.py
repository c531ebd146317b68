"""What became of an alert on a pair: did the spread come back, how far did it go, what was it
worth after costs.

The trade that the alert suggests: against the spread, one unit of Y for beta of X, with the
hedge as it was known at the alert's bar. It is ordered at that bar's close, and to end at the
close at which z has come back to 0; each leg fills as in the back-test, at the open of its own
next bar, and pays costs both times.

z after the alert is that of the trade's own line, which a position holds, in the modes "view" and
"locked". In "rolling" and "kalman", whose z the line of one bar does not make, it is z as each
bar's close knows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_engine import Legs, pair_legs
from analytics._kernels.account import bought
from analytics._kernels.fills import NEVER, Places, Units, apart, leg_fills
from analytics._known_lines import known_lines, line_at
from analytics._pair_parts import TradedRows, traded_rows
from analytics.alignment import align
from analytics.arrays import number, whole
from analytics.model import (
    PAIR_RANGES,
    Bars,
    FloatArray,
    IntArray,
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
    value: float | None = None,
) -> Outcome | None:
    """What became of an alert at the bar that opened at ts_ms, by the bars there are.

    cost_bps: per side and leg. value: the z that it told of, whose side the trade is against: an
    alert that fired within its bar may have another than that bar's close, which counts where
    it is None. None where the bars do not hold the alert's bar and its z
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
    cost_bps, max_bars = number("cost_bps", cost_bps), whole("max_bars", max_bars, 1)
    if not cost_bps >= 0.0:
        raise ParameterError("cost_bps", cost_bps, "at least 0")
    legs = pair_legs(y_bars, x_bars, replace(params, limit=PAIR_RANGES["limit"][1]))
    at = int(np.searchsorted(legs.ts_ms, ts_ms))
    if not (at + 1 < len(legs.ts_ms) and legs.ts_ms[at] == ts_ms):
        return None
    stop = min(at + 1 + max_bars, len(legs.ts_ms))
    aligned = align(y_bars, x_bars, None, params.min_trades, params.min_volume)
    z, beta = _scores(legs.ts_ms[at:stop], traded_rows(aligned, params), params)
    side = float(np.sign(z[0] if value is None else value))
    if abs(side) != 1.0 or not np.isfinite(beta):
        return None
    beyond = side * z
    if value is not None:
        beyond[0] = np.fmax(beyond[0], side * value)
    trade = _Trade(legs, at, int(-side), beta, params.price_space == "log", cost_bps * 1e-4)
    return _followed(trade, beyond, max_bars)


def _scores(ts_ms: IntArray, rows: TradedRows, params: PairParams) -> tuple[FloatArray, float]:
    """z at bars from the alert's on, which open at ts_ms, and the slope that it was measured by.

    NaN where a bar does not count; at the alert's own bar the z of the last that does.
    """
    z = np.full(len(ts_ms), np.nan)
    last = int(rows.ts_ms.searchsorted(ts_ms[0], side="right")) - 1
    stop = int(rows.ts_ms.searchsorted(ts_ms[-1], side="right"))
    if last < 0:
        return z, np.nan
    if params.spread_mode in ("rolling", "kalman"):
        known = known_lines(rows, params, last, stop)
        beta, scores = float(known.beta[0]), known.z
    else:
        beta, alpha = line_at(rows, params, last)
        first = max(last + 1 - params.z_window, 0)
        spread = rows.y[first:stop] - beta * rows.x[first:stop] - alpha
        scores = rolling_zscore(spread, params.z_window)[last - first :]
    times = np.maximum(rows.ts_ms[last:stop], ts_ms[0])
    places = ts_ms.searchsorted(times)
    there = ts_ms[places] == times
    z[places[there]] = scores[there]
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
