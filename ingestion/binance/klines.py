"""The exchange's own bars, sans-I/O: requests for them, their answers, and their streams.

The newest bar of an answer may be in progress. A bar in which nothing traded is no bar here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np

from analytics.bars import timeframe_ms
from analytics.model import Bars, Rejected
from ingestion.binance.wire import Venue
from ingestion.decode.decoder import sample
from ingestion.decode.fields import Notice
from ingestion.decode.symbols import proper_symbol
from ingestion.stream.intake import Delivery
from ingestion.stream.timecheck import WallClock

#: Bars of one request, at most.
FUTURES_LIMIT, SPOT_LIMIT = 1_500, 1_000
_read_json = msgspec.json.Decoder().decode
_FIELDS = 9
#: No time and no count is larger.
_MOST = 1 << 53


@dataclass(frozen=True)
class Page:
    """What a request brought. bars: those in which something traded, the one in progress too.

    rows: of the answer, whatever became of them. rejected: rows that are no bars.
    """

    bars: Bars
    rows: int
    rejected: list[Rejected]


def timeframes_of(venue: Venue) -> tuple[str, ...]:
    """The listed timeframes that a venue has bars of: futures have no seconds.

    >>> from ingestion.binance.wire import VENUES
    >>> timeframes_of(VENUES["binance-futures"])
    ('1m', '5m', '15m', '1h', '4h', '1d')
    """
    minutes = ("1m", "5m", "15m", "1h", "4h", "1d")
    return minutes if is_futures(venue) else ("1s", *minutes)


def is_futures(venue: Venue) -> bool:
    """Whether a venue is one of futures."""
    return venue.rest_path.startswith("/fapi")


def most(venue: Venue) -> int:
    """How many bars one request may ask for."""
    return FUTURES_LIMIT if is_futures(venue) else SPOT_LIMIT


def weight(venue: Venue, limit: int) -> int:
    """What a request for so many bars costs.

    >>> from ingestion.binance.wire import VENUES
    >>> [weight(VENUES["binance-futures"], limit) for limit in (99, 499, 1_000, 1_500)]
    [1, 2, 5, 10]
    """
    if not is_futures(venue):
        return 2
    return next(cost for top, cost in ((99, 1), (499, 2), (1_000, 5), (1_500, 10)) if limit <= top)


def path(venue: Venue, symbol: str, timeframe: str, first_ms: int, last_ms: int) -> tuple[str, int]:
    """The request for the bars that open from first_ms to last_ms, and what it costs.

    >>> from ingestion.binance.wire import VENUES
    >>> path(VENUES["binance-spot"], "BTCUSDT", "1m", 60_000, 120_000)[0]
    '/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=60000&endTime=120000&limit=2'
    """
    length = timeframe_ms(timeframe)
    limit = min(max((last_ms - first_ms) // length + 1, 1), most(venue))
    asked = f"symbol={quote(symbol)}&interval={timeframe}&startTime={first_ms}&endTime={last_ms}"
    return f"{venue.rest_path}/klines?{asked}&limit={limit}", weight(venue, limit)


def read(body: bytes, symbol: str, timeframe: str) -> Page:
    """The bars of an answer. Raises ValueError for what is no answer to such a request.

    >>> row = '[60000,"1","3","1","2","4",119999,"8",5,"0","0","0"]'
    >>> page = read(f"[{row}]".encode(), "BTCUSDT", "1m")
    >>> page.bars.vwap.tolist(), page.bars.trades.tolist(), page.rows
    ([2.0], [5], 1)
    """
    try:
        rows = _read_json(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"the answer is no JSON: {error}") from None
    if not isinstance(rows, list):
        raise ValueError(f"the answer is no list of bars: {sample(body)}")
    columns = _columns(rows, timeframe)
    if columns is not None:
        return Page(Bars(symbol, timeframe, *columns), len(rows), [])
    rejected: list[Rejected] = []
    kept: list[tuple[Any, ...]] = []
    for row in rows:
        bar = _bar(row, timeframe)
        if bar is None:
            rejected.append(Rejected("kline", sample(msgspec.json.encode(row))))
        elif bar[6] > 0:
            kept.append(bar)
    kept = sorted({bar[0]: bar for bar in kept}.values())
    return Page(_bars(symbol, timeframe, kept), len(rows), rejected)


def _columns(rows: list[Any], timeframe: str) -> list[Any] | None:
    """The columns of an answer that is as it should be; None where a row has to be looked at."""
    try:
        columns = list(zip(*rows, strict=True))
        opened, texts, trades = columns[0], [*columns[1:6], columns[7]], columns[8]
        numbers = [np.fromiter(map(float, column), np.float64, len(rows)) for column in texts]
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    whole = (*opened, *trades)
    if set(map(type, whole)) != {int} or max(whole) > _MOST or min(whole) < 0:
        return None
    ts_ms, count = np.array(opened, np.int64), np.array(trades, np.int64)
    first, high, low, last, volume, worth = numbers
    sound = (low > 0) & (low <= np.minimum(first, last)) & (np.maximum(first, last) <= high)
    sound &= (high < np.inf) & (volume >= 0) & (volume < np.inf) & (worth >= 0) & (worth < np.inf)
    sound &= ts_ms % timeframe_ms(timeframe) == 0
    if not sound.all() or not (np.diff(ts_ms) > 0).all():
        return None
    traded = volume > 0
    vwap = np.clip(worth / np.where(traded, volume, 1.0), low, high)
    kept = traded & (count > 0)
    return [column[kept] for column in (ts_ms, first, high, low, last, volume, count, vwap)]


def _bar(row: Any, timeframe: str) -> tuple[Any, ...] | None:
    """A row's open time, prices, volume, trades and VWAP; None where it is no bar."""
    if not isinstance(row, list) or len(row) < _FIELDS:
        return None
    return checked(row[0], row[1:6], row[7], row[8], timeframe)


