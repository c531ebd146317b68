"""A file's lines -> Ticks at the speed of memory: the scan, and the decoder where it ends.

The layout is learnt from lines that the decoder has read, and what does not fit it goes to
the decoder, line by line: the outcome is the decoder's, whichever way a line went.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.model import NO_TRADE_ID, IntArray, Rejected, Ticks
from ingestion.decode.decoder import Decoder
from ingestion.files import scankernel
from ingestion.files.lines import refuse_long, worth_reading
from ingestion.files.report import HOPELESS, Tally
from ingestion.files.scankernel import AT, BEFORE, LINES, OTHERS, ROWS, SECOND
from ingestion.files.scanvalues import NO
from ingestion.files.template import MAX_NAMES, Template, learn_template, name_table

#: Rows that one pass of the kernel makes at most, and lines that it leaves to the decoder.
ROOM = 1 << 16
ROOM_FOR_OTHERS = 1 << 14
#: Lines from which a layout is learnt, and how often that is tried.
LEARN_FROM = 64
MAX_LEARNT = 16

#: A batch, and where its first tick stands: rows of the scan before it, and 0 or 1 for a
#: line of the decoder's or of the scan's.
_Placed = tuple[tuple[int, int], Ticks]
_COLUMNS = ("ts_ms", "price", "size", "trade_id")
_DTYPES = (np.int64, np.float64, np.float64, np.int64)


class LineScanner:
    """Blocks of whole lines -> Ticks, a batch a symbol; every line is counted in the tally.

    line: how many lines have been read.

    >>> scanner = LineScanner(Decoder(), Tally())
    >>> line = b'{"symbol":"ETHUSDT","ts":"2024-08-08T23:54:16.322Z","price":2681.6,"size":1}\\n'
    >>> [batch.price.tolist() for batch in scanner.scan(line * 2 + bytes(64), 2 * len(line))]
    [[2681.6, 2681.6]]
    >>> scanner.line
    2
    """

    def __init__(self, decoder: Decoder, tally: Tally) -> None:
        self.line = 0
        self._decoder = decoder
        self._tally = tally
        self._template: Template | None = None
        self._tries = MAX_LEARNT if sys.byteorder == "little" else 0
        self._spelt = 0
        self._symbols: list[str] = []
        self._symbol_of: IntArray = np.empty(0, np.int64)
        self._names = name_table(())
        # Room is made when a layout is known.
        self._room: tuple[np.ndarray, ...] = ()
        self._others: IntArray = np.empty((4, 0), np.int64)
        self._state: IntArray = np.zeros(scankernel.STATE_FIELDS, np.int64)

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._tally.accepted and self._tally.rows >= HOPELESS

    def scan(self, text: bytes, stop: int) -> list[Ticks]:
        """The whole lines of text[:stop]; `scankernel.PAD` bytes or more follow."""
        out: list[Ticks] = []
        at = 0
        if self._template is None:
            at = _end_of_lines(text, LEARN_FROM, stop) if self._tries else 0
            head = text[:at].split(b"\n")[:-1]
            out = self._take(head)
            self._learn(head)
        if at < stop and self._template is None:
            out += self._take(text[at:stop].split(b"\n")[:-1])
        elif at < stop:
            out += self._passes(text, at, stop)
        return out

    def refuse_long(self, beginning: bytes) -> None:
        """The next line is too long; this is how it begins."""
        self.line += 1
        refuse_long(beginning, self.line, self._tally)

    def _take(self, lines: Sequence[bytes]) -> list[Ticks]:
        """Lines by the decoder's way."""
        first = self.line + 1
        self.line += len(lines)
        return self._decode(lines, range(first, first + len(lines)), [])

    def _learn(self, lines: Sequence[bytes]) -> None:
        """Take the layout of the first line that has one."""
        if self._tries < 1:
            return
        self._tries -= 1
        default = self._decoder.default_symbol
        for line in lines[:LEARN_FROM]:
            template = learn_template(line, default)
            if template and (template.names_symbol or default in self._decoder.spellings):
                break
        else:
            return
        if not self._room:
            self._room = (*(np.empty(ROOM, dtype) for dtype in _DTYPES), np.empty(ROOM, np.int64))
            self._others = np.empty((4, ROOM_FOR_OTHERS), np.int64)
        self._room[3].fill(NO_TRADE_ID)
        self._room[4].fill(0)
        self._template = template
        self._spelt = -1

    def _passes(self, text: bytes, at: int, stop: int) -> list[Ticks]:
        state = self._state
        state[:] = 0
        state[AT], state[SECOND] = at, NO
        data = np.frombuffer(text, np.uint8)
        out: list[Ticks] = []
        while state[AT] < stop:
            template = self._know_symbols()
            state[ROWS] = state[OTHERS] = 0
            scankernel.scan(
                data,
                stop,
                (len(template.kinds), *_addresses(template[:4])),
                _addresses(self._names),
                _addresses(self._room),
                ROOM,
                self._others,
                state,
            )
            out += self._collect(text)
        self.line += int(state[LINES])
        return out

    def _know_symbols(self) -> Template:
        """Let the scan know the symbols that the decoder has taken so far."""
        template = self._template
        assert template is not None
        spellings = self._decoder.spellings
        if len(spellings) != self._spelt:
            self._spelt = len(spellings)
            if not template.names_symbol:
                default = self._decoder.default_symbol or ""
                spellings = {default: spellings.get(default, default)}
            known = dict(list(spellings.items())[:MAX_NAMES])
            self._symbols = list(dict.fromkeys(known.values()))
            codes = [self._symbols.index(one) for one in known.values()]
            self._symbol_of = np.array(codes, np.int64)
            self._names = name_table(known)
        return template

    def _collect(self, text: bytes) -> list[Ticks]:
        """What one pass made, and what the decoder makes of the lines that it left."""
        rows, count = int(self._state[ROWS]), int(self._state[OTHERS])
        placed = self._parted(rows)
        if not count:
            batches = _in_turn(placed)
            self._accept(batches)
            return batches
        begins, ends, numbers, _ = self._others[:, :count].tolist()
        lines = [text[begin:end] for begin, end in zip(begins, ends, strict=True)]
        batches = self._decode(lines, [self.line + one for one in numbers], placed)
        if count > rows:
            self._learn(lines)
        return batches

    def _parted(self, rows: int) -> list[_Placed]:
        """The rows of a pass, a batch a symbol."""
        symbol = self._symbol_of[self._room[4][:rows]]
        counts = np.bincount(symbol, minlength=len(self._symbols))
        ends = np.cumsum(counts)
        firsts = np.zeros(len(counts), np.int64)
        columns: tuple[Any, ...] = tuple(np.empty(rows, dtype) for dtype in _DTYPES)
        scankernel.part(self._room, self._symbol_of, ends - counts, firsts, rows, columns)
        for column in columns:
            column.flags.writeable = False
        return [
            ((first, 1), Ticks(name, *(column[end - count : end] for column in columns)))
            for name, count, end, first in zip(
                self._symbols, counts.tolist(), ends.tolist(), firsts.tolist(), strict=True
            )
            if count
        ]

    def _decode(
        self, lines: Sequence[bytes], numbers: Sequence[int], scanned: list[_Placed]
    ) -> list[Ticks]:
        """Lines by the decoder's way, mixed with what the scan made of those around them."""
        kept, where = worth_reading(lines, numbers, self._tally)
        decoded = self._decoder.decode_lines(kept, where)
        self._tally.reject(decoded.rejected)
        self._look_for_bytes(decoded.rejected, kept, where)
        batches = decoded.ticks
        if scanned and batches:
            # Numbers ascend, so that what stands before each line kept is found by its number.
            ahead = self._others[BEFORE, np.searchsorted(numbers, where)]
            batches = self._mixed(scanned, batches, [ahead[one] for one in decoded.origins])
        batches = batches or _in_turn(scanned)
        self._accept(batches)
        return batches

    def _look_for_bytes(
        self, refused: Sequence[Rejected], lines: Sequence[bytes], numbers: Sequence[int]
    ) -> None:
        """Whether it is for its bytes that a line is no JSON."""
        for one in refused:
            if self._tally.not_utf8 is not None:
                return
            if one.reason == "json" and one.line is not None:
                line = lines[bisect_left(numbers, one.line)]
                self._tally.look_for_bytes(line, one.line)

    def _accept(self, batches: Sequence[Ticks]) -> None:
        for batch in batches:
            self._tally.accept(batch)

    def _mixed(
        self, scanned: list[_Placed], decoded: list[Ticks], ahead: list[IntArray]
    ) -> list[Ticks]:
        """Both in the order of their lines. ahead: rows of the scan before each decoded tick."""
        placed = {batch.symbol: (place, batch) for place, batch in scanned}
        rows = sum(len(batch) for _, batch in scanned)
        symbol = self._symbol_of[self._room[4][:rows]]
        for ticks, before in zip(decoded, ahead, strict=True):
            name, place = ticks.symbol, (int(before[0]), 0)
            if name not in placed:
                placed[name] = (place, ticks)
                continue
            other, held = placed[name]
            mine = np.flatnonzero(symbol == self._symbols.index(name))
            at = np.searchsorted(mine, before)
            columns = (np.insert(getattr(held, one), at, getattr(ticks, one)) for one in _COLUMNS)
            placed[name] = (min(place, other), Ticks(name, *columns))
        # Of decoded lines between the same rows, those that came first stand first in `decoded`.
        turns = {batch.symbol: turn for turn, batch in enumerate(decoded)}
        ordered = sorted(placed.items(), key=lambda one: (one[1][0], turns.get(one[0], -1)))
        return [batch for _, (_, batch) in ordered]


def _in_turn(placed: list[_Placed]) -> list[Ticks]:
    """The batches in the order of their first rows."""
    return [batch for _, batch in sorted(placed, key=lambda one: one[0])]


def _addresses(arrays: Sequence[np.ndarray]) -> tuple[int, ...]:
    return tuple(array.ctypes.data for array in arrays)


def _end_of_lines(text: bytes, lines: int, stop: int) -> int:
    """Where the first `lines` lines of text[:stop] end."""
    at = 0
    for _ in range(lines):
        at = text.find(b"\n", at, stop) + 1
        if at == stop or not at:
            return stop
    return at
