"""Waiting for a condition, with a patience that a busy machine does not use up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Seconds after which a condition is held never to come: a guard against hanging, no speed limit.
PATIENCE_S = 240.0


async def until(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until the condition holds; TimeoutError where it never does."""
    async with asyncio.timeout(seconds):
        # Nothing announces the change: it is asked for, as a page does.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
