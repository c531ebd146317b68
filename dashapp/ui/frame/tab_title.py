"""The browser tab's title with z and the pair, for a browser that asked for it.

Off until asked for: its interval never ticks, so that no other tab pays for it.
"""

from __future__ import annotations

import math
from typing import Any

from dash import Dash, Input, Output, State, dcc, no_update
from dash.development.base_component import Component

from analytics.model import NotReady, PairSnapshot
from dashapp import ids
from dashapp.parameters.pair import from_dict
from dashapp.services.runtime import Runtime
from dashapp.text.numbers import number
from dashapp.text.pair import newest
from dashapp.ui.clientside import clientside

PERIOD_MS = 1_000


def stores() -> list[Component]:
    """What a browser asked for, what its title says, and the clock of both."""
    return [
        dcc.Store(id=ids.TITLE_ASKED, storage_type="local", data=False),
        dcc.Store(id=ids.TITLE_WORDS),
        dcc.Interval(id=ids.TITLE_INTERVAL, interval=PERIOD_MS, max_intervals=0),
    ]


def title_words(found: PairSnapshot | NotReady, y: str, x: str) -> str:
    """What the title begins with: z in one decimal, so that it rests while little moves."""
    z = math.nan if isinstance(found, NotReady) else newest(found.z)
    return f"z {number(z, 1, signed=True)} {y} / {x}"


def register(app: Dash, runtime: Runtime) -> None:
    """Switch it on and off; find the words."""
    clientside(
        app,
        "toggleTitle",
        Output(ids.TITLE_ASKED, "data"),
        Input(ids.TITLE_TOGGLE, "n_clicks"),
        State(ids.TITLE_ASKED, "data"),
        initial_call=False,
    )
    clientside(
        app,
        "showTitle",
        Output(ids.TITLE_INTERVAL, "max_intervals"),
        Output(ids.TITLE_TOGGLE, "title"),
        Input(ids.TITLE_ASKED, "data"),
    )

    @app.callback(
        Output(ids.TITLE_WORDS, "data"),
        Input(ids.TITLE_INTERVAL, "n_intervals"),
        State(ids.VIEW, "data"),
        State(ids.TITLE_WORDS, "data"),
        prevent_initial_call=True,
    )
    async def words(_: int | None, view: dict[str, Any] | None, held: str | None) -> Any:
        shown = from_dict(view) if view else None
        if shown is None or shown.pair is None:
            return no_update
        pair = shown.pair
        try:
            found = await runtime.analysis.snapshot(shown.market, pair)
        except (ValueError, KeyError):  # the page itself says what is wrong
            return no_update
        told = title_words(found, pair.y, pair.x)
        return no_update if told == held else told
