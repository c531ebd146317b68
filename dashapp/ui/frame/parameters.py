"""The parameters of a pair: the side panel, and the callbacks that keep it whole.

Three callbacks, each with one job: `settle` fills the controls from a link, a change of
market or a click elsewhere; `collect` checks what they hold and writes the tab's view,
with a message at each field that is wrong; the clientside `writeUrl` keeps the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from analytics.model import ParameterError
from analytics.readings import check_view
from dashapp import ids
from dashapp.parameters.check import messages, replaced_words, usual_where_wrong
from dashapp.parameters.hedge import OF_PAIR
from dashapp.parameters.pair import View, check, to_dict, to_query
from dashapp.parameters.table import PAIR, VIEW
from dashapp.services.runtime import Runtime
from dashapp.ui.clientside import clientside
from dashapp.ui.frame.settling import PLAIN, settled, symbols_of

_BY_NAME = {row.name: row for row in VIEW}


def _register_settle(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "market": Output(ids.MARKET, "value"),
            "market_options": Output(ids.MARKET, "options"),
            "y": Output(ids.LEG_Y, "value"),
            "y_options": Output(ids.LEG_Y, "options"),
            "x": Output(ids.LEG_X, "value"),
            "x_options": Output(ids.LEG_X, "options"),
            "symbols": Output(ids.SYMBOLS, "value"),
            "symbol_options": Output(ids.SYMBOLS, "options"),
            "timeframe": Output(ids.TIMEFRAME, "value"),
            "timeframe_options": Output(ids.TIMEFRAME, "options"),
            "plain": {row.name: Output(row.control, "value") for row in PLAIN},
            "message": Output(ids.FRAME_MESSAGE, "children", allow_duplicate=True),
            "not_here": Output(ids.NOT_HERE, "data"),
            "heeded": Output(ids.HEEDED, "data"),
        },
        inputs={
            "search": Input(ids.URL, "search"),
            "market": Input(ids.MARKET, "value"),
            "focus": Input(ids.FOCUS, "data"),
            "known": Input(ids.KNOWN, "data"),
            "source": Input(ids.SOURCE_KIND, "value"),
            "y": Input(ids.LEG_Y, "value"),
            "x": Input(ids.LEG_X, "value"),
        },
        state={
            "symbols": State(ids.SYMBOLS, "value"),
            "timeframe": State(ids.TIMEFRAME, "value"),
            "hedge": {name: State(PAIR[name].control, "value") for name in OF_PAIR},
            "view": State(ids.VIEW, "data"),
            "not_here": State(ids.NOT_HERE, "data"),
            "heeded": State(ids.HEEDED, "data"),
        },
        prevent_initial_call="initial_duplicate",
    )
    async def settle(**given: Any) -> dict[str, Any]:
        return settled(runtime, **given)


def link_of(view: View) -> dict[str, Any]:
    """The view as its tab's store keeps it: its values, and the link's query."""
    values = to_dict(view)
    return {**values, "query": to_query(values)}


def _checked(
    market: str, symbols: list[str], raw: Mapping[str, Any], known: list[str]
) -> tuple[View | None, dict[str, str]]:
    """The view, and what is wrong; none of a z window beyond the bars in view.

    A hedge whose rows are more than those in view has no z-score either, but only the pages of
    the pair need one: they say so.
    """
    view, errors = check(market, symbols, raw, known)
    try:
        if view is not None and view.pair is not None:
            check_view(view.pair)
    except ParameterError as error:
        shown = None if error.field == "z_window" else view
        return shown, messages({error.field: error}, PAIR)
    return view, errors


def collected(
    market: str | None,
    symbols: list[str] | None,
    raw: Mapping[str, Any],
    known: list[str],
    held: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The tab's view by what the controls hold, and the message under each of them.

    held: the view that the tab has, which stays where a control is wrong or nothing is new. A
    tab that has none begins with the usual values in place of those that are wrong or that do not
    go together, and says so.
    """
    view, errors = _checked(market or "", symbols or [], raw, known)
    told = "" if view is not None else no_update
    if view is None and held is None:
        usual = {row.name: row.control_value(row.default) for row in VIEW if row.kind != "symbol"}
        view, refused = usual_where_wrong(
            raw, usual, lambda values: _checked(market or "", symbols or [], values, known)
        )
        told = replaced_words(refused, _BY_NAME)
    stored = link_of(view) if view else held
    return {
        "view": no_update if stored == held else stored,
        "told": told,
        "messages": {row.name: errors.get(row.name, "") for row in VIEW},
    }


def _register_collect(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "view": Output(ids.VIEW, "data"),
            "told": Output(ids.VIEW_MESSAGE, "children"),
            "messages": {row.name: Output(f"{row.control}-message", "children") for row in VIEW},
        },
        inputs={
            "market": Input(ids.MARKET, "value"),
            "symbols": Input(ids.SYMBOLS, "value"),
            "raw": {row.name: Input(row.control, "value") for row in VIEW},
        },
        state={"held": State(ids.VIEW, "data"), "not_here": State(ids.NOT_HERE, "data")},
    )
    async def collect(
        market: str | None,
        symbols: list[str] | None,
        raw: dict[str, Any],
        held: dict[str, Any] | None,
        not_here: dict[str, str] | None,
    ) -> dict[str, Any]:
        known = [*symbols_of(runtime, market), *(not_here or {}).values()]
        if len(known) >= 2 and not (raw["y"] and raw["x"]):
            raise PreventUpdate  # the legs are being filled in
        return collected(market, symbols, raw, known, held)


def register(app: Dash, runtime: Runtime) -> None:
    """The callbacks of the side panel and the header's market and symbols."""
    _register_settle(app, runtime)
    _register_collect(app, runtime)
    clientside(
        app,
        "writeUrl",
        Output(ids.URL_WRITTEN, "data"),
        Input(ids.VIEW, "data"),
        Input(ids.STRATEGY, "data"),
        Input(ids.URL, "pathname"),
    )
    clientside(
        app,
        "swapLegs",
        Output(ids.FOCUS, "data", allow_duplicate=True),
        Input(ids.SWAP, "n_clicks"),
        State(ids.LEG_Y, "value"),
        State(ids.LEG_X, "value"),
        initial_call=False,
    )
