"""How files write times: one table of forms, and columns of them -> epoch ms in UTC.

A form is a pattern and an example; a new one is a line in `FORMS`. Cells of one shape (the
same length, the same marks in the same places) are read together, digit by digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics.model import BoolArray, IntArray
from ingestion.decode.times import END_MS, END_S, FIRST_MS, FIRST_S, UNITS
from ingestion.files.zones import zone_of

#: Stands for a cell that is no time.
NO_TIME = -1

Order = Literal["ymd", "dmy", "mdy", "dm?", "epoch", "serial", "clock"]


class TimeForm(NamedTuple):
    """A form of times. order: of year, month and day; "dm?" where rows or a person decide."""

    name: str
    example: str
    order: Order
    pattern: str


_CLOCK = (
    r"(?:(?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,:](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<ap>[AaPp])\.?[Mm]\.?)?)"
)
_ZONE = (
    r"(?: ?(?:[Zz]|UTC|GMT)?(?:(?P<zs>[+-])"
    r"(?P<zH>\d\d|(?<=(?:TC|MT)[+-])\d(?!\d)):?(?P<zM>\d\d)?)?)"
    r"(?: ?\[?(?P<zn>[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+|[ACEMP][SD]T|CES?T|EES?T|[BIJK]ST|HKT|MSK|UTC)"
    r"\]?)?"
)
#: A day with a zone and no clock is midnight there.
_REST = rf"(?:(?:(?:[Tt D_:]|, ?|  ){_CLOCK}|(?= [A-Z])){_ZONE})?"
_DAYS = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
_YEAR = r"(?P<y>\d{4}|\d\d)"

#: The forms of times, the first that fits counts. Order "dm?": no row or name tells.
FORMS = (
    TimeForm("year first", "2025-01-31 16:30:00", "ymd",
             rf"(?P<y>\d{{4}})(?P<sep>[-/.])(?P<m>\d\d?)(?P=sep)(?P<d>\d\d?){_REST}"),
    TimeForm("ISO 8601 with a zone", "2025-01-31T16:30:00.123-05:00", "ymd",
             rf"(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)T{_CLOCK}{_ZONE}"),
    TimeForm("year first, an hour of twelve", "2019-07-01 12-PM", "ymd",
             r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d) (?P<H>\d\d)-(?P<ap>[AP])M"),
    TimeForm("digits, then a clock", "20250131 16:30:00", "ymd",
             rf"(?P<y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d)"
             rf"(?:(?:(?:[T-]| {{1,2}}){_CLOCK}|(?= [A-Z])){_ZONE})?"),
    TimeForm("digits alone", "20250131 163000", "ymd",
             rf"(?P<y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d)(?:[T ]?(?P<H>\d\d)(?P<M>\d\d)"
             rf"(?:(?P<S>\d\d)\.?(?P<f>\d{{3,9}})?)?{_ZONE})?"),
    TimeForm("day first, with points", "31.01.2025 16:30:00.000 GMT+0100", "dmy",
             rf"(?P<d>\d\d?)\.(?P<m>\d\d?)\.{_YEAR}{_REST}"),
    TimeForm("day and month in either order", "01/31/2025 4:30 PM", "dm?",
             rf"(?P<d>\d\d?)(?P<sep>[/-])(?P<m>\d\d?)(?P=sep){_YEAR}{_REST}"),
    TimeForm("day, name of the month", "31-Jan-2025 16:30:00", "dmy",
             rf"{_DAYS}(?P<d>\d\d?)[- /](?P<mon>[A-Za-z]{{3}})[a-z]*\.?[- /,] ?{_YEAR}{_REST}"),
    TimeForm("name of the month, day", "Jan 31, 2025", "mdy",
             rf"{_DAYS}(?P<mon>[A-Za-z]{{3}})[a-z]*\.? (?P<d>\d\d?),? {_YEAR}{_REST}"),
    TimeForm("as C and Java write it", "Fri Jan 31 16:30:00 UTC 2025", "mdy",
             rf"{_DAYS}(?P<mon>[A-Za-z]{{3}}) {{1,2}}(?P<d>\d\d?) {_CLOCK}{_ZONE} (?P<y>\d{{4}})"),
    TimeForm("epoch seconds, ms, us or ns", "1738341000000", "epoch",
             r"\d{9,19}(?:\.\d+)?|\d\.\d{9,18}[eE]\+?\d\d"),
    TimeForm("a spreadsheet's days since 1900", "45688.6875", "serial", r"[34567]\d{4}(?:\.\d+)?"),
    TimeForm("a clock beside a column of dates", "16:30:00", "clock", _CLOCK),
)  # fmt: skip
_COMPILED = tuple((form, re.compile(form.pattern, re.ASCII)) for form in FORMS)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: A time that a spreadsheet has rounded to a few digits, such as 1.73569E+12.
_ROUNDED = re.compile(r"\d(?:[.,]\d{1,8})?[eE]\+?\d{1,2}", re.ASCII)
_SERIAL_EPOCH_MS = -2_209_161_600_000
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Reading:
    """How times are read. dayfirst: the order in forms that leave it open, None for unknown.

    zone: of texts that name none, None for UTC. local: whether no text names its zone and the zone
    is that of a region, so that the hour that its clock skips is none, and the one that it repeats
    is read as the first. meant: zones of letters that mean several, such as BST.
    """

    dayfirst: bool | None = None
    zone: str | None = None
    local: bool = False
    meant: tuple[tuple[str, str], ...] = ()

    def zone_of(self, letters: str) -> str | None:
        """The zone that letters or a name behind a time mean, None for none that is known."""
        return dict(self.meant).get(letters.lower()) or zone_of(letters)


def form_of(text: str) -> TimeForm | None:
    """The form that a text has, None if it is no time.

    >>> form_of("2025-01-31").order, form_of("1/31/2025").order, form_of("tomorrow")
    ('ymd', 'dm?', None)
    """
    text = text.strip()
    for form, pattern in _COMPILED:
        if pattern.fullmatch(text):
            return form if _is_in_range(text, form) else None
    return None


def is_rounded(text: str) -> bool:
    """Whether a spreadsheet has rounded an epoch time.

    >>> is_rounded("1.73569E+12"), is_rounded("1735689600000")
    (True, False)
    """
    return _ROUNDED.fullmatch(text.strip()) is not None


def decided_order(texts: Iterable[str]) -> bool | None:
    """Whether the day stands first in texts such as 13/01/2025; None where none of them tells.

    >>> decided_order(["01/02/2025", "01/13/2025"]), decided_order(["01/02/2025"])
    (False, None)
    """
    for first, second in _numbers_of(texts):
        if first > 12 or second > 12:
            return first > 12
    return None


def order_matters(texts: Iterable[str]) -> bool:
    """Whether it makes a difference which of day and month stands first.

    >>> order_matters(["01/01/2025"]), order_matters(["01/02/2025"])
    (False, True)
    """
    return any(first != second for first, second in _numbers_of(texts))


def _numbers_of(texts: Iterable[str]) -> Iterator[tuple[int, int]]:
    for text in texts:
        parts = re.match(r"\s*(\d\d?)[/-](\d\d?)[/-]", text)
        if parts is not None:
            yield int(parts[1]), int(parts[2])


def times(column: Any, reading: Reading) -> IntArray:
    """Epoch ms of an Arrow column of times in any form, NO_TIME for what is none.

    >>> times(pa.array(["2025-01-31T16:30:00Z", "1738341000", "soon"]), Reading()).tolist()
    [1738341000000, 1738341000000, -1]
    >>> times(pa.array(["3/1/2025 1:05 PM"]), Reading(dayfirst=False)).tolist()
    [1740834300000]
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = None if getattr(kind, "tz", None) else reading.zone
        whole = column.cast(pa.timestamp("ms", getattr(kind, "tz", None)), safe=False)
        ms = whole.cast(pa.int64()).fill_null(NO_TIME).to_numpy(zero_copy_only=False)
        return in_range(_localized(ms, zone, reading.local) if zone else ms)
    if pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    elif not pa.types.is_string(kind):
        numbers = column.cast(pa.float64() if pa.types.is_floating(kind) else pa.int64())
        return from_numbers(numbers.fill_null(0).to_numpy(zero_copy_only=False))
    return _of_texts(column, reading)


