"""The trust strip: a feed's state and figures, with the toasts and the list of markets.

Its callback runs on every page, at each tick of the interval.
"""

from __future__ import annotations

import math
from typing import Any

from dash import Dash, Input, Output, State, html, no_update, set_props

from analytics.model import FeedStatus, PairParams
from dashapp import ids
from dashapp.parameters.pair import from_dict
from dashapp.services.runtime import Runtime
from dashapp.text.trust import beside_words, trust_figures
from dashapp.ui.clientside import clientside
from dashapp.ui.frame import (
    feed_log,
    header,
    notifications,
    parameters,
    replay_bar,
    subscribe,
)
from storage.market.market import Market


def known_symbols(runtime: Runtime, market_id: str | None) -> dict[str, Any]:
    """What decides the options of the header and the legs: markets, and this market's symbols.

    asked: what the feed that runs asks of an exchange.
    """
    market = runtime.markets.get(market_id or "")
    return {
        "market": market_id,
        "markets": [[other.id, other.title] for other in runtime.markets.values()],
        "symbols": parameters.symbols_of(runtime, market_id),
        "timeframes": list(market.timeframes) if market else [],
        "asked": runtime.feeds.asked,
    }


def mark(market: Market | None) -> Any:
    """SIMULATED or REPLAY, where the data is not the live market's."""
    words = ""
    if market is not None:
        words = "SIMULATED" if market.simulated else {"replay": "REPLAY"}.get(market.kind, "")
    return html.Span(words, className="kind-mark") if words else ""


#: Kinds of markets that a feed fills.
_FED = ("live", "demo")


def _figures(trust: dict[str, Any]) -> list[Any]:
    return [
        html.Span(text, className=f"figure tone-{tone}" if tone else "figure")
        for text, tone in trust_figures(trust)
    ]


def _status(status: FeedStatus) -> str:
    """The feed's state in words: what it is, why, and when it is tried again."""
    wait, parts = status.retry_in_s, [status.state, status.detail]
    if wait is not None and status.state == "reconnecting":
        parts[0] += f" in {math.ceil(wait)} s"
    elif wait is not None:
        parts.append(f"tries again in {math.ceil(wait)} s")
    return " · ".join(filter(None, parts))


def _state(runtime: Runtime, market: Market | None, status: FeedStatus) -> str:
    """What the feed does; of a market that no feed fills, where it came from."""
    if market is not None and market.kind == "upload":
        return f"file · {market.counters.accepted:,} {market.origin}"
    if market is not None and market.kind == "replay":
        return replay_bar.words(runtime)
    return _status(status)


def _strip(runtime: Runtime, market_id: str, pair: PairParams | None = None) -> dict[str, Any]:
    """What the strip says of a market, part by part. pair: the one in view."""
    status, market = runtime.markets.status(market_id), runtime.markets.get(market_id)
    trust: dict[str, Any] = {
        **runtime.feeds.trust(market_id),
        "memory": runtime.memory.words,
        "busy": runtime.loop_watch.words or runtime.analysis.results.load.words,
    }
    if pair is not None:
        legs = (pair.y, pair.x)
        runtime.look(market_id, legs, pair.timeframe, pair.limit)
        trust["history"] = runtime.feeds.history_words(market_id, legs, pair.timeframe)
        trust["carried_share"] = runtime.analysis.carried_share(market_id, pair)
    return {
        "mark": mark(market),
        "dot": f"dot {status.state}",
        "status": _state(runtime, market, status),
        "figures": _figures(_told(runtime, market, trust)),
        "beside": _beside(runtime, market),
        "known": known_symbols(runtime, market_id),
        "replay": replay_bar.state_of(runtime, market_id),
        "interval": runtime.analysis.results.load.interval_ms,
    }


#: Figures of a feed, which a file and a replay that stands have not.
_OF_A_FEED = ("rate", "age_s", "lag_p50_ms", "lag_p99_ms", "skew_ms", "gaps", "gaps_open")


def _told(runtime: Runtime, market: Market | None, trust: dict[str, Any]) -> dict[str, Any]:
    """The figures of the market in view that say anything of it."""
    replay = runtime.replays.state
    playing = replay is not None and replay.state == "playing"
    if market is None or market.kind in _FED or (market.kind == "replay" and playing):
        return trust
    return {name: value for name, value in trust.items() if name not in _OF_A_FEED}


