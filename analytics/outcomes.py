"""What became of an alert on a pair: did the spread come back, how far did it go, what was it
worth after costs.

The trade that the alert suggests: against the spread, one unit of Y for beta of X, with the
hedge as it was known at the alert's bar. It fills at the next bar's open, ends at the open
after the close at which z has come back to 0, and pays costs on both legs both times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics._backtest_engine import Legs, pair_legs
from analytics.model import PAIR_RANGES, Bars, FloatArray, PairParams
from analytics.readings import hedge_line
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
    window, or none follows it. Raises ValueError where cost_bps is negative or max_bars below 1.

    >>> def bars(symbol, close):
    ...     times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    ...     return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)
    >>> x = 50.0 + np.sin(np.arange(100.0))
    >>> noise = np.where(np.arange(100) % 2, 0.1, -0.1)
    >>> noise[90:93] = 0.5, 0.7, 0.2
    >>> pair = PairParams("A", "B")
    >>> seen = outcome(bars("A", 2 * x + noise), bars("B", x), pair, 90_000)
    >>> seen.bars, round(seen.worst_z, 1), round(seen.worst_bps, 2), seen.done
    (4, 4.6, -0.0, True)
    """
    if not cost_bps >= 0.0:
        raise ValueError(f"cost_bps is {cost_bps}, expected at least 0")
    if max_bars < 1:
        raise ValueError(f"max_bars is {max_bars}, expected at least 1")
    legs = pair_legs(y_bars, x_bars, replace(params, limit=PAIR_RANGES["limit"][1]))
    at = int(np.searchsorted(legs.ts_ms, ts_ms))
    known = at < len(legs.ts_ms) and legs.ts_ms[at] == ts_ms
    if not known or at + 1 < params.z_window or at + 1 == len(legs.ts_ms):
        return None
    log_prices = params.price_space == "log"
    closes = np.log(legs.prices[2:]) if log_prices else legs.prices[2:]
    seen = slice(max(at + 1 - params.limit, 0), at + 1)
    line = hedge_line(closes[0, seen], closes[1, seen], params)
    first = at + 1 - params.z_window
    stop = min(at + 1 + max_bars, len(legs.ts_ms))
    spread = closes[0, first:stop] - line[0] * closes[1, first:stop] - line[1]
    z = rolling_zscore(spread, params.z_window)[params.z_window - 1 :]
    side = np.sign(z[0])
    if abs(side) != 1.0:
        return None
    return _followed(legs, at, side * z, side, _Trade(line[0], log_prices, cost_bps), max_bars)


@dataclass(frozen=True)
class _Trade:
    beta: float
    log_prices: bool
    cost_bps: float

    def weights(self, prices: FloatArray) -> FloatArray:
        """Money in each leg for one unit of Y (in logarithms: of money in Y), shape (2,)."""
        if self.log_prices:
            return np.array([1.0, -self.beta])
        return np.array([prices[0], -self.beta * prices[1]])


def _followed(
    legs: Legs, at: int, beyond: FloatArray, side: float, trade: _Trade, max_bars: int
) -> Outcome:
    """beyond: z on the alert's side from its bar on."""
    back = np.flatnonzero(beyond[1:] <= 0.0)
    bars = int(back[0]) + 1 if len(back) else None
    last = at + (bars if bars is not None else len(beyond) - 1)
    over = bars is not None and last + 1 < len(legs.ts_ms)
    opens, closes = legs.prices[:2], legs.prices[2:]
    entry = opens[:, at + 1]
    weights = trade.weights(entry)
    gross = float(np.abs(weights).sum())
    marks = -side * (weights @ (closes[:, at + 1 : last + 1] / entry[:, None] - 1.0)) / gross
    leave = opens[:, last + 1] if over else closes[:, last]
    earned = -side * float(weights @ (leave / entry - 1.0)) / gross
    turnover = 1.0 + float(np.abs(weights * leave / entry).sum()) / gross
    return Outcome(
        bars=bars,
        worst_z=float(side * np.nanmax(beyond[: last - at + 1])),
        worst_bps=min(float(marks.min()), 0.0) * 1e4,
        net_bps=earned * 1e4 - trade.cost_bps * turnover,
        followed=last - at,
        done=over or (bars is None and len(beyond) - 1 >= max_bars),
    )
