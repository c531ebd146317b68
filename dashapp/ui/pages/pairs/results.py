"""The table of a scan: survivors, and on request all pairs with why they left."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapp import ids
from dashapp.services.scan.control import ScanJob
from dashapp.ui.components import attributes, card, download, number_column, table, text_column
from dashapp.ui.pages.pairs.watch import half_life_column, line_column, pair_column

EVERY, EMPTY, EXPORT = "scan-every", "scan-empty", "scan-export"
#: What a key on a row did, once more beside the row: the watchlist's line may be out of sight.
SAYS = "scan-pairs-says"
_FORMATS = ("csv", "json", "parquet")


def _columns() -> list[dict[str, Any]]:
    verdict = {
        "cellClassRules": {
            "tone-up": "params.value == 'confirmed'",
            "tone-muted": "params.value != 'confirmed'",
        }
    }
    return [
        pair_column(),
        text_column("verdict", "Verdict", minWidth=160, flex=1, tooltipField="verdict", **verdict),
        _p_column("adjusted", "Adjusted p"),
        half_life_column(),
        number_column("z", "z now", "+,.2f", width=88, minWidth=88),
        line_column(),
        number_column("room", "|z| − break-even", "+,.2f", minWidth=146),
        text_column("confirmed", "Confirmation, net", minWidth=176, tooltipField="confirmed"),
        number_column("beta", "β", ",.3f", width=84, minWidth=84),
        number_column("drift", "β drift %", "+,.1f", minWidth=100),
        number_column("correlation", "Correlation", "+,.2f", minWidth=112),
        number_column("carried", "Carried %", ",.1f", minWidth=102),
        number_column("funding", "Funding, bps a day", "+,.2f", minWidth=146),
        text_column("mine", "Watched, armed", minWidth=136),
    ]


def _p_column(name: str, title: str) -> dict[str, Any]:
    """A p-value; a small one by its power of ten."""
    column = number_column(name, title, minWidth=112)
    column["valueFormatter"] = {"function": "pValue(params)"}
    return column


def results_card() -> Component:
    """The table, with a switch for all pairs and links to the export."""
    grid = table(ids.SCAN_TABLE, _columns(), height="8rem", extra="pairs-grid")
    tools = [
        html.Div(
            dbc.Switch(id=EVERY, value=False, label="All pairs, with why they left"),
            className="field",
        ),
        html.Span(id=EXPORT, className="tools"),
        html.Span(id=SAYS, className="tone-muted", **attributes(aria_hidden="true")),
    ]
    empty = html.P("", id=EMPTY, className="tone-muted table-empty", role="status")
    return card("Pairs of the scan", [empty, grid], tools=tools, extra="wide pairs-card scan-pairs")


def links(job: ScanJob) -> list[Component]:
    """The export of a market's newest scan."""
    return [
        download(f"download-scan-{form}", form.upper(), f"/export/{job.market}/scan.{form}")
        for form in _FORMATS
    ]
