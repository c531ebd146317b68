"""A file's lines of JSON -> Ticks: those that are like the last good one in columns, the others
by the decoder.

A line of trades is the same text again and again around its values. What stands between the
values is learnt from a line that the decoder has read; `LineValues` compares the texts and reads
the values. A line that fits can only mean what the decoder would read, and whatever does not fit
goes to the decoder: the outcome is the same, whichever way a line went.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from analytics.model import NO_TRADE_ID, BoolArray, IntArray, Rejected, Ticks
from ingestion.decode.decoder import Decoded, Decoder, trades_held
from ingestion.decode.rows import PRICE_END, SIZE_END
from ingestion.decode.times import FIRST_S
from ingestion.files.cells import Lines
from ingestion.files.line_template import Part, kind_in, learn, line_of, times_like
from ingestion.files.line_values import MOMENT, NO_NAMES, TEXT, Around, LineValues, names_of
from ingestion.files.lines import refuse_long, worth_reading
from ingestion.files.order_lines import LikeLines, OrderLines, Seen
from ingestion.files.report import HOPELESS, Tally
from ingestion.files.shares import abreast, shares_of
from ingestion.files.timeforms import NO_TIME, Reading, from_numbers, in_range, times

#: Lines from which a text is learnt, and how often that is tried.
LEARN_FROM = 64
MAX_LEARNT = 16
#: Lines that the decoder reads at a time: while it makes columns of them, nothing else runs.
AT_ONCE = 2_048
_COLUMNS = ("ts_ms", "price", "size", "trade_id", "trades")
_Columns = tuple[np.ndarray, ...]
_Seen = tuple[LikeLines, Seen]
_Fitting = tuple[_Columns | None, _Seen | None, list[Ticks] | None]
_NONE = (None, None)


class _Learnt(NamedTuple):
    """A line that others are like. like: its columns that tell of orders, None where none do."""

    parts: list[Part]
    line: Around
    like: LikeLines | None


class TickLines:
    """Blocks of whole lines in, Ticks out, a batch a symbol, or some where the decoder reads many
    lines; every line is counted in the tally.

    line: how many lines have been read.

    >>> lines = TickLines(Decoder(), Tally())
    >>> line = b'{"symbol":"ETHUSDT","ts":"2024-08-08T23:54:16.322Z","price":2681.6,"size":1}\\n'
    >>> [batch.price.tolist() for batch in lines.scan(line * 2)], lines.line
    ([[2681.6, 2681.6]], 2)
    """

    def __init__(self, decoder: Decoder, tally: Tally) -> None:
        self.line = 0
        self._decoder = decoder
        self._tally = tally
        self._learnt: _Learnt | None = None
        self._orders = OrderLines()
        self._names: list[str] = []
        self._spelt: dict[str, int] = {}
        self._known = NO_NAMES
        self._tries = MAX_LEARNT

    @property
    def hopeless(self) -> bool:
        """Whether many rows have come and none was good."""
        return not self._tally.accepted and self._tally.rows >= HOPELESS

    def scan(self, block: bytes) -> list[Ticks]:
        """Read a block of whole lines, the last line break with them.

        Raises UploadError for lines that tell by now that they are orders.
        """
        if self._learnt is not None:
            return self._read(block)
        lines = Lines(block, self.line + 1)
        head = lines.numbers[:LEARN_FROM]
        if not len(head):
            self.line += len(lines)
            return []
        end = lines.end_of(int(head[-1]))
        self.line = int(head[-1])
        batches, taken = self._decode(lines, head, None)
        self._learn(lines, taken)
        return batches + (self._read(block[end:]) if end < len(block) else [])

    def finish(self) -> list[Ticks]:
        """Nothing is held back. Raises UploadError where lines were orders."""
        self._orders.finish()
        return []

    def refuse_long(self, beginning: bytes) -> None:
        """The next line is too long; this is how it begins."""
        self.line += 1
        refuse_long(beginning, self.line, self._tally)

    def _learn(self, lines: Lines, numbers: IntArray) -> None:
        if self._tries < 1:
            return
        self._tries -= 1
        for number in numbers[LEARN_FROM - 1 :: -1]:  # the first one may begin an array
            parts = learn(lines[number], self._decoder.default_symbol)
            if parts is not None:
                like = self._orders.learn(parts, lines[number])
                self._learnt = _Learnt(parts, line_of(parts), like)
                return

    def _read(self, block: bytes) -> list[Ticks]:
        """Lines like the one that was learnt in columns, the others by the decoder."""
        shares = shares_of(block, self.line + 1)
        self.line += sum(map(len, shares))
        self._know_symbols()
        batches, unlike = [], None
        for lines, (columns, seen, alike) in zip(
            shares, abreast(self._fitting, shares), strict=True
        ):
            if seen is not None:
                self._orders.take_alike(*seen)
            if alike is None:
                others, alike = self._others(lines, columns)
                unlike = (lines, others) if others is not None else unlike
            else:
                self._accept(alike)
            batches += alike
        if unlike is not None:
            self._learn(*unlike)
        return batches

    def _fitting(self, lines: Lines) -> _Fitting:
        """The columns of the lines that fit, what they say of orders, and the batches where all do.

        Several threads call it at once: it changes nothing.
        """
        columns, seen = self._columns(lines, self._learnt) if self._learnt else _NONE
        if columns is None or len(columns[0]) < len(lines):
            return columns, seen, None
        return columns, seen, _parted(columns[1], columns[2:], self._names)

    def _others(
        self, lines: Lines, columns: _Columns | None
    ) -> tuple[IntArray | None, list[Ticks]]:
        """The lines that do not fit by the decoder, mixed with the columns of those that do.

        Beside them the numbers of those that it took, where most lines do not fit.
        """
        numbers = others = lines.numbers
        if columns is not None:
            others = np.setdiff1d(numbers, columns[0], assume_unique=True)
        batches, taken = self._decode(lines, others, columns)
        return (taken if len(others) * 2 > len(numbers) else None), batches

    def _columns(self, lines: Lines, learnt: _Learnt) -> tuple[_Columns | None, _Seen | None]:
        """Number, symbol, time, price, size, id and trades of the lines that fit, None where none
        do, and what they say of orders.
        """
        found = LineValues(lines, learnt.line, self._known)
        count = len(found.lines)
        if not count:
            return _NONE
        values: dict[str, np.ndarray] = {}
        good = np.ones(count, bool)
        for at, part in enumerate(learnt.parts):
            if part.kind not in ("fixed", "text", "word"):
                good &= self._take(part, found, at, values)
        symbol = values.get("symbol")
        if symbol is None:
            symbol = np.full(count, self._spelt.get(self._decoder.default_symbol or "", -1))
            good &= symbol >= 0
        nothing = np.zeros(count, np.int64)
        if "last" in values and "first" not in values:
            values["first"] = nothing + 1
        kept = (
            found.lines,
            symbol,
            values["time"],
            values["price"],
            values["size"],
            values.get("id", nothing + NO_TRADE_ID),
            trades_held(values.get("first", nothing), values.get("last", nothing)),
        )
        seen = None
        if learnt.like is not None:
            seen = (learnt.like, learnt.like.seen(found, values["size"], good))
        return kept if good.all() else tuple(column[good] for column in kept), seen

    def _take(
        self, part: Part, found: LineValues, at: int, values: dict[str, np.ndarray]
    ) -> BoolArray | bool:
        """Keep the values of the part at a position, where they are needed; which are good."""
        if part.kind == "kind":
            encoded = found.texts(at).dictionary_encode()
            kind = kind_in(part.key, part.sample)
            same = [kind_in(part.key, text) == kind for text in encoded.dictionary.to_pylist()]
            alike: BoolArray = np.array(same)[encoded.indices.to_numpy(zero_copy_only=False)]
            return alike
        if part.kind == "time":
            ts_ms = values["time"] = _times(found, at, part.sample)
            return ts_ms != NO_TIME
        if part.kind in ("symbol", "id", "first", "last"):
            values[part.kind] = found.whole(at)
            return True
        number = found.numbers(at)
        values[part.kind] = number
        end = {"price": PRICE_END, "size": SIZE_END}.get(part.kind)
        return (number > 0) & (number < end) if end else np.isfinite(number)

    def _know_symbols(self) -> None:
        """Number the symbols that the decoder has taken so far."""
        spellings = self._decoder.spellings
        if len(spellings) != len(self._spelt):
            self._names = list(dict.fromkeys(spellings.values()))
            numbers = {name: number for number, name in enumerate(self._names)}
            self._spelt = {text: numbers[name] for text, name in spellings.items()}
            self._known = names_of(self._spelt)

    # --- by the decoder ----------------------------------------------------------------------

    def _decode(
        self,
        lines: Lines,
        numbers: Sequence[int] | IntArray,
        columns: _Columns | None,
    ) -> tuple[list[Ticks], IntArray]:
        """Lines by the decoder's way, mixed with what was read of those around them; and the
        numbers of those that it took.
        """
        texts = [lines[number] for number in numbers]
        kept, where = worth_reading(texts, [int(number) for number in numbers], self._tally)
        batches: list[Ticks] = []
        origins: list[IntArray] = []
        taken = [np.zeros(0, np.int64)]
        for begin in range(0, len(kept), AT_ONCE):
            some, at = kept[begin : begin + AT_ONCE], where[begin : begin + AT_ONCE]
            decoded = self._decoder.decode_lines(some, at)
            self._tally.reject(decoded.rejected)
            self._look_for_bytes(decoded.rejected, some, at)
            batches += decoded.ticks
            if decoded.ticks:
                places = np.unique(np.concatenate(decoded.origins))
                self._look_for_orders(decoded, places.tolist(), some, at)
                taken.append(np.array(at, np.int64)[places])
            origins += [np.array(at, np.int64)[rows] for rows in decoded.origins]
        if columns is not None and len(columns[0]):
            self._know_symbols()
            names = self._names
            found = [columns]
            for ticks, index in zip(batches, origins, strict=True):
                code = np.full(len(ticks), names.index(ticks.symbol), np.int64)
                found.append((index, code, *(getattr(ticks, name) for name in _COLUMNS)))
            merged = [np.concatenate(parts) for parts in zip(*found, strict=True)]
            order = np.argsort(merged[0], kind="stable")
            merged = [column[order] for column in merged]
            batches = _parted(merged[1], merged[2:], names)
        self._accept(batches)
        return batches, np.concatenate(taken)

    def _look_for_orders(
        self,
        decoded: Decoded,
        places: Sequence[int],
        lines: Sequence[bytes],
        numbers: Sequence[int],
    ) -> None:
        """Look at the lines at these places, which gave trades, for what tells of orders."""
        refused = {one.line for one in decoded.rejected}
        mixed = {at for at, place in enumerate(places) if numbers[place] in refused}
        self._orders.take([lines[place] for place in places], mixed)

    def _look_for_bytes(
        self, refused: Sequence[Rejected], lines: Sequence[bytes], numbers: Sequence[int]
    ) -> None:
        """Whether it is for its bytes that a line is no JSON."""
        for one in refused:
            if self._tally.not_utf8 is not None:
                return
            if one.reason == "json" and one.line is not None:
                self._tally.look_for_bytes(lines[bisect_left(numbers, one.line)], one.line)

    def _accept(self, batches: Sequence[Ticks]) -> None:
        for batch in batches:
            self._tally.accept(batch)


def _times(found: LineValues, at: int, sample: str) -> IntArray:
    """Epoch ms of the values at a position, NO_TIME for what is none, or is not written as the
    sample is: then the decoder may read it in another way.
    """
    kind = found.kinds[at]
    if kind == TEXT:
        texts = found.texts(at)
        alike = pc.match_substring_regex(texts, times_like(sample))
        return times(pc.if_else(alike, texts, ""), Reading())
    whole = found.whole(at)
    if kind == MOMENT:
        return in_range(whole)
    return np.where(whole >= FIRST_S, from_numbers(whole), NO_TIME)  # and no days of a sheet


def _parted(codes: IntArray, columns: Sequence[np.ndarray], names: Sequence[str]) -> list[Ticks]:
    """A batch a symbol, in the order of their numbers."""
    if len(codes) and (codes == codes[0]).all():
        return [Ticks(names[int(codes[0])], *columns)]
    order = np.argsort(codes.astype(np.int16), kind="stable")
    ends = np.cumsum(np.bincount(codes)).tolist()
    batches = []
    for name, (begin, end) in zip(names, pairwise([0, *ends]), strict=False):
        if end > begin:
            batches.append(Ticks(name, *(column[order[begin:end]] for column in columns)))
    return batches
