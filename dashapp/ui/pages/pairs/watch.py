"""The watchlist on the Pairs page: its table, and what a key or a button does to a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from analytics.model import PairParams
from dashapp import ids
from dashapp.parameters.compared import LINK_NAME, of_params, to_text
from dashapp.parameters.hedge import unlocked
from dashapp.parameters.pair import View, own_words, to_dict, to_query
from dashapp.services.alerts.arming import arm
from dashapp.services.runtime import Runtime
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.services.watchlist.watchlist import MAX_WATCHED
from dashapp.text.numbers import counted
from dashapp.text.states import LOADING
from dashapp.ui.components import attributes, button, card, number_column, table, text_column

WATCH_HERE, ARM_ALL, SAYS = "watch-here", "watch-arm-all", "watch-says"
PATCH = "watch-patch"
KEYS = (
    "Enter or a click opens a pair · A arms an alert · W watches it, or no more · X on two rows "
    "compares them"
)
EMPTY = (
    "No pair is watched yet: watch the pair in view with the button above, or W on a row of the "
    "scan below."
)
_TONE = {
    "cellClassRules": {
        "tone-up": "params.data.tone == 'up'",
        "tone-down": "params.data.tone == 'down'",
        "tone-warn": "params.data.tone == 'warn'",
        "tone-muted": "params.data.tone == 'muted'",
    }
}
_STATE = {
    "cellClassRules": {
        "tone-muted": "['inside', 'not enough data', 'no z-score'].includes(params.value)",
        "tone-warn": "params.value == 'silent' || params.value == 'beyond'",
        "tone-down": "params.value == 'alert'",
    }
}


def half_life_column(title: str = "Half-life", width: int = 136) -> dict[str, Any]:
    """Bars, and the time that they take."""
    column = number_column("half_life", title, minWidth=width, width=width)
    column["valueFormatter"] = {"function": "spanOfBars(params)"}
    return column


def line_column(title: str = "z, newest bars") -> dict[str, Any]:
    """A sparkline of the row's `line`."""
    return {
        "field": "line",
        "headerName": title,
        "cellRenderer": "Sparkline",
        "sortable": False,
        "filter": False,
        "cellDataType": False,
        "minWidth": 132,
        "width": 132,
    }


def pair_column(tooltip: str = "pair") -> dict[str, Any]:
    """The legs, as a link to the pair's own page. tooltip: the field that says more."""
    return text_column(
        "pair",
        "Pair",
        minWidth=196,
        width=216,
        cellRenderer="PairLink",
        tooltipField=tooltip,
        pinned="left",
        lockPinned=True,
    )


def _columns() -> list[dict[str, Any]]:
    return [
        pair_column("differs"),
        number_column("z", "z", "+,.2f", width=84, minWidth=84, **_TONE),
        line_column(),
        text_column("state", "State", minWidth=128, tooltipField="reason", **_STATE),
        text_column("side", "Side", minWidth=228, flex=1, tooltipField="side", **_TONE),
        half_life_column(width=196),
        number_column("break_even", "Break-even |z|", ",.2f", minWidth=124),
        text_column("became", "Its alerts", minWidth=150, flex=1, tooltipField="became"),
        number_column("armed", "Rules", ",", width=82, minWidth=82),
        text_column("timeframe", "Bars", width=80, minWidth=80),
        text_column("market", "Market", minWidth=104),
    ]


def watch_card() -> Component:
    """The watchlist: the first thing on the page."""
    grid = table(ids.WATCH_TABLE, _columns(), height="8rem", extra="pairs-grid collapsed")
    tools = [
        html.Span(id=SAYS, className="tone-muted", role="status"),
        button(ARM_ALL, "Arm all", title="Arm |z| > its threshold on every watched pair"),
        button(WATCH_HERE, "Watch the pair in view"),
    ]
    body = [
        grid,
        html.P(
            LOADING,
            id="watch-empty",
            className="tone-muted table-empty",
            **attributes(data_empty=EMPTY),
        ),
        html.P(KEYS, className="tone-muted small keys"),
    ]
    return card("Watchlist", body, tools=tools, extra="wide pairs-card")


