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
import plotly.io as pio
import pytest
from threadpoolctl import threadpool_limits

from analytics.model import PairParams, Ticks
from analytics.pair import analyze_pair
from analytics.warmup import warm_up
from dashapp.services.startup import keep_freed_memory, settle
from storage.market.market import Market
from storage.market.ring import CAPACITY
from tests.bench.page_server import SYMBOLS, PageServer, made_up_ticks, part
from tests.bench.stacks import (
    BARS,
    Seeds,
    common_figures,
    competent,
    other_figures,
    polars_legs,
)

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

REFRESHES = 60
FULL = "polars, statsmodels, plotly, with all that our page shows"
SEEDS = "the seeds' way, with the usual statistics alone"


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def _json_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """plotly takes orjson for Dash's answers wherever it is installed; the product has it not."""
    monkeypatch.setattr(pio.json.config, "default_engine", "json")


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


class Ours:
    """Our refreshes of one stream. seconds: of each but the first, which sends whole figures
    and has `first` and `first_size`; size: bytes of the newest.
    """

    def __init__(self, stream: Stream, hedge: str = "ols") -> None:
        self.stream = stream
        self.server = PageServer(BARS, hedge=hedge)
        for ticks in stream.take(BARS * stream.batch * 2):
            self.server.market.append(ticks)
        warm_up()
        keep_freed_memory()
        self.seconds: list[float] = []
        self.size = 0

    async def start(self) -> None:
        await self.refresh()
        self.first, self.first_size = self.seconds.pop(), self.size
        settle()  # as the app does at its start: else full rounds over its heap fall into refreshes

    async def refresh(self, times: int = 1) -> None:
        server = self.server
        for _ in range(times):
            body, fresh = server.request(), self.stream.take(self.stream.batch)
            started = time.perf_counter()
            for ticks in fresh:
                server.market.append(ticks)
            answer = await server.post(body)
            self.seconds.append(time.perf_counter() - started)
            self.size = len(answer)
            server.learn(answer)


def seconds(refresh: Callable[[], bytes]) -> float:
    started = time.perf_counter()
    refresh()
    return time.perf_counter() - started


@pytest.mark.parametrize("per_second", [10, 50, 100])
async def test_a_whole_refresh_against_two_other_stacks(per_second, say):
    """In turns, so that a busy machine slows all of them; the best of each counts."""
    pytest.importorskip("polars", reason="polars is absent")
    pytest.importorskip("orjson", reason="orjson is absent")
    stream = Stream(per_second, BARS + 2 * REFRESHES)
    ours = Ours(stream)
    await ours.start()
    await ours.refresh(5)
    y, x = stream.newest(BARS * per_second)
    seeds, fresh = Seeds((y, x)), stream.newest(stream.batch)
    ways: dict[str, Callable[[], bytes]] = {
        FULL: lambda: competent(y, x, everything=True),
        "the same libraries, the usual statistics alone": lambda: competent(y, x, everything=False),
        SEEDS: lambda: seeds.refresh(*fresh),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(4):
        await ours.refresh(10)
        for name, refresh in ways.items():
            spent[name].append(seconds(refresh))
    say(
        f"{BARS:,} bars, {per_second} ticks/s a leg: {1e3 * min(ours.seconds):.2f} ms best, "
        f"{1e3 * np.median(ours.seconds):.2f} median, {ours.size / 1e3:.0f} kB as patches; "
        f"whole figures {1e3 * ours.first:.1f} ms, {ours.first_size / 1e3:.0f} kB"
    )
    times = {name: min(theirs) / min(ours.seconds) for name, theirs in spent.items()}
    for name, theirs in spent.items():
        middle = np.median(theirs) / np.median(ours.seconds)
        say(f"{name}: {1e3 * min(theirs):,.1f} ms, {times[name]:.0f}x (medians {middle:.0f}x)")
    assert times[FULL] >= 25
    if per_second * BARS >= CAPACITY:  # full rings; the seeds' time grows with their ticks
        assert times[SEEDS] >= 100


def test_the_other_stack_makes_the_same_figures():
    """What is compared is the same work: its results are ours."""
    pytest.importorskip("polars", reason="polars is absent")
    market = Market("demo", "Demo", "demo")
    legs = Stream(10, BARS).take(BARS * 10)
    for ticks in legs:
        market.append(ticks)
    ours = analyze_pair(
        *(market.bars(symbol, "1s") for symbol in SYMBOLS), PairParams(*SYMBOLS, limit=BARS)
    )
    _, y, x = polars_legs(*legs)
    np.testing.assert_array_equal(np.array([y, x]), [ours.price_y, ours.price_x])
    made = common_figures(y, x)
    made |= other_figures(y, x, made["spread"])
    fit = ours.fit
    close = {
        "fit": (fit.beta, fit.alpha, fit.r_squared, fit.beta_stderr),
        "correlation": ours.correlation,
        "half_life": ours.half_life,
        "hurst": ours.hurst,
        "adf": (ours.adf.statistic, ours.adf.pvalue, ours.adf.used_lag),
        "engle_granger": (ours.engle_granger.statistic, ours.engle_granger.pvalue),
        "adf_line": ours.adf_pvalue,
        "swapped": (ours.swapped.alpha, ours.swapped.beta),
        **{name: ours.fits[name].beta for name in ("huber", "theil_sen", "tls", "ratio")},
    }
    made |= made["methods"]
    for name, mine in close.items():
        theirs = np.ravel(made[name] if np.ndim(made[name]) else [made[name]])
        np.testing.assert_allclose(
            theirs[: np.size(mine)], np.ravel(mine), 1e-4, 1e-8, err_msg=name
        )
    theirs = {name: made[name] for name in ("spread", "mean", "std", "corr")}
    for name, line in (*theirs.items(), ("z", made["known_z"])):
        np.testing.assert_allclose(line, getattr(ours, name), 1e-3, 1e-5, err_msg=name)
    np.testing.assert_allclose(made["path"], ours.path.beta, 1e-3)


@pytest.mark.parametrize("hedge", ["ols", "huber"])
async def test_the_live_callback_from_ticks_to_bytes(hedge, say):
    ours = Ours(Stream(10, BARS + 2 * REFRESHES), hedge)
    await ours.start()
    await ours.refresh(REFRESHES)
    say(
        f"ticks to bytes, {BARS:,} bars, {hedge}: {1e3 * np.median(ours.seconds):.1f} ms median, "
        f"{1e3 * min(ours.seconds):.1f} best, whole figures {1e3 * ours.first:.1f}"
    )


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
    assert max(medians.values()) <= 2 * medians[10_000]
