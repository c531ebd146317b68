"""HTTP clients: the certificates that they trust are read once, off the loop.

httpx reads them anew for each client, which takes the loop 25 ms each time.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from functools import cache
from importlib.util import find_spec

import httpx

if find_spec("sniffio") is None:
    # The library beneath asks for it at each lock that it takes, several times a request: where it
    # is not installed, Python would search the whole path for it each time.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


async def http_client(patience: httpx.Timeout | float) -> httpx.AsyncClient:
    """A client that follows no redirects and heeds nothing of the environment.

    patience: seconds, or those of each phase of a request.
    """
    trusted = await asyncio.to_thread(_trusted)
    return httpx.AsyncClient(
        verify=trusted, trust_env=False, follow_redirects=False, timeout=patience
    )


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
