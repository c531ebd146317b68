"""What runs here: the versions of Python and of the libraries that a result depends on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("dash", "plotly", "fastapi", "uvicorn", "numpy", "pandas", "numba", "websockets")


@cache
def versions() -> dict[str, str]:
    """Versions by name; "unknown" for what is not installed as a package."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
