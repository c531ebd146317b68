"""The table of sources: what each kind is called, what it takes, and which market it fills.

`source_of` reads what somebody typed and `kind_of` finds its line here; `ingestion.feed` has
the maker of each kind's feed under the same name. Light: the command line's help imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    name: as the command line and HTTP take it; of URLs, of the kind alone. label: as pages show
    it. market: the id of the market that it fills. aliases: what else people call it, lower
    case. schemes: of its URLs, none for a source that has a name. default_symbols: what an
    exchange is asked for where nobody chose; none for a source that sends what it sends.
    simulated: whether its ticks are made up. published: whether another process reads and keeps
    it, so that its past comes at once and is not kept again.
    """

    name: str
    label: str
    market: Literal["demo", "live"] = "live"
    aliases: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    default_symbols: tuple[str, ...] = ()
    simulated: bool = False
    published: bool = False


_PAIR = ("BTCUSDT", "ETHUSDT")

SOURCES = (
    SourceKind("demo", "Demo", market="demo", aliases=("simulator",), simulated=True),
    SourceKind(
        "binance-futures",
        "Binance USD-M",
        aliases=("binance", "binance usd-m", "usd-m"),
        default_symbols=_PAIR,
    ),
    SourceKind(
        "binance-spot", "Binance spot", aliases=("binance spot", "spot"), default_symbols=_PAIR
    ),
    SourceKind("websocket", "WebSocket", schemes=("ws", "wss")),
    SourceKind("http", "HTTP", schemes=("http", "https")),
    SourceKind("redis", "Redis", schemes=("redis", "rediss"), published=True),
)

#: The sources that have a name, and the schemes of those that are URLs.
NAMED = tuple(kind for kind in SOURCES if not kind.schemes)
SCHEMES = {scheme: kind for kind in SOURCES for scheme in kind.schemes}
_NAMES = {name: kind for kind in NAMED for name in (kind.name, *kind.aliases)}

#: What a source may be, in words.
LEGAL = (
    f"{', '.join(kind.name for kind in NAMED)}, or a ws://, wss://, http://, https:// or "
    "redis:// URL"
)

#: Characters of a source, at most.
LONGEST = 4_096

_FILE = re.compile(r"\.(ndjson|jsonl|json|csv|gz|log|txt)$", re.IGNORECASE)
_HERE = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/.*)?", re.IGNORECASE)
_HOST = re.compile(r"([\w-]+\.)+[a-z]{2,}(:\d+)?(/.*)?", re.IGNORECASE | re.ASCII)


def source_of(text: str) -> str:
    """The source as `make_feed` takes it: a name, or a URL.

    An address without a scheme is a WebSocket's, an open one on this machine. Raises
    ValueError in words for a file, which is dropped on the page, and for what is no source.

    >>> source_of(" Binance "), source_of("localhost:9000/ticks"), source_of("feed.example.com/a")
    ('binance-futures', 'ws://localhost:9000/ticks', 'wss://feed.example.com/a')
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(f"source has {len(text):,} characters, expected at most {LONGEST:,}")
    kind = _NAMES.get(text.lower())
    if kind is not None:
        return kind.name
    if "://" in text:
        return text
    if _FILE.search(text) or text.startswith(("/", "~", "./", "../", "\\")):
        raise ValueError(
            f"{text[-60:]!r} is a file: drop it on the page, and it becomes a market of its own"
        )
    if _HERE.fullmatch(text):
        return f"ws://{text}"
    if _HOST.fullmatch(text):
        return f"wss://{text}"
    raise ValueError(f"source is {text[:60]!r}, expected {LEGAL}")


def is_exchange(source: str) -> bool:
    """Whether a source is asked for symbols by name, at an address that can be set.

    >>> is_exchange("binance-spot"), is_exchange("wss://example.com"), is_exchange("none")
    (True, False, False)
    """
    kind = kind_of(source)
    return kind is not None and bool(kind.default_symbols)


def kind_of(source: str) -> SourceKind | None:
    """The line of a source, a name or a URL; None for what is neither.

    >>> kind_of("binance-spot").label, kind_of("REDISS://host").published, kind_of("none")
    ('Binance spot', True, None)
    """
    scheme, url, _ = source.partition("://")
    return SCHEMES.get(scheme.lower()) if url else _NAMES.get(source)
