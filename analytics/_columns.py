"""Columns that nothing can change: what the containers of `analytics.model` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def frozen(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return `values` as a read-only contiguous array, copied only where it must be.

    >>> frozen([1, 2], np.float64).flags.writeable
    False
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        if array is values or array.base is not None:
            array = array.copy()
        array.flags.writeable = False
    return array


class Columns:
    """Freeze the array fields of a dataclass and check that they are equally long."""

    _dtypes: Mapping[str, npt.DTypeLike] = {}

    def __post_init__(self) -> None:
        lengths = set()
        for name, dtype in self._dtypes.items():
            array = frozen(getattr(self, name), dtype)
            object.__setattr__(self, name, array)
            lengths.add(array.shape)
        if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
            raise ValueError(
                f"{type(self).__name__} has columns of shapes {sorted(lengths)}, "
                "expected one length"
            )
