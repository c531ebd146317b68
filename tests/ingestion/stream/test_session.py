"""One connection and its successor: when that is opened, and when it is asked for again."""

from __future__ import annotations

import asyncio

from ingestion.stream.failures import Failure, FeedError
from ingestion.stream.session import RENEW_RETRY_S, Session, Timers
from ingestion.stream.transport import Transport


class Refused:
    """A successor that is refused, for so many seconds at least. asked_s: when it was asked for."""

    def __init__(self, at_least_s: float) -> None:
        self.asked_s: list[float] = []
        self.given_up: list[Transport] = []
        self.session = Session(0.0, max_age_s=10.0)
        self._failure = Failure("refused", "blocked", at_least_s)
        self._now_s = 0.0

    async def open(self) -> Transport:
        self.asked_s.append(self._now_s)
        raise FeedError(self._failure)

    async def at(self, *seconds: float) -> None:
        for self._now_s in seconds:
            assert not self.session.renew(self._now_s, Timers(), self.open)
            await asyncio.sleep(0)  # the successor's own turn


async def test_a_successor_that_fails_is_asked_for_again_after_a_while() -> None:
    refused = Refused(0.0)
    await refused.at(9.0, 10.0, 11.0, 11.0 + RENEW_RETRY_S - 1, 11.0 + RENEW_RETRY_S)
    assert refused.asked_s == [10.0, 11.0 + RENEW_RETRY_S]
    await refused.session.close(refused.given_up.append)


async def test_a_successor_that_is_refused_for_long_is_not_asked_for_sooner() -> None:
    refused = Refused(300.0)
    await refused.at(10.0, 11.0, 12.0 + RENEW_RETRY_S, 310.0, 311.0)
    assert refused.asked_s == [10.0, 311.0]
    await refused.session.close(refused.given_up.append)


class Opened:
    """A successor that is open."""

    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_a_successor_that_nobody_took_is_closed_and_told_of() -> None:
    session, made, told = Session(0.0, max_age_s=10.0), Opened(), list[Transport]()

    async def successor() -> Transport:
        return made  # type: ignore[return-value]

    assert not session.renew(10.0, Timers(), successor)
    await asyncio.sleep(0)
    assert session.successor_open
    await session.close(told.append)
    assert (told, made.closed) == ([made], True)
