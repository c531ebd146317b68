"""How a table's times are read: their zone, and which of day and month stands first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ingestion.files.errors import Choice, Question, QuestionOpen, UploadError
from ingestion.files.names import canonical
from ingestion.files.plan import Plan, Sample
from ingestion.files.timeforms import decided_order, form_of
from ingestion.files.zones import (
    REGIONS,
    SEVERAL,
    ZONES,
    hours_away,
    meant_by,
    region_of,
    several,
    zone_in,
    zone_of,
)

#: Times with a clock, and those that name their zone.
_CLOCKED = re.compile(r":|^\d{8}[T ]?\d{4}")
_ZONED = re.compile(
    r"(?:(?<![AaPp])(?<![AaPp]\.)[^\W\d_]|\]|(?::\d\d|\d{6})[\d.,]* ?(?:UTC|GMT)?[+-]\d\d:?\d\d"
    r"|:\d\d [A-Z]{3,4} \d{4})$"
)
#: The name of a zone behind a time, or before its year; the mark of Australia's exchange.
_BEHIND = re.compile(r" ?\[?([A-Z]{3,4}|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+)\]?(?: \d{4})?$")
_AUSTRALIA = re.compile(r"\.AX(?![a-z])|(?<![a-z])ASX(?![a-z])|australia|sydney", re.IGNORECASE)
#: Columns whose hours from UTC are those of each row, and headers of an exchange's own clock.
_OFFSETS = ("utcoffset", "gmtoffset", "tzoffset", "timezone", "tz")
_OF_EXCHANGE = ("Time (Exchange)", "Exchange Time", "exchange_time")
_MIDNIGHT = re.compile(r"[T ]00:?00(?::?00(?:\.0+)?)?$")


def with_zone(plan: Plan, sample: Sample) -> Plan:
    """The zone of times that name none: as answered, or as the header or the source tells."""
    cells = sample.cells(plan.time[0])
    forms = [form for form in map(form_of, cells[:20]) if form is not None]
    if not forms or forms[0].order == "epoch":
        return plan
    clocked = len(plan.time) > 1 or any(map(_CLOCKED.search, cells[:20]))
    zoned = any(map(_ZONED.search, cells[:20]))
    words = {found[1] for found in map(_BEHIND.search, cells) if found} if zoned else set()
    if sample.answers.timezone is not None:
        several_mean = (*SEVERAL, *(("est", "edt") if _is_australian(sample) else ()))
        meant = tuple((letters, sample.answers.timezone) for letters in several_mean)
        plan = replace(plan, reading=replace(plan.reading, meant=meant))
        return _in_zone(plan, sample, sample.answers.timezone, local=clocked and not zoned)
    _ask_which(words, f'"{cells[0][:40]}"', sample)
    plan = replace(plan, reading=replace(plan.reading, meant=meant_by(words)))
    header = sample.names[plan.time[0]][-1] if sample.names else ""
    if clocked and not zoned:
        _ask_which(re.split(r"[^A-Z]+", header.upper()), f"column {header!r}", sample)
    told = zone_in(header) if clocked else None
    if told is not None:
        return _in_zone(plan, sample, told, local=not zoned)
    if clocked and not zoned:
        beside = _with_zone_beside(plan, sample)
        if beside is not None:
            return beside
        _ask_for_zone(sample)
    region = zone_of(min(words)) if len(words) == 1 and all(map(_BEHIND.search, cells)) else None
    if region is not None:
        return _in_zone(plan, sample, region, local=True)
    _ask_for_local(plan, sample, header, zoned, clocked)
    source = _zone_of_source(sample, cells[0])
    if source is not None:
        told, note = source
        return replace(plan, reading=replace(plan.reading, zone=told), notes=(*plan.notes, note))
    return plan


def _in_zone(plan: Plan, sample: Sample, zone: str, *, local: bool) -> Plan:
    """A plan whose times are of a zone. local: whether they have a clock and name no zone."""
    local = local and "/" in zone and not _are_midnights(sample, plan.time)
    return replace(plan, reading=replace(plan.reading, zone=zone, local=local))


def _ask_which(words: Iterable[str], where: str, sample: Sample) -> None:
    """Raise QuestionOpen for letters that mean several zones. where: they stand."""
    found = several(set(words))
    ways = SEVERAL[found[0].lower()] if found else ()
    if not found and {"EST", "EDT"} & set(words) and _is_australian(sample):
        found, ways = ["EST"], (("Australia/Sydney", "Sydney"), ("America/New_York", "New York"))
    if found:
        text = f"{where} names the zone {found[0]}, which means several: which is it?"
        choices = tuple(Choice(zone, place) for zone, place in ways)
        raise QuestionOpen(Question("timezone", text, choices, free=True))


def _is_australian(sample: Sample) -> bool:
    """Whether the file's name, or a row, has the mark of Australia's exchange."""
    return any(map(_AUSTRALIA.search, (sample.file, sample.above, *sample.rows[0])))


def _ask_for_local(plan: Plan, sample: Sample, header: str, zoned: bool, clocked: bool) -> None:
    """Raise QuestionOpen for times that the header calls local, or an exchange's."""
    words = re.split(r"[^a-z]+", header.lower())
    exchange = clocked and header in _OF_EXCHANGE and _has_clock_alone(sample, plan.time)
    if ("local" in words or exchange) and not zoned:
        choices = (Choice("UTC", "they are UTC"), Choice("America/New_York", "New York"))
        text = f"column {header!r} has local times and does not say of which zone: which is it?"
        raise QuestionOpen(Question("timezone", text, choices, free=True))


