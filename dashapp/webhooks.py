"""Alerts to webhooks: each posted as JSON, tried again while the receiver fails.

Deliveries run as tasks of their own, so that a slow receiver holds up nobody. Hosts are judged
as those of streams are: link-local and metadata addresses are refused, redirects not followed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from ingestion.url_guard import CheckedUrl, UrlRefusedError, at_address, check_url, resolve

logger = logging.getLogger(__name__)

#: Seconds before each further try; with jitter of a quarter.
WAITS_S: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
TIMEOUT_S = 5.0
MAX_WAITING = 1_000
AT_ONCE = 8
#: Answers after which trying again may help; another 4xx says that the request is wrong.
_TRY_AGAIN = (408, 425, 429)


class Webhooks:
    """Delivers documents. told: hears of each delivery's progress, by its id, in words.

    dropped: deliveries refused because MAX_WAITING were under way.
    """

    def __init__(
        self, told: Callable[[str, str, bool], None], waits_s: Sequence[float] = WAITS_S
    ) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs whole URLs
        self.dropped = 0
        self._told = told
        self._waits_s = tuple(waits_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)

    def post(self, url: str, delivery_id: str, document: Mapping[str, Any]) -> None:
        """Deliver a document soon; its id travels as the header X-Spreadscope-Delivery."""
        if len(self._tasks) >= MAX_WAITING:
            self.dropped += 1
            self._told(delivery_id, f"not sent: {MAX_WAITING} deliveries wait", True)
            return
        task = asyncio.create_task(self._deliver(url, delivery_id, dict(document)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, url: str, delivery_id: str, document: dict[str, Any]) -> None:
        for tries, wait_s in enumerate((*self._waits_s, None), start=1):
            async with self._gate:
                problem, again = await _attempt(url, delivery_id, document)
            if not problem:
                self._told(
                    delivery_id, "delivered" + ("" if tries == 1 else f" at try {tries}"), True
                )
                return
            if not again or wait_s is None:
                logger.warning("a webhook did not take an alert: %s", problem)
                self._told(delivery_id, f"failed: {problem}", True)
                return
            self._told(delivery_id, f"trying again: {problem}", False)
            await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))


async def _attempt(url: str, delivery_id: str, document: dict[str, Any]) -> tuple[str, bool]:
    """What went wrong, "" if nothing, and whether another try may help."""
    try:
        checked = check_url(url)
        async with asyncio.timeout(TIMEOUT_S):
            status = await _send(checked, await resolve(checked), delivery_id, document)
    except UrlRefusedError as error:
        return str(error), False
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:.0f} s", True
    except (httpx.HTTPError, OSError) as error:
        return f"no connection ({type(error).__name__})", True
    if 200 <= status < 300:
        return "", False
    return f"HTTP {status}", status >= 500 or status in _TRY_AGAIN


async def _send(
    checked: CheckedUrl, addresses: Sequence[str], delivery_id: str, document: dict[str, Any]
) -> int:
    """Post to the address that was judged; the status of the answer."""
    default = {"http": 80, "https": 443}[checked.scheme]
    host = f"[{checked.host}]" if ":" in checked.host else checked.host
    headers = {
        "Host": host if checked.port == default else f"{host}:{checked.port}",
        "X-Spreadscope-Delivery": delivery_id,
    }
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
        request = client.build_request(
            "POST",
            at_address(checked, addresses[0]),
            json=document,
            headers=headers,
            extensions={"sni_hostname": checked.host},
        )
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code
