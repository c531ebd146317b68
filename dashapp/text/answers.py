"""The sentence at the head of each page: its finding, in words and figures.

A sentence is a list of segments (text, tone): clauses that the page sets side by side,
each in its tone: "" plain, "up", "down", "warn" or "muted". `plain` joins them to text.
Numbers are written by `dashapp.text.numbers`, a pair's figures by `dashapp.text.pair`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from analytics.model import NotReady, PairSnapshot
from dashapp.text.methods import signal_depends_on
from dashapp.text.numbers import counted, duration, number, pct, price
from dashapp.text.pair import (
    CARRIED_WARN,
    BreakEven,
    Segment,
    inside_costs,
    newest,
    sign_tone,
    stance,
)
from dashapp.text.tests import half_life_brief, relation_verdict


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


def home_answer(summaries: Mapping[str, Summary]) -> list[Segment]:
    """The market's summary: where its first symbol stands, the strongest and the weakest.

    summaries: symbol -> figures of the span in view, the same for all of them.
    """
    known = {name: each for name, each in summaries.items() if math.isfinite(each.change)}
    if not known:
        return [("no prices yet", "muted")]
    first, summary = next(iter(known.items()))
    segments: list[Segment] = [(f"{first} {price(summary.last)}", "")]
    if len(known) == 1:
        segments.append((pct(summary.change), sign_tone(summary.change)))
        if math.isfinite(summary.vwap):
            side = "above" if summary.last > summary.vwap else "below"
            segments.append((f"{side} its VWAP", ""))
        return segments
    rising = sum(each.change > 0 for each in known.values())
    segments.append((f"{rising} of {len(known)} up", ""))
    ranked = sorted(known, key=lambda name: known[name].change)
    least_up = known[ranked[0]].change > 0
    least_down = known[ranked[-1]].change < 0
    ends = (
        ("least down" if least_down else "strongest", ranked[-1]),
        ("least up" if least_up else "weakest", ranked[0]),
    )
    for words, name in ends:
        change = known[name].change
        segments.append((f"{words} {name} {pct(change)}", sign_tone(change)))
    above = [each.last > each.vwap for each in known.values() if math.isfinite(each.vwap)]
    if not above:  # no symbol has a volume
        return segments
    return [*segments, (f"{sum(above)} of {len(above)} above VWAP", "")]


def pair_answer(
    snapshot: PairSnapshot | NotReady,
    threshold: float,
    break_even: BreakEven | None = None,
    alone: bool | None = None,
) -> list[Segment]:
    """The pair's finding, with the trade in words.

    threshold: |z| from which there is a trade. break_even: below it a round trip does not pay
    its costs, so that there is none; None if not known. alone: whether a leg looks stationary by
    itself, None while the legs are being tested, as the figures below say too.
    """
    if isinstance(snapshot, NotReady):
        return [(str(snapshot), "muted")]
    segments = stance(snapshot, threshold, break_even)
    life, tone = half_life_brief(snapshot, alone)
    reverts = snapshot.half_life is not None
    words = f"half-life {life}" if reverts else "no half-life: the spread does not revert"
    segments.append((words, tone))
    relation = relation_verdict(snapshot, alone)
    if relation.brief:
        segments.append((relation.brief, relation.tone))
    choices = signal_depends_on(snapshot, threshold)
    if choices:
        segments.append((f"signal varies by {' and '.join(choices)}", "warn"))
    if break_even is not None and math.isfinite(break_even.z):
        z = newest(snapshot.z)
        under = inside_costs(z, break_even)
        if not (under and abs(z) >= threshold):  # else the stance says so
            segments.append((break_even.words, "warn" if under else ""))
    if snapshot.carried_share >= CARRIED_WARN:
        segments.append((f"{pct(snapshot.carried_share, 0, signed=False)} carried forward", "warn"))
    return segments


def correlation_answer(symbols: Sequence[str], matrix: npt.NDArray[np.float64]) -> list[Segment]:
    """The most and the least correlated pair of a correlation matrix (n, n)."""
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
        return [(words(ends[0]), ""), (f"{counted(len(values), 'pair')}", "muted")]
    segments: list[Segment] = [
        (f"most correlated {words(ends[0])}", ""),
        (f"least correlated {words(ends[1])}", ""),
    ]
    missing = len(values) - len(known)
    segments.append((counted(len(values), "pair"), "muted"))
    if not missing:
        return segments
    return [*segments, (f"{missing} without: too few bars, or a symbol does not vary", "warn")]


def alerts_answer(
    armed: int, fired_today: int, paused: int = 0, last: str | None = None, waiting: int = 0
) -> list[Segment]:
    """How many rules are armed, wait for a value and are paused, how many alerts fired today, and
    the last one.
    """
    words = f"{counted(armed, 'rule')} armed" if armed else "no rule armed"
    segments: list[Segment] = [(words, "" if armed else "muted")]
    if waiting:
        segments.append((f"{waiting:,} waiting", "warn"))
    if paused:
        segments.append((f"{paused:,} paused: the feed is silent", "warn"))
    segments.append((f"{fired_today:,} fired today", "warn" if fired_today else "muted"))
    return [*segments, (f"last: {last}", "")] if last else segments


def data_answer(
    title: str, ticks: int, bar_counts: Sequence[int], span_ms: float, rejected: int = 0
) -> list[Segment]:
    """What a market holds: symbols, ticks, bars in view and their span, and what it refused.

    bar_counts: the bars in view of each symbol, of several from their common start on.

    >>> plain(data_answer("Demo", 0, [1_000] * 4, 60_480_000))
    'Demo · 4 symbols · 4 x 1,000 bars from a common start, 16.8 h'
    """
    symbols = len(bar_counts)
    if not symbols:
        return [(f"{title} holds no data yet", "muted")]
    segments: list[Segment] = [(title, ""), (counted(symbols, "symbol"), "")]
    if ticks:
        segments.append((counted(ticks, "tick"), ""))
    bars = counted(max(bar_counts), "bar")
    if symbols > 1:
        alike = min(bar_counts) == max(bar_counts)
        bars = f"{symbols} x {bars}" if alike else counted(sum(bar_counts), "bar")
        bars += " from a common start"
    segments.append((f"{bars}, {duration(span_ms)}", ""))
    return [*segments, (f"{rejected:,} rejected", "warn")] if rejected else segments
