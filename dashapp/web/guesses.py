"""Wrong tokens by where they come from: after a few a place has to wait, longer each time.


Who bears the cookie, or sends no token, is not concerned: a guess is a token that was presented.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

#: Wrong tokens that a place may send before it has to wait.
FREE = 5
#: Seconds of the longest wait, and without a guess after which a place begins anew.
LONGEST_S, FORGET_S = 300.0, 900.0
MAX_PLACES = 10_000
#: Hosts of IPv6 choose the lower half of their address freely.
_IPV6_PREFIX = 64


@dataclass
class _Place:
    wrong: int = 0
    last_s: float = 0.0
    until_s: float = 0.0


class Guesses:
    """The wrong tokens of each client address.

    >>> now = [0.0]
    >>> guesses = Guesses(lambda: now[0])
    >>> for _ in range(7):
    ...     guesses.wrong("10.0.0.1")
    >>> guesses.wait_s("10.0.0.1"), guesses.wait_s("10.0.0.2")
    (4.0, 0.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: LRUCache[str, _Place] = LRUCache(MAX_PLACES)

    def wait_s(self, address: str) -> float:
        """Seconds for which a place has to wait; 0 for none."""
        place = self._places.get(_network(address))
        return 0.0 if place is None else max(0.0, place.until_s - self._clock())

    def wrong(self, address: str) -> None:
        """Note a wrong token."""
        now, network = self._clock(), _network(address)
        place = self._places.get(network)
        if place is None or now - place.last_s > FORGET_S:
            place = self._places[network] = _Place()
        place.wrong += 1
        place.last_s = now
        if place.wrong >= FREE:
            place.until_s = now + min(2.0 ** (place.wrong - FREE), LONGEST_S)

    def right(self, address: str) -> None:
        """The token itself came: what was wrong before is forgotten."""
        self._places.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
