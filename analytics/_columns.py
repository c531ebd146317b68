"""Ticks and bars: columns that nothing can change, of equal length, sliced and joined as one.

`analytics.model` gives both to the rest of the house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CountArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

#: Rows of a batch: a slice of them, a mask of shape (n,), or their places.
Rows = slice | BoolArray | IntArray


def frozen(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return `values` as a read-only contiguous array, copied only where it must be.

    >>> frozen([1, 2], np.float64).flags.writeable
    False
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        if array is values or array.base is not None:
            array = array.copy()
        array.flags.writeable = False
    return array


def _check_indexes(columns: Sequence[tuple[str, Any]]) -> None:
    """Refuse Series of different indexes, which would be taken for rows of one batch."""
    indexed = [(name, column.index) for name, column in columns if hasattr(column, "iloc")]
    for name, index in indexed[1:]:
        if not index.equals(indexed[0][1]):
            raise ValueError(
                f"{indexed[0][0]} and {name} have different indexes, expected one index"
            )


def _whole(name: str, values: Any, dtype: npt.DTypeLike) -> Any:
    """The values of a column, which are whole numbers where the column holds such."""
    if isinstance(values, np.ndarray) and values.dtype == dtype:
        return values
    array = np.asarray(values)
    if np.dtype(dtype).kind != "i" or array.dtype.kind in "iub" or not array.size:
        return array
    if array.dtype.kind in "mM":
        raise ValueError(f"{name} holds {array.dtype}, expected whole numbers, as epoch ms are")
    bad = ~np.isfinite(array.astype(np.float64))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"{name}[{row}] is {array[row]}, expected a whole number")
    return array


class Columns:
    """A batch of rows: read-only arrays of one length, and what all rows have in common.

    A subclass is a frozen dataclass whose `_dtypes` names its columns; its other fields are
    equal in batches that can be joined.

    >>> ticks = Ticks("ETHUSDT", [1, 2, 3], [5.0, 6.0, 7.0], [1.0] * 3, [-1] * 3)
    >>> ticks[1:].price.tolist(), ticks[ticks.price < 6].ts_ms.tolist(), len(ticks[[2, 0]])
    ([6.0, 7.0], [1], 2)
    >>> Ticks.concat([ticks[1:], ticks[:1]]).ts_ms.tolist()
    [2, 3, 1]
    """

    ts_ms: IntArray
    _dtypes: Mapping[str, npt.DTypeLike] = {}

    def __post_init__(self) -> None:
        lengths = set()
        _check_indexes([(name, getattr(self, name)) for name in self._dtypes])
        for name, dtype in self._dtypes.items():
            array = frozen(_whole(name, getattr(self, name), dtype), dtype)
            object.__setattr__(self, name, array)
            lengths.add(array.shape)
        if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
            raise ValueError(
                f"{type(self).__name__} has columns of shapes {sorted(lengths)}, "
                "expected one length"
            )

    def __len__(self) -> int:
        return len(self.ts_ms)

    @property
    def nbytes(self) -> int:
        """Memory of the columns."""
        return sum(getattr(self, name).nbytes for name in self._dtypes)

    #: A batch has columns, not rows: nothing iterates over it.
    __iter__ = None

    def __getitem__(self, rows: Rows) -> Self:
        """These rows as a batch of the same kind; a slice shares the memory of its columns."""
        fields = vars(self)
        return self._of({name: fields[name][rows] for name in self._dtypes})

    @classmethod
    def concat(cls, batches: Sequence[Self]) -> Self:
        """The rows of batches one after the other; a single batch is returned itself.

        Raises ValueError for no batch, and for batches of different symbols or timeframes.
        """
        if not batches:
            raise ValueError(f"there are 0 batches of {cls.__name__}, expected at least 1")
        first = batches[0]
        if len(batches) == 1:
            return first
        for batch in batches[1:]:
            if batch._shared != first._shared:
                raise ValueError(f"batches are of {batch._shared}, expected {first._shared}")
        columns = [[vars(batch)[name] for batch in batches] for name in cls._dtypes]
        joined = map(np.concatenate, columns)
        return first._of(dict(zip(cls._dtypes, joined, strict=True)))

    @property
    def _shared(self) -> dict[str, Any]:
        """The fields that are no columns."""
        return {name: value for name, value in vars(self).items() if name not in self._dtypes}

    def _of(self, columns: dict[str, npt.NDArray[Any]]) -> Self:
        """A batch of the same kind with these columns, which it owns."""
        for name, column in columns.items():
            if column.ndim != 1:
                raise TypeError("rows are one number, expected a slice, a mask or places")
            if not column.flags.c_contiguous:
                column = columns[name] = column.copy()
            column.flags.writeable = False
        batch = object.__new__(type(self))
        vars(batch).update(vars(self), **columns)
        return batch


@dataclass(frozen=True, eq=False)
class Ticks(Columns):
    """A batch of trades of one symbol, in order of arrival.

    ts_ms: exchange time, epoch ms. price, size: finite and above zero.
    trade_id: the exchange's id, NO_TRADE_ID where it gives none. trades: how many trades each
    row holds, 1 unless the source aggregates them; None for 1 throughout.
    """

    symbol: str
    ts_ms: IntArray
    price: FloatArray
    size: FloatArray
    trade_id: IntArray
    trades: CountArray = None  # type: ignore[assignment]

    _dtypes = {
        "ts_ms": np.int64,
        "price": np.float64,
        "size": np.float64,
        "trade_id": np.int64,
        "trades": np.int32,
    }

    def __post_init__(self) -> None:
        if self.trades is None:
            object.__setattr__(self, "trades", np.ones(len(self.ts_ms), np.int32))
        super().__post_init__()

    def parts(self, symbols: Sequence[str], ends: Sequence[int]) -> list[Ticks]:
        """A batch a symbol: of these rows the first so many are the first one's, and so on.

        ends: where the rows of each end, ascending. The batches share the memory of the columns.

        >>> both = Ticks("", [1, 2, 3], [5.0, 6.0, 7.0], [1.0] * 3, [-1] * 3)
        >>> [(part.symbol, part.price.tolist()) for part in both.parts(["X", "Y"], [1, 3])]
        [('X', [5.0]), ('Y', [6.0, 7.0])]
        """
        fields = vars(self)
        columns = [(name, fields[name]) for name in self._dtypes]
        made, begin = [], 0
        for symbol, end in zip(symbols, ends, strict=True):
            part = object.__new__(Ticks)
            own = vars(part)
            own["symbol"] = symbol
            for name, column in columns:
                own[name] = column[begin:end]
            made.append(part)
            begin = end
        return made


@dataclass(frozen=True, eq=False)
class Bars(Columns):
    """Bars of one symbol and timeframe, ascending, labelled by open time.

    trades: UNKNOWN_TRADES where the source does not count them. vwap: volume-weighted
    average price of the bar; the typical price (high + low + close) / 3 for bars that
    came as OHLC.
    """

    symbol: str
    timeframe: str
    ts_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    trades: IntArray
    vwap: FloatArray

    _dtypes = {
        "ts_ms": np.int64,
        "open": np.float64,
        "high": np.float64,
        "low": np.float64,
        "close": np.float64,
        "volume": np.float64,
        "trades": np.int64,
        "vwap": np.float64,
    }

    def tail(self, count: int | None) -> Bars:
        """The newest `count` bars, or all of them for None."""
        if count is None or count >= len(self):
            return self
        return self[len(self) - max(count, 0) :]


#: The columns of Ticks, in the order of exports and of the archive.
TICK_COLUMNS: tuple[str, ...] = tuple(Ticks._dtypes)
#: The columns of Bars, likewise.
BAR_COLUMNS: tuple[str, ...] = tuple(Bars._dtypes)
