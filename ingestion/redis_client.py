"""Clients of a Redis server that connect to the address that was judged, and to no other."""

from __future__ import annotations

from typing import Any

from ingestion.url_guard import CheckedUrl, resolve

#: Why a server cannot be used, by the name of the library's error. What the server itself says
#: is told to nobody: it may be any service, and whoever reads the words typed its address.
_WORDS = {
    "AuthenticationError": "it refuses the user or the password",
    "AuthenticationWrongNumberOfArgsError": "it refuses the user or the password",
    "NoPermissionError": "it does not permit this user what is needed",
    "BusyLoadingError": "it is loading its data",
    "ReadOnlyError": "it is read-only",
    "OutOfMemoryError": "it is out of memory",
    "InvalidResponse": "it does not answer as Redis does",
    "ResponseError": "it does not answer as Redis does",
    "gaierror": "its name cannot be found (DNS)",
    "UrlRefusedError": "its address is refused",
}


def pin(client: Any, checked: CheckedUrl) -> Any:
    """Let each connection of a client resolve and judge the host anew, and go where it says."""
    pool = client.connection_pool
    pool.connection_class = _pinned(pool.connection_class, checked)
    return client


def words_of(error: BaseException) -> str:
    """Why a server cannot be used, without a word of its own.

    >>> words_of(ConnectionRefusedError(111, "refused"))
    'it cannot be reached'
    """
    causes = [error, error.__cause__, error.__context__]  # the library wraps what connecting raises
    kinds = [type(cause).__name__ for cause in causes]
    known = next((_WORDS[kind] for kind in kinds if kind in _WORDS), None)
    if known is not None:
        return known
    return "no answer in time" if "Timeout" in kinds[0] else "it cannot be reached"


def _pinned(connection_class: Any, checked: CheckedUrl) -> Any:
    class Pinned(connection_class):  # type: ignore[misc]
        """A connection to an address of the host that was judged."""

        async def _connect(self) -> None:
            self._address = (await resolve(checked))[0]
            await super()._connect()

        def _connection_arguments(self) -> dict[str, Any]:
            arguments = {**super()._connection_arguments(), "host": self._address}
            if "ssl" in arguments:  # the certificate is the host's, not the address's
                arguments["server_hostname"] = checked.host
            return arguments

    return Pinned
