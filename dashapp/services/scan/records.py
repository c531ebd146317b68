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

from analytics.model import frozen
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


def result_to_dict(result: ScanResult) -> dict[str, Any]:
    """A result as JSON values, None for what is not finite, with the rows that survived."""
    rows = result.rows
    count = min(rows.survivors, MOST_ROWS)
    return {
        "names": list(rows.names),
        "y": rows.y[:count].tolist(),
        "x": rows.x[:count].tolist(),
        "verdict": [VERDICTS[number] for number in rows.verdict[:count]],
        "second": rows.second[:count].tolist(),
        "every": _numbers(rows.every[:, :count]),
        "survived": _numbers(rows.survived[:, :count]),
        "fields": [list(EVERY_FIELDS), list(SURVIVOR_FIELDS)],
        "tested": result.tested,
        "expected_by_chance": result.expected_by_chance,
        "below_alpha": result.below_alpha,
        "detectable_half_life": result.detectable_half_life,
        "detectable_if_all": result.detectable_if_all,
        "funnel": dict(result.funnel),
        "dropped": dict(result.dropped),
        "formation": [result.formation.start, result.formation.stop],
        "confirmation": [result.confirmation.start, result.confirmation.stop],
        "left": [
            [gone.symbol, gone.reason, *_numbers([gone.have, gone.need])] for gone in result.left
        ],
        "pvalue_counts": result.pvalue_counts.tolist(),
        "clusters": dict(result.clusters),
    }


def result_from_dict(kept: Row, params: ScanParams) -> ScanResult:
    """The result of JSON values. Raises ValueError, KeyError or TypeError for others, also of
    rows with other fields than now.
    """
    if kept["fields"] != [list(EVERY_FIELDS), list(SURVIVOR_FIELDS)]:
        raise ValueError("the rows have other fields than those of now")
    count = len(kept["y"])
    verdicts = [VERDICTS.index(verdict) for verdict in kept["verdict"]]
    rows = ScanRows(
        names=tuple(kept["names"]),
        y=frozen(kept["y"], np.int64),
        x=frozen(kept["x"], np.int64),
        verdict=frozen(verdicts, np.int64),
        second=frozen(kept["second"], np.int64),
        every=_array(kept["every"], (len(EVERY_FIELDS), count)),
        survived=_array(kept["survived"], (len(SURVIVOR_FIELDS), count)),
    )
    return ScanResult(
        rows=rows,
        tested=kept["tested"],
        expected_by_chance=kept["expected_by_chance"],
        below_alpha=kept["below_alpha"],
        detectable_half_life=kept["detectable_half_life"],
        funnel=kept["funnel"],
        dropped=kept["dropped"],
        formation=Stretch(*kept["formation"]),
        confirmation=Stretch(*kept["confirmation"]),
        params=params,
        left=tuple(_left(*left) for left in kept["left"]),
        pvalue_counts=frozen(kept["pvalue_counts"], np.int64),
        clusters=kept["clusters"],
        detectable_if_all=kept["detectable_if_all"],
    )


def _left(symbol: str, reason: str, have: float | None, need: float | None) -> SymbolLeft:
    return SymbolLeft(symbol, reason, *(math.nan if n is None else n for n in (have, need)))


def _numbers(values: Any) -> Any:
    """Numbers of any shape as lists, None for what is not finite."""
    array = np.asarray(values, dtype=np.float64)
    found = array.astype(object)
    found[~np.isfinite(array)] = None
    return found.tolist()


def _array(kept: Any, shape: tuple[int, int]) -> Any:
    return np.array(kept, dtype=np.float64).reshape(shape)


def job_of(record: ScanRecord, result: ScanResult | None) -> ScanJob:
    """The job of an earlier run of the program."""
    job = ScanJob(record.id, record.market, record.timeframe, record.params)
    for name in ("started_ms", "took_ms", "from_ms", "split_ms", "until_ms", "new", "left"):
        setattr(job, name, getattr(record, name))
    job.result, job.whole = result, False
    job.end("done")
    return job
