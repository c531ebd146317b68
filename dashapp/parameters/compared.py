"""The pairs of a comparison, as a link bears them: AAA~BBB,CCC~DDD~1.5~-0.25~log.

A pair that is held has its own line behind its legs: beta, alpha and the scale of its prices. The
others are measured as the link says. No symbol has a ~ or a comma in its name; whatever else it
has is escaped as in every query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

from analytics.model import CountError, PairParams, ParameterError, SameValueError
from dashapp.parameters.check import read
from dashapp.parameters.link import all_texts
from dashapp.parameters.table import PAIR
from ingestion.decode.symbols import proper_symbol

FEWEST, MOST = 2, 4
LINK_NAME = "pairs"
_LEGAL = (
    "two symbols with ~ between them, such as BTCUSDT~ETHUSDT, and of a pair that is held its "
    "beta, alpha and price scale, such as BTCUSDT~ETHUSDT~1.5~-0.25~log"
)
_ONCE = "each pair once: the first is shown"
_SHOWN = 140

Legs = tuple[str, str]


class ComparedPair(NamedTuple):
    """A pair of a comparison. line: beta, alpha and price scale of one that is held, else empty."""

    y: str
    x: str
    line: tuple[float, float, str] | tuple[()] = ()

    @property
    def legs(self) -> Legs:
        return self.y, self.x

    @property
    def parts(self) -> list[Any]:
        """As a link and the page's store hold it."""
        return [*self.legs, *self.line]

    def measured(self, params: PairParams) -> PairParams:
        """Parameters of this pair with its own line, where it has one."""
        if not self.line:
            return params
        beta, alpha, scale = self.line
        return replace(params, spread_mode="locked", beta=beta, alpha=alpha, price_space=scale)


def of_params(params: PairParams) -> ComparedPair:
    """A pair as it is compared with others: with its line where its hedge is locked.

    >>> of_params(PairParams("A", "B", spread_mode="locked", beta=2.0)).parts
    ['A', 'B', 2.0, 0.0, 'price']
    """
    if params.spread_mode != "locked":
        return ComparedPair(params.y, params.x)
    line = (float(params.beta or 0.0), float(params.alpha or 0.0), params.price_space)
    return ComparedPair(params.y, params.x, line)


def of_parts(parts: Sequence[Any]) -> ComparedPair:
    """A pair of its parts, as a link or the page's store holds them.

    Raises ParameterError for what is none.
    """
    legs = [proper_symbol(str(leg).strip()) for leg in parts[:2]]
    if len(parts) not in (2, 5) or None in legs:
        raise ParameterError(LINK_NAME, "~".join(map(str, parts))[:_SHOWN], _LEGAL)
    y, x = map(str, legs)
    if y == x:
        raise SameValueError("x", x, "two different symbols", "y")
    if len(parts) == 2:
        return ComparedPair(y, x)
    names = ("beta", "alpha", "price_space")
    beta, alpha, scale = (read(PAIR[name], of) for name, of in zip(names, parts[2:], strict=True))
    if beta is None or alpha is None:
        raise ParameterError(LINK_NAME, "~".join(map(str, parts))[:_SHOWN], _LEGAL)
    return ComparedPair(y, x, (float(beta), float(alpha), str(scale)))


def to_text(pairs: Iterable[ComparedPair]) -> str:
    """The pairs as the query's text, escaped.

    >>> to_text([ComparedPair("A/B", "^GSPC"), ComparedPair("币USDT", "B", (1.5, -2.0, "log"))])
    'A%2FB~%5EGSPC,%E5%B8%81USDT~B~1.5~-2.0~log'
    """
    return ",".join("~".join(quote(str(part), safe="") for part in pair.parts) for pair in pairs)


def from_text(text: str) -> tuple[list[ComparedPair], list[ParameterError]]:
    """The pairs of a query's text, unescaped, and what of it is no pair, or one too many.

    A pair that is there twice counts once, as it stands first; the other is told where its line is
    another.

    >>> [pair.parts for pair in from_text("btcusdt~ethusdt,BTCUSDT~ETHUSDT,KO~PEP~1.5~-2~log")[0]]
    [['BTCUSDT', 'ETHUSDT'], ['KO', 'PEP', 1.5, -2.0, 'log']]
    >>> print(from_text("B~B,C~D")[1][0])
    y and x are both B, expected two different symbols
    >>> print(from_text("A~B,A~B~2~0~log")[1][0])
    pairs is 'A~B twice', expected each pair once: the first is shown
    """
    pairs: dict[Legs, ComparedPair] = {}
    errors: list[ParameterError] = []
    twice: dict[Legs, None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            pair = of_parts(part.split("~"))
        except ParameterError as error:
            errors.append(error)
            continue
        if pairs.setdefault(pair.legs, pair) != pair:
            twice[pair.legs] = None
    errors += [ParameterError(LINK_NAME, f"{'~'.join(legs)} twice", _ONCE) for legs in twice]
    if len(pairs) > MOST:
        legal = f"{FEWEST} to {MOST}: the first {MOST} are shown"
        errors.append(CountError(LINK_NAME, len(pairs), legal, "pairs"))
    return list(pairs.values())[:MOST], errors


def asked_for(search: str | None) -> str | None:
    """The text of the pairs that a link compares, None for one that compares none."""
    return all_texts(search or "").get(LINK_NAME)
