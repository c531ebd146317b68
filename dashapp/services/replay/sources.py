"""What can be played again: a market in memory, or one of the archive, as a stretch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import numpy as np

from analytics.model import TIMEFRAMES, Bars, Ticks
from dashapp.services.archive.stored_rows import ArchivedMarket, Span
from ingestion.replay import Batch, Stretch
from storage.market.market import Market

PIECE = 65_536


async def of_market(market: Market) -> Stretch:
    """The ticks or bars that a market holds now. Raises ValueError where there are none.

    A ring is copied, so the loop is let go after each symbol.
    """
    batches: dict[str, Batch] = {}
    for symbol in market.symbols:
        batch = _held(market, symbol)
        if len(batch):
            batches[symbol] = batch
        await asyncio.sleep(0)
    if not batches:
        raise ValueError(f"market {market.id} is empty: there is nothing to replay")
    return await asyncio.to_thread(_stretch, market.title, batches)


def _stretch(title: str, batches: dict[str, Batch]) -> Stretch:
    return Stretch(
        title=title,
        symbols=tuple(batches),
        first_ms=min(int(batch.ts_ms.min()) for batch in batches.values()),
        last_ms=max(int(batch.ts_ms.max()) + length_ms(batch) for batch in batches.values()),
        read=partial(_read, batches),
    )


def _held(market: Market, symbol: str) -> Batch:
    if market.has_ticks:
        return market.ticks(symbol)
    return market.bars(symbol, market.timeframes[0])


def length_ms(batch: Batch) -> int:
    """How long after its time a row is known: a bar's length, nothing for a tick."""
    return TIMEFRAMES[batch.timeframe] if isinstance(batch, Bars) else 0


def _read(batches: dict[str, Batch], symbol: str, from_ms: int) -> Iterator[Batch]:
    batch = batches[symbol]
    # A tick that was late in the recording belongs where it arrived.
    newest = np.maximum.accumulate(batch.ts_ms) if isinstance(batch, Ticks) else batch.ts_ms
    for begin in range(int(np.searchsorted(newest, from_ms)), len(batch), PIECE):
        yield batch[begin : begin + PIECE]


def of_archive(archived: ArchivedMarket) -> Stretch:
    """All that the archive has of a market, until now."""
    last_ms = max(series.last_ts_ms for series in archived.series)
    length = 0 if archived.kind == "ticks" else TIMEFRAMES[archived.series[0].timeframe or "1s"]

    def read(symbol: str, from_ms: int) -> Iterator[Batch]:
        span = Span(from_ms, last_ms + 1)
        return (
            archived.ticks(symbol, span)
            if archived.kind == "ticks"
            else archived.base_bars(symbol, span)
        )

    return Stretch(
        title=archived.title,
        symbols=archived.symbols,
        first_ms=min(series.first_ts_ms for series in archived.series),
        last_ms=last_ms + length,
        read=read,
    )


def rows_in(market: Market) -> int:
    """Ticks or bars that a market holds in memory."""
    if market.has_ticks:
        return sum(len(market.ring(symbol)) for symbol in market.symbols)
    return sum(len(_held(market, symbol)) for symbol in market.symbols)
