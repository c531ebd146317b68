"""What a browser tab looks at: a market, its symbols and the parameters of a pair.

A view is made in one place from what the controls hold (`check`) or from a link
(`from_query`), and is written back to the link (`to_query`). It is checked field by
field, so that a message can stand under the field that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from analytics.model import PairParams, ParameterError
from analytics.spread import check_reachable, least_window
from dashapp.parameters import link
from dashapp.parameters.check import messages, read_all, read_or_default
from dashapp.parameters.table import PAIR, VIEW

_BY_NAME = {parameter.name: parameter for parameter in VIEW}
_LEGS = ("y", "x")
#: Whose choices say what they are of.
_BY_THEMSELVES = ("hedge", "price_space", "spread_mode")
#: Letters of the longest view that is kept once it was read.
_LONGEST_KEPT = 4_096


@dataclass(frozen=True)
class View:
    """A checked view. `pair` is None while the market has fewer than two symbols."""

    market: str
    symbols: tuple[str, ...]
    timeframe: str
    z_threshold: float
    pair: PairParams | None

    @property
    def first(self) -> str | None:
        """The symbol that comes first: the chosen ones before the pair's Y leg."""
        if self.symbols:
            return self.symbols[0]
        return self.pair.y if self.pair else None


def pair_params(mapping: Mapping[str, Any]) -> PairParams:
    """The pair that texts or values by the names of PairParams describe; others are ignored.

    An absent name has its default. Raises ParameterError for the first field that is wrong.

    >>> pair_params({"y": "btcusdt", "x": "ETHUSDT", "z_window": "1,000"}).z_window
    1000
    """
    return PairParams(**{name: read_or_default(row, mapping) for name, row in PAIR.items()})


def check(
    market: str, symbols: Iterable[str], raw: Mapping[str, Any], known: Iterable[str]
) -> tuple[View | None, dict[str, str]]:
    """Make a view of what the controls hold, or say which fields are wrong, and how.

    raw: field name -> value as the control gives it; absent fields take their default.
    known: the symbols of the market. Returns (view, {}) or (None, {field: message}).
    """
    view, errors = _checked(market, symbols, raw, known)
    return view, messages(errors, _BY_NAME)


def _checked(
    market: str, symbols: Iterable[str], raw: Mapping[str, Any], known: Iterable[str]
) -> tuple[View | None, dict[str, ParameterError]]:
    legal = set(known)
    values, errors = read_all((row for row in VIEW if row.name not in _LEGS), raw)
    for leg in _LEGS:
        values[leg] = raw.get(leg) or None
        if values[leg] is not None and values[leg] not in legal:
            errors[leg] = ParameterError(leg, values[leg], "a symbol of this market")
    if errors:
        return None, errors
    chosen = tuple(symbol for symbol in symbols if symbol in legal)
    pair = None
    if values["y"] and values["x"]:
        try:  # legal each, but perhaps not together
            pair = PairParams(**{name: values[name] for name in PAIR})
        except ParameterError as error:
            return None, {error.field: error}
        try:
            check_reachable("z_threshold", values["z_threshold"], pair.z_window)
        except ParameterError as error:  # at both fields: a page may have one of them alone
            least = least_window(values["z_threshold"])
            return None, {
                error.field: error,
                "z_window": ParameterError(
                    "z_window", pair.z_window, f"at least {least} for a |z| of the threshold"
                ),
            }
    return View(market, chosen, values["timeframe"], values["z_threshold"], pair), {}


def to_dict(view: View) -> dict[str, Any]:
    """The view as plain JSON, for a `dcc.Store` and the link; `from_dict` takes it back."""
    values: dict[str, Any] = {"market": view.market, "symbols": list(view.symbols)}
    for row in VIEW:
        if row.name not in PAIR:
            values[row.name] = getattr(view, row.name)
        elif view.pair is not None:
            values[row.name] = getattr(view.pair, row.name)
    values["timeframe"] = view.timeframe
    return values


def from_dict(values: Mapping[str, Any]) -> View:
    """The view that `to_dict` wrote. Raises ParameterError where it was tampered with.

    An open page tells its own twice a second: what was read of the newest ones is kept.
    """
    text = repr(values)  # tells 1 from true, which are equal
    return _kept(text, values) if len(text) <= _LONGEST_KEPT else _read(values)


def _read(values: Mapping[str, Any]) -> View:
    market, symbols = str(values.get("market", "")), list(values.get("symbols") or [])
    known = [*symbols, values.get("y"), values.get("x")]
    view, errors = _checked(market, symbols, values, [str(name) for name in known if name])
    if view is None:
        raise errors.pop(next(iter(errors)))  # it knows this frame, which is to hold it no more
    return view


@cached(LRUCache(256), key=lambda text, values: text, lock=Lock())
def _kept(text: str, values: Mapping[str, Any]) -> View:
    return _read(values)


def to_query(values: Mapping[str, Any]) -> str:
    """The link's query for a view's dict: only what differs from the defaults.

    >>> to_query({"market": "demo", "symbols": ["A", "B"], "y": "A", "x": "B", "z_window": 90})
    'market=demo&symbols=A%2CB&y=A&x=B&z_window=90'
    """
    head = [("market", str(values["market"]))]
    if values.get("symbols"):
        head.append(("symbols", ",".join(values["symbols"])))
    return link.to_query(values, VIEW, head)


def from_query(search: str) -> dict[str, Any]:
    """What a link asks for: field name -> raw text, plus market and symbols. Unchecked.

    >>> from_query("?market=demo&symbols=A,B&z_window=90")
    {'market': 'demo', 'symbols': ['A', 'B'], 'z_window': '90'}
    """
    texts = link.all_texts(search)
    result: dict[str, Any] = {}
    if "market" in texts:
        result["market"] = texts["market"]
    if "symbols" in texts:
        result["symbols"] = [name for name in texts["symbols"].split(",") if name]
    return {**result, **link.from_query(search, VIEW)}


def own_words(params: PairParams) -> str:
    """What of a pair's parameters is not usual, in words: pairs of the same legs look alike.

    "" where all are usual but for legs and timeframe.

    >>> own_words(PairParams("A", "B", timeframe="5m", z_window=120, price_space="log"))
    'Log price · z window 120'
    """
    usual, told = PairParams(params.y, params.x), list[str]()
    for name, row in PAIR.items():
        value = getattr(params, name)
        if name not in ("y", "x", "timeframe") and value != getattr(usual, name):
            words = dict(row.choices).get(value) or row.text(value)
            told.append(words if name in _BY_THEMSELVES else f"{row.label} {words}")
    return " · ".join(told)
