"""Ticks that come as columns: which of them can be, checked as the decoder checks messages."""

from __future__ import annotations

import numpy as np

from analytics.model import Rejected, Ticks
from ingestion.decode.rows import PRICE_END, SIZE_END
from ingestion.decode.times import END_MS, FIRST_MS


def valid_ticks(ticks: Ticks) -> tuple[Ticks, list[Rejected]]:
    """The ticks that can be, and why each of the others was left out: its first fault.

    >>> ticks = Ticks("X", [1_723_161_256_322] * 2, [5.0, -5.0], [1.0, 1.0], [7, 8])
    >>> kept, rejected = valid_ticks(ticks)
    >>> len(kept), [(one.reason, one.sample) for one in rejected]
    (1, [('price', 'X 1723161256322 -5 1')])
    """
    faults = {
        "time": (ticks.ts_ms < FIRST_MS) | (ticks.ts_ms >= END_MS),
        "price": ~((ticks.price > 0) & (ticks.price < PRICE_END)),
        "size": ~((ticks.size > 0) & (ticks.size < SIZE_END)),
    }
    faulty = np.logical_or.reduce(list(faults.values()))
    if not faulty.any():
        return ticks, []
    rejected = []
    for at in np.flatnonzero(faulty).tolist():
        reason = next(name for name, wrong in faults.items() if wrong[at])
        values = f"{ticks.ts_ms[at]} {ticks.price[at]:g} {ticks.size[at]:g}"
        rejected.append(Rejected(reason, f"{ticks.symbol} {values}"))
    return ticks[~faulty], rejected
