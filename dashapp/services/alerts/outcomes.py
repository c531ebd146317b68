"""What became of alerts: the pairs that they were about, followed over the bars since."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.model import Bars, PairParams
from analytics.outcomes import Outcome, outcome
from analytics.readings import reading_bars
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.alerts.history import Record
from dashapp.services.alerts.readings import waits_for_symbols
from dashapp.services.markets import Markets

#: Seconds between two looks at all alerts that are open.
FOLLOW_S = 2.0
#: Newest open alerts that are looked at; older ones wait until these are done.
MAX_FOLLOWED = 200
#: Cost in bps per side and leg that the result is reckoned with.
COST_BPS = 2.0


@dataclass(frozen=True, eq=False)
class _Job:
    record: Record
    y: Bars
    x: Bars


async def follow(markets: Markets, records: Sequence[Record]) -> list[Record]:
    """Bring the outcomes of records up to date; those that changed, or can do so no more."""
    changed = [record for record in records if not _bar_held(markets, record)]
    for record in changed:
        record.of = 0
    open_yet = [record for record in records if record.of]
    jobs = [job for record in open_yet[-MAX_FOLLOWED:] if (job := _job(markets, record))]
    if not jobs:
        return changed
    for job, seen in zip(jobs, await asyncio.to_thread(_run, jobs), strict=True):
        if seen is not None and seen != job.record.outcome:
            job.record.outcome = seen
            changed.append(job.record)
    return changed


def _bar_held(markets: Markets, record: Record) -> bool:
    """Whether the body of data in which an alert fired still holds its bar."""
    params, event = record.params, record.event
    market = markets.get(event.market)
    if params is None or market is None or market.serial != record.of:
        return False
    if waits_for_symbols(market, event.symbols, params):
        return True
    times = (market.bars(leg, params.timeframe).ts_ms for leg in event.symbols)
    return all(not len(ts_ms) or ts_ms[0] <= event.ts_ms for ts_ms in times)


def _job(markets: Markets, record: Record) -> _Job | None:
    """The closed bars of an alert's pair from one view before it; None without new ones."""
    params, event = record.params, record.event
    market = markets.get(event.market)
    if params is None or market is None or waits_for_symbols(market, event.symbols, params):
        return None
    last_closed = closed_until_ms(market, event.symbols, params.timeframe)
    span = (event.ts_ms, last_closed)
    y, x = (_part(market.bars(leg, params.timeframe), span, params) for leg in event.symbols)
    followed = record.outcome.followed if record.outcome is not None else 0
    since = max(int(np.count_nonzero(bars.ts_ms > event.ts_ms)) for bars in (y, x))
    return _Job(record, y, x) if since > followed else None


def _part(bars: Bars, span: tuple[int, int], params: PairParams) -> Bars:
    """The bars of a span of times, and those before it on which its first reading rests."""
    ts_ms, last_ms = span
    before = reading_bars(params) or len(bars)
    start = max(int(np.searchsorted(bars.ts_ms, ts_ms)) - before, 0)
    stop = int(np.searchsorted(bars.ts_ms, last_ms, side="right"))
    return bars[start:stop]


def _run(jobs: list[_Job]) -> list[Outcome | None]:
    seen = []
    for job in jobs:
        params, event = job.record.params, job.record.event
        assert params is not None
        value = event.value if event.metric == "z" else None
        seen.append(outcome(job.y, job.x, params, event.ts_ms, COST_BPS, value=value))
    return seen
