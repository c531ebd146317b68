"""What differs between two pictures, so that only that travels.

An array is told by what the browser holds of it: rows that left at its front, the rows that
stay, and the exact rows at its end. Lines that a new fit moves as a whole lie on a grid far
below a pixel (`base.on_grid`) and travel as differences of one byte a row.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from dashapp.figures.base import Area, Array

#: Rows that may leave at the front, and rows told anew at the end, at most.
MOST_DROPPED, LONGEST_TAIL = 16, 64
#: Rows that are looked at before all are: one that differs says that too few stay.
_PROBES = 8
#: The difference that says NaN.
_NAN = -128
#: What has parts, as a constant: `dict | list` would be made anew for each value.
_PARTED = (dict, list)

Path = tuple[str | int, ...]


def differences(before: Any, after: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """The paths, within dicts and lists of one form, at which a value differs, and the new ones.

    >>> differences({"a": [1, 2], "b": "x"}, {"a": [1, 3], "b": "x"})
    [(('a', 1), 3)]
    """
    told: list[tuple[Path, Any]] = []
    _add_differences(before, after, path, told)
    return told


def _add_differences(before: Any, after: Any, path: Path, told: list[tuple[Path, Any]]) -> None:
    """As `differences`, into `told`. Plain values are compared here, not in a call of their own:
    a page has thousands. Within a part that is otherwise the same, 1 and true are the same.
    """
    parts: Iterable[tuple[Any, Any]]
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        parts = after.items()
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        parts = enumerate(after)
    else:
        if type(before) is not type(after) or before != after:
            told.append((path, after))
        return
    for place, new in parts:
        old = before[place]
        if old is new:
            continue
        if isinstance(new, _PARTED):
            if old != new:  # most parts are as they were, which Python sees sooner than this does
                _add_differences(old, new, (*path, place), told)
        elif type(old) is not type(new) or old != new:
            told.append(((*path, place), new))


def change(before: Any, after: Any, likely: int = 0) -> dict[str, Any] | None:
    """How an array of a figure, as of `base.typed`, became another; None where it must travel
    whole. The browser applies it: assets/changes.js.

    likely: rows that left at the front of the figure's other arrays, looked at first.
    """
    if isinstance(after, Area):
        return {"band": True} if isinstance(before, Area) else None
    if not _alike(before, after):
        return None
    old, new = before.array, after.array
    step = _step(after)
    far = 0.0 if not step or _step(before) != step else -_NAN * step
    most = min(MOST_DROPPED, len(old))
    for dropped in (min(likely, most), *range(most + 1)):
        rest = old[dropped:]
        if not _may_stay(rest, new, far):
            continue
        count = min(len(rest), len(new))
        kept = _same_rows(rest[:count], new[:count])
        if len(new) - kept <= LONGEST_TAIL:
            return {"drop": dropped, "keep": kept, "tail": _told(new[kept:])}
        if not far:
            continue
        moved = _moved(rest[:count], new[:count], step)
        if moved is not None and len(new) - len(moved) <= LONGEST_TAIL:
            kept = len(moved)
            told = {"drop": dropped, "keep": kept, "tail": _told(new[kept:])}
            return {**told, "step": step, "moved": _told(moved)}
    return None


def changed(before: npt.NDArray[Any], told: dict[str, Any]) -> npt.NDArray[Any]:
    """The array that a change makes of one, as the browser makes it."""
    kept = before[told["drop"] : told["drop"] + told["keep"]].copy()
    if "moved" in told:
        moved = np.frombuffer(base64.urlsafe_b64decode(told["moved"]), np.int8)
        kept = (kept + moved * told["step"]).astype(before.dtype)
        if before.dtype.kind == "f":
            kept[moved == _NAN] = np.nan
    tail = np.frombuffer(base64.urlsafe_b64decode(told["tail"]), before.dtype)
    return np.concatenate([kept, tail])


def _step(spec: Array) -> float:
    """Of which all values are whole multiples, 0 where of none."""
    return 1.0 if spec.array.dtype.kind in "iu" else spec.step


def _alike(before: Any, after: Any) -> bool:
    """Whether both are arrays of one dimension and one type."""
    both = isinstance(before, Array) and isinstance(after, Array)
    return both and before.array.dtype == after.array.dtype and after.array.ndim == 1


def _told(values: npt.NDArray[Any]) -> str:
    """In the alphabet of URLs, since Dash sends each / of the usual one as six letters."""
    return base64.urlsafe_b64encode(np.ascontiguousarray(values).data).decode("ascii")


def _may_stay(old: npt.NDArray[Any], new: npt.NDArray[Any], far: float) -> bool:
    """Whether enough rows may be the same, or moved by less than `far`: of a few, which is sooner
    said than of all. Rows that are not known may be anything.
    """
    must = len(new) - LONGEST_TAIL  # rows at the front that have to stay
    if must > len(old):
        return False
    if must <= _PROBES:
        return True
    every = (must - 1) // _PROBES
    one, other = old[:must:every], new[:must:every]
    apart = (abs(a - b) for a, b in zip(one.tolist(), other.tolist(), strict=True))
    return not any(gap > far for gap in apart)


def _same_rows(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> int:
    """How many rows at the front are the same, bit by bit."""
    bits = f"u{one.dtype.itemsize}"
    different = one.view(bits) != other.view(bits)
    first = int(different.argmax()) if len(different) else 0
    return first if len(different) and different[first] else len(different)


def _moved(
    old: npt.NDArray[Any], new: npt.NDArray[Any], step: float
) -> npt.NDArray[np.int8] | None:
    """Differences in steps, up to the first row near the end that moved too far."""
    steps = np.subtract(new, old, dtype=np.float64)
    steps /= step
    np.rint(steps, out=steps)
    unknown = np.isnan(new)
    steps[unknown] = 0.0
    near = np.abs(steps) < -_NAN  # of what was unknown and is known now, it is not
    kept = len(near) if near.all() else int(near.argmin())
    if len(steps) - kept > LONGEST_TAIL:
        return None
    moved = steps[:kept].astype(np.int8)
    moved[unknown[:kept]] = _NAN
    return moved
