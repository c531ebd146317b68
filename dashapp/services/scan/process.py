"""The worker process of scans, as the loop sees it: started when needed, killed at once."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dashapp.services.scan.worker import Report, Task, serve

#: Seconds after which a process without work ends.
IDLE_S = 300.0
_JOIN_S = 1.0
#: Seconds in which a killed process is gone: milliseconds, but for a machine in distress.
_KILLED_S = 0.05


class WorkerDied(Exception):
    """The process ended while it had work. code: as `multiprocessing.Process.exitcode`."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        super().__init__(f"the worker process died ({how})")


class ScanProcess:
    """One process that does tasks one at a time. Owned by the loop. target: what it runs."""

    def __init__(self, target: Callable[[Any], None] = serve) -> None:
        self._target = target
        self._process: Any = None
        self._connection: Any = None
        self._pipe = ThreadPoolExecutor(1, "scan-pipe")
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        return None if self._process is None else self._process.pid

    async def run(self, task: Task, told: Callable[[Report], None]) -> Report:
        """Do a task and return how it ended. told: is given the reports before.

        Raises WorkerDied where the process ends meanwhile. Cancelled, it kills the process.
        """
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._pipe, self._begin, task)
            while True:
                report = await loop.run_in_executor(self._pipe, self._connection.recv)
                if report.kind in ("done", "failed"):
                    self._idle = loop.call_later(IDLE_S, self.kill)
                    return report
                told(report)
        except (EOFError, OSError):
            process = self._process
            if process is not None:
                await loop.run_in_executor(self._pipe, process.join, _JOIN_S)
            code = None if process is None else process.exitcode
            self.kill()
            raise WorkerDied(code) from None
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None and process.is_alive():
            process.kill()
            process.join(_KILLED_S)

    def close(self) -> None:
        """End the process, for good."""
        self.kill()
        if self._idle is not None:
            self._idle.cancel()
        self._pipe.shutdown(wait=False)

    def _begin(self, task: Task) -> None:
        """Hand a task over, to a new process where there is none. In the pipe's thread."""
        if self._process is None or not self._process.is_alive():
            context = multiprocessing.get_context("spawn")
            if self._connection is not None:
                self._connection.close()
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=self._target, args=(theirs,), daemon=True, name="scan"
            )
            self._process.start()
            theirs.close()
        with contextlib.suppress(BrokenPipeError):  # `recv` says that it died
            self._connection.send(task)
