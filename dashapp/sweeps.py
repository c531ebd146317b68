"""Parameter sweeps as jobs: started once, watched by any tab, cancelled by any."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from analytics.backtest import BacktestParams
from analytics.model import Bars, NotReady, PairParams
from analytics.sweep import sweep

logger = logging.getLogger(__name__)

MAX_JOBS = 16


@dataclass(frozen=True)
class SweepKind:
    """Two parameters of a back-test and the values each takes."""

    title: str
    x_name: str
    x_values: tuple[float, ...]
    y_name: str
    y_values: tuple[float, ...]

    @property
    def cells(self) -> int:
        """How many back-tests it takes."""
        return len(self.x_values) * len(self.y_values)


_ENTRIES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
SWEEPS: dict[str, SweepKind] = {
    "exit": SweepKind(
        "Entry by exit", "entry_z", _ENTRIES, "exit_z", (0.0, 0.2, 0.4, 0.6, 0.8, 0.95)
    ),
    "window": SweepKind(
        "Entry by z window", "entry_z", _ENTRIES, "z_window", (20, 30, 45, 60, 90, 120, 180)
    ),
}


class SweepJob:
    """One sweep under way or done. version goes up whenever there is something to show."""

    def __init__(self, kind: SweepKind) -> None:
        self.kind = kind
        self.done = 0
        self.version = 0
        self.result: Any = None
        self.error = ""
        self._stop = False
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self._task is not None and not self._task.done()

    @property
    def words(self) -> str:
        """Where it stands, for the page."""
        if self.error:
            return self.error
        if self.running:
            return f"{self.done} of {self.kind.cells} back-tests"
        if self._stop:
            return f"cancelled after {self.done} of {self.kind.cells} back-tests"
        return f"{self.kind.cells} back-tests done"

    def start(self, y: Bars, x: Bars, params: PairParams, settings: BacktestParams) -> None:
        """Run in a worker thread."""
        self._task = asyncio.create_task(self._run(y, x, params, settings))

    async def wait(self) -> None:
        """Until it is done, cancelled or failed."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop after the cell under way; nothing half-done is shown."""
        self._stop = True

    def _progress(self, done: int, total: int) -> None:
        self.done = done
        self.version += 1

    async def _run(self, y: Bars, x: Bars, params: PairParams, settings: BacktestParams) -> None:
        kind = self.kind
        try:
            made = await asyncio.to_thread(
                sweep,
                y,
                x,
                params,
                settings,
                kind.x_name,
                kind.x_values,
                kind.y_name,
                kind.y_values,
                progress=self._progress,
                cancelled=lambda: self._stop,
            )
        except ValueError as error:
            self.error = str(error)
        else:
            if isinstance(made, NotReady):
                self.error = made.reason
            elif not made.cancelled:
                self.result = made
        self.version += 1
        logger.info("parameter sweep %s: %s", kind.title.lower(), self.words)


class SweepJobs:
    """The jobs by what they were asked: equal questions share one job."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, SweepJob] = OrderedDict()

    def get(self, key: Hashable) -> SweepJob | None:
        """The job for this question, if it was ever asked."""
        return self._jobs.get(key)

    def add(self, key: Hashable, job: SweepJob) -> None:
        """Keep a job under its question; an older one on the same question is cancelled."""
        older = self._jobs.pop(key, None)
        if older is not None:
            older.cancel()
        self._jobs[key] = job
        while len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)[1].cancel()

    def forget(self, key: Hashable) -> None:
        """Drop a job, so that the next to look starts it anew on today's bars."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.cancel()
