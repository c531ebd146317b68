"""What the routes depend on: the runtime, the market that a path names, and query parameters.

A query parameter is a row of the table of parameters, or a row like its: the row reads the
text, says what is legal, and describes itself in the OpenAPI document.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field, create_model
from starlette.requests import Request

from analytics.backtest import BacktestParams
from analytics.model import NotReady, PairParams
from analytics.readings import check_view
from dashapp.parameters import table
from dashapp.parameters.backtest import backtest_params
from dashapp.parameters.check import read
from dashapp.parameters.pair import pair_params
from dashapp.parameters.table import Parameter
from dashapp.services.runtime import Runtime
from dashapp.services.universe.demo import DEMO_UNIVERSE
from dashapp.web.errors import ApiError
from storage.market.market import Market

MAX_ROWS = 20_000
EPOCH_END_MS = 1 << 53


# --- the runtime and its markets ---------------------------------------------------------


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(_runtime)]


async def _market(runtime: RuntimeDep, market: str) -> Market:
    if market == DEMO_UNIVERSE:
        await runtime.demo_universe.ready()
    return market_of(runtime, market)


MarketDep = Annotated[Market, Depends(_market)]


def market_of(runtime: Runtime, market_id: str) -> Market:
    """The market of this id. Raises ApiError 404."""
    try:
        return runtime.markets.known(market_id)
    except KeyError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, str(error.args[0])) from None


def known_symbol(market: Market, symbol: str) -> str:
    """The symbol, if the market has it. Raises ApiError 404."""
    if symbol not in market.symbols:
        known = ", ".join(market.symbols) or "none yet"
        text = f"market {market.id} has no symbol {symbol!r}, only: {known}"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    return symbol


def known_timeframe(market: Market, timeframe: str) -> str:
    """The timeframe, if the market has it. Raises ApiError 404."""
    if timeframe not in market.timeframes and market.symbols:
        known = ", ".join(market.timeframes)
        text = f"market {market.id} has no {timeframe} bars, only: {known}"
        raise ApiError(HTTPStatus.NOT_FOUND, text)
    return timeframe


async def look(
    runtime: Runtime, market: Market, symbols: Sequence[str], timeframe: str, bars: int
) -> None:
    """Ask for the history of so many bars, as a page that shows them does, and wait for it: two
    seconds at most.
    """
    runtime.look(market.id, symbols, timeframe, bars)
    await asyncio.gather(*(runtime.filled(market.id, symbol, timeframe) for symbol in symbols))


async def looked_at_pair(runtime: Runtime, market: Market, params: PairParams) -> PairParams:
    """The pair, once the history of its legs is there. Raises ApiError 404 where the market has not
    both legs or the timeframe.
    """
    for leg in (params.y, params.x):
        known_symbol(market, leg)
    known_timeframe(market, params.timeframe)
    await look(runtime, market, (params.y, params.x), params.timeframe, params.limit)
    return params


def ready(result: Any) -> Any:
    """The result, unless it is a NotReady. Raises ApiError 400 with how much is missing."""
    if isinstance(result, NotReady):
        raise ApiError(HTTPStatus.BAD_REQUEST, result.reason, have=result.have, need=result.need)
    return result


# --- query parameters ----------------------------------------------------------------------


def read_as(parameter: Parameter) -> BeforeValidator:
    """What makes a query parameter of a row: it reads the text, and is the type in OpenAPI."""
    return BeforeValidator(partial(read, parameter), json_schema_input_type=_legal(parameter))


def _legal(parameter: Parameter) -> Any:
    """The type of what is legal, for the OpenAPI document."""
    kinds: dict[str, Any] = {"whole": int, "number": float, "switch": bool}
    legal = kinds.get(parameter.kind, str)
    if parameter.limits is not None:
        low, high = parameter.limits
        legal = Annotated[legal, Field(ge=low, le=high)]
    words = [text for text, _ in parameter.choices]
    if words and parameter.also is None:
        legal = Literal[tuple(words)]
    absent = [word for word in parameter.none if parameter.optional and word not in words]
    return legal | Literal[tuple(absent)] if absent else legal


def whole(name: str, low: int, high: int) -> BeforeValidator:
    """What makes a query parameter a whole number from low to high."""
    return read_as(Parameter(name, name, "whole", "", limits=(low, high)))


Timeframe = Annotated[
    str, read_as(table.PAIR["timeframe"]), Query(description=table.PAIR["timeframe"].about)
]
Limit = Annotated[int, whole("limit", 1, MAX_ROWS), Query(description="newest rows")]
Since = Annotated[int, whole("since", 0, EPOCH_END_MS), Query(description="epoch ms")]
SYMBOL = read_as(Parameter("symbol", "", "symbol", ""))
Symbol = Annotated[str, SYMBOL, Query(description="as /api/markets/{market}/symbols lists it")]


def _fields(rows: Iterable[Parameter]) -> Any:
    """The fields of a model of a query of these rows."""
    return {
        row.name: (
            Annotated[Any, read_as(row)],
            Field(
                ... if row.default is None and not row.optional else row.default,
                description=row.about,
            ),
        )
        for row in rows
    }


_PairFields: Any = create_model("_PairFields", **_fields(table.PAIR.values()))


class PairQuery(_PairFields):
    """A pair and how it is analysed."""

    def values(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(self)

    def pair(self) -> PairParams:
        """The pair. Raises ParameterError where its parameters do not go together."""
        params = pair_params(self.values())
        check_view(params)
        return params


_OWN_WINDOW = replace(
    table.BACKTEST["hedge_window"],
    name=table.BACKTEST["hedge_window"].link_name,
    default=None,
    optional=True,
    about="bars of the rolling hedge; none: the pair's hedge_window",
)
_RULES = (row for row in table.BACKTEST.values() if row.name not in table.PAIR)
_BacktestFields: Any = create_model(
    "_BacktestFields", __base__=PairQuery, **_fields([*_RULES, _OWN_WINDOW])
)


class BacktestQuery(_BacktestFields):
    """A pair and the rules of its back-test.

    Its rolling hedge has a window of its own, or else the pair's hedge_window.
    """

    def rules(self) -> BacktestParams:
        """The rules. Raises ParameterError where they do not go together."""
        values = self.values()
        own, of_pair = values.pop(_OWN_WINDOW.name), values.pop("hedge_window")
        window = of_pair if own is None else own
        return backtest_params(values if window is None else {**values, "hedge_window": window})
