"""The answer line of each page and the trust strip's figures: one voice for all.

A sentence is a list of segments (text, tone): clauses that the page sets side by side,
each in its tone: "" plain, "up", "down", "warn" or "muted". `plain` joins them to text.
Numbers are written by `numerals`, rows of figures by `verdicts`; both are reached from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.model import NotReady, PairSnapshot
from dashapp.text.methods import signal_depends_on
from dashapp.text.numbers import SIGNIFICANT_P, duration, number, p_value, pct, price
from dashapp.text.pair import (
    CARRIED_WARN,
    BreakEven,
    Segment,
    inside_costs,
    newest,
    pair_figures,
    sign_tone,
    stance,
)
from dashapp.text.tests import (
    Row,
    half_life_span,
    not_cointegrated,
    shown_spread_tested,
    stationarity_verdict,
)

__all__ = [
    "Row",
    "Segment",
    "alerts_answer",
    "backtest_answer",
    "correlation_answer",
    "cost_words",
    "data_answer",
    "home_answer",
    "pair_answer",
    "pair_figures",
    "plain",
    "stationarity_verdict",
    "trust_figures",
]


#: A Sharpe of less time, or of fewer trades, is shown but not judged by.
DAY_MS = 86_400_000
ENOUGH_TRADES = 5
#: Costs above this many times the gross return are no share of it any more.
MOST_SHARE = 10.0
#: Counts of the strip that are usual at zero and show only above it.
_SELDOM = ("backfilled", "outliers", "duplicate", "amended", "late", "dropped")
#: Letters of a rejected message that the strip quotes.
LONGEST = 60
_WORDED = {"amended": "late {:,} (merged)", "late": "late {:,} (too old)"}


class Summary(Protocol):
    """What the answer line of Home reads of a symbol's figures; change is a share of 1."""

    @property
    def last(self) -> float: ...
    @property
    def change(self) -> float: ...
    @property
    def vwap(self) -> float: ...


def plain(segments: Iterable[Segment]) -> str:
    """The segments as one line of text.

    >>> plain([("z +2.31", "down"), ("BTCUSDT rich", "")])
    'z +2.31 · BTCUSDT rich'
    """
    return " · ".join(text for text, _ in segments)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def home_answer(summaries: Mapping[str, Summary]) -> list[Segment]:
    """The market's summary: where its first symbol stands, the strongest and the weakest.

    summaries: symbol -> figures of the stretch in view.
    """
    known = {name: one for name, one in summaries.items() if math.isfinite(one.change)}
    if not known:
        return [("no prices yet", "muted")]
    first = next(iter(known))
    made: list[Segment] = [(f"{first} {price(known[first].last)}", "")]
    if len(known) == 1:
        one = known[first]
        made.append((pct(one.change), sign_tone(one.change)))
        if math.isfinite(one.vwap):
            made.append((f"{'above' if one.last > one.vwap else 'below'} its VWAP", ""))
        return made
    rising = sum(one.change > 0 for one in known.values())
    made.append((f"{rising} of {len(known)} up", ""))
    ranked = sorted(known, key=lambda name: known[name].change)
    for words, name in (("strongest", ranked[-1]), ("weakest", ranked[0])):
        change = known[name].change
        made.append((f"{words} {name} {pct(change)}", sign_tone(change)))
    above = sum(one.last > one.vwap for one in known.values())
    return [*made, (f"{above} of {len(known)} above VWAP", "")]


