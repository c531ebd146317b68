"""Tables that are no trades and no bars, though their columns may look like them.

Told by what columns are called and by what stands in their cells. Raises UploadError, which says
what was found and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ingestion.decode.symbols import symbol_of_file, word_set
from ingestion.files.errors import UploadError
from ingestion.files.names import (
    LEFT_OUT,
    NO_TRADE_FILES,
    NO_TRADES,
    OHLC,
    canonical,
    columns_of,
    is_average,
    levels_of,
    rank,
)
from ingestion.files.orders import no_trades, refuse_states
from ingestion.files.plan import Plan, Sample
from ingestion.files.timestep import DAY_MS

_EPOCH = re.compile(r"\d{9,}")
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?$")
_NOTHING = re.compile(r"0(?:\.0*)?")
#: Databento's columns, which tell that whole prices count billionths.
_BILLIONTHS = word_set("rtype publisherid")
#: Of so many rows in ten at least, a figure below 0 is no slip.
_OFTEN = 1


def without_averages(sample: Sample) -> Sample:
    """The table without columns of Heikin-Ashi bars, which stand beside the plain ones.

    Raises UploadError where nothing else is a price: at an average nobody traded.
    """
    averages = [at for at, levels in enumerate(sample.names) if is_average(" ".join(levels))]
    if not averages or symbol_of_file(sample.file) == "HA":
        return sample
    others = [levels for at, levels in enumerate(sample.names) if at not in averages]
    if not any(_is_price(name) for levels in others for name in levels):
        raise UploadError(
            "the columns are Heikin-Ashi bars, which are averages of bars: nobody traded at them",
            advice="export the plain open, high, low and close",
        )
    names = [(LEFT_OUT,) if at in averages else levels for at, levels in enumerate(sample.names)]
    return replace(sample, names=names)


def _is_price(name: str) -> bool:
    return levels_of(name) is not None or any(rank(name, of) is not None for of in (*OHLC, "price"))


def refuse_no_trades(
    sample: Sample, names: Sequence[str], found: dict[str, int], time: Sequence[int] = ()
) -> None:
    """Raise UploadError for rows that say of themselves that they are no trades and no bars.

    found: the columns that are known by now, meaning -> position. time: where the times stand;
    bars of days may have the last bid and ask beside their prices.
    """
    said = [
        (name, NO_TRADES[canonical(name)])
        for at, name in enumerate(names)
        if canonical(name) in NO_TRADES and _tells(sample, at)
    ]
    if "price" in found and columns_of(names, "size"):  # trades, with the quotes of their moment
        said = [(name, what) for name, what in said if not what.startswith("quotes")]
    bars = set(OHLC) <= found.keys() and (
        _are_days(sample, time) or not any("bid" in canonical(name) for name, _ in said)
    )
    told = NO_TRADE_FILES.search(sample.file)
    _refuse_billionths(sample, names, found)
    if bars:
        return
    if said:
        raise no_trades(f"column {said[0][0]!r} tells that these rows are {said[0][1]}, no trades")
    if told is not None:
        raise UploadError(
            f"the file's name says {told[0]!r}: such rows are no trades",
            "a market is made of trades or bars",
            "give the file another name if its rows are trades",
        )
    if "price" in found and (columns_of(names, "size") or columns_of(names, "volume")):
        refuse_states(sample, names)


def refuse_twins(sample: Sample, positions: Iterable[int], names: Sequence[str]) -> None:
    """Raise UploadError for a column that stands again, by the same name, with other cells.

    positions: of times and prices. Columns without a name or without a cell are no twins.
    """
    bare = [re.sub(r"\.\d$", "", name.strip()) for name in names]
    for at in positions:
        twins = [one for one in range(len(names)) if one != at and bare[one] == bare[at] != ""]
        for cells in map(sample.cells, twins):
            if cells and cells != sample.cells(at):
                raise UploadError(
                    f"column {names[at]!r} stands twice, and the two differ",
                    "which of them is meant, or of which symbol each is",
                    "leave one of them, or call each by its symbol in one row a time",
                )


def are_closes_of_days(sample: Sample, plan: Plan, names: Sequence[str]) -> bool:
    """Whether prices and sizes are the closes and volumes of days, one a day and a symbol.

    Raises UploadError for trades that have a day and no time of it.
    """
    moments = sample.times(plan)
    known = moments[moments > 0]
    if not len(known) or (known % DAY_MS).any():
        return False
    symbols = [row[plan.symbol] if plan.symbol is not None else "" for row in sample.rows]
    rows = [key for key in zip(moments.tolist(), symbols, strict=True) if key[0] > 0]
    again = len(rows) - len(set(rows))
    if again and again * 10 >= len(rows):
        raise UploadError(
            f"the times of the trades are days alone, in {_quoted(names, plan.time)}",
            "a column with the time of day, of a name that is known",
            "call it time, or write date and time in one column",
        )
    return len(np.unique(known)) > 1


def often_below_zero(sample: Sample, position: int) -> bool:
    """Whether a column is below 0 in many rows."""
    below = int((sample.floats(position) < 0).sum())
    return below > 1 and below * 10 >= len(sample.rows) * _OFTEN


def refuse_below_zero(sample: Sample, positions: Sequence[int], names: Sequence[str]) -> None:
    """Raise UploadError for prices or sizes of which many are below 0."""
    for at in positions:
        if often_below_zero(sample, at):
            below = int((sample.floats(at) < 0).sum())
            raise UploadError(
                f"column {names[at]!r} is below 0 in {below} of the first {len(sample.rows)} rows",
                "prices, closes and sizes are above 0: these are returns, changes or spreads, or "
                "sizes with the side as their sign",
                "leave the column out, or write sizes without their sign and the side beside them",
            )


def _are_days(sample: Sample, time: Sequence[int]) -> bool:
    """Whether times are dates without a clock, in a column or beside it."""
    cells = sample.cells(time[0])[:20] if len(time) == 1 else []
    bare = [_MIDNIGHT.sub("", cell) for cell in cells]
    return bool(bare) and all(len(cell) <= 10 and not _EPOCH.fullmatch(cell) for cell in bare)


def _tells(sample: Sample, position: int) -> bool:
    """Whether a column has cells that say something: a depth of 0 is that of trades."""
    return not all(_NOTHING.fullmatch(cell) for cell in sample.cells(position))


def _refuse_billionths(sample: Sample, names: Sequence[str], found: dict[str, int]) -> None:
    at = found.get("price", found.get("close"))
    if at is None or not {canonical(name) for name in names} >= _BILLIONTHS:
        return
    cells = sample.cells(at)
    if cells and all(cell.isdigit() and len(cell) > 8 for cell in cells):
        raise UploadError(
            f"column {names[at]!r} has whole numbers such as {cells[0]}: Databento's prices in "
            "billionths",
            "prices as they are",
            "export the file again with pretty_px=True",
        )


def _quoted(names: Sequence[str], positions: Sequence[int]) -> str:
    return ", ".join(repr(names[at]) for at in positions)
