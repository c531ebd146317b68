"""Messages and lines -> Ticks, and what was refused, by reason. No I/O, no clock.

A message may be a line of a browser collector, a raw or combined `trade` or `aggTrade`
frame of the exchange, an object with common field names, or an array of any of these.
Every one gives at least one tick or one `Rejected`; none raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from analytics.model import IntArray, Rejected, Ticks
from ingestion.decode.arrays import Channels
from ingestion.decode.fields import MOST_TRADES, walk
from ingestion.decode.layout import Layout, learn
from ingestion.decode.notices import Notice
from ingestion.decode.pieces import (
    JSON_ERRORS,
    MAX_PARTS,
    Message,
    is_heartbeat,
    is_swarm,
    pieces,
)
from ingestion.decode.recent import RecentTrades
from ingestion.decode.rows import Refusal, Row
from ingestion.decode.symbols import bare_name, proper_symbol
from ingestion.decode.times import scale_to_ms, text_ms

#: Distinct symbols of one source: beyond any exchange's, and memory's last bound.
MAX_SYMBOLS = 20_000
SAMPLE_LENGTH = 200
MAX_LAYOUTS = 4
#: Layouts cost time to make: so many, and one more for so many messages that had none.
MAX_LEARNT = 32
LEARN_EVERY = 1_000
MAX_SPELLINGS = 40_000

_read_json = msgspec.json.Decoder().decode
_columns = attrgetter("symbol", "time", "price", "size", "id", "first", "last")


@dataclass(frozen=True)
class Decoded:
    """What a batch of messages gave.

    ticks: one batch a symbol, in order of arrival. consumed: (symbol, id) of prints that
    used up a trade id and are no trades, for the check of continuity. notices: what the
    source said about itself. origins: for each batch of ticks, which message each of them
    came in; of numbered lines only.
    """

    ticks: list[Ticks] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    consumed: list[tuple[str, int]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    origins: list[IntArray] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many ticks came out."""
        return sum(map(len, self.ticks))


def sample(message: Message) -> str:
    """How a message began, printable, at most 200 characters.

    >>> sample(b'{"s":\\x00"A"}')
    '{"s":·"A"}'
    """
    if isinstance(message, str):
        text = message[:SAMPLE_LENGTH]
    else:
        text = bytes(message[: SAMPLE_LENGTH * 4]).decode("utf-8", "replace")[:SAMPLE_LENGTH]
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)