def href_of(market: str, params: PairParams, threshold: float) -> str:
    """The link to a pair's own page, which reproduces it in a tab of its own."""
    view = View(market, (), params.timeframe, threshold, params)
    return "/analytics?" + to_query({**to_dict(view), "symbols": []})


def comparison_of(pairs: Sequence[WatchedPair]) -> tuple[str, str]:
    """The link that compares pairs, or why there is none, in words: (link, words).

    The parameters are those of the first, but for locked hedges: each pair has its own.
    """
    first, legs = pairs[0], [pair.symbols for pair in pairs]
    if len(set(legs)) < len(legs):
        return "", f"{legs[0][0]} / {legs[0][1]} is in both rows: choose another pair"
    if len({pair.market for pair in pairs}) > 1:
        return "", "pairs of one market are compared: these rows are of two"
    if len({pair.params.timeframe for pair in pairs}) > 1:
        return "", "pairs are compared on the same bars: these rows differ in their timeframe"
    link = href_of(first.market, unlocked(first.params), first.threshold)
    return f"{link}&{LINK_NAME}={to_text(of_params(pair.params) for pair in pairs)}", ""


def focus_of(pair: WatchedPair) -> dict[str, Any]:
    """What the panel's controls are to hold to show a pair: every parameter, also usual ones."""
    view = View(pair.market, (), pair.params.timeframe, pair.threshold, pair.params)
    return {name: value for name, value in to_dict(view).items() if name != "symbols"}


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's changes as the table shows them. Alerts in words; a new row with its link."""
    told = dict(row)
    if "y" in row:
        told["pair"] = f"{row['y']} / {row['x']}"
    return told


def patch_of(runtime: Runtime, since: int) -> dict[str, Any]:
    """What a tab does not have yet of the watchlist. since: 0 for one that has nothing.

    It says what it continues: a browser under load runs its script for the newest of two alone.
    """
    changes = runtime.watchlist.changes(since)
    rows = [shown(row) for row in changes.rows]
    for row in rows:
        if "pair" in row:
            pair = runtime.watchlist.pair(row["id"])
            assert pair is not None
            row["href"] = href_of(pair.market, pair.params, pair.threshold)
            row["own"] = own_words(pair.params)
            row["differs"] = " · ".join(filter(None, (row["pair"], row["own"])))
    return {"since": since, "version": changes.version, "pairs": changes.pairs, "rows": rows}


def toggle(runtime: Runtime, pair: WatchedPair) -> str:
    """Watch a pair, or no more; what was done, in words."""
    words = f"{pair.params.y} / {pair.params.x}"
    if runtime.watchlist.remove(pair.id):
        return f"no longer watched: {words}"
    return watch(runtime, pair)


def watch(runtime: Runtime, pair: WatchedPair) -> str:
    """Watch a pair; what was done, in words."""
    words = f"{pair.params.y} / {pair.params.x}"
    if runtime.watchlist.pair(pair.id) == pair:
        return f"watched already: {words}"
    try:
        runtime.watchlist.put(pair)
    except (ValueError, KeyError) as error:
        return str(error.args[0])
    return f"watched: {words} ({len(runtime.watchlist)} of {MAX_WATCHED})"


def arm_all(runtime: Runtime) -> str:
    """Arm |z| > its threshold on every watched pair; what was done, in words."""
    armed = there = 0
    for pair in runtime.watchlist.pairs:
        result = arm(runtime.alerts, pair.market, pair.params, pair.threshold)
        if result.state == "refused":
            return f"armed on {counted(armed, 'pair')}, then: {result.words}"
        armed += result.state == "armed"
        there += result.state == "there already"
    beside = f", there already on {there:,}" if there else ""
    return f"armed on {counted(armed, 'pair')}{beside}"
