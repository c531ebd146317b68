"""Sentences on a back-test: its result at the head of the page, and the rows of its figures.

A segment is (words, tone), a row (label, value, words, tone); tones are those of
`dashapp.text.answers`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from analytics.backtest import BacktestResult, TrackRecord, Trade
from analytics.bars import usual_step
from analytics.carry import trades_funding
from analytics.model import FloatArray, IntArray
from dashapp.text.numbers import NONE, bar_span, counted, duration, number, pct, utc_time
from dashapp.text.pair import Segment, legs_warning, newest, sign_tone, trade_sentence
from dashapp.text.targets import Targets, break_even_rows, pay_segments, targets_of
from dashapp.text.tests import Row

#: A Sharpe of fewer trades is shown but not judged by.
ENOUGH_TRADES = 5
#: Probability from which a sweep's best is more than luck, and from which its choice overfits.
FIRM, EVEN_CHANCE = 0.95, 0.5
#: What changes of a result whose settings are the same: its data.
NEWER = "newer bars"
#: Costs above this many times the gross return are no share of it any more.
MOST_SHARE = 1.0


@dataclass(frozen=True, slots=True)
class WordedTrade(Trade):
    """A trade as exports and HTTP give it. legs: its position in each leg, in words, with a warning
    where they move against each other. funding: what that would have cost it at the rates of now,
    as a share of its gross exposure at entry, below 0 where it received, not in `net`; None where
    the market has none.
    """

    legs: str = ""
    funding: float | None = None


def worded_trades(
    result: BacktestResult, funding: tuple[float, float] | None = None
) -> list[WordedTrade]:
    """The trades of a back-test with the words of their legs, oldest first. funding: as
    `funding_cost`.
    """
    y, x = result.params.y, result.params.x
    return [
        WordedTrade(
            **asdict(trade),
            legs=trade_sentence(trade.side, trade.beta, y, x),
            funding=funding_cost(result, (trade,), funding),
        )
        for trade in result.trades
    ]


def funding_cost(
    result: BacktestResult, trades: Sequence[Trade], funding: tuple[float, float] | None
) -> float | None:
    """What funding would have cost trades of a back-test at the rates of now, None where it is
    not known: the sum of their shares of gross exposure, below 0 where they received.

    funding: what a long position in each leg pays a day, as a share of its worth.
    """
    if funding is None:
        return None
    return trades_funding(trades, *funding, price_space=result.params.price_space)


def answer_of(result: BacktestResult) -> list[Segment]:
    """The result of a back-test in one sentence."""
    figures, lost = result.figures, _lost_at(result.equity)
    until = -1 if lost is None else lost
    segments = backtest_answer(
        net=figures.net_return,
        sharpe=figures.sharpe,
        drawdown=figures.max_drawdown,
        trades=figures.trades,
        cost_share=figures.cost_share,
        in_sample=result.in_sample,
        break_even=newest(result.break_even_z),
        targets=targets_of(result),
        entry=result.settings.entry_z,
        span_ms=float(result.ts_ms[until] - result.ts_ms[np.argmax(np.isfinite(result.z))]),
        record=result.record,
        opened=_opened(result),
        reached=_reached(result.z),
    )
    against = [(f"{words} in {count}", tone) for _, count, words, tone in _legs_rows(result)]
    return [*ruin_segments(result.equity, result.ts_ms), *segments, *against]


def ruin_segments(equity: FloatArray, ts_ms: IntArray) -> list[Segment]:
    """When an account lost all that it had, nothing where it did not.

    equity, ts_ms: at each bar's close, and the times of the bars, shape (n,) each.

    >>> ruin_segments(np.array([1.0, 0.4, -0.1]), np.array([0, 60_000, 120_000]))
    [('lost everything at 1970-01-01 00:02:00 UTC, traded no more', 'down')]
    """
    lost = _lost_at(equity)
    if lost is None:
        return []
    return [(f"lost everything at {utc_time(ts_ms[lost])} UTC, traded no more", "down")]


def _lost_at(equity: FloatArray) -> int | None:
    """The bar at whose close nothing is left of an account; None where there is none."""
    lost = np.flatnonzero(equity <= 0.0)
    return int(lost[0]) if len(lost) else None


def _opened(result: BacktestResult) -> bool:
    """Whether a trade is open at the last bar."""
    return bool(result.trades) and result.trades[-1].exit_reason == "open"


def backtest_answer(
    *,
    net: float,
    sharpe: float,
    drawdown: float,
    trades: int,
    cost_share: float | None = None,
    in_sample: bool = False,
    break_even: float = math.nan,
    targets: Targets | None = None,
    entry: float = math.inf,
    span_ms: float | None = None,
    record: TrackRecord | None = None,
    opened: bool = False,
    reached: float = math.nan,
) -> list[Segment]:
    """The back-test's result. net, drawdown: shares of 1; cost_share: of the gross return.

    break_even, targets, entry: see `dashapp.text.targets.pay_segments`.

    trades: closed ones; under five of them are no ground for a verdict. opened: whether one is
    still open, which the net return holds as it stands. reached: the largest |z| of a close, NaN if
    not known. span_ms: time that the
    Sharpe is annualised from, None if not known. record: what the Sharpe can be trusted; below
    its minimum it is no ground for a verdict either.
    """
    if trades == 0 and opened:
        return [(f"no closed trade, one open: net {pct(net)} as it stands", "muted")]
    if trades == 0:
        return [(_no_trade(reached, entry), "muted")]
    segments: list[Segment] = [
        (f"net {pct(net)}", sign_tone(net)),
        (f"max drawdown {pct(-abs(drawdown))}", ""),
        (f"{counted(trades, 'trade')}{' and one open' if opened else ''}", ""),
    ]
    short = record is not None and record.too_short
    if short or trades < ENOUGH_TRADES:
        since = f" (annualised from {duration(span_ms)})" if span_ms is not None else ""
        segments.append((f"Sharpe {sharpe_text(sharpe, record)}{since}", "muted"))
        segments.append((f"too {'short' if short else 'few trades'} to judge", "warn"))
    else:
        segments.insert(1, (f"Sharpe {sharpe_text(sharpe, record)}", ""))
    if costs := cost_words(cost_share):
        segments.append((costs, "warn" if cost_share is not None and cost_share > 0.5 else "muted"))
    segments += pay_segments(break_even, entry, targets)
    if in_sample:
        segments.append(("in-sample: the hedge knew the future", "warn"))
    return segments


def _reached(z: FloatArray) -> float:
    """The largest |z| of a close, NaN without any."""
    return float(np.fmax.reduce(np.abs(z), initial=math.nan))


def _no_trade(reached: float, entry: float) -> str:
    """Why nothing was traded.

    >>> _no_trade(3.219, 4.5), _no_trade(4.8, 4.5)
    ('no trade: |z| reached 3.21, the entry is 4.5', 'no trade: no order to enter was filled')
    """
    if reached < entry:
        below = math.floor(100.0 * reached) / 100.0  # rounded up it may be the entry
        return f"no trade: |z| reached {number(below, 2)}, the entry is {entry:g}"
    return "no trade: no order to enter was filled"


def sharpe_text(sharpe: float, record: TrackRecord | None = None) -> str:
    """A Sharpe ratio with its standard error, where that is known.

    >>> sharpe_text(1.834), sharpe_text(523.4, TrackRecord(900, 523.4, 41.7, 1.0, 40.0))
    ('1.83', '523 ± 42')
    """
    return ratio_text(sharpe, math.nan if record is None else record.stderr)


def ratio_text(ratio: float, error: float) -> str:
    """A ratio with its standard error, NaN where that is not known.

    >>> ratio_text(1.834, 0.416), ratio_text(1.834, 250.2), ratio_text(1.834, math.nan)
    ('1.83 ± 0.42', '2 ± 250', '1.83')
    """
    known = math.isfinite(error)
    digits = 0 if max(abs(ratio), error if known else 0.0) >= 100 else 2
    text = number(ratio, digits)
    return f"{text} ± {number(error, digits)}" if known else text


def stale_words(changed: Sequence[str]) -> str:
    """What is not so any more of a result that stands beside a fresh one.

    >>> stale_words(["newer bars"]), stale_words(["Stop |z|", "z window"])
    ('stale: there are newer bars', 'stale: Stop |z|, z window changed since')
    """
    if list(changed) == [NEWER]:
        return f"stale: there are {NEWER}"
    return f"stale: {', '.join(changed)} changed since"


def record_words(record: TrackRecord, trades: int) -> tuple[str, str, str]:
    """How many of the bars that it takes to judge there are: value, words, tone. trades: closed.

    >>> record_words(TrackRecord(900, 1.2, 9.0, 0.55, 40_000.0), 12)[:2]
    ('900 bars', 'too short to judge: 40,000 would tell the Sharpe ratio from 0 at 95 %')
    >>> record_words(TrackRecord(900, 9.0, 2.0, 0.99, 400.0), 1)[:2]
    ('900 bars', 'too few trades to judge: 1 trade, 5 at least')
    """
    have = f"{record.bars:,} bars"
    if not math.isfinite(record.min_bars):
        return have, "too short to judge", "warn"
    enough = f"{math.ceil(record.min_bars):,}"
    if record.too_short:
        return (
            have,
            f"too short to judge: {enough} would tell the Sharpe ratio from 0 at 95 %",
            "warn",
        )
    if trades < ENOUGH_TRADES:
        few = f"{counted(trades, 'trade')}, {ENOUGH_TRADES} at least"
        return have, f"too few trades to judge: {few}", "warn"
    return have, f"{enough} tell the Sharpe ratio from 0 at 95 %", "muted"


def luck_segments(
    deflated: float, cells: int, overfitting: float | None, best: TrackRecord | None = None
) -> list[Segment]:
    """How much of a sweep's best Sharpe ratio may be luck; none where that is not known.

    deflated: deflated Sharpe ratio, the probability that the best of `cells` is above 0 in
    truth. overfitting: probability that the choice of the best cell overfits, 0 to 1. best: the
    record of that cell.

    >>> luck_segments(0.43, 63, math.nan, TrackRecord(900, 1.834, 0.412, 1.0, 400.0))
    [('best Sharpe 1.83 ± 0.41, deflated ratio 43 % over 63 cells', 'warn')]
    >>> luck_segments(math.nan, 63, 0.61)
    [('choosing by Sharpe overfits in 61 % of splits', 'warn')]
    """
    segments: list[Segment] = []
    if math.isfinite(deflated):
        ratio = "" if best is None else f" {sharpe_text(best.sharpe, best)}"
        share = pct(deflated, 0, signed=False)
        words = f"best Sharpe{ratio}, deflated ratio {share} over {counted(cells, 'cell')}"
        segments.append((words, "warn" if deflated < FIRM else "muted"))
    if overfitting is not None and math.isfinite(overfitting):
        words = f"choosing by Sharpe overfits in {pct(overfitting, 0, signed=False)} of splits"
        segments.append((words, "warn" if overfitting >= EVEN_CHANCE else "muted"))
    return segments


def deflated_segments(out: float, hindsight: float, cells: int) -> list[Segment]:
    """The deflated Sharpe ratios of walking forward, which are probabilities, out of sample and
    with hindsight; none where the first is not known. cells: how many were tried.

    >>> deflated_segments(0.96, 0.43, 63)
    [('deflated ratio 96 % against 43 % over 63 cells', 'muted')]
    """
    if not math.isfinite(out):
        return []
    shares = [pct(share, 0, signed=False) for share in (out, hindsight)]
    words = f"deflated ratio {shares[0]} against {shares[1]} over {counted(cells, 'cell')}"
    return [(words, "warn" if out < FIRM else "muted")]


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


def figure_rows(result: BacktestResult, funding: tuple[float, float] | None = None) -> list[Row]:
    """The result's figures: label, value, words, tone. funding: what a long position in each leg
    pays a day, as a share of its worth; None where it is not known.
    """
    figures, timeframe = result.figures, result.params.timeframe
    step = usual_step(result.ts_ms, timeframe)
    holding = bar_span(figures.average_holding_bars, timeframe, step) if figures.trades else NONE
    every = "of all bars, as a time stop counts" if result.rows_carried else ""
    dropped = f"{result.rows_dropped:,} rows dropped" if result.rows_dropped else ""
    after_costs, costs = "on gross exposure, after costs", cost_words(figures.cost_share)
    cost = figures.net_return - figures.gross_return
    if _lost_at(result.equity) is not None:  # both are of an account that is gone
        cost = -figures.turnover * result.settings.cost_rate
        costs = "of the equity at each entry, which is lost"
    closed = f"of {counted(figures.trades, 'closed trade')}"
    profit, profit_words = _profit_words(figures.profit_factor)
    if _opened(result):
        closed, profit_words = f"{closed}, one open left out", f"{profit_words}, of closed trades"
    return [
        ("Net return", pct(figures.net_return), after_costs, sign_tone(figures.net_return)),
        ("Gross return", pct(figures.gross_return), "before costs", "muted"),
        *_sharpe_rows(result),
        ("Sortino", number(figures.sortino, 2), "annual, 365 × 24 h", "muted"),
        ("Max drawdown", pct(figures.max_drawdown), "", ""),
        ("Profit factor", profit, profit_words, "muted"),
        ("Hit rate", pct(figures.hit_rate, 0, signed=False), closed, "muted"),
        ("Average holding", holding, every, ""),
        ("Turnover", f"{number(figures.turnover, 1)} ×", "of the equity, both legs", "muted"),
        ("Exposure", pct(figures.exposure, 0, signed=False), "of the bars", "muted"),
        ("Costs", pct(cost), costs or "no gross profit to take from", "muted"),
        *_funding_rows(result, funding),
        *break_even_rows(result),
        *_fill_rows(result),
        ("Hedge", "", result.label, "warn" if result.in_sample else "muted"),
        ("Bars", f"{len(result.ts_ms):,}", dropped, "muted"),
        *_legs_rows(result),
    ]


def _sharpe_rows(result: BacktestResult) -> list[Row]:
    """The Sharpe ratio with its error, the probability that it is above 0, the track record."""
    record, sharpe = result.record, result.figures.sharpe
    row = ("Sharpe", sharpe_text(sharpe, record), "annual, 365 × 24 h", "muted")
    if record is None or not math.isfinite(record.psr):
        return [row]
    above = ("P(true Sharpe > 0)", pct(record.psr, 1, signed=False), "PSR", "muted")
    return [row, above, ("Track record", *record_words(record, result.figures.trades))]


def _funding_rows(result: BacktestResult, funding: tuple[float, float] | None) -> list[Row]:
    """What funding would have cost, where the market has it."""
    paid = funding_cost(result, result.trades, funding)
    if paid is None or not result.trades:
        return []
    side = "paid, " if paid > 0 else "received, " if paid < 0 else ""
    words = f"{side}of the gross exposure, at the rates of now; not in the equity"
    return [("Funding", pct(-paid), words, "warn" if paid > 0 else "muted")]


def _profit_words(factor: float) -> tuple[str, str]:
    """A profit factor; infinite where nothing was lost."""
    return ("∞", "no loss") if factor == math.inf else (number(factor, 2), "gains over losses")


def _fill_rows(result: BacktestResult) -> list[Row]:
    """Fills that waited for a leg to trade, and positions closed before a gap."""
    figures, rows = result.figures, []
    if figures.fills_waited:
        waited = f"{number(figures.average_wait_bars, 1)} bars on average, until the leg traded"
        rows.append(("Fills that waited", f"{figures.fills_waited:,}", waited, "warn"))
    if figures.gap_exits:
        words = "at the last prices before a gap in the data"
        rows.append(("Closed before gaps", counted(figures.gap_exits, "trade"), words, "warn"))
    return rows


def _legs_rows(result: BacktestResult) -> list[Row]:
    """A warning where trades held both legs on the same side; no row where none did."""
    warnings = [words for trade in result.trades if (words := legs_warning(trade.beta))]
    if not warnings:
        return []
    count = f"{len(warnings):,} of {len(result.trades):,} trades"
    return [("Legs on one side", count, warnings[0], "warn")]
