"""A feed of what another process publishes to Redis: one reads a market, many watch it.

It follows the streams of one source, from the oldest entry that is kept, and goes on from the
entry it read last after every break, so that no tick is lost or comes twice. What an entry is,
`storage.redis_stream` says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import numpy as np

from analytics.model import Rejected, Ticks
from ingestion.decode.columns import valid_ticks
from ingestion.decode.symbols import proper_symbol
from ingestion.redis_client import pin, words_of
from ingestion.stream.backoff import Backoff, BackoffPolicy
from ingestion.stream.running import Running
from ingestion.url_guard import REDIS_SCHEMES, UrlRefusedError, check_url, mask_url

logger = logging.getLogger(__name__)

Sink = Callable[[list[Ticks], list[Rejected]], None]

PREFIX = "spreadscope"
#: Entries of a stream that are read at a time.
COUNT = 500
BLOCK_MS = 500
TIMEOUT_S = 3.0
#: Seconds between two looks for streams of new symbols.
LOOK_S = 2.0
#: Seconds without an entry after which the feed counts as silent.
SILENT_S = 10.0
POLICY = BackoffPolicy(floor_s=0.2, cap_s=5.0)

#: Entries of a stream: the id of each, and its fields.
Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]

_COLUMNS = {b"ts_ms": "<i8", b"price": "<f8", b"size": "<f8", b"trade_id": "<i8"}


def checked_redis(url: str) -> tuple[str, str | None]:
    """A Redis URL without its `source=`, and that source, None for the one that is newest.

    Raises ValueError, never quoting a secret.

    >>> checked_redis("redis://localhost:6379/0?source=live-binance-spot")
    ('redis://localhost:6379/0', 'live-binance-spot')
    """
    try:
        check_url(url, schemes=REDIS_SCHEMES)
    except UrlRefusedError as error:
        raise ValueError(f"{error}; expected redis://host:6379/0") from None
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    unknown = set(asked) - {"source"}
    if unknown:
        raise ValueError(f"there is no {sorted(unknown)[0][:40]!r} in a Redis URL, only source=")
    source = asked.get("source", [None])[-1]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), source


def ticks_of(symbol: str, fields: Mapping[bytes, bytes]) -> Ticks:
    """The batch in an entry. Raises ValueError for one that is none."""
    try:
        columns = [np.frombuffer(fields[name], kind) for name, kind in _COLUMNS.items()]
        if b"trades" in fields:  # a source of an earlier version does not count them
            columns.append(np.frombuffer(fields[b"trades"], "<i4"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"an entry of {symbol} is no batch of ticks: {error}") from error
    return Ticks(symbol, *columns)


class RedisFeed(Running):
    """The streams of a source on a Redis server. symbols: of these only, all if there are none.

    on_restart: told of a symbol whose ids mean other trades from now on. local: see `check_url`.
    """

    def __init__(
        self,
        url: str,
        sink: Sink,
        symbols: Sequence[str] = (),
        *,
        on_restart: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        local: bool = True,
    ) -> None:
        self._url, self._channel = checked_redis(url)
        self._checked = check_url(self._url, local=local, schemes=REDIS_SCHEMES)
        self._redis = _library()
        super().__init__(mask_url(url), clock)
        self._symbols = tuple(symbols)
        self._sink = sink
        self._on_restart = on_restart
        self._backoff = Backoff(POLICY)
        self._last: dict[str, bytes] = {}
        self._numbering: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._look_at_s = 0.0
        self._heard_s = 0.0

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that are taken; none for all."""
        return self._symbols

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Take these symbols from now on; none for all."""
        self._symbols = tuple(symbols)
        self._look_at_s = 0.0

    async def _run(self, generation: int) -> None:
        while True:
            client = self._redis.Redis.from_url(
                self._url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
            )
            pin(client, self._checked)
            try:
                await self._follow(client, generation)
            except UrlRefusedError as error:
                words = str(error)
            except (OSError, TimeoutError, self._redis.RedisError) as error:
                words = words_of(error)
            except Exception as error:
                logger.exception("feed %s failed", self.source)
                words = f"internal error: {type(error).__name__}"
            finally:
                await _closed(client)
            delay = self._backoff.next_delay()
            self._become_waiting("reconnecting", words, delay)
            await asyncio.sleep(delay)

    async def _follow(self, client: Any, generation: int) -> None:
        await client.ping()
        self._connects += 1
        self._say("connected")
        self._heard_s, self._look_at_s = self._clock(), 0.0
        self._become("connecting", "connected, waiting for data")
        while True:
            if self._clock() >= self._look_at_s:
                self._look_at_s = self._clock() + LOOK_S
                await self._look(client)
            places = {stream: last for stream, last in self._last.items() if self._wants(stream)}
            if not places:
                await asyncio.sleep(LOOK_S / 4)
            else:
                streams = await client.xread(places, count=COUNT, block=BLOCK_MS)
                if streams and generation == self._generation:
                    self._deliver(streams)
            self._check_silence()

    async def _look(self, client: Any) -> None:
        """Find the streams of the source; the newest source where none was chosen."""
        names = [name.decode() async for name in client.scan_iter(match=f"{PREFIX}:*", count=500)]
        if self._channel is None:
            self._channel = await self._newest_channel(client, names)
        for name in names:
            if name.rpartition(":")[0] == f"{PREFIX}:{self._channel}":
                self._last.setdefault(name, b"0")

    async def _newest_channel(self, client: Any, names: list[str]) -> str | None:
        newest: tuple[int, str] | None = None
        for name in names:
            entries = await client.xrevrange(name, count=1)
            channel = name.removeprefix(f"{PREFIX}:").rpartition(":")[0]
            if entries and channel:
                entry = (int(entries[0][0].partition(b"-")[0]), channel)
                newest = max(newest or entry, entry)
        if newest is None:
            return None
        self._say(f"follows {newest[1]}")
        return newest[1]

    def _wants(self, stream: str) -> bool:
        return not self._symbols or stream.rpartition(":")[2] in self._symbols

    def _deliver(self, streams: Sequence[tuple[bytes, Entries]]) -> None:
        ticks: list[Ticks] = []
        rejected: list[Rejected] = []
        for name, entries in streams:
            stream = name.decode()
            for entry, fields in entries:
                try:
                    self._take(stream, fields, ticks, rejected)
                except ValueError as error:
                    rejected.append(Rejected("schema", str(error)[:200]))
                self._last[stream] = entry
        if ticks or rejected:
            self._sink(ticks, rejected)
        if ticks:
            self._heard_s = self._clock()
            self._backoff.reset()
            if self._state != "live":
                self._become("live", "")
                self._say("data flows")

    def _take(
        self,
        stream: str,
        fields: Mapping[bytes, bytes],
        out: list[Ticks],
        rejected: list[Rejected],
    ) -> None:
        """Read an entry into what is to be delivered. Raises ValueError for one that is none."""
        symbol = proper_symbol(stream.rpartition(":")[2])
        if symbol is None:
            raise ValueError(f"{stream[:80]} names no symbol")
        batch = ticks_of(symbol, fields)
        numbering = int(fields.get(b"numbering", b"0"))
        if self._numbering.setdefault(symbol, numbering) != numbering:
            if out:  # what came before the new numbers goes first
                self._sink(list(out), [])
                out.clear()
            self._numbering[symbol] = numbering
            self._say(f"the source numbers the trades of {symbol} anew")
            if self._on_restart is not None:
                self._on_restart(symbol)
        first = int(fields.get(b"first", b"0"))
        missing = first - self._expected.get(symbol, first)
        if missing > 0:
            self._say(f"{missing:,} ticks of {symbol} were gone before they could be read")
        self._expected[symbol] = first + len(batch)
        valid, faulty = valid_ticks(batch)
        rejected.extend(faulty)
        if len(valid):
            out.append(valid)

    def _check_silence(self) -> None:
        silence_s = self._clock() - self._heard_s
        if silence_s >= SILENT_S and self._state in ("live", "connecting", "silent"):
            self._become("silent", f"connected, but no data for {silence_s:.0f} s")


def _library() -> ModuleType:
    """redis.asyncio. Raises ValueError where it is not installed."""
    try:
        import redis.asyncio
    except ImportError as error:
        raise ValueError("Redis needs its library: pip install redis") from error
    return redis.asyncio


async def _closed(client: Any) -> None:
    try:
        await client.aclose()
    except OSError as error:
        logger.debug("closing the connection to Redis: %s", error)
