"""Trades of the exchange: any number of symbols, over connections of so many streams each.

Each connection is a feed of its own, with its watchdog, its backoff and its renewals: what
befalls one touches its own symbols alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analytics.model import FeedState, FeedStatus, Gap
from ingestion.binance import wire
from ingestion.binance.backfill import Backfill, BackfillPolicy, Fill
from ingestion.binance.rest import Rest
from ingestion.stream.running import MAX_EVENTS
from ingestion.stream.supervisor import Sink, Supervisor, Timers
from ingestion.stream.transport import Timeouts, Transport, WebSocketTransport

#: Each connection's age is less by this share than that of the one before it, and begins anew
#: after so many.
STAGGER, STAGGERED = 0.002, 32
#: Symbols of a connection from which on its batches are gathered for longer, and up to when, s.
FEW, LONGEST_GATHER_S = 20, 0.25
#: What is said of a feed whose connections differ: the first of these that any of them is in.
_ORDER: tuple[FeedState, ...] = (
    *("live", "closed", "silent", "connecting", "reconnecting", "failed", "stopped"),
)


class Shard(Supervisor):
    """One connection of the exchange's trades: the number-th that its feed opened."""

    def __init__(
        self,
        source: str,
        sink: Sink,
        symbols: Sequence[str],
        *,
        number: int,
        feed: BinanceFeed,
        **options: Any,
    ) -> None:
        self.venue = wire.VENUES[source]
        self.number = number
        self._feed = feed
        self._requests = 0
        timers: Timers = options.pop("timers", None) or Timers()
        age_s = timers.max_age_s * (1.0 - STAGGER * (number % STAGGERED))
        timers = replace(timers, max_age_s=age_s)

        def transport(wanted: tuple[str, ...]) -> Transport:
            url = wire.stream_url(self.venue, wanted, feed.base)
            return WebSocketTransport(url, self._timeouts())

        options |= {"overlap": True, "strict_ids": True, "pace": wire.pace(self.venue)}
        super().__init__(source, transport, sink, symbols, timers=timers, **options)
        self.events = feed.events

    def _timeouts(self) -> Timeouts:
        """Of many symbols each batch costs more than its ticks: they are gathered for longer."""
        timeouts = self.timers.timeouts
        longer = min(timeouts.gather_s * max(1.0, len(self.symbols) / FEW), LONGEST_GATHER_S)
        return replace(timeouts, gather_s=max(longer, timeouts.gather_s))

    def _asked_first(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return wire.in_address(self.venue, symbols, self._feed.base)

    def _found(self, gap: Gap) -> None:
        super()._found(gap)
        self._feed.found(gap)

    def _say(self, sentence: str) -> None:
        super()._say(self._feed.named(self) + sentence)

    def _changes(self, added: Sequence[str], removed: Sequence[str]) -> list[bytes]:
        messages = []
        for request, symbols in ((wire.subscribe, added), (wire.unsubscribe, removed)):
            if symbols:
                self._requests += 1
                messages.append(request(self.venue, symbols, self._requests))
        return messages


class BinanceFeed:
    """Trades of the exchange. symbols can change while it runs (`set_symbols`).

    source: a key of binance.VENUES. base: another server that speaks the protocol. fill:
    takes the trades that gaps had left out, from rest, another base of requests; a server
    that stands in for the streams alone is not filled up from the exchange itself.
    client: makes those requests, one of its own for None. streams: on one connection at most.
    options: of each connection, see Supervisor.
    """

    def __init__(
        self,
        source: str,
        sink: Sink,
        symbols: Sequence[str],
        *,
        base: str | None = None,
        rest: str | None = None,
        fill: Fill | None = None,
        backfill: BackfillPolicy | None = None,
        client: Rest | None = None,
        streams: int = wire.MAX_STREAMS,
        **options: Any,
    ) -> None:
        self.source = source
        self.venue = wire.VENUES[source]
        self.base = None if base is None else wire.checked_base(base)
        self.events: deque[tuple[float, str]] = deque(maxlen=MAX_EVENTS)
        self.shards: list[Shard] = []
        self.backfill: Backfill | None = None
        rest = None if rest is None else wire.checked_rest(rest)
        if fill is not None and (base is None or rest is not None):
            where = rest or self.venue.rest
            say = self._say_of_gaps
            self.backfill = Backfill(self.venue, where, fill, say, policy=backfill, rest=client)
        self._sink = sink
        self._streams = streams
        self._options = options
        self._started = False
        self._made = 0
        self._resumed: dict[str, tuple[int, int]] = {}
        self._symbols = wire.checked_symbols(symbols, source)
        count = -(-len(self._symbols) // streams)
        for first in range(count):
            self._open(self._symbols[first::count])

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is asked for by name."""
        return self._symbols

    @property
    def status(self) -> FeedStatus:
        """What the connections do: live while any is, and what the others lack, in words."""
        each = [shard.status for shard in self.shards]
        if len(each) == 1:
            return each[0]
        states = Counter(one.state for one in each)
        state = next(state for state in _ORDER if states[state])
        worst = [shard for shard in self.shards if shard.status.state != state]
        waits = [one.retry_in_s for one in each if one.state == state and one.retry_in_s]
        connects = sum(one.connects for one in each)
        detail = next((one.detail for one in each if one.detail), "")
        if worst:
            first = worst[0].status
            symbols = sum(len(shard.symbols) for shard in worst)
            detail = f"{len(worst)} of {len(each)} connections {first.state}: {symbols} symbols"
            detail += f", {first.detail}" if first.detail else ""
        return FeedStatus(self.source, state, detail, min(waits, default=None), connects)

    def state_of(self, symbol: str) -> FeedState:
        """The state of the connection that a symbol comes by; stopped for one not asked for."""
        for shard in self.shards:
            if symbol in shard.symbols:
                return shard.status.state
        return "stopped"

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Before the start: the id and the time of the trade that an earlier run had last."""
        self._resumed[symbol] = (newest, ts_ms)
        for shard in self.shards:
            if symbol in shard.symbols:
                shard.resume(symbol, newest, ts_ms)

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Subscribe to what is new, unsubscribe from what is gone. Raises ValueError.

        A symbol stays with its connection; a new one goes to the connection with the fewest.
        """
        names = wire.checked_symbols(symbols, self.source)
        wanted = set(names)
        each = {id(shard): [s for s in shard.symbols if s in wanted] for shard in self.shards}
        there = {name for kept in each.values() for name in kept}
        over: list[str] = []
        for name in (name for name in names if name not in there):
            fewest = min(self.shards, key=lambda shard: len(each[id(shard)]))
            if len(each[id(fewest)]) < self._streams:
                each[id(fewest)].append(name)
            else:
                over.append(name)
        self._symbols = names
        for shard in list(self.shards):
            if each[id(shard)]:
                await shard.set_symbols(each[id(shard)])
            elif len(self.shards) > 1 or over:
                self.shards.remove(shard)
                await shard.stop()
        for first in range(0, len(over), self._streams):
            shard = self._open(over[first : first + self._streams])
            if self._started:
                shard.start()

    def start(self) -> None:
        """Start, or nothing where it runs. Call on the event loop."""
        self._started = True
        for shard in self.shards:
            shard.start()
        if self.backfill is not None:
            self.backfill.start()

    async def stop(self) -> None:
        """Stop within a second, or nothing where it is stopped. No tick comes after it."""
        self._started = False
        if self.backfill is not None:
            await self.backfill.stop()
        await asyncio.gather(*(shard.stop() for shard in self.shards))

    def found(self, gap: Gap) -> None:
        """Trades are missing: they are asked for."""
        if self.backfill is not None:
            self.backfill.want(gap)

    def named(self, shard: Shard) -> str:
        """How the feed's log names a connection; by nothing where there is no other."""
        return f"connection {shard.number + 1}: " if len(self.shards) > 1 else ""

    def _open(self, symbols: Sequence[str]) -> Shard:
        shard = Shard(
            self.source,
            self._sink,
            symbols,
            number=self._made,
            feed=self,
            **self._options,
        )
        self._made += 1
        self.shards.append(shard)
        for symbol in symbols:
            if symbol in self._resumed:
                shard.resume(symbol, *self._resumed[symbol])
        return shard

    def _say_of_gaps(self, sentence: str) -> None:
        self.shards[0]._say_seldom("backfill", sentence)
