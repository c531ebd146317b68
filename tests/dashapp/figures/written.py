"""Figures as they are sent, and the numbers in them."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from dashapp.figures.base import Area, Array


def text_of(figure: Any) -> str:
    """A figure, or a part of one, as the JSON that the browser gets. Raises ValueError for NaN."""
    return json.dumps(
        figure, default=lambda part: part.to_plotly_json(), ensure_ascii=False, allow_nan=False
    )


def as_sent(figure: Any) -> Any:
    """A figure, or a part of one, as the browser gets it."""
    return json.loads(text_of(figure))


def values_of(spec: Array | Area | dict[str, str]) -> np.ndarray:
    """The numbers of an array as it is sent."""
    sent = spec if isinstance(spec, dict) else spec.to_plotly_json()
    values = np.frombuffer(base64.b64decode(sent["bdata"]), sent["dtype"])
    if "shape" not in sent:
        return values
    return values.reshape([int(size) for size in sent["shape"].split(",")])
