"""The forms of a sweep and of a walk-forward: two axes, and how the bars are parted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.model import OrderError, ParameterError, SameValueError
from analytics.spread import check_reachable, largest_z, least_window
from dashapp.parameters.check import messages, read, read_all
from dashapp.parameters.table import BACKTEST, PAIR, SWEEP, SWEPT, WALK_FORWARD

PARTS = ("low", "high", "steps")


@dataclass(frozen=True)
class Axis:
    """A parameter and the values it takes: `steps` of them, evenly from low to high."""

    name: str
    low: float
    high: float
    steps: int

    @property
    def values(self) -> tuple[float, ...]:
        """Each value once; whole numbers where the parameter is one."""
        steps = np.linspace(self.low, self.high, self.steps)
        if SWEPT[self.name].kind == "whole":
            return tuple(int(value) for value in np.unique(np.rint(steps)))
        return tuple(float(f"{value:.6g}") for value in steps)


@dataclass(frozen=True)
class Walk:
    """How a walk-forward parts the bars, and the figure by which it chooses."""

    train_bars: int
    test_bars: int
    metric: str


def usual_axis(name: str) -> Axis:
    """The axis of a parameter before anybody changed it."""
    span = SWEPT[name].span
    assert span is not None, "what can lie on an axis has a span"
    return Axis(name, *span)


def check_axes(
    raw: Mapping[str, Any], z_window: int | None = None, entry_z: float | None = None
) -> tuple[tuple[Axis, Axis] | None, dict[str, str]]:
    """Two axes from what the controls hold, or which of those are wrong, and how.

    raw: "x" and "y", the parameters, and "x_low", "x_high", "x_steps" and so on. z_window,
    entry_z: those in use, for the axes that are of neither; None where there is no pair.

    >>> held = {"x": "entry_z", "x_low": 1, "x_high": 3, "x_steps": 3, "y": "exit_z"}
    >>> check_axes(held | {"y_low": "a", "y_high": "3", "y_steps": 500})[1]
    {'y_low': 'a: expected a number', 'y_steps': '500: expected a whole number from 2 to 100'}
    """
    x, errors = _axis("x", raw)
    y, wrong = _axis("y", raw)
    errors |= wrong
    if x and y and x.name == y.name:
        errors["y"] = SameValueError("y", y.name, "two parameters", "x")
    if errors or x is None or y is None:
        return None, messages(errors, SWEEP)
    ends = {axis.name: axis.high for axis in (x, y)}
    window, entry = ends.get("z_window", z_window), None if "entry_z" in ends else entry_z
    wrong = {}
    for place, axis in (("x", x), ("y", y)):
        wrong |= {} if window is None else _unreachable(place, axis, int(window), entry)
    return (None, messages(wrong, SWEEP | PAIR | BACKTEST)) if wrong else ((x, y), {})


def notices(axes: tuple[Axis, Axis], z_window: int) -> dict[str, str]:
    """What is to be said of legal axes, by the field: a stop that no |z| reaches stops nothing.

    z_window: that of the pair, for axes that are not of it.

    >>> notices((Axis("stop_z", 2, 5, 4), Axis("exit_z", 0, 1, 2)), 12)["x_high"]
    'stops nothing: 5: expected at most 3.17, the largest |z| of z window (12)'
    """
    window = {axis.name: axis.high for axis in axes}.get("z_window", z_window)
    told: dict[str, ParameterError] = {}
    for place, axis in zip("xy", axes, strict=True):
        if axis.name == "stop_z":
            told |= _above(f"{place}_high", axis.high, int(window))
    return {name: f"stops nothing: {words}" for name, words in messages(told, SWEEP | PAIR).items()}


def _unreachable(
    place: str, axis: Axis, window: int, entry: float | None
) -> dict[str, ParameterError]:
    """The end of an axis, "x" or "y", of which no cell could trade, with what is wrong.

    window: the longest z window of the grid. entry: that of every cell, None where it is on an
    axis.
    """
    if axis.name == "entry_z":
        return _above(f"{place}_high", axis.high, window)
    if axis.name == "z_window" and entry is not None and entry > largest_z(int(axis.low)):
        rule = f"at least {least_window(entry)}, from which |z| reaches {{}}"
        name = f"{place}_low"
        return {name: OrderError(name, axis.low, rule, "entry_z", entry)}
    return {}


def _above(name: str, level: float, window: int) -> dict[str, ParameterError]:
    """What is wrong with a field whose level no |z| over a window reaches; none where one may."""
    try:
        check_reachable(name, level, window)
    except ParameterError as error:
        return {name: error}
    return {}


def _axis(axis: str, raw: Mapping[str, Any]) -> tuple[Axis | None, dict[str, ParameterError]]:
    """The axis "x" or "y", or the errors of its fields by name."""
    try:
        swept = SWEPT[read(SWEEP[axis], raw.get(axis))]
    except ParameterError as error:
        return None, {axis: error}
    low, high, steps = (SWEEP[f"{axis}_{part}"] for part in PARTS)
    ends = (replace(low, limits=swept.limits), replace(high, limits=swept.limits))
    values, errors = read_all((*ends, steps), raw)
    if not errors and not values[low.name] < values[high.name]:
        first, last = values[low.name], raw.get(high.name)
        errors[high.name] = OrderError(high.name, last, "more than {}", low.name, first)
    return (None, errors) if errors else (Axis(swept.name, *values.values()), {})


def check_walk(raw: Mapping[str, Any], metric: str) -> tuple[Walk | None, dict[str, str]]:
    """The stretches of a walk-forward from what the controls hold, or what is wrong with them.

    metric: the one that the sweep shows; another is used where it is none to choose by.

    >>> check_walk({"train_bars": "1,000", "test_bars": "5"}, "sharpe")[1]
    {'test_bars': '5: expected a whole number from 10 to 1000000'}
    """
    chosen = WALK_FORWARD["metric"]
    known = metric in dict(chosen.choices)
    values, errors = read_all(
        WALK_FORWARD.values(), {**raw, "metric": metric if known else chosen.default}
    )
    return (None, messages(errors, WALK_FORWARD)) if errors else (Walk(**values), {})
