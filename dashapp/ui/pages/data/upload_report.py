"""What became of uploaded files, in words: rows taken, rows rejected by reason, first lines."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from dashapp import ids
from ingestion.decode.reasons import REASONS

#: Symbols of a file that are named; the others are counted.
NAMED = 12

_COUNTS = (
    ("replaced", "took the place of rows that were there"),
    ("duplicate", "already there"),
    ("late", "too old to keep"),
)

#: What the field of an answer of any words is called.
_LABELS = {"symbol": "Symbol", "timezone": "Time zone", "timeframe": "Timeframe"}


def report(results: list[dict[str, Any]]) -> list[Component]:
    """What became of each file: rows taken, rows rejected by reason, first line numbers.

    Below a file that leaves something open stands the question, with its answers; below all of
    them, where a file is not UTF-8, how it would read as Latin-1, and the button for it.
    """
    parts: list[Component] = []
    for place, result in enumerate(results):
        name = html.Strong(str(result.get("name", "")))
        question = result.get("question")
        if question:
            parts.append(html.P([name, ": ", html.Span(str(question["text"]))]))
            parts.append(_question(place, question))
        elif result.get("error"):
            error = html.Span(str(result["error"]), className="tone-down")
            parts.append(html.P([name, ": ", error]))
        else:
            parts += _account(place, name, result.get("report", {}))
    return parts + _latin_1(results)


def _account(place: int, name: Component, found: dict[str, Any]) -> list[Component]:
    """How many rows of a file were taken, and why the others were not."""
    rejected = found.get("rejected", {})
    head = (
        f": {found.get('rows', 0):,} rows, {found.get('accepted', 0):,} taken, "
        f"{sum(rejected.values()):,} rejected · {_listed(found.get('symbols', []))}"
    )
    counts = [f"{found[kind]:,} {words}" for kind, words in _COUNTS if found.get(kind)]
    notes = [found["problem"]] if found.get("problem") else []
    words = " · ".join([head, *counts, *notes, *found.get("notes", [])])
    parts: list[Component] = [html.P([name, words])]
    if found.get("nameless"):
        parts.append(_question(place, {"parameter": "symbol", "choices": [], "free": True}))
    if rejected:
        parts.append(_rejections(rejected, found.get("first_lines", {})))
    return parts


def _listed(symbols: list[str]) -> str:
    more = len(symbols) - NAMED
    return ", ".join(symbols[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _question(place: int, question: dict[str, Any]) -> Component:
    """The answers to what a file leaves open: a button a choice, a field for any other.

    assets/upload.js reads the same drop again with the answer. place: of the file in the drop.
    """
    parameter = question["parameter"]
    answers: list[Component] = [
        html.Button(
            choice["label"],
            className="btn btn-primary btn-sm upload-answer",
            **{"data-place": place, "data-parameter": parameter, "data-value": choice["value"]},
        )
        for choice in question["choices"]
    ]
    if question.get("free"):
        label = _LABELS.get(parameter, "Answer")
        answers.append(
            html.Span(
                [
                    dcc.Input(
                        id=f"upload-answer-{place}-{parameter}",
                        className="form-control form-control-sm",
                        placeholder=label,
                        maxLength=64,
                    ),
                    html.Button(
                        f"Use this {label.lower()}",
                        className="btn btn-outline-secondary btn-sm upload-answer",
                        **{"data-place": place, "data-parameter": parameter},
                    ),
                ],
                className="upload-field",
            )
        )
    return html.Div(answers, className="upload-question", role="group")


def _latin_1(results: list[dict[str, Any]]) -> list[Component]:
    """The question whether files that are not UTF-8 are Latin-1; none where all are UTF-8.

    Of a file that was refused its own words say what was found.
    """
    asked = [one for one in results if one.get("report", {}).get("not_utf8")]
    if not asked:
        return []
    told = [
        html.Div(
            [
                html.Strong(str(one.get("name", ""))),
                f": line {found['line']:,} is not UTF-8, its byte {found['position']:,} is "
                f"0x{found['byte']:02X}. As Latin-1 that line reads ",
                html.Q(found["latin_1"]),
            ]
        )
        for one in asked
        if not one.get("error") and (found := one["report"]["not_utf8"])
    ]
    button = dbc.Button("Read as Latin-1", id=ids.UPLOAD_LATIN_1, size="sm", color="primary")
    hint = html.Small("If that is right, the same drop is read again; else save it as UTF-8.")
    return [html.Div([*told, html.Div([button, hint])], className="upload-latin-1")]


def _rejections(rejected: dict[str, int], first_lines: dict[str, list[int]]) -> Component:
    head = html.Tr([html.Th("Rejected because"), html.Th("Rows"), html.Th("First lines")])
    rows = [
        html.Tr(
            [
                html.Td([REASONS.get(reason, reason), html.Small(reason)]),
                html.Td(f"{count:,}"),
                html.Td(", ".join(f"{line:,}" for line in first_lines.get(reason, []))),
            ]
        )
        for reason, count in rejected.items()
    ]
    return html.Table([html.Thead(head), html.Tbody(rows)], className="report-table")
