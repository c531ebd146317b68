"""The pairs of a comparison, as a link bears them: AAA~BBB,CCC~DDD.

No symbol has a ~ or a comma in its name; whatever else it has is escaped as in every query.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from analytics.model import CountError, ParameterError, SameValueError
from dashapp.parameters.link import all_texts
from ingestion.decode.symbols import proper_symbol

FEWEST, MOST = 2, 4
LINK_NAME = "pairs"
_LEGAL = "two symbols with ~ between them, such as BTCUSDT~ETHUSDT"
_SHOWN = 140

Legs = tuple[str, str]


def to_text(pairs: Iterable[Legs]) -> str:
    """The pairs as the query's text, escaped.

    >>> to_text([("BTC/USDT", "^GSPC"), ("币USDT", "BRK.B")])
    'BTC%2FUSDT~%5EGSPC,%E5%B8%81USDT~BRK.B'
    """
    return ",".join("~".join(quote(leg, safe="") for leg in legs) for legs in pairs)


def from_text(text: str) -> tuple[list[Legs], list[ParameterError]]:
    """The pairs of a query's text, unescaped, and what of it is no pair, or one too many.

    A pair that is there twice counts once.

    >>> from_text("btcusdt~ethusdt,BTCUSDT~ETHUSDT,BRK.B~^GSPC")
    ([('BTCUSDT', 'ETHUSDT'), ('BRK.B', '^GSPC')], [])
    >>> print(*from_text("A,B~B,C~D")[1], sep="; ")
    pairs is 'A', expected two symbols with ~ between them, such as BTCUSDT~ETHUSDT; y and x are \
both B, expected two different symbols
    """
    pairs: list[Legs] = []
    errors: list[ParameterError] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        legs = tuple(proper_symbol(leg.strip()) for leg in part.split("~"))
        if len(legs) != 2 or None in legs:
            errors.append(ParameterError(LINK_NAME, part[:_SHOWN], _LEGAL))
            continue
        y, x = str(legs[0]), str(legs[1])
        if y == x:
            errors.append(SameValueError("x", x, "two different symbols", "y"))
        elif (y, x) not in pairs:
            pairs.append((y, x))
    if len(pairs) > MOST:
        legal = f"{FEWEST} to {MOST}: the first {MOST} are shown"
        errors.append(CountError(LINK_NAME, len(pairs), legal, "pairs"))
    return pairs[:MOST], errors


def asked_for(search: str | None) -> str | None:
    """The text of the pairs that a link compares, None for one that compares none."""
    return all_texts(search or "").get(LINK_NAME)
