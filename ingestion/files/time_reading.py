"""How a table's times are read: their zone, and which of day and month stands first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingestion.files.errors import Choice, Question, QuestionOpen
from ingestion.files.plan import Plan, Sample
from ingestion.files.timeforms import ZONES, decided_order, form_of


def with_zone(plan: Plan, sample: Sample) -> Plan:
    """The zone of times that name none: as answered, or as the header or the source tells."""
    cells = sample.cells(plan.time[0])[:20]
    forms = [form for form in map(form_of, cells) if form is not None]
    if not forms or forms[0].order == "epoch":
        return plan
    if sample.answers.timezone is not None:
        return replace(plan, reading=replace(plan.reading, zone=sample.answers.timezone))
    header = sample.names[plan.time[0]][-1] if sample.names else ""
    words = re.split(r"[^a-z]+", header.lower())
    for word, zone in ZONES.items():
        if word in words:
            return replace(plan, reading=replace(plan.reading, zone=zone))
    zoned = any(re.search(r"(Z|UTC|GMT|[+-]\d\d:?\d\d)$", cell) for cell in cells)
    if "local" in words and not zoned:
        choices = (Choice("UTC", "they are UTC"), Choice("America/New_York", "New York"))
        text = f"column {header!r} has local times and does not say of which zone: which is it?"
        raise QuestionOpen(Question("timezone", text, choices, free=True))
    source = _zone_of_source(sample, cells[0])
    if source is not None:
        told, note = source
        return replace(plan, reading=replace(plan.reading, zone=told), notes=(*plan.notes, note))
    return plan


def _zone_of_source(sample: Sample, cell: str) -> tuple[str | None, str] | None:
    """The zone and the note of sources whose clocks are not UTC."""
    if re.search(r"DAT_(ASCII|MT|NT|XLSX)|histdata", sample.file, re.IGNORECASE):
        words = "HistData's clock is EST without daylight saving: five hours were added for UTC"
        return ZONES["est"], words
    if not sample.names and re.fullmatch(r"\d{8} \d{6}", cell):
        return None, "the times name no time zone and were taken as UTC (timezone= says otherwise)"
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
        order = decided_order(cells)
    return plan.decided(order) if order is not None else replace(plan, undecided=True)


def order_question(cells: Sequence[str]) -> QuestionOpen:
    """The question which of two numbers is the day."""
    shown = cells[0] if cells else ""
    text = (
        f'"{shown[:40]}" is ambiguous: no row tells whether the day or the month stands first '
        "(dd/mm or mm/dd)"
    )
    choices = (Choice("true", "day first, dd/mm"), Choice("false", "month first, mm/dd"))
    return QuestionOpen(Question("dayfirst", text, choices))