def checked(
    opened: Any, numbers: Sequence[Any], turnover: Any, trades: Any, timeframe: str
) -> tuple[Any, ...] | None:
    """A bar from an exchange's fields; None where they are no bar's.

    numbers: open, high, low, close and volume, as text.
    """
    try:
        first, high, low, last, volume = map(float, numbers)
        worth = float(turnover)
    except (TypeError, ValueError, OverflowError):
        return None
    if type(opened) is not int or type(trades) is not int or opened % timeframe_ms(timeframe):
        return None
    if not (0 <= opened <= _MOST and trades <= _MOST):
        return None
    if not 0 < low <= min(first, last) <= max(first, last) <= high < np.inf:
        return None
    if not (0 <= volume < np.inf and 0 <= worth < np.inf and trades >= 0):
        return None
    vwap = min(max(worth / volume, low), high) if volume > 0 else last
    return opened, first, high, low, last, volume, trades if volume > 0 else 0, vwap


def _bars(symbol: str, timeframe: str, rows: list[tuple[Any, ...]]) -> Bars:
    columns = zip(*rows, strict=True) if rows else [[]] * 8
    return Bars(symbol, timeframe, *columns)  # type: ignore[arg-type]


class KlineIntake:
    """Reads the messages of streams of bars. It takes the place of the intake of trades.

    A closed bar is delivered; one in progress says that its symbol lives.
    """

    numbered = True

    def __init__(self, timeframe: str) -> None:
        self.clock = WallClock()
        self._timeframe = timeframe

    def begin(self, symbols: Sequence[str]) -> None:
        """A new start of the same source."""
        self.clock = WallClock()

    def want(self, symbols: Sequence[str]) -> None:
        """Whatever comes was asked for."""

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Bars have no ids."""

    def take(self, messages: Sequence[bytes]) -> Delivery:
        """The closed bars of a batch, and what else it said."""
        closed: dict[str, list[tuple[Any, ...]]] = {}
        heard: set[str] = set()
        rejected: list[Rejected] = []
        notices: list[Notice] = []
        for message in messages:
            try:
                frame = _read_json(message)
                data = frame.get("data", frame)
                event = data.get("e")
            except (msgspec.DecodeError, AttributeError):
                rejected.append(Rejected("json", sample(message)))
                continue
            if event == "serverShutdown":
                notices.append(Notice("shutdown", "the server announced that it shuts down"))
            if event != "kline":
                rejected.append(Rejected("control", sample(message)))
                continue
            self._take(data, message, closed, heard, rejected)
        ticks: list[Any] = [
            _bars(symbol, self._timeframe, sorted({row[0]: row for row in rows}.values()))
            for symbol, rows in closed.items()
        ]
        return Delivery(ticks, rejected, [], [], notices, frozenset(heard))

    def _take(
        self,
        data: dict[str, Any],
        message: bytes,
        closed: dict[str, list[tuple[Any, ...]]],
        heard: set[str],
        rejected: list[Rejected],
    ) -> None:
        symbol, kline = proper_symbol(str(data.get("s", ""))), data.get("k")
        row = None
        if symbol is not None and isinstance(kline, dict) and kline.get("i") == self._timeframe:
            numbers = [kline.get(name) for name in "ohlcv"]
            row = checked(kline.get("t"), numbers, kline.get("q"), kline.get("n"), self._timeframe)
        if row is None or symbol is None or kline is None:
            rejected.append(Rejected("kline", sample(message)))
            return
        heard.add(symbol)
        if kline.get("x") is True and row[6] > 0:
            closed.setdefault(symbol, []).append(row)
