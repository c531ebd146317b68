"""What a caller passes, turned into the arrays that the statistics work on.

Every public function takes NumPy arrays, lists or pandas objects by position (an index
is ignored) and comes here first, so that all of them accept the same things and refuse
the rest in the same words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from analytics.model import FloatArray


def _floats(name: str, values: Any) -> FloatArray:
    if type(values) is np.ndarray and values.dtype == np.float64:
        return np.asarray(values, order="C")
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if kind not in "biufO":
        raise ValueError(f"{name} holds {values.dtype}, expected numbers")
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        if hasattr(values, "isna"):
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds values that are no numbers: {error}") from error


def _read_only(array: FloatArray) -> FloatArray:
    """A read-only view: callers' arrays stay theirs, and kernels see one type only."""
    view = array.view()
    view.flags.writeable = False
    return view


def series(name: str, values: Any) -> FloatArray:
    """Return `values` as read-only, contiguous float64 of shape (n,); missing is NaN.

    A copy is made only where type or layout ask for one. Raises ValueError naming
    `name` where the values are no numbers or not one-dimensional.

    >>> series("x", [1, None, 3])
    array([ 1., nan,  3.])
    """
    array = _floats(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, expected 1")
    return _read_only(array)


def two_series(
    name_a: str, values_a: Any, name_b: str, values_b: Any
) -> tuple[FloatArray, FloatArray]:
    """Return both as `series` does; raises ValueError where they are not equally long."""
    a, b = series(name_a, values_a), series(name_b, values_b)
    if len(a) != len(b):
        raise ValueError(f"{name_a} has {len(a)} values and {name_b} {len(b)}, expected as many")
    return a, b


def table(name: str, values: Any) -> FloatArray:
    """Return `values` as read-only, contiguous float64 of shape (n, k); missing is NaN.

    One dimension becomes one column. Raises ValueError for more than two dimensions.

    >>> table("x", [1, 2, 3]).shape
    (3, 1)
    """
    array = _floats(name, values)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise ValueError(f"{name} has {array.ndim} dimensions, expected 1 or 2")
    return _read_only(array)


def whole(name: str, value: Any, low: int) -> int:
    """Return `value` as an int of at least `low`.

    >>> whole("window", 1, 2)
    Traceback (most recent call last):
    ...
    ValueError: window is 1, expected at least 2
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} is {value!r}, expected a whole number")
    if value < low:
        raise ValueError(f"{name} is {value}, expected at least {low}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return a real number, which may be NaN, as a float.

    >>> number("delta", "a")
    Traceback (most recent call last):
    ...
    ValueError: delta is 'a', expected a number
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise ValueError(f"{name} is {value!r}, expected a number")
    return float(np.real(value))


def numbers(name: str, value: Any) -> FloatArray:
    """Return a number or a series or table of them as float64 of whatever shape.

    >>> numbers("beta", 2).shape, numbers("beta", [1, 2]).shape
    ((), (2,))
    """
    try:
        return np.asarray(value if value is not None else "None", dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, expected numbers") from None
