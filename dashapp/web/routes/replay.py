"""The replay over HTTP: start, pause, play, speed, seek, stop, and where it is."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from dashapp.services.replay.control import MARKET
from dashapp.web.routing import ApiError, Call, Route, small


class ReplayStart(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /api/replay/start."""

    market: str
    speed: float = 1.0
    start_ms: int | None = None


class ReplaySpeed(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /api/replay/speed."""

    speed: float


class ReplaySeek(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /api/replay/seek."""

    position_ms: int


async def where(call: Call) -> Response:
    """The replay, null before the first."""
    return _answer(call)


async def start(call: Call) -> Response:
    """Play a market into the market "replay"."""
    asked: ReplayStart = await call.json(ReplayStart)
    try:
        await call.runtime.replays.start(asked.market, asked.speed, asked.start_ms)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    return _answer(call)


async def play(call: Call) -> Response:
    """Go on after a pause."""
    call.runtime.replays.play()
    return _answer(call)


async def pause(call: Call) -> Response:
    """Stand still."""
    call.runtime.replays.pause()
    return _answer(call)


async def speed(call: Call) -> Response:
    """Go on at another speed."""
    asked: ReplaySpeed = await call.json(ReplaySpeed)
    call.runtime.replays.set_speed(asked.speed)
    return _answer(call)


async def seek(call: Call) -> Response:
    """Go to another time of the stretch."""
    asked: ReplaySeek = await call.json(ReplaySeek)
    await call.runtime.replays.seek(asked.position_ms)
    return _answer(call)


async def stop(call: Call) -> Response:
    """End the replay; what it brought stays."""
    await call.runtime.replays.stop()
    return _answer(call)


def _answer(call: Call) -> Response:
    state = call.runtime.replays.state
    return small({"market": MARKET, "replay": None if state is None else asdict(state)})


ROUTES = (
    Route(
        "GET",
        "/api/replay",
        where,
        "Where the replay is: the market it plays (of), state (playing, paused, ended, failed), "
        "speed, position_ms between first_ms and last_ms; null before the first.",
    ),
    Route(
        "POST",
        "/api/replay/start",
        start,
        "Play what a market holds, or the archive has of it, into the market replay, through the "
        "same path as live data, at "
        "1x to 1000x; what was replayed before is forgotten. start_ms: where to begin (epoch ms).",
        body='{"market": "demo", "speed": 60, "start_ms": null}',
    ),
    Route("POST", "/api/replay/pause", pause, "Stand still."),
    Route("POST", "/api/replay/play", play, "Go on after a pause."),
    Route(
        "POST",
        "/api/replay/speed",
        speed,
        "Go on at another speed, 1 to 1000.",
        body='{"speed": 60}',
    ),
    Route(
        "POST",
        "/api/replay/seek",
        seek,
        "Go to another time: forward by delivering at once what lies between, back by beginning "
        "the market anew from there.",
        body='{"position_ms": 1723161300000}',
    ),
    Route("POST", "/api/replay/stop", stop, "End the replay. What it brought stays."),
)