def from_numbers(numbers: np.ndarray) -> IntArray:
    """Epoch ms of epoch numbers in s, ms, us or ns, each by its size; NO_TIME for others.

    >>> from_numbers(np.array([1738341000.5, 1738341000000.0, 7.0])).tolist()
    [1738341000500, 1738341000000, -1]
    """
    out = np.full(len(numbers), NO_TIME, np.int64)
    for per_second in UNITS.values():
        inside = (numbers >= FIRST_S * per_second) & (numbers < END_S * per_second)
        if not inside.any():
            continue
        if numbers.dtype.kind == "f":  # to the nearest us first, then cut
            us = np.round(numbers[inside] * (UNITS["us"] / per_second)).astype(np.int64)
            out[inside] = us // 1_000
        elif per_second <= 1_000:
            out[inside] = numbers[inside] * (1_000 // per_second)
        else:
            out[inside] = numbers[inside] // (per_second // 1_000)
    days = (numbers >= 36_526) & (numbers < 73_051)
    if days.any():
        seconds = np.round(numbers[days].astype(np.float64) * 86_400_000)
        out[days] = seconds.astype(np.int64) + _SERIAL_EPOCH_MS
    return out


def _of_texts(column: Any, reading: Reading) -> IntArray:
    for kind in (pa.int64(), pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.float64()):
        try:
            column[:8].cast(kind)  # a cast that fails takes its time
            found = column.cast(kind)
        except pa.ArrowInvalid:
            continue
        if pa.types.is_timestamp(kind):
            return times(found, reading)
        numbers = from_numbers(found.to_numpy(zero_copy_only=False))
        if not (numbers == NO_TIME).any():
            return numbers
        break
    return _by_shape(pc.utf8_trim_whitespace(column), reading)


def _by_shape(column: Any, reading: Reading) -> IntArray:
    """Cells of one shape at a time; each is that of the first cell which is not read yet."""
    out = np.full(len(column), NO_TIME, np.int64)
    data, begins, lengths = bytes_of(column)
    for length in np.unique(lengths[(lengths >= 1) & (lengths <= 48)]).tolist():
        left = np.flatnonzero(lengths == length)
        cells = data[begins[left][:, np.newaxis] + np.arange(length)]
        while len(left):
            shape, read = _shape_of(cells[0].tobytes().decode(), reading)
            fits = (cells[:, shape] == cells[0, shape]).all(axis=1) if read else np.zeros(0, bool)
            if not len(fits) or not fits[0]:
                fits = (cells == cells[0]).all(axis=1)
            if read:
                digits = ((cells >= 48) & (cells <= 57))[:, ~shape].all(axis=1)
                good = fits & digits
                out[left[good]] = _values(cells[good], read, reading)
            left, cells = left[~fits], cells[~fits]
    return out


def bytes_of(texts: Any) -> tuple[np.ndarray, IntArray, IntArray]:
    """The bytes of an Arrow column of strings, where each text begins in them, and its length."""
    if not pa.types.is_string(texts.type) or texts.null_count:
        texts = texts.cast(pa.string()).fill_null("")
    _, offsets, data = texts.buffers()
    edges: IntArray = np.zeros(len(texts) + 1, np.int64)
    if data is None or not len(texts):
        return np.zeros(0, np.uint8), edges[:-1], np.diff(edges)
    edges[:] = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8), edges[:-1], np.diff(edges)


