"""What each connection of a feed was asked for, and how it is told of other symbols.

A server takes only so many messages a second. The last wanted symbols win: what was added and
taken off again meanwhile is never sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingestion.stream.budget import Budget, Pace
from ingestion.stream.failures import NETWORK_ERRORS, explain
from ingestion.stream.transport import Transport

logger = logging.getLogger(__name__)

#: The messages that tell a server of symbols added and removed; none where it is not told.
Changes = Callable[[Sequence[str], Sequence[str]], list[bytes]]


@dataclass(eq=False)
class _Link:
    """An open connection. asked: the symbols that its server was told last."""

    transport: Transport
    asked: tuple[str, ...]
    budget: Budget
    task: asyncio.Task[None] | None = None


class Subscriptions:
    """The open connections of a feed, each brought to the symbols that are wanted.

    changes: see `Changes`; it makes two messages at most. say: told in a sentence of what
    could not be sent.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        changes: Changes,
        say: Callable[[str], None],
        pace: Pace,
    ) -> None:
        self.symbols = tuple(symbols)
        self._changes = changes
        self._say = say
        self._pace = pace
        self._links: list[_Link] = []

    def want(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols and no others, as soon as the pace allows."""
        self.symbols = tuple(symbols)
        for link in self._links:
            self._follow(link)

    def opened(self, transport: Transport, asked: Sequence[str]) -> None:
        """A connection is open that was asked for these symbols."""
        budget = Budget(self._pace.messages, self._pace.window_s)
        link = _Link(transport, tuple(asked), budget)
        self._links.append(link)
        self._follow(link)

    def closed(self, transport: Transport) -> None:
        """A connection is no longer open."""
        for link in self._links:
            if link.transport is transport and link.task is not None:
                link.task.cancel()
        self._links = [link for link in self._links if link.transport is not transport]

    def _follow(self, link: _Link) -> None:
        if link.asked != self.symbols and (link.task is None or link.task.done()):
            link.task = asyncio.create_task(self._catch_up(link), name="subscriptions")

    async def _catch_up(self, link: _Link) -> None:
        try:
            while link.asked != self.symbols:
                added = [symbol for symbol in self.symbols if symbol not in link.asked]
                removed = [symbol for symbol in link.asked if symbol not in self.symbols]
                wait_s = link.budget.wait_s(time.monotonic(), bool(added) + bool(removed))
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                    continue  # by now other symbols may be wanted
                link.asked = self.symbols
                for message in self._changes(added, removed):
                    link.budget.spend(time.monotonic(), 1)
                    await link.transport.send(message)
        except NETWORK_ERRORS as error:
            # The next connection asks for the new symbols anyway.
            self._say(f"symbols not changed yet: {explain(error).words}")
        except Exception:
            logger.exception("symbols could not be changed")
