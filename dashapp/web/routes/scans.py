"""Scans: start, look at, cancel, the newest of a market, and its export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_type_hints

from fastapi import Query
from pydantic import Field, create_model
from starlette.responses import Response

from analytics.scanner import (
    FIELDS,
    VERDICTS,
    ScanParams,
    ScanResult,
    ScanRow,
    Stretch,
    SymbolLeft,
)
from dashapp.parameters.table import Parameter
from dashapp.services.runtime import Runtime
from dashapp.services.scan.control import ScanJob, ScanRecord
from dashapp.web.answers import answer, answer_in_thread
from dashapp.web.deps import MarketDep, RuntimeDep, market_of, read_as, whole
from dashapp.web.errors import ApiError
from dashapp.web.export_stream import Export, send
from dashapp.web.json_types import Answer, Body, Json
from dashapp.web.models import Deleted
from dashapp.web.router import Router
from dashapp.web.routes.exports import FILE, Ending, about
from storage.export.tables import Table

router = Router(tags=["scans"])

#: Rows of an answer, and of one piece of an export.
MAX_ROWS, PIECE = 10_000, 50_000

_OF_SCAN = Parameter("rows", "", "choice", "", choices=(("survivors", ""), ("all", "")))
_VERDICT = Parameter("verdict", "", "choice", "", choices=tuple((word, "") for word in VERDICTS))
_HINTS = get_type_hints(ScanParams)
_RuleFields: Any = {
    field.name: (_HINTS[field.name], Field(field.default)) for field in fields(ScanParams)
}
_Rules: Any = create_model("_Rules", __base__=Body, **_RuleFields)


class NewScan(_Rules):
    """The market to scan, and what differs from the rules that stand here."""

    market: str
    timeframe: str = Field("1h", description="length of a bar; one that the market has")
    rescan: bool = Field(False, description="scan again at each closed bar")

    def params(self) -> ScanParams:
        """The rules. Raises ParameterError."""
        return ScanParams(**{name: getattr(self, name) for name in _RuleFields})


class ScanFound(Answer):
    """The result, with the rows that were asked for."""

    rows: list[Json[ScanRow]] = Field(description="the best first")
    rows_total: int = Field(description="pairs that were tested")
    survivors: int = Field(description="of them, kept by the adjustment: they come first")
    tested: int = Field(description="tests, two a pair")
    expected_by_chance: float = Field(description="of them with p below q, were none related")
    below_alpha: int = Field(description="with p below q in fact")
    kept_tests: int = Field(description="that the adjustment kept, of both orders")
    pvalue_counts: list[int] = Field(description="all p-values by their hundredth")
    detectable_half_life: float = Field(description="bars; slower ones are seldom found")
    detectable_if_all: float = Field(description="the same, had all pairs been tested")
    funnel: dict[str, int] = Field(description="what each step kept")
    dropped: dict[str, int] = Field(description="how many left, by reason")
    left: list[Json[SymbolLeft]] = Field(description="symbols that took no part, and why")
    clusters: dict[str, int]
    formation: Json[Stretch]
    confirmation: Json[Stretch]


class Scan(Answer):
    """A scan: how far it is, then what it found."""

    id: str
    market: str
    timeframe: str
    params: Json[ScanParams]
    rescan: bool
    state: Literal["running", "done", "failed", "cancelled"]
    step: str
    progress: float = Field(description="0 to 1")
    error: str | None
    notice: str | None = Field(description="what must be known though it went on")
    new: list[list[str]] = Field(description="confirmed pairs that the scan before had not")
    left: list[list[str]] = Field(description="and those of it that this one has not")
    started_ms: int
    took_ms: int
    from_ms: int = Field(description="opening time of the first bar")
    split_ms: int = Field(description="of the first bar of the confirmation")
    until_ms: int = Field(description="of the last bar")
    whole: bool = Field(description="false of an earlier run: only survivors were kept")
    result: ScanFound | None


class ScanHistory(Answer):
    market: str
    running: str | None = Field(description="id of the scan that runs")
    rescans: bool
    scans: list[Json[ScanRecord]] = Field(description="the newest first")


class RowsQuery(Body):
    """Which rows of the result."""

    rows: Annotated[
        Literal["survivors", "all"],
        read_as(_OF_SCAN),
        Query(description="survivors of the adjustment, or all pairs"),
    ] = "survivors"
    verdict: Annotated[str | None, read_as(_VERDICT), Query(description="of this verdict only")] = (
        None
    )
    offset: Annotated[int, whole("offset", 0, 100_000_000), Query(description="rows to skip")] = 0
    limit: Annotated[int, whole("limit", 1, MAX_ROWS), Query(description="rows at most")] = 1_000

    def of(self, result: ScanResult) -> list[ScanRow]:
        """The rows that are asked for."""
        rows = result.rows
        if self.verdict is not None:
            at = rows.where(self.verdict)[self.offset : self.offset + self.limit]
            return [rows[i] for i in at.tolist()]
        count = len(rows) if self.rows == "all" else rows.survivors
        return list(rows[self.offset : min(self.offset + self.limit, count)])


@router.post("/api/scans", response_model=Scan)
async def start(runtime: RuntimeDep, asked: NewScan) -> Response:
    """Test every pair of a market on its newest bars; the answer has the scan's id. The one that
    runs already is returned if it asks the same, and cancelled if not.
    """
    market_of(runtime, asked.market)
    params = asked.params()
    job = runtime.scans.start(asked.market, params, asked.timeframe, rescan=asked.rescan)
    return answer(_scan(job, RowsQuery()))


@router.get("/api/scans", response_model=ScanHistory)
async def history(
    runtime: RuntimeDep, market: Annotated[str, Query(description="whose scans")]
) -> Response:
    """The scans of a market: what each confirmed, what was new and what had left."""
    market_of(runtime, market)
    scans = runtime.scans
    running = scans.running(market)
    return await answer_in_thread(
        lambda: {
            "market": market,
            "running": None if running is None else running.id,
            "rescans": scans.rescans(market),
            "scans": [asdict(record) for record in scans.history(market)],
        }
    )


@router.get("/api/scans/{id}", response_model=Scan)
async def scan(runtime: RuntimeDep, id: str, query: Annotated[RowsQuery, Query()]) -> Response:
    """How far a scan is, then its result."""
    job = _known(runtime, id)
    return await answer_in_thread(lambda: _scan(job, query))


@router.delete("/api/scans/{id}", response_model=Deleted)
async def cancel(runtime: RuntimeDep, id: str) -> Response:
    """Cancel a scan, and do it no more at each closed bar; one that has ended stays."""
    job = _known(runtime, id)
    if job.rescan:
        runtime.scans.stop_rescanning(job.market)
    runtime.scans.cancel(id)
    return answer({"deleted": id})


@router.get("/api/markets/{market}/scan", response_model=Scan)
async def newest(
    runtime: RuntimeDep, market: MarketDep, query: Annotated[RowsQuery, Query()]
) -> Response:
    """The newest scan of a market that is done, of an earlier run as well."""
    job = _newest(runtime, market.id)
    return await answer_in_thread(lambda: _scan(job, query))


@router.get("/export/{market}/scan.{ending}", responses=FILE)
async def export(
    runtime: RuntimeDep,
    market: MarketDep,
    ending: Ending,
    rows: Annotated[
        Literal["survivors", "all"], read_as(_OF_SCAN), Query(description="or all pairs")
    ] = "survivors",
) -> Response:
    """The rows of a market's newest scan, the best first, as csv, json or parquet."""
    job = _newest(runtime, market.id)
    if job.result is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"the result of the scan {job.id} is gone")
    result = job.result
    parameters = {
        "scan": job.id,
        "timeframe": job.timeframe,
        **asdict(job.params),
        "rows": rows,
        "first_ts_ms": job.from_ms,
        "split_ts_ms": job.split_ms,
        "last_ts_ms": job.until_ms,
        "tested": result.tested,
        "detectable_half_life": result.detectable_half_life,
        "funnel": dict(result.funnel),
        "dropped": dict(result.dropped),
        "symbols_left": [asdict(gone) for gone in result.left],
    }
    count = len(result.rows) if rows == "all" else result.rows.survivors
    return await send(ending, Export("scan", about(market), parameters), _tables(result, count))


