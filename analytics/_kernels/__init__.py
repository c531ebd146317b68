"""Compiled loops, private to analytics."""

import numba

from analytics._compiled import forget_other_code


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _here() -> None:
    """A function of this folder."""


forget_other_code(_here)
