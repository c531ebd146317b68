"""Live callbacks answered from a request's bytes to an answer's, without Dash between them.

Every open page asks twice a second, and Dash's own way through such a request (its middleware, its
JSON twice over, checks of what a callback returned) takes longer than finding out what to say.
What is said is the same: viewers who make the same step get the very same bytes. Dash has these
callbacks as all others, and answers them where this module does not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from dash import Dash, NoUpdate, Output
from dash.exceptions import PreventUpdate

from dashapp.ui.callback_values import read_request
from dashapp.ui.pictures import Step

logger = logging.getLogger(__name__)

#: What a live callback is asked with: the values of its inputs and states, by id and property.
Given = Mapping[str, Any]
NextStep = Callable[[Given], Awaitable[Step]]
#: Answers a request's body; None for one that is not of a live callback.
Answers = Callable[[bytes], Awaitable["Answer | None"]]

#: Bytes up to which an answer is kept for others: a whole page is seldom told twice.
MOST_KEPT = 256 * 1024
#: Nothing that changes: what Dash sends of a callback that failed.
_NOTHING = b'{"multi":true,"response":{}}'


class Answer(msgspec.Struct):
    """An answer's body; empty where there is nothing new, which is 204."""

    body: bytes


class LiveCallback:
    """A page's live callback. outputs: by the name of what a step tells, "cursor" among them.

    next_step: what to tell; raises PreventUpdate for nothing.
    """

    def __init__(self, outputs: Mapping[str, Output], next_step: NextStep) -> None:
        self._places = {
            name: (str(output.component_id), output.component_property.partition("@")[0])
            for name, output in outputs.items()
        }
        self._next_step = next_step

    async def answer(self, given: Given) -> Answer:
        """What Dash would send."""
        try:
            step = await self._next_step(given)
            body = step.body or self._written(step)
        except PreventUpdate:
            return Answer(b"")
        except Exception:
            logger.exception("a callback failed")
            return Answer(_NOTHING)
        if len(body) <= MOST_KEPT:
            step.body = body
        return Answer(body)

    def _written(self, step: Step) -> bytes:
        response: dict[str, dict[str, Any]] = {}
        told = {**step.charts, **step.values, "cursor": step.cursor}
        for name, value in told.items():
            if not isinstance(value, NoUpdate):
                component, part = self._places[name]
                response.setdefault(component, {})[part] = value
        return _encode({"multi": True, "response": response})


_LIVE: WeakKeyDictionary[Dash, dict[str, LiveCallback]] = WeakKeyDictionary()


def add_live(app: Dash, output: str, callback: LiveCallback) -> None:
    """Let a live callback of an app be answered here. output: as Dash names it."""
    _LIVE.setdefault(app, {})[output] = callback


def live_answers(app: Dash) -> Answers:
    """What answers the live callbacks of an app. A body is one that `request_check` let through."""

    async def answer(body: bytes) -> Answer | None:
        request = read_request(body)
        callback = _LIVE.get(app, {}).get(request.output)
        if callback is None:
            return None
        values = (*request.inputs, *request.state)
        return await callback.answer({one.name: one.value for one in values})

    return answer


def _plain(value: Any) -> Any:
    """What JSON has not, as Dash writes it: patches, components, numbers of NumPy."""
    if hasattr(value, "to_plotly_json"):
        return value.to_plotly_json()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that an answer holds")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
