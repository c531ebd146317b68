"""The replay: start, pause, play, speed, seek, stop, and where it is."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from pydantic import Field
from starlette.responses import Response

from dashapp.services.replay.control import MARKET
from dashapp.services.runtime import Runtime
from dashapp.web.answers import answer
from dashapp.web.deps import RuntimeDep
from dashapp.web.errors import ApiError
from dashapp.web.json_types import Body
from dashapp.web.models import Replay
from dashapp.web.router import Router

router = Router(prefix="/api/replay", tags=["replay"])


class ReplayStart(Body):
    market: str
    speed: float = Field(1.0, description="1 to 1000")
    start_ms: int | None = Field(None, description="where to begin, epoch ms")


class ReplaySpeed(Body):
    speed: float = Field(description="1 to 1000")


class ReplaySeek(Body):
    position_ms: int = Field(description="epoch ms")


@router.get("", response_model=Replay)
async def position(runtime: RuntimeDep) -> Response:
    """Where the replay is; null before the first."""
    return _replay(runtime)


@router.post("/start", response_model=Replay)
async def start(runtime: RuntimeDep, asked: ReplayStart) -> Response:
    """Play what a market holds, or the archive has of it, into the market replay, as if it
    were live; what was replayed before is forgotten.
    """
    try:
        await runtime.replays.start(asked.market, asked.speed, asked.start_ms)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    return _replay(runtime)


@router.post("/pause", response_model=Replay)
async def pause(runtime: RuntimeDep) -> Response:
    """Stand still."""
    runtime.replays.pause()
    return _replay(runtime)


@router.post("/play", response_model=Replay)
async def play(runtime: RuntimeDep) -> Response:
    """Go on after a pause."""
    runtime.replays.play()
    return _replay(runtime)


@router.post("/speed", response_model=Replay)
async def speed(runtime: RuntimeDep, asked: ReplaySpeed) -> Response:
    """Go on at another speed."""
    runtime.replays.set_speed(asked.speed)
    return _replay(runtime)


@router.post("/seek", response_model=Replay)
async def seek(runtime: RuntimeDep, asked: ReplaySeek) -> Response:
    """Go to another time: forward by delivering at once what lies between, back by beginning
    the market anew from there.
    """
    await runtime.replays.seek(asked.position_ms)
    return _replay(runtime)


@router.post("/stop", response_model=Replay)
async def stop(runtime: RuntimeDep) -> Response:
    """End the replay. What it brought stays."""
    await runtime.replays.stop()
    return _replay(runtime)


def _replay(runtime: Runtime) -> Response:
    state = runtime.replays.state
    return answer({"market": MARKET, "replay": None if state is None else asdict(state)})