class Decoder:
    """Decodes one source; remembers its layouts and the symbols it has named.

    default_symbol: for messages that name none. symbols: if given, ticks of others are
    refused as "unsubscribed", and a symbol that is written otherwise (BTC-USDT for BTCUSDT) gets
    the name that was asked for. max_symbols: from then on a new one is refused. recent: the ids
    that came before and are texts, of an earlier decoder of the same source.

    >>> decoder = Decoder()
    >>> line = b'{"symbol":"btcusdt","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}'
    >>> decoder.decode(line).ticks[0].symbol
    'BTCUSDT'
    >>> [refused.reason for refused in decoder.decode(b'{"price": ').rejected]
    ['json']
    """

    def __init__(
        self,
        default_symbol: str | None = None,
        *,
        symbols: Collection[str] | None = None,
        max_symbols: int = MAX_SYMBOLS,
        recent: RecentTrades | None = None,
    ) -> None:
        self.default_symbol = default_symbol
        self.max_symbols = max_symbols
        self.recent = RecentTrades() if recent is None else recent
        self._wanted = wanted_names(symbols)
        self._channels = Channels()
        self._names: dict[str, tuple[str, str]] = {}
        self._seen: set[str] = set()
        self._layouts: list[Layout] = []
        self._learnt = 0
        self._thorough = 0
        self._text_time = False

    @property
    def spellings(self) -> Mapping[str, str]:
        """Symbols as they were written, and their proper names: those that are taken."""
        return {spelt: name for spelt, (name, _) in self._names.items()}

    def want(self, symbols: Collection[str] | None) -> None:
        """Take only these symbols from now on; None or none for all."""
        self._wanted = wanted_names(symbols)
        self._names.clear()
        self._layouts.clear()

    def decode(self, message: Message) -> Decoded:
        """The ticks of one message."""
        return self.decode_lines([message])

    def decode_lines(
        self, lines: Sequence[Message], numbers: Sequence[int] | None = None
    ) -> Decoded:
        """The ticks of several messages, one batch a symbol.

        numbers: the line number of each, given back in its `Rejected`.
        """
        batch = _Batch(lines, numbers)
        self._read(lines, batch)
        if batch.rows:
            self._collect(batch)
        if numbers is not None:
            batch.out.rejected.sort(key=lambda refused: refused.line or 0)
        return batch.out

    def _read(self, lines: Sequence[Message], batch: _Batch) -> None:
        rows, where = batch.rows, batch.where
        decode = self._layouts[0].decode if self._layouts else _read_nothing
        for index, line in enumerate(lines):
            try:
                row = decode(line)
            except JSON_ERRORS:
                self._read_other(line, index, batch)
                decode = self._layouts[0].decode if self._layouts else _read_nothing
            else:
                rows.append(row)
                where.append(index)

    def _read_other(self, line: Message, index: int, batch: _Batch, depth: int = 0) -> None:
        """A message unlike the last: by another known layout, or the thorough road."""
        for position, layout in enumerate(self._layouts):
            try:
                batch.add(layout.decode(line), index)
            except JSON_ERRORS:
                continue
            self._layouts.insert(0, self._layouts.pop(position))
            return
        if is_heartbeat(line):
            batch.refuse(Refusal("control"), index)
            return
        try:
            obj = _read_json(line)
        except JSON_ERRORS:
            parts = pieces(line) if depth < 2 else []
            if not parts or len(parts) > MAX_PARTS:
                batch.refuse(Refusal("too-many-parts" if parts else "json"), index)
                return
            for part in parts:
                self._read_other(part, index, batch, depth + 1)
        else:
            if is_swarm(line):
                batch.refuse(Refusal("too-many-parts"), index)
            else:
                self._read_thoroughly(obj, index, batch)

    def _read_thoroughly(self, obj: Any, index: int, batch: _Batch) -> None:
        rows: list[Row] = []
        for item in walk(obj, self.default_symbol, self._channels):
            if isinstance(item, Row):
                rows.append(item)
            elif isinstance(item, Refusal):
                batch.refuse(item, index)
            else:
                batch.out.notices.append(item)
        turns: Counter[str] = Counter()
        for row in rows:
            turns[row.key] += 1
            if row.key and self._came_before(row, turns[row.key]):
                batch.refuse(Refusal("duplicate"), index)
            else:
                batch.add(row, index)
        self._thorough += 1
        if len(rows) == 1 and self._learnt < MAX_LEARNT + self._thorough // LEARN_EVERY:
            self._learn(obj)

    def _came_before(self, row: Row, turn: int) -> bool:
        """Whether a trade that is taken has an id, a text, that came before.

        turn: trades that say the same in one message are trades of their own, if they have no id.
        """
        name, refused = self._verdict(row.symbol)
        if refused:
            return False
        turn = turn if "|" in row.key else 1
        new = self.recent.take(name, row.key, turn, row.time, row.price, row.size)
        return not new and not row.again

    def _learn(self, obj: Any) -> None:
        layout = learn(obj, self.default_symbol)
        if layout is not None:
            self._learnt += 1
            self._text_time = self._text_time or layout.text_time
            self._layouts.insert(0, layout)
            del self._layouts[MAX_LAYOUTS:]

    def _collect(self, batch: _Batch) -> None:
        """Columns from rows, checked for what a layout cannot check: names, times as text."""
        rows = zip(*map(_columns, batch.rows), strict=True)
        symbols, times, prices, sizes, ids, firsts, lasts = rows
        if self._text_time:
            times = tuple(t if t.__class__ is int else text_ms(t) for t in times)
        verdicts = {symbol: self._verdict(symbol) for symbol in dict.fromkeys(symbols)}
        if None in times or any(reason for _, reason in verdicts.values()):
            self._refuse_some(batch, symbols, times, verdicts)
            times = tuple(0 if time is None else time for time in times)
        columns = (
            scale_to_ms(np.array(times, dtype=np.int64)),
            np.array(prices, dtype=np.float64),
            np.array(sizes, dtype=np.float64),
            np.array(ids, dtype=np.int64),
            trades_held(firsts, lasts),
        )
        names = {symbol: name for symbol, (name, reason) in verdicts.items() if not reason}
        for ticks, chosen in _by_symbol(symbols, names, columns, batch.bad):
            batch.out.ticks.append(ticks)
            if batch.numbers is not None:
                batch.out.origins.append(np.array(batch.where, dtype=np.int64)[chosen])

    def _refuse_some(
        self,
        batch: _Batch,
        symbols: Sequence[str],
        times: Sequence[int | None],
        verdicts: dict[str, tuple[str, str]],
    ) -> None:
        for position, (symbol, time) in enumerate(zip(symbols, times, strict=True)):
            reason = verdicts[symbol][1] or ("time" if time is None else "")
            if reason:
                batch.bad.append(position)
                batch.refuse(Refusal(reason), batch.where[position])

    def _verdict(self, symbol: str) -> tuple[str, str]:
        """The symbol's proper name and, if it is refused, why."""
        known = self._names.get(symbol)
        if known is not None:
            return known
        name = proper_symbol(symbol)
        if name is None:
            return "", "symbol"
        if self._wanted is not None:
            asked = self._wanted.get(bare_name(name))
            if asked is None:
                return name, "unsubscribed"
            name = asked
        if name not in self._seen and len(self._seen) >= self.max_symbols:
            return name, "too-many-symbols"
        self._seen.add(name)
        if len(self._names) >= MAX_SPELLINGS:
            self._names.clear()
        self._names[symbol] = (name, "")
        return name, ""


