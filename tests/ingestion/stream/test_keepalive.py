"""Data is life, a pong may take its time, and only silence after a ping is death."""

from __future__ import annotations

import asyncio

import pytest

from ingestion.stream.failures import FeedError
from ingestion.stream.keepalive import Keepalive
from ingestion.stream.transport import Timeouts


class Line:
    """A connection whose pings are counted and answered when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pongs: list[asyncio.Future[float]] = []
        self.life = Keepalive(self.ping, quiet_s=20.0, pong_s=60.0, clock=lambda: self.now_s)

    async def ping(self) -> asyncio.Future[float]:
        self.pongs.append(asyncio.get_running_loop().create_future())
        return self.pongs[-1]

    async def at(self, now_s: float) -> None:
        self.now_s = now_s
        await self.life.check()


async def test_no_ping_is_sent_while_data_flows() -> None:
    line = Line()
    for second in range(0, 200, 10):
        line.now_s = float(second)
        line.life.heard()
        await line.at(second + 9.0)
    assert line.pongs == []


async def test_a_pong_that_waits_behind_a_burst_breaks_nothing() -> None:
    line = Line()
    await line.at(20.0)
    await line.at(79.0)
    line.life.heard()
    await line.at(95.0)
    await line.at(99.5)
    await line.at(150.0)
    assert len(line.pongs) == 2, "the burst counted as an answer"


async def test_an_answer_is_life_without_data() -> None:
    line = Line()
    await line.at(20.0)
    line.pongs[0].set_result(0.1)
    await line.at(79.0)
    await line.at(99.0)
    assert len(line.pongs) == 2


async def test_silence_after_a_ping_is_death() -> None:
    line = Line()
    await line.at(20.0)
    await line.at(79.9)
    with pytest.raises(FeedError, match="no answer to pings"):
        await line.at(80.0)


def test_the_product_waits_a_minute_for_a_pong() -> None:
    assert Timeouts().pong_s == 60.0
