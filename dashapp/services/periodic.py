"""Work that is done in rounds, for as long as the process runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


async def rounds(work: Callable[[], Awaitable[object]], period_s: float, name: str) -> None:
    """Do a piece of work for ever, each time after a pause.

    A round that fails is logged, under the name of the work, and does not end it.
    """
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except Exception:
            logger.exception("%s failed in this round and goes on", name)
