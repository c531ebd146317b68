"""The back-test of SPEC section 6 in plain Python, sharing no line with the engine.

Bars go into dictionaries, hedges are fitted anew at every bar, and two accounts (net and gross)
hold cash and quantities. Slow, and meant to be read beside the text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import Any

NAN = math.nan
EPS = 2.0**-52
MINUTE = 60_000
MINUTES_A_YEAR = 365 * 24 * 60


@dataclass
class Row:
    """A bar of the pair: times, opens and closes of both legs.

    traded: which legs did. counts: whether statistics rest on the row.
    """

    ts_ms: int
    opens: tuple[float, float]
    closes: tuple[float, float]
    traded: tuple[bool, bool] = (True, True)
    counts: bool = True


@dataclass
class Book:
    """What the account wrote, a value a bar; trades: (first, last, side, reason, net, cost).

    waits: bars for which each fill that waited did.
    """

    equity: list[float] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    trades: list[tuple[int, int, int, str, float, float]] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    turnover: float = 0.0


def rows_of(y_bars: Any, x_bars: Any, limit: int, min_trades: int) -> list[Row]:
    """Rows at the times of either leg from the first of the newest `limit` active ones on.

    Closes are carried forward, and a leg that did not trade opens at its carried close.
    """
    legs = []
    for bars in (y_bars, x_bars):
        columns = (bars.ts_ms, bars.open, bars.close, bars.trades)
        rows = zip(*(one.tolist() for one in columns), strict=True)
        legs.append({ts: (opened, close, trades) for ts, opened, close, trades in rows})
    last: list[float | None] = [None, None]
    rows, active_rows = [], []
    for ts in sorted({*legs[0], *legs[1]}):
        opens, traded, active = [], [], True
        for k, leg in enumerate(legs):
            traded.append(ts in leg)
            if ts in leg:
                opened, last[k], trades = leg[ts]
                active &= trades == -1 or trades >= min_trades
            else:
                opened, active = last[k], active and min_trades == 0
            opens.append(opened)
        if None not in last:
            if active:
                active_rows.append(len(rows))
            counts = active and all(traded)
            rows.append(Row(ts, tuple(opens), tuple(last), tuple(traded), counts))
    rows = rows[active_rows[-limit:][0] :] if active_rows else []
    priced = [all(math.isfinite(p) and p > 0 for p in (*one.opens, *one.closes)) for one in rows]
    return [one for one, good in zip(rows, priced, strict=True) if good]


def least_squares(y: list[float], x: list[float], intercept: bool) -> tuple[float, float]:
    """Slope and intercept; NaN where x does not move."""
    if not intercept:
        return math.fsum(a * b for a, b in zip(x, y, strict=True)) / math.fsum(
            b * b for b in x
        ), 0.0
    mean_y = y[0] + fmean(one - y[0] for one in y)
    mean_x = x[0] + fmean(one - x[0] for one in x)
    squares = math.fsum((one - mean_x) ** 2 for one in x)
    if squares == 0:
        return NAN, NAN
    beta = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / squares
    return beta, mean_y - beta * mean_x


class NothingToScaleByError(Exception):
    """A leg stands still over the warm-up, of which the SPEC says nothing."""


def kalman(
    y: list[float], x: list[float], window: int, intercept: bool
) -> list[tuple[float, float]]:
    """The filter of analytics.kalman on legs scaled by the first `window` rows."""
    centre_y, centre_x = (fmean(y[:window]), fmean(x[:window])) if intercept else (0.0, 0.0)
    unit_y = math.sqrt(fmean((one - centre_y) ** 2 for one in y[:window]))
    unit_x = 10.0 * math.sqrt(fmean((one - centre_x) ** 2 for one in x[:window]))
    for unit, leg in ((unit_y, y), (unit_x, x)):
        if unit <= 1e-12 * abs(leg[0]):
            raise NothingToScaleByError
    step, noise, free = 1e-4 / (1 - 1e-4), 1e-3, 1.0 if intercept else 0.0
    beta = alpha = covariance = 0.0
    var_beta, var_alpha = 100.0, free
    known = []
    for t, (one, other) in enumerate(zip(y, x, strict=True)):
        if t:
            var_beta += step
            var_alpha += step * free
        target, design = (one - centre_y) / unit_y, (other - centre_x) / unit_x
        surprise = target - beta * design - alpha
        gain_b, gain_a = var_beta * design + covariance, covariance * design + var_alpha
        total = gain_b * design + gain_a + noise
        beta += gain_b / total * surprise
        alpha += gain_a / total * surprise
        var_beta -= gain_b * gain_b / total
        covariance -= gain_b * gain_a / total
        var_alpha -= gain_a * gain_a / total
        ratio = unit_y / unit_x * beta
        known.append((ratio, centre_y + unit_y * alpha - ratio * centre_x))
    return [(NAN, NAN)] * (window - 1) + known[window - 1 :]


def hedges(
    y: list[float], x: list[float], settings: Any, intercept: bool
) -> list[tuple[float, float]]:
    """Beta and alpha that each bar is measured with: known a bar before, or one of all bars."""
    n, window = len(y), settings.hedge_window
    if settings.hedge_mode == "in-sample":
        return [least_squares(y, x, intercept)] * n
    if settings.hedge_mode == "kalman":
        return [(NAN, NAN), *kalman(y, x, window, intercept)[:-1]]
    return [
        least_squares(y[t - window : t], x[t - window : t], intercept)
        if t >= window
        else (NAN, NAN)
        for t in range(n)
    ]


def z_score(spread: list[float], window: int, floor: list[float]) -> list[float]:
    """Of the window that ends at each bar, ddof 1; NaN before one is full, and without spread.

    floor: the standard deviation that rounding leaves.
    """
    made = []
    for t in range(len(spread)):
        last = spread[t + 1 - window : t + 1] if t + 1 >= window else [NAN]
        if any(math.isnan(one) for one in last):
            made.append(NAN)
            continue
        mean = last[0] + fmean(one - last[0] for one in last)
        deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in last) / (window - 1))
        made.append((last[-1] - mean) / deviation if deviation > floor[t] else NAN)
    return made


def on_one_line(y: list[float], x: list[float], log: bool) -> bool:
    """Whether a line leaves less of Y than 1e-6 of its price, or a leg stands still."""
    mean_y, mean_x = (leg[0] + fmean(one - leg[0] for one in leg) for leg in (y, x))
    pairs = [(a - mean_y, b - mean_x) for a, b in zip(y, x, strict=True)]
    squares_y, squares_x = (math.fsum(pair[k] ** 2 for pair in pairs) for k in (0, 1))
    for squares, mean in ((squares_y, mean_y), (squares_x, mean_x)):
        if squares <= len(y) * (16 * EPS * (abs(mean) + log)) ** 2:
            return True
    slope = math.fsum(a * b for a, b in pairs) / squares_x
    least = 1e-6 * (1.0 if log else abs(mean_y))
    return math.fsum((a - slope * b) ** 2 for a, b in pairs) < len(y) * least**2


@dataclass
class Account:
    """Cash and quantities of one account; rate: what a fill costs of its value."""

    rate: float
    cash: float = 1.0
    held: list[float] = field(default_factory=lambda: [0.0, 0.0])
    paid: float = 0.0
    traded: float = 0.0

    def fill(self, leg: int, quantity: float, price: float) -> None:
        value = abs(quantity - self.held[leg]) * price
        self.cash -= (quantity - self.held[leg]) * price + self.rate * value
        self.paid += self.rate * value
        self.traded += value
        self.held[leg] = quantity

    def value(self, prices: tuple[float, float]) -> float:
        return self.cash + sum(q * p for q, p in zip(self.held, prices, strict=True))


class Trader:
    """Orders and fills of a back-test, bar by bar, of an account with costs and one without."""

    def __init__(self, rules: Any, log: bool) -> None:
        self.rules, self.log, self.book = rules, log, Book()
        self.net = Account((rules.cost_bps + rules.slippage_bps) / 1e4)
        self.gross = Account(0.0)
        self.side, self.waiting_side, self.reason = 0, None, None
        self.entered = self.ordered = 0
        self.to_buy: dict[int, tuple[float, float]] = {}
        self.to_sell: set[int] = set()
        self.start = 1.0

    def enter(self, t: int, row: Row, side: int, beta: float) -> None:
        self.side, self.entered, self.start = side, t, self.net.cash
        self.net.paid = self.net.traded = 0.0
        per_y, per_x = (1 / row.opens[0], beta / row.opens[1]) if self.log else (1.0, beta)
        unit = 1 / (per_y * row.opens[0] + abs(per_x) * row.opens[1])
        for leg, quantity in enumerate((side * per_y * unit, -side * per_x * unit)):
            self.to_buy[leg] = (quantity * self.net.cash, quantity * self.gross.cash)

    def leave(self, t: int, reason: str) -> None:
        self.reason, self.ordered = reason, t
        self.to_sell = {0, 1} - set(self.to_buy)
        self.to_buy = {}

    def fill(self, t: int, row: Row) -> None:
        for leg in (0, 1):
            if not row.traded[leg]:
                continue
            if leg in self.to_buy:
                of_net, of_gross = self.to_buy.pop(leg)
                self.net.fill(leg, of_net, row.opens[leg])
                self.gross.fill(leg, of_gross, row.opens[leg])
                self._note_wait(t - self.entered)
            elif leg in self.to_sell:
                self.to_sell.remove(leg)
                self._sell(leg, row.opens[leg])
                self._note_wait(t - self.ordered)
        if self.reason and not self.to_sell:
            self.close(t)

    def _note_wait(self, bars: int) -> None:
        if bars > 0:
            self.book.waits.append(bars)

    def _sell(self, leg: int, price: float) -> None:
        self.net.fill(leg, 0.0, price)
        self.gross.fill(leg, 0.0, price)

    def over_a_gap(self, t: int, before: Row) -> None:
        if self.side:
            sold = {0, 1} if not self.reason else self.to_sell
            for leg in sold - set(self.to_buy):
                self._sell(leg, before.closes[leg])
            self.reason, self.to_buy, self.to_sell = "gap", {}, set()
            self.close(t)

    def ruined(self, t: int, row: Row) -> None:
        """Nothing is left at the close of row t - 1: what is held is closed there."""
        for leg in {0, 1} - set(self.to_buy) if not self.reason else set(self.to_sell):
            self._sell(leg, row.closes[leg])
        self.reason, self.to_buy, self.to_sell = "ruin", {}, set()
        self.close(t)
        self.book.equity[-1], self.book.gross[-1] = self.net.cash, self.gross.cash

    def close(self, t: int) -> None:
        profit = (self.net.cash - self.start) / self.start
        row = (self.entered, t, self.side, self.reason, profit, self.net.paid / self.start)
        self.book.trades.append(row)
        self.book.turnover += self.net.traded / self.start
        self.waiting_side = self.side if self.reason in ("stop", "time") else None
        self.side, self.reason = 0, None

    def mark(self, row: Row) -> None:
        self.book.equity.append(self.net.value(row.closes))
        self.book.gross.append(self.gross.value(row.closes))
        self.book.position.append(self.side)


def account(z: list[float], hedge: list[float], rows: list[Row], rules: Any, log: bool) -> Book:
    """Trade a z-score: what the account wrote."""
    trader = Trader(rules, log)
    order: tuple | None = None
    for t, row in enumerate(rows):
        if t and row.ts_ms - rows[t - 1].ts_ms > 11 * MINUTE:
            trader.over_a_gap(t, rows[t - 1])
            order = None
        if order is not None and order[0] == "enter":
            trader.enter(t, row, order[1], hedge[t - 1])
        elif order is not None:
            trader.leave(t, order[1])
        trader.fill(t, row)
        order = None
        trader.mark(row)
        if trader.side and trader.book.equity[-1] <= 0.0:
            trader.ruined(t + 1, row)
        value = z[t]
        if trader.side:
            if trader.reason is None:
                order = _order_to_leave(-trader.side * value, t + 1 - trader.entered, rules)
            continue
        if trader.waiting_side is not None and -trader.waiting_side * value <= rules.exit_z:
            trader.waiting_side = None
        far = abs(value) >= rules.entry_z and (rules.stop_z is None or abs(value) < rules.stop_z)
        wanted = "short" if value > 0 else "long"
        legal = rules.sides in ("both", wanted) and trader.net.cash > 0
        if trader.waiting_side is None and far and legal and not math.isnan(hedge[t]):
            order = ("enter", -1 if wanted == "short" else 1)
    if trader.side:
        trader.book.turnover += trader.net.traded / trader.start
    return trader.book


def _order_to_leave(away: float, bars: int, rules: Any) -> tuple[str, str] | None:
    """away: distance from the mean on the side of entry; bars: held at the next open."""
    if rules.stop_z is not None and away >= rules.stop_z:
        return ("leave", "stop")
    if away <= rules.exit_z:
        return ("leave", "target")
    if rules.max_bars is not None and bars >= rules.max_bars:
        return ("leave", "time")
    return None


def figures(book: Book, z: list[float], per_year: float) -> dict[str, float]:
    """The figures of SPEC section 6, over the bars from the first z-score on."""
    start = next(t for t, value in enumerate(z) if not math.isnan(value))
    equity = book.equity[start : record_end(book)]
    returns = [b / a - 1 for a, b in pairwise(equity)]
    nets = [trade[4] for trade in book.trades]
    gains, losses = (math.fsum(one for one in nets if (one > 0) == up) for up in (True, False))
    net, gross = book.equity[-1] - 1, book.gross[-1] - 1
    deepest, peak = 0.0, 1.0
    for value in equity:
        peak = max(peak, value)
        deepest = min(deepest, value / peak - 1)
    return {
        "net_return": net,
        "gross_return": gross,
        "sharpe": _ratio(returns, per_year, lambda one, mean: (one - mean) ** 2, 1),
        "sortino": _ratio(returns, per_year, lambda one, mean: min(one, 0.0) ** 2, 0),
        "max_drawdown": deepest if book.turnover else NAN,
        "profit_factor": gains / -losses if losses < 0 else math.inf if gains else NAN,
        "hit_rate": sum(one > 0 for one in nets) / len(nets) if nets else NAN,
        "trades": len(nets),
        "average_holding_bars": fmean(last - first for first, last, *_ in book.trades)
        if nets
        else NAN,
        "turnover": book.turnover,
        "exposure": fmean(one != 0 for one in book.position[start + 1 : record_end(book)])
        if returns
        else NAN,
        "cost_share": 1 - net / gross if gross > 0 else NAN,
        "fills_waited": len(book.waits),
        "average_wait_bars": fmean(book.waits) if book.waits else NAN,
        "gap_exits": sum(trade[3] == "gap" for trade in book.trades),
    }


def record_end(book: Book) -> int:
    """Rows until the account is empty."""
    solvent = (t for t, value in enumerate(book.equity) if value <= 0.0)
    return next(solvent, len(book.equity) - 1) + 1


def _ratio(returns: list[float], per_year: float, square: Any, ddof: int) -> float:
    if len(returns) < 2:
        return NAN
    mean = fmean(returns)
    risk = math.fsum(square(one, mean) for one in returns) / (len(returns) - ddof)
    return mean / math.sqrt(risk) * math.sqrt(per_year) if risk > 0 else NAN


@dataclass
class Plain:
    """A whole back-test. missing: bars that were needed and are not there, else 0."""

    missing: int = 0
    rows: list[Row] = field(default_factory=list)
    hedge: list[float] = field(default_factory=list)
    z: list[float] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    figures: dict[str, float] = field(default_factory=dict)


def backtest(y_bars: Any, x_bars: Any, params: Any, settings: Any) -> Plain:
    """From bars of one minute to figures."""
    rows = rows_of(y_bars, x_bars, params.limit, params.min_trades)
    counted = [t for t, one in enumerate(rows) if one.counts]
    need = settings.hedge_window + params.z_window + 1
    if len(counted) < need:
        return Plain(missing=need - len(counted))
    log = params.price_space == "log"
    closes = [rows[t].closes for t in counted]
    y, x = ([math.log(one[k]) if log else one[k] for one in closes] for k in (0, 1))
    known = hedges(y, x, settings, params.intercept)
    lines = list(zip(y, x, known, strict=True))
    spread = [one - beta * other - alpha for one, other, (beta, alpha) in lines]
    spread[: settings.hedge_window] = [NAN] * settings.hedge_window
    floor = [64 * EPS * (abs(one) + abs(beta * other) + log) for one, other, (beta, _) in lines]
    values = z_score(spread, params.z_window, floor)
    rests = settings.hedge_window + params.z_window
    for t in range(len(values)):
        part = slice(max(t + 1 - rests, 0), t + 1)
        if on_one_line(y[part], x[part], log):
            values[t] = NAN
    if all(math.isnan(one) for one in values):
        return Plain(missing=1)
    z, hedge = [NAN] * len(rows), [NAN] * len(rows)
    for t, value, (beta, _) in zip(counted, values, known, strict=True):
        z[t], hedge[t] = value, beta
    book = account(z, hedge, rows, settings, log)
    start = next(t for t, value in enumerate(z) if not math.isnan(value))
    earned = rows[start + 1 : record_end(book)] or rows[-1:]  # the rows that the returns are of
    minutes = (earned[-1].ts_ms - earned[0].ts_ms) / MINUTE + 1
    per_year = MINUTES_A_YEAR * len(earned) / minutes
    return Plain(0, rows, hedge, z, book, figures(book, z, per_year))