def _beside(runtime: Runtime, market: Market | None) -> str:
    """Which feed runs while a file or a replay is in view, and what Start and Stop do."""
    if market is not None and market.kind in _FED:
        return ""
    fed = runtime.markets[runtime.feeds.market_id]
    return beside_words(fed.title, runtime.markets.status(fed.id).state)


def _fingerprint(parts: dict[str, Any]) -> dict[str, str]:
    return {name: str(part) for name, part in parts.items()}


def _register_strip(app: Dash, runtime: Runtime) -> None:
    parts = {
        "mark": Output("simulated-mark", "children"),
        "dot": Output("feed-dot", "className"),
        "status": Output(ids.FEED_STATUS, "children"),
        "figures": Output("trust-figures", "children"),
        "beside": Output("feed-beside", "children"),
        "replay": Output(ids.REPLAY_STATE, "data"),
        "interval": Output(ids.INTERVAL, "interval"),
    }

    @app.callback(
        output={
            "parts": parts,
            "badge": Output(ids.ALERTS_BADGE, "children"),
            "toasts": Output(ids.TOASTS, "children"),
            "fired": Output(ids.FIRED, "data"),
            "cursor": Output(ids.FRAME_CURSOR, "data"),
        },
        inputs={
            "tick": Input(ids.INTERVAL, "n_intervals"),
            "market": Input(ids.MARKET, "value"),
            "pathname": Input(ids.URL, "pathname"),
            "attention": Input(ids.ATTENTION, "data"),
        },
        state={"cursor": State(ids.FRAME_CURSOR, "data"), "view": State(ids.VIEW, "data")},
    )
    async def strip(
        tick: int | None,
        market: str | None,
        pathname: str,
        attention: dict[str, Any] | None,
        cursor: dict[str, Any] | None,
        view: dict[str, Any] | None,
    ) -> dict[str, Any]:
        runtime.views.note_open()
        market_id = market or runtime.default_market
        shown = from_dict(view) if view else None
        pair = shown.pair if shown is not None and shown.market == market_id else None
        contents = _strip(runtime, market_id, pair)
        sent, before = _fingerprint(contents), (cursor or {}).get("sent", {})
        if before.get("known") != sent["known"]:
            # No output: the legs follow from what is known, and the market asked for from them. A
            # callback that Dash sees ahead of itself waits until nothing at all is on its way.
            set_props(ids.KNOWN_TOLD, {"data": contents["known"]})
        fired = notifications.news(runtime.alerts.history, cursor, attention or {}, pathname)
        return {
            "parts": {
                name: no_update if before.get(name) == sent[name] else contents[name]
                for name in parts
            },
            "cursor": {"sent": sent, **fired.pop("held")},
            **fired,
        }


def _register_known(app: Dash) -> None:
    """What is told with an answer that another has overtaken, Dash heeds all the same."""
    clientside(
        app,
        "knownHere",
        Output(ids.KNOWN, "data"),
        Input(ids.KNOWN_TOLD, "data"),
        State(ids.MARKET, "value"),
        initial_call=False,
    )


def _register_looks(app: Dash) -> None:
    clientside(
        app,
        "toggleTheme",
        Output(ids.THEME, "data"),
        Input(ids.THEME_TOGGLE, "n_clicks"),
        State(ids.THEME, "data"),
        initial_call=False,
    )
    clientside(
        app,
        "applyTheme",
        Output(ids.THEME_TOGGLE, "title"),
        Input(ids.THEME, "data"),
    )
    clientside(
        app,
        "toggleFreeze",
        Output(ids.FROZEN, "data"),
        Output("paused-mark", "children"),
        Input(ids.FREEZE_TOGGLE, "n_clicks"),
        State(ids.FROZEN, "data"),
        initial_call=False,
    )
    clientside(
        app,
        "toggleHelp",
        Output(ids.HELP, "is_open"),
        Input(ids.HELP_TOGGLE, "n_clicks"),
        State(ids.HELP, "is_open"),
        initial_call=False,
    )


def register(app: Dash, runtime: Runtime) -> None:
    """The callbacks that run on every page."""
    _register_strip(app, runtime)
    _register_known(app)
    header.register(app, runtime)
    subscribe.register(app)
    _register_looks(app)
    notifications.register(app)
    feed_log.register(app, runtime)
    replay_bar.register(app, runtime)
