"""Reading a parameter's value from what a control, a link or HTTP holds.

What is wrong is a ParameterError: field, value, legal. `message` words it for the place under
its field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from analytics.model import (
    MissingError,
    OrderError,
    ParameterError,
    SameValueError,
    WithheldError,
)
from dashapp.parameters.numbers import LONGEST, parse_number, text_of_number, with_decimal_point
from dashapp.parameters.table import Parameter
from ingestion.decode.symbols import proper_symbol

#: Characters of a text that a control, a link or HTTP holds, at most: those of a URL.
LONGEST_TEXT = 4_096

_Made = TypeVar("_Made")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class DecimalCommaError(ParameterError):
    """A number is written with a decimal comma. legal: as it should be written.

    >>> str(DecimalCommaError("entry_z", "0,5", "0.5"))
    "entry_z is '0,5', which has a decimal comma: write 0.5"
    """

    @property
    def sentence(self) -> str:
        return f"{self.field} is {self.value!r}, which has a decimal comma: write {self.legal}"


def read(parameter: Parameter, raw: Any) -> Any:
    """A parameter's value from a text or a value; one that was read is read as itself.

    Whole numbers are int, numbers float, switches bool, the rest str; None where that is legal.
    Raises ParameterError.

    >>> from dashapp.parameters.table import BACKTEST, PAIR
    >>> read(PAIR["min_volume"], "20,000"), read(PAIR["z_window"], "90"), read(PAIR["y"], "btcusdt")
    (20000.0, 90, 'BTCUSDT')
    >>> read(BACKTEST["stop_z"], "none"), read(PAIR["lag_method"], "fixed")
    (None, None)
    """
    text = raw.strip() if isinstance(raw, str) else raw
    if parameter.optional and _is_none(parameter, text):
        return None
    if parameter.kind in ("whole", "number"):
        return _number(parameter, text)
    if parameter.kind == "switch":
        return _switch(parameter, text)
    legal = isinstance(text, str) and 0 < len(text) <= LONGEST_TEXT
    if parameter.kind == "choice":
        legal = legal and _is_choice(parameter, text)
    if not legal:
        raise ParameterError(parameter.name, shown(raw), parameter.legal)
    return proper_symbol(text) or text.upper() if parameter.kind == "symbol" else text


def _is_choice(parameter: Parameter, text: str) -> bool:
    also = parameter.also is not None and parameter.also(text)
    return also or text in dict(parameter.choices)


def _is_none(parameter: Parameter, text: Any) -> bool:
    return text is None or text == "" or (isinstance(text, str) and text.lower() in parameter.none)


def _number(parameter: Parameter, raw: Any) -> float | int:
    number = parse_number(raw)
    if number is None:
        point = with_decimal_point(raw)
        if point is not None:
            raise DecimalCommaError(parameter.name, raw, point)
        raise ParameterError(parameter.name, shown(raw), parameter.legal)
    low, high = parameter.limits or (number, number)
    whole = parameter.kind == "whole"
    if not low <= number <= high or (whole and not number.is_integer()):
        raise ParameterError(parameter.name, shown(raw), parameter.legal)
    return int(number) if whole else number


def _switch(parameter: Parameter, raw: Any) -> bool:
    word = str(raw).lower()
    if word not in (*_TRUE, *_FALSE):
        raise ParameterError(parameter.name, shown(raw), parameter.legal)
    return word in _TRUE


def shown(raw: Any) -> Any:
    """What was given, as an error quotes it: a long text is cut."""
    if isinstance(raw, str) and len(raw) > LONGEST:
        return f"{raw[:LONGEST]}..."
    return raw


def read_or_default(parameter: Parameter, values: Mapping[str, Any]) -> Any:
    """A parameter's value among others by name, its default where it is absent.

    Raises ParameterError; MissingError where there is no default.
    """
    if parameter.name in values:
        return read(parameter, values[parameter.name])
    if parameter.default is None and not parameter.optional:
        raise MissingError(parameter.name, None, parameter.legal)
    return parameter.default


def read_all(
    parameters: Iterable[Parameter], raw: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, ParameterError]]:
    """Every value that is legal, and the errors of the others, both by name."""
    values: dict[str, Any] = {}
    errors: dict[str, ParameterError] = {}
    for parameter in parameters:
        try:
            values[parameter.name] = read_or_default(parameter, raw)
        except ParameterError as error:
            errors[parameter.name] = error.with_traceback(None)  # whose frame would hold these
    return values, errors


def message(error: ParameterError, parameters: Mapping[str, Parameter]) -> str:
    """What stands under the field. parameters: by name, for the words of another field.

    >>> message(ParameterError("z_window", "1", "a whole number from 2 to 5000"), {})
    '1: expected a whole number from 2 to 5000'
    >>> message(DecimalCommaError("entry_z", "0,5", "0.5"), {})
    '0,5 has a decimal comma: write 0.5'
    """
    value = _given(error.value)
    if isinstance(error, DecimalCommaError):
        return f"{value} has a decimal comma: write {error.legal}"
    if isinstance(error, SameValueError):
        return f"the same as {_noun(error.other, parameters)}: expected {error.legal}"
    if isinstance(error, OrderError):
        other = f"{_noun(error.other, parameters)} ({_given(error.other_value)})"
        return f"{value}: expected {error.rule.format(other)}"
    if isinstance(error, WithheldError):
        return f"expected {error.legal}"
    return f"{value}: expected {error.legal}"


def messages(
    errors: Mapping[str, ParameterError], parameters: Mapping[str, Parameter]
) -> dict[str, str]:
    """The message under each field that is wrong, by name."""
    return {name: message(error, parameters) for name, error in errors.items()}


def sentence(error: ValueError, parameters: Mapping[str, Parameter]) -> str:
    """What stands where no field is near: the message after its field's label."""
    if not isinstance(error, ParameterError) or error.field not in parameters:
        return str(error)
    return f"{parameters[error.field].label}: {message(error, parameters)}"


