"""An archive in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.archive.archive import Archive


@pytest.fixture
def archive(place: str) -> Iterator[Archive]:
    """An open archive; the test runs in all of them."""
    opened = Archive.open(place)
    yield opened
    opened.close()
