"""A scan on a Dask cluster of two workers beside one of one: 1.7 times as fast is wanted.

`python -m pytest -n 0 -m bench -s tests/bench/test_bench_cluster.py`, with both cores free.
"""

from __future__ import annotations

import contextlib
import os
import time
from statistics import median
from typing import NamedTuple

import numpy as np
import psutil
import pytest

from analytics.scanner import ScanParams, scan_pairs
from dashapp.services.scan.cluster import cluster_mapper
from tests.analytics.universes import universe
from tests.dask_cluster import Cluster

pytest.importorskip("distributed")

TURNS = int(os.environ.get("SPREADSCOPE_BENCH_TURNS", "5"))
CORES = 2
#: The share of a scan's progress at which all pairs are tested.
TESTED = 0.9
#: For so long is looked at what the cluster takes without work.
IDLE_S = 5.0
MADE = universe(5, 720, 2_000, planted=50, half_life=3.0)
SMALL = universe(6, 720, 40)


class Run(NamedTuple):
    """Seconds of a scan: of wall; of the processor by process, without what they take idle: the
    client's alone before and after the tests (alone), and beside the workers (beside).
    """

    wall: float
    alone: float
    beside: float
    scheduler: float
    workers: tuple[float, ...]

    @property
    def calm(self) -> float:
        """What it takes on two free cores: the client alone, then all of them sharing the cores,
        where no worker is quicker than its own work.
        """
        shared = (self.beside + self.scheduler + sum(self.workers)) / CORES
        return self.alone + max(shared, *self.workers)

    def __str__(self) -> str:
        workers = " + ".join(f"{each:.2f}" for each in self.workers)
        return (
            f"{self.wall:.2f} s; processor: client {self.alone:.2f} alone, {self.beside:.2f} "
            f"beside, scheduler {self.scheduler:.2f}, workers {workers}"
        )


def taken_s(processes: list[psutil.Process]) -> np.ndarray:
    """Seconds of the processor that each has taken so far."""
    return np.array([sum(process.cpu_times()[:2]) for process in processes])


def scanned(cluster: Cluster, run_all) -> Run:
    processes = [psutil.Process(each.pid) for each in (cluster.scheduler, *cluster.workers)]
    before = taken_s(processes)
    time.sleep(IDLE_S)
    idle = (taken_s(processes) - before) / IDLE_S
    before, marks = taken_s(processes), []

    def told(step: str, share: float) -> None:
        if step.startswith("testing") and share in (0.0, TESTED):
            marks.append(time.process_time())

    wall, began = time.perf_counter(), time.process_time()
    params = ScanParams(bars=720)
    scan_pairs(MADE.closes, names=MADE.names, params=params, run_all=run_all, progress=told)
    ended, wall = time.process_time(), time.perf_counter() - wall
    spent = (taken_s(processes) - before - wall * idle).tolist()
    first, last = marks
    alone = first - began + ended - last
    return Run(wall, alone, last - first, spent[0], tuple(spent[1:]))


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_two_dask_workers_beside_one():
    runs: tuple[list[Run], list[Run]] = ([], [])
    with contextlib.ExitStack() as stack:
        clusters = [stack.enter_context(contextlib.closing(Cluster(n))) for n in (1, 2)]
        mappers = [stack.enter_context(cluster_mapper(each.address)) for each in clusters]
        for run_all in mappers:
            for _ in range(3):  # until each worker has imported what it needs
                scan_pairs(SMALL.closes, names=SMALL.names, run_all=run_all)
        for _ in range(TURNS):
            for done, cluster, run_all in zip(runs, clusters, mappers, strict=True):
                done.append(scanned(cluster, run_all))
                print(f"\n{len(cluster.workers)}: {done[-1]}", end="", flush=True)
    told = []
    for what in ("wall", "calm"):
        one, two = ([getattr(run, what) for run in done] for done in runs)
        ratios = [a / b for a, b in zip(one, two, strict=True)]
        told.append(
            f"{median(one):.2f} and {median(two):.2f} s, {median(ratios):.2f} times "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    print(
        f"\none worker and two: {told[0]}, on {os.cpu_count()} cores; by processor seconds, on "
        f"{CORES} free ones: {told[1]}"
    )
