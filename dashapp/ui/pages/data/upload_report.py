"""What became of uploaded files, in words: rows taken, rows rejected by reason, first lines."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapp import ids

#: What each reason of a rejected row means.
REASONS = {
    "columns": "not as many cells as the header has",
    "control": "a message about the stream, no trade",
    "decimal-comma": "a comma in a number: write it with a point",
    "duplicate-bar": "a bar at a time that the file had before",
    "encoding": "not UTF-8 text",
    "event": "an event that is no trade",
    "insurance-print": "no trade of the market",
    "json": "not JSON",
    "line-length": "a line of more than 1 MB",
    "ohlc": "high below, or low above, open or close",
    "preamble": "stands above the header",
    "price": "not a number above 0 and below 1e12",
    "quote": "a quote that is not closed",
    "schema": "no time, price or size in it",
    "size": "not a number above 0",
    "symbol": "no symbol, or not 1 to 32 letters, digits, _ or -",
    "symbols": "more than 64 symbols",
    "time": "not a time between 2000 and 2100",
    "time-grid": "not at the start of a bar",
    "too-many-symbols": "more than 64 symbols",
    "volume": "not a number of at least 0",
    "zero-print": "a print of price 0, which is no trade",
}


def report(results: list[dict[str, Any]]) -> list[Component]:
    """What became of each file: rows taken, rows rejected by reason, first line numbers.

    Below them, where a file is not UTF-8: how it would read as Latin-1, and the button for it.
    """
    made: list[Component] = []
    for one in results:
        name = html.Strong(str(one.get("name", "")))
        if one.get("error"):
            made.append(html.P([name, ": ", html.Span(str(one["error"]), className="tone-down")]))
            continue
        found = one.get("report", {})
        rejected = found.get("rejected", {})
        head = (
            f": {found.get('rows', 0):,} rows, {found.get('accepted', 0):,} taken, "
            f"{sum(rejected.values()):,} rejected · {', '.join(found.get('symbols', []))}"
        )
        lost = [
            f"{found[kind]:,} {words}"
            for kind, words in (("duplicate", "already there"), ("late", "too old to keep"))
            if found.get(kind)
        ]
        notes = [found["problem"]] if found.get("problem") else []
        notes += found.get("notes", [])
        made.append(html.P([name, " · ".join([head, *lost, *notes])]))
        if rejected:
            made.append(_rejections(rejected, found.get("first_lines", {})))
    return made + _latin_1(results)


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
                html.Td([reason, html.Small(REASONS.get(reason, ""))]),
                html.Td(f"{count:,}"),
                html.Td(", ".join(f"{line:,}" for line in first_lines.get(reason, []))),
            ]
        )
        for reason, count in rejected.items()
    ]
    return html.Table([html.Thead(head), html.Tbody(rows)], className="report-table")
