"""The symbol of rows that name none: as asked, or as the file's name tells."""

from __future__ import annotations

import re
from functools import cached_property

from ingestion.decode.symbols import (
    names_nothing,
    stem_of,
    symbol_in_name,
    symbol_of_file,
    word_set,
)
from ingestion.files.errors import Answers
from ingestion.files.report import Tally

#: Timeframes that a name may tell: other lengths in names are those of what the file covers.
_USUAL = word_set(
    "1s 5s 10s 15s 30s 1m 2m 3m 5m 10m 15m 30m 1h 2h 3h 4h 6h 8h 12h 1d 7d"
)  # fmt: skip
_LENGTH = re.compile(r"(\d{1,2})(s|secs?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wk|weeks?)", re.I)
#: As MetaTrader has them; other letters with a number may be months of futures.
_META_TRADER = {
    **{"M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m"},
    **{"H1": "1h", "H4": "4h", "D1": "1d", "W1": "7d"},
}
_WORDS = {"minutely": "1m", "minute": "1m", "hourly": "1h", "daily": "1d", "weekly": "7d"}


def timeframe_in_name(file: str) -> str | None:
    """The timeframe that a file's name tells, None where it tells none, or several.

    >>> timeframe_in_name("BTCUSDT-1h-2024-01-01.csv"), timeframe_in_name("EURUSD_M15.csv")
    ('1h', '15m')
    >>> timeframe_in_name("BTCUSDT-1M-2024-01.csv"), timeframe_in_name("KO_1m_and_5m.csv")
    (None, None)
    """
    words = [word for word in re.split(r"[\W_]+", stem_of(file)) if word]
    found = {_timeframe(word) for word in words} - {None}
    return found.pop() if len(found) == 1 else None


def _timeframe(word: str) -> str | None:
    known = _META_TRADER.get(word.upper()) or _WORDS.get(word.lower())
    length = _LENGTH.fullmatch(word)
    if known is not None or length is None or length[2] == "M":  # 1M is a month
        return known
    number, unit = int(length[1]), length[2][0].lower()
    if unit == "w":
        number, unit = 7 * number, "d"
    name = f"{number}{unit}"
    return name if name in _USUAL and (unit != "d" or length[1] != "7") else None


class Naming:
    """`of_bars` and `of_ticks` give the symbol; one that had to be made up is noted.

    told: by what holds the file, such as an archive. Ticks get no symbol that is made up.

    >>> Naming("KO_1m.csv", Answers(), Tally()).of_bars
    'KO'
    >>> Naming("ticks.csv", Answers(), Tally()).of_ticks is None
    True
    """

    def __init__(self, file: str, answers: Answers, tally: Tally, told: str | None = None) -> None:
        self.asked = answers.symbol
        self._file = file
        self._tally = tally
        self._told = told

    @cached_property
    def of_bars(self) -> str:
        """The symbol of bars."""
        known = self.asked or self._told
        if known is not None:
            return known
        symbol = symbol_of_file(self._file)
        if names_nothing(self._file):
            self._tally.nameless = True
            self._tally.notes.append(
                f"no row and no part of the file's name tells the symbol: called {symbol} "
                "(symbol= gives another)"
            )
        return symbol

    @cached_property
    def of_ticks(self) -> str | None:
        """The symbol of ticks, None where nothing tells it."""
        known = self.asked or self._told or symbol_in_name(self._file)
        return known or (None if names_nothing(self._file) else symbol_of_file(self._file))

    @property
    def timeframe(self) -> str | None:
        """The timeframe that the file's name tells."""
        return timeframe_in_name(self._file)

    def of(self, kind: str) -> str | None:
        """The symbol of rows of a kind, "ticks" or "bars"."""
        return self.of_ticks if kind == "ticks" else self.of_bars
