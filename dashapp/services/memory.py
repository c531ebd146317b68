"""Memory of all markets together: beyond the budget the least looked-at symbols keep less."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from dashapp.services.markets import Markets
from dashapp.services.periodic import rounds
from storage.market.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 2.0
#: So much of the budget is left once symbols have given way.
TARGET = 0.9
#: A look counts for so long.
RECENT_S = 600.0
#: Share that a symbol keeps of what it had, each time that it gives way.
STEP = 0.5
#: The least share that a symbol keeps.
LEAST = 1.0 / 64.0
_MB = 1 << 20


class MemoryKeeper:
    """Holds the ticks and bars of all markets within a budget.

    used_mb: at the last look. full: whether nothing more can give way.

    >>> keeper = MemoryKeeper(Markets(), 64)
    >>> keeper.used_mb, keeper.words
    (0.0, '')
    """

    def __init__(self, markets: Markets, budget_mb: int) -> None:
        self.budget_mb = budget_mb
        self.used_mb = 0.0
        self.full = False
        self._markets = markets

    @property
    def words(self) -> str:
        """What the strip says: how many symbols keep less; "" while all keep all."""
        shrunk = sum(len(market.kept_share) for market in self._markets.values())
        if not shrunk:
            return ""
        symbols = sum(len(market.symbols) for market in self._markets.values())
        words = f"{shrunk:,} of {symbols:,} symbols keep less: memory {self.budget_mb:,} MB"
        return f"{words}, all of it used" if self.full else words

    async def run(self) -> None:
        """Look again and again."""
        await rounds(self.step, PERIOD_S, "the memory's keeper")

    async def step(self) -> None:
        """Measure, and let symbols give way until all is within the budget again."""
        sizes = await self._measured()
        used = sum(sizes.values())
        self.used_mb, budget = used / _MB, self.budget_mb * _MB
        self.full = False
        if used <= budget:
            return
        while used > budget * TARGET:
            freed = 0
            for market, symbol in self._order(sizes):
                if used <= budget * TARGET:
                    break
                freed += await self._shrink(market, symbol, sizes)
                used = sum(sizes.values())
            if not freed:
                self.full = True
                logger.warning(
                    "memory: %.0f MB of %d MB, nothing can give way", used / _MB, self.budget_mb
                )
                break
        self.used_mb = used / _MB

    async def _measured(self) -> dict[tuple[str, str], int]:
        """Bytes of each symbol, by market and symbol, without holding the loop."""
        sizes: dict[tuple[str, str], int] = {}
        for market in list(self._markets.values()):
            for at, symbol in enumerate(market.symbols):
                sizes[market.id, symbol] = market.nbytes(symbol)
                if at % 100 == 99:
                    await asyncio.sleep(0)
        return sizes

    def _order(self, sizes: dict[tuple[str, str], int]) -> list[tuple[Market, str]]:
        """Symbols that can give way, the one that keeps most first: those at which nobody looked
        of late, and only where none of them is left the others. A file gives way to nothing: what
        it would lose comes never again.
        """
        recent_s = time.monotonic() - RECENT_S
        able, unseen = [], []
        for name, symbol in sorted(sizes, key=sizes.__getitem__, reverse=True):
            market = self._markets.get(name)
            if market is None or market.whole or market.kept_share.get(symbol, 1.0) <= LEAST:
                continue
            able.append((market, symbol))
            if market.looked_s.get(symbol, -math.inf) < recent_s:
                unseen.append((market, symbol))
        return unseen or able

    async def _shrink(self, market: Market, symbol: str, sizes: dict[tuple[str, str], int]) -> int:
        """Let one symbol keep less; the bytes that came free."""
        before = after = sizes[market.id, symbol]
        share = market.kept_share.get(symbol, 1.0)
        while after >= before and share > LEAST:
            share = max(share * STEP, LEAST)
            market.keep(symbol, share)
            after = market.nbytes(symbol)
        sizes[market.id, symbol] = after
        await asyncio.sleep(0)
        return before - after