def _tables(result: ScanResult, count: int) -> Iterator[Table]:
    """The first rows as tables, a piece at a time; one without rows where there are none."""
    for start in range(0, max(count, 1), PIECE):
        stop = min(start + PIECE, count)
        yield {name: _column(result, name, start, stop) for name in FIELDS}


def _column(result: ScanResult, name: str, start: int, stop: int) -> Any:
    column = result.rows.column(name, start, stop)
    return column.tolist() if column.dtype == object else column


def _known(runtime: Runtime, id: str) -> ScanJob:
    job = runtime.scans.job(id)
    if job is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no scan {id[:40]!r}")
    return job


def _newest(runtime: Runtime, market: str) -> ScanJob:
    job = runtime.scans.newest(market)
    if job is None:
        text = f"no scan of market {market} is done: POST /api/scans begins one"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    return job


_JOB_FIELDS = tuple(name for name in Scan.model_fields if name not in ("params", "result"))


def _scan(job: ScanJob, query: RowsQuery) -> dict[str, Any]:
    result = job.result
    told: dict[str, Any] = {name: getattr(job, name) for name in _JOB_FIELDS}
    told["params"] = asdict(job.params)
    told["result"] = None if result is None else _found(result, query)
    return told


def _found(result: ScanResult, query: RowsQuery) -> dict[str, Any]:
    counted = {"rows_total": len(result.rows), "survivors": result.rows.survivors}
    rest = [name for name in ScanFound.model_fields if name not in ("rows", *counted)]
    return {
        "rows": [asdict(row) for row in query.of(result)],
        **counted,
        **{name: getattr(result, name) for name in rest},
    }
