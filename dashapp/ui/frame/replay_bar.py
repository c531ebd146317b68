"""The bar of a replay, under the trust strip while the market "replay" is chosen.

Play and pause, speed, a slider over the stretch, the time, end. The slider is the browser's
own and is made in replay.js: a position that comes from the server must not pull the handle
out of the hand that drags it.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.services.replay.control import MARKET
from dashapp.services.runtime import Runtime
from dashapp.ui import components
from dashapp.ui.clientside import clientside

SPEEDS = (1, 2, 5, 10, 30, 60, 120, 300, 1_000)
START_SPEED = 60


def _speed(select_id: str, label: str, chosen: int) -> list[Component]:
    words = [(str(speed), f"{speed:,}x") for speed in SPEEDS]
    return [
        html.Label(label, htmlFor=select_id, className="visually-hidden"),
        components.select(select_id, words, str(chosen)),
    ]


def bar() -> list[Component]:
    """The bar, hidden until a replay is looked at, and the stores behind it."""
    toggle = html.Button("❚❚", id=ids.REPLAY_TOGGLE, className="icon-button")
    end = components.button(
        ids.REPLAY_END, "Stop replay", title="Stop the replay; what it brought stays"
    )
    row = html.Section(
        [
            toggle,
            html.Div(_speed(ids.REPLAY_SPEED, "Speed", START_SPEED), className="replay-speed"),
            html.Div(id="replay-seek", className="replay-seek"),
            html.Span(id="replay-day", className="replay-day figures"),
            html.Span(id="replay-time", className="replay-time figures"),
            end,
        ],
        id="replay-bar",
        className="replay-bar",
        hidden=True,
        **components.attributes(aria_label="Replay"),
    )
    return [row, dcc.Store(id=ids.REPLAY_STATE), dcc.Store(id=ids.REPLAY_SEEK)]


def launcher() -> Component:
    """What starts a replay of the market in view, for the Data page."""
    return html.Div(
        [
            *_speed(ids.REPLAY_START_SPEED, "Speed of the replay", START_SPEED),
            components.button(ids.REPLAY_START, "Replay this market"),
        ],
        className="replay-launcher",
    )


def state_of(runtime: Runtime, market_id: str) -> dict[str, Any] | None:
    """What the bar shows, None where the market is no replay."""
    state = runtime.replays.state if market_id == MARKET else None
    if state is None:
        return None
    return {
        "state": state.state,
        "speed": state.speed,
        "position": state.position_ms,
        "first": state.first_ms,
        "last": state.last_ms,
    }


def words(runtime: Runtime) -> str:
    """The replay in words, in the place of a feed's state."""
    state = runtime.replays.state
    if state is None:
        return "no replay"
    if state.state == "playing":
        return f"playing at {state.speed:g}x · {state.title}"
    return f"{state.state} · {state.problem or state.title}"


#: The controls of the bar, in the order in which what they ask for is done.
_CONTROLS = (ids.REPLAY_SPEED, ids.REPLAY_SEEK, ids.REPLAY_TOGGLE, ids.REPLAY_END)


async def commands(runtime: Runtime, triggers: Collection[str], speed: Any, seek: Any) -> None:
    """Do what one call tells of: on a busy page one may tell of several controls. Raises
    ValueError in words.
    """
    for control in _CONTROLS:
        if control in triggers:
            await command(runtime, control, speed, seek)


async def command(runtime: Runtime, trigger: str, speed: Any, seek: Any) -> None:
    """Do what a control of the bar asks for. Raises ValueError in words."""
    replays = runtime.replays
    state = replays.state
    if state is None:
        return
    if trigger == ids.REPLAY_TOGGLE and state.state in ("ended", "failed"):
        await replays.seek(state.first_ms)
    elif trigger == ids.REPLAY_TOGGLE:
        replays.pause() if state.state == "playing" else replays.play()
    elif trigger == ids.REPLAY_SPEED and float(speed) != state.speed:
        replays.set_speed(float(speed))
    elif trigger == ids.REPLAY_SEEK:
        await replays.seek(int(seek["position"]))
    elif trigger == ids.REPLAY_END:
        await replays.stop()


def register(app: Dash, runtime: Runtime) -> None:
    """The bar's controls, its picture, and the launcher."""
    _register_controls(app, runtime)
    _register_launcher(app, runtime)
    clientside(
        app,
        "showReplay",
        Output(ids.REPLAY_STATE, "modified_timestamp"),
        Input(ids.REPLAY_STATE, "data"),
    )


def _register_controls(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "state": Output(ids.REPLAY_STATE, "data", allow_duplicate=True),
            "message": Output(ids.FRAME_MESSAGE, "children", allow_duplicate=True),
        },
        inputs={
            "toggle": Input(ids.REPLAY_TOGGLE, "n_clicks"),
            "speed": Input(ids.REPLAY_SPEED, "value"),
            "seek": Input(ids.REPLAY_SEEK, "data"),
            "end": Input(ids.REPLAY_END, "n_clicks"),
        },
        prevent_initial_call=True,
    )
    async def control(
        toggle: int | None,
        speed: Any,
        seek: dict[str, Any] | None,
        end: int | None,
    ) -> dict[str, Any]:
        try:
            triggers = {name.rpartition(".")[0] for name in ctx.triggered_prop_ids}
            await commands(runtime, triggers, speed, seek)
        except ValueError as error:
            return {"state": no_update, "message": str(error)}
        return {"state": state_of(runtime, MARKET) or no_update, "message": ""}


def _register_launcher(app: Dash, runtime: Runtime) -> None:
    @app.callback(
        output={
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "message": Output(ids.FRAME_MESSAGE, "children", allow_duplicate=True),
        },
        inputs={"clicks": Input(ids.REPLAY_START, "n_clicks")},
        state={
            "speed": State(ids.REPLAY_START_SPEED, "value"),
            "market": State(ids.MARKET, "value"),
        },
        prevent_initial_call=True,
    )
    async def launch(clicks: int | None, speed: Any, market: str) -> dict[str, Any]:
        if not clicks:
            raise PreventUpdate
        try:
            await runtime.replays.start(market, float(speed))
        except (KeyError, ValueError) as error:
            return {"focus": no_update, "message": str(error.args[0])}
        return {"focus": {"market": MARKET, "at": time.time()}, "message": ""}
