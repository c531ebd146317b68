"""What 200 watched pairs cost at a refresh: at most 25 ms and 40 KB are wanted."""

from __future__ import annotations

import itertools
import json
import time

import numpy as np
import pytest

from analytics.model import FeedStatus, PairParams, Ticks
from dashapp.services.runtime import Runtime
from dashapp.services.startup import settle
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.settings import Settings

pytestmark = pytest.mark.bench

SYMBOLS = [f"S{number:02d}USDT" for number in range(21)]
START_MS = 1_723_161_240_000
PAIRS = 200


def ticks(rng: np.random.Generator, half: int, count: int) -> list[Ticks]:
    """A tick each half second."""
    times = START_MS + (half + np.arange(count)) * 500
    walk = np.cumsum(rng.normal(0, 1e-4, count))
    return [
        Ticks(
            symbol,
            times,
            100.0 * (number + 1) * np.exp(walk + rng.normal(0, 1e-4, count)),
            np.ones(count),
            np.full(count, -1),
        )
        for number, symbol in enumerate(SYMBOLS)
    ]


async def test_200_watched_pairs():
    runtime = Runtime(Settings(source="none", archive=None))
    runtime.markets.status = lambda _: FeedStatus("test", "live")
    runtime.kernels.ready = True
    market, rng = runtime.markets["live"], np.random.default_rng(1)
    for one in ticks(rng, 0, 2_200):
        market.append(one)
    for y, x in itertools.islice(itertools.combinations(SYMBOLS, 2), PAIRS):
        runtime.watchlist.put(WatchedPair("live", PairParams(y, x), 2.0))
    for _ in range(PAIRS):  # the first fill, each pair in its turn
        await runtime.watchlist.step()
        if all(row["half_life"] for row in runtime.watchlist.rows()):
            break
    settle()  # as the app does at its start: else a full round over its heap falls into a refresh
    version = runtime.watchlist.changes(0).version
    steps, answers, spent, sizes = [], [], [], []
    for half in range(2_200, 2_320):
        for one in ticks(rng, half, 1):
            market.append(one)
        busy, started = time.process_time(), time.perf_counter()
        await runtime.watchlist.step()
        read = time.perf_counter()
        changes = runtime.watchlist.changes(version)
        body = json.dumps({"pairs": changes.pairs, "rows": changes.rows}, separators=(",", ":"))
        answered = time.perf_counter()
        spent.append((time.process_time() - busy) * 1e3)
        version = changes.version
        assert len(changes.rows) > 0.9 * PAIRS  # one whose z moved by less than 0.01 stays
        steps.append((read - started) * 1e3)
        answers.append((answered - read) * 1e3)
        sizes.append(len(body.encode()) / 1e3)
    told = [
        f"{name}: median {np.median(values):.1f}, p95 {np.percentile(values, 95):.1f}, "
        f"max {max(values):.1f}"
        for name, values in (
            ("read, ms", steps),
            ("answer, ms", answers),
            ("both, ms", [a + b for a, b in zip(steps, answers, strict=True)]),
            ("processor, ms", spent),
            ("where a bar is new", spent[::2]),
            ("where a price moved", spent[1::2]),
            ("sent, KB", sizes),
        )
    ]
    print(f"\n{PAIRS} watched pairs, every one moved at every refresh: {'; '.join(told)}")
