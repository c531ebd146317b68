"""Which addresses a user's stream URL may reach, and how a URL is shown.

The server fetches what the user types. Loopback and private addresses are allowed: this
is a local tool, and a stream on localhost or in the laboratory is an ordinary source.
Refused are link-local addresses, the clouds' metadata services, multicast, unspecified
and reserved addresses, however they are written: a host is judged by what it resolves to,
at each connection, and the connection goes to the address that was judged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

SCHEMES = {"ws": 80, "wss": 443, "http": 80, "https": 443}
MAX_URL = 4_096

_METADATA_HOSTS = re.compile(
    r"(metadata|instance-data)(\.[a-z0-9-]+)*(\.internal)?|.*\.metadata(\.[a-z0-9-]+)*\.internal",
    re.ASCII,
)
_METADATA_ADDRESSES = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        ),
    )
)
#: NAT64: an IPv4 address is in the last four bytes.
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_SECRET = re.compile(
    r"((?:^|[?&;])[^=&;#]*(?:token|key|secret|signature|password|passwd|auth|sig)[^=&;#]*=)[^&;#]*",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]*(?:@[^/?#@\s]*)*@")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UrlRefusedError(ValueError):
    """A URL that no feed opens: what is wrong with it, without its secrets."""


@dataclass(frozen=True)
class CheckedUrl:
    """A URL that is well formed and of a legal scheme. host: lower case, normalised."""

    url: str
    scheme: str
    host: str
    port: int


def check_url(url: str) -> CheckedUrl:
    """Check a stream's URL without looking anything up.

    Raises UrlRefusedError (a ValueError) that says what is legal, never quoting a secret.

    >>> check_url("ws://localhost:9000/stream").port
    9000
    >>> check_url("file:///etc/passwd")
    Traceback (most recent call last):
    ingestion.url_guard.UrlRefusedError: URL scheme is 'file', expected one of ws, wss, http, https
    """
    if len(url) > MAX_URL:
        raise UrlRefusedError(f"URL has {len(url)} characters, expected at most {MAX_URL}")
    if not url.isprintable() or " " in url:
        raise UrlRefusedError("URL holds blanks or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefusedError(f"URL cannot be read: {error}") from error
    if parts.scheme not in SCHEMES:
        raise UrlRefusedError(
            f"URL scheme is {parts.scheme[:20]!r}, expected one of {', '.join(SCHEMES)}"
        )
    host = _normal_host(parts)
    literal = _literal(host)
    if literal is not None:
        check_address(literal)
    elif _METADATA_HOSTS.fullmatch(host):
        raise UrlRefusedError(f"host {host} is a cloud's metadata service: refused")
    return CheckedUrl(url, parts.scheme, host, SCHEMES[parts.scheme] if port is None else port)


def check_address(address: Address) -> None:
    """Raise UrlRefusedError for an address that no stream of ticks has.

    >>> check_address(ipaddress.ip_address("::ffff:169.254.1.1"))
    Traceback (most recent call last):
    ingestion.url_guard.UrlRefusedError: address 169.254.1.1 is link-local: refused
    """
    address = _embedded(address)
    if address in _METADATA_ADDRESSES:
        why = "a cloud's metadata service"
    elif address.is_loopback:
        return
    elif address.is_link_local:
        why = "link-local"
    elif address.is_multicast:
        why = "multicast"
    elif address.is_unspecified:
        why = "unspecified"
    elif address.is_reserved:
        why = "reserved"
    else:
        return
    raise UrlRefusedError(f"address {address} is {why}: refused")


async def resolve(checked: CheckedUrl) -> list[str]:
    """The addresses to connect to, each of them checked.

    Raises UrlRefusedError if any is refused, OSError (socket.gaierror) if there is none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(checked.host, checked.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        check_address(ipaddress.ip_address(address))
    return addresses


def mask_url(text: str) -> str:
    """A URL, or a text that holds some, without passwords, tokens and keys.

    >>> mask_url("wss://me:pw@x.example/ws?listenKey=abc&streams=a&token=t")
    'wss://***@x.example/ws?listenKey=***&streams=a&token=***'
    """
    return _SECRET.sub(r"\1***", _USERINFO.sub("***@", text))


def at_address(checked: CheckedUrl, address: str) -> str:
    """The URL with its host replaced by an address, user and password left out.

    >>> at_address(check_url("http://u:p@localhost:80/a?b=1"), "127.0.0.1")
    'http://127.0.0.1:80/a?b=1'
    """
    parts = urlsplit(checked.url)
    host = f"[{address}]" if ":" in address else address
    return urlunsplit((parts.scheme, f"{host}:{checked.port}", parts.path, parts.query, ""))


def _normal_host(parts: SplitResult) -> str:
    # Full-width digits and dots are digits and dots to a resolver.
    host = unicodedata.normalize("NFKC", parts.hostname or "").rstrip(".").lower()
    if not host:
        raise UrlRefusedError("URL has no host")
    return host


def _literal(host: str) -> Address | None:
    """The address that a host spells out, in any spelling that a resolver accepts."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _embedded(address: Address) -> Address:
    """The IPv4 address within a mapped, NAT64 or 6to4 one; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(address.packed[-4:])
    if address.sixtofour is not None:
        return address.sixtofour
    return address
