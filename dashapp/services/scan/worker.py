"""The process that scans: one task after the other, at a low priority."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal

from analytics.scanner import Mapper, ScanParams, ScanResult, scan_pairs
from dashapp.services.scan.closes import Closes
from dashapp.services.scan.cluster import ClusterLost, cluster_mapper
from dashapp.services.scan.records import put_result

#: How much this process gives way to others.
NICENESS = 10
#: Threads of a scan, and seconds between two reports.
THREADS = 4
REPORT_S = 0.1


@dataclass(frozen=True)
class Task:
    """A scan to do. closes: the path of a handover that holds `Closes`."""

    closes: str
    params: ScanParams
    scan_on: str | None


@dataclass(frozen=True)
class Report:
    """What a task has come to. result: the path of a handover that holds a `ScanResult`."""

    kind: Literal["step", "notice", "done", "failed"]
    words: str = ""
    share: float = 0.0
    result: str = ""


def serve(connection: Connection) -> None:
    """Do the tasks that come until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the application's
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICENESS)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = _scan(task, connection)
            connection.send(Report("done", share=1.0, result=put_result(result, os.getppid())))
        except (ValueError, ClusterLost) as error:
            connection.send(Report("failed", str(error)))
        except MemoryError:
            connection.send(Report("failed", "the scan needs more memory than there is"))
        except BrokenPipeError:
            return
        except Exception as error:
            logging.getLogger(__name__).exception("a scan failed")
            words = f"the scan failed by an internal error ({type(error).__name__}): see the log"
            connection.send(Report("failed", words))


def _scan(task: Task, connection: Connection) -> ScanResult:
    data = Closes.take(task.closes)
    reporter = _Reporter(connection)
    with _mapper(task.scan_on, reporter) as run_all:
        return scan_pairs(
            data.closes,
            names=data.names,
            params=task.params,
            turnover=data.turnover if task.params.min_turnover > 0.0 else None,
            funding=data.funding,
            run_all=run_all,
            progress=reporter.step,
        )


@contextlib.contextmanager
def _mapper(scan_on: str | None, reporter: _Reporter) -> Iterator[Mapper]:
    """The cluster's mapper, or, where there is none, that of the threads of this process."""
    if scan_on is not None:
        try:
            with cluster_mapper(scan_on) as run_all:
                yield run_all
            return
        except ConnectionError as error:
            reporter.notice(f"{error}: this scan ran on this machine alone")
    with ThreadPoolExecutor(min(os.cpu_count() or 1, THREADS), "scan") as pool:
        yield pool.map


class _Reporter:
    """Tells the other end how far a scan is, not too often."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told_s = 0.0
        self._step = ""

    def step(self, words: str, share: float) -> None:
        now = time.monotonic()
        if words != self._step or now - self._told_s >= REPORT_S:
            self._step, self._told_s = words, now
            self._connection.send(Report("step", words, share))

    def notice(self, words: str) -> None:
        self._connection.send(Report("notice", words))
