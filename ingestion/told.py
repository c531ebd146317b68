"""What happens to a feed, told in sentences: to the log, and to who looks later."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass

logger = logging.getLogger("ingestion.feed")

MAX_EVENTS = 200
#: Sentences of one kind that are told in a spell; of those beyond it, how many.
MANY = 20
SPELL_S = 60.0


@dataclass
class _Spell:
    """Sentences of one kind since a monotonic time."""

    began_s: float
    count: int = 0


class Told:
    """Whoever has something to tell of a source. events: epoch s, and a sentence; newest last."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.events: deque[tuple[float, str]] = deque(maxlen=MAX_EVENTS)
        self._spells: dict[str, _Spell] = {}

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
