"""What a callback's request may hold: checked here, in one place, before any callback runs.

A request names the callback, its outputs, inputs and states as the page has them, each with a
value. The controls of the table of parameters hold what their rows read, the properties of Dash's
components what Dash writes there, and the stores of the pages what the pages keep in them. What
does not fit is a request that no page sent: it is told so in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
from dash import Dash

from analytics.model import ParameterError
from dashapp import ids
from dashapp.parameters.check import LONGEST_TEXT, shown
from dashapp.parameters.pair import from_dict
from dashapp.parameters.parameter import Parameter
from dashapp.parameters.scan import SCAN
from dashapp.parameters.table import ALERT, BACKTEST, SWEEP, VIEW, WALK_FORWARD
from dashapp.ui.store_values import STORES, Cursor, Scalar

#: Characters of a text that a component's property holds, and entries of a list, at most.
_LONGEST, _MOST = 8_192, 20_000
_LARGEST = 1 << 53
#: Brackets within brackets that a request has at most: whoever reads it later has less room on the
#: stack than who checks it.
_DEEPEST = 100

_TABLE: dict[str, Parameter] = {
    f"{row.control}.value": row
    for rows in (
        *(VIEW, BACKTEST.values(), SWEEP.values(), WALK_FORWARD.values(), ALERT.values()),
        SCAN.values(),
    )
    for row in rows
}
#: The stores of forms: what each is, and the parameters that it has.
_FORMS = {
    f"{ids.STRATEGY}.data": ("a strategy", BACKTEST),
    f"{ids.SCAN_RULES}.data": ("rules", SCAN),
}
#: The choices that come from no link: nothing but a legal one was ever in their controls.
_CHOSEN = (SWEEP["x"], SWEEP["y"], ALERT["metric"], ALERT["operator"])
_TEXTS = ("pathname", "search", "search_value", "href", "hash")
_SWITCHES = ("is_open", "disabled")


class Given(msgspec.Struct):
    """An input, a state or an output of a request."""

    id: str
    part: str = msgspec.field(name="property")
    value: Any = None

    @property
    def name(self) -> str:
        return f"{self.id}.{self.part.partition('@')[0]}"  # a hash marks one of several writers


class Request(msgspec.Struct):
    """The body of a callback's request, as far as Dash relies on it."""

    output: str
    outputs: Given | list[Given]
    inputs: list[Given] = []
    state: list[Given] = []
    changedPropIds: list[str] = []


#: Reads a request's body. Raises as msgspec does for what is none.
read_request = msgspec.json.Decoder(Request).decode


def request_check(app: Dash) -> Callable[[bytes], str | None]:
    """What says of a body why it is no request of this app's pages; None for one that is."""

    def check(body: bytes) -> str | None:
        if _is_deep(body):
            return f"this is no callback request: it nests more than {_DEEPEST} levels"
        try:
            request = read_request(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"this is no callback request: {error}"
        callback = app.callback_map.get(request.output)
        if callback is None:
            return "there is no such callback"
        outputs = request.outputs if isinstance(request.outputs, list) else [request.outputs]
        several = request.output.startswith("..")
        named = [name.partition("@")[0] for name in _of(outputs)]
        if several != isinstance(request.outputs, list) or named != _outputs(request.output):
            return "this callback has other outputs"
        for given, wanted, word in (
            (request.inputs, callback["inputs"], "inputs"),
            (request.state, callback["state"], "states"),
        ):
            if len(given) != len(wanted):
                return f"this callback takes {len(wanted)} {word}, not {len(given)}"
            if _of(given) != [f"{one['id']}.{one['property']}" for one in wanted]:
                return f"this callback takes other {word}"
        unknown = set(request.changedPropIds) - set(_of(request.inputs))
        if unknown:
            return f"{shown(min(unknown))} is no input of this callback"
        return next(filter(None, map(_wrong, (*request.inputs, *request.state))), None)

    return check


def _is_deep(body: bytes) -> bool:
    """Whether brackets stand within each other too deep; those in texts count."""
    if sum(map(body.count, (b"[", b"{"))) <= _DEEPEST:
        return False
    data = np.frombuffer(body, np.uint8)
    opens, closes = ((data == one) | (data == other) for one, other in (b"[{", b"]}"))
    return bool(np.cumsum(opens.astype(np.int64) - closes).max() > _DEEPEST)


def _of(given: Iterable[Given]) -> list[str]:
    return [one.name for one in given]


def _outputs(output: str) -> list[str]:
    """The outputs that a callback's name lists; a hash marks one that several callbacks write."""
    names = output[2:-2].split("...") if output.startswith("..") else [output]
    return [name.partition("@")[0] for name in names]


def _wrong(given: Given) -> str | None:
    """What is wrong with a value, in a sentence; None for nothing."""
    legal = _legal(given)
    return None if legal is None else f"{given.name} is {_brief(given.value)}, expected {legal}"


def _brief(value: Any) -> str:
    return repr(shown(value))[:80]


def _legal(given: Given) -> str | None:
    """What is legal, where a value is not."""
    name, value = given.name, given.value
    if name == f"{ids.VIEW}.data":
        return _view(value)
    if name in _TABLE:
        return _control(_TABLE[name], value)
    if name in STORES:
        return _store(name, value)
    if given.id.startswith("cursor-"):
        return _converted(value, Cursor | None)
    if given.part in _TEXTS:
        return None if _is_text(value, _LONGEST) else "text"
    if given.part in _SWITCHES:
        return None if value is None or isinstance(value, bool) else "true or false"
    if given.part.startswith("n_") or given.part == "submit_n_clicks":
        return None if _is_count(value) else "a whole number of at least 0"
    return "nothing: no page sends it"


def _control(row: Parameter, value: Any) -> str | None:
    """The control of a parameter holds a text, or what its kind is read from."""
    if row.kind == "switch":
        return None if value is None or isinstance(value, bool) else row.legal
    if row in _CHOSEN:
        return None if isinstance(value, str) and value in dict(row.choices) else row.legal
    number = isinstance(value, int | float) and not isinstance(value, bool)
    plain = _is_text(value, LONGEST_TEXT) or (row.kind in ("whole", "number") and number)
    return None if plain else row.legal


def _view(value: Any) -> str | None:
    if value is None:
        return None
    wrong = _converted(value, dict[str, Scalar | list[str]])
    if wrong is None and value:
        if not isinstance(value.get("symbols") or [], list):
            return "a list of symbols"
        try:
            from_dict(value)
        except ParameterError as error:
            return f"a view, of which {error}"
        except TypeError:
            return "a view, whose parameters are texts, numbers and switches"
    return wrong


def _store(name: str, value: Any) -> str | None:
    wrong = _converted(value, STORES[name])
    if wrong is not None or name not in _FORMS or value is None:
        return wrong
    word, rows = _FORMS[name]
    missing = next((each for each in rows if each not in value["held"]), None)
    return None if missing is None else f"{word} with {missing}"


def _converted(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return f"something else: {error}"
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"at most {_LONGEST:,} characters"
    return "fewer entries" if isinstance(value, list | dict) and len(value) > _MOST else None


def _is_text(value: Any, longest: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= longest)


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value is None or (whole and 0 <= value <= _LARGEST)
