"""What source somebody meant: read from what they typed, before any feed is made."""

from __future__ import annotations

import re

SOURCES = (
    "demo, binance-futures, binance-spot, or a ws://, wss://, http://, https:// or redis:// URL"
)

_NAMES = {
    "demo": "demo",
    "simulator": "demo",
    "binance": "binance-futures",
    "binance-futures": "binance-futures",
    "binance usd-m": "binance-futures",
    "usd-m": "binance-futures",
    "binance-spot": "binance-spot",
    "binance spot": "binance-spot",
    "spot": "binance-spot",
}
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
    name = _NAMES.get(text.lower())
    if name is not None:
        return name
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
    raise ValueError(f"source is {text[:60]!r}, expected {SOURCES}")
