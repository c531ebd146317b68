"""Webhooks: documents posted as JSON, tried again while the receiver fails.

Deliveries run as tasks of their own, a few at a time to each receiver, so that a slow one holds
up nobody else. Hosts are judged as those of streams are: link-local and metadata addresses are
refused, redirects not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote
from weakref import WeakValueDictionary

import httpx

from dashapp.services.alerts.notify import check_notification, notify
from ingestion.stream.http_client import http_client
from ingestion.url_guard import (
    WEB_SCHEMES,
    CheckedUrl,
    UrlRefusedError,
    at_address,
    check_url,
    resolve,
)

logger = logging.getLogger(__name__)

#: Seconds before each further try; with jitter of a quarter.
WAITS_S: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
TIMEOUT_S = 5.0
#: Seconds that a stop gives to tries under way: an answer that comes is one post less later.
GRACE_S = 0.5
MAX_WAITING = 1_000
#: Tries that are under way at a time: in all, and to one receiver.
MOST_AT_ONCE, AT_ONCE = 64, 8
#: Answers after which trying again may help; another 4xx says that the request is wrong.
_TRY_AGAIN = (408, 425, 429)
#: What of an id may stand in a header as it is.
_PLAIN = string.punctuation.replace("%", "")


DeliveryState = Literal["pending", "delivered", "given up"]


@dataclass(frozen=True)
class Progress:
    """How far a delivery is. tries: how many were made. why: what the last one failed of.

    >>> Progress("pending").words, Progress("pending", 2, "HTTP 500").words
    ('pending', 'pending after 2 tries: HTTP 500')
    >>> Progress("delivered", 3).words, Progress("given up", 1, "HTTP 404").words
    ('delivered after 3 tries', 'given up: HTTP 404')
    """

    state: DeliveryState
    tries: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """The same as the history of alerts says it."""
        after = f" after {self.tries} tries" if self.tries > 1 else ""
        return self.state + after + (f": {self.why}" if self.why else "")


Told = Callable[[str, Progress], None]


class Webhooks:
    """Delivers documents. told: hears of each delivery's progress, by its id. waits_s: seconds
    before each further try. local: whether they may go to loopback and private addresses.

    dropped: deliveries refused because MAX_WAITING were under way.
    """

    def __init__(self, told: Told, waits_s: Sequence[float], local: bool = True) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs whole URLs
        self.dropped = 0
        self._told = told
        self._local = local
        self._waits_s = tuple(waits_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(MOST_AT_ONCE)
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._stopping = asyncio.Event()

    def post(self, url: str, delivery_id: str, body: str, tries: int = 0) -> None:
        """Deliver a JSON document soon; its id travels as the header Idempotency-Key.

        tries: how many were made in an earlier run; at least one more is made.
        """
        if len(self._tasks) >= MAX_WAITING:
            self.dropped += 1
            why = f"{MAX_WAITING:,} others were under way"
            self._told(delivery_id, Progress("given up", tries, why))
            return
        task = asyncio.create_task(self._deliver(url, delivery_id, body, tries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is under way, within GRACE_S. Nothing is told of what did not end."""
        self._stopping.set()
        tasks = tuple(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, url: str, delivery_id: str, body: str, earlier: int) -> None:
        earlier, gate = min(earlier, len(self._waits_s)), self._gate_of(url)
        for tries, wait_s in enumerate((*self._waits_s[earlier:], None), start=earlier + 1):
            async with gate, self._gate:
                if self._stopping.is_set():
                    return
                problem, again = await _attempt(url, delivery_id, body, self._local)
            if not problem:
                self._told(delivery_id, Progress("delivered", tries))
                return
            if not again or wait_s is None:
                logger.warning("a webhook did not take an alert: %s", problem)
                self._told(delivery_id, Progress("given up", tries, problem))
                return
            self._told(delivery_id, Progress("pending", tries, problem))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s * random.uniform(0.75, 1.25)):
                    await self._stopping.wait()

    def _gate_of(self, url: str) -> asyncio.Semaphore:
        """The gate of a receiver, shared by its deliveries and gone with the last of them."""
        host = url.partition("://")[2].partition("/")[0]
        gate = self._gates.get(host)
        if gate is None:
            gate = self._gates[host] = asyncio.Semaphore(AT_ONCE)
        return gate


def check_webhook(url: str, local: bool) -> CheckedUrl | None:
    """A webhook's address, judged; None for one of Apprise. Raises UrlRefusedError."""
    if not url.startswith(("http://", "https://")):
        check_notification(url)
        return None
    return check_url(url, local=local, schemes=WEB_SCHEMES)


async def _attempt(url: str, delivery_id: str, body: str, local: bool) -> tuple[str, bool]:
    """What went wrong, "" if nothing, and whether another try may help."""
    try:
        checked = check_webhook(url, local)
        if checked is None:
            return await notify(url, body, local)
        async with asyncio.timeout(TIMEOUT_S):
            status = await _send(checked, await resolve(checked), delivery_id, body)
    except UrlRefusedError as error:
        return str(error), False
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:.0f} s", True
    except (httpx.InvalidURL, UnicodeError):
        return "the address cannot be used", False
    except (httpx.HTTPError, OSError) as error:
        return f"no connection ({type(error).__name__})", True
    if 200 <= status < 300:
        return "", False
    return f"HTTP {status}", status >= 500 or status in _TRY_AGAIN


async def _send(checked: CheckedUrl, addresses: Sequence[str], delivery_id: str, body: str) -> int:
    """Post to the address that was judged; the status of the answer."""
    default = WEB_SCHEMES[checked.scheme]
    host = f"[{checked.host}]" if ":" in checked.host else checked.host
    headers = {
        "Host": host if checked.port == default else f"{host}:{checked.port}",
        "Content-Type": "application/json",
        "Idempotency-Key": quote(delivery_id, safe=_PLAIN),
    }
    async with await http_client(TIMEOUT_S) as client:
        request = client.build_request(
            "POST",
            at_address(checked, addresses[0]),
            content=body,
            headers=headers,
            extensions={"sni_hostname": checked.host},
        )
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code
