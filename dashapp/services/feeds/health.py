"""The figures that say whether to believe a market: what came, how late, and what did not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypedDict

import numpy as np

from analytics.model import Ticks
from storage.market.market import HARMLESS, Market

#: Ticks from so far in the future say that this clock is wrong.
SKEW_MS = 2_000
#: Batches over which lags are told.
MAX_LAGS = 1_000
#: How long the strip says that this computer's clock was set.
JUMP_SHOWN_S = 600.0


class FeedHealth:
    """How late the ticks of a live source come, and whether this computer's clock was set.

    lags_ms: from the exchange to here, of the newest batches. clock: seconds that never jump.

    >>> health = FeedHealth(clock=iter([0.0, 599.0, 601.0]).__next__)
    >>> health.clock_jumped(-30.0)
    >>> health.clock_jump_s, health.clock_jump_s
    (-30.0, None)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lags_ms: deque[float] = deque(maxlen=MAX_LAGS)
        self._clock = clock
        self._jump: tuple[float, float] | None = None

    def note_batch(self, batch: Ticks) -> None:
        """A batch came now."""
        self.lags_ms.append(time.time() * 1_000 - float(batch.ts_ms[-1]))

    def clock_jumped(self, seconds: float) -> None:
        """This computer's clock was set: lags from before say nothing of the clock that is."""
        self._jump = (self._clock(), seconds)
        self.lags_ms.clear()

    @property
    def clock_jump_s(self) -> float | None:
        """By how much this computer's clock was set of late, None if it was not."""
        if self._jump is None or self._clock() - self._jump[0] > JUMP_SHOWN_S:
            return None
        return self._jump[1]


class Trust(TypedDict, total=False):
    """The trust strip's figures of a market; none at all where there is no such market.

    rate: ticks/s over the last 5 s. age_s: since a tick arrived, None before the first.
    lag_p50_ms, lag_p99_ms: from exchange to here, over the newest 1,000 batches of a live
    market; skew_ms: how far this clock seems to be behind the exchange's, None within 2 s;
    clock_jump_s: by how much it was set of late, None if it was not. gaps: all of them,
    gaps_open: not filled, missing: trades in those; numbered: whether a live market's trades
    have ids at all, without which no gap is ever known. Then the market's counters, of which
    received is the sum; harmless: how many of the rejected are no fault. archive, redis: what
    is wrong with them, "" while all is well.
    """

    simulated: bool
    rate: float
    age_s: float | None
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    skew_ms: float | None
    clock_jump_s: float | None
    gaps: int
    gaps_open: int
    missing: int
    numbered: bool
    backfilled: int
    outliers: int
    received: int
    accepted: int
    amended: int
    rejected: int
    rejected_by_reason: dict[str, int]
    harmless: int
    last_rejected: str
    duplicate: int
    late: int
    dropped: int
    archive: str
    redis: str


def trust_of(market: Market, health: FeedHealth, archive: str = "", redis: str = "") -> Trust:
    """The figures of a market. health: of the live market's source; heeded for that alone."""
    counters, arrived = market.counters, market.last_arrival_s
    live = market.kind == "live"
    lag_p50, lag_p99 = None, None
    if live and health.lags_ms:
        lag_p50, lag_p99 = np.percentile(health.lags_ms, (50, 99)).tolist()
    return {
        "simulated": market.simulated,
        "rate": market.rate(),
        "age_s": None if arrived is None else time.monotonic() - arrived,
        "lag_p50_ms": lag_p50,
        "lag_p99_ms": lag_p99,
        "skew_ms": -lag_p50 if lag_p50 is not None and lag_p50 < -SKEW_MS else None,
        "clock_jump_s": health.clock_jump_s if live else None,
        "gaps": market.gaps.total,
        "gaps_open": market.gaps.open,
        "missing": market.gaps.missing,
        "numbered": not live or not market.symbols or market.numbered,
        "backfilled": counters.backfilled,
        "outliers": counters.outliers,
        "received": counters.received,
        "accepted": counters.accepted,
        "amended": counters.amended,
        "rejected": counters.rejected_total,
        "rejected_by_reason": dict(counters.rejected),
        "harmless": sum(counters.rejected[reason] for reason in HARMLESS),
        "last_rejected": counters.last_rejected,
        "duplicate": counters.duplicate,
        "late": counters.late,
        "dropped": counters.dropped,
        "archive": archive,
        "redis": redis,
    }
