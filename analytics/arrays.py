"""What a caller passes, turned into the arrays that the statistics work on.

Every public function takes NumPy arrays, lists or pandas objects and comes here first, so
that all of them accept the same things and refuse the rest in the same words. Several pandas
objects with one index go by position, as arrays do; where their indexes differ they are
joined on the labels that all of them have, in the order of the first (`aligned`). Labels that
name symbols are found by name (`by_name`), and times that label rows must rise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from analytics._row_labels import check_labels
from analytics.model import FloatArray, ParameterError


def _floats(name: str, values: Any, ties: bool = False, ordered: bool = True) -> FloatArray:
    if type(values) is np.ndarray and values.dtype == np.float64:
        return np.asarray(values, order="C")
    if ordered:
        check_times(name, values, ties)
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


def series(name: str, values: Any, *, ties: bool = False, ordered: bool = True) -> FloatArray:
    """Return `values` as read-only, contiguous float64 of shape (n,); missing is NaN.

    A copy is made only where type or layout ask for one. Raises ValueError naming
    `name` where the values are no numbers or not one-dimensional, and for times that
    `check_times` refuses. ties: whether several rows may have one time, as trades do. ordered:
    whether the order of the rows says anything; where it does not, no time is looked at.

    >>> series("x", [1, None, 3])
    array([ 1., nan,  3.])
    """
    array = _floats(name, values, ties, ordered)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, expected 1")
    return _read_only(array)


def index_of(values: Any) -> Any:
    """The pandas index of a Series or DataFrame; None for what has none."""
    index = getattr(values, "index", None)
    return index if hasattr(index, "intersection") else None


def check_times(name: str, values: Any, ties: bool = False) -> None:
    """Refuse a Series or DataFrame whose rows are labelled with times that fall or repeat.

    Times are datetimes, dates, periods (by their starts) and time spans; texts that are all ISO
    8601 with a day; numbers that are all days as 20240131, or all epoch seconds, ms, us or ns of
    1990 to 2049; and categories of these. Other labels say nothing of the order, but each row
    must have one. Of several levels each that holds times is looked at by the rows that are equal
    in the others. ties: whether times may repeat. Raises ParameterError, a ValueError, with the
    row, and where some times have a zone and others have none.

    >>> import pandas as pd
    >>> check_times("x", pd.Series([1, 2], pd.to_datetime(["2024-01-02", "2024-01-01"])))
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: x.index[1] is '2024-01-01 00:00:00', expected ...
    """
    index = index_of(values)
    if index is not None:
        check_labels(f"{name}.index", index, ties)


def by_name(
    name: str, values: Any, names: Sequence[str], *, axis: int = 0, some: bool = False
) -> Any:
    """Return `values`, its labels along an axis in the order of `names`.

    values: a Series or DataFrame, whose labels may be more than the names; anything else, and
    what has the labels 0, 1, ... that pandas gives by itself, comes back as it is. some: whether
    names may have no label, whose values in a Series are NaN, as long as one has and there is no
    label beside the names, which may be one of theirs mistyped. Raises ParameterError, a
    ValueError, for a label that repeats or a name that has none.

    >>> import pandas as pd
    >>> by_name("funding", pd.Series([1.0, 2.0], ["B", "A"]), ["A", "B"]).tolist()
    [2.0, 1.0]
    """
    labels = getattr(values, "columns", None) if axis else index_of(values)
    if labels is None or is_unlabelled(labels):
        return values
    known = [str(label) for label in labels]
    field = f"{name}.columns" if axis else f"{name}.index"
    if known == list(names):
        return values
    places = {label: place for place, label in enumerate(known)}
    if len(places) < len(known):
        repeated = next(label for label in known if known.count(label) > 1)
        raise ParameterError(field, repeated, "labels that differ")
    missing = [each for each in names if each not in places]
    strange = sorted(places.keys() - set(names)) if some else []
    if some and missing and strange:
        none, more = ", ".join(map(repr, missing[:8])), ", ..." if len(missing) > 8 else ""
        legal = f"labels of {none}{more}, which have none; give NaN for what is not known"
        raise ParameterError(field, strange, legal)
    if some and len(missing) < len(names):
        return np.array([values.iloc[places[each]] if each in places else np.nan for each in names])
    if missing:
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise ParameterError(field, known, f"labels with {missing[0]!r} among them, of {shown}")
    order = [places[each] for each in names]
    return values.iloc[:, order] if axis else values.iloc[order]


def is_unlabelled(index: Any) -> bool:
    """Whether an index is 0, 1, ..., as of pandas objects that were given none.

    >>> import pandas as pd
    >>> is_unlabelled(pd.Series([3, 4]).index), is_unlabelled(pd.Index([1, 2]))
    (True, False)
    """
    return getattr(index, "start", None) == 0 and getattr(index, "step", None) == 1


def aligned(names: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Return `values`, the pandas objects among them joined on their indexes.

    Objects whose indexes are equal, and anything without an index, come back as they are.
    Where indexes differ each object keeps the rows whose labels all of them have (an inner
    join), in the order of the first. Raises ValueError, by the objects' names, where a label
    repeats, where no label is shared, and where an array without an index stands beside
    objects that would have to be joined.

    >>> import pandas as pd
    >>> x, y = aligned(["x", "y"], [pd.Series([1, 2], [5, 6]), pd.Series([3, 4], [6, 5])])
    >>> x.tolist(), y.tolist()
    ([1, 2], [4, 3])
    """
    indexed = [(i, index) for i, v in enumerate(values) if (index := index_of(v)) is not None]
    if len(indexed) < 2 or all(index.equals(indexed[0][1]) for _, index in indexed[1:]):
        return list(values)
    title = " and ".join(names[i] for i, _ in indexed)
    for i, index in indexed:
        if not index.is_unique:
            raise ValueError(
                f"{title} have different indexes, and that of {names[i]} repeats labels; "
                "expected one index, or labels that can be joined"
            )
    for name, value in zip(names, values, strict=True):
        if index_of(value) is None and np.ndim(value):
            raise ValueError(
                f"{title} have different indexes and {name} has none, expected one index"
            )
    common = indexed[0][1]
    for _, index in indexed[1:]:
        common = common.intersection(index, sort=False)
    if not len(common):
        raise ValueError(f"{title} share no label of their indexes, expected some that they do")
    common = indexed[0][1][indexed[0][1].isin(common)]
    return [v if index_of(v) is None else v.loc[common] for v in values]


