"""Sentences on a back-test: its result at the head of the page, and the rows of its figures.

A segment is (words, tone), a row (label, value, words, tone); tones are those of
`dashapp.text.answers`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from analytics.backtest import BacktestResult, Trade
from analytics.bars import usual_step
from dashapp.text.numbers import NONE, bar_span, counted, duration, number, pct
from dashapp.text.pair import Segment, legs_warning, newest, sign_tone, trade_words
from dashapp.text.tests import Row

#: A Sharpe of less time, or of fewer trades, is shown but not judged by.
DAY_MS = 86_400_000
ENOUGH_TRADES = 5
#: Costs above this many times the gross return are no share of it any more.
MOST_SHARE = 10.0


@dataclass(frozen=True, slots=True)
class WordedTrade(Trade):
    """A trade as exports and HTTP give it. legs: its position in each leg, in words."""

    legs: str = ""


def worded_trades(result: BacktestResult) -> list[WordedTrade]:
    """The trades of a back-test with the words of their legs, oldest first."""
    y, x = result.params.y, result.params.x
    return [
        WordedTrade(**asdict(trade), legs=trade_words(trade.side, trade.beta, y, x))
        for trade in result.trades
    ]


def answer_of(result: BacktestResult) -> list[Segment]:
    """The result of a back-test in one sentence."""
    figures = result.figures
    return backtest_answer(
        net=figures.net_return,
        sharpe=figures.sharpe,
        drawdown=figures.max_drawdown,
        trades=figures.trades,
        cost_share=figures.cost_share,
        in_sample=result.in_sample,
        break_even=newest(result.break_even_z),
        entry=result.settings.entry_z,
        span_ms=float(result.ts_ms[-1] - result.ts_ms[0]),
    )


def backtest_answer(
    *,
    net: float,
    sharpe: float,
    drawdown: float,
    trades: int,
    cost_share: float | None = None,
    in_sample: bool = False,
    break_even: float | None = None,
    entry: float = math.inf,
    span_ms: float | None = None,
) -> list[Segment]:
    """The back-test's result. net, drawdown: shares of 1; cost_share: of the gross return.

    break_even: |z| below which a round trip does not pay its costs, at the newest bar; None or
    NaN if not known. entry: |z| at which trades are entered.

    trades: closed ones. span_ms: time that the Sharpe is annualised from, None if not known;
    under a day, or under five trades, it is no ground for a verdict.
    """
    if trades == 0:
        return [("no closed trade: |z| never made the round from entry to exit", "muted")]
    segments: list[Segment] = [
        (f"net {pct(net)}", sign_tone(net)),
        (f"max drawdown {pct(-abs(drawdown))}", ""),
        (counted(trades, "trade"), ""),
    ]
    short = span_ms is not None and span_ms < DAY_MS
    if short or trades < ENOUGH_TRADES:
        digits = 0 if abs(sharpe) >= 100 else 2
        since = f" (annualised from {duration(span_ms)})" if span_ms is not None else ""
        segments.append((f"Sharpe {number(sharpe, digits)}{since}", "muted"))
        segments.append((f"too {'short' if short else 'few trades'} to judge", "warn"))
    else:
        segments.insert(1, (f"Sharpe {number(sharpe, 2)}", ""))
    if costs := cost_words(cost_share):
        segments.append((costs, "warn" if cost_share is not None and cost_share > 0.5 else "muted"))
    if break_even is not None and math.isfinite(break_even):
        words = f"break-even |z| {number(break_even, 1)}"
        under = break_even >= entry
        segments.append(
            (f"{words}: entries do not pay" if under else words, "warn" if under else "")
        )
    if in_sample:
        segments.append(("in-sample: the hedge knew the future", "warn"))
    return segments


def cost_words(share: float | None) -> str:
    """What costs took of the gross return, "" where that is not known or it was a loss.

    >>> cost_words(0.61), cost_words(20.6), cost_words(float("nan"))
    ('costs took 61 % of gross', 'costs exceed the gross profit', '')
    """
    if share is None or not math.isfinite(share) or share < 0:
        return ""
    if share > MOST_SHARE:
        return "costs exceed the gross profit"
    return f"costs took {pct(share, 0, signed=False)} of gross"


def figure_rows(result: BacktestResult) -> list[Row]:
    """The result's figures: label, value, words, tfigures."""
    figures = result.figures
    timeframe = result.params.timeframe
    step = usual_step(result.ts_ms, timeframe)
    holding = bar_span(figures.average_holding_bars, timeframe, step) if figures.trades else NONE
    dropped = f"{result.rows_dropped:,} rows dropped" if result.rows_dropped else ""
    return [
        (
            "Net return",
            pct(figures.net_return),
            "on gross exposure, after costs",
            sign_tone(figures.net_return),
        ),
        ("Gross return", pct(figures.gross_return), "before costs", "muted"),
        ("Sharpe", number(figures.sharpe, 2), "annual, 365 × 24 h", "muted"),
        ("Sortino", number(figures.sortino, 2), "annual, 365 × 24 h", "muted"),
        ("Max drawdown", pct(figures.max_drawdown), "", ""),
        ("Profit factor", number(figures.profit_factor, 2), "gains over losses", "muted"),
        (
            "Hit rate",
            pct(figures.hit_rate, 0, signed=False),
            f"of {figures.trades:,} closed trades",
            "muted",
        ),
        ("Average holding", holding, "", ""),
        ("Turnover", f"{number(figures.turnover, 1)} ×", "of the equity, both legs", "muted"),
        ("Exposure", pct(figures.exposure, 0, signed=False), "of the bars", "muted"),
        (
            "Costs",
            pct(figures.net_return - figures.gross_return),
            cost_words(figures.cost_share) or "no gross profit to take from",
            "muted",
        ),
        ("Hedge", "", result.label, "warn" if result.in_sample else "muted"),
        ("Bars", f"{len(result.ts_ms):,}", dropped, "muted"),
        *_legs_rows(result),
    ]


def _legs_rows(result: BacktestResult) -> list[Row]:
    """A warning where trades held both legs on the same side; no row where none did."""
    warnings = [words for trade in result.trades if (words := legs_warning(trade.beta))]
    if not warnings:
        return []
    count = f"{len(warnings):,} of {len(result.trades):,} trades"
    return [("Legs on one side", count, warnings[0], "warn")]
