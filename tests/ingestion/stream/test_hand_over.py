"""How the ticks of many symbols reach the sink: in pieces, and all of them."""

from __future__ import annotations

import asyncio

from analytics.model import Rejected, Ticks
from ingestion.stream.supervisor import SYMBOLS_AT_ONCE, Supervisor
from tests.waiting import until

SYMBOLS = [f"S{number:03}USDT" for number in range(3 * SYMBOLS_AT_ONCE + 5)]
LINE = '{"s":"%s","T":1723161256322,"p":"5","q":"1","a":7}'


class OneBatch:
    """A transport that brings a trade of each symbol and a line that is none, then nothing."""

    def __init__(self) -> None:
        self._messages = [(LINE % symbol).encode() for symbol in SYMBOLS] + [b"nonsense"]

    async def open(self) -> None: ...

    async def read(self, wait_s: float) -> list[bytes]:
        messages, self._messages = self._messages, []
        if not messages:
            await asyncio.sleep(wait_s)
        return messages

    async def send(self, message: bytes) -> None: ...

    async def close(self) -> None: ...


async def test_others_have_their_turn_between_the_pieces_of_a_batch() -> None:
    turns = 0
    pieces: list[tuple[int, int]] = []
    refused: list[Rejected] = []

    def sink(ticks: list[Ticks], rejected: list[Rejected]) -> None:
        pieces.append((turns, len(ticks)))
        refused.extend(rejected)

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    feed = Supervisor("test", lambda _: OneBatch(), sink)
    feed.start()
    await until(lambda: sum(count for _, count in pieces) == len(SYMBOLS))
    await feed.stop()
    other.cancel()
    assert max(count for _, count in pieces) == SYMBOLS_AT_ONCE
    assert len({turn for turn, _ in pieces}) == len(pieces) == 4
    assert [one.reason for one in refused] == ["json"]


async def test_a_batch_that_was_begun_is_handed_over_whole_where_the_feed_stops() -> None:
    taken: list[str] = []
    stopping: list[asyncio.Task[None]] = []

    def sink(ticks: list[Ticks], rejected: list[Rejected]) -> None:
        taken.extend(batch.symbol for batch in ticks)
        if not stopping:
            stopping.append(asyncio.create_task(feed.stop()))

    feed = Supervisor("test", lambda _: OneBatch(), sink)
    feed.start()
    await until(lambda: bool(stopping) and stopping[0].done())
    assert taken == SYMBOLS


async def test_a_feed_stops_though_its_sink_fails_at_what_came_last() -> None:
    calls = 0
    stopping: list[asyncio.Task[None]] = []

    def sink(ticks: list[Ticks], rejected: list[Rejected]) -> None:
        nonlocal calls
        calls += 1
        if not stopping:
            stopping.append(asyncio.create_task(feed.stop()))
        else:
            raise RuntimeError("the market is gone")

    feed = Supervisor("test", lambda _: OneBatch(), sink)
    before = asyncio.all_tasks()
    feed.start()
    await until(lambda: bool(stopping) and stopping[0].done())
    assert calls == 2
    assert asyncio.all_tasks() - before <= {*stopping}, "no task reads on"
