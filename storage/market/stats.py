"""What a market says of itself in figures: its counters, and each symbol's statistics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from analytics.model import UNKNOWN_TRADES, Bars


class RejectedLike(Protocol):
    """What gave no tick: why, and how it began."""

    @property
    def reason(self) -> str: ...

    @property
    def sample(self) -> str: ...


@dataclass
class Counters:
    """What became of everything that came in, in ticks (or bars, or lines).

    received == accepted + rejected_total + duplicate + late + dropped, always. amended
    is no part of that sum: accepted ticks that changed a bar which was not the newest.
    Nor are backfilled: accepted ticks that were asked for to fill a gap; and outliers:
    accepted ticks far off the prices before them.
    """

    received: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    late: int = 0
    dropped: int = 0
    amended: int = 0
    backfilled: int = 0
    outliers: int = 0
    last_rejected: str = ""

    @property
    def rejected_total(self) -> int:
        return self.rejected.total()

    @property
    def balanced(self) -> bool:
        """Whether the law of accounting holds."""
        refused = self.rejected_total + self.duplicate + self.late + self.dropped
        return self.received == self.accepted + refused


@dataclass(frozen=True)
class SymbolStats:
    """A symbol since its market began: prices in quote currency, volume in base units.

    first, last: by exchange time. change: last / first - 1. trades: UNKNOWN_TRADES for
    bars that do not count them. ts_ms: time of the last tick, or of the last bar's open.
    """

    symbol: str
    last: float
    first: float
    change: float
    high: float
    low: float
    volume: float
    vwap: float
    trades: int
    ts_ms: int


def stats_of_session(bar: Bars, last_ms: int) -> SymbolStats:
    first, last = float(bar.open[0]), float(bar.close[0])
    return SymbolStats(
        symbol=bar.symbol,
        last=last,
        first=first,
        change=last / first - 1.0,
        high=float(bar.high[0]),
        low=float(bar.low[0]),
        volume=float(bar.volume[0]),
        vwap=float(bar.vwap[0]),
        trades=int(bar.trades[0]),
        ts_ms=last_ms,
    )


def stats_of_bars(bars: Bars) -> SymbolStats:
    first, last = float(bars.open[0]), float(bars.close[-1])
    volume = float(bars.volume.sum())
    anchor = float(bars.vwap[0])
    above = bars.vwap - anchor
    # Not above @ volume: from 10,000 bars on BLAS spreads that over threads, and waits for them.
    excess = float((above * bars.volume).sum()) / volume if volume > 0 else float(above.mean())
    counted = bool((bars.trades != UNKNOWN_TRADES).all())
    return SymbolStats(
        symbol=bars.symbol,
        last=last,
        first=first,
        change=last / first - 1.0,
        high=float(bars.high.max()),
        low=float(bars.low.min()),
        volume=volume,
        vwap=anchor + excess,
        trades=int(bars.trades.sum()) if counted else UNKNOWN_TRADES,
        ts_ms=int(bars.ts_ms[-1]),
    )