def _are_midnights(sample: Sample, time: Sequence[int]) -> bool:
    """Whether every time of the sample is the beginning of a day."""
    texts = (" ".join(row[at].strip() for at in time) for row in sample.rows)
    return all(_MIDNIGHT.search(text) for text in texts if text.strip())


def _has_clock_alone(sample: Sample, time: Sequence[int]) -> bool:
    """Whether times in one column have a clock, and no zone stands anywhere beside them."""
    if len(time) > 1 or _are_midnights(sample, time):
        return False
    named = [levels[-1] for levels in sample.names]
    if zone_in(sample.above) is not None or any(zone_in(name) is not None for name in named):
        return False
    beside = (*_OFFSETS, "zone", "exchangetimezone")
    return not any(canonical(name) in beside and sample.cells(at) for at, name in enumerate(named))


def _ask_for_zone(sample: Sample) -> None:
    """Raise QuestionOpen where a zone is named that may, or may not, be that of the times."""
    letters = {*re.findall(r"(?<![A-Z])[A-Z]{3}(?![A-Z])", sample.above)} - {"AST"}
    _ask_which(letters, "a line above the header", sample)
    zone, where = zone_in(sample.above), "a line above the header"
    for at, levels in enumerate(sample.names):
        if canonical(levels[-1]) == "exchangetimezone":
            zone, where = zone_in(" ".join(sample.cells(at)[:1])), repr(levels[-1])
    if zone is None or zone == ZONES["utc"]:
        return
    choices = (Choice(zone, "they are of that zone"), Choice("UTC", "they are UTC"))
    text = f"{where} names the zone {zone}, and the times name none: is it theirs?"
    raise QuestionOpen(Question("timezone", text, choices, free=True))


def _with_zone_beside(plan: Plan, sample: Sample) -> Plan | None:
    """The zone that a column names, row by row where its words can stand behind the times.

    None where there is no such column. Raises UploadError where it names several regions.
    """
    zones = {at: _zones_of_column(sample, at) for at in range(len(sample.names))}
    found = [at for at, words in zones.items() if words]
    if not found:
        return None
    at = next((at for at in found if not all(map(hours_away, zones[at]))), found[0])
    name, words = sample.names[at][-1], zones[at]
    region, hours = region_of(words), all(map(hours_away, words))
    if hours and _are_midnights(sample, plan.time):
        return None  # the dates of bars of days
    first = plan.time[0]
    texts = [
        " ".join(row[one].strip() for one in (*plan.time, at))
        for row in sample.rows
        if row[first].strip() and (row[at].strip() or not hours)
    ]
    joined = all(map(form_of, texts))
    if joined and hours:
        return replace(plan, offset=at)
    _ask_which(words, f"column {name!r}", sample)
    if len(words) > 1 and region is None:
        raise UploadError(
            f"column {name!r} names several zones: {', '.join(sorted(words))[:60]}",
            advice="write the times in one of them, or upload the rows of each by itself",
        )
    zone = region or hours_away(min(words)) or zone_of(min(words))
    plan = replace(plan, reading=replace(plan.reading, meant=meant_by(words)))
    plan = (
        _in_zone(plan, sample, zone, local=not joined or len(words) == 1)
        if zone is not None
        else plan
    )
    if joined and sample.delimiter and len(plan.time) == 1:
        return replace(plan, time=(first, at))
    if not hours and not any(words <= {*pair} for pair in REGIONS):
        return plan
    note = f"column {name!r} reads {', '.join(sorted(words))}: all times were taken as {zone}"
    return replace(plan, notes=(*plan.notes, note))


