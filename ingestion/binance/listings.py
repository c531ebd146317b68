"""What the exchange says of its symbols, sans-I/O: requests, answers, and the nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from analytics.model import Listing
from ingestion.binance.hours import CONTRACT
from ingestion.binance.klines import is_futures
from ingestion.binance.wire import Venue
from ingestion.decode.symbols import proper_symbol

#: What a request costs: of all symbols, of what was traded in 24 h, of funding.
INFO_WEIGHT, FUNDING_WEIGHT = 20, 10
NEAREST = 3
_decode = msgspec.json.Decoder().decode


def paths(venue: Venue) -> dict[str, tuple[str, int]]:
    """The requests of a venue and what each costs: info, turnover, and of futures funding."""
    root = venue.rest_path
    found = {
        "info": (f"{root}/exchangeInfo", INFO_WEIGHT),
        "turnover": (f"{root}/ticker/24hr", 40 if is_futures(venue) else 80),
    }
    if is_futures(venue):
        found["funding"] = (f"{root}/premiumIndex", FUNDING_WEIGHT)
        found["hours"] = (f"{root}/fundingInfo", 1)
    return found


def read_info(body: bytes) -> dict[str, Listing]:
    """Every symbol of `exchangeInfo`, also those that do not trade. Raises ValueError.

    >>> list(read_info(b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}'))
    ['BTCUSDT']
    """
    answer = _answer(body)
    symbols = answer.get("symbols") if isinstance(answer, dict) else None
    if not isinstance(symbols, list):
        raise ValueError("exchangeInfo has no list of symbols")
    found: dict[str, Listing] = {}
    for row in symbols:
        if not isinstance(row, dict):
            continue
        name = proper_symbol(str(row.get("symbol", "")))
        if name is not None:
            filters = {f.get("filterType"): f for f in _dicts(row.get("filters"))}
            found[name] = Listing(
                symbol=name,
                status=str(row.get("status") or row.get("contractStatus") or ""),
                contract_type=str(row.get("contractType") or "SPOT"),
                tick_size=_number(filters.get("PRICE_FILTER", {}).get("tickSize")),
                lot_size=_number(filters.get("LOT_SIZE", {}).get("stepSize")),
                min_notional=_min_notional(filters),
                underlying=_underlying(row),
            )
    return found


def _underlying(row: Mapping[str, Any]) -> str:
    """Whose hours a contract keeps; "" for one that trades round the clock."""
    return str(row.get("underlyingType") or "") if row.get("contractType") == CONTRACT else ""


def with_turnover(listings: Mapping[str, Listing], body: bytes) -> dict[str, Listing]:
    """The listings with what was traded of each in 24 h. Raises ValueError."""
    rows = {row.get("symbol"): row for row in _rows(body)}
    return {
        name: replace(one, turnover=_number(rows.get(name, {}).get("quoteVolume")))
        for name, one in listings.items()
    }


def with_funding(listings: Mapping[str, Listing], body: bytes) -> dict[str, Listing]:
    """The listings with mark price and funding rate. Raises ValueError."""
    rows = {row.get("symbol"): row for row in _rows(body)}
    made = dict(listings)
    for name, one in listings.items():
        row = rows.get(name)
        if row is not None:
            next_ms = row.get("nextFundingTime")
            made[name] = replace(
                one,
                mark_price=_number(row.get("markPrice")),
                funding_rate=_number(row.get("lastFundingRate")),
                next_funding_ms=next_ms if isinstance(next_ms, int) and next_ms > 0 else None,
            )
    return made


def with_hours(listings: Mapping[str, Listing], body: bytes) -> dict[str, Listing]:
    """The listings with the hours between fundings, where they are not 8. Raises ValueError."""
    hours = {row.get("symbol"): _number(row.get("fundingIntervalHours")) for row in _rows(body)}
    return {
        name: replace(one, funding_hours=hours.get(name) or one.funding_hours)
        for name, one in listings.items()
    }


def nearest(name: str, known: Iterable[str], count: int = NEAREST) -> list[str]:
    """The known names that are most like one that is unknown.

    >>> nearest("BTCUSD", ["ETHUSDT", "BTCUSDT", "BTCUSDC"])
    ['BTCUSDT', 'BTCUSDC', 'ETHUSDT']
    """
    return difflib.get_close_matches(name.upper(), list(known), count, 0.5)


def unknown(symbols: Iterable[str], listings: Mapping[str, Listing], where: str) -> str:
    """What is wrong with the first symbol that the exchange does not trade; "" for none.

    >>> unknown(["BTCUSD"], {"BTCUSDT": Listing("BTCUSDT")}, "Binance spot")
    'Binance spot has no symbol BTCUSD: is BTCUSDT meant?'
    """
    trading = [name for name, one in listings.items() if one.status == "TRADING"]
    for symbol in symbols:
        one = listings.get(symbol)
        if one is not None and one.status == "TRADING":
            continue
        if one is not None:
            return f"{where} does not trade {symbol} now: its status is {one.status}"
        near = nearest(symbol, trading)
        meant = f": is {' or '.join(near)} meant?" if near else ""
        return f"{where} has no symbol {symbol[:40]}{meant}"
    return ""


def by_turnover(listings: Mapping[str, Listing], quote: str = "USDT") -> list[Listing]:
    """What trades, the most traded first; quotes other than `quote` after those in it."""
    trading = [one for one in listings.values() if one.status == "TRADING"]
    return sorted(
        trading,
        key=lambda one: (not one.symbol.endswith(quote), -(one.turnover or 0.0), one.symbol),
    )


def _answer(body: bytes) -> Any:
    try:
        return _decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"the answer is no JSON: {error}") from None


def _rows(body: bytes) -> list[dict[str, Any]]:
    return _dicts(_answer(body))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1e18 else None


def _min_notional(filters: Mapping[Any, Mapping[str, Any]]) -> float | None:
    for name in ("MIN_NOTIONAL", "NOTIONAL"):
        row = filters.get(name, {})
        value = _number(row.get("notional", row.get("minNotional")))
        if value is not None:
            return value
    return None
