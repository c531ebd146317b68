"""HTTP clients cost the loop next to nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from ingestion.stream import http_client as module
from ingestion.stream.http_client import http_client

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def unread():
    """As at the start: no certificates are read."""
    module._trusted.cache_clear()
    yield
    module._trusted.cache_clear()


async def test_certificates_are_read_once_and_not_on_the_loop(unread, monkeypatch):
    threads, read = [], httpx.create_ssl_context

    def noted(*what, **how):
        threads.append(threading.current_thread())
        return read(*what, **how)

    monkeypatch.setattr(httpx, "create_ssl_context", noted)
    for _ in range(3):
        async with await http_client(1.0) as made:
            assert not made.follow_redirects
            assert not made.trust_env
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_every_client_is_made_there():
    packages = ("analytics", "ingestion", "storage", "dashapp")
    paths = (path for one in packages for path in (PROJECT / one).rglob("*.py"))
    makers = [path.name for path in paths if "AsyncClient(" in path.read_text()]
    assert makers == ["http_client.py"]
