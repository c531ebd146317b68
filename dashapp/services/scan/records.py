"""Scans as the archive keeps them: the record of each, and the newest result of a market.

Of a result the rows that survived the adjustment are kept, the best MOST_ROWS of them; the rest
can be computed again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from analytics.scanner import (
    EVERY_FIELDS,
    SURVIVOR_FIELDS,
    VERDICTS,
    ScanParams,
    ScanResult,
    ScanRows,
    Stretch,
    SymbolLeft,
)
from dashapp.services.scan import handover
from dashapp.services.scan.job import Pair, ScanJob, ScanRecord

MOST_ROWS = 2_000

Row = Mapping[str, Any]


def record_to_dict(record: ScanRecord) -> dict[str, Any]:
    """A record as JSON values."""
    return {**asdict(record), "params": asdict(record.params)}


def record_from_dict(kept: Row) -> ScanRecord:
    """The record of JSON values. Raises ValueError, KeyError or TypeError for others."""
    pairs = {name: _pairs(kept[name]) for name in ("confirmed", "new", "left")}
    return ScanRecord(**{**kept, "params": ScanParams(**kept["params"]), **pairs})


def _pairs(kept: Any) -> tuple[Pair, ...]:
    return tuple((str(y), str(x)) for y, x in kept)


def put_result(result: ScanResult, owner: int | None = None) -> str:
    """Hand a whole result over to another process, the owner; the path. Raises OSError."""
    return handover.put(_head(result), _arrays(result, len(result.rows)), owner)


def take_result(path: str, params: ScanParams) -> ScanResult:
    """The result that was handed over. Raises OSError."""
    return _result(*handover.take(path), params)


def result_to_dict(result: ScanResult) -> dict[str, Any]:
    """A result as JSON values, None for what is not finite, with the rows that survived."""
    count = min(result.rows.survivors, MOST_ROWS)
    arrays = _arrays(result, count)
    kept = {name: _numbers(array) for name, array in arrays.items() if array.dtype.kind == "f"}
    whole = {name: array.tolist() for name, array in arrays.items() if name not in kept}
    return {**_head(result), **kept, **whole}


def result_from_dict(kept: Row, params: ScanParams) -> ScanResult:
    """The result of JSON values. Raises ValueError, KeyError or TypeError for others, also of
    rows with other fields or verdicts than now.
    """
    if kept["fields"] != _FIELDS:
        raise ValueError("the rows have other fields than those of now")
    count = len(kept["y"])
    arrays: dict[str, Any] = {name: np.array(kept[name], np.int64) for name in _WHOLE}
    for name, fields in (("every", EVERY_FIELDS), ("survived", SURVIVOR_FIELDS)):
        arrays[name] = np.array(kept[name], np.float64).reshape(len(fields), count)
    return _result(kept, arrays, params)


_FIELDS = [list(EVERY_FIELDS), list(SURVIVOR_FIELDS), list(VERDICTS)]
_PLAIN = (
    "tested", "expected_by_chance", "below_alpha", "kept_tests",
    "detectable_half_life", "detectable_if_all",
)  # fmt: skip
_WHOLE = ("y", "x", "verdict", "second", "pvalue_counts")


def _head(result: ScanResult) -> dict[str, Any]:
    """What of a result is no array, as JSON values."""
    gone = [[one.symbol, one.reason, *_numbers([one.have, one.need])] for one in result.left]
    return {
        **{name: getattr(result, name) for name in _PLAIN},
        **{name: dict(getattr(result, name)) for name in ("funnel", "dropped", "clusters")},
        "names": list(result.rows.names),
        "fields": _FIELDS,
        "formation": [result.formation.start, result.formation.stop],
        "confirmation": [result.confirmation.start, result.confirmation.stop],
        "left": gone,
    }


def _arrays(result: ScanResult, count: int) -> dict[str, np.ndarray]:
    """The arrays of a result with its first rows."""
    rows = result.rows
    return {
        **{name: getattr(rows, name)[:count] for name in ("y", "x", "verdict", "second")},
        "every": rows.every[:, :count],
        "survived": rows.survived[:, :count],
        "pvalue_counts": result.pvalue_counts,
    }


def _result(head: Row, arrays: Mapping[str, np.ndarray], params: ScanParams) -> ScanResult:
    of_rows = {name: array for name, array in arrays.items() if name != "pvalue_counts"}
    return ScanResult(
        **{name: head[name] for name in (*_PLAIN, "funnel", "dropped", "clusters")},
        rows=ScanRows(names=tuple(head["names"]), **of_rows),
        formation=Stretch(*head["formation"]),
        confirmation=Stretch(*head["confirmation"]),
        params=params,
        left=tuple(_left(*left) for left in head["left"]),
        pvalue_counts=arrays["pvalue_counts"],
    )


def _left(symbol: str, reason: str, have: float | None, need: float | None) -> SymbolLeft:
    return SymbolLeft(symbol, reason, *(math.nan if n is None else n for n in (have, need)))


def _numbers(values: Any) -> Any:
    """Numbers of any shape as lists, None for what is not finite."""
    array = np.asarray(values, dtype=np.float64)
    found = array.astype(object)
    found[~np.isfinite(array)] = None
    return found.tolist()


def job_of(record: ScanRecord, result: ScanResult | None) -> ScanJob:
    """The job of an earlier run of the program."""
    job = ScanJob(record.id, record.market, record.timeframe, record.params)
    for name in ("started_ms", "took_ms", "from_ms", "split_ms", "until_ms", "new", "left"):
        setattr(job, name, getattr(record, name))
    job.result, job.whole = result, False
    job.end("done")
    return job
