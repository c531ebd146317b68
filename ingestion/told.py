"""What happens to a feed, told in sentences: to the log, and to who looks later."""

from __future__ import annotations

import logging
import time
from collections import deque

logger = logging.getLogger("ingestion.feed")

MAX_EVENTS = 200


class Told:
    """Whoever has something to tell of a source. events: epoch s, and a sentence; newest last."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.events: deque[tuple[float, str]] = deque(maxlen=MAX_EVENTS)

    def _say(self, sentence: str) -> None:
        self.events.append((time.time(), sentence))
        logger.info("feed %s: %s", self.source, sentence)
