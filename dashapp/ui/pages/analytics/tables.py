"""The tables of the Analytics page beside its figures: hedge methods side by side, Johansen."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from analytics.cointegration import JohansenTest
from dashapp.text.johansen import LEVELS, johansen_about, johansen_table, johansen_verdict
from dashapp.text.methods import MethodRow
from dashapp.text.numbers import NONE
from dashapp.ui.components import Fixed, element

_METHOD_HEADS = ("Method", "β", "z", "Signal", "α", "R²")
_JOHANSEN_HEADS = ("Test and null", "Statistic", *LEVELS, "Rejects")
#: The tone of a signal, by side of the spread.
_TONES = {-1: "down", 1: "up", 0: "muted", None: "muted"}

Element = dict[str, Any]


def _tone(tone: str) -> str:
    return f"tone-{tone}" if tone else ""


#: Heads of columns of words.
_OF_WORDS = frozenset(("Method", "Signal", "Test and null", "Rejects"))


@lru_cache(maxsize=16)
def _head(names: tuple[str, ...]) -> Element:
    cells = [
        element("Th", name, scope="col", className="" if name in _OF_WORDS else "figures")
        for name in names
    ]
    return Fixed(element("Thead", element("Tr", cells)))


def _table(names: tuple[str, ...], rows: Iterable[Element], caption: str) -> Element:
    body = [
        element("Caption", caption, className="visually-hidden"),
        _head(names),
        element("Tbody", list(rows)),
    ]
    return element("Table", body, className="figures-table columns")


def _figures(*texts: str) -> list[Element]:
    return [element("Td", text, className="figures") for text in texts]


def _method(row: MethodRow) -> tuple[Element, ...]:
    words = NONE if row.signal.side is None else row.signal.words("Y", "X")
    figures = (row.beta, row.z, row.alpha, row.r_squared)
    kind = " ".join(["shown"] * row.shown + ["noted"] * bool(row.note))
    return _method_lines(row.method, figures, words, _tone(_TONES[row.signal.side]), kind, row.note)


@lru_cache(maxsize=1_024)
def _method_lines(
    method: str, figures: tuple[str, ...], words: str, tone: str, kind: str, note: str
) -> tuple[Element, ...]:
    """Kept: most methods say at a refresh what they said before."""
    cells = [
        element("Th", method, scope="row"),
        *_figures(*figures[:2]),
        element("Td", words, className=tone),
        *_figures(*figures[2:]),
    ]
    line = Fixed(element("Tr", cells, className=kind))
    if not note:
        return (line,)
    cell = element(
        "Td",
        element("Span", note, className="tone-muted"),
        colSpan=len(_METHOD_HEADS),
        className="note",
    )
    return line, Fixed(element("Tr", cell))


def methods_table(rows: Iterable[MethodRow]) -> Element:
    """The hedge ratio by every method; the one that the page shows is marked."""
    lines = [line for row in rows for line in _method(row)]
    return _table(_METHOD_HEADS, lines, "Hedge ratio, fit and newest z by method")


@lru_cache(maxsize=16)
def johansen_part(
    test: JohansenTest | None, alone: bool | None, tested: bool = True
) -> list[Element]:
    """The verdict, every statistic against its critical values, and which bars they are of.

    Kept: a test stands for many refreshes of a page. alone: as `leg_alone`; tested: whether
    Engle-Granger tested the legs.
    """
    words, tone = johansen_verdict(test, alone, tested)
    if test is None or test.result is None:
        return [element("P", words, className=_tone(tone))]
    rows = [
        element(
            "Tr",
            [
                element("Th", null, scope="row"),
                *_figures(*figures),
                element("Td", level or "no", className=_tone("up" if level else "muted")),
            ],
        )
        for null, *figures, level in johansen_table(test)
    ]
    return [
        element("P", f"{words} (95 %)", className=_tone(tone)),
        _table(_JOHANSEN_HEADS, rows, "Johansen's test with its critical values"),
        element("P", johansen_about(test), className="tone-muted small"),
    ]
