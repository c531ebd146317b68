"""A column of clocks beside one of dates."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.files.errors import UploadError

#: Four digits that are no hour and minute, so that the last two are seconds.
_NO_HHMM = r"^(?:2[4-9]|[3-9]\d)\d\d$|[6-9]\d$"


class ClockColumn:
    """Joins dates and clocks, and remembers how many digits the clocks had at most.

    >>> ClockColumn().beside(pa.array(["2025-01-31"]), pa.array(["93000"]), 1).to_pylist()
    ['2025-01-31 09:30:00']
    """

    def __init__(self) -> None:
        self._width = 0

    def beside(self, dates: Any, clock: Any, line: int) -> Any:
        """Dates and clocks as one column of texts. line: the number of the first row's line."""
        texts = clock.cast(pa.string())
        width = max(_width_of(texts), self._width)
        if self._width and width > self._width:
            raise UploadError(
                f"the clock had {self._width} digits at most for long, and has {width} in line "
                f"{line} or below it",
                "whether hours, minutes or seconds stand last",
                "write the clock as 09:30:00",
            )
        self._width = width
        return _joined(dates, texts, width)


def _width_of(clock: Any) -> int:
    """How many digits clocks have, six, four or two of them; 0 where they are no digits alone."""
    if not len(clock) or not pc.all(pc.match_substring_regex(clock, r"^\d{1,6}$")).as_py():
        return 0
    longest = pc.max(pc.binary_length(clock)).as_py()
    width = min((longest + 1) // 2 * 2, 6)
    if width == 4 and pc.any(pc.match_substring_regex(clock, _NO_HHMM)).as_py():
        width = 6
    return int(width)


def _joined(dates: Any, clock: Any, width: int) -> Any:
    """Dates and clocks as one column of texts. width: of clocks of digits, 0 for others."""
    if width:
        full = pc.utf8_lpad(clock, width, "0")
        full = pc.binary_join_element_wise(full, pa.scalar("0" * (6 - width)), "")
        full = pc.replace_substring_regex(full, r"^(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3")
        clock = pc.if_else(pc.match_substring_regex(clock, r"^\d{1,6}$"), full, clock)
    if pa.types.is_timestamp(dates.type):
        dates = pc.strftime(dates, format="%Y-%m-%d")
    dates = pc.replace_substring_regex(dates.cast(pa.string()), r"[T ]00:00(:00)?$", "")
    return pc.binary_join_element_wise(dates, clock, " ")
