"""The back-test's compiled loop: from a z-score and prices to trades, equity and sums.

What is meant by each step, and why, is in the docstring of `analytics.backtest`. A flat
stretch is skipped to the next entry and a position is walked to its exit on the z-score alone
(`orders`), so that the marks (`account`), which cost most, are computed for bars in a position
only. A trade whose legs fill in the same bars, as nearly all of busy legs do, takes a shorter
way than one with a leg that waits (`fills`).

What `play` calls for each trade has no branch around an array, or one loop and one return, or
is inlined: of others numba counts the references to their arrays, which takes as long as a
trade.

What the kernels take:
signals   z, hedge, and the first bar that may order
market    prices (open Y, open X, close Y, close X), what `next_fills` writes (shape (3, 0)
          where every order fills in the next bar), and whether prices are hedged as logarithms
rules     |z| of an entry long and of one short (infinite for a side that is not traded), of
          the exit and of the stop, bars of the time stop, cost rate: shape (6,)
tables    what `fill_entries` and `fill_exits` write, or empty
blocks    the last row of each block of bars, and room for the sums of the returns in each and
          of their squares, shape (blocks, 2); one row of room at least
lines     None, or arrays that are filled for every bar: position, gross equity and drawdown,
          and the rows of PLACES and SHARES of each trade
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from analytics._kernels import account, fills, orders
from analytics._kernels.account import PLACES, SHARES, SUMS
from analytics._kernels.fills import NEVER, Places, Prices, Units, next_fills
from analytics._kernels.orders import Bar, BarNumbers, Levels
from analytics.model import FloatArray, IntArray

__all__ = ["NEVER", "PLACES", "SHARES", "SUMS", "next_fills", "play", "score"]

Signals = tuple[FloatArray, FloatArray, int]
Market = tuple[Prices, IntArray, bool]
Tables = tuple[BarNumbers, BarNumbers]
Blocks = tuple[IntArray, FloatArray]

_NET, _GROSS, _DRAWDOWN, _TURNOVER = account.NET, account.GROSS, account.DRAWDOWN, account.TURNOVER
_EXPOSED, _BARS, _END = account.EXPOSED, account.BARS, account.END
_TARGET, _GAP, _RUIN = orders.TARGET, orders.GAP, orders.RUIN


@numba.njit(inline="always")
def _entry(
    z: FloatArray, hedge: FloatArray, t: int, locked: int, levels: Levels, entries: BarNumbers
) -> Bar:
    """The next bar from t on that orders an entry, z.size if there is none."""
    free = t if locked == 0 else orders.unlocked(z, t, locked, levels[2])
    if entries.size:
        return np.int64(entries[free])
    return orders.first_entry(z, hedge, free, levels)


@numba.njit(inline="always")
def _exit(z: FloatArray, side: int, first: int, end: int, levels: Levels, exits: BarNumbers) -> Bar:
    """The next bar from `first` on that orders the exit; one from end on, if none before."""
    if exits.size:
        return np.int64(exits[0 if side > 0 else 1, first])
    return orders.first_exit(z, side, first, end, levels)


@numba.njit(inline="always")
def _places(
    table: IntArray, first: int, ordered: int, reason: int, n: int
) -> tuple[Places, Any, Any]:
    """Rows in which the legs enter and leave, the row after a gap that ends it, the reason."""
    if table.size:
        places, gap = fills.leg_fills(table, first, ordered, n)
        if gap < n:
            reason = _GAP
        elif max(places[2], places[3]) >= n:
            reason = 0
        return places, gap, reason
    return (first, first, ordered, ordered), n, reason


@numba.njit(inline="always")
def _ruined(places: Places, gap: Bar, reason: int, ruin: int, n: int) -> tuple[Places, Any, Any]:
    """What `_places` found, of a position that nothing is left of at the close before `ruin`."""
    if ruin <= n and max(places[2], places[3]) >= ruin:
        return fills.cut_short(places, ruin), ruin, _RUIN
    return places, gap, reason


@numba.njit(inline="always")
def _result(
    prices: Prices, units: Units, places: Places, last: Bar, gap: Bar, reason: int, n: int
) -> tuple[Any, Any]:
    """Gain, and what was traded, of a position at its exit, or at the last close."""
    if reason == _RUIN:
        return fills.apart(last, prices, units, places, gap)
    if not fills.together(places, gap, n):
        return fills.apart(min(last, n - 1), prices, units, places, gap)
    if last >= n:
        return account.gain(units, float(prices[2][n - 1]), float(prices[3][n - 1])), 1.0
    leave_y: Any = prices[0][last]
    leave_x: Any = prices[1][last]
    traded = 1.0 + abs(units[0]) * leave_y + abs(units[1]) * leave_x
    return account.gain(units, leave_y, leave_x), traded


@numba.njit(cache=True, nogil=True, error_model="numpy")
def play(
    signals: Signals, market: Market, rules: FloatArray, sums: FloatArray, equity: FloatArray,
    lines: Any, tables: Tables, blocks: Blocks,
) -> int:  # fmt: skip
    """Trade one set of rules and fill `sums` (see SUMS); see the module.

    equity: shape (n,), room for that of a position, filled for every bar where there are lines.
    Returns how many trades there are, an open one included.
    """
    never = signals[0].size + 1
    trades, ruin = _play(signals, market, rules, sums, equity, lines, tables, blocks, never)
    if ruin < never:
        trades, _ = _play(signals, market, rules, sums, equity, lines, tables, blocks, ruin)
    return int(trades)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _play(
    signals: Signals, market: Market, rules: FloatArray, sums: FloatArray, equity: FloatArray,
    lines: Any, tables: Tables, blocks: Blocks, ruin: int,
) -> tuple[int, int]:  # fmt: skip
    """What `play` does; its trades, and the row after the close that leaves nothing of a position
    that goes on, at which it has to be closed: with that row as `ruin`, which is n for the last
    close and n + 1 for none, all is to be done again.
    """
    (z, hedge, t), (prices, table, log_prices) = signals, market
    levels, rate, n = (rules[0], rules[1], rules[2], rules[3]), rules[5], z.size
    until = n
    base = gross_base = peak = net = gross = 1.0
    trades = locked = block = 0
    ends, room = blocks
    sums[:] = room[:] = 0.0
    if lines is not None:
        account.flat(lines, equity, 0, t, 1.0, 1.0, 1.0)
    while True:
        signal: Bar = _entry(z, hedge, t, locked, levels, tables[0]) if base > 0.0 else n
        first = min(signal + 1, n)
        if lines is not None:
            account.flat(lines, equity, t, first, base, gross_base, peak)
        if first >= n:
            break
        if table.size and table[fills.NEXT_GAP, first] == first:  # no order outlives a gap
            t, locked = first, 0  # z had come back before it was ordered
            continue
        side = -1 if z[signal] > 0.0 else 1
        end = min(n, first + np.int64(rules[4]))
        leaving = _exit(z, side, first, end, levels, tables[1])
        ordered, reason = orders.exit_order(leaving, end, n, -side * z[min(leaving, n - 1)], levels)
        places, gap, reason = _places(table, first, ordered, reason, n)
        places, gap, reason = _ruined(places, gap, reason, ruin, n)
        last: Bar = ruin if reason == _RUIN else max(places[2], places[3], first)
        open_y, open_x = prices[0][first], prices[1][first]
        units = account.bought(side, float(hedge[signal]), open_y, open_x, log_prices)
        whole = min(places[2], places[3]) if places[0] == places[1] != NEVER else first
        account.mark(equity, prices[2], prices[3], first, whole, units, base, rate)
        if not fills.together(places, gap, n):
            fills.mark_apart(equity, prices, whole, last, units, places, gap, base, rate)
            account.wait(sums, places, first, ordered, n, gap)
        gain, traded = _result(prices, units, places, last, gap, reason, n)
        if reason == 0:
            stop, net = n, equity[n - 1]
        else:
            stop = last if reason == _RUIN else last + 1
            net = equity[stop - 1] = base * (1.0 + gain - rate * traded)
            account.close(sums, last - first, gain - rate * traded, reason == _GAP)
            locked = 0 if reason in (_TARGET, _GAP) else side
        gross = gross_base * (1.0 + gain)
        if lines is not None:
            account.held(lines, equity, first, last, side, peak)
            fills.gross_apart(lines[1], prices, first, last, units, places, gap, gross_base)
            row = last if reason == _RUIN else min(last, n - 1)
            noted = (first, row, side, reason, ordered, *places)
            account.note(lines, trades, noted, (gain, rate * traded, traded))
        low, high, block = account.tally(equity, first, stop, base, sums, ends, room, block)
        until = account.lost(equity, first) if low <= 0.0 else until
        if low <= 0.0 and until <= last and ruin > n:
            return trades, until
        high = max(high, peak)
        if low < high * (1.0 + sums[_DRAWDOWN]):  # a fall as deep may be in it
            high = account.fall(equity, first, stop, peak, sums)
        sums[_TURNOVER] += traded
        sums[_EXPOSED] += last - first
        trades += 1
        t, base, gross_base, peak = last, net, gross, high
    sums[_NET], sums[_GROSS] = net, gross
    sums[_END], sums[_BARS] = until, max(until - 1 - signals[2], 0)
    return trades, n + 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def score(
    signals: Signals, market: Market, cells: FloatArray, sums: FloatArray, blocks: Blocks
) -> None:
    """Trade many sets of rules on the same signals: a row of `cells` and of `sums` each.

    cells: shape (k, 6), a row as `play` takes the rules. Those with the same levels of entry
    and stop, or of exit and stop, do best side by side. blocks: with room of shape (k, blocks, 2).
    """
    z, hedge, _ = signals
    ends, room = blocks
    n = z.size
    equity = np.empty(n)
    all_entries, all_exits = np.empty(n + 1, np.int32), np.empty((2, n), np.int32)
    no_entries, no_exits = np.empty(0, np.int32), np.empty((2, 0), np.int32)
    for k in range(cells.shape[0]):
        rules = cells[k]
        levels = (rules[0], rules[1], rules[2], rules[3])
        before = k > 0 and orders.same_entries(rules, cells[k - 1])
        after = k + 1 < cells.shape[0] and orders.same_entries(rules, cells[k + 1])
        if after and not before:
            orders.fill_entries(z, hedge, levels, all_entries)
        entries = all_entries if before or after else no_entries
        before = k > 0 and orders.same_exits(rules, cells[k - 1])
        after = k + 1 < cells.shape[0] and orders.same_exits(rules, cells[k + 1])
        if after and not before:
            orders.fill_exits(z, levels, all_exits)
        exits = all_exits if before or after else no_exits
        tables, noted = (entries, exits), (ends, room[k])
        play(signals, market, rules, sums[k], equity, None, tables, noted)
