"""What every test may ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dashapp.services import startup  # noqa: F401 - loads all that has compiled functions
from dashapp.services.compiled_code import forget_stale_code
from tests import postgres

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"

# Otherwise each of the processes that tests start compiles every module of the project for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine is slow to make examples, and no fault. The same examples each time, so that a
# run fails for what was changed; `-m hypothesis --hypothesis-profile=search` looks for others.
for name, same in (("patient", True), ("search", False)):
    settings.register_profile(
        name, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=same
    )
settings.load_profile("patient")


def pytest_sessionstart() -> None:
    """What was compiled before a kernel was changed is not what is tested."""
    forget_stale_code()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's loop runs until the session ends, and asyncio's
    own tests cannot run beside it."""
    items.sort(
        key=lambda item: (
            "browser" in item.path.parts[-2:-1] or bool(item.get_closest_marker("browser"))
        )
    )


def _folder(variable: str, name: str) -> Path:
    folder = Path(os.environ.get(variable, SHARED / name))
    if not folder.is_dir():
        pytest.skip(f"{name} is absent: set {variable} to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of recorded market data."""
    return _folder("MARKET_DATA_DIR", "data")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of published reference results."""
    return _folder("REFERENCE_DIR", "reference")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own; a skip where this user may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may mount no file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL server of this session's own."""
    server = postgres.running()
    yield server
    postgres.remove(server)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an archive can be, each with none there yet: a path, a URL."""
    if request.param == "sqlite":
        return str(tmp_path / "spreadscope.db")
    return request.getfixturevalue("postgres_server").emptied()
