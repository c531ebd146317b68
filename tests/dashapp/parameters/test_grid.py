"""The forms of a sweep and of a walk-forward, checked field by field."""

from __future__ import annotations

import pytest

from analytics.grid import AXES
from dashapp.parameters.grid import Axis, Walk, check_axes, check_walk, notices, usual_axis
from dashapp.parameters.table import SWEPT

FORM = {
    "x": "entry_z",
    "x_low": "1",
    "x_high": "3",
    "x_steps": "9",
    "y": "z_window",
    "y_low": "20",
    "y_high": "60",
    "y_steps": "3",
    "train_bars": "300",
    "test_bars": "100",
}


@pytest.mark.parametrize("name", AXES)
def test_every_parameter_has_a_usual_axis_with_values_of_its_own(name):
    values = usual_axis(name).values
    assert len(values) == len(set(values)) == SWEPT[name].span[2]
    assert list(values) == sorted(values)


def test_windows_are_whole_and_stand_once():
    assert Axis("z_window", 20, 22, 9).values == (20, 21, 22)


def test_a_form_becomes_two_axes():
    axes, errors = check_axes(FORM)
    assert errors == {}
    assert axes == (Axis("entry_z", 1.0, 3.0, 9), Axis("z_window", 20.0, 60.0, 3))


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"x": "luck"}, "x", "luck: expected one of " + ", ".join(AXES)),
        ({"y": "entry_z"}, "y", "the same as Across: expected two parameters"),
        ({"x_low": "a"}, "x_low", "a: expected a number"),
        ({"x_low": ""}, "x_low", "empty: expected a number"),
        ({"x_steps": "101"}, "x_steps", "101: expected a whole number from 2 to 100"),
        ({"x_steps": "2.5"}, "x_steps", "2.5: expected a whole number from 2 to 100"),
        ({"x_steps": "nan"}, "x_steps", "nan: expected a whole number from 2 to 100"),
        ({"y_high": "20"}, "y_high", "20: expected more than the start (20)"),
        ({"y_high": "inf"}, "y_high", "inf: expected a number from 2 to 5,000"),
        ({"y_low": "1"}, "y_low", "1: expected a number from 2 to 5,000"),
        ({"y_high": "60,5"}, "y_high", "60,5 has a decimal comma: write 60.5"),
        ({"x_high": "1e400"}, "x_high", "1e400: expected a number"),
    ],
)
def test_a_field_of_the_grid_that_is_wrong_is_told_at_its_place(changes, field, words):
    axes, errors = check_axes(FORM | changes)
    assert axes is None
    assert errors[field] == words


def test_a_field_of_the_grid_may_be_written_with_commas_and_an_exponent():
    held = FORM | {"x": "max_bars", "x_low": "1,000", "x_high": "2e4", "x_steps": "1e1"}
    axes, errors = check_axes(held)
    assert errors == {}
    assert axes[0] == Axis("max_bars", 1_000.0, 20_000.0, 10)


def test_every_field_of_the_grid_that_is_wrong_is_told_at_once():
    _, errors = check_axes(FORM | {"x_low": "a", "y_steps": "1", "y_high": "b"})
    assert set(errors) == {"x_low", "y_steps", "y_high"}


def test_the_stretches_of_a_walk_forward_are_whole_and_long_enough():
    assert check_walk(FORM, "net_return") == (Walk(300, 100, "net_return"), {})
    assert check_walk(FORM, "trades") == (Walk(300, 100, "sharpe"), {})
    walk, errors = check_walk(FORM | {"train_bars": "5", "test_bars": "ten"}, "sharpe")
    assert walk is None
    assert errors["train_bars"] == "5: expected a whole number from 30 to 1000000"
    assert errors["test_bars"] == "ten: expected a whole number from 10 to 1000000"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({}, "", ""),
        ({"y_low": "5", "y_high": "10"}, "x_high", "3: expected at most 2.84, the largest |z| of z "
         "window (10)"),
        ({"y": "exit_z", "y_low": "0", "y_high": "1"}, "x_high", "3: expected at most 2.66, the "
         "largest |z| of z window (9)"),
        ({"x": "stop_z", "y": "exit_z", "y_low": "0", "y_high": "1"}, "", ""),
        ({"x": "exit_z", "x_low": "0", "x_high": "1", "y_low": "5"}, "y_low", "5: expected at "
         "least 6, from which |z| reaches the entry (2)"),
        ({"x": "exit_z", "x_low": "0", "x_high": "1", "y_low": "6"}, "", ""),
    ],
)  # fmt: skip
def test_an_end_of_an_axis_at_which_no_cell_could_trade_is_told_at_its_place(changes, field, words):
    axes, errors = check_axes(FORM | changes, z_window=9, entry_z=2.0)
    assert errors == ({field: words} if field else {})
    assert (axes is None) == bool(field)


@pytest.mark.parametrize(
    ("other", "said"),
    [(("exit_z", 0.0, 1.0, 2), "9"), (("z_window", 4.0, 10.0, 2), "10")],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_stop_that_no_z_reaches_is_told_at_its_end_and_swept(other, said, place):
    axes = [Axis(*other)]
    axes.insert(place, Axis("stop_z", 2.0, 3.0, 3))
    told = notices(tuple(axes), 9)
    assert list(told) == [f"{'xy'[place]}_high"]
    assert told[f"{'xy'[place]}_high"].startswith("stops nothing: 3: expected at most 2.")
    assert told[f"{'xy'[place]}_high"].endswith(f"the largest |z| of z window ({said})")


def test_nothing_is_told_of_axes_on_which_each_stop_may_stop():
    assert notices((Axis("stop_z", 2.0, 3.0, 3), Axis("exit_z", 0.0, 1.0, 2)), 60) == {}
