"""Compiled code of other sources is forgotten before any of it is used.

numba keeps compiled code and asks the file of a function alone whether that is still good. What
the function calls in other files, and the constants that it takes from them, are compiled into
it: where an update changed one file, code of the others would go on with what was there before.
What another numba compiled, or for another processor, it does not take, and leaves there.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numba
from numba.core.registry import CPUDispatcher, cpu_target

#: The packages that have compiled functions, as far as they are loaded.
_PACKAGES = ("analytics", "ingestion", "storage")
#: The file beside compiled code that says of which sources it is, and for what.
STAMP = "kernels.sources"


def kernels() -> list[CPUDispatcher]:
    """The compiled functions of the modules that are loaded."""
    loaded = [
        module for name, module in list(sys.modules.items()) if name.partition(".")[0] in _PACKAGES
    ]
    return [
        value
        for module in loaded
        for value in vars(module).values()
        if isinstance(value, CPUDispatcher)
    ]


def sources(compiled: Iterable[CPUDispatcher]) -> list[Path]:
    """The files of compiled functions, and those beside them in a folder of kernels."""
    files = {Path(function.py_func.__code__.co_filename) for function in compiled}
    beside = {
        file
        for path in files
        if path.parent.name == "_kernels"
        for file in path.parent.glob("*.py")
    }
    return sorted(files | beside)


def folders(compiled: Iterable[CPUDispatcher]) -> set[Path]:
    """Where numba keeps compiled functions, those that it keeps."""
    paths = (function.stats.cache_path for function in compiled)
    return {Path(path) for path in paths if path is not None}


def compiled_for() -> str:
    """What decides, beside the sources, whether numba takes code: its version, the processor."""
    return f"{numba.__version__} {cpu_target.target_context.codegen().magic_tuple()}"


def forget_stale_code() -> None:
    """Remove what is compiled of other sources than those of the modules that are loaded, and
    what cannot be used here.
    """
    compiled = kernels()
    digest = hashlib.blake2b(compiled_for().encode(), digest_size=16)
    for path in sources(compiled):
        with suppress(OSError):  # of a package in an archive numba asks the whole archive
            digest.update(path.read_bytes())
    for folder in folders(compiled):
        _empty(folder, digest.hexdigest())


def _empty(folder: Path, digest: str) -> None:
    """Empty a folder of compiled code that is of another digest."""
    stamp = folder / STAMP
    with suppress(OSError):  # where nothing can be removed nothing was kept
        if stamp.exists() and stamp.read_text("ascii") == digest:
            return
        for index in folder.glob("*.nbi"):
            index.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest, "ascii")
