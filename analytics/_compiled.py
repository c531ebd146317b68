"""Compiled code of other sources is forgotten before any of it is used.

numba keeps compiled code and asks the file of a function alone whether that is still good. What
the function calls in other files, and the constants that it takes from them, are compiled into
it: where one file of an update differs, code of the others would go on with what was there before.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba

#: The file beside compiled code that says of which sources it is.
STAMP = "analytics.sources"


def sources() -> list[Path]:
    """The files with compiled functions, and what stands beside the kernels: no compiled function
    takes anything of ours from another file.
    """
    analytics = Path(__file__).parent
    above = (path for path in analytics.glob("*.py") if b"njit(" in path.read_bytes())
    return sorted((*above, *(analytics / "_kernels").glob("*.py")))


@cache
def _digest() -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def forget_other_code(compiled: Any) -> None:
    """Remove what is compiled of other sources than these.

    compiled: a function of `numba.njit(cache=True)`; code of its folder is looked at.
    """
    folder = Path(compiled.stats.cache_path)
    stamp = folder / STAMP
    with suppress(OSError):  # where nothing can be removed nothing can have been kept
        if stamp.exists() and stamp.read_text("ascii") == _digest():
            return
        for index in folder.glob("*.nbi"):
            index.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(_digest(), "ascii")


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _here() -> None:
    """A function of this folder."""


forget_other_code(_here)
