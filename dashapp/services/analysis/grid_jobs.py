"""Parameter sweeps and walk-forwards as jobs: asked once, watched by any tab, cancelled by any."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from analytics.backtest import BacktestParams
from analytics.grid import make_grid
from analytics.model import Bars, NotReady, PairParams
from analytics.overfitting import PboResult
from analytics.scanner import Mapper
from analytics.sweep import SweepResult, sweep
from analytics.walkforward import WalkForward, walk_forward
from dashapp.parameters.grid import Axis, Walk
from dashapp.parameters.table import BACKTEST, PAIR
from dashapp.services.scan.cluster import ClusterAbsent, ClusterLost, cluster_mapper

logger = logging.getLogger(__name__)

MAX_JOBS = 32
THREADS = 2
#: What of a pair's parameters a back-test heeds, beside its z window.
OF_PAIR = (
    "y",
    "x",
    "timeframe",
    "hedge",
    "intercept",
    "price_space",
    "limit",
    "min_trades",
    "min_volume",
)
#: Of jobs; another run of the program has other ones, for a tab may outlive this one.
_numbers = itertools.count(time.time_ns() // 1_000_000)


@dataclass(frozen=True)
class Ask:
    """A question to a grid: of which market and pair, by which rules, over which axes.

    market: its id, and a number that tells a market made anew under its old id. walk: None for
    a sweep.
    """

    market: tuple[str, int]
    pair: PairParams
    settings: BacktestParams
    x: Axis
    y: Axis
    walk: Walk | None = None

    def fixed(self) -> dict[str, Any]:
        """What all cells have in common, by the label of its control."""
        fixed = {PAIR[name].label: getattr(self.pair, name) for name in OF_PAIR}
        if self.settings.hedge_mode != "in-sample":
            del fixed[PAIR["hedge"].label]
        swept = (self.x.name, self.y.name)
        rules = {**vars(self.settings), "z_window": self.pair.z_window}
        labels = {**BACKTEST, "z_window": PAIR["z_window"]}
        fixed |= {row.label: rules[name] for name, row in labels.items() if name not in swept}
        return {"market": self.market, **fixed}

    def changed(self, now: Ask) -> list[str]:
        """What all cells had in common and is not so any more, by its label."""
        mine, theirs = self.fixed(), replace_axes(now, self).fixed()
        return [label for label in mine if mine[label] != theirs.get(label, mine[label])]


def replace_axes(ask: Ask, like: Ask) -> Ask:
    """The question with the axes of another."""
    return Ask(ask.market, ask.pair, ask.settings, like.x, like.y)


class GridJob:
    """One sweep or walk-forward. version goes up whenever there is something to show.

    scan_on: the address of a Dask scheduler on whose workers it is computed, None for this
    machine. overfitting: the probability that a sweep's best cell overfits, None where it has none.
    """

    def __init__(self, ask: Ask, scan_on: str | None = None) -> None:
        self.ask = ask
        self._scan_on = scan_on
        self.number = next(_numbers)
        self.done, self.total = 0, 0
        self.version = 0
        self.result: SweepResult | WalkForward | None = None
        self.overfitting: PboResult | None = None
        self.error = ""
        self._stop = False
        self._task: asyncio.Task[None] | None = None

    @property
    def last_ms(self) -> int | None:
        """When the newest bar of its result opened, None before there is one."""
        if isinstance(self.result, SweepResult):
            return self.result.last_ms
        return None if self.result is None else int(self.result.ts_ms[-1])

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self._task is not None and not self._task.done()

    @property
    def share(self) -> int:
        """Per cent done."""
        return round(100 * self.done / self.total) if self.total else 0

    @property
    def words(self) -> str:
        """Where it stands, for the page."""
        if self.error:
            return self.error
        what = "back-tests" if self.ask.walk is None else "parts"
        if self.running:
            return f"{self.done:,} of {self.total:,} {what}" if self.total else "starting"
        if self._stop and self.result is None:
            return f"cancelled after {self.done:,} of {self.total:,} {what}"
        return f"{self.total:,} back-tests done" if self.ask.walk is None else "done"

    def start(self, y: Bars, x: Bars) -> None:
        """Run on worker threads."""
        self._task = asyncio.create_task(self._run(y, x))

    async def wait(self) -> None:
        """Until it is done, cancelled or failed."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop after the part under way; nothing half-done is shown."""
        self._stop = True

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.version += 1

    def _compute(self, y: Bars, x: Bars) -> SweepResult | WalkForward | NotReady:
        ask = self.ask
        axes = (ask.x.name, ask.x.values, ask.y.name, ask.y.values)
        grid = make_grid(ask.pair, ask.settings, *axes)
        with self._mapper() as run_all:
            how: dict[str, Any] = {
                "progress": self._progress,
                "cancelled": lambda: self._stop,
                "run_all": run_all,
            }
            result = (
                sweep(y, x, grid, **how)
                if ask.walk is None
                else walk_forward(y, x, grid, **how, **vars(ask.walk))
            )
        if isinstance(result, WalkForward) or (
            isinstance(result, SweepResult) and not result.cancelled
        ):
            self.overfitting = result.overfitting()
        return result

    @contextlib.contextmanager
    def _mapper(self) -> Iterator[Mapper]:
        """The cluster's mapper, or, where there is none, that of the threads of this process."""
        if self._scan_on is not None:
            try:
                with cluster_mapper(self._scan_on) as run_all:
                    yield lambda function, items: self._until_stopped(run_all(function, items))
                return
            except ClusterAbsent as error:
                logger.warning("%s: this machine computes alone", error)
        with ThreadPoolExecutor(THREADS, "grid") as pool:
            yield pool.map

    def _until_stopped(self, parts: Iterable[Any]) -> Iterator[Any]:
        for part in parts:
            yield part
            if self._stop:
                return

    async def _run(self, y: Bars, x: Bars) -> None:
        try:
            result = await asyncio.to_thread(self._compute, y, x)
        except (ValueError, ClusterLost) as error:
            self.error = str(error)
        else:
            if isinstance(result, NotReady):
                self.error = "" if self._stop else result.reason
            elif isinstance(result, WalkForward) or not result.cancelled:
                self.result = result
        self.version += 1
        what = "parameter sweep" if self.ask.walk is None else "walk-forward"
        logger.info("%s of %s by %s: %s", what, self.ask.x.name, self.ask.y.name, self.words)


class _Jobs(LRUCache[int, GridJob]):
    """Jobs by number; one that gives way to newer ones is cancelled."""

    def popitem(self) -> tuple[int, GridJob]:
        number, job = super().popitem()
        job.cancel()
        return number, job


class GridJobs:
    """The MAX_JOBS jobs that were seen last, by number, and those that no one had to ask for."""

    def __init__(self) -> None:
        self._jobs = _Jobs(MAX_JOBS)
        self._unasked: LRUCache[Hashable, int] = LRUCache(MAX_JOBS)

    def get(self, number: int | None) -> GridJob | None:
        """The job of this number, None once it is forgotten."""
        return None if number is None else self._jobs.get(number)

    def add(self, job: GridJob) -> GridJob:
        """Keep a job; beyond MAX_JOBS the one that nobody looked at for longest is cancelled."""
        self._jobs[job.number] = job
        return job

    def unasked(self, ask: Ask) -> GridJob | None:
        """The job that a page opened with for this question, if there is one yet."""
        return self._jobs.get(self._unasked.get(ask, -1))

    def add_unasked(self, job: GridJob) -> GridJob:
        """Keep a job under its question, for every page that opens with it."""
        self._unasked[job.ask] = job.number
        return self.add(job)
