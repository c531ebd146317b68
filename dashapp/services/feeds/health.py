"""The figures that say whether to believe a market: what came, how late, and what did not."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from dashapp.services.feeds.control import FeedControl
from storage.market.market import HARMLESS, Market

#: Ticks from so far in the future say that this clock is wrong.
SKEW_MS = 2_000


def trust_of(market: Market, feed: FeedControl) -> dict[str, Any]:
    """The trust strip's figures of a market.

    rate: ticks/s over the last 5 s. age_s: since a tick arrived, None before the first.
    lag_p50_ms, lag_p99_ms: from exchange to here, over the newest 1,000 batches of a live
    market; skew_ms: how far this clock seems to be behind the exchange's, None within 2 s;
    clock_jump_s: by how much it was set of late, None if it was not. gaps: all of them,
    gaps_open: not filled, missing: trades in those; numbered: whether a live market's trades
    have ids at all, without which no gap is ever known. Then the market's counters, of which
    received is the sum; harmless: how many of the rejected are no fault.
    """
    counters, arrived = market.counters, market.last_arrival_s
    live = market.kind == "live"
    lags = feed.lags_ms if live else ()
    lag_p50, lag_p99 = np.percentile(lags, (50, 99)).tolist() if lags else (None, None)
    return {
        "simulated": market.kind == "demo",
        "rate": market.rate(),
        "age_s": None if arrived is None else time.monotonic() - arrived,
        "lag_p50_ms": lag_p50,
        "lag_p99_ms": lag_p99,
        "skew_ms": -lag_p50 if lag_p50 is not None and lag_p50 < -SKEW_MS else None,
        "clock_jump_s": feed.clock_jump_s if live else None,
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
    }
