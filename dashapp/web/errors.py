"""Refusals: each is {"error": one sentence}, with what else is worth knowing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from analytics.model import ParameterError
from dashapp.web.answers import answer

_SHOWN = 40
#: What is legal, by pydantic's name of the error.
_LEGAL = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


class ApiError(Exception):
    """An answer other than 200. more: fields beside "error"."""

    def __init__(self, status: HTTPStatus, text: str, **more: Any) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.more = more


def refusal(status: HTTPStatus, text: str, **more: Any) -> Response:
    """{"error": text}, with `more` beside it."""
    return answer({"error": text, **more}, status)


def handle_errors(server: FastAPI) -> None:
    """Let the server word its refusals, and the framework's own, in this form."""
    server.add_exception_handler(ApiError, _api_error)
    server.add_exception_handler(HTTPException, _http_exception)
    server.add_exception_handler(RequestValidationError, _invalid_request)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return refusal(error.status, error.text, **error.more)


async def _http_exception(request: Request, error: Exception) -> Response:
    """No such path or method, or a body that cannot be read."""
    assert isinstance(error, HTTPException)
    response = refusal(HTTPStatus(error.status_code), str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    for one in errors:
        if cause := one.get("ctx", {}).get("error"):
            cause.__traceback__ = None  # the frames there hold these errors, and the request
    return refusal(HTTPStatus.BAD_REQUEST, sentence(errors[0]))


def sentence(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in words: the field, its value, what is legal.

    >>> sentence({"type": "int_type", "loc": ("body", "position_ms"), "input": "x"})
    "the body is wrong: position_ms is 'x', expected a whole number"
    """
    place, *path = error["loc"]
    name = ".".join(map(str, path)) or "it"
    return (
        f"the body is wrong: {_problem(name, error)}" if place == "body" else _problem(name, error)
    )


def _problem(name: str, error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "extra_forbidden":
        return f"there is no field {name!r}"
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ParameterError):
        return str(cause)
    legal = cause or _LEGAL.get(error["type"]) or error["msg"]
    return f"{name} is {shown(error['input'])}, expected {legal}"


def shown(value: object) -> str:
    """A value that was sent, as an error shows it: the beginning of a long one.

    >>> shown("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"
    """
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
