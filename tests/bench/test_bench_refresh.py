"""A whole refresh of the Analytics page against other ways to make one, in the same run.

Run with -m bench -s. Ours is what the product does: a batch of new ticks into the market,
then the page's live callback as served, through guard, FastAPI and Dash, to the last byte.
The others (`stacks`) stop at the bytes of their charts; no server of theirs is counted.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from analytics.model import PairParams, Ticks
from analytics.pair import analyze_pair
from storage.market import Market
from storage.ring import CAPACITY
from tests.bench.page_server import SYMBOLS, PageServer, made_up_ticks, part
from tests.bench.stacks import BARS, Seeds, competent

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

REFRESHES = 60


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def speak(words: str) -> None:
        with capsys.disabled():
            print(f"\n  {words}", end="")

    return speak


class Stream:
    """Ticks of two legs that come in batches of half a second."""

    def __init__(self, per_second: int, seconds: int) -> None:
        self.legs = made_up_ticks(seconds, per_second)
        self.batch = max(per_second // 2, 1)
        self.at = 0

    def take(self, count: int) -> list[Ticks]:
        self.at += count
        return [part(leg, self.at - count, self.at) for leg in self.legs]

    def newest(self, count: int) -> list[Ticks]:
        return [part(leg, self.at - count, self.at) for leg in self.legs]


async def our_seconds(stream: Stream, hedge: str = "ols") -> tuple[list[float], float, int, int]:
    """Seconds of each refresh; of the first, whole figures; bytes of the first and the last."""
    server = PageServer(BARS, hedge=hedge)
    for ticks in stream.take(BARS * stream.batch * 2):
        server.market.append(ticks)
    spent, sizes = [], []
    for _ in range(REFRESHES):
        body, fresh = server.request(), stream.take(stream.batch)
        started = time.perf_counter()
        for ticks in fresh:
            server.market.append(ticks)
        answer = await server.post(body)
        spent.append(time.perf_counter() - started)
        sizes.append(len(answer))
        server.learn(answer)
    return spent[1:], spent[0], sizes[0], sizes[-1]


def their_seconds(refresh: Callable[[], bytes], runs: int) -> list[float]:
    refresh()
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        refresh()
        spent.append(time.perf_counter() - started)
    return spent


def compared(name: str, ours: list[float], theirs: list[float]) -> tuple[float, str]:
    """How many times ours is faster, by the best and by the median of each."""
    best, middle = min(theirs) / min(ours), float(np.median(theirs) / np.median(ours))
    words = f"{1e3 * min(theirs):,.1f} ms, {best:.0f}x (medians {middle:.0f}x)"
    return best, f"{name}: {words}"


@pytest.mark.parametrize("per_second", [10, 50, 100])
async def test_a_whole_refresh_against_two_other_stacks(per_second, say):
    pytest.importorskip("polars", reason="polars is absent")
    pytest.importorskip("orjson", reason="orjson is absent")
    stream = Stream(per_second, BARS + 2 * REFRESHES)
    await our_seconds(Stream(per_second, BARS + 2 * REFRESHES))
    ours, first, first_size, size = await our_seconds(stream)
    say(
        f"{BARS:,} bars, {per_second} ticks/s a leg: {1e3 * min(ours):.2f} ms best, "
        f"{1e3 * np.median(ours):.2f} ms median, {size / 1e3:.0f} kB as patches; "
        f"whole figures {1e3 * first:.1f} ms, {first_size / 1e3:.0f} kB"
    )
    y, x = stream.newest(BARS * per_second)
    full = their_seconds(lambda: competent(y, x, everything=True), 3)
    few = their_seconds(lambda: competent(y, x, everything=False), 5)
    seeds = Seeds((y, x))
    fresh = stream.newest(stream.batch)
    slow = their_seconds(lambda: seeds.refresh(*fresh), 3)
    times, words = compared("the same statistics by polars, statsmodels, plotly", ours, full)
    say(words)
    say(compared("the same stack with the usual statistics alone", ours, few)[1])
    seed_times, words = compared("the seeds' way, the usual statistics alone", ours, slow)
    say(words)
    assert times >= 50
    if per_second * BARS >= CAPACITY:  # the seeds' time grows with their deque, ours does not
        assert seed_times >= 200


async def test_the_live_callback_takes_at_most_20_ms(say):
    for hedge in ("ols", "huber"):
        spent, first, _, _ = await our_seconds(Stream(10, BARS + 2 * REFRESHES), hedge)
        median = 1e3 * float(np.median(spent))
        say(
            f"live callback, {BARS:,} bars, {hedge}: {median:.1f} ms median, "
            f"{1e3 * min(spent):.1f} ms best, whole figures {1e3 * first:.1f} ms (at most 20)"
        )
        assert 1e3 * min(spent) <= 20


def market_of(count: int) -> tuple[Market, Stream]:
    """A market with `count` ticks of each leg in its rings, ten a second."""
    stream = Stream(10, count // 10 + 1_000)
    market = Market("demo", "Demo", "demo", capacity=count)
    for ticks in stream.take(count):
        market.append(ticks)
    assert all(len(market.ring(symbol)) == count for symbol in SYMBOLS)
    return market, stream


def test_the_cost_of_a_snapshot_is_flat_as_the_ring_grows_to_a_million_ticks(say):
    params = PairParams(*SYMBOLS)
    held = {count: market_of(count) for count in (10_000, 100_000, 1_000_000)}
    spent: dict[int, list[float]] = {count: [] for count in held}
    for _ in range(150):  # in turns, so that a busy machine slows all of them
        for count, (market, stream) in held.items():
            fresh = stream.take(stream.batch)
            started = time.perf_counter()
            for ticks in fresh:
                market.append(ticks)
            legs = (market.bars(symbol, "1s", params.limit + 1) for symbol in SYMBOLS)
            analyze_pair(*legs, params)
            spent[count].append(time.perf_counter() - started)
    medians = {count: float(np.median(times)) for count, times in spent.items()}
    for count, median in medians.items():
        times = median / medians[10_000]
        say(f"append and snapshot, {count:,} ticks a ring: {1e3 * median:.2f} ms, {times:.2f} x")
    assert max(medians.values()) <= 1.2 * medians[10_000]
