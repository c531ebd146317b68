"""What a scan costs beside statsmodels, and how often it is right: the figures of docs/scanner.md.

The speeds are marked bench, the simulations, which take minutes, soak.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from analytics.cointegration import engle_granger
from analytics.scanner import ScanParams, detectable_half_life, scan_pairs
from tests.analytics.universes import reverting, tally, universe

THREADS = 2
#: Symbols, bars, and wall seconds that are wanted on two cores.
SIZES = [(200, 720, 1.5), (200, 4_320, 6.0), (600, 4_320, 45.0), (2_000, 720, 90.0)]


def scanned(made, bars: int, **options):
    params = ScanParams(bars=bars, **options)
    with ThreadPoolExecutor(THREADS) as pool:
        return scan_pairs(made.closes, names=made.names, params=params, run_all=pool.map)


def _measured(symbols: int, bars: int, pipe) -> None:
    """In a process of its own: seconds of wall and CPU, tests, peak memory in MB."""
    scanned(universe(0, 240, 4, planted=1, half_life=2.0), 240, q=0.5, correction="bh")
    made = universe(1, bars, symbols, planted=symbols // 10, half_life=bars / 240)
    wall, cpu = time.perf_counter(), time.process_time()
    result = scanned(made, bars)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((wall, cpu, result.tested, peak, dict(result.funnel)))


@pytest.mark.bench
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("symbols", "bars", "wanted"), SIZES)
def test_a_scan_beside_statsmodels(symbols, bars, wanted):
    from statsmodels.tsa.stattools import coint  # not in the process that is measured
    from threadpoolctl import threadpool_limits

    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_measured, args=(symbols, bars, theirs))
    process.start()
    wall, cpu, tested, peak, funnel = ours.recv()
    process.join()
    logs = np.log(universe(2, bars, 6).closes[: bars * 2 // 3])
    with threadpool_limits(1):
        began = time.thread_time()
        for i in range(5):
            coint(logs[:, i], logs[:, i + 1], trend="c", autolag="aic")
        each = (time.thread_time() - began) / 5
    print(
        f"\n{symbols} x {bars}: {wall:.2f} s wall (wanted {wanted}), {cpu:.2f} s CPU, "
        f"{tested:,} tests, {tested / cpu:,.0f} a CPU second, peak {peak:.0f} MB; "
        f"statsmodels {1e3 * each:.1f} ms CPU a test: {each * tested / cpu:,.0f} times; {funnel}"
    )


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_null_universes():
    kept = confirmed = 0
    for seed in range(100):
        result = scanned(universe(1_000 + seed, 720, 60), 720)
        kept += result.funnel["formation"] > 0
        confirmed += bool(result.confirmed)
    print(
        f"\nof 100 universes of 60 walks: none kept in {100 - kept}, "
        f"none confirmed in {100 - confirmed}"
    )
    assert confirmed <= 5
    assert kept <= 7


POWER = [
    (4_320, 20.0, {}, 0.85),
    (720, 3.0, {}, 0.85),
    (720, 20.0, {}, 0.0),
    (4_320, 20.0, {"own": 2.0}, 0.85),
    (720, 3.0, {"own": 2.0}, 0.85),
    (720, 3.0, {"noise": 1.5}, 0.0),
    (4_320, 20.0, {"noise": 1.5}, 0.0),
]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("n", "half_life", "how", "least"), POWER)
def test_power(n, half_life, how, least):
    right = wrong = 0
    seeds, verdicts = 20, Counter()
    for seed in range(seeds):
        made = universe(2_000 + seed, n, 200, planted=20, half_life=half_life, **how)
        result = scanned(made, n)
        found = tally(result.confirmed, made.planted)
        right, wrong = right + found.right, wrong + found.wrong
        for row in result.rows[: result.rows.survivors]:
            verdicts[frozenset((row.y, row.x)) in made.planted, row.verdict] += 1
    power, false = right / (20 * seeds), wrong / max(right + wrong, 1)
    print(
        f"\n{n} bars, half-life {half_life}, {how}: {100 * power:.1f} % confirmed, "
        f"{100 * false:.1f} % false ({wrong}); detectable {result.detectable_half_life:.1f}; "
        f"{dict(verdicts)}"
    )
    assert power >= least
    assert false <= 0.05


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("breaks", ["walk", "shift"])
@pytest.mark.parametrize(("n", "half_life"), [(720, 2.5), (4_320, 15.0)])
def test_relations_that_break(n, half_life, breaks):
    confirmed = survived = 0
    for seed in range(5):
        made = universe(3_000 + seed, n, 60, planted=20, half_life=half_life, breaks=breaks)
        result = scanned(made, n)
        confirmed += tally(result.confirmed, made.planted).right
        survived += sum(
            frozenset((row.y, row.x)) in made.planted
            for row in result.rows[: result.rows.survivors]
        )
    print(f"\n{n} bars, {breaks}: {confirmed} of 100 confirmed, {survived} formed")
    assert confirmed <= 10


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tests", [1_770, 39_800, 359_400])
@pytest.mark.parametrize("bars", [720, 2_160, 4_320])
def test_the_detectable_half_life(bars, tests):
    """The half-life at which 80 % of 400 pairs come below the level, by bisection: of a scan of
    so many bars, and with so many bars of formation.
    """
    related = max(2.0, 2.0 * np.sqrt(tests) / 40.0)
    level = 0.05 * related / (tests * (np.log(tests) + np.euler_gamma))
    for what, n in (("formation of a scan of", bars * 2 // 3), ("formation of", bars)):
        told, low, high = detectable_half_life(n, tests), 0.5, n / 10
        for _ in range(9):
            middle = np.sqrt(low * high)
            low, high = (middle, high) if power_at(n, middle, level) >= 0.8 else (low, middle)
        print(f"\n{what} {bars}, {tests:,} tests: told {told:.2f}, simulated {low:.2f}")
        assert abs(told / low - 1.0) < 0.25


def power_at(n: int, half_life: float, level: float, count: int = 200) -> float:
    rng = np.random.default_rng(7)
    walk = np.cumsum(0.01 * rng.standard_normal((n, count)), axis=0)
    y = walk + reverting(rng, n, count, half_life)
    found = 0
    for one, other in zip(y.T, walk.T, strict=True):
        found += min(engle_granger(one, other).pvalue, engle_granger(other, one).pvalue) <= level
    return found / count
