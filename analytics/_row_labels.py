"""Labels of rows that are times must rise; `analytics.arrays.check_times` says which are times.

pandas is imported where labels need it, since whoever passes such labels has imported it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np

from analytics.model import ParameterError

#: Kinds of pandas labels that are times, and those that are numbers.
_TIMES = frozenset(("datetime64", "period", "timedelta64"))
_NUMBERS = frozenset(("integer", "floating"))
#: Epoch times are seconds of 1990 to 2049, or as many ms, us or ns.
_EPOCH, _UNITS = (631_152_000, 2_524_608_000), (1, 10**3, 10**6, 10**9)
#: How a text begins that is a time, and how one ends that has an offset.
_DAY = re.compile(r"\d{4}-\d\d-\d\d|(?:19|20)\d{6}")
_OFFSET = r"(?:Z|[+-]\d\d:?\d\d|:\d\d[\d.]*[+-]\d\d)$"


def check_labels(field: str, index: Any, ties: bool) -> None:
    """Refuse a pandas index whose times fall or repeat, as `analytics.arrays.check_times` does."""
    if index.nlevels == 1:
        _check_level(field, index, ties)
    elif not _rises(index, ties):
        for level in range(index.nlevels):
            others = index.droplevel(level).factorize()[0]
            rows = np.argsort(others, kind="stable")
            _check_level(field, index.get_level_values(level)[rows], ties, rows, others[rows])


def _rises(index: Any, ties: bool) -> bool:
    return bool(index.is_monotonic_increasing and (ties or index.is_unique))


def _check_level(field: str, index: Any, ties: bool, rows: Any = None, group: Any = None) -> None:
    """Check labels that follow one another, all of them or those of each group by themselves.

    rows: the place of each label where they were brought in the order of their groups.
    """
    if index.dtype == object or index.inferred_type == "categorical":
        index = index.astype(object).infer_objects()
    if not len(index) or (_rises(index, ties) and index.inferred_type != "string"):
        return  # texts may rise where their times do not
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        legal = "a label: name the row, or drop all labels with reset_index(drop=True)"
        raise ParameterError(_row(field, row, rows), str(index[row]), legal)
    times = _times(field, index)
    if times is None:
        return
    rises = np.asarray(times[1:] >= times[:-1] if ties else times[1:] > times[:-1])
    if group is not None:
        rises = rises | (group[1:] != group[:-1])
    if rises.all():
        return
    row = int(np.argmin(rises)) + 1
    rule = "sort the rows by time" if ties else "sort the rows by time, one row a time"
    after = "not before" if ties else "after"
    legal = f"a time {after} {index[row - 1]}, that of the row before; {rule}"
    raise ParameterError(_row(field, row, rows), str(index[row]), legal)


def _row(field: str, row: int, rows: Any) -> str:
    return f"{field}[{row if rows is None else rows[row]}]"


def _times(field: str, index: Any) -> Any:
    """The times that label rows, as values that can be compared; None where labels are none."""
    kind = index.inferred_type
    if kind in _TIMES:
        return index
    if kind in _NUMBERS:
        numbers = index.to_numpy()
        known = numbers.dtype.kind in "iuf" and np.isfinite(numbers).all()
        return numbers if known and (_are_epochs(numbers) or _are_days(numbers)) else None
    if kind == "string":
        return _of_texts(field, index)
    import pandas as pd

    if index.dtype == object and all(isinstance(label, date | pd.Period) for label in index):
        return _of_texts(field, pd.Index([str(getattr(at, "start_time", at)) for at in index]))
    return None


def _are_epochs(numbers: Any) -> bool:
    """Whether numbers are epoch times of one unit, all of them."""
    low, high = numbers.min(), numbers.max()
    return any(_EPOCH[0] * unit <= low and high < _EPOCH[1] * unit for unit in _UNITS)


def _are_days(numbers: Any) -> bool:
    """Whether numbers are days as 20240131, all of them."""
    days, months = numbers % 100, numbers // 100 % 100
    plausible = (numbers >= 19_000_101) & (numbers <= 21_001_231) & (numbers % 1 == 0)
    return bool((plausible & (days >= 1) & (days <= 31) & (months >= 1) & (months <= 12)).all())


def _of_texts(field: str, texts: Any) -> Any:
    """The times that texts say, in UTC where they have offsets; None where they are no times."""
    if not _DAY.match(texts[0]):
        return None
    import pandas as pd

    try:
        times = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    except ValueError as error:  # several offsets, or some texts without one
        if not texts.str.contains(_OFFSET).all():
            legal = "times that all have a time zone, or none"
            raise ParameterError(field, "of mixed kinds", legal) from error
        times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    return None if times.hasnans else times