def usual_where_wrong(
    raw: Mapping[str, Any],
    usual: Mapping[str, Any],
    judge: Callable[[Mapping[str, Any]], tuple[_Made | None, dict[str, str]]],
) -> tuple[_Made | None, dict[str, dict[str, str]]]:
    """What is made of all that goes together of some values, the usual ones in place of the rest.

    judge: what is made of values, or None and what is wrong with them, by name. Returns what is
    made, and of each name of `usual` whose value gave way what was wrong, by name; None and nothing
    where the usual values are refused too. A pass over them may free what an earlier one refused.
    """
    values, refused = {**raw, **usual}, {name: dict[str, str]() for name in usual}
    made, _ = judge(values)
    tried = None
    while made is not None and tried != list(refused):
        tried = list(refused)
        for name in tried:
            one_more = values | {name: raw.get(name)}
            with_it, refused[name] = judge(one_more)
            if with_it is not None:
                made, values[name] = with_it, raw.get(name)
                del refused[name]
    return made, {} if made is None else refused


def replaced_words(
    replaced: Mapping[str, Mapping[str, str]], parameters: Mapping[str, Parameter]
) -> str:
    """What gave way to the usual values, and why; "" where nothing did.

    replaced: names of parameters, and of each what is wrong with it, by name. parameters: by name.

    >>> z_window = Parameter("z_window", "z window", "whole", "input-z-window", 60)
    >>> wrong = {"z_window": {"z_window": "5: expected at least 6"}}
    >>> replaced_words(wrong, {"z_window": z_window})
    'z window: 5: expected at least 6. Shown with the usual z window (60).'
    """
    rows = [parameters[name] for name in replaced]
    if not rows:
        return ""
    reasons: dict[str, str] = {}
    for name, wrong in replaced.items():
        reasons |= {name: wrong[name]} if name in wrong else wrong
    why = "; ".join(f"{parameters[name].label}: {words}" for name, words in reasons.items())
    usual = [f"{row.label} ({_usual(row)})" for row in rows]
    listed = " and ".join(", ".join(part) for part in (usual[:-1], usual[-1:]) if part)
    return f"{why}. Shown with the usual {listed}."


def _usual(parameter: Parameter) -> str:
    text = parameter.text(parameter.default)
    return dict(parameter.choices).get(text, text)


def _noun(name: str, parameters: Mapping[str, Parameter]) -> str:
    parameter = parameters.get(name)
    return name if parameter is None else parameter.noun or parameter.label


def _given(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    return text_of_number(value) if isinstance(value, int | float) else str(value)
