"""What is new on every page: toasts of alerts, their count, and the browser's notifications.

Each tab counts what fired since somebody last saw the Alerts page, in it or in another tab of
the same browser. The count stands on the tab of that page, and the browser's title takes it
from there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, Patch, no_update

from analytics.alerts import AlertEvent
from analytics.model import PairParams
from dashapp import ids
from dashapp.parameters.pair import own_words
from dashapp.services.alerts.history import AlertHistory
from dashapp.ui.clientside import clientside

TOAST_MS = 8_000
#: Alerts that are shown at a time; what a tab that slept has missed is in the history.
MAX_TOASTS = 4
#: Toasts that the page holds, those that are gone among them, before it begins anew.
MOST_HELD = 40


def toasts(events: list[AlertEvent], history: AlertHistory) -> list[Any]:
    """Alerts, each in a toast that goes by itself, with what its pair has of its own."""
    return [
        dbc.Toast(
            event.text,
            id={"type": "toast", "event": str(event.id)},
            header=_header(event, history.params_of(event.id)),
            duration=TOAST_MS,
            dismissable=True,
            is_open=True,
        )
        for event in events
    ]


def _header(event: AlertEvent, params: PairParams | None) -> str:
    own = "" if params is None else own_words(params)
    return " · ".join(filter(None, ("Alert", " / ".join(event.symbols), own)))


def added(cursor: Mapping[str, Any], fresh: list[Any], now_s: float) -> tuple[Any, list[float]]:
    """Toasts beside those that are still shown, which keep their time, as a component's children.

    cursor: `toasted`, how many the page holds and when the last came; the second of what is
    returned is that as of now.

    >>> added({}, ["a", "b"], 100.0), added({"toasted": [40, 99.9]}, ["c"], 100.0)
    ((['a', 'b'], [2, 100.0]), (['c'], [1, 100.0]))
    """
    count, last_s = cursor.get("toasted") or (0, 0.0)
    shown = now_s - last_s < TOAST_MS / 1_000
    if not shown or count + len(fresh) > MOST_HELD:
        return fresh, [len(fresh), now_s]
    more = Patch()
    more.extend(fresh)
    return more, [count + len(fresh), now_s]


def unread(cursor: Mapping[str, Any], attention: Mapping[str, Any], path: str, fresh: int) -> int:
    """How many alerts a tab has not shown to anybody.

    cursor: what it knew: `unread`, and `read`, when the Alerts page was last seen. attention:
    whether the tab is `hidden`, and `read` as of now. path: of its page. fresh: new alerts.

    >>> unread({"unread": 2}, {}, "/", 1), unread({"unread": 2}, {}, "/alerts", 1)
    (3, 0)
    >>> unread({"unread": 2}, {"hidden": True}, "/alerts", 1)
    3
    >>> unread({"unread": 2, "read": 5}, {"hidden": True, "read": 6}, "/", 1)
    0
    """
    seen = path == "/alerts" and not attention.get("hidden")
    if seen or attention.get("read") != cursor.get("read"):
        return 0
    return int(cursor.get("unread", 0)) + fresh


def news(
    history: AlertHistory, cursor: Mapping[str, Any] | None, attention: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """The outputs `badge`, `toasts` and `fired`, and `held`, what the tab is to know after it.

    cursor: what it knew; None for a tab that has just opened, to which nothing is new.
    """
    known = cursor or {}
    newest = history.newest_event
    fresh = [] if cursor is None else history.since(known.get("seen"))
    count = unread(known, attention, path, len(fresh))
    shown = fresh[-MAX_TOASTS:]
    toasted, children = known.get("toasted"), no_update
    if shown:
        children, toasted = added(known, toasts(shown, history), time.time())
    return {
        "badge": no_update if count == known.get("unread") else str(count or ""),
        "toasts": children,
        "fired": [{"id": event.id, "text": event.text} for event in shown] or no_update,
        "held": {
            "seen": newest and newest.id,
            "unread": count,
            "read": attention.get("read"),
            "toasted": toasted,
        },
    }


def register(app: Dash) -> None:
    """What the browser does with it: the title, notifications, and whether anybody looks."""
    clientside(
        app,
        "attend",
        Output(ids.ATTENTION, "data"),
        Input(ids.URL, "pathname"),
    )
    clientside(
        app,
        "titleWith",
        Output(ids.ALERTS_BADGE, "title"),
        Input(ids.ALERTS_BADGE, "children"),
        Input(ids.URL, "pathname"),
        Input(ids.TITLE_WORDS, "data"),
        Input(ids.TITLE_ASKED, "data"),
    )
    clientside(
        app,
        "notify",
        Output(ids.FIRED, "modified_timestamp"),
        Input(ids.FIRED, "data"),
        initial_call=False,
    )
