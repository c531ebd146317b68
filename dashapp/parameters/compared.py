"""The pairs of a comparison, as a link bears them: AAA~BBB,CCC~DDD~1.5~-0.25.

A pair that is held has its own line behind its legs, beta and alpha; the others are measured as
the link says. No symbol has a ~ or a comma in its name; whatever else it has is escaped as in
every query.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from analytics.model import CountError, ParameterError, SameValueError
from dashapp.parameters.check import read
from dashapp.parameters.link import all_texts
from dashapp.parameters.table import PAIR
from ingestion.decode.symbols import proper_symbol

FEWEST, MOST = 2, 4
LINK_NAME = "pairs"
_LINE = ("beta", "alpha")
_LEGAL = "two symbols with ~ between them, such as BTCUSDT~ETHUSDT"
_SHOWN = 140

Legs = tuple[str, str]
#: Legs, with the line of the position where the pair is held: y = alpha + beta x.
Compared = Legs | tuple[str, str, float, float]


def to_text(pairs: Iterable[Compared]) -> str:
    """The pairs as the query's text, escaped.

    >>> to_text([("BTC/USDT", "^GSPC"), ("币USDT", "BRK.B", 1.5, -0.25)])
    'BTC%2FUSDT~%5EGSPC,%E5%B8%81USDT~BRK.B~1.5~-0.25'
    """
    return ",".join("~".join(quote(str(part), safe="") for part in pair) for pair in pairs)


def from_text(text: str) -> tuple[list[Compared], list[ParameterError]]:
    """The pairs of a query's text, unescaped, and what of it is no pair, or one too many.

    A pair that is there twice counts once.

    >>> from_text("btcusdt~ethusdt,BTCUSDT~ETHUSDT,BRK.B~^GSPC~1.5~-2")
    ([('BTCUSDT', 'ETHUSDT'), ('BRK.B', '^GSPC', 1.5, -2.0)], [])
    >>> print(*from_text("A,B~B,C~D")[1], sep="; ")
    pairs is 'A', expected two symbols with ~ between them, such as BTCUSDT~ETHUSDT; y and x are \
both B, expected two different symbols
    """
    pairs: dict[Legs, Compared] = {}
    errors: list[ParameterError] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        names, line = part.split("~")[:2], part.split("~")[2:]
        legs = tuple(proper_symbol(name.strip()) for name in names)
        if len(legs) != 2 or None in legs or len(line) not in (0, 2):
            errors.append(ParameterError(LINK_NAME, part[:_SHOWN], _LEGAL))
            continue
        y, x = str(legs[0]), str(legs[1])
        if y == x:
            errors.append(SameValueError("x", x, "two different symbols", "y"))
            continue
        try:
            held = [float(read(PAIR[name], of)) for name, of in zip(_LINE, line, strict=False)]
        except ParameterError as error:
            errors.append(error)
            continue
        pairs.setdefault((y, x), (y, x, held[0], held[1]) if held else (y, x))
    if len(pairs) > MOST:
        legal = f"{FEWEST} to {MOST}: the first {MOST} are shown"
        errors.append(CountError(LINK_NAME, len(pairs), legal, "pairs"))
    return list(pairs.values())[:MOST], errors


def asked_for(search: str | None) -> str | None:
    """The text of the pairs that a link compares, None for one that compares none."""
    return all_texts(search or "").get(LINK_NAME)