def pair_answer(
    snapshot: PairSnapshot | NotReady, threshold: float, break_even: BreakEven | None = None
) -> list[Segment]:
    """The pair's finding, with the trade in words.

    threshold: |z| from which there is a trade. break_even: below it a round trip does not pay
    its costs, so that there is none; None if not known.
    """
    if isinstance(snapshot, NotReady):
        return [(str(snapshot), "muted")]
    made = stance(snapshot, threshold, break_even)
    if snapshot.half_life is None:
        made.append(("no half-life: the spread does not revert", "warn"))
    else:
        tone = "muted" if not_cointegrated(snapshot) else ""
        made.append((f"half-life {half_life_span(snapshot)}", tone))
    test = snapshot.engle_granger
    if test is not None and math.isfinite(test.pvalue):
        firm, shown = test.pvalue < SIGNIFICANT_P, shown_spread_tested(snapshot)
        verdict = "cointegrated" if firm else "not cointegrated"
        whose = "" if shown else " of the OLS spread"
        tone = "warn" if not firm else "up" if shown else "muted"
        made.append((f"{verdict} {p_value(test.pvalue)}{whose}", tone))
    hangs = signal_depends_on(snapshot, threshold)
    if hangs:
        made.append((f"the signal depends on {' and '.join(hangs)}", "warn"))
    if break_even is not None and math.isfinite(break_even.z):
        z = newest(snapshot.z)
        under = inside_costs(z, break_even)
        if not (under and abs(z) >= threshold):  # else the stance says so
            made.append((break_even.words, "warn" if under else ""))
    if snapshot.carried_share >= CARRIED_WARN:
        made.append((f"{pct(snapshot.carried_share, 0, signed=False)} carried forward", "warn"))
    return made


def correlation_answer(symbols: Sequence[str], matrix: npt.NDArray[np.float64]) -> list[Segment]:
    """The tightest and the loosest pair of a correlation matrix (n, n)."""
    rows, columns = np.triu_indices(len(symbols), 1)
    values = np.asarray(matrix, dtype=np.float64)[rows, columns]
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return [("correlation needs two symbols with bars at the same times", "muted")]
    sizes = np.abs(values[known])
    ends = (known[int(np.argmax(sizes))], known[int(np.argmin(sizes))])

    def words(index: int) -> str:
        names = f"{symbols[rows[index]]} / {symbols[columns[index]]}"
        return f"{names} {number(values[index], 2, signed=True)}"

    if ends[0] == ends[1]:
        return [(words(ends[0]), ""), (f"{_plural(len(values), 'pair')}", "muted")]
    made: list[Segment] = [(f"tightest {words(ends[0])}", ""), (f"loosest {words(ends[1])}", "")]
    missing = len(values) - len(known)
    made.append((_plural(len(values), "pair"), "muted"))
    return [*made, (f"{missing} not known yet", "warn")] if missing else made


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
    made: list[Segment] = [
        (f"net {pct(net)}", sign_tone(net)),
        (f"max drawdown {pct(-abs(drawdown))}", ""),
        (_plural(trades, "trade"), ""),
    ]
    short = span_ms is not None and span_ms < DAY_MS
    if short or trades < ENOUGH_TRADES:
        digits = 0 if abs(sharpe) >= 100 else 2
        since = f" (annualised from {duration(span_ms)})" if span_ms is not None else ""
        made.append((f"Sharpe {number(sharpe, digits)}{since}", "muted"))
        made.append((f"too {'short' if short else 'few trades'} to judge", "warn"))
    else:
        made.insert(1, (f"Sharpe {number(sharpe, 2)}", ""))
    if costs := cost_words(cost_share):
        made.append((costs, "warn" if cost_share is not None and cost_share > 0.5 else "muted"))
    if break_even is not None and math.isfinite(break_even):
        words = f"break-even |z| {number(break_even, 1)}"
        under = break_even >= entry
        made.append((f"{words}: entries do not pay" if under else words, "warn" if under else ""))
    if in_sample:
        made.append(("in-sample: the hedge knew the future", "warn"))
    return made


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


def alerts_answer(
    armed: int, fired_today: int, paused: int = 0, last: str | None = None
) -> list[Segment]:
    """How many rules are armed and paused, how many alerts fired today, and the last one."""
    words = f"{_plural(armed, 'rule')} armed" if armed else "no rule armed"
    made: list[Segment] = [(words, "" if armed else "muted")]
    if paused:
        made.append((f"{paused:,} paused: the feed is silent", "warn"))
    made.append((f"{fired_today:,} fired today", "warn" if fired_today else "muted"))
    return [*made, (f"last: {last}", "")] if last else made


