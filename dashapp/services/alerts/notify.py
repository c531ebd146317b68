"""Delivery by Apprise: mail, Telegram, Slack, ntfy and a hundred more, by one address each.

Apprise (the extra `notify`) has its own ways out, which resolve names by themselves. So a message
leaves by a process of its own, in which every look-up goes through the guard of addresses and the
connection to what was judged; a slow service holds nobody up, and is ended after a while. The
address travels by standard input: arguments show in the list of processes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

from ingestion.url_guard import UrlRefusedError, check_address

TIMEOUT_S = 20.0
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,31}", re.ASCII)
#: What stays on this machine, and what no service of messages is reached by.
_NO_SERVICE = frozenset(
    (
        *("file", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog"),
        *("ftp", "ws", "wss", "redis", "rediss", "postgresql"),
    )
)
#: Exit codes of the process that sends.
_SENT, _REFUSED, _FAILED = 0, 3, 4


def check_notification(url: str) -> None:
    """Check an Apprise address without looking anything up. Raises UrlRefusedError."""
    scheme, found, rest = url.partition("://")
    if not found or not rest or not _SCHEME.fullmatch(scheme.lower()):
        raise UrlRefusedError("webhook is no address, expected one such as https:// or ntfy://")
    if scheme.lower() in _NO_SERVICE:
        raise UrlRefusedError(f"webhook scheme is {scheme!r}, which reaches no service: refused")
    if not url.isprintable() or " " in url:
        raise UrlRefusedError("webhook holds blanks or control characters")
    if importlib.util.find_spec("apprise") is None:
        raise UrlRefusedError(
            f"webhook scheme is {scheme!r}, which needs Apprise: pip install 'spreadscope[notify]'"
        )


async def notify(url: str, body: str, local: bool) -> tuple[str, bool]:
    """Send an alert, a JSON document; what went wrong, "" if nothing, and whether to try again."""
    check_notification(url)
    sent = json.dumps({"url": url, "body": _words(body), "local": local}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL, env=_environment(),
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await process.communicate(sent)
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:.0f} s", True
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == _SENT:
        return "", False
    if process.returncode == _REFUSED:
        return "its address is refused", False
    return "the service did not take it", process.returncode == _FAILED


def _words(body: str) -> str:
    """The sentence of an alert; the document itself where it has none."""
    return str(json.loads(body).get("text") or body)


def _environment() -> dict[str, str]:
    """No proxies, no tokens of ours; what Python needs to find the same modules."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _guard(local: bool) -> list[str]:
    """Let every look-up and every address of this process be judged; what was refused."""
    refused: list[str] = []
    looked_up = socket.getaddrinfo

    def judged(*given: Any, **more: Any) -> Any:
        found = looked_up(*given, **more)
        for info in found:
            try:
                check_address(_address(info), local=local)
            except UrlRefusedError as error:
                refused.append(str(error))
                raise OSError(str(error)) from None
        return found

    def through(name: str) -> Callable[..., Any]:
        send = getattr(socket.socket, name)

        def sent(self: socket.socket, *given: Any) -> Any:
            address = given[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                given = (*given[:-1], judged(address[0], address[1], self.family)[0][4])
            return send(self, *given)

        return sent

    socket.getaddrinfo = judged
    # Some services (syslog's datagrams) give a name to the socket, which looks it up by itself.
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, through(name))
    return refused


def _address(info: Any) -> Any:
    import ipaddress

    return ipaddress.ip_address(str(info[4][0]).partition("%")[0])


def main() -> int:
    """Send what standard input says; an exit code."""
    asked = json.load(sys.stdin)
    refused = _guard(asked["local"])
    import apprise

    sender = apprise.Apprise()
    if not sender.add(asked["url"]):
        return _REFUSED
    done = sender.notify(body=asked["body"], title="Spreadscope")
    return _SENT if done else _REFUSED if refused else _FAILED


if __name__ == "__main__":
    sys.exit(main())
