"""The cluster: a scheduler with two workers gives the same to the bit; one that goes is said."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.backtest import BacktestParams
from analytics.grid import make_grid
from analytics.model import PairParams
from analytics.scanner import FIELDS, scan_pairs
from analytics.sweep import sweep
from analytics.walkforward import walk_forward
from dashapp.parameters.grid import Axis
from dashapp.services.analysis.grid_jobs import Ask, GridJob
from dashapp.services.scan import cluster
from dashapp.services.scan.cluster import ClusterAbsent, ClusterLost, cluster_mapper
from tests.analytics.universes import universe
from tests.dashapp.services.scan.test_scans import PARAMS, bars_of, market_of, scanning
from tests.dask_cluster import Cluster

distributed = pytest.importorskip("distributed")

MADE = universe(11, 480, 30, planted=5, half_life=2.0)
PAIR = PairParams("S7", "S0", "1h", price_space="log", z_window=40)
RULES = BacktestParams(entry_z=1.0, hedge_window=60)
AXES = Axis("entry_z", 1.0, 2.0, 3), Axis("z_window", 20, 40, 2)
GRID = make_grid(PAIR, RULES, *(each for axis in AXES for each in (axis.name, axis.values)))
ASK = Ask(("m", 1), PAIR, RULES, *AXES)


def same_scan(run_all) -> None:
    ours, theirs = (
        scan_pairs(MADE.closes, names=MADE.names, params=PARAMS, **options)
        for options in ({"run_all": run_all}, {})
    )
    assert theirs.rows.survivors
    for name in FIELDS:
        np.testing.assert_array_equal(ours.rows.column(name), theirs.rows.column(name), name)


def legs():
    return bars_of("S7", MADE.closes[:, 29]), bars_of("S0", MADE.closes[:, 0])


def same_grids(run_all) -> None:
    y, x = legs()
    ours, theirs = (sweep(y, x, GRID, **options) for options in ({"run_all": run_all}, {}))
    for name, matrix in theirs.matrices.items():
        np.testing.assert_array_equal(ours.matrices[name], matrix, name)
    how = {"train_bars": 150, "test_bars": 60}
    walks = [walk_forward(y, x, GRID, **how, **more) for more in ({"run_all": run_all}, {})]
    assert walks[0].folds == walks[1].folds
    np.testing.assert_array_equal(walks[0].out_of_sample.equity, walks[1].out_of_sample.equity)


def pickled(function, items):
    """As another process has the work."""
    return map(pickle.loads(pickle.dumps(function)), items)  # noqa: S301


def test_work_that_was_sent_away_gives_the_same_to_the_bit():
    same_scan(pickled)
    same_grids(pickled)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    made = Cluster(2)
    with contextlib.closing(made):
        yield made


def test_what_is_sent_away_is_closes_without_pairs_and_of_survivors_alone():
    sent = []

    def weighed(function, items):
        sent.append(len(pickle.dumps(function)))
        return map(function, items)

    symbols, bars = 150, 480
    made = universe(11, bars, symbols, planted=5, half_life=1.0)
    found = scan_pairs(made.closes, names=made.names, params=PARAMS, run_all=weighed)
    legs = {name for row in found.rows[: found.rows.survivors] for name in (row.y, row.x)}
    formation = found.formation.stop - found.formation.start
    assert sent[0] < 8 * formation * symbols + 4_000
    assert legs
    assert sent[1] < 8 * bars * len(legs) + 4_000


@pytest.mark.parametrize("reached", [True, False])
def test_results_come_from_the_workers_or_by_way_of_their_scheduler(
    two_workers, monkeypatch, reached
):
    ways, gather, asked = set(), distributed.Client.gather, cluster._answer

    async def unreachable():
        raise OSError("no way there")

    async def answer(client, workers):
        lost = SimpleNamespace(rpc=lambda worker: SimpleNamespace(identity=unreachable))
        return await asked(client if reached else lost, workers)

    def watched(self, *futures, direct):
        ways.add(direct)
        return gather(self, *futures, direct=direct)

    monkeypatch.setattr(distributed.Client, "gather", watched)
    monkeypatch.setattr(cluster, "_answer", answer)
    with cluster_mapper(two_workers.address) as run_all:
        same_scan(run_all)
    assert ways == {reached}


async def test_two_workers_give_the_same_to_the_bit(two_workers):
    with cluster_mapper(two_workers.address) as run_all:
        same_scan(run_all)
        same_grids(run_all)
    async with scanning(market_of(MADE), scan_on=two_workers.address) as scans:
        job = scans.start("m", PARAMS)
        await job.wait()
        assert (job.state, job.notice) == ("done", None)
    alone = scan_pairs(MADE.closes, names=MADE.names, params=PARAMS)
    np.testing.assert_array_equal(job.result.rows.every, alone.rows.every)


async def test_a_sweep_runs_there_too_and_can_be_cancelled(two_workers):
    job = GridJob(ASK, two_workers.address)
    job.start(*legs())
    await job.wait()
    expected = sweep(*legs(), GRID)
    np.testing.assert_array_equal(job.result.matrices["sharpe"], expected.matrices["sharpe"])
    cancelled = GridJob(ASK, two_workers.address)
    cancelled.start(*legs())
    cancelled.cancel()
    await cancelled.wait()
    assert cancelled.result is None
    assert cancelled.words.startswith("cancelled")


def test_an_error_of_the_work_is_its_own(two_workers):
    with (
        cluster_mapper(two_workers.address) as run_all,
        pytest.raises(ZeroDivisionError),
    ):
        list(run_all(one_over, [1, 0]))


def one_over(number: int) -> float:
    return 1 / number


def later(number: int) -> int:
    threading.Event().wait(0.05)
    return number


async def test_a_scheduler_that_goes_away_ends_the_run_and_the_rest_goes_on_alone(two_workers):
    with cluster_mapper(two_workers.address) as run_all:
        parts = iter(run_all(later, range(10_000)))
        assert next(parts) == 0
        two_workers.scheduler.kill()
        with pytest.raises(ClusterLost, match="went away: the run ended"):
            list(parts)
    two_workers.scheduler.wait()
    async with scanning(market_of(), scan_on=two_workers.address) as scans:
        job = scans.start("m", PARAMS)
        await job.wait()
        assert job.state == "done"
        expected = f"no Dask scheduler answers at {two_workers.address}: this scan ran on this"
        assert job.notice.startswith(expected)


async def test_a_sweep_without_a_scheduler_runs_here(caplog):
    job = GridJob(ASK, "tcp://127.0.0.1:9")
    job.start(*legs())
    await job.wait()
    assert job.result is not None
    assert "this machine computes alone" in caplog.text


def test_a_scheduler_without_workers_is_none(monkeypatch):
    closed = []

    class Idle:
        def __init__(self, *address, **options) -> None:
            """Connects at once."""

        def nthreads(self):
            return {}

        def close(self, timeout):
            closed.append(timeout)

    monkeypatch.setattr(distributed, "Client", Idle)
    with pytest.raises(ClusterAbsent, match="has no workers"), cluster_mapper("tcp://127.0.0.1:9"):
        raise AssertionError("there is no mapper")
    assert closed