@lru_cache(maxsize=4_096)
def _shape_of(text: str, reading: Reading) -> tuple[BoolArray, dict[str, Any]]:
    """Which bytes all cells of the shape share, and where the parts of a time stand."""
    for form, pattern in _COMPILED:
        match = pattern.fullmatch(text)
        if match is None or form.order == "clock":
            continue
        fixed = np.array([not character.isdigit() for character in text])
        if form.order in ("epoch", "serial"):
            return np.zeros(len(text), bool), {"number": True}
        parts = {name: match.span(name) for name, value in match.groupdict().items() if value}
        if form.order == "dm?" and reading.dayfirst is not True:
            if reading.dayfirst is None:
                break
            parts["d"], parts["m"] = parts["m"], parts["d"]
        read: dict[str, Any] = {"parts": parts}
        if match.groupdict().get("mon"):
            read["month"] = _month(match["mon"])
        read["pm"] = (match.groupdict().get("ap") or "").lower()
        read["sign"] = {"+": 1, "-": -1}.get(match.groupdict().get("zs") or "", 0)
        read["zoned"] = bool(read["sign"]) or bool(re.search(r"(?:\d ?Z|UTC|GMT)$", text, re.I))
        read["named"] = reading.zone_of(match.groupdict().get("zn") or "")
        if match.groupdict().get("zn") and read["named"] is None:
            break
        return fixed, read
    return np.zeros(len(text), bool), {}


