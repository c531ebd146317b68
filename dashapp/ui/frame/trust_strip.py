"""The trust strip: a feed's state and figures, with the toasts and the list of markets.

Its callback runs on every page, at each tick of the interval.
"""

from __future__ import annotations

import math
from typing import Any

from dash import Dash, Input, Output, State, html, no_update

from analytics.model import FeedStatus, PairParams
from dashapp import ids
from dashapp.parameters.pair import from_dict
from dashapp.services.runtime import Runtime
from dashapp.text.trust import trust_figures
from dashapp.ui.clientside import clientside
from dashapp.ui.frame import feed_log, header, notifications, parameters, replay_bar
from dashapp.ui.polling import market_in_view
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


def mark(kind: str) -> Any:
    """SIMULATED or REPLAY, where the data is not the live market's."""
    words = {"demo": "SIMULATED", "replay": "REPLAY"}.get(kind)
    return html.Span(words, className="kind-mark") if words else ""


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
        "busy": runtime.loop_watch.words or runtime.analysis.words,
    }
    if pair is not None:
        trust["carried_share"] = runtime.analysis.carried_share(market_id, pair)
    return {
        "mark": mark(market.kind if market else ""),
        "dot": f"dot {status.state}",
        "status": _state(runtime, market, status),
        "figures": _figures(trust),
        "known": known_symbols(runtime, market_id),
        "replay": replay_bar.state_of(runtime, market_id),
    }


def _fingerprint(parts: dict[str, Any]) -> dict[str, str]:
    return {name: str(part) for name, part in parts.items()}


def _register_strip(app: Dash, runtime: Runtime) -> None:
    parts = {
        "mark": Output("simulated-mark", "children"),
        "dot": Output("feed-dot", "className"),
        "status": Output(ids.FEED_STATUS, "children"),
        "figures": Output("trust-figures", "children"),
        "known": Output(ids.KNOWN, "data"),
        "replay": Output(ids.REPLAY_STATE, "data"),
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
        market_id = market_in_view(runtime, market)
        shown = from_dict(view) if view else None
        pair = shown.pair if shown is not None and shown.market == market_id else None
        contents = _strip(runtime, market_id, pair)
        sent, before = _fingerprint(contents), (cursor or {}).get("sent", {})
        fired = notifications.news(runtime.alerts.history, cursor, attention or {}, pathname)
        return {
            "parts": {
                name: no_update if before.get(name) == sent[name] else contents[name]
                for name in parts
            },
            "cursor": {"sent": sent, **fired.pop("held")},
            **fired,
        }


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
    header.register(app, runtime)
    _register_looks(app)
    notifications.register(app)
    feed_log.register(app, runtime)
    replay_bar.register(app, runtime)
