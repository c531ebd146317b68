"""Checks of a parameter's value: a legal one passes, another is a ParameterError."""

from __future__ import annotations

import numpy as np

from analytics._errors import ParameterError


def take_scalars(parameters: object) -> None:
    """Turn NumPy scalars among a frozen dataclass's values into Python's, which are equal."""
    for name, value in vars(parameters).items():
        if isinstance(value, np.generic):
            object.__setattr__(parameters, name, value.item())


def check_choice(name: str, value: object, legal: tuple[str, ...]) -> None:
    """Raise ParameterError unless the value is one of the legal words."""
    if value not in legal:
        raise ParameterError(name, value, f"one of {', '.join(legal)}")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Raise ParameterError unless the value is an int from low to high."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ParameterError(name, value, f"a whole number from {low} to {high}")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ParameterError unless the value is a number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ParameterError(name, value, f"a number from {low:,.15g} to {high:,.15g}")
