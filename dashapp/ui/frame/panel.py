"""The side panel: a control for every parameter of the pair that the page in view reads."""

from __future__ import annotations

from collections.abc import Iterable

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashapp import ids
from dashapp.parameters.table import VIEW
from dashapp.ui import components

_OF_TESTS = ("trend", "lag_method", "adf_window")
_OF_HEDGE = ("hedge", "intercept", "price_space", "hedge_window", "spread_mode", "beta", "alpha")
_OF_SPREAD = ("hedge_window", "spread_mode", "beta", "alpha", "z_threshold")
_OF_CORRELATION = ("corr_window", "corr_on")
#: What a page does not read of the parameters: its panel has none of it (assets/style.css).
#: Alerts may be on any figure, so that Alerts reads all; so does Analytics.
UNUSED: dict[str, frozenset[str]] = {
    "home": frozenset((*_OF_SPREAD, *_OF_TESTS)),
    "pairs": frozenset((*_OF_TESTS, *_OF_CORRELATION)),
    "correlation": frozenset(("z_threshold", "adf_window")),
    # The heatmap of correlations; that of p-values, half-lives or z reads more.
    "plain-heatmap": frozenset((*_OF_HEDGE, *_OF_TESTS, "z_window")),
    "backtest": frozenset((*_OF_SPREAD, *_OF_TESTS, *_OF_CORRELATION)),
    "data": frozenset(("z_threshold",)),
}


def hidden_on(names: Iterable[str]) -> str:
    """The classes of what shows these parameters alone: the pages that read none of them.

    >>> hidden_on(["adf_window"]), hidden_on(["adf_window", "y"])
    ('not-home not-pairs not-correlation not-plain-heatmap not-backtest', '')
    """
    shown = set(names)
    return " ".join(f"not-{page}" for page, unused in UNUSED.items() if shown <= unused)


def _names_of(group: str) -> list[str]:
    return [row.name for row in VIEW if row.group == group]


def panel() -> Component:
    """The side panel: every parameter of the pair, in four groups."""
    groups: dict[str, list[Component]] = {}
    for row in VIEW:
        field = components.parameter_field(row, row.default, hidden_on([row.name]))
        groups.setdefault(row.group, []).append(field)
    swap = dbc.Button(
        "Swap legs (S)",
        id=ids.SWAP,
        size="sm",
        color="secondary",
        outline=True,
        className="w-100",
    )
    groups["Pair"].insert(2, html.Div(swap, className="field"))
    sets = [
        html.Fieldset(
            [html.Legend(title), *fields],
            className=f"panel-group {hidden_on(_names_of(title))}".strip(),
        )
        for title, fields in groups.items()
    ]
    return html.Aside(
        sets, id=ids.PANEL, className="side-panel", **components.attributes(aria_label="Parameters")
    )
