"""Where an archive can be: each test that asks for `place` runs in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from tests import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    server = postgres.running()
    yield server
    postgres.remove(server)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A path or a URL at which there is no archive yet."""
    if request.param == "sqlite":
        return str(tmp_path / "spreadscope.db")
    return request.getfixturevalue("postgres_server").url()


@pytest.fixture
def kept(place: str) -> Iterator[Archive]:
    """An open archive in each of them."""
    opened = Archive.open(place)
    yield opened
    opened.close()