class _Batch:
    """The rows of one call in order of arrival, and where each came from."""

    def __init__(self, lines: Sequence[Message], numbers: Sequence[int] | None) -> None:
        self.lines = lines
        self.numbers = numbers
        self.rows: list[Any] = []
        self.where: list[int] = []
        self.bad: list[int] = []
        self.out = Decoded()
        self._sampled = -1
        self._sample = ""

    def add(self, row: Any, index: int) -> None:
        self.rows.append(row)
        self.where.append(index)

    def refuse(self, refusal: Refusal, index: int) -> None:
        if index != self._sampled:
            self._sampled, self._sample = index, sample(self.lines[index])
        line = None if self.numbers is None else self.numbers[index]
        self.out.rejected.append(Rejected(refusal.reason, self._sample, line))
        if refusal.id >= 0:
            self.out.consumed.append((proper_symbol(refusal.symbol) or refusal.symbol, refusal.id))


def wanted_names(symbols: Collection[str] | None) -> dict[str, str] | None:
    """The symbols that are taken, by their names without marks; None for all.

    >>> wanted_names(["BTC-USDT"]), wanted_names([])
    ({'BTCUSDT': 'BTC-USDT'}, None)
    """
    return {bare_name(symbol): symbol for symbol in symbols} if symbols else None


def _read_nothing(line: Message) -> Any:
    raise msgspec.DecodeError("no layout is known yet")


def trades_held(
    firsts: Sequence[int] | IntArray, lasts: Sequence[int] | IntArray
) -> npt.NDArray[np.int32]:
    """How many trades each row holds: 1 where its ids tell of none, or of more than there are."""
    held = np.array(lasts, dtype=np.int64) - np.array(firsts, dtype=np.int64) + 1
    return np.where((held > 0) & (held <= MOST_TRADES), held, 1).astype(np.int32)


def _by_symbol(
    symbols: Sequence[str],
    names: dict[str, str],
    columns: tuple[IntArray, Any, Any, IntArray, Any],
    bad: Iterable[int],
) -> Iterator[tuple[Ticks, Any]]:
    """One batch a symbol, and which rows it is of; rows at the positions `bad` are left out."""
    bad = list(bad)
    refused = frozenset(bad)
    # A symbol's turn is that of its first good row, however the lines are cut into batches.
    kept = (s for at, s in enumerate(symbols) if at not in refused) if refused else names
    distinct = list(dict.fromkeys(names[symbol] for symbol in kept))
    if len(distinct) == 1 and not bad:
        yield Ticks(distinct[0], *columns), slice(None)
        return
    places = {name: position for position, name in enumerate(distinct)}
    codes = {symbol: places.get(name, -1) for symbol, name in names.items()}
    code = np.array([codes.get(symbol, -1) for symbol in symbols], dtype=np.int32)
    code[bad] = -1
    order = np.argsort(code, kind="stable")
    order = order[np.searchsorted(code[order], 0) :]
    ends = np.searchsorted(code[order], np.arange(len(distinct)), side="right").tolist()
    ordered: list[Any] = [column[order] for column in columns]
    begin = 0
    # Each distinct symbol has a row: it was named by one.
    for ticks, end in zip(Ticks("", *ordered).parts(distinct, ends), ends, strict=True):
        yield ticks, order[begin:end]
        begin = end
