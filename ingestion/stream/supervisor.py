"""One task a source: connect, read, decode, deliver; fail, wait, and connect again.

The loop owns all of a feed's state; everything runs on the event loop. A start makes a new
generation, and only the current generation delivers.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from analytics.model import FeedState, Gap, Rejected, Ticks
from ingestion.stream.backoff import Backoff
from ingestion.stream.budget import Pace
from ingestion.stream.failures import (
    NETWORK_ERRORS,
    Failure,
    FeedError,
    StreamEnded,
    explain,
    shown,
)
from ingestion.stream.intake import Delivery, Intake
from ingestion.stream.running import Running
from ingestion.stream.session import Session, Timers
from ingestion.stream.subscriptions import Subscriptions
from ingestion.stream.transport import Transport
from ingestion.stream.watchdog import Watchdog

logger = logging.getLogger(__name__)

#: A new connection that says nothing for so long is told.
QUIET_S = 3.0
#: Symbols whose ticks are handed over in one piece: some ms of work.
SYMBOLS_AT_ONCE = 32

Sink = Callable[[list[Ticks], list[Rejected]], None]
OnGap = Callable[[Gap], None]
Clock = Callable[[], float]


class Supervisor(Running):
    """A feed over the network. `open_transport(symbols)` makes one connection.

    source: what the user is shown. symbols: only these are taken, all if there are none.
    overlap: whether a connection is renewed by overlapping the next one, which needs ids
    that tell duplicates; else that is done once the ids of a source prove to be a sequence.
    on_gap: told of trades that are missing, before the ticks after
    them. on_restart: told of a symbol whose ids mean other trades from now on. on_jump:
    told by how many seconds this computer's clock was set. strict_ids: whether the source is
    known to number its trades one by one. excused: whether a symbol is outside its hours now,
    when its silence means nothing. pace: at which a connection is told of other symbols.
    default_symbol: of trades that name none. hint: what to say of a server that says nothing at
    all. rng, clock, sleep: for the jitter, seconds that never jump, and the wait between
    attempts.
    """

    def __init__(
        self,
        source: str,
        open_transport: Callable[[tuple[str, ...]], Transport],
        sink: Sink,
        symbols: Sequence[str] = (),
        *,
        timers: Timers | None = None,
        overlap: bool = False,
        on_gap: OnGap | None = None,
        on_restart: Callable[[str], None] | None = None,
        on_jump: Callable[[float], None] | None = None,
        strict_ids: bool = False,
        excused: Callable[[str], bool] = lambda symbol: False,
        pace: Pace = Pace(),
        default_symbol: str | None = None,
        hint: str = "",
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(source, clock)
        self.timers = timers or Timers()
        self._open_transport = open_transport
        self._sink = sink
        self._overlap = overlap
        self._on_gap = on_gap
        self._on_restart = on_restart
        self._on_jump = on_jump
        self._excused = excused
        self._rng = rng or random.Random()
        self._intake = Intake(symbols, strict_ids, default_symbol)
        self._hint = hint
        self._sleep = sleep
        self._backoff = Backoff(self.timers.backoff, self._rng)
        self._watchdog = Watchdog(self.timers.watchdog)
        self._silences = 0
        self._forgiven: frozenset[str] = frozenset()
        self._subscriptions = Subscriptions(symbols, self._changes, self._say, pace)
        self._ready: Transport | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is wanted now."""
        return self._subscriptions.symbols

    def _begin(self) -> None:
        self._silences = 0
        self._forgiven = frozenset()
        self._backoff.reset()
        self._intake.begin(self.symbols)
        super()._begin()

    def use(self, intake: Any) -> None:
        """Before the start: read the messages by another intake than that of trades."""
        self._intake = intake

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Before the start: the id and the time of the trade that an earlier run had last."""
        self._intake.resume(symbol, newest, ts_ms)

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Take these symbols from now on, without a new connection where that is possible.

        The server is told soon, at the pace that it allows.
        """
        before = self.symbols
        self._subscriptions.want(symbols)
        self._intake.want(self.symbols)
        self._watchdog.watch(self._clock(), self.symbols)
        self._forgiven &= frozenset(self.symbols)
        added = [symbol for symbol in self.symbols if symbol not in before]
        removed = [symbol for symbol in before if symbol not in self.symbols]
        if added or removed:
            told = [f"asks for {', '.join(added)}"] if added else []
            told += [f"no longer asks for {', '.join(removed)}"] if removed else []
            self._say("; ".join(told))

    def _asked_first(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """The symbols that a connection is opened for; it is told of the rest once it is open."""
        return symbols

    def _changes(self, added: Sequence[str], removed: Sequence[str]) -> list[bytes]:
        """The messages that tell the server of other symbols; none where it is not told."""
        return []

    async def _run(self, generation: int) -> None:
        try:
            while True:
                failure = await self._attempt(generation)
                if failure is not None:
                    await self._wait(failure)
        except StreamEnded as end:
            self._become("stopped", str(end))
            self._say(str(end))
        finally:
            ready, self._ready = self._ready, None
            if ready is not None:
                self._subscriptions.closed(ready)
                await ready.close()

    async def _attempt(self, generation: int) -> Failure | None:
        """One connection from its opening to its end: why it ended, None for its successor."""
        transport, self._ready = self._ready, None
        try:
            if transport is None:
                transport = await self._connect()
            await self._read(transport, generation)
        except NETWORK_ERRORS as error:
            return explain(error)
        except StreamEnded:
            raise
        except Exception as error:
            logger.exception("feed %s failed", self.source)
            return Failure(f"internal error: {type(error).__name__}", "blocked", 5.0)
        finally:
            if transport is not None:
                self._subscriptions.closed(transport)
                await transport.close()
        return None

    async def _connect(self) -> Transport:
        """An open connection that is brought to the symbols of each moment."""
        asked = self._asked_first(self.symbols)
        transport = self._open_transport(asked)
        try:
            await self._open(transport)
        except BaseException:
            await transport.close()
            raise
        self._subscriptions.opened(transport, asked)
        return transport

    async def _open(self, transport: Transport) -> None:
        if self._state not in ("silent", "live", "closed"):
            self._become("connecting", "")
        async with asyncio.timeout(self.timers.timeouts.open_s):
            await transport.open()
        self._connects += 1
        self._say("connected")

    async def _wait(self, failure: Failure) -> None:
        if failure.kind == "silent":
            self._silences += 1
        fresh = self._backoff.failures == 0
        if failure.kind == "renewal" and fresh:
            self._backoff.failures += 1
            delay = 0.0
        else:
            delay = self._backoff.next_delay(failure.at_least_s)
        states: dict[str, FeedState] = {"silent": "silent", "blocked": "failed"}
        self._become_waiting(states.get(failure.kind, "reconnecting"), failure.words, delay)
        await self._sleep(delay)

    async def _read(self, transport: Transport, generation: int) -> None:
        """Read until the connection fails, or its successor stands ready."""
        session = Session(self._clock(), self.timers.age_s(self._rng))
        self._watchdog.start(session.opened_s, self.symbols, self._silences)
        if self._state == "connecting":
            self._detail = "connected, waiting for data"
        try:
            while True:
                messages = await transport.read(min(self._watchdog.remaining(self._clock()), 1.0))
                self._check_clock()
                session.heard = session.heard or bool(messages)
                if messages and generation == self._generation:
                    await self._deliver(messages, session)
                self._check_silence(session)
                if self._overlaps and session.renew(self._clock(), self.timers, self._connect):
                    self._ready = await session.next_transport()
                    return
        except NETWORK_ERRORS as error:
            refused = explain(error).refused
            if refused is not None and generation == self._generation:
                self._sink([], [refused])
            if not session.successor_open:
                raise
            self._ready = await session.next_transport()
        finally:
            await session.close(self._subscriptions.closed)

    @property
    def _overlaps(self) -> bool:
        """Whether what comes twice is known by its id, so that two connections may overlap."""
        return self._overlap or self._intake.numbered

    async def _deliver(self, messages: list[bytes], session: Session) -> None:
        delivery = self._intake.take(messages)
        for gap in delivery.gaps:
            self._found(gap)
        for symbol in delivery.restarted:
            self._say_seldom("numbering", f"the source numbers the trades of {symbol} anew")
            if self._on_restart is not None:
                self._on_restart(symbol)
        if delivery.ticks or delivery.rejected:
            await self._hand_over(delivery)
        if delivery.ticks or delivery.heard:
            self._note_data(delivery, session)
        for notice in delivery.notices:
            if notice.kind == "error":
                session.error = shown(notice.text)
                self._say_seldom("errors", f"the source reports an error: {session.error}")
        if delivery.rejected and session.first_tick_s is None:
            session.note_refused(delivery.rejected)
            if self._state in ("connecting", "silent"):
                self._detail = "connected" + session.why_no_ticks()
        for notice in delivery.notices:
            if notice.kind == "shutdown":
                self._end_soon(notice.text, session)

    async def _hand_over(self, delivery: Delivery) -> None:
        """Give the sink its ticks, of so many symbols at once that others have their turn between.

        Their ids count as had: once begun it is done, also where the feed is stopped meanwhile.
        """
        ticks, rejected, given = delivery.ticks, delivery.rejected, 0
        try:
            while len(ticks) - given > SYMBOLS_AT_ONCE:
                now, given = ticks[given : given + SYMBOLS_AT_ONCE], given + SYMBOLS_AT_ONCE
                told, rejected = rejected, []
                self._sink(now, told)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            try:
                self._sink(ticks[given:], rejected)
            except Exception:  # a stop is a stop, whatever becomes of the rest
                logger.exception("what came last could not be handed over")
            raise
        self._sink(ticks[given:], rejected)

    def _end_soon(self, words: str, session: Session) -> None:
        """The server is about to end the connection: the next one overlaps it, or follows."""
        if not self._overlaps or self._backoff.failures:
            raise FeedError(Failure(words, "renewal"))
        self._backoff.failures += 1
        self._say(f"{words}: connects anew, this connection is read on meanwhile")
        session.end_soon()

    def _found(self, gap: Gap) -> None:
        """Trades are missing."""
        words = f"gap: {len(gap):,} trades of {gap.symbol} are missing"
        words += f" (ids {gap.first_id} to {gap.last_id})"
        if len(gap) == 1:
            words = f"gap: a trade of {gap.symbol} is missing (id {gap.first_id})"
        self._say_seldom("gaps", words)
        if self._on_gap is not None:
            self._on_gap(gap)

    def _note_data(self, delivery: Delivery, session: Session) -> None:
        now = self._clock()
        symbols = {batch.symbol for batch in delivery.ticks} | delivery.heard
        self._watchdog.seen(now, symbols)
        self._forgiven -= symbols
        if session.first_tick_s is None:
            session.first_tick_s = now
            self._say("data flows")
        elif now - session.first_tick_s >= self.timers.backoff.stable_s:
            self._backoff.reset()
            self._silences = 0
        if self._state != "live":
            self._become("live", "")

    def _check_clock(self) -> None:
        """Nothing that waits reads the time of day; what is shown of it may be wrong."""
        jump = self._intake.clock.jump_s()
        if jump:
            self._say(f"this computer's clock jumped by {jump:+,.0f} s: set, or asleep")
            if self._on_jump is not None:
                self._on_jump(jump)

    def _check_silence(self, session: Session) -> None:
        now = self._clock()
        closed = [symbol for symbol in self.symbols if self._excused(symbol)]
        if closed:
            self._watchdog.excuse(now, closed)
        if closed and len(closed) == len(self.symbols):
            if self._state in ("live", "connecting", "silent"):
                self._become("closed", "outside trading hours")
                self._say("closed: outside trading hours")
        elif self._state == "closed":
            self._become("connecting", "open again, waiting for data")
            self._say("open again")
        if self._watchdog.feed_silent(now):
            words = f"connected, but no data for {self._watchdog.silence(now):.0f} s"
            words += session.why_no_ticks()
            if self._hint and not session.heard:
                words += f"; nothing received: {self._hint}"
            raise FeedError(Failure(words, "silent"))
        quiet = not session.heard and now - session.opened_s >= QUIET_S
        if self._hint and quiet and self._state == "connecting":
            self._detail = f"connected, nothing received: {self._hint}"
        silent = frozenset(self._watchdog.silent_symbols(now))
        if not self.symbols:
            self._forgiven = silent  # nobody asked for them by name: said, no more
        if silent - self._forgiven:
            # One new connection a silence: a symbol that nobody trades is no fault.
            self._forgiven |= silent
            names = ", ".join(sorted(silent)[:5])
            raise FeedError(Failure(f"connected, but no data for {names}", "silent"))
        if self._state == "live":
            names = ", ".join(sorted(self._forgiven)[:5])
            parts = [f"no data for {names}"] if names else []
            parts += [f"closed: {', '.join(closed[:5])}"] if closed else []
            self._detail = "; ".join(parts)
