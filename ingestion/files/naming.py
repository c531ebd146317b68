"""The symbol of rows that name none: as asked, or as the file's name tells."""

from __future__ import annotations

from functools import cached_property

from ingestion.decode.symbols import names_nothing, symbol_in_name, symbol_of_file
from ingestion.files.errors import Answers
from ingestion.files.report import Tally


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

    def of(self, kind: str) -> str | None:
        """The symbol of rows of a kind, "ticks" or "bars"."""
        return self.of_ticks if kind == "ticks" else self.of_bars
