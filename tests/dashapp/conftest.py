"""A runtime with a small made-up market, and the whole server around it, without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import numpy as np
import pytest
from dash import Dash, html

from analytics.model import PairParams, PairSnapshot, Ticks
from dashapp.server import create_server
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings

START_MS = 1_723_161_240_000


def made_up_ticks(
    symbol: str, seconds: int = 600, start_ms: int = START_MS, seed: int = 1
) -> Ticks:
    """Two ticks a second, of which the second leg follows the first."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(np.random.default_rng(7).normal(0, 1e-4, 2 * seconds))
    base = {"BTCUSDT": 60_000.0, "ETHUSDT": 2_500.0}.get(symbol, 100.0)
    price = base * np.exp(walk + rng.normal(0, 1e-4, 2 * seconds))
    times = start_ms + np.arange(2 * seconds) * 500
    return Ticks(symbol, times, price, rng.uniform(0.1, 1.0, 2 * seconds), times // 500)


def small_app(runtime: Runtime, server) -> Dash:
    """A Dash app of one page: enough to have Dash's own routes."""
    app = Dash("small", server=server, enable_mcp=False, add_log_handler=False)
    app.layout = html.Div("here")
    return app


@pytest.fixture
def ticks_of() -> Callable[..., Ticks]:
    """Made-up ticks: ticks_of(symbol, seconds=, start_ms=, seed=)."""
    return made_up_ticks


@pytest.fixture
def settings() -> Settings:
    return Settings(source="none", archive=None)


@pytest.fixture
def runtime(settings) -> Runtime:
    """Not started; its demo market holds two symbols, and its statistics count as compiled."""
    made = Runtime(settings)
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        made.markets["demo"].append(made_up_ticks(symbol, seed=seed))
    made.kernels.ready = True
    return made


@pytest.fixture
async def client(runtime, settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole server."""
    transport = httpx.ASGITransport(create_server(runtime, settings, small_app))
    base = f"http://127.0.0.1:{settings.port}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as made:
        yield made


@pytest.fixture
async def pair_snapshot(runtime) -> PairSnapshot:
    """The made-up pair, analysed: 600 bars."""
    made = await runtime.analysis.snapshot("demo", PairParams("BTCUSDT", "ETHUSDT"))
    assert isinstance(made, PairSnapshot)
    return made
