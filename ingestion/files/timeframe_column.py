"""The column that names the timeframe of each bar: one is read of several, the one asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from analytics.model import TIMEFRAMES, BoolArray, is_timeframe
from ingestion.files.errors import QuestionOpen, timeframe_question


class TimeframeColumn:
    """The timeframes that a column has named so far. asked: the one that was answered.

    several: whether they are two or more and none was asked for: nothing more is read then.
    step: the length of a bar in ms, 0 where some word is no timeframe.

    >>> column = TimeframeColumn(None)
    >>> column.take(pa.array(["1m", "60s"])).tolist(), column.step, column.several
    ([True, True], 60000, False)
    >>> column.take(pa.array(["5m", "1m"])).tolist(), column.several
    ([False, False], True)
    >>> TimeframeColumn("5m").take(pa.array(["5m", "1m"])).tolist()
    [True, False]
    """

    def __init__(self, asked: str | None) -> None:
        self.step = 0
        self._asked = asked
        self._lengths: dict[int, str] = {}

    @property
    def several(self) -> bool:
        return self._asked is None and len(self._lengths) > 1

    def take(self, column: Any) -> BoolArray:
        """Which rows are read."""
        words = column.cast(pa.string()).dictionary_encode()
        named = [word if is_timeframe(word) else None for word in words.dictionary.to_pylist()]
        self._lengths = {TIMEFRAMES[w]: w for w in named if w is not None} | self._lengths
        if self.several:
            return np.zeros(len(column), bool)
        if self._asked is not None and self._lengths:
            self.step = TIMEFRAMES[self._asked]
            good = [word is not None and TIMEFRAMES[word] == self.step for word in named]
            mask = np.array([*good, False])
            codes = words.indices.fill_null(len(good)).to_numpy(zero_copy_only=False)
            chosen: BoolArray = mask[codes]
            return chosen
        if self._lengths and None not in named and not self.step:
            self.step = next(iter(self._lengths))
        return np.ones(len(column), bool)

    def question(self) -> QuestionOpen:
        """Which timeframe is read."""
        told = {self._lengths[length]: "" for length in sorted(self._lengths)}
        return timeframe_question("the rows are bars", told)
