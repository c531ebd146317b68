"""Reading a request's query: every value checked, every unknown name refused.

A wrong value is told by its name, what was given and what is legal, as everywhere; the
HTTP interface answers a ValueError with 400.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.model import PAIR_RANGES, TIMEFRAMES, PairParams, is_timeframe

Read = Callable[[str, str], Any]

_SHOWN = 40


@dataclass(frozen=True)
class Parameter:
    """One name of a query. default: its value where it is absent; `...` where it must be there.

    text: what it means, for the documentation page.
    """

    read: Read
    default: Any = ...
    text: str = ""


Parameters = Mapping[str, Parameter]


def read_query(query: Iterable[tuple[str, str]], parameters: Parameters) -> dict[str, Any]:
    """The values of a query, given as its pairs of name and text; defaults filled in.

    Raises ValueError naming the first parameter that is unknown, repeated, absent or wrong.

    >>> read_query([("limit", "5")], {"limit": Parameter(whole(1, 10))})
    {'limit': 5}
    """
    texts: dict[str, str] = {}
    for name, given in query:
        if name not in parameters:
            legal = ", ".join(parameters) or "none"
            raise ValueError(f"there is no parameter {name!r} here, expected only: {legal}")
        if name in texts:
            raise ValueError(f"{name} is given more than once, expected one value")
        texts[name] = given
    values: dict[str, Any] = {}
    for name, parameter in parameters.items():
        given = texts.get(name, "")
        if given == "":
            if parameter.default is ...:
                raise ValueError(f"{name} is missing")
            values[name] = parameter.default
        else:
            values[name] = parameter.read(name, given)
    return values


def text(name: str, given: str) -> str:
    """The text as it is."""
    return given


def symbol(name: str, given: str) -> str:
    """A symbol, in capitals.

    >>> symbol("y", "btcusdt")
    'BTCUSDT'
    """
    return given.upper()


def whole(low: int, high: int) -> Read:
    """A whole number from low to high."""
    longest = max(len(str(low)), len(str(high)))

    def read(name: str, given: str) -> int:
        digits = given.removeprefix("-")
        plain = len(given) <= longest and digits.isascii() and digits.isdigit()
        if not plain or not low <= int(given) <= high:
            shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
            raise ValueError(f"{name} is {shown!r}, expected a whole number from {low} to {high}")
        return int(given)

    return read


def number(name: str, given: str) -> float:
    """A finite number."""
    try:
        value = float(given) if given.isascii() and "_" not in given else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {given!r}, expected a number")
    return value


def flag(name: str, given: str) -> bool:
    """true or false, 1 or 0."""
    if given.lower() not in ("true", "1", "false", "0"):
        raise ValueError(f"{name} is {given!r}, expected true or false")
    return given.lower() in ("true", "1")


def choice(*legal: str) -> Read:
    """One of the legal words."""

    def read(name: str, given: str) -> str:
        if given not in legal:
            raise ValueError(f"{name} is {given!r}, expected one of {', '.join(legal)}")
        return given

    return read


def optional(read: Read, *absent: str) -> Read:
    """What `read` reads, or None for one of the words of `absent`."""

    def read_or_none(name: str, given: str) -> Any:
        return None if given in absent else read(name, given)

    return read_or_none


def _pair_whole(name: str) -> Read:
    return whole(*PAIR_RANGES[name])


_DEFAULTS = PairParams("Y", "X")


def timeframe(name: str, given: str) -> str:
    """A timeframe: a listed one, or that of a file, such as 3m."""
    if not is_timeframe(given):
        raise ValueError(f"{name} is {given!r}, expected one of {', '.join(TIMEFRAMES)}")
    return given


TIMEFRAME = Parameter(timeframe, _DEFAULTS.timeframe, ", ".join(TIMEFRAMES))

#: The parameters of a pair, as PairParams names them. What is legal of the words among
#: them, PairParams itself says.
PAIR: dict[str, Parameter] = {
    "y": Parameter(symbol, text="Y leg"),
    "x": Parameter(symbol, text="X leg"),
    "timeframe": TIMEFRAME,
    "hedge": Parameter(text, _DEFAULTS.hedge, "ols, huber, theil_sen, tls, kalman, ratio"),
    "intercept": Parameter(flag, _DEFAULTS.intercept, "fit with an intercept: true, false"),
    "price_space": Parameter(text, _DEFAULTS.price_space, "price or log"),
    "hedge_window": Parameter(
        optional(_pair_whole("hedge_window"), "all", "none"),
        _DEFAULTS.hedge_window,
        "bars of the hedge fit; all: those in view",
    ),
    "z_window": Parameter(_pair_whole("z_window"), _DEFAULTS.z_window, "bars of the z-score"),
    "corr_window": Parameter(
        _pair_whole("corr_window"), _DEFAULTS.corr_window, "bars of the rolling correlation"
    ),
    "corr_on": Parameter(text, _DEFAULTS.corr_on, "returns or prices"),
    "trend": Parameter(text, _DEFAULTS.trend, "of the ADF test: n, c, ct, ctt"),
    "lag_method": Parameter(
        optional(text, "fixed", "none"), _DEFAULTS.lag_method, "aic, bic, t-stat, fixed"
    ),
    "adf_window": Parameter(_pair_whole("adf_window"), _DEFAULTS.adf_window, "bars of each ADF"),
    "min_trades": Parameter(
        _pair_whole("min_trades"), _DEFAULTS.min_trades, "least trades a bar, per leg"
    ),
    "min_volume": Parameter(
        number,
        _DEFAULTS.min_volume,
        "least turnover a bar, per leg: volume x vwap, in quote currency",
    ),
    "limit": Parameter(_pair_whole("limit"), _DEFAULTS.limit, "newest aligned bars in view"),
}


def pair_params(values: Mapping[str, Any]) -> PairParams:
    """The pair among the values of a query. Raises ValueError naming the field."""
    return PairParams(**{name: values[name] for name in PAIR})
