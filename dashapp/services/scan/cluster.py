"""Work on a Dask cluster: the same blocks, mapped over its workers.

A block's result does not depend on where it is computed, so that of a scan, a sweep or a
walk-forward is the same to the bit. What all blocks share goes to the workers once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any

from analytics.scanner import Mapper

#: Seconds in which a scheduler must answer.
CONNECT_S = 3.0
#: Blocks that are fetched together, for each thread of the cluster, since each way there costs
#: milliseconds; and how many times so many are on the cluster at a time.
CHUNK, AHEAD = 6, 2


#: What a client raises where its scheduler or a worker is lost.
_LOST = (OSError, TimeoutError, CancelledError)


class ClusterLost(Exception):
    """The scheduler went away while it had work of ours, or its workers cannot do it."""


class ClusterAbsent(ConnectionError):
    """No scheduler answers at the address."""


@contextlib.contextmanager
def cluster_mapper(address: str) -> Iterator[Mapper]:
    """A mapper over the workers of the scheduler at an address, such as tcp://10.0.0.5:8786.

    Raises ClusterAbsent, a ConnectionError, where none answers or it has no worker; ClusterLost
    where it goes away while it is in use.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterAbsent("a Dask cluster needs the extra `cluster`") from None
    # its loggers tell the world of what `ClusterAbsent` and `ClusterLost` say in a sentence
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    client: Any = None
    try:
        client = distributed.Client(
            address, timeout=CONNECT_S, set_as_default=False, direct_to_workers=False
        )
        threads = sum(client.nthreads().values())
    except (OSError, TimeoutError, ValueError) as error:
        _close(client)
        raise ClusterAbsent(f"no Dask scheduler answers at {address}") from error
    if not threads:
        _close(client)
        raise ClusterAbsent(f"the Dask scheduler at {address} has no workers")
    try:
        direct = client.sync(_answer, client, list(client.nthreads()))
        yield _Mapper(client, address, threads, direct)
    finally:
        _close(client)


def _close(client: Any) -> None:
    if client is not None:
        with contextlib.suppress(Exception):
            client.close(timeout=1.0)


async def _answer(client: Any, workers: list[str]) -> bool:
    """Whether workers can be reached from here, not by way of their scheduler alone."""
    asked = asyncio.gather(*(client.rpc(worker).identity() for worker in workers))
    try:
        await asyncio.wait_for(asked, CONNECT_S)
    except (OSError, TimeoutError):
        return False
    return True


class _Mapper:
    """Runs a function on every item, in their order, a bounded number of them ahead.

    direct: whether the workers can be reached. What goes by way of the scheduler takes its time
    and that of a processor twice.
    """

    def __init__(self, client: Any, address: str, threads: int, direct: bool) -> None:
        self._client, self._address, self._chunk = client, address, CHUNK * threads
        self._direct = direct

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from self._run(function, items)
        except ImportError as error:
            raise ClusterLost(
                f"the workers of {self._address} cannot import this program ({error}): install "
                "the same version of it there"
            ) from error
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, _LOST):
                raise  # of the work itself
            raise ClusterLost(
                f"the Dask scheduler at {self._address} went away: the run ended, and further "
                "ones go on this machine until it is back"
            ) from error

    def _run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        client, direct = self._client, self._direct
        shared = client.scatter(function, broadcast=True, hash=False, direct=direct)
        waiting: deque[list[Any]] = deque()
        rest = iter(items)
        while chunk := list(itertools.islice(rest, self._chunk)):
            waiting.append(client.map(_apply, chunk, function=shared, pure=False))
            if len(waiting) == AHEAD:
                yield from client.gather(waiting.popleft(), direct=direct)
        while waiting:
            yield from client.gather(waiting.popleft(), direct=direct)


def _apply(item: Any, function: Callable[[Any], Any]) -> Any:
    """A block, on a worker."""
    return function(item)
