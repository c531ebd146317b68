"""Streams of an exchange's bars, over as many connections as they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from analytics.model import Rejected
from ingestion.binance.klines import KlineIntake
from ingestion.binance.shards import BinanceFeed, Shard
from ingestion.binance.wire import VENUES
from ingestion.stream.session import Timers

BarSink = Callable[[Sequence[Any], Sequence[Rejected]], None]


class BarFeed(BinanceFeed):
    """Closed bars of one timeframe. sink: takes Bars of each symbol, and what was no bar."""

    def __init__(
        self,
        source: str,
        timeframe: str,
        sink: BarSink,
        symbols: Sequence[str],
        base: str | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.timeframe = timeframe
        super().__init__(source, sink, symbols, base=base, timers=timers)  # type: ignore[arg-type]

    def _open(self, symbols: Sequence[str]) -> Shard:
        shard = super()._open(symbols)
        shard.venue = replace(VENUES[self.source], event=f"kline_{self.timeframe}")
        shard.use(KlineIntake(self.timeframe))
        return shard
