"""Which addresses the server reaches for its users, and how a URL is shown.

The server fetches what a user types: streams, Redis servers, webhooks. A URL is judged when it
is given and its host by what it resolves to, at each connection, and the connection goes to the
address that was judged. Refused are link-local addresses, the clouds' metadata services,
multicast, unspecified and reserved addresses, however they are written. Loopback and private
addresses are allowed where the server serves this machine alone: a stream on localhost or in the
laboratory is an ordinary source. Where other machines reach the server, they are refused too,
unless the operator allows them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

#: The schemes of streams, of webhooks, and of databases, each with its port.
SCHEMES = {"ws": 80, "wss": 443, "http": 80, "https": 443}
WEB_SCHEMES = {"http": 80, "https": 443}
REDIS_SCHEMES = {"redis": 6379, "rediss": 6379}
POSTGRES_SCHEMES = {"postgresql": 5432, "postgres": 5432}
MAX_URL = 4_096
_LONGEST_HOST = 253

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
_COMPATIBLE = ipaddress.ip_network("::/96")

#: What the name of a secret in a query holds.
_SECRET_NAMES = ("token", "key", "secret", "signature", "password", "passwd", "auth", "sig")
#: The services that put a secret into the path: what stands before it there.
_SECRET_AFTER = frozenset({"services", "webhooks", "hooks", "triggers", "workflows"})
#: The schemes whose URLs have a host and a path. All of another's (an Apprise address) is secret.
_PLAIN_SCHEMES = frozenset(
    {"ws", "wss", "http", "https", "redis", "rediss", "postgresql", "postgres", "tcp", "tls"}
)
_WORD = re.compile(r"\S+")
_OF_SCHEMES = string.ascii_letters + string.digits + "+.-"
_USERINFO = re.compile(r"(?<=://)[^/?#\s]*@")
_FIELD = re.compile(r"(^|[?&;#])([^=&;#?]*)=([^&;#]*)")
_RUN = re.compile(r"[A-Za-z0-9]+")
#: A run of letters and digits from which on it is no word, and a segment that mixes them.
_LONG_RUN, _LONG_SEGMENT = 16, 32
_LONGEST_SCHEME = 32
_BOT = re.compile(r"bot\d+(:|%3a)", re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UrlRefusedError(ValueError):
    """A URL that nothing here opens: what is wrong with it, without its secrets."""


@dataclass(frozen=True)
class CheckedUrl:
    """A URL that is well formed and of a legal scheme. host: lower case, normalised.

    local: whether it may lead to a loopback or private address.
    """

    url: str
    scheme: str
    host: str
    port: int
    local: bool = True


def check_url(url: str, *, local: bool = True, schemes: Mapping[str, int] = SCHEMES) -> CheckedUrl:
    """Check a URL without looking anything up. schemes: the legal ones, with their ports.

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
        # Its own words may quote what stands before the host.
        wrong = "its port" if "port" in str(error).lower() else "its host"
        raise UrlRefusedError(f"URL cannot be read: {wrong} is wrong") from error
    if port == 0:
        raise UrlRefusedError("URL cannot be read: its port is wrong")
    if parts.scheme not in schemes:
        raise UrlRefusedError(
            f"URL scheme is {parts.scheme[:20]!r}, expected one of {', '.join(schemes)}"
        )
    if not unquote(f"{parts.username or ''}{parts.password or ''}").isprintable():
        raise UrlRefusedError("URL holds control characters in its user or password")
    host = _normal_host(parts)
    literal = _literal(host)
    if literal is not None:
        check_address(literal, local=local)
    elif _METADATA_HOSTS.fullmatch(host):
        raise UrlRefusedError(f"host {host} is a cloud's metadata service: refused")
    elif not local and (host == "localhost" or host.endswith(".localhost")):
        raise UrlRefusedError(f"host {host} is {_LOCAL['loopback']}")
    port = schemes[parts.scheme] if port is None else port
    return CheckedUrl(url, parts.scheme, host, port, local)


_ALLOW = "refused where other machines reach this server, unless it was started with --allow-local"
_LOCAL = {"loopback": f"loopback: {_ALLOW}", "private": f"private: {_ALLOW}"}


def check_address(address: Address, *, local: bool = True) -> None:
    """Raise UrlRefusedError for an address that nothing here opens.

    local: whether loopback and private ones are legal.

    >>> check_address(ipaddress.ip_address("::ffff:169.254.1.1"))
    Traceback (most recent call last):
    ingestion.url_guard.UrlRefusedError: address 169.254.1.1 is link-local: refused
    """
    address = _embedded(address)
    if address in _METADATA_ADDRESSES:
        why = "a cloud's metadata service: refused"
    elif address.is_loopback:
        why = "" if local else _LOCAL["loopback"]
    elif address.is_link_local:
        why = "link-local: refused"
    elif address.is_multicast:
        why = "multicast: refused"
    elif address.is_unspecified:
        why = "unspecified: refused"
    elif address.is_reserved:
        why = "reserved: refused"
    else:
        why = "" if local or address.is_global else _LOCAL["private"]
    if why:
        raise UrlRefusedError(f"address {address} is {why}")


