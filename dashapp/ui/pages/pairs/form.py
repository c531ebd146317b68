"""The form of a scan: its rules, what they could find at all, and Run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.model import ParameterError
from analytics.scanner import ScanParams
from dashapp import ids
from dashapp.parameters.scan import SCAN, as_held, check, to_query
from dashapp.services.runtime import Runtime
from dashapp.text.pair import Segment
from dashapp.text.scan import form_reach
from dashapp.ui.clicks import clicked
from dashapp.ui.clientside import clientside
from dashapp.ui.components import attributes, button, card, field, parameter_field, select
from dashapp.ui.pages.pairs.scans import universe_of

MARKET, RESCAN = "scan-market", "scan-rescan"
REACH, SAYS, ASKED = "scan-reach", "scan-says", "scan-asked"
#: What the tab has of the page.
SEEN = "pairs-seen"
#: The market to scan that was filled in, not chosen.
FILLED = "scan-filled"
_USUAL = {"timeframe": "1h"}


def scan_card(held: Mapping[str, Any]) -> Component:
    """The form. held: what its controls hold at first."""
    controls = [parameter_field(row, held[name]) for name, row in SCAN.items()]
    market = field("Universe", select(MARKET, [], None), MARKET)
    rescan = html.Div(
        dbc.Switch(id=RESCAN, value=False, label="Again at each closed bar"), className="field"
    )
    body = [
        html.Div([market, *controls], id=ids.SCAN_FORM, className="row-fields scan-fields"),
        html.P(id=REACH, className="scan-reach", role="status"),
        html.Progress(
            id=ids.SCAN_PROGRESS,
            value="0",
            max="100",
            className="sweep-progress",
            **attributes(aria_label="Progress of the scan"),
        ),
        html.Div(id=SAYS, className="tone-muted", role="status"),
        dcc.Store(id=ASKED),
        dcc.Store(id=FILLED),
    ]
    tools = [
        rescan,
        dbc.Button("Run", id=ids.SCAN_RUN, size="sm", color="primary"),
        button(ids.SCAN_CANCEL, "Cancel", disabled=True),
    ]
    return card("Scan", body, tools=tools, extra="wide scan-card")


def held_by(store: Mapping[str, Any] | None, search: str | None) -> Mapping[str, Any]:
    """What the form of a page that opens holds: the tab's rules, or those of its link."""
    return store["held"] if store else as_held(search or "")


def rules_of(store: Mapping[str, Any] | None) -> tuple[ScanParams, str]:
    """The rules and the timeframe that a tab's form holds; the usual before it holds any."""
    rules, _ = check((store or {}).get("held") or as_held())
    return rules or (ScanParams(), _USUAL["timeframe"])


