"""kill -9 while it streams: the archive opens, at most the last second is lost, nothing twice."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest

from dashapp.services.archive.recorder import key_of
from storage.archive.archive import Archive
from tests.exchange import Exchange

PROJECT = Path(__file__).resolve().parents[4]
SYMBOLS = ("BTCUSDT", "ETHUSDT")
#: Any price is above it, so each of them fires once, and never again.
RULES = [
    {"market": "live", "metric": "price", "operator": ">", "threshold": 1.0, "symbol": "BTCUSDT"},
    {"market": "live", "metric": "price", "operator": ">", "threshold": 2.0, "symbol": "ETHUSDT"}
    | {"on": "close"},
]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The stand-in's loop need not say of every trade that the killed process is gone."""
    caplog.set_level(logging.ERROR, "asyncio")


class Run:
    """A process of the app, fed by the stand-in, and what it may lose."""

    def __init__(self, exchange: Exchange, path: Path) -> None:
        self.path = path
        self.log = path.with_name("log").open("ab")
        command = [sys.executable, "app.py", "--port", "0", "--source", "binance-futures"]
        command += ["--symbols", ",".join(SYMBOLS), "--archive", str(path)]
        command += [
            *("--binance-ws", exchange.ws, "--binance-rest", exchange.rest, "--universe", "0")
        ]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stderr=self.log, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


def address(path: Path) -> str | None:
    """Where the newest run serves; it says so in its log."""
    told = [one for one in path.read_text().splitlines() if " serving http" in one]
    return told[-1].split(" serving ")[1].split(" ")[0] if told else None


async def add_rules(path: Path) -> None:
    async with httpx.AsyncClient() as client:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            try:
                where = address(path.with_name("log"))
                for rule in RULES if where else ():
                    answer = await client.post(f"{where}/api/alerts/rules", json=rule)
                    assert answer.status_code < 300, answer.text
                if where:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the app did not serve")


def look(path: Path, exchange: Exchange) -> dict[str, np.ndarray]:
    """What is in the archive after a kill: it opens as it is, and holds nothing twice."""
    archive = Archive.open(path)
    assert archive.warning is None
    assert archive.problem() is None
    key, held = key_of("binance-futures", exchange.ws), {}
    for symbol in SYMBOLS:
        parts = [one.trade_id for one in archive.ticks(key, symbol)]
        ids = np.concatenate(parts) if parts else np.empty(0, np.int64)
        assert len(np.unique(ids)) == len(ids), f"{symbol} holds ticks twice"
        held[symbol] = ids
    assert archive.damage == (0, 0)
    fired = Counter(one["rule_id"] for one in archive.events())
    assert all(count == 1 for count in fired.values()), f"alerts twice: {fired}"
    archive.close()
    return held


async def killed(path: Path, kills: int, longest_s: float, seed: int) -> None:
    rng = random.Random(seed)
    lost_s: list[tuple[float, float]] = []
    async with Exchange(SYMBOLS, rate=200.0) as exchange:
        for number in range(kills):
            run = Run(exchange, path)
            try:
                if number == 0:
                    await add_rules(path)
                began_ms = await connected(exchange, number + 1)
                await asyncio.sleep(rng.uniform(0.0, longest_s))
            finally:
                await asyncio.to_thread(run.kill)
            killed_ms = time.time() * 1_000
            held = await asyncio.to_thread(look, path, exchange)
            for symbol in SYMBOLS:
                newest_ms = max(newest(exchange, symbol, held[symbol]), began_ms)
                lost_s.append(((killed_ms - newest_ms) / 1_000, (killed_ms - began_ms) / 1_000))
    worst = sorted(lost_s)[-5:]
    sys.stdout.write(
        f"\n{kills} kills, {sum(map(len, held.values())):,} ticks: 0 archives that do not open, "
        f"0 ticks twice, 0 alerts twice; the longest losses, in s, and the runs' lengths: "
        f"{', '.join(f'{lost:.2f} of {ran:.2f}' for lost, ran in worst)}\n"
    )
    assert worst[-1][0] <= 1.0


def newest(exchange: Exchange, symbol: str, ids: np.ndarray) -> float:
    """The time of the newest tick that was kept, epoch ms; 0 for none."""
    return exchange.tape[symbol][int(ids.max()) - exchange.first_id]["T"] if len(ids) else 0.0


async def connected(exchange: Exchange, count: int) -> float:
    """When the stand-in has so many connections behind it: epoch ms. Before, none is lost."""
    deadline = time.monotonic() + 3 * 60
    while exchange.connects < count:
        assert time.monotonic() < deadline, "the app did not connect"
        await asyncio.sleep(0.01)
    return time.time() * 1_000


async def test_five_kills_lose_at_most_a_second_and_nothing_is_there_twice(tmp_path, quiet):
    await killed(tmp_path / "a.sqlite", kills=5, longest_s=1.5, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_two_hundred_kills_lose_at_most_a_second_and_nothing_is_there_twice(tmp_path, quiet):
    await killed(tmp_path / "a.sqlite", kills=200, longest_s=2.5, seed=2)
