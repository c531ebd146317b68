"""Work on a Dask cluster: the same blocks, mapped over its workers.

A block's result does not depend on where it is computed, so that of a scan, a sweep or a
walk-forward is the same to the bit. What all blocks share goes to the workers once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from analytics.scanner import Mapper

#: Seconds in which a scheduler must answer.
CONNECT_S = 5.0
#: Blocks that are on the cluster at a time, for each of its threads.
AHEAD = 3


class ClusterLost(Exception):
    """The scheduler went away while it had work of ours."""


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
        yield _Mapper(client, address, threads)
    finally:
        _close(client)


def _close(client: Any) -> None:
    if client is not None:
        with contextlib.suppress(Exception):
            client.close(timeout=1.0)


class _Mapper:
    """Runs a function on every item, in their order, a bounded number of them ahead."""

    def __init__(self, client: Any, address: str, threads: int) -> None:
        self._client, self._address, self._ahead = client, address, AHEAD * threads

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from self._run(function, items)
        except Exception as error:
            if _is_ours(error):
                raise
            raise ClusterLost(
                f"the Dask scheduler at {self._address} went away: the run ended, and further "
                "ones go on this machine until it is back"
            ) from error

    def _run(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        shared = self._client.scatter(function, broadcast=True, hash=False)
        waiting: list[Any] = []
        for item in items:
            waiting.append(self._client.submit(_apply, shared, item, pure=False, retries=2))
            if len(waiting) >= self._ahead:
                yield self._gathered(waiting.pop(0))
        while waiting:
            yield self._gathered(waiting.pop(0))

    def _gathered(self, future: Any) -> Any:
        while not future.done():
            if self._client.status != "running":
                raise ConnectionError(self._client.status)
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=1.0)
        return future.result()


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    """A block, on a worker."""
    return function(item)


def _is_ours(error: Exception) -> bool:
    """Whether the work itself failed, and not the cluster."""
    return isinstance(error, ValueError | MemoryError | ArithmeticError | GeneratorExit)
