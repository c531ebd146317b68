"""A scan that was asked for, and what is kept of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from analytics.scanner import ScanParams, ScanResult
from dashapp.services.scan.closes import Closes

ScanState = Literal["running", "done", "failed", "cancelled"]
#: A pair of symbols, y first.
Pair = tuple[str, str]


@dataclass(frozen=True)
class ScanRecord:
    """One scan of the history. new, left: confirmed pairs that the scan before had not, and
    those of it that this one has not. Times in epoch ms.
    """

    id: str
    market: str
    timeframe: str
    params: ScanParams
    started_ms: int
    took_ms: int
    from_ms: int
    split_ms: int
    until_ms: int
    tested: int
    confirmed: tuple[Pair, ...]
    new: tuple[Pair, ...]
    left: tuple[Pair, ...]


class ScanJob:
    """One scan. version goes up whenever there is something to show.

    step: what is being done, in words. progress: 0 to 1. error: what went wrong, as a sentence.
    notice: what the reader must know though it went on. rescan: whether it is done again at each
    closed bar. result: of a scan that is done, until newer ones took its place. from_ms, split_ms,
    until_ms: opening times of the first bar, of the first of the confirmation, and of the last;
    0 until they are known. serial: of the market whose bars it reads. looked_ms: bars of that
    market that closed up to here are no reason to scan again. new, left: confirmed pairs that the
    last scan of the same market and timeframe had not, and those of it that this one has not.
    whole: whether the result has every pair; of an earlier run of the program only those that
    survived are kept.
    """

    def __init__(
        self, id: str, market: str, timeframe: str, params: ScanParams, rescan: bool = False
    ) -> None:
        self.id = id
        self.market = market
        self.timeframe = timeframe
        self.params = params
        self.rescan = rescan
        self.state: ScanState = "running"
        self.step = "starting"
        self.progress = 0.0
        self.result: ScanResult | None = None
        self.error: str | None = None
        self.notice: str | None = None
        self.new: tuple[Pair, ...] = ()
        self.left: tuple[Pair, ...] = ()
        self.started_ms = 0
        self.took_ms = 0
        self.from_ms = 0
        self.split_ms = 0
        self.until_ms = 0
        self.looked_ms = 0
        self.serial = 0
        self.whole = True
        self.version = 0
        self.task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it still computes or waits for its turn."""
        return self.state == "running"

    async def wait(self) -> None:
        """Until it is done, failed or cancelled."""
        if self.task is not None:
            await asyncio.wait([self.task])

    def at(self, step: str, progress: float) -> None:
        """It has come so far."""
        self.step, self.progress = step, progress
        self.version += 1

    def note(self, words: str) -> None:
        """Say something that the reader must know."""
        self.notice = words if self.notice is None else f"{self.notice}; {words}"
        self.version += 1

    def spans(self, data: Closes) -> None:
        """Note from when until when its bars are."""
        if len(data.ts_ms):
            formation, confirmation = self.params.stretches(len(data.ts_ms))
            self.from_ms = int(data.ts_ms[formation.start])
            self.split_ms = int(data.ts_ms[min(confirmation.start, len(data.ts_ms) - 1)])
            self.until_ms = int(data.ts_ms[-1])
            self.looked_ms = max(self.looked_ms, self.until_ms)

    def end(self, state: ScanState, error: str | None = None) -> None:
        """It has ended."""
        self.state, self.error = state, error
        self.step = {"done": "done", "failed": "failed", "cancelled": "cancelled"}[state]
        self.progress = 1.0 if state == "done" else self.progress
        self.version += 1

    def record(self) -> ScanRecord:
        """What the history keeps of it. Raises ValueError where it has no result."""
        if self.result is None:
            raise ValueError("the scan has no result, expected one that is done")
        pairs = tuple((row.y, row.x) for row in self.result.confirmed)
        return ScanRecord(
            self.id,
            self.market,
            self.timeframe,
            self.params,
            self.started_ms,
            self.took_ms,
            self.from_ms,
            self.split_ms,
            self.until_ms,
            self.result.tested,
            pairs,
            self.new,
            self.left,
        )
