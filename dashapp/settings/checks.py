"""What addresses and tokens the command line and the environment may hold. See `settings`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ingestion.url_guard import (
    POSTGRES_SCHEMES,
    REDIS_SCHEMES,
    SCHEMES,
    UrlRefusedError,
    check_url,
    mask_url,
)

SHORTEST_TOKEN, _LONGEST_TOKEN = 16, 1_024
_CLUSTER_SCHEMES = {"tcp": 8786, "tls": 8786}
_SCHEMES = {**SCHEMES, **REDIS_SCHEMES, **POSTGRES_SCHEMES, **_CLUSTER_SCHEMES}


class UsageError(Exception):
    """What the user gave cannot be used; the message is the one line to show."""


def judged(
    label: str, url: str, *, local: bool = True, schemes: Mapping[str, int] = _SCHEMES
) -> str:
    """A URL that may be opened. Raises UsageError."""
    try:
        return check_url(url, local=local, schemes=schemes).url
    except UrlRefusedError as error:
        raise UsageError(f"{label}: {error}") from None


def postgres_url(label: str, url: str) -> str:
    """A URL of PostgreSQL, which needs no host where its query names a socket."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname or "host=" in parts.query) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{label} is {mask_url(url)!r}, expected postgresql://host/database")
    return judged(label, url) if parts.hostname else url


def url(label: str, text: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of these schemes."""
    expected = ", ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{label} is {mask_url(text)!r}, expected a URL that starts with {expected}"
        )
    return judged(label, text.strip())


def redis_url(label: str, text: str) -> str | None:
    """A URL of Redis; None for the word none."""
    return None if text.strip().lower() == "none" else url(label, text, ("redis", "rediss"))


def token(label: str, text: str) -> str:
    """A token that nobody guesses and that a header carries."""
    if len(text) < SHORTEST_TOKEN:
        raise UsageError(
            f"{label} has {len(text)} characters, expected at least {SHORTEST_TOKEN}: "
            "whoever guesses it has the server"
        )
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UsageError(f"{label} holds a character that a header cannot carry")
    return text


def token_file(label: str, path: str) -> str:
    """The token in a file, whose name alone the list of processes shows."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no ASCII text"
        raise UsageError(f"{label}: cannot read {path!r}: {why}") from None
    return token(f"{label}: the token in {path!r}", text)