async def resolve(checked: CheckedUrl) -> list[str]:
    """The addresses to connect to, each of them checked.

    Raises UrlRefusedError if any is refused, OSError (socket.gaierror) if there is none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(checked.host, checked.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise UrlRefusedError(_NO_NAME) from error
    return _judged(checked, (str(info[4][0]) for info in found))


def resolve_now(checked: CheckedUrl) -> list[str]:
    """The same, for a worker thread."""
    try:
        found = socket.getaddrinfo(checked.host, checked.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise UrlRefusedError(_NO_NAME) from error
    return _judged(checked, (str(info[4][0]) for info in found))


def at_address(checked: CheckedUrl, address: str) -> str:
    """The URL with its host replaced by an address, user and password left out.

    >>> at_address(check_url("http://u:p@localhost:80/a?b=1"), "127.0.0.1")
    'http://127.0.0.1:80/a?b=1'
    """
    parts = urlsplit(checked.url)
    host = f"[{address}]" if ":" in address else address
    return urlunsplit((parts.scheme, f"{host}:{checked.port}", parts.path, parts.query, ""))


_NO_NAME = "URL's host is no name that can be looked up, expected one such as feed.example.org"


def _judged(checked: CheckedUrl, found: Iterable[str]) -> list[str]:
    addresses = list(dict.fromkeys(found))
    for address in addresses:
        check_address(ipaddress.ip_address(address), local=checked.local)
    return addresses


def _normal_host(parts: SplitResult) -> str:
    # Full-width digits and dots are digits and dots to a resolver.
    host = unicodedata.normalize("NFKC", parts.hostname or "").rstrip(".").lower()
    if not host:
        raise UrlRefusedError("URL has no host")
    labels = host.split(".")
    if len(host) > _LONGEST_HOST or (":" not in host and not all(0 < len(x) < 64 for x in labels)):
        raise UrlRefusedError(_NO_NAME)
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
    if address in _COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address


def mask_url(text: str) -> str:
    """A URL, or a text that holds some, without passwords, tokens and keys.

    >>> mask_url("wss://me:pw@x.example/ws?listenKey=abc&streams=a&token=t")
    'wss://***@x.example/ws?listenKey=***&streams=a&token=***'
    >>> mask_url("https://hooks.slack.com/services/T0/B0/x1"), mask_url("tgram://1:a/2")
    ('https://hooks.slack.com/services/***/***/***', 'tgram://***')
    """
    if "://" in text:
        text = _WORD.sub(_masked_word, _USERINFO.sub("***@", text))
    return _FIELD.sub(_masked_field, text)


def _masked_field(match: re.Match[str]) -> str:
    before, name, value = match.groups()
    secret = any(word in name.lower() for word in _SECRET_NAMES)
    return f"{before}{name}={'***' if secret else value}"


def _masked_word(match: re.Match[str]) -> str:
    """A word of a text; the path of a URL in it is masked."""
    before, found, rest = match[0].partition("://")
    if not found or not rest:
        return match[0]
    tail = before[-_LONGEST_SCHEME:]
    scheme = tail[len(tail.rstrip(_OF_SCHEMES)) :]
    if scheme.lower() not in _PLAIN_SCHEMES:
        return f"{before}://***"
    ends = [at for at in (rest.find("?"), rest.find("#")) if at >= 0]
    end = min(ends, default=len(rest))
    host, *segments = rest[:end].split("/")
    return f"{before}://{'/'.join([host, *_masked_path(segments)])}{rest[end:]}"


def _masked_path(segments: list[str]) -> list[str]:
    """The path, without what is a secret by its place or by its looks."""
    after = False
    shown = []
    for segment in segments:
        secret = bool(segment) and (after or _looks_secret(segment))
        shown.append("***" if secret else segment)
        after = after or segment.lower() in _SECRET_AFTER
    return shown


def _looks_secret(segment: str) -> bool:
    if _BOT.match(segment):
        return True
    runs = [run for run in _RUN.findall(segment) if not run.isalpha()]
    if any(len(run) >= _LONG_RUN and not run.isdigit() for run in runs):
        return True
    digits, upper, lower = (
        any(map(test, segment)) for test in (str.isdigit, str.isupper, str.islower)
    )
    bare = segment.replace("-", "")
    if len(bare) == 32 and all(letter in "0123456789abcdefABCDEF" for letter in bare):
        return True  # a UUID
    return len(segment) >= _LONG_SEGMENT and digits and upper and lower and "." not in segment
