"""What differs between two pictures, so that only that travels.

An array is told by what the browser holds of it: rows that left at its front, the rows that
stay, and the exact rows at its end. Lines that a new fit moves as a whole lie on a grid far
below a pixel (`base.on_grid`) and travel as differences of one byte a row.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dashapp.figures.base import Area

#: Rows that may leave at the front, and rows told anew at the end, at most.
MOST_DROPPED, LONGEST_TAIL = 16, 64
#: The difference that says NaN.
_NAN = -128
Path = tuple[str | int, ...]


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The paths, within dicts and lists of one form, at which a value differs, and the new ones.

    >>> list(differences({"a": [1, 2], "b": "x"}, {"a": [1, 3], "b": "x"}))
    [(('a', 1), 3)]
    """
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in after:
            yield from differences(before[name], after[name], (*path, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, place))
    elif before != after or type(before) is not type(after):
        yield path, after


def change(before: Any, after: Any) -> dict[str, Any] | None:
    """How an array of a figure, as of `base.typed`, became another; None where it must travel
    whole. The browser applies it: assets/changes.js.
    """
    if isinstance(after, Area):
        return {"band": True} if isinstance(before, Area) else None
    if not _alike(before, after):
        return None
    old, new = _values(before), _values(after)
    step = getattr(after, "step", 1.0 if old.dtype.kind in "iu" else 0.0)
    for dropped in range(min(MOST_DROPPED, len(old)) + 1):
        rest = old[dropped:]
        count = min(len(rest), len(new))
        kept = _same_rows(rest[:count], new[:count])
        if len(new) - kept <= LONGEST_TAIL:
            return {"drop": dropped, "keep": kept, "tail": _told(new[kept:])}
        if not step or getattr(before, "step", step) != step:
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


def _alike(before: Any, after: Any) -> bool:
    """Whether both are arrays of one dimension and one type."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return False
    both = "bdata" in before and "bdata" in after
    return both and before["dtype"] == after["dtype"] and "shape" not in after


def _values(spec: dict[str, str]) -> npt.NDArray[Any]:
    return np.frombuffer(base64.b64decode(spec["bdata"]), np.dtype(spec["dtype"]))


def _told(values: npt.NDArray[Any]) -> str:
    """In the alphabet of URLs, since Dash sends each / of the usual one as six letters."""
    return base64.urlsafe_b64encode(np.ascontiguousarray(values).data).decode("ascii")


def _same_rows(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> int:
    """How many rows at the front are the same, bit by bit."""
    bits = f"u{one.dtype.itemsize}"
    different = np.flatnonzero(one.view(bits) != other.view(bits))
    return int(different[0]) if len(different) else len(one)


def _moved(
    old: npt.NDArray[Any], new: npt.NDArray[Any], step: float
) -> npt.NDArray[np.int8] | None:
    """Differences in steps, up to the first row near the end that moved too far."""
    steps = np.rint((new.astype(np.float64) - old) / step)
    nan = np.isnan(new)
    steps[nan] = 0.0
    far = np.flatnonzero(~(np.abs(steps) < -_NAN))
    kept = int(far[0]) if len(far) else len(steps)
    if len(steps) - kept > LONGEST_TAIL:
        return None
    moved = steps[:kept].astype(np.int8)
    moved[nan[:kept]] = _NAN
    return moved