def _values(cells: np.ndarray, read: dict[str, Any], reading: Reading) -> IntArray:
    """Epoch ms of cells of one shape."""
    if "number" in read:
        texts = [row.tobytes().decode() for row in cells]
        return from_numbers(np.array([float(text) for text in texts]))
    parts = {
        name: _number(cells[:, begin:end])
        for name, (begin, end) in read["parts"].items()
        if name not in ("mon", "ap", "zs", "zn", "sep")
    }
    nothing = np.zeros(len(cells), np.int64)
    begin, end = read["parts"]["y"]
    year = parts["y"] + 2_000 * (end - begin == 2)
    month = parts["m"] if "m" in parts else nothing + read.get("month", 0)
    hour, minute, second = (parts.get(name, nothing) for name in "HMS")
    good = (month >= 1) & (month <= 12) & (parts["d"] >= 1) & (parts["d"] <= 31)
    good &= (hour <= 23) & (minute <= 59) & (second <= 59) & (year >= 1970) & (year < 2200)
    if read["pm"]:
        good &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * (read["pm"] == "p")
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (np.where(good, parts["d"], 1) - 1)
    good &= days.astype("datetime64[M]") == months
    ms = days.astype(np.int64) * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000
    if "f" in parts:
        begin, end = read["parts"]["f"]
        ms += parts["f"] * 1_000 // 10 ** (end - begin)
    if read["sign"]:
        away = parts["zH"] * 60 + parts.get("zM", nothing)
        good &= (parts["zH"] <= 23) & (parts.get("zM", nothing) <= 59)
        ms -= read["sign"] * away * 60_000
    elif not read["zoned"] and (zone := read["named"] or reading.zone):
        ms = _localized(ms, zone, reading.local)
    return in_range(np.where(good, ms, NO_TIME))


def _number(digits: np.ndarray) -> IntArray:
    value: IntArray = np.zeros(len(digits), np.int64)
    for place in range(digits.shape[1]):
        value = value * 10 + (digits[:, place].astype(np.int64) - 48)
    return value


def _localized(ms: IntArray, zone: str, strict: bool) -> IntArray:
    """Epoch ms of local times that were read as UTC. strict: whether a skipped hour is no time."""
    moments = pd.DatetimeIndex(ms.astype("datetime64[ms]"))
    first = np.ones(len(ms), bool)
    skipped: Any = "NaT" if strict else "shift_forward"
    local = moments.tz_localize(zone, ambiguous=first, nonexistent=skipped)
    return np.asarray(local.tz_convert(None)).astype("datetime64[ms]").astype(np.int64)


def in_range(ms: IntArray) -> IntArray:
    """Epoch ms, NO_TIME for what is before or after all that markets have."""
    return np.where((ms >= FIRST_MS) & (ms < END_MS), ms, NO_TIME)


def _is_in_range(text: str, form: TimeForm) -> bool:
    if form.order not in ("epoch", "serial"):
        return True
    return bool(from_numbers(np.array([float(text)]))[0] != NO_TIME)


def _month(name: str) -> int:
    short = name[:3].lower()
    return _MONTHS.index(short) + 1 if short in _MONTHS else 0
