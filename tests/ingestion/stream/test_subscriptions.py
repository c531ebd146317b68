"""Connections are told of other symbols at the server's pace, and of the last choice alone."""

from __future__ import annotations

import asyncio
import time

from ingestion.stream.budget import Pace
from ingestion.stream.subscriptions import Subscriptions
from tests.ingestion.scenarios import until


class Sent:
    """A connection that takes a moment for each message."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, bytes]] = []

    async def send(self, message: bytes) -> None:
        self.messages.append((time.monotonic(), message))
        await asyncio.sleep(0)


def changes(added: list[str], removed: list[str]) -> list[bytes]:
    made = [("+", added), ("-", removed)]
    return [(sign + ",".join(sorted(names))).encode() for sign, names in made if names]


async def test_what_is_added_and_taken_off_again_is_never_sent() -> None:
    sent = Sent()
    followed = Subscriptions(["A"], changes, print, Pace(2, 0.6))
    followed.opened(sent, ["A"])  # type: ignore[arg-type]
    followed.want(["A", "B"])
    await asyncio.sleep(0)
    for symbols in ("AC", "CD", "D", "AD", "AB", "ABE"):
        followed.want(symbols)
        await asyncio.sleep(0)
    assert await until(lambda: len(sent.messages) == 2)
    followed.want(["B", "A", "E"])
    await asyncio.sleep(0.3)
    assert [message for _, message in sent.messages] == [b"+B", b"+E"]
    first, second = (at_s for at_s, _ in sent.messages)
    assert second - first >= 0.6, "at +C and -B there was no room for two"


async def test_a_connection_that_is_closed_is_told_nothing_more() -> None:
    sent, other = Sent(), Sent()
    followed = Subscriptions(["A"], changes, print, Pace(1, 0.1))
    for transport in (sent, other):
        followed.opened(transport, ["A"])  # type: ignore[arg-type]
    followed.want(["A", "B"])
    await asyncio.sleep(0.02)
    followed.want(["A", "B", "C"])
    followed.closed(sent)  # type: ignore[arg-type]
    assert await until(lambda: len(other.messages) == 2)
    assert [message for _, message in sent.messages] == [b"+B"]
    assert [message for _, message in other.messages] == [b"+B", b"+C"]


async def test_a_connection_that_opened_for_older_symbols_is_told_of_what_is_wanted_now() -> None:
    sent = Sent()
    followed = Subscriptions(["A", "B"], changes, print, Pace(3, 1.25))
    followed.opened(sent, ["A", "C"])  # type: ignore[arg-type]
    assert await until(lambda: len(sent.messages) == 2)
    assert [message for _, message in sent.messages] == [b"+B", b"-C"]


async def test_a_connection_that_is_lost_meanwhile_is_told_in_words_and_the_others_go_on() -> None:
    class Lost(Sent):
        async def send(self, message: bytes) -> None:
            raise ConnectionResetError

    said: list[str] = []
    sent = Sent()
    followed = Subscriptions(["A"], changes, said.append, Pace(3, 1.25))
    for transport in (Lost(), sent):
        followed.opened(transport, ["A"])  # type: ignore[arg-type]
    followed.want(["B"])
    assert await until(lambda: len(sent.messages) == 2)
    assert said == ["symbols not changed yet: connection reset by the server"]
