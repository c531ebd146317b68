"""Symbols: their proper form, and the one that a file's name tells."""

from __future__ import annotations

import re

from analytics.model import SYMBOL_PATTERN

#: Currencies in which the other leg of a symbol is quoted, as its name ends.
QUOTES = (
    *("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI", "USD", "EUR", "GBP", "JPY", "TRY"),
    *("BRL", "AUD", "CAD", "CHF", "KRW", "BTC", "ETH", "BNB", "SOL"),
)

MAX_SYMBOLS = 64


def proper_symbol(text: str) -> str | None:
    """The symbol in upper case, None for what is no symbol.

    >>> proper_symbol("btcusdt"), proper_symbol("<b>"), proper_symbol("=A1")
    ('BTCUSDT', None, None)
    """
    name = text.upper() if text.isascii() else ""
    return name if SYMBOL_PATTERN.fullmatch(name) else None


def symbol_in_name(name: str) -> str | None:
    """The part of a file's name that ends in a quote currency, None if there is none.

    >>> symbol_in_name("coinbase_btcusd_1m_20180404-05.csv")
    'BTCUSD'
    """
    for part in re.split(r"[^A-Za-z0-9]+", stem_of(name)):
        symbol = part.upper()
        for quote in QUOTES:
            if symbol.endswith(quote) and 2 <= len(symbol) - len(quote) <= 12:
                return symbol
    return None


def symbol_of_file(name: str) -> str:
    """The symbol to give to a file that names none.

    >>> symbol_of_file("../my prices (2).csv")
    'MY_PRICES_2'
    """
    known = symbol_in_name(name)
    if known is not None:
        return known
    cleaned = re.sub(r"[^A-Z0-9_-]+", "_", stem_of(name).upper()).strip("_-")
    return cleaned[:32] or "UPLOAD"


def stem_of(name: str) -> str:
    """A file's name without folders and endings.

    >>> stem_of("C:/data/ticks.ndjson.gz")
    'ticks'
    """
    base = re.split(r"[/\\]", name)[-1]
    return re.sub(r"(\.(csv|txt|json|ndjson|jsonl|log|gz))+$", "", base, flags=re.IGNORECASE)
