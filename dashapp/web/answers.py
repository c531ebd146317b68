"""JSON answers: how results become bytes, on the loop or in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
from starlette.responses import Response


def encode(value: Any) -> bytes:
    """JSON: NaN, infinities and what is not real as null, arrays as lists, dataclasses as
    objects.

    >>> encode({"z": np.array([np.nan, 1.5]), "n": np.int64(2), "eig": np.array([1 + 0j, 1j])})
    b'{"z":[null,1.5],"n":2,"eig":[1.0,null]}'
    """
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """A value that JSON has a form for, of one that msgspec does not know."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.floating):  # longdouble's item() would be a longdouble again
        return float(value)
    if isinstance(value, complex | np.complexfloating):
        return float(value.real) if value.imag == 0 else None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def answer(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A JSON answer that costs less to encode than to hand to a thread."""
    return Response(encode(value), int(status), media_type="application/json")


async def answer_in_thread(build: Callable[[], Any]) -> Response:
    """A JSON answer of many rows, built and encoded in a worker thread."""
    body = await asyncio.to_thread(lambda: encode(build()))
    return Response(body, media_type="application/json")