def data_answer(
    title: str, symbols: int, ticks: int, bar_count: int, span_ms: float, rejected: int = 0
) -> list[Segment]:
    """What a market holds: symbols, ticks, bars in view and their span, and what it refused."""
    if not symbols:
        return [(f"{title} holds no data yet", "muted")]
    made: list[Segment] = [(title, ""), (_plural(symbols, "symbol"), "")]
    if ticks:
        made.append((_plural(ticks, "tick"), ""))
    made.append((f"{_plural(bar_count, 'bar')} in view over {duration(span_ms)}", ""))
    return [*made, (f"{rejected:,} rejected", "warn")] if rejected else made


def trust_figures(trust: Mapping[str, Any]) -> list[Segment]:
    """The strip's figures: rate, age of the last tick, lag, and every count of what was lost.

    trust: any of what `trust.trust_of` tells, carried_share (0 to 1), and archive (what is
    wrong with it, in words). What is absent, None or empty is left out, and so is what was
    rejected and is no fault.
    """
    made: list[Segment] = []
    rate, age = trust.get("rate"), trust.get("age_s")
    if rate is not None:
        made.append((f"{rate:,.0f} ticks/s", ""))
    if age is not None:
        made.append((f"last {age:.1f} s" if age < 60 else f"last {duration(age * 1e3)}", ""))
    median, tail = trust.get("lag_p50_ms"), trust.get("lag_p99_ms")
    if median is not None and tail is not None:
        made.append((_lag(median, tail), ""))
    if trust.get("skew_ms") is not None:
        made.append((f"this clock is {trust['skew_ms'] / 1e3:.1f} s behind the exchange", "warn"))
    if trust.get("clock_jump_s") is not None:
        jump = number(trust["clock_jump_s"], 0, signed=True)
        made.append((f"this clock jumped by {jump} s", "warn"))
    if trust.get("archive"):
        made.append((trust["archive"], "warn"))
    if trust.get("redis"):
        made.append((trust["redis"], "warn"))
    for name in ("gaps", *_SELDOM, "rejected"):
        made += _count(trust, name)
    if trust.get("carried_share") is not None:
        share = trust["carried_share"]
        tone = "warn" if share >= CARRIED_WARN else ""
        made.append((f"carried {pct(share, 0, signed=False)}", tone))
    return made


def _lag(median: float, tail: float) -> str:
    """Lag from exchange to here; of a recording that is played it is years."""
    if tail < 60_000:
        return f"lag {median:.0f}/{tail:.0f} ms"
    return f"lag {duration(median)}"


def shortened(text: str) -> str:
    """A text from outside, no longer than a line has room for.

    >>> shortened("json: " + "x" * 100)[-3:]
    'xx…'
    """
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _count(trust: Mapping[str, Any], name: str) -> list[Segment]:
    """A count; the ones that are usual at zero show only above it."""
    value = trust.get(name)
    if name == "rejected" and value is not None:
        value -= trust.get("harmless", 0)
    if value is None or (not value and name in _SELDOM):
        return []
    text = _WORDED.get(name, name + " {:,}").format(value)
    if name == "gaps" and not trust.get("numbered", True):
        return [("gaps not known: no ids", "")]
    if name == "gaps" and "gaps_open" in trust:
        if not trust["gaps_open"]:
            return [(f"{text} (filled)" if value else text, "")]
        missing = _plural(trust.get("missing", 0), "trade")
        return [(f"{text} ({trust['gaps_open']:,} open, {missing} missing)", "warn")]
    if name == "rejected" and value and trust.get("last_rejected"):
        text += f" (last: {shortened(str(trust['last_rejected']))})"
    doubtful = name in ("gaps", "outliers", "dropped", "rejected")
    return [(text, "warn" if value and doubtful else "")]
