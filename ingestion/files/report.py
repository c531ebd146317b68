"""The account of a file: how many rows came, were taken, and were not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field

from analytics.model import TIMEFRAMES, Bars, Rejected, Ticks
from ingestion.files.charset import NotUtf8, not_utf8
from ingestion.files.opening_times import opening_note

FIRST_LINES = 5
#: So many rows without one that is good, and a file is no market data.
HOPELESS = 10_000


@dataclass(frozen=True)
class UploadReport:
    """What became of a file.

    rows == accepted + sum(rejected.values()) + duplicate + late. A reader knows no market:
    duplicate and late are 0 until whoever stores the rows says which it had already, and
    which were older than what it keeps.

    replaced: of the rows accepted, how many took the place of one that the market had.
    nameless: whether nothing told the symbol and one was made up.
    kind: "ticks", "bars", or None while unknown. first_lines: the first five line numbers
    of each reason. problem: why the file ended before its end. notes: what was assumed.
    not_utf8: the first byte that kept a line from being read.
    """

    name: str
    kind: str | None = None
    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    replaced: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    first_lines: dict[str, list[int]] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    first_ts_ms: int | None = None
    last_ts_ms: int | None = None
    problem: str | None = None
    timeframe: str | None = None
    notes: tuple[str, ...] = ()
    bytes_read: int = 0
    not_utf8: NotUtf8 | None = None
    nameless: bool = False


class Tally:
    """Counts while a file is read. refused: the sum of `rejected`. nameless: whether a symbol
    had to be made up. asked: the timeframe that was asked for. opens: when in a step of the
    timeframe the bars of each symbol open, in ms. by_name: whether the file's name tells the
    timeframe of a bar alone.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.rejected: Counter[str] = Counter()
        self.first_lines: dict[str, list[int]] = {}
        self.first_refused: Rejected | None = None
        self.symbols: dict[str, None] = {}
        self.span: tuple[int, int] | None = None
        self.notes: list[str] = []
        self.timeframe: str | None = None
        self.asked: str | None = None
        self.opens: dict[str, int] = {}
        self.by_name = True
        self.not_utf8: NotUtf8 | None = None
        self.nameless = False

    @property
    def rows(self) -> int:
        return self.accepted + self.refused

    def accept(self, batch: Ticks | Bars) -> None:
        """Count a batch that is handed on."""
        if not len(batch):
            return
        self.accepted += len(batch)
        self.symbols.setdefault(batch.symbol)
        low, high = int(batch.ts_ms.min()), int(batch.ts_ms.max())
        if self.span is not None:
            low, high = min(low, self.span[0]), max(high, self.span[1])
        self.span = (low, high)

    def reject(self, refused: Iterable[Rejected]) -> None:
        """Count refused rows, and keep the first line numbers of each reason."""
        for one in refused:
            self.first_refused = self.first_refused or one
            self.refused += 1
            self.rejected[one.reason] += 1
            lines = self.first_lines.setdefault(one.reason, [])
            if one.line is not None and len(lines) < FIRST_LINES:
                lines.append(one.line)

    def since(self) -> Callable[[], None]:
        """What puts the account back as it is now."""
        kept = {name: copy(value) for name, value in vars(self).items()}
        return lambda: self.__dict__.update(kept)

    def look_for_bytes(self, line: bytes, number: int) -> None:
        """Remember where a refused line is not UTF-8, if it is the first such line."""
        if self.not_utf8 is None:
            self.not_utf8 = not_utf8(line, number)

    def report(self, name: str, kind: str | None, problem: str | None, read: int) -> UploadReport:
        """The account so far."""
        first, last = self.span if self.span is not None else (None, None)
        step = TIMEFRAMES[self.timeframe] if self.timeframe else 0
        apart = opening_note(self.opens, step) if step else ""
        return UploadReport(
            name=name,
            kind=kind,
            rows=self.rows,
            accepted=self.accepted,
            rejected=dict(self.rejected),
            first_lines={reason: list(lines) for reason, lines in self.first_lines.items()},
            symbols=tuple(self.symbols),
            first_ts_ms=first,
            last_ts_ms=last,
            problem=problem,
            timeframe=self.timeframe,
            notes=(*self.notes, apart) if apart else tuple(self.notes),
            bytes_read=read,
            not_utf8=self.not_utf8,
            nameless=self.nameless,
        )
