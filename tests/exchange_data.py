"""What the stand-in knows beside its trades: its symbols, its bars, funding and hours.

Bars of the tape are those of its trades, to the digit. Before the tape began there is a made-up
past, the same for every request: a walk in hours, cut finer where it is asked for.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.exchange import Exchange

Row = dict[str, Any]
LENGTHS = {
    **{"1s": 1_000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000},
    **{"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000},
}
PRICE_DECIMALS, SIZE_DECIMALS = 2, 3


class Data:
    """What an Exchange answers beside trades. statuses, contracts: of symbols that are not
    TRADING, and not PERPETUAL. now_ms: its clock.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.statuses: dict[str, str] = {}
        self.contracts: dict[str, str] = {}
        self.sessions: list[Row] = []
        self.funding: dict[str, tuple[str, int]] = {}
        self._exchange = exchange
        self._origin_ms = self.now_ms()
        self._whole: dict[tuple[str, int], Row] = {}

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    # --- symbols -------------------------------------------------------------------------

    def info(self) -> Row:
        """`exchangeInfo`."""
        return {"timezone": "UTC", "symbols": [self._listed(s) for s in self._exchange.symbols]}

    def _listed(self, symbol: str) -> Row:
        row: Row = {
            "symbol": symbol,
            "status": self.statuses.get(symbol, "TRADING"),
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "5"},
            ],
        }
        if "fapi" in self._exchange.venue.rest_path:
            row["contractType"] = self.contracts.get(symbol, "PERPETUAL")
            if row["contractType"] == "TRADIFI_PERPETUAL":
                row["underlyingType"] = "EQUITY"
        return row

    def tickers(self) -> list[Row]:
        """`ticker/24hr` of all: turnover falls from symbol to symbol."""
        return [
            {"symbol": symbol, "quoteVolume": f"{1e10 / (at + 1):.2f}"}
            for at, symbol in enumerate(self._exchange.symbols)
        ]

    def premiums(self) -> list[Row]:
        """`premiumIndex` of all."""
        made = []
        for symbol in self._exchange.symbols:
            rate, _ = self.funding.get(symbol, ("0.00010000", 8))
            price = f"{self._exchange.price(symbol):.2f}"
            made.append({"symbol": symbol, "markPrice": price, "lastFundingRate": rate})
            made[-1]["nextFundingTime"] = self.now_ms() // 28_800_000 * 28_800_000 + 28_800_000
        return made

    def funding_hours(self) -> list[Row]:
        """`fundingInfo`: symbols whose funding is not each 8 hours."""
        return [
            {"symbol": symbol, "fundingIntervalHours": hours}
            for symbol, (_, hours) in self.funding.items()
            if hours != 8
        ]

    def schedule(self) -> Row:
        """`tradingSchedule`."""
        return {
            "updateTime": self.now_ms(),
            "marketSchedules": {"EQUITY": {"sessions": self.sessions}},
        }

    # --- bars ----------------------------------------------------------------------------

    def klines(self, symbol: str, interval: str, query: dict[str, str], most: int) -> list[list]:
        """`klines`: the bars that open within the asked times, the one in progress too."""
        length, now_ms = LENGTHS[interval], self.now_ms()
        limit = min(int(query.get("limit", "500")), most)
        last = min(int(query.get("endTime", now_ms)), now_ms)
        last -= last % length
        first = int(query.get("startTime", last - (limit - 1) * length))
        first = -(-first // length) * length
        if "startTime" not in query:
            first = max(first, last - (limit - 1) * length)
        rows = []
        began_ms = self._began_ms(symbol)
        for opened in range(first, min(last, first + (limit - 1) * length) + 1, length):
            if opened + length <= began_ms:
                rows.append(self._past(symbol, opened, length))
            else:
                rows.append(self.of_trades(symbol, opened, length))
        return [row for row in rows if row is not None]

    def _began_ms(self, symbol: str) -> int:
        tape = self._exchange.tape[symbol]
        return int(tape[0]["T"]) if tape else self.now_ms()

    def of_trades(self, symbol: str, opened: int, length: int) -> list | None:
        """The bar of a symbol's trades, None where there was none."""
        tape, key = self._exchange.tape[symbol], lambda row: row["T"]
        begin = bisect_left(tape, opened, key=key)
        end = bisect_left(tape, opened + length, lo=begin, key=key)
        rows = tape[begin:end]
        if not rows:
            return None
        scale, lot = 10**PRICE_DECIMALS, 10**SIZE_DECIMALS
        prices = [round(float(row["p"]) * scale) for row in rows]
        sizes = [round(float(row["q"]) * lot) for row in rows]
        worth = sum(p * q for p, q in zip(prices, sizes, strict=True))
        count = sum(row["l"] - row["f"] + 1 for row in rows)
        return _kline(
            opened,
            length,
            [prices[0], max(prices), min(prices), prices[-1]],
            sum(sizes),
            worth,
            count,
        )

    def _past(self, symbol: str, opened: int, length: int) -> list:
        """A bar of the time before the tape."""
        first, last = self._level(symbol, opened), self._level(symbol, opened + length)
        chance = (opened // 1_000 * 2_654_435_761 + length) % 1_000_003
        beyond = chance / 1e9 * first
        size = 100 + chance % 10_000
        prices = (first, max(first, last) + beyond, max(min(first, last) - beyond, 0.01), last)
        ints = [max(round(price * 10**PRICE_DECIMALS), 1) for price in prices]
        return _kline(opened, length, ints, size, ints[3] * size, 1 + size // 100)

    def _level(self, symbol: str, at_ms: int) -> float:
        walk = _walk(symbol)
        now, then = _walked(walk, at_ms), _walked(walk, self._origin_ms)
        return self._exchange.base_price(symbol) * math.exp(now - then)


def _walked(walk: list[float], at_ms: int) -> float:
    """Where a walk is: within the hour it wavers, so that no two minutes are alike."""
    hour, rest = divmod(at_ms, 3_600_000)
    begin, end = walk[hour % len(walk)], walk[(hour + 1) % len(walk)]
    minute = rest // 60_000
    waver = walk[(hour * 61 + minute) % len(walk)] * 0.05 if minute else 0.0
    return begin + (end - begin) * rest / 3_600_000 + waver


@lru_cache(maxsize=1_024)
def _walk(symbol: str) -> list[float]:
    """A symbol's walk in hours; it ends where it began, so that it has no end."""
    rng = np.random.default_rng(zlib.crc32(symbol.encode()))
    steps = rng.standard_normal(8_192) * 5e-3
    walk: list[float] = np.cumsum(steps - steps.mean()).tolist()
    return walk


def _kline(opened: int, length: int, prices: list[int], size: int, worth: int, count: int) -> list:
    def text(value: int, decimals: int) -> str:
        return f"{value // 10**decimals}.{value % 10**decimals:0{decimals}d}"

    first, high, low, last = (text(price, PRICE_DECIMALS) for price in prices)
    volume = text(size, SIZE_DECIMALS)
    turnover = text(worth, PRICE_DECIMALS + SIZE_DECIMALS)
    return [
        opened,
        first,
        high,
        low,
        last,
        volume,
        opened + length - 1,
        turnover,
        count,
        "0",
        "0",
        "0",
    ]


def kline_event(symbol: str, interval: str, row: list, closed: bool) -> str:
    """A bar as the streams of bars carry it."""
    opened, first, high, low, last, volume, ends, turnover, count = row[:9]
    bar = {"t": opened, "T": ends, "s": symbol, "i": interval, "o": first, "c": last, "h": high}
    bar |= {"l": low, "v": volume, "n": count, "x": closed, "q": turnover}
    return json.dumps({"e": "kline", "E": ends, "s": symbol, "k": bar}, ensure_ascii=False)