def dimensions(name: str, values: Any) -> int:
    """How many dimensions `values` have. Raises ValueError where they are no numbers.

    >>> dimensions("x", [[1, 2], [3, 4]])
    2
    """
    shape = getattr(values, "shape", None)
    return len(shape) if isinstance(shape, tuple) else _floats(name, values).ndim


def two_series(
    name_a: str, values_a: Any, name_b: str, values_b: Any, *, ties: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Return both as `series` does, joined as in `aligned` where both have an index.

    ties: as `series` takes it. Raises ValueError where they are not equally long or cannot be
    joined.

    >>> import pandas as pd
    >>> two_series("y", [1, 2], "x", [3, 4])[1]
    array([3., 4.])
    >>> two_series("y", pd.Series([1, 2], [0, 1]), "x", pd.Series([3, 4], [1, 2]))
    (array([2.]), array([3.]))
    """
    values_a, values_b = aligned((name_a, name_b), (values_a, values_b))
    a, b = series(name_a, values_a, ties=ties), series(name_b, values_b, ties=ties)
    if len(a) != len(b):
        raise ValueError(f"{name_a} has {len(a)} values and {name_b} {len(b)}, expected as many")
    return a, b


def table(name: str, values: Any) -> FloatArray:
    """Return `values` as read-only, contiguous float64 of shape (n, k); missing is NaN.

    One dimension becomes one column. Raises ValueError for more than two dimensions, and for
    times that `check_times` refuses.

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
    analytics._errors.ParameterError: window is 1, expected at least 2
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ParameterError(name, value, "a whole number")
    if value < low:
        raise ParameterError(name, int(value), f"at least {low}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return a real number, which may be NaN, as a float.

    >>> number("delta", "a")
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: delta is 'a', expected a number
    """
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterError(name, value, "a number")
    return float(value)


def finite(name: str, value: Any) -> float:
    """Return a finite real number as a float.

    >>> finite("beta", np.float32(0.5)), finite("beta", float("nan"))
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: beta is nan, expected a finite number
    """
    inside = number(name, value)
    if not math.isfinite(inside):
        raise ParameterError(name, inside, "a finite number")
    return inside


def numbers(name: str, value: Any) -> FloatArray:
    """Return a number or a series or table of them as float64 of whatever shape.

    >>> numbers("beta", 2).shape, numbers("beta", [1, 2]).shape
    ((), (2,))
    """
    try:
        return np.asarray(value if value is not None else "None", dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(name, value, "numbers") from None


def one_of(name: str, value: Any, legal: Sequence[Any]) -> Any:
    """Return `value`, which must be among `legal`.

    >>> one_of("method", "hb", ("by", "bh"))
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: method is 'hb', expected one of by, bh
    """
    try:
        known = value in legal
    except ValueError:  # an array, which is equal to nothing in particular
        known = False
    if not known:
        raise ParameterError(name, value, f"one of {', '.join(map(str, legal))}")
    return value


def between(
    name: str, value: Any, low: float, high: float, *, closed: tuple[bool, bool] = (False, False)
) -> float:
    """Return `value` as a float from `low` to `high`, the bounds included where `closed` says.

    >>> between("confidence", 1.5, 0.0, 1.0)
    Traceback (most recent call last):
    ...
    analytics._errors.ParameterError: confidence is 1.5, expected a number between 0 and 1
    """
    inside = number(name, value)
    above = inside >= low if closed[0] else inside > low
    below = inside <= high if closed[1] else inside < high
    if not (above and below):
        if high == np.inf:
            legal = f"a number {'from' if closed[0] else 'above'} {low:g}"
        elif all(closed):
            legal = f"a number from {low:g} to {high:g}"
        else:
            legal = f"a number between {low:g} and {high:g}"
        raise ParameterError(name, value, legal)
    return inside
