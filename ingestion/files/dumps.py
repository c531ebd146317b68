"""Rows without a header: the columns of exchanges' dumps and of the arrays in their replies.

One table: what a source calls its columns, in their order, and a row as an example. Which of
them a file is, its rows decide: the number of cells, a time between 2000 and 2100 in its place,
whole numbers for ids and counts, high not below the other prices, low not above.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ingestion.decode.symbols import word_set
from ingestion.files.numbers import Style, floats
from ingestion.files.timeforms import NO_TIME, Reading, form_of, times

#: Of so many rows at least, in ten, the prices must be in order.
_IN_ORDER = 9
#: So many bars tell which of two prices is the open.
_RUN = 10
#: What LEAN calls the files of its bars of hours and days, and of minutes; "" stands for no file.
_LEAN_FILE = re.compile(r"|(?:[a-z.]{1,7}|\d{8}_\w*trade)\.(?:csv|zip|csv\.gz)")
_EPOCH_MS = re.compile(r"\d{13}")


class Dump(NamedTuple):
    """Rows without a header. columns: meanings in their order, "_" for what is not needed.

    usual: whether the order is the usual one, which needs no note. refused: what the rows are,
    where they are no trades and no bars.
    """

    source: str
    columns: str
    example: str
    usual: bool = True
    refused: str = ""

    @property
    def meanings(self) -> tuple[str, ...]:
        """The meaning of each column."""
        return tuple(self.columns.split())


#: The first that fits counts.
DUMPS = (
    Dump("Binance klines (data.binance.vision, REST /klines)",
         "time open high low close volume _ quote trades _ _ _",
         "1735689600000,93576.0,93595.1,93543.6,93552.1,27.2,1735689659999,2550060.7,98,13.6,1,0"),
    Dump("Binance spot trades", "id price size quote time flag flag",
         "4345678901,93576.1,0.012,1122.9,1735689600097,True,True"),
    Dump("Binance futures trades", "id price size quote time flag",
         "5812345678,93576.1,0.012,1122.9,1735689600097,true"),
    Dump("Binance spot aggTrades", "id price size first last time flag flag",
         "3345678901,93576.1,0.012,4345678900,4345678901,1735689600097,True,True"),
    Dump("Binance futures aggTrades", "id price size first last time flag",
         "2512345678,93576.1,0.012,5812345677,5812345678,1735689600097,true"),
    Dump("HistData and TrueFX ticks", "time bid ask _", "20200101 170003660,1.12097,1.12134,0",
         refused="quotes (bid and ask), no trades"),
    Dump("TrueFX ticks", "symbol time bid ask", "EUR/USD,20200101 17:00:03.660,1.12097,1.12134",
         refused="quotes (bid and ask), no trades"),
    Dump("bitcoincharts.com, Kraken and Gate.io trades", "time price size",
         "1315922016,5.8,1.0"),
    Dump("trades with their side", "time price size side", "1735689600097,93576.1,0.012,buy"),
    Dump("HTX (Huobi), KuCoin and MEXC trades", "id time price size side",
         "100003,1735689600097,93576.1,0.012,buy"),
    Dump("Gate.io deals", "time id price size side", "1640995200.123,3000123,46192.1,0.01,1"),
    Dump("Kraken REST Trades", "price size time side _ _ id",
         '"103502.1","0.096",1762251899.033,"s","l","",70000000'),
    Dump("Kraken REST Trades, older", "price size time side _ _",
         '"103502.1","0.096",1762251899.033,"s","l",""'),
    Dump("Bitfinex trades", "id time signed price", "401597393,1574694475039,-0.005,7244.9"),
    Dump("freqtrade trades", "time id _ side price size cost",
         '1735689600097,"4345678901",null,"buy",93576.1,0.012,1122.9'),
    Dump("trades behind their symbol", "symbol time price size",
         "BTCUSDT,1735689600097,93576.1,0.012"),
    Dump("trades behind their symbol, with a side", "symbol time price size side",
         "BTCUSDT,1735689600097,93576.1,0.012,buy"),
    Dump("QuantConnect LEAN, hours and days", "leantime lean lean lean lean volume",
         "20250102 00:00,2489300,2491000,2418200,2438500,55740700",
         refused="bars with prices in ten-thousandths of a dollar, as whole numbers"),
    Dump("OKX candles of index and mark prices", "time open high low close closed",
         '"1735689600000","93576","93600","93500","93550","1"'),
    Dump("ccxt, freqtrade, Gemini; HistData and NinjaTrader with ';'",
         "time open high low close volume", "1735689600000,93576,93600,93500,93550,10.5"),
    Dump("Bybit klines", "time open high low close volume quote",
         '"1735689600000","93576","93600","93500","93550","10.5","982275"'),
    Dump("Kraken OHLCVT", "time open high low close volume whole",
         "1735689600,2650.0,2651.6,2648.7,2649.0,6.9,122"),
    Dump("OKX candles", "time open high low close volume _ quote closed",
         '"1735689600000","93576","93600","93500","93550","10.5","982275","982275","1"'),
    Dump("OKX candles of swaps, whose first volume counts contracts",
         "time open high low close _ volume quote closed",
         '"1735689600000","93576","93600","93500","93550","1050","10.5","982275","1"'),
    Dump("Bitget candles", "time open high low close volume quote _",
         '"1735689600000","93576","93600","93500","93550","10.5","982275","982275"'),
    Dump("Kraken REST OHLC", "time open high low close vwap volume trades",
         '1735689600,"93576","93600","93500","93550","93551.2","10.5",122'),
    Dump("bars without a volume", "time open high low close", "2025-01-01 00:00,62,63,61,62.5"),
    Dump("MetaTrader 4, HistData for MetaTrader, Kibot",
         "date clock open high low close volume", "2025.01.01,00:00,1.17,1.18,1.16,1.17,155"),
    Dump("end-of-day lists", "symbol time open high low close volume",
         "AAPL,20250102,248.9,249.1,241.8,243.8,55740700"),
    Dump("Bitfinex candles", "time open close high low volume",
         "1735689600000,93576,93550,93600,93500,10.5", usual=False),
    Dump("KuCoin candles", "time open close high low volume quote",
         '"1735689600","93576","93550","93600","93500","10.5","982275"', usual=False),
    Dump("Coinbase candles", "time low high open close volume",
         "1735689600,93500,93600,93576,93550,10.5", usual=False),
    Dump("Gate.io candlesticks", "time volume close high low open",
         "1640995200,4.0,46195.5,46200,46190,46192", usual=False),
    Dump("Gate.io candlesticks, REST", "time quote close high low open volume _",
         '"1640995200","184780","46195.5","46200","46190","46192","4.0","true"', usual=False),
    Dump("Gate.io candlesticks, REST, older", "time quote close high low open volume",
         '"1640995200","184780","46195.5","46200","46190","46192","4.0"', usual=False),
    Dump("closes alone", "time close", "1735689600000,93550.1"),
    Dump("closes alone, a clock beside the date", "date clock close", "2025.01.01,00:00,1.17"),
)  # fmt: skip

_FLAGS = frozenset(("true", "false", "0", "1", "t", "f", "m", ""))
_SIDES = word_set("buy sell b s bid ask 1 2 0 -1 long short m l market limit taker maker")
_PRICES = ("open", "high", "low", "close", "price", "vwap", "bid", "ask")


def dump_of(rows: Sequence[Sequence[str]], style: Style = Style(), file: str = "") -> Dump | None:
    """The dump whose columns fit rows of cells, None where none does. file: its name.

    >>> dump_of([["1640995200", "4.0", "46195.5", "46200", "46190", "46192"]]).source
    'Gate.io candlesticks'
    >>> dump_of([["34200.0042", "1", "16113575", "18", "5853300", "1"]]) is None
    True
    """
    if not rows:
        return None
    width = len(rows[0])
    kept = [row for row in rows if len(row) == width]
    columns = [[row[at].strip() for row in kept] for at in range(width)]
    fitting = [
        dump
        for dump in DUMPS
        if len(dump.meanings) == width
        and ("lean" not in dump.meanings or _LEAN_FILE.fullmatch(re.split(r"[/\\]", file)[-1]))
    ]
    for strict in (True, False):  # a turnover that is none tells less than the order of prices
        for dump in fitting:
            if _fits(dump.meanings, columns, style, strict):
                return dump
    return None


def _fits(
    meanings: Sequence[str], columns: Sequence[list[str]], style: Style, strict: bool
) -> bool:
    numbers = {}
    for meaning, cells in zip(meanings, columns, strict=True):
        if meaning in ("time", "date", "clock"):
            if not _most(_is_time(cell, meaning) for cell in cells):
                return False
        elif meaning == "symbol":
            if not _most(any(map(str.isalpha, cell)) and form_of(cell) is None for cell in cells):
                return False
        elif meaning == "leantime":
            if not _most(re.fullmatch(r"\d{8} \d\d:\d\d", cell) is not None for cell in cells):
                return False
        elif meaning == "lean":
            if not _most(re.fullmatch(r"\d{3,}00", cell) is not None for cell in cells):
                return False
        elif meaning == "closed":
            if not _are_closed(cells, columns[0], "volume" in meanings):
                return False
        elif meaning == "flag":
            if not _most(cell.lower() in _FLAGS for cell in cells):
                return False
        elif meaning == "side":
            if not _most(cell.lower() in _SIDES for cell in cells):
                return False
        elif meaning in ("id", "whole", "trades", "first", "last"):
            if not _most(cell.isdigit() or cell.endswith(".0") for cell in cells):
                return False
        elif meaning != "_":
            values, wrong = floats(pa.array(cells, pa.string()), style)
            if not _most(~wrong) or (meaning in _PRICES and not _most(values > 0)):
                return False
            numbers[meaning] = values
    if "time" in meanings and not _opens_where_it_closed(columns[meanings.index("time")], numbers):
        return False
    return _are_in_order(numbers) and (not strict or _is_turnover(numbers))


def _opens_where_it_closed(cells: Sequence[str], numbers: dict[str, np.ndarray]) -> bool:
    """Whether bars open about where the one before closed, and not the other way round."""
    if not {"open", "close"} <= numbers.keys() or len(cells) < _RUN or cells[0] == cells[-1]:
        return True
    opened, close = numbers["open"], numbers["close"]
    onward = float(np.nanmedian(np.abs(opened[1:] - close[:-1])))
    backward = float(np.nanmedian(np.abs(close[1:] - opened[:-1])))
    ways = {True: backward * 4 >= onward, False: onward * 4 >= backward}
    return any(ways[ascends] for ascends in _directions(cells))


def _directions(cells: Sequence[str]) -> set[bool]:
    """Whether times ascend: both ways may be right where day and month may be either."""
    found = [times(pa.array(cells, pa.string()), Reading(dayfirst=day)) for day in (True, False)]
    known = [one[one != NO_TIME] for one in found]
    most = max(map(len, known))
    ends = [one for one in known if len(one) == most and most > 1]
    return {bool(one[-1] > one[0]) for one in ends} or {True, False}


def _are_closed(cells: Sequence[str], moments: Sequence[str], volume: bool) -> bool:
    """Whether cells tell of bars that are closed. volume: whether another column is the volume;
    else a volume may be 1 as well, and only OKX's times in ms tell the one from the other.
    """
    if volume:
        return _most(cell in ("0", "1") for cell in cells)
    newest_at_most = cells.count("0") <= 1 and "0" not in cells[1:-1]  # it is not closed yet
    return newest_at_most and set(cells) <= {"0", "1"} and all(map(_EPOCH_MS.fullmatch, moments))


def _is_turnover(numbers: dict[str, np.ndarray]) -> bool:
    """Whether what should be the quote volume is about price times volume."""
    base = numbers.get("volume", numbers.get("size"))
    price = numbers.get("close", numbers.get("price"))
    if base is None or price is None or "quote" not in numbers:
        return True
    expected = base * price
    near = np.abs(numbers["quote"] - expected) <= 0.3 * expected
    return _most(near | (expected == 0))


def _are_in_order(numbers: dict[str, np.ndarray]) -> bool:
    """Whether high and low are what they say, and a bid is below its ask."""
    if {"open", "high", "low", "close"} <= numbers.keys():
        prices = [numbers[name] for name in ("open", "high", "low", "close")]
        opened, high, low, close = prices
        slack = 1e-6 * close
        right = (high >= np.maximum(opened, close) - slack) & (
            low <= np.minimum(opened, close) + slack
        )
        return _most(right | np.isnan(np.sum(prices, axis=0)))
    amount = numbers.get("volume", numbers.get("size"))
    if amount is not None:
        return bool(np.nanmin(amount) >= 0)
    if "bid" in numbers:
        near = numbers["ask"] <= numbers["bid"] * 1.05
        return _most((numbers["bid"] <= numbers["ask"]) & near)
    return True


def _most(right: object) -> bool:
    values = np.fromiter(right, bool)  # type: ignore[call-overload]
    return bool(len(values)) and int(values.sum()) * 10 >= len(values) * _IN_ORDER


def _is_time(cell: str, meaning: str) -> bool:
    form = form_of(cell)
    if form is None or form.order == "serial":
        return False
    return (form.order == "clock") == (meaning == "clock")
