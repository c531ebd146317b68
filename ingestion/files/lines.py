"""Lines of a file: which of them are worth reading, and how long one may be."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.model import Rejected
from ingestion.decode.decoder import sample
from ingestion.files.report import Tally

MAX_LINE = 1 << 20


def worth_reading(
    lines: Sequence[bytes], numbers: Sequence[int], tally: Tally
) -> tuple[list[bytes], list[int]]:
    """The lines that are neither blank nor too long, and their numbers; the latter are refused.

    >>> worth_reading([b"a", b" ", b"b"], [1, 2, 3], Tally())
    ([b'a', b'b'], [1, 3])
    """
    kept, where = [], []
    for line, number in zip(lines, numbers, strict=True):
        if not line or line.isspace():
            continue
        if len(line) > MAX_LINE:
            refuse_long(line, number, tally)
            continue
        kept.append(line)
        where.append(number)
    return kept, where


def refuse_long(beginning: bytes, number: int, tally: Tally) -> None:
    """Count a line that is too long, by how it begins."""
    tally.reject([Rejected("line-length", sample(beginning), number)])
