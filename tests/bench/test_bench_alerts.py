"""What 200 rules on 20 symbols cost at an update of every symbol: at most 20 ms is wanted."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict

import numpy as np
import pytest

from analytics.model import FeedStatus, PairParams, Ticks
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings

pytestmark = pytest.mark.bench

SYMBOLS = [f"S{number:02d}USDT" for number in range(20)]
START_MS = 1_723_161_240_000


def ticks(rng: np.random.Generator, second: int, seconds: int) -> list[Ticks]:
    times = START_MS + (second + np.arange(seconds)) * 1_000
    walk = np.cumsum(rng.normal(0, 1e-4, seconds))
    made = []
    for number, symbol in enumerate(SYMBOLS):
        price = 100.0 * (number + 1) * np.exp(walk + rng.normal(0, 1e-4, seconds))
        # Some seconds are quiet, so that legs have to be aligned.
        kept = rng.random(seconds) < 0.97 if seconds > 1 else np.ones(1, bool)
        n = int(kept.sum())
        made.append(Ticks(symbol, times[kept], price[kept], np.ones(n), np.full(n, -1)))
    return made


@pytest.mark.parametrize("metrics", [("z",), ("z", "spread", "correlation", "price")])
async def test_200_rules_on_20_symbols(metrics):
    runtime = Runtime(Settings(source="none", archive=None))
    runtime.markets.status = lambda _: FeedStatus("test", "live")
    runtime.kernels.ready = True
    market, rng = runtime.markets["live"], np.random.default_rng(1)
    for one in ticks(rng, 0, 1_100):
        market.append(one)
    pairs = itertools.cycle(itertools.combinations(SYMBOLS, 2))
    for number, metric in zip(range(200), itertools.cycle(metrics), strict=False):
        y, x = next(pairs)
        rule = {"market": "live", "metric": metric, "operator": ">", "threshold": 0.9}
        subject = {"symbol": y} if metric == "price" else {"params": asdict(PairParams(y, x))}
        runtime.alerts.add_rule({**rule, **subject, "id": f"r{number}"})
    await runtime.alerts.step()
    spent = []
    for second in range(1_100, 1_160):
        for one in ticks(rng, second, 1):
            market.append(one)
        started = time.perf_counter()
        await runtime.alerts.step()
        spent.append((time.perf_counter() - started) * 1e3)
    print(
        f"\n200 rules on {', '.join(metrics)}, 20 symbols, 1,000 bars: "
        f"median {np.median(spent):.1f} ms, p95 {np.percentile(spent, 95):.1f} ms an update"
    )
