"""A runtime without a source, for tests."""

from __future__ import annotations

from contextlib import asynccontextmanager

from analytics.model import (
    FeedStatus,
    PairParams,
)
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings

PAIR = PairParams("BTCUSDT", "ETHUSDT")
RULE = {
    "market": "demo",
    "metric": "z",
    "operator": "abs>",
    "threshold": 0.0,
    "params": {"y": "BTCUSDT", "x": "ETHUSDT"},
}
QUIET = Settings(source="none", archive=None)


@asynccontextmanager
async def started(settings: Settings = QUIET):
    made = Runtime(settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def say_live(runtime: Runtime) -> None:
    runtime.markets.status = lambda _: FeedStatus("test", "live")


async def uploaded(runtime: Runtime, name: str, content: bytes, **options):
    session = runtime.uploads.begin(name, **options)
    await session.feed(content)
    return await session.finish()


def ohlc(rows: int, step_s: int = 60) -> bytes:
    start = 1_723_161_000
    body = "".join(f"{start + step_s * i},5,7,4,6,10\n" for i in range(rows))
    return ("timestamp,open,high,low,close,volume\n" + body).encode()
