"""Errors that a person reads, and questions that a person answers.

UploadError (a ValueError): a file is no market data, or cannot be told for sure.
    QuestionOpen: it can be read in more than one way; `question` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analytics.model import TIMEFRAMES
from ingestion.decode.symbols import exchange_in_name

#: The forms that are read, as the end of a refusal.
LEGAL = (
    "read are trades or bars as CSV, NDJSON, JSON, Parquet or Feather, plain or as "
    ".gz, .zip, .xz, .bz2 or .zst (docs/files.md shows every form)"
)

Parameter = Literal["symbol", "dayfirst", "timezone", "encoding", "columns", "replace", "timeframe"]


class UploadError(ValueError):
    """A file that is no market data.

    found: what is there. missing: what a market needs and is not there, "" for nothing to
    name. advice: the way out.

    >>> str(UploadError("line 1 reads 'a,b'", "no column of times", "name the columns"))
    "line 1 reads 'a,b'; no column of times; name the columns"
    """

    def __init__(self, found: str, missing: str = "", advice: str = "") -> None:
        super().__init__("; ".join(part for part in (found, missing, advice) if part))
        self.found = found
        self.missing = missing
        self.advice = advice


#: Columns of a pair's analysis, as this app exports it.
_OF_A_PAIR = frozenset(("ts_ms", "price_y", "price_x", "spread", "z"))


def refuse_analysis(names: Iterable[str]) -> None:
    """Raise UploadError where the columns are those of a pair's analysis that we exported.

    >>> refuse_analysis(["ts_ms", "price", "size"])
    """
    if set(names) >= _OF_A_PAIR:
        raise UploadError(
            "this is a pair's analysis as this app exports it: spread, z and the lines of a hedge",
            "it names no symbols, and has the closes of two legs alone",
            "export the ticks or the bars of the market instead, which come back unchanged",
        )


@dataclass(frozen=True)
class Choice:
    """An answer that can be given: what is sent, and what a person reads."""

    value: str
    label: str


@dataclass(frozen=True)
class Question:
    """What a file leaves open. parameter: the one that answers it.

    choices: the answers that are known; none of them where the answer is a text of one's own
    (`free`).
    """

    parameter: Parameter
    text: str
    choices: tuple[Choice, ...] = ()
    free: bool = False


class OtherTimeframe(UploadError):
    """Bars of a timeframe beside bars of another, which was there before or was asked for.

    timeframe: that of the bars that came later.

    >>> str(OtherTimeframe("1h", "1m"))
    'bars of 1h beside bars of 1m; upload them one by one'
    >>> str(OtherTimeframe("1h", "1m", asked=True))
    'these are bars of 1h, and those of 1m were asked for; leave timeframe= out'
    """

    def __init__(self, timeframe: str, known: str, asked: bool = False) -> None:
        found, advice = f"bars of {timeframe} beside bars of {known}", "upload them one by one"
        if asked:
            found = f"these are bars of {timeframe}, and those of {known} were asked for"
            advice = "leave timeframe= out"
        super().__init__(found, advice=advice)
        self.timeframe = timeframe


class QuestionOpen(UploadError):
    """A file that can be read in more than one way: `question` asks which."""

    def __init__(self, question: Question) -> None:
        ways = " or ".join(
            f"{question.parameter}={choice.value} ({choice.label})" for choice in question.choices
        )
        if question.free:
            ways = " or ".join(part for part in (ways, f"{question.parameter}=...") if part)
        super().__init__(question.text, advice=f"answer with {ways}")
        self.question = question


class OneBarAlone(QuestionOpen):
    """A bar alone, which another file of the same bars may tell the timeframe of.

    times: its time by its symbol, or by the symbol's number; of several symbols, of each.
    """

    def __init__(self, times: Mapping[Any, int]) -> None:
        text = (
            f"one bar alone{' of each symbol' if len(times) > 1 else ''} tells no timeframe: of "
            "which is it? Neither a column nor the file's name says so"
        )
        choices = tuple(Choice(name, f"a bar of {name}") for name in TIMEFRAMES)
        super().__init__(Question("timeframe", text, choices, free=True))
        self.times = dict(times)


class SparseDays(QuestionOpen):
    """Bars of days of which most are missing; another file of the same bars may tell."""


def replace_question(count: int, symbols: Iterable[str], market: str, file: str) -> QuestionOpen:
    """The question whether rows of a file may replace rows that a market has already."""
    named, venue = ", ".join(sorted(symbols)), exchange_in_name(file)
    choices = [Choice("true", "replace them")]
    text = (
        f"the market {market} already has {count:,} bars of {named} at the same times, with other "
        "figures, which this file would replace"
    )
    if venue is not None and len(set(symbols)) == 1:
        text += f"; symbol={venue}:{named} would keep both"
    return QuestionOpen(Question("replace", text, tuple(choices)))


def no_timeframe(asked: str) -> UploadError:
    """Why rows of trades are not read where a timeframe was asked for."""
    return UploadError(
        f"bars of {asked} were asked for, and the rows are trades", advice="leave timeframe= out"
    )


def timeframe_question(found: str, timeframes: Mapping[str, str]) -> QuestionOpen:
    """The question which of several timeframes is read. found: where they are.

    timeframes: each with what is of it.
    """
    choices = tuple(
        Choice(name, f"the bars of {name}{f', {told}' if told else ''}")
        for name, told in timeframes.items()
    )
    text = (
        f"{found} of several timeframes: {', '.join(timeframes)}; a market has one, and makes the "
        "coarser ones from it: which one is read? The others can be uploaded as markets of their "
        "own"
    )
    return QuestionOpen(Question("timeframe", text, choices))


def days_question(least: int, most: int, usual: int) -> SparseDays:
    """The question whether bars are of single days, most of which are missing.

    least, most, usual: days between two bars.
    """
    text = (
        f"the times are {least} to {most} days apart, mostly {usual}: are these bars of single "
        "days, most of which are missing? A back-test takes missing days for gaps. Bars of weeks, "
        "or of several days, are read where their steps are even, such as 7d"
    )
    choices = (Choice("1d", "bars of single days"),)
    return SparseDays(Question("timeframe", text, choices))


def grids_question(own: str, shared: str) -> QuestionOpen:
    """The question which timeframe few bars are of, whose symbols begin at unlike times.

    own, shared: the step within each symbol, and that of the times of all.
    """
    text = (
        f"the bars of each symbol are {own} apart, those of all {shared}: are they bars of {own} "
        f"that begin at unlike times, or of {shared} with gaps? They are too few to tell"
    )
    choices = (
        Choice(own, f"bars of {own}, those of each symbol at times of its own"),
        Choice(shared, f"bars of {shared}, many of which are missing"),
    )
    return QuestionOpen(Question("timeframe", text, choices))


@dataclass(frozen=True)
class Answers:
    """What was said about a file beside its bytes; None for what was not.

    symbol: of rows that name none. dayfirst: whether 01/02 is the first of February.
    timezone: of times that name none, an IANA name or +hh:mm. columns: "closes" where every
    column is the closes of a symbol, else the name of the column that has the symbols.
    replace: whether rows may take the place of other rows of the same time. timeframe: the one
    that is read where there are bars of several.
    """

    symbol: str | None = None
    dayfirst: bool | None = None
    timezone: str | None = None
    columns: str | None = None
    replace: bool = False
    timeframe: str | None = None
