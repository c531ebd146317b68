"""A Dask scheduler with workers, each a process of its own, for tests and benchmarks."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[1]


class Cluster:
    """A scheduler of its own and workers, of one thread each."""

    def __init__(self, workers: int) -> None:
        import distributed

        options = ("--port", "0", "--host", "127.0.0.1", "--no-dashboard")
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
        self.scheduler = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        self.workers: list[subprocess.Popen[str]] = []
        for line in self.scheduler.stderr:
            if "Scheduler at:" in line:
                self.address = line.rpartition(" ")[2].strip()
                break
        threading.Thread(target=self.scheduler.stderr.read, daemon=True).start()
        more = (self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")
        for _ in range(workers):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", *more]
            self.workers.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE_S)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