def _zones_of_column(sample: Sample, position: int) -> set[str]:
    """The zones that a column names, none where its name is not that of zones."""
    name = canonical(sample.names[position][-1])
    cells = set(sample.cells(position))
    if name in _OFFSETS and cells and all(map(hours_away, cells)):
        return cells
    if name not in ("timezone", "tz", "zone"):
        return set()
    words = {cell for cell in cells if zone_of(cell) is not None or cell.lower() in SEVERAL}
    if name == "zone":  # of a market's sessions perhaps, such as London and Tokyo
        words = {word for word in words if "/" in word or word.isupper()}
    return words


def _zone_of_source(sample: Sample, cell: str) -> tuple[str | None, str] | None:
    """The zone and the note of sources whose clocks are not UTC."""
    if re.search(r"DAT_(ASCII|MT|NT|XLSX)|histdata", sample.file, re.IGNORECASE):
        words = "HistData's clock is EST without daylight saving: five hours were added for UTC"
        return ZONES["est"], words
    if not sample.names and re.fullmatch(r"\d{8} \d{6}", cell):
        return None, "the times name no time zone and were taken as UTC (timezone= says otherwise)"
    if any(levels[0] == "<PER>" for levels in sample.names):
        words = "the file names no zone of its times, which were taken as UTC (timezone= says else)"
        return None, words
    if sample.names and sample.names[0][0].startswith("<"):
        words = "MetaTrader writes its server's clock, which was taken as UTC (timezone= says else)"
        return None, words
    return None


def with_order(plan: Plan, sample: Sample) -> Plan:
    """Whether the day stands first, told by an answer or by the rows of the sample."""
    cells = sample.cells(plan.time[0])
    if not any(form is not None and form.order == "dm?" for form in map(form_of, cells[:50])):
        return plan
    order = sample.answers.dayfirst
    if order is None:
        _refuse_year_first(cells)
        order = decided_order(cells)
    return plan.decided(order) if order is not None else replace(plan, undecided=True)


def _refuse_year_first(cells: Sequence[str]) -> None:
    """Raise UploadError for dates of three numbers of two digits of which the last is the day."""
    found = [re.match(r"(\d\d)([/-])(\d\d)\2(\d\d)\b", cell) for cell in cells]
    dates = [(int(one[1]), int(one[3]), int(one[4])) for one in found if one is not None]
    if any(second > 12 or not 1 <= last <= 31 for _, second, last in dates):
        return
    steps = [(one, other) for one, other in pairwise(dates) if one != other]
    days = sum(one[:2] == other[:2] for one, other in steps)
    if days * 2 > len(steps) or _turns(steps, 2) > _turns(steps, 0):
        raise UploadError(
            f'the times read "{cells[0][:40]}", and the last of their numbers changes most: it is '
            "the day, and the year has two digits",
            "a year of four digits, or one that stands last",
            "write dates as 2025-01-31",
        )


def _turns(steps: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], place: int) -> int:
    """How often a number goes the other way than it mostly does, as that of years never does."""
    up = sum(one[place] < other[place] for one, other in steps)
    down = sum(one[place] > other[place] for one, other in steps)
    return min(up, down)


def order_question(cells: Sequence[str]) -> QuestionOpen:
    """The question which of two numbers is the day."""
    shown = cells[0] if cells else ""
    text = (
        f'"{shown[:40]}" is ambiguous: no row tells whether the day or the month stands first '
        "(dd/mm or mm/dd)"
    )
    choices = (Choice("true", "day first, dd/mm"), Choice("false", "month first, mm/dd"))
    return QuestionOpen(Question("dayfirst", text, choices))
