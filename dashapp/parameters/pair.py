"""What a browser tab looks at: a market, its symbols and the parameters of a pair.

A view is made in one place from what the controls hold (`check`) or from a link
(`from_query`), and is written back to the link (`to_query`). It is checked field by
field, so that a message can stand under the field that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import parse_qs, urlencode

import numpy as np

from analytics.model import (
    HEDGE_METHODS,
    LAG_METHODS,
    MIN_VOLUME_RANGE,
    PAIR_RANGES,
    TIMEFRAMES,
    TRENDS,
    CorrelationBasis,
    PairParams,
    PriceSpace,
)
from dashapp import ids

_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(e\+?\d\d?)?", re.ASCII | re.I)
#: Commas between groups of three digits, as the pages write large numbers.
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
FIXED_LAG = "fixed"
THRESHOLD_RANGE = (0.1, 20.0)


@dataclass(frozen=True)
class Field:
    """One parameter: its name in a link, its control, its words and its legal values.

    kind: "choice" (of `legal`), "whole" (in PAIR_RANGES; None if `optional`), "number" (in
    `limits`), "switch" or "symbol".
    """

    name: str
    control: str
    label: str
    kind: str
    default: Any
    legal: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict, hash=False)
    optional: bool = False
    limits: tuple[float, float] = THRESHOLD_RANGE
    hint: str = ""
    group: str = ""


_HEDGE_WORDS = {
    "ols": "OLS",
    "huber": "Huber (robust)",
    "theil_sen": "Theil-Sen (median slope)",
    "tls": "Total least squares",
    "kalman": "Kalman filter",
    "ratio": "Price ratio",
}

FIELDS: tuple[Field, ...] = (
    Field("y", ids.LEG_Y, "Y leg", "symbol", None, group="Pair"),
    Field("x", ids.LEG_X, "X leg", "symbol", None, group="Pair"),
    Field("timeframe", ids.TIMEFRAME, "Timeframe", "choice", "1s", tuple(TIMEFRAMES), group="Pair"),
    Field(
        "limit",
        ids.LIMIT,
        "Bars in view",
        "whole",
        1_000,
        hint="newest",
        group="Pair",
    ),
    Field(
        "hedge",
        ids.HEDGE_METHOD,
        "Hedge ratio (β)",
        "choice",
        "ols",
        HEDGE_METHODS,
        _HEDGE_WORDS,
        group="Hedge",
    ),
    Field("intercept", ids.INTERCEPT, "With intercept (α)", "switch", True, group="Hedge"),
    Field(
        "price_space",
        ids.PRICE_SPACE,
        "Prices as",
        "choice",
        "price",
        get_args(PriceSpace),
        {"price": "Price", "log": "Log price"},
        group="Hedge",
    ),
    Field(
        "hedge_window",
        ids.HEDGE_WINDOW,
        "Hedge window",
        "whole",
        None,
        optional=True,
        hint="bars",
        group="Hedge",
    ),
    Field("z_window", ids.Z_WINDOW, "z window", "whole", 60, hint="bars", group="Windows"),
    Field("z_threshold", ids.Z_THRESHOLD, "z threshold", "number", 2.0, group="Windows"),
    Field(
        "corr_window",
        ids.CORR_WINDOW,
        "Correlation window",
        "whole",
        60,
        hint="bars",
        group="Windows",
    ),
    Field(
        "corr_on",
        ids.CORR_ON,
        "Correlation of",
        "choice",
        "returns",
        get_args(CorrelationBasis),
        {"returns": "Returns", "prices": "Prices"},
        group="Windows",
    ),
    Field(
        "trend",
        ids.ADF_TREND,
        "ADF trend",
        "choice",
        "c",
        TRENDS,
        {"n": "None", "c": "Constant", "ct": "Constant, trend", "ctt": "Constant, trend²"},
        group="Tests",
    ),
    Field(
        "lag_method",
        ids.LAG_METHOD,
        "ADF lags by",
        "choice",
        "aic",
        (*LAG_METHODS, FIXED_LAG),
        {"aic": "AIC", "bic": "BIC", "t-stat": "t-statistic", FIXED_LAG: "Fixed (maximum)"},
        group="Tests",
    ),
    Field("adf_window", ids.ADF_WINDOW, "ADF window", "whole", 120, hint="bars", group="Tests"),
    Field(
        "min_trades",
        ids.MIN_TRADES,
        "Filter: least trades",
        "whole",
        0,
        hint="a bar",
        group="Tests",
    ),
    Field(
        "min_volume",
        ids.MIN_VOLUME,
        "Filter: least turnover",
        "number",
        0.0,
        limits=MIN_VOLUME_RANGE,
        hint="quote a bar",
        group="Tests",
    ),
)


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


def _digits(value: float) -> str:
    """A number without an exponent, as fields and links hold it: 20000, 2.5, 0.00001."""
    return np.format_float_positional(value, trim="-")


def _finite(raw: Any) -> float | None:
    """The number that a field holds, 20,000 and 2e4 among them.

    None for anything else: `1_000` and full-width digits too.
    """
    text = _digits(raw) if isinstance(raw, float) else str(raw).strip()
    text = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    return float(text) if _NUMBER.fullmatch(text) else None


def _whole(one: Field, raw: Any) -> int | None:
    low, high = PAIR_RANGES[one.name]
    if raw is None or raw == "":
        if one.optional:
            return None
        raise ValueError(f"empty: needs a whole number from {low} to {high}")
    number = _finite(raw)
    if number is None:
        raise ValueError(f"{raw} is no number: {low} to {high}")
    if not low <= number <= high or not number.is_integer():
        raise ValueError(f"{raw} is not a whole number from {low} to {high}")
    return int(number)


def _number(one: Field, raw: Any) -> float:
    low, high = one.limits
    number = _finite(raw)
    if number is None and raw not in (None, ""):
        raise ValueError(f"{raw} is no number: {low:g} to {high:,.15g}")
    if number is None or not low <= number <= high:
        given = "empty" if raw in (None, "") else raw
        raise ValueError(f"{given}: expected {low:g} to {high:,.15g}")
    return number


def _switch(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", "none", ""):
        return False
    raise ValueError(f"{raw!r} is neither true nor false")


def read(one: Field, raw: Any) -> Any:
    """A field's value from what a control or a link holds.

    Raises ValueError, in words that stand under the field.

    >>> read(FIELDS[-1], "12")
    12.0
    """
    if one.kind == "whole":
        return _whole(one, raw)
    if one.kind == "number":
        return _number(one, raw)
    if one.kind == "switch":
        return _switch(raw)
    if one.kind == "choice" and raw not in one.legal:
        raise ValueError(f"{raw!r} is none of {', '.join(one.legal)}")
    return raw


def _pair(values: Mapping[str, Any]) -> PairParams | None:
    if not values["y"] or not values["x"]:
        return None
    chosen = {name: value for name, value in values.items() if name != "z_threshold"}
    chosen["lag_method"] = None if chosen["lag_method"] == FIXED_LAG else chosen["lag_method"]
    return PairParams(**chosen)


def check(
    market: str, symbols: Iterable[str], raw: Mapping[str, Any], known: Iterable[str]
) -> tuple[View | None, dict[str, str]]:
    """Make a view of what the controls hold, or say which fields are wrong, and how.

    raw: field name -> value as the control gives it; absent fields take their default.
    known: the symbols of the market. Returns (view, {}) or (None, {field: message}).
    """
    legal = set(known)
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for one in FIELDS:
        try:
            values[one.name] = read(one, raw.get(one.name, one.default))
        except ValueError as error:
            errors[one.name] = str(error)
            continue
        if one.kind == "symbol" and values[one.name] and values[one.name] not in legal:
            errors[one.name] = f"{values[one.name]} is not in this market"
    if not errors and values["y"] and values["y"] == values["x"]:
        errors["x"] = "the legs must differ"
    if errors:
        return None, errors
    chosen = tuple(symbol for symbol in symbols if symbol in legal)
    view = View(market, chosen, values["timeframe"], values["z_threshold"], _pair(values))
    return view, {}


def to_dict(view: View) -> dict[str, Any]:
    """The view as plain JSON, for a `dcc.Store` and the link; `from_dict` takes it back."""
    values: dict[str, Any] = {"market": view.market, "symbols": list(view.symbols)}
    for one in FIELDS:
        if one.name == "z_threshold":
            values[one.name] = view.z_threshold
        elif view.pair is not None:
            values[one.name] = getattr(view.pair, one.name)
    values["timeframe"] = view.timeframe
    if view.pair is not None and values["lag_method"] is None:
        values["lag_method"] = FIXED_LAG
    return values


def from_dict(values: Mapping[str, Any]) -> View:
    """The view that `to_dict` wrote. Raises ValueError where it was tampered with."""
    market, symbols = str(values.get("market", "")), list(values.get("symbols") or [])
    known = [*symbols, values.get("y"), values.get("x")]
    view, errors = check(market, symbols, values, [str(one) for one in known if one])
    if view is None:
        name, message = next(iter(errors.items()))
        raise ValueError(f"{name}: {message}")
    return view


def to_query(values: Mapping[str, Any]) -> str:
    """The link's query for a view's dict: only what differs from the defaults.

    >>> to_query({"market": "demo", "symbols": ["A", "B"], "y": "A", "x": "B", "z_window": 90})
    'market=demo&symbols=A%2CB&y=A&x=B&z_window=90'
    """
    items: list[tuple[str, str]] = [("market", str(values["market"]))]
    if values.get("symbols"):
        items.append(("symbols", ",".join(values["symbols"])))
    for one in FIELDS:
        value = values.get(one.name, one.default)
        if value != one.default and value is not None:
            text = _digits(value) if isinstance(value, float) else str(value)
            items.append((one.name, text.lower() if one.kind == "switch" else text))
    return urlencode(items)


def from_query(search: str) -> dict[str, Any]:
    """What a link asks for: field name -> raw text, plus market and symbols. Unchecked.

    >>> from_query("?market=demo&symbols=A,B&z_window=90")
    {'market': 'demo', 'symbols': ['A', 'B'], 'z_window': '90'}
    """
    asked = {name: values[-1] for name, values in parse_qs(search.lstrip("?")).items()}
    result: dict[str, Any] = {}
    if "market" in asked:
        result["market"] = asked["market"]
    if "symbols" in asked:
        result["symbols"] = [one for one in asked["symbols"].split(",") if one]
    result.update({one.name: asked[one.name] for one in FIELDS if one.name in asked})
    return result
