"""Scans: asked once, computed in a process of their own, watched by any tab, kept.

One scan runs at a time; others wait for their turn. The worker process has a low priority and
memory of its own, and is started again once where it dies.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cachetools import LRUCache

from analytics.model import TIMEFRAMES
from analytics.scanner import ScanParams, ScanResult
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from dashapp.services.periodic import rounds
from dashapp.services.scan import handover
from dashapp.services.scan.closes import Closes, check_timeframe, closed_ms, closes_of
from dashapp.services.scan.job import Pair as Pair
from dashapp.services.scan.job import ScanJob as ScanJob
from dashapp.services.scan.job import ScanRecord as ScanRecord
from dashapp.services.scan.job import ScanState as ScanState
from dashapp.services.scan.process import ScanProcess, WorkerDied
from dashapp.services.scan.records import (
    job_of,
    record_from_dict,
    record_to_dict,
    result_from_dict,
    result_to_dict,
    take_result,
)
from dashapp.services.scan.worker import Report, Task
from storage.archive.archive import Archive

logger = logging.getLogger(__name__)

#: Jobs that are remembered, those of them with their result, and scans of a market's history.
MAX_JOBS, MAX_RESULTS, MAX_HISTORY = 64, 8, 500
#: Markets whose history is remembered.
MAX_MARKETS = 64
#: Seconds between two looks for newly closed bars.
RESCAN_S = 1.0
#: Symbols that a notice names.
_NAMED = 5

Ready = Callable[[str], Awaitable[None]]


async def _always_ready(_market: str) -> None:
    """Every market is there."""


class Scans:
    """Every scan of the application. Owned by the loop.

    scan_on: the address of a Dask scheduler, None for this machine. ready: waits until a market
    is there, for those that are made when somebody looks at them. process: does the work.
    """

    def __init__(
        self,
        markets: Markets,
        writer: ArchiveWriter,
        scan_on: str | None = None,
        ready: Ready = _always_ready,
        process: ScanProcess | None = None,
    ) -> None:
        self._markets, self._writer = markets, writer
        self._scan_on, self._ready = scan_on, ready
        self._jobs: LRUCache[str, ScanJob] = LRUCache(MAX_JOBS)
        self._with_result: deque[ScanJob] = deque()
        self._newest: LRUCache[str, ScanJob] = LRUCache(MAX_MARKETS)
        self._running: dict[str, ScanJob] = {}
        self._again: dict[str, ScanJob] = {}
        self._history: LRUCache[str, deque[ScanRecord]] = LRUCache(MAX_MARKETS)
        self._process = process or ScanProcess()
        self._turn = asyncio.Lock()
        self._began_s = time.time()

    def start(
        self, market: str, params: ScanParams, timeframe: str = "1h", *, rescan: bool = False
    ) -> ScanJob:
        """Begin a scan; the one of the market that runs already is returned if it asks the same of
        the same data, cancelled if it does not. rescan: do it again at each closed bar, until told
        otherwise.

        Raises KeyError for an unknown market, ParameterError for a timeframe that it does not
        have.
        """
        where = self._markets.known(market)
        if len(where.symbols):
            check_timeframe(where, timeframe)
        running = self._running.get(market)
        same = running is not None and (running.params, running.timeframe) == (params, timeframe)
        if running is not None and same and running.serial == where.serial:
            running.rescan = rescan
            self._rescan(running)
            return running
        if running is not None:
            self.cancel(running.id)
        job = ScanJob(uuid.uuid4().hex[:12], market, timeframe, params, rescan)
        job.serial = where.serial
        self._rescan(job)
        job.started_ms = time.time_ns() // 1_000_000
        self._jobs[job.id] = self._running[market] = job
        job.task = asyncio.create_task(self._run(job), name=f"scan-{job.id}")
        return job

    def job(self, id: str) -> ScanJob | None:
        """The scan of this id, None once it is forgotten."""
        return self._jobs.get(id)

    def newest(self, market: str) -> ScanJob | None:
        """The newest scan of a market that is done, also of an earlier run of the program."""
        return self._newest.get(market)

    def running(self, market: str) -> ScanJob | None:
        """The scan of a market that runs now, or waits for its turn."""
        return self._running.get(market)

    def cancel(self, id: str) -> bool:
        """Stop a scan at once; False where none of this id runs. It is not done again."""
        job = self._jobs.get(id)
        if job is None or not job.running:
            return False
        if self._again.get(job.market) is job:
            self.stop_rescanning(job.market)
        self._ended(job, "cancelled")
        if job.task is not None:
            job.task.cancel()
        return True

    def stop_rescanning(self, market: str) -> None:
        """Scan a market no more at each closed bar."""
        job = self._again.pop(market, None)
        if job is not None:
            job.rescan = False

    def rescans(self, market: str) -> bool:
        """Whether a market is scanned again at each closed bar."""
        return market in self._again

    def history(self, market: str) -> tuple[ScanRecord, ...]:
        """The scans of a market that are kept, the newest first."""
        return tuple(self._history.get(market, ()))

    async def run(self) -> None:
        """Look for newly closed bars, for ever."""
        await asyncio.to_thread(handover.sweep, self._began_s)
        await rounds(self.rescan_closed, RESCAN_S, "the rescan at closed bars")

    async def rescan_closed(self) -> None:
        """Begin again the scans whose market has a bar that closed since."""
        for market, job in list(self._again.items()):
            where = self._markets.get(market)
            if where is None:
                self.stop_rescanning(market)
            elif not job.running and where.symbols:
                closed = await closed_ms(where, job.timeframe)
                if self._again.get(market) is not job:
                    continue
                if job.serial != where.serial:  # made anew, perhaps at an earlier time
                    job.serial, job.looked_ms = where.serial, closed
                elif closed >= job.looked_ms + TIMEFRAMES[job.timeframe]:
                    self.start(market, job.params, job.timeframe, rescan=True).looked_ms = closed

    async def stop(self) -> None:
        """End what runs, and the worker process."""
        tasks = [job.task for job in self._running.values() if job.task is not None]
        for job in list(self._running.values()):
            self.cancel(job.id)
        self._process.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(handover.sweep)

    # --- the archive's shelf -------------------------------------------------------------------

    def read(self, archive: Archive) -> list[dict[str, Any]]:
        """What the archive has of scans, the newest first; in a worker thread."""
        return archive.scans(MAX_HISTORY)

    def restore(self, kept: list[dict[str, Any]]) -> None:
        """Take over what the archive had; what it cannot read any more is left out."""
        for row in kept:
            try:
                record = record_from_dict(row["record"])
                result = row["result"] and result_from_dict(row["result"], record.params)
            except (KeyError, ValueError, TypeError) as error:
                logger.warning("a scan of the archive cannot be read: %s", error)
                continue
            self._history_of(record.market).append(record)
            if record.market not in self._newest and result:
                job = job_of(record, result)
                self._newest[record.market] = self._jobs[job.id] = job
                self._with_result.appendleft(job)

    def keep_again(self) -> None:
        """Hand the newest scans to a new archive."""
        for job in list(self._newest.values()):
            if job.result is not None:
                self._keep(job)

    def _keep(self, job: ScanJob) -> None:
        record = record_to_dict(job.record())
        result = job.result

        def write(archive: Archive) -> None:
            kept = None if result is None else result_to_dict(result)
            archive.save_scan(record, kept, MAX_HISTORY)

        self._writer.keep(write)

    # --- one scan ------------------------------------------------------------------------------

    def _rescan(self, job: ScanJob) -> None:
        if job.rescan:
            self._again[job.market] = job
        else:
            self.stop_rescanning(job.market)

    async def _run(self, job: ScanJob) -> None:
        try:
            await self._ready(job.market)
            if self._turn.locked():
                job.at("waiting for another scan", 0.0)
            async with self._turn:
                began = time.perf_counter()
                result = await self._result(job)
                job.took_ms = round(1e3 * (time.perf_counter() - began))
            self._done(job, result)
        except asyncio.CancelledError:
            if job.running:
                self._ended(job, "cancelled")
            raise
        except (ValueError, KeyError, RuntimeError, OSError) as error:
            words = error.args[0] if isinstance(error, KeyError) else str(error)
            self._ended(job, "failed", _sentence(words))
        except Exception as error:
            logger.exception("a scan failed")
            words = f"An internal error ({type(error).__name__}) ended the scan: see the log."
            self._ended(job, "failed", words)

    async def _result(self, job: ScanJob) -> ScanResult:
        """The result of the worker process. Raises RuntimeError in words."""
        market = self._markets.known(job.market)
        if job.serial != market.serial:  # made anew while the scan waited for its turn
            job.serial, job.looked_ms = market.serial, 0
        check_timeframe(market, job.timeframe)
        job.at("reading closes", 0.0)
        data = await closes_of(market, job.timeframe, job.params.bars)
        job.spans(data)
        for again in (True, False):
            path = await _handed(data)
            try:
                task = Task(path, job.params, self._scan_on)
                report = await self._process.run(task, partial(_told, job))
                break
            except WorkerDied as error:
                if not again:
                    raise RuntimeError(f"{error} twice: the scan was given up") from None
                logger.warning("%s: it is started again", error)
                job.note(f"{error} and was started again")
            finally:
                handover.discard(path)
        if report.kind == "failed":
            raise RuntimeError(report.words)
        return await asyncio.to_thread(take_result, report.result, job.params)

    def _done(self, job: ScanJob, result: ScanResult) -> None:
        job.result = result
        before = self._newest.get(job.market)
        if before is not None and before.timeframe == job.timeframe:
            self._compare(job, before)
        if before is not None and before not in self._with_result:
            before.result = None  # it was kept beyond its turn as the newest of its market
        self._newest[job.market] = job
        self._ended(job, "done")
        self._history_of(job.market).appendleft(job.record())
        self._with_result.append(job)
        while len(self._with_result) > MAX_RESULTS:
            old = self._with_result.popleft()
            if self._newest.get(old.market) is not old:
                old.result = None
        self._keep(job)

    def _compare(self, job: ScanJob, before: ScanJob) -> None:
        """What is new since the scan before, what has left, and which symbols are gone."""
        if job.result is None or before.result is None:
            return
        results = (job.result, before.result)
        now, then = ({(row.y, row.x) for row in each.confirmed} for each in results)
        # a pair whose better order has changed is the same pair
        same = {frozenset(pair) for pair in now} & {frozenset(pair) for pair in then}
        job.new = tuple(sorted(pair for pair in now if frozenset(pair) not in same))
        job.left = tuple(sorted(pair for pair in then if frozenset(pair) not in same))
        gone = sorted(set(before.result.rows.names) - set(job.result.rows.names))
        if gone:
            named = ", ".join(gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
            job.note(f"{len(gone)} symbols of the scan before are gone: {named}")

    def _ended(self, job: ScanJob, state: ScanState, error: str | None = None) -> None:
        job.end(state, error)
        if self._running.get(job.market) is job:
            del self._running[job.market]
        count = 0 if job.result is None else job.result.funnel["confirmation"]
        words = error or f"{count} confirmed"
        logger.info("scan of %s at %s: %s, %s", job.market, job.timeframe, state, words)

    def _history_of(self, market: str) -> deque[ScanRecord]:
        if market not in self._history:
            self._history[market] = deque(maxlen=MAX_HISTORY)
        return self._history[market]


async def _handed(data: Closes) -> str:
    """The path of closes on their way; a file that comes after all was cancelled goes again."""
    put = asyncio.create_task(asyncio.to_thread(data.put))
    try:
        return await asyncio.shield(put)
    except asyncio.CancelledError:
        put.add_done_callback(_discarded)
        raise


def _discarded(put: asyncio.Task[str]) -> None:
    if not put.cancelled() and put.exception() is None:
        handover.discard(put.result())


def _told(job: ScanJob, report: Report) -> None:
    if report.kind == "notice":
        job.note(report.words)
    else:
        job.at(report.words, report.share)


def _sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
