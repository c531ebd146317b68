"""The watchlist: the pairs that are read all the time, and a rule for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from analytics.model import UnknownFieldError
from dashapp.parameters.table import PAIR
from dashapp.services.runtime import Runtime
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.web.answers import answer, answer_in_thread
from dashapp.web.deps import PairQuery, RuntimeDep, market_of
from dashapp.web.errors import ApiError
from dashapp.web.json_types import Body
from dashapp.web.kept_models import CopiedRule, WatchedRow, Watchlist
from dashapp.web.models import Deleted
from dashapp.web.router import Router

router = Router(prefix="/api/watchlist", tags=["watchlist"])


class NewPair(BaseModel):
    """A pair to watch. One with the same market and parameters is watched once."""

    market: str
    params: PairQuery = Field(description="the pair: y, x, and what differs")
    z_threshold: float = Field(2.0, description="|z| from which it is beyond")


#: The watchlist reads a pair and says what is wrong with it; here it is only described.
PairBody = Annotated[
    dict[str, Any], BeforeValidator(lambda pair: pair, json_schema_input_type=NewPair)
]


class RuleToCopy(Body):
    """rule: the id of an alert rule on a pair."""

    rule: str


@router.get("", response_model=Watchlist)
async def watched(runtime: RuntimeDep) -> Response:
    """Every watched pair: where it stands, and what became of its alerts."""
    return await answer_in_thread(lambda: {"pairs": _rows(runtime)})


@router.put("", response_model=WatchedRow)
async def watch(runtime: RuntimeDep, pair: PairBody) -> Response:
    """Watch a pair; one that is watched already gets the new threshold."""
    _only("pair", pair, NewPair.model_fields)
    if isinstance(pair.get("params"), Mapping):
        _only("params", pair["params"], PAIR)
    wanted = WatchedPair.of(pair)
    market_of(runtime, wanted.market)
    kept = runtime.watchlist.put(wanted)
    return answer(next(row for row in _rows(runtime) if row["id"] == kept.id))


@router.delete("", response_model=Deleted)
async def leave_out(
    runtime: RuntimeDep, id: Annotated[str, Query(description="as GET lists it")]
) -> Response:
    """Watch a pair no more. Its rules stay."""
    if not runtime.watchlist.remove(id):
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no watched pair {id!r}")
    return answer({"deleted": id})


@router.post("/rules", response_model=CopiedRule)
async def copy_rule(runtime: RuntimeDep, asked: RuleToCopy) -> Response:
    """Copy an alert rule on a pair to every watched pair that has not the same already."""
    try:
        copied = runtime.watchlist.copy_rule(asked.rule)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
    return answer(
        {
            "added": [rule.id for rule in copied.added],
            "there_already": copied.there,
            "refused": copied.refused,
        }
    )


def _only(name: str, given: Mapping[str, Any], legal: Collection[str]) -> None:
    """Refuse a field that nobody reads: it would be another pair than the one that was meant."""
    for field in given:
        if field not in legal:
            raise UnknownFieldError(name, field, ", ".join(legal))


def _rows(runtime: Runtime) -> list[dict[str, Any]]:
    """Every row, with the parameters of its pair."""
    params = {pair.id: pair.params for pair in runtime.watchlist.pairs}
    shown = []
    for row in runtime.watchlist.rows():
        row["params"] = params[row["id"]]
        row["z_threshold"] = row.pop("threshold")
        row["state"] = row["state"] or "not enough data"
        row["reason"] = row["reason"] or ""
        for name in ("y", "x", "timeframe", "tone"):
            row.pop(name)
        shown.append(row)
    return shown
