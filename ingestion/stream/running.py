"""What every feed is: one task from its start to its stop, a status, and a log in sentences."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analytics.model import FeedState, FeedStatus

logger = logging.getLogger("ingestion.feed")

STOP_S = 1.0
MAX_EVENTS = 200
#: Sentences of one kind that are told in a spell; of those beyond it, how many.
MANY = 20
SPELL_S = 60.0


@dataclass
class _Spell:
    """Sentences of one kind since a monotonic time."""

    began_s: float
    count: int = 0


class Running:
    """A feed's task and what is known of it. Each start makes a new generation.

    events: epoch s, and a sentence; newest last. clock: seconds that never jump.
    """

    def __init__(self, source: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self.events: deque[tuple[float, str]] = deque(maxlen=MAX_EVENTS)
        self._clock = clock
        self._spells: dict[str, _Spell] = {}
        self._task: asyncio.Task[None] | None = None
        self._generation = 0
        self._state: FeedState = "stopped"
        self._detail = ""
        self._retry_at_s: float | None = None
        self._connects = 0

    @property
    def status(self) -> FeedStatus:
        """What the feed does now."""
        retry = self._retry_at_s
        left = None if retry is None else max(0.0, retry - self._clock())
        return FeedStatus(self.source, self._state, self._detail, left, self._connects)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is asked for by name; none for whatever the source sends."""
        return ()

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Ask for these symbols from now on; nothing where a source has its own."""

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Before the start: the id and the time of the trade that an earlier run had last."""

    def start(self) -> None:
        """Start, or nothing where it runs. Call on the event loop."""
        if self._task is not None and not self._task.done():
            return
        self._generation += 1
        self._connects = 0
        self._become("connecting", "")
        self._begin()
        self._task = asyncio.create_task(self._run(self._generation), name=f"feed {self.source}")

    async def stop(self) -> None:
        """Stop within a second, or nothing where it is stopped. No tick comes after it."""
        task, self._task = self._task, None
        self._generation += 1
        if task is not None:
            task.cancel()
            _, late = await asyncio.wait({task}, timeout=STOP_S)
            if late:
                logger.warning("feed %s: it did not end in time and was left", self.source)
            self._say("stopped")
        if self._task is None:
            self._become("stopped", "")

    def _begin(self) -> None:
        """What there is to do at a start, before the task runs."""
        self._say("started")

    async def _run(self, generation: int) -> None:
        """The feed's work, until it is cancelled or over."""
        raise NotImplementedError

    def _become(self, state: FeedState, detail: str) -> None:
        self._state, self._detail, self._retry_at_s = state, detail, None

    def _become_waiting(self, state: FeedState, words: str, delay_s: float) -> None:
        """It failed, in these words, and tries again then."""
        self._become(state, words)
        self._retry_at_s = self._clock() + delay_s
        self._say(f"reconnecting in {delay_s:.1f} s: {words}")

    def _say(self, sentence: str) -> None:
        self.events.append((time.time(), sentence))
        logger.info("feed %s: %s", self.source, sentence)

    def _say_seldom(self, kind: str, sentence: str) -> None:
        """Tell what a source can make happen a thousand times a second."""
        now_s, spell = time.monotonic(), self._spells.get(kind)
        if spell is None or now_s - spell.began_s >= SPELL_S:
            if spell is not None and spell.count > MANY:
                self._say(f"{kind}: {spell.count - MANY:,} more were not told")
            spell = self._spells[kind] = _Spell(now_s)
        spell.count += 1
        if spell.count == MANY:
            sentence += f"; for {SPELL_S:.0f} s no more of this kind is told"
        if spell.count <= MANY:
            self._say(sentence)
