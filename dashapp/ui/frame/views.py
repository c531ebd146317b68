"""The saved views' dialog and the palette: their places; assets/views.js and palette.js fill them.

Both ask the HTTP interface, so nothing of them runs while they are closed.
"""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapp import ids
from dashapp.ui.components import attributes, button

_TITLE = f"{ids.VIEWS}-title"


def dialogs() -> list[Component]:
    """Saved views at the side, the palette in the middle; both closed."""
    return [_views(), _palette()]


def _views() -> Component:
    head = html.Header(
        [
            html.H2("Saved views", id=_TITLE),
            html.Button(
                "×", className="icon-button close-dialog", **attributes(aria_label="Close")
            ),
        ],
        className="card-head",
    )
    save = html.Div(
        [
            html.Div(id="view-name-field", className="view-field"),
            dbc.Button("Save", id=ids.SAVE_VIEW, size="sm", color="primary"),
        ],
        className="view-save",
    )
    export = html.A(
        "Export JSON",
        id="export-views",
        href="/api/views",
        download="spreadscope-views.json",
        className="btn btn-sm btn-outline-secondary",
    )
    foot = html.Footer([export, button("import-views", "Import JSON")], className="tools")
    return html.Dialog(
        [
            head,
            html.P("A view is this page with all that its link holds.", className="tone-muted"),
            save,
            html.P(id="views-says", role="status"),
            html.Ul(id="views-list", className="views-list"),
            foot,
        ],
        id=ids.VIEWS,
        className="side-dialog",
        **attributes(aria_labelledby=_TITLE),
    )


def _palette() -> Component:
    name = attributes(aria_label="Find a symbol, a pair, a view or a page")
    return html.Dialog(id=ids.PALETTE, className="palette", **name)
