"""Bars from ticks: a batch function and its streaming twin, equal at every step.

Both run one kernel that folds ticks into bars in the order of their arrival, so the
sums of a streamed bar are bit for bit those of a resampled one. Open and close are
decided by (exchange time, trade id, arrival): the open is the first of the earliest
ticks, the close the last of the latest. So trades that are filled in later, out of the
middle of a millisecond, leave the bar that they would have made in time. Volume and
VWAP use Neumaier's compensated sums [1]_, the VWAP on prices shifted by the first price
to arrive.

.. [1] A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
   Summen", ZAMM 54 (1974), 39-51.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

import analytics._kernels.barfold as kernel
from analytics.model import (
    NO_TRADE_ID,
    TIMEFRAMES,
    UNKNOWN_TRADES,
    Bars,
    BoolArray,
    FloatArray,
    IntArray,
    Ticks,
    is_timeframe,
)

#: Bars kept per symbol and timeframe unless told otherwise.
MAX_BARS = 20_000
#: A bar counts as closed this long after its end, in ms.
GRACE_MS = 2_000

#: Ticks of a batch up to which folding them does not let other threads run meanwhile.
FEW_TICKS = 1_000
# Room made at least, and the number of bars below which it is as many again.
_SMALLEST_ROOM = 64
_GENEROUS_BELOW = 4_096
_CACHED_LIMITS = 8
# What parts sessions: a distance of more steps than these, or than the fewer from a time on.
_BREAK_STEPS, _LONG_STEPS, _LONG_MS = 50.0, 10.0, 4 * 3_600_000


def timeframe_ms(timeframe: str) -> int:
    """Length of a timeframe in ms; ValueError for what is none.

    >>> timeframe_ms("5m")
    300000
    """
    if not is_timeframe(timeframe):
        raise ValueError(f"timeframe is {timeframe!r}, expected one of {', '.join(TIMEFRAMES)}")
    return TIMEFRAMES[timeframe]


class BarBuilder:
    """The bars of one symbol and timeframe, kept up to date by batches of ticks.

    A batch of k ticks costs O(k), ticks out of order included; `bars` after any sequence
    of batches equals `resample` of all their ticks in order of arrival. The newest
    `max_bars` bars are kept. A tick older than the oldest of them, once that many are
    held, is late: it changes nothing and is counted.

    late: ticks refused as late. amended: ticks taken by a bar that was not the newest.
    refused: for the last batch, a mask of its late ticks, or None when there were none.

    >>> from analytics.model import Ticks
    >>> builder = BarBuilder("BTCUSDT", "1s")
    >>> builder.update(Ticks("BTCUSDT", [1_000, 1_400], [10.0, 12.0], [1.0, 3.0], [-1, -1]))
    0
    >>> bars = builder.bars()
    >>> bars.ts_ms.tolist(), bars.close.tolist(), bars.vwap.tolist()
    ([1000], [12.0], [11.5])
    """

    def __init__(self, symbol: str, timeframe: str, max_bars: int = MAX_BARS) -> None:
        self._prepare(symbol, timeframe, timeframe_ms(timeframe), max_bars)

    @classmethod
    def whole_session(cls, symbol: str) -> BarBuilder:
        """A builder of a single bar that holds every tick since the epoch, however old."""
        builder = cls.__new__(cls)
        builder._prepare(symbol, "session", 1 << 62, 1)
        return builder

    def _prepare(self, symbol: str, timeframe: str, length_ms: int, max_bars: int) -> None:
        if max_bars < 1:
            raise ValueError(f"max_bars is {max_bars}, expected at least 1")
        self.symbol = symbol
        self.timeframe = timeframe
        self.max_bars = max_bars
        self.refused: BoolArray | None = None
        self._order = np.zeros((2, 0), np.int64)
        self._ints = np.zeros((kernel.INT_ROWS, 0), np.int64)
        self._floats = np.zeros((kernel.FLOAT_ROWS, 0), np.float64)
        self._cursor = np.zeros(kernel.CURSOR_FIELDS, np.int64)
        self._cursor[kernel.LENGTH_MS] = length_ms
        self._cursor[kernel.MAX_BARS] = max_bars
        self._views: dict[int | None, Bars] = {}

    def __len__(self) -> int:
        return int(self._cursor[kernel.TAIL] - self._cursor[kernel.HEAD])

    @property
    def late(self) -> int:
        return int(self._cursor[kernel.LATE])

    @property
    def amended(self) -> int:
        return int(self._cursor[kernel.AMENDED])

    @property
    def span_ms(self) -> tuple[int, int]:
        """Times of the earliest tick of the oldest bar and the latest of the newest."""
        if not len(self):
            raise ValueError(f"{self.symbol} has no ticks, expected at least 1")
        places = self._places()
        return int(self._ints[kernel.FIRST, places[0]]), int(self._ints[kernel.LAST, places[-1]])

    def update(self, ticks: Ticks) -> int:
        """Fold a batch in and return how many of its ticks were too late to count.

        Raises ValueError, before anything changes, for a price or size that is not finite
        and above zero.
        """
        late_before = self.late
        refused = np.zeros(len(ticks), np.bool_)
        done = 0
        fold = kernel.fold_few if len(ticks) <= FEW_TICKS else kernel.fold
        while True:
            done = fold(
                ticks.ts_ms, ticks.price, ticks.size, ticks.trade_id, ticks.trades, done,
                self._order, self._ints, self._floats, self._cursor, refused,
            )  # fmt: skip
            if done < 0:
                bad = -1 - done
                raise ValueError(
                    f"tick {bad} has price {ticks.price[bad]} and size {ticks.size[bad]}, "
                    "expected both finite and above zero"
                )
            if done == len(ticks):
                break
            self._make_room()
        late = self.late - late_before
        self.refused = refused if late else None
        self._views.clear()
        return late

    def bars(self, limit: int | None = None) -> Bars:
        """The newest `limit` bars (None: all), read-only; kept until the next update."""
        known = self._views.get(limit)
        if known is None:
            if len(self._views) >= _CACHED_LIMITS:
                self._views.clear()
            known = self._views[limit] = self._read(limit)
        return known

    @property
    def nbytes(self) -> int:
        """Memory that the bars take, and what of them was read and is kept."""
        held = self._order.nbytes + self._ints.nbytes + self._floats.nbytes
        return int(held) + sum(view.nbytes for view in self._views.values())

    def keep(self, max_bars: int) -> None:
        """Keep the newest `max_bars` from now on, and give the memory of the others back.

        Raises ValueError below 1. Takes O(bars kept).

        >>> from analytics.model import Ticks
        >>> builder = BarBuilder("BTCUSDT", "1s")
        >>> times = [1_000, 2_000, 3_000]
        >>> builder.update(Ticks("BTCUSDT", times, [10.0, 11.0, 12.0], [1.0] * 3, [-1] * 3))
        0
        >>> builder.keep(2)
        >>> builder.bars().close.tolist()
        [11.0, 12.0]
        """
        if max_bars < 1:
            raise ValueError(f"max_bars is {max_bars}, expected at least 1")
        self.max_bars = max_bars
        self._cursor[kernel.MAX_BARS] = max_bars
        self._cursor[kernel.HEAD] += max(len(self) - max_bars, 0)
        self._make_room()
        self._views.clear()

    def _places(self, limit: int | None = None) -> IntArray:
        """Columns of the newest `limit` bars in the kernel's arrays, ascending in time."""
        head, tail = int(self._cursor[kernel.HEAD]), int(self._cursor[kernel.TAIL])
        if limit is not None:
            head = max(head, tail - max(limit, 0))
        return self._order[kernel.PLACE, head:tail]

    def _read(self, limit: int | None) -> Bars:
        places = self._places(limit)
        tail = int(self._cursor[kernel.TAIL])
        floats = self._floats.take(places, axis=1)
        volume = floats[kernel.VOLUME] + floats[kernel.VOLUME_ERROR]
        excess = floats[kernel.EXCESS] + floats[kernel.EXCESS_ERROR]
        low, high = floats[kernel.LOW], floats[kernel.HIGH]
        columns = {
            "ts_ms": self._order[kernel.SLOT, tail - len(places) : tail].copy(),
            "open": floats[kernel.OPEN].copy(),
            "high": high.copy(),
            "low": low.copy(),
            "close": floats[kernel.CLOSE].copy(),
            "volume": volume,
            "trades": self._ints[kernel.TRADES].take(places),
            "vwap": np.clip(floats[kernel.SHIFT] + excess / volume, low, high),
        }
        for column in columns.values():  # sealed, so that Bars need not copy them again
            column.flags.writeable = False
        return Bars(self.symbol, self.timeframe, **columns)

    def _make_room(self) -> None:
        """Move the bars, in order, to the middle of arrays with room for half as many more."""
        places = self._places()
        rows, tail = len(places), int(self._cursor[kernel.TAIL])
        free = max(rows if rows < _GENEROUS_BELOW else rows // 2, _SMALLEST_ROOM)
        front = free // 2
        order = np.zeros((2, rows + free), np.int64)
        order[kernel.SLOT, front : front + rows] = self._order[kernel.SLOT, tail - rows : tail]
        order[kernel.PLACE, front : front + rows] = np.arange(rows)
        ints = np.zeros((kernel.INT_ROWS, rows + free), np.int64)
        floats = np.zeros((kernel.FLOAT_ROWS, rows + free), np.float64)
        ints[:, :rows] = self._ints[:, places]
        floats[:, :rows] = self._floats[:, places]
        self._order, self._ints, self._floats = order, ints, floats
        self._cursor[[kernel.HEAD, kernel.TAIL, kernel.USED]] = front, front + rows, rows


def resample(ticks: Ticks | pd.DataFrame, timeframe: str) -> Bars:
    """Cut ticks into bars on exchange time, aligned to UTC, labelled by open time.

    ticks: in order of arrival, not necessarily of time; or a DataFrame with columns
    `price` and `size`, times in a DatetimeIndex (UTC if naive) or a column `ts_ms`, and
    perhaps `symbol`, `trade_id` and `trades` (that a row holds). A span without ticks has no
    bar. Takes O(n).

    Raises ValueError for an unknown timeframe, and for a price or size that is not finite
    and above zero.

    >>> from analytics.model import Ticks
    >>> late = Ticks("ETHUSDT", [61_000, 1_000, 59_000], [3.0, 2.0, 5.0], [1, 1, 1], [-1] * 3)
    >>> bars = resample(late, "1m")
    >>> bars.ts_ms.tolist(), bars.open.tolist(), bars.close.tolist(), bars.trades.tolist()
    ([0, 60000], [2.0, 3.0], [5.0, 3.0], [2, 1])
    """
    if isinstance(ticks, pd.DataFrame):
        ticks = ticks_of_frame(ticks)
    builder = BarBuilder(ticks.symbol, timeframe, max_bars=max(len(ticks), 1))
    builder.update(ticks)
    return builder.bars()


def ticks_of_frame(frame: pd.DataFrame) -> Ticks:
    """Ticks of a DataFrame as `resample` takes it; ValueError names what is missing.

    >>> frame = pd.DataFrame({"ts_ms": [5], "price": [2.0], "size": [1.0]})
    >>> ticks_of_frame(frame).ts_ms.tolist()
    [5]
    """
    for name in ("price", "size"):
        if name not in frame.columns:
            raise ValueError(f"ticks has no column {name}, expected price and size")
    if "ts_ms" in frame.columns:
        ts_ms = _whole_numbers(frame["ts_ms"], "times")
    elif isinstance(frame.index, pd.DatetimeIndex):
        index = frame.index if frame.index.tz is None else frame.index.tz_convert(None)
        if index.hasnans:
            raise ValueError("ticks has rows without a time, expected a time in every row")
        ts_ms = index.to_numpy().astype("datetime64[ms]").astype(np.int64)
    else:
        raise ValueError("ticks has no times, expected a DatetimeIndex or a column ts_ms")
    symbols = frame["symbol"].unique() if "symbol" in frame.columns else [""]
    if len(symbols) > 1:
        raise ValueError(f"ticks has {len(symbols)} symbols, expected 1")
    if "trade_id" in frame.columns:
        ids = _whole_numbers(frame["trade_id"].fillna(NO_TRADE_ID), "trade ids")
    else:
        ids = np.full(len(frame), NO_TRADE_ID)
    price, size = (_floats(frame[name]) for name in ("price", "size"))
    counts = _counts(frame["trades"]) if "trades" in frame.columns else None
    name = str(symbols[0]) if len(symbols) else ""
    return Ticks(name, ts_ms, price, size, ids, counts)  # type: ignore[arg-type]


def _counts(column: pd.Series) -> IntArray:
    """How many trades each row holds; ValueError for fewer than 1."""
    counts = _whole_numbers(column, "trades")
    if len(counts) and not 1 <= counts.min() <= counts.max() < 1 << 31:
        raise ValueError(f"ticks has rows of {counts.min()} trades, expected at least 1")
    return counts


def _floats(column: pd.Series) -> FloatArray:
    return column.to_numpy(np.float64, na_value=np.nan)


def _whole_numbers(column: pd.Series, what: str) -> IntArray:
    """A column as int64; ValueError for a missing value or a fraction, which a cast would bend."""
    if column.dtype.kind in "iu":
        return column.to_numpy(np.int64)
    values = _floats(column)
    bad = values[~(np.isfinite(values) & (values == np.floor(values)))]
    if len(bad):
        raise ValueError(f"ticks has {bad[0]} among its {what}, expected whole numbers")
    return values.astype(np.int64)


def aggregate(bars: Bars, timeframe: str) -> Bars:
    """Coarser bars from finer ones.

    Open of the first, close of the last, extremes of all; volume and trades are summed,
    UNKNOWN_TRADES stays unknown; the VWAP is weighted by volume, or is the plain mean
    where no bar has any. ValueError unless `timeframe` is a multiple of the bars' own.

    >>> ones = Bars("X", "1m", [0, 60_000], [1, 2], [3, 4], [1, 1], [2, 3], [1, 3], [5, 6], [2, 3])
    >>> five = aggregate(ones, "5m")
    >>> five.open.tolist(), five.high.tolist(), five.close.tolist(), five.vwap.tolist()
    ([1.0], [4.0], [3.0], [2.75])
    """
    length, own = timeframe_ms(timeframe), timeframe_ms(bars.timeframe)
    if length % own:
        raise ValueError(f"timeframe is {timeframe!r}, expected a multiple of {bars.timeframe}")
    if length == own or not len(bars):
        return replace(bars, timeframe=timeframe)
    slots = bars.ts_ms - bars.ts_ms % length
    first = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
    last = np.r_[first[1:], len(bars)] - 1
    volume = np.add.reduceat(bars.volume, first)
    traded = np.where(volume > 0, volume, 1.0)
    anchor = bars.vwap[first]
    above = bars.vwap - np.repeat(anchor, last - first + 1)
    weighted = np.add.reduceat(above * bars.volume, first) / traded
    plain = np.add.reduceat(above, first) / (last - first + 1)
    unknown = np.minimum.reduceat(bars.trades, first) == UNKNOWN_TRADES
    return Bars(
        bars.symbol,
        timeframe,
        slots[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        volume,
        np.where(unknown, UNKNOWN_TRADES, np.add.reduceat(bars.trades, first)),
        anchor + np.where(volume > 0, weighted, plain),
    )


def usual_step(ts_ms: IntArray, timeframe: str) -> float:
    """Mean time in ms from one bar to the next within sessions; the timeframe's for one bar.

    ts_ms: epoch ms of the bars that count, ascending, shape (n,). n such bars take n steps on the
    clock: a step is longer than the timeframe where quiet bars are absent or filtered out, and the
    quiet stretches count, however uneven they are. What parts sessions does not: a distance of
    over 50 steps (the mean of all shorter ones), or of over 10 that is 4 hours at least, such as a
    market's night or a feed's outage; they are fewer than half of all. Shorter ones, such as
    the weekend between daily bars, count: then it is calendar time.

    >>> usual_step(np.array([0, 3_000, 6_000, 60_000_000]), "1s"), usual_step(np.array([0]), "1s")
    (3000.0, 1000.0)
    >>> usual_step(np.array([0, 1_000, 2_000, 3_000, 20_000]), "1s")
    5000.0
    """
    if len(ts_ms) < 2:
        return float(TIMEFRAMES[timeframe])
    distances = np.diff(ts_ms)
    if distances.max() > _LONG_STEPS * distances.min():
        distances = np.sort(distances)
        shorter = np.cumsum(distances)[:-1] / np.arange(1, len(distances))
        apart = np.where(distances[1:] >= _LONG_MS, _LONG_STEPS, _BREAK_STEPS) * shorter
        breaks = np.flatnonzero(distances[1:] > apart) + 1
        breaks = breaks[breaks > len(distances) // 2]  # a few short ones do not part the others
        if len(breaks):
            distances = distances[: breaks[0]]
    return float(distances.mean())
