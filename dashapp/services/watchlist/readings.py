"""What is read of watched pairs, in a worker thread: z at new bars, and now and then the rest.

z moves with each price; half-life and break-even with each closed bar, in turn, as far as the
time for them goes: two hundred pairs whose bars close together are through some rounds later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.backtest import BacktestParams
from analytics.model import Bars, FloatArray, IntArray, NotReady, PairParams
from analytics.readings import newest_counted, pair_readings, why_no_z
from analytics.standing import Standing, pair_standing
from analytics.watching import Legs, PairView, pair_view, view_readings
from dashapp.services.watchlist.rows import LINE_POINTS

_SETTINGS = BacktestParams()
#: Cost in bps of a side and leg that a break-even is reckoned with: the back-test's own.
COST_BPS: float = _SETTINGS.cost_bps + _SETTINGS.slippage_bps
#: Newest bars that may not count as closed yet, for the grace of the late.
OPEN_MOST = 8
#: Milliseconds of a round that may go to what is slow; one pair is always done.
SLOW_MS = 4.0


@dataclass(frozen=True, eq=False)
class Job:
    """A pair to read. closed_ms: its newest closed bar; after_ms: the one that was read last,
    None where none was, so that its line begins. due: whether what is slow is to be read.
    funding: of either leg, None where it is not known.
    """

    id: str
    params: PairParams
    y: Bars
    x: Bars
    closed_ms: int
    after_ms: int | None
    due: bool
    funding: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Read:
    """What was read. ts_ms: the newest bar that the activity filter lets count, of which z and
    beta are. line: z at the bars that closed, oldest first. slow: None where its turn has not
    come; lack: why there is no z though the rows are enough. done_ms: the closed bar up to which
    the line goes now, None where its turn to begin has not come.
    """

    id: str
    ts_ms: int
    z: float
    beta: float
    line: tuple[float, ...]
    done_ms: int | None
    slow: Standing | NotReady | None
    lack: NotReady | None = None


def read_all(jobs: Sequence[Job], whole: bool = False) -> list[Read]:
    """Read every pair's newest bar, and what is slow of as many as there is time for.

    whole: of all of them, however long it takes.
    """
    results: list[Read] = []
    spent_ms, done = 0.0, 0
    legs = Legs()
    for job in jobs:
        slow = job.due or job.after_ms is None
        turn = slow and (whole or spent_ms < SLOW_MS or not done)
        began_s = time.perf_counter()
        results.append(_read(job, turn, legs))
        if turn:
            done += 1
            spent_ms += (time.perf_counter() - began_s) * 1e3
    return results


def _read(job: Job, turn: bool, legs: Legs) -> Read:
    begins, legs_of = job.after_ms is None, (job.y, job.x, job.params)
    ends, newest = ends_of(job, begins and not turn)
    view = pair_view(*legs_of, legs)
    z, beta = _readings(job, view, ends)
    # The newest is among the ends whether or not it is new: what was read stands in the line.
    after = -1 if job.after_ms is None else job.after_ms
    closed = z[(ends > after) & (ends <= job.closed_ms)]
    waits = begins and not turn
    now = ends == newest
    z_now, beta_now = z[now].item(), beta[now].item()
    slow = pair_standing(*legs_of, COST_BPS, job.funding, z_now) if turn else None
    unknown = isinstance(slow, Standing) and not math.isfinite(z_now)
    return Read(
        id=job.id,
        ts_ms=newest,
        z=z_now,
        beta=beta_now,
        line=() if waits else tuple(closed.tolist()),
        done_ms=None if waits else job.closed_ms,
        slow=slow,
        lack=why_no_z(*legs_of) if unknown else None,
    )


def _readings(job: Job, view: PairView | None, ends: IntArray) -> tuple[FloatArray, FloatArray]:
    """z and hedge ratio at bars."""
    if view is not None:
        return view_readings(view, ends)
    read = pair_readings(job.y, job.x, job.params, ("z", "hedge_ratio"), ends)
    return read["z"], read["hedge_ratio"]


def ends_of(job: Job, newest_alone: bool) -> tuple[IntArray, int]:
    """The bars to read: those that closed since the last round, and the newest that counts."""
    after = -1 if job.after_ms is None else job.after_ms
    newest = newest_counted(job.y, job.x, job.params)
    if newest is None:
        newest = max(job.y.ts_ms.item(-1), job.x.ts_ms.item(-1))
    if newest_alone or job.closed_ms <= after:
        return np.array([newest], np.int64), newest
    opened = [leg.ts_ms[-LINE_POINTS - OPEN_MOST :] for leg in (job.y, job.x)]
    closed: list[int] = []
    for times in opened:
        begin, end = times.searchsorted((after, job.closed_ms), side="right").tolist()
        closed += times[begin:end].tolist()
    ends = sorted(set(closed))[-LINE_POINTS:]
    return np.array(sorted({*ends, newest}), np.int64), newest


def known(value: float, digits: int) -> float | None:
    """A number as a row holds it, None where it is not known.

    >>> known(1.23456, 2), known(math.nan, 2)
    (1.23, None)
    """
    return round(value, digits) + 0.0 if math.isfinite(value) else None
