"""Browser tests: marked, with time enough for a cold start."""

from __future__ import annotations

from pathlib import Path

import pytest
from running_app import app, browsers, chromium, open_tab, window  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))