def collected(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rules by what the controls hold, and the message under each of them."""
    rules, errors = check(raw)
    store: Any = no_update
    if rules is not None:
        store = {"held": dict(raw), "query": to_query(*rules)}
    return {"rules": store, "messages": {name: errors.get(name, "") for name in SCAN}}


def reach_of(
    runtime: Runtime, market_id: str | None, rules: tuple[ScanParams, str]
) -> list[Segment]:
    """What a scan of these rules could find at all in a market."""
    market = runtime.markets.get(market_id or "")
    params, timeframe = rules
    if market is None:
        return [("no market to scan", "muted")]
    if not market.symbols:
        count = len(market.coming)
        words = f"{count} symbols are being made" if count else f"{market.title} has no data yet"
        return [(words, "muted")]
    if timeframe not in market.timeframes:
        legal = ", ".join(market.timeframes)
        return [(f"{market.title} has no {timeframe} bars, only: {legal}", "warn")]
    held = max(len(market.bars(symbol, timeframe)) for symbol in market.symbols[:4])
    return form_reach(params, timeframe, len(market.symbols), held)


def begin(
    runtime: Runtime, market_id: str, rules: tuple[ScanParams, str], rescan: bool
) -> tuple[str, str]:
    """Start a scan; its id, or why none begins, in words."""
    params, timeframe = rules
    try:
        job = runtime.scans.start(market_id, params, timeframe, rescan=rescan)
    except ParameterError as error:
        return "", str(error)
    except (ValueError, KeyError) as error:
        return "", str(error.args[0])
    return job.id, ""


def offered(
    runtime: Runtime, shown: str | None, chosen: str | None, filled: str | None
) -> tuple[Any, Any, Any]:
    """The markets that can be scanned, the one that is, and the one that was filled in last.

    As chosen by hand while that is there, which is another than was filled in; else what fits the
    market in view.
    """
    markets = [{"value": market.id, "label": market.title} for market in runtime.markets.values()]
    kept = chosen in runtime.markets and chosen != filled
    scanned = chosen if kept else universe_of(runtime, shown)
    runtime.look(scanned or "")
    if scanned == chosen:
        return markets, no_update, no_update
    return markets, scanned, scanned


def switched_off(
    runtime: Runtime, market: str, rescan: bool | None, seen: Mapping[str, Any] | None
) -> bool:
    """Whether a market is scanned again that the tab wants to be scanned no more.

    seen: what the tab was told last; of another market the switch may still hold what was so there.
    """
    told = (seen or {}).get("market") == market
    return told and not rescan and runtime.scans.rescans(market)


def register(app: Dash, runtime: Runtime) -> None:
    """The form's messages, its part of the link, Run and Cancel."""
    _register_run(app, runtime)
    clientside(
        app, "keepScan", Output(ids.SCAN_RULES, "storage_type"), Input(ids.SCAN_RULES, "data")
    )

    @app.callback(
        output={
            "rules": Output(ids.SCAN_RULES, "data"),
            "messages": {
                name: Output(f"{row.control}-message", "children") for name, row in SCAN.items()
            },
        },
        inputs={"raw": {name: Input(row.control, "value") for name, row in SCAN.items()}},
    )
    async def collect(raw: dict[str, Any]) -> dict[str, Any]:
        return collected(raw)

    @app.callback(
        Output(MARKET, "options"),
        Output(MARKET, "value"),
        Output(FILLED, "data"),
        Input(ids.VIEW, "data"),
        Input(ids.KNOWN, "data"),
        State(MARKET, "value"),
        State(FILLED, "data"),
    )
    async def offer(
        view: dict[str, Any] | None, known: Any, chosen: str | None, filled: str | None
    ) -> Any:
        if not view:  # on its way
            raise PreventUpdate
        return offered(runtime, view.get("market"), chosen, filled)


def _register_run(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        Output(ASKED, "data"),
        Output(SAYS, "children", allow_duplicate=True),
        Input(ids.SCAN_RUN, "n_clicks"),
        Input(ids.SCAN_RULES, "data"),
        Input(MARKET, "value"),
        # No input: the page's live part fills it in, and takes what is asked.
        State(RESCAN, "value"),
        prevent_initial_call=True,
    )
    async def run(
        clicks: int | None, rules: dict[str, Any] | None, market: str | None, rescan: bool
    ) -> Any:
        if not clicks or not clicked(ids.SCAN_RUN) or market is None:
            raise PreventUpdate
        return begin(runtime, market, rules_of(rules), bool(rescan))

    @app.callback(
        Output(ids.SCAN_CANCEL, "disabled", allow_duplicate=True),
        Input(ids.SCAN_CANCEL, "n_clicks"),
        Input(MARKET, "value"),
        Input(RESCAN, "value"),
        State(SEEN, "data"),
        prevent_initial_call=True,
    )
    async def cancel(
        clicks: int | None, market: str | None, rescan: bool | None, seen: dict[str, Any] | None
    ) -> bool:
        if market is None:
            raise PreventUpdate
        job = runtime.scans.running(market)
        if clicks and clicked(ids.SCAN_CANCEL):
            runtime.scans.stop_rescanning(market)
            if job is not None:
                runtime.scans.cancel(job.id)
            return True
        if not switched_off(runtime, market, rescan, seen):
            raise PreventUpdate
        runtime.scans.stop_rescanning(market)
        return job is None
