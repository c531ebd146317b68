"""What more than one page needs of the runtime, and of Dash."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State

from analytics.alerts import AlertEvent
from analytics.model import TIMEFRAMES, NotReady, PairSnapshot
from dashapp.parameters.table import PAIR
from dashapp.services.runtime import Runtime
from dashapp.text.states import raise_limit, too_few
from dashapp.ui.clientside import clientside
from dashapp.ui.polling import Tab

NO_PAIR = NotReady("this market has one symbol, a pair needs two", 0, 0)
DEFAULT_LIMIT: int = PAIR["limit"].default


def limit_of(tab: Tab) -> int:
    """How many of the newest bars the tab looks at."""
    return tab.view.pair.limit if tab.view.pair else DEFAULT_LIMIT


async def snapshot_of(runtime: Runtime, tab: Tab) -> PairSnapshot | NotReady:
    """The tab's pair, analysed once for every tab that looks at it."""
    if tab.view.pair is None:
        return NO_PAIR
    runtime.pair_history.watch(tab.view.market, tab.view.pair)
    return await runtime.analysis.snapshot(tab.view.market, tab.view.pair, tab.until_ms)


def pair_key(runtime: Runtime, tab: Tab) -> Any:
    """Changes when the tab's pair would be drawn differently, by new data or new alerts."""
    if tab.view.pair is None:
        return None
    data = runtime.analysis.snapshot_key(tab.view.market, tab.view.pair)
    return (data, runtime.alerts.version, runtime.kernels.ready)


def markers_of(runtime: Runtime, tab: Tab) -> list[AlertEvent]:
    """The alerts of the tab's pair, with these parameters, oldest first."""
    pair, market = tab.view.pair, runtime.markets.get(tab.view.market)
    if pair is None or market is None:
        return []
    return runtime.alerts.history.events_of(market, pair)


def shorter(tab: Tab) -> tuple[str, ...]:
    """The controls by which a pair's z-score asks for fewer bars."""
    own = tab.view.pair is not None and tab.view.pair.spread_mode in ("rolling", "kalman")
    hedge = (PAIR["hedge_window"].label,) if own else ()
    return (*hedge, PAIR["z_window"].label)


def show_details(app: Dash, table_id: str, detail_id: str) -> None:
    """Let a click on a row show its details below the table, and its times on the charts."""
    clientside(
        app,
        "showRow",
        Output(detail_id, "children"),
        Input(table_id, "selectedRows"),
        Input(table_id, "cellClicked"),
        State(table_id, "id"),
        initial_call=False,
    )


def waiting_for(runtime: Runtime, tab: Tab, reason: NotReady, *shorter: str) -> str:
    """What a chart says in its middle while there is no picture: what is missing, when it will
    be there, and which control changes it. shorter: the controls that ask for fewer bars.
    """
    pair, status = tab.view.pair, runtime.markets.status(tab.view.market)
    if pair is not None and 0 < pair.limit < reason.need:
        return raise_limit(reason, pair.limit)
    filtered = pair is not None and pair.filtered
    growing = status.state == "live" and tab.until_ms is None and not filtered
    step_ms = TIMEFRAMES[tab.view.timeframe] if growing else 0
    return too_few(reason, step_ms, shorter)
