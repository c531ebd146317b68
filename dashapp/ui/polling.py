"""One live callback a page: what changed since the browser last heard, and only that.

On each tick of the interval the page's cheap `key` is compared with the one the browser
holds; if it is the same, nothing is sent. Otherwise the page renders its figures; those
whose structure the browser already has travel as a Patch of their arrays. The interval
stands still while an answer is on its way (assets/pace.js), so its calls never overlap.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from analytics.model import TIMEFRAMES
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.marks import gap_marks
from dashapp.parameters.pair import View, from_dict
from dashapp.services.analysis.load import INTERVALS_MS
from dashapp.services.analysis.results import Busy
from dashapp.services.runtime import Runtime
from dashapp.text.states import COMING, LOADING, awaited, no_data, no_market, no_symbol
from dashapp.ui.components import segments
from dashapp.ui.live_answers import LiveCallback, add_live
from dashapp.ui.pictures import (
    MOST_BYTES,
    Newest,
    Picture,
    Pictures,
    Step,
    chart_told,
    digest,
    plain,
    value_told,
)

logger = logging.getLogger(__name__)

#: Share of the interval after which a page that asks is not too early.
EARLY = 0.9


@dataclass(frozen=True)
class Tab:
    """What a page renders for: the view, the theme and the page's own controls.

    until_ms: of bars that opened no later, where the charts are frozen; None for all.
    """

    view: View
    theme: str
    options: Mapping[str, Any]
    until_ms: int | None = None

    @property
    def uirevision(self) -> str:
        """Zoom and pan survive while this stays the same."""
        pair = self.view.pair
        legs = f"{pair.y}/{pair.x}/{pair.price_space}" if pair else ""
        return f"{self.view.market}|{self.view.timeframe}|{legs}"

    @property
    def look(self) -> dict[str, Any]:
        """What every figure takes of the tab beside its data."""
        return {"theme": self.theme, "uirevision": self.uirevision}


@dataclass(frozen=True)
class LivePage:
    """A page's live part: its charts by id, and other values that it fills, by name.

    key: a cheap hashable that changes when the picture would. render: the figures (chart
    id -> figure dict) and values (name -> property value), "answer" among them. apart: the
    values that do not hang on the market in view, which are shown where that has nothing.
    marks_gaps: whether the gaps of the tab's symbols are marked in its charts. pictures_bytes:
    that its pictures may take.
    """

    path: str
    charts: tuple[str, ...]
    key: Callable[[Runtime, Tab], Any]
    render: Callable[[Runtime, Tab], Awaitable[dict[str, Any]]]
    values: Mapping[str, Output] = field(default_factory=dict)
    options: Mapping[str, Input] = field(default_factory=dict)
    apart: Callable[[Runtime, Tab], dict[str, Any]] | None = None
    marks_gaps: bool = True
    pictures_bytes: int = MOST_BYTES


#: What stands in a value of a page, by its property, while there is nothing to show.
_BLANK: dict[str, Any] = {"rowData": [], "children": "", "hidden": True, "href": None}


def empty_figures(charts: Iterable[str], theme: str, message: str = LOADING) -> dict[str, Any]:
    """Charts by their ids, each with the message in its middle."""
    return {chart_id: empty_figure(message, theme, chart_id) for chart_id in charts}


def empty_page(page: LivePage, message: str, theme: str) -> dict[str, Any]:
    """Every chart of the page, and its answer line, with the message."""
    figures = empty_figures(page.charts, theme, message)
    return {**figures, "answer": segments([(message, "muted")])}


def _mark_gaps(runtime: Runtime, page: LivePage, tab: Tab, parts: dict[str, Any]) -> None:
    """Shade in every chart the bars that miss trades."""
    market, pair = runtime.markets.get(tab.view.market), tab.view.pair
    if market is None or not market.gaps.open or not page.marks_gaps:
        return
    symbols = set(tab.view.symbols or market.symbols) if page.path == "/" else set()
    if pair is not None:
        symbols |= {pair.y, pair.x}
    spans, step = market.gaps.spans(symbols), TIMEFRAMES[tab.view.timeframe]
    for chart_id in page.charts:
        if chart_id in parts:
            parts[chart_id] = gap_marks(parts[chart_id], spans, step, tab.theme)


def _unchanged(page: LivePage) -> dict[str, Any]:
    return {
        "charts": dict.fromkeys(page.charts, no_update),
        "values": dict.fromkeys(page.values, no_update),
        "answer": no_update,
        "cursor": no_update,
    }


def nothing_here(runtime: Runtime, view: View) -> str:
    """Why what a tab asks for is not here, in words; "" where it is."""
    market = runtime.markets.get(view.market)
    if market is None:
        return no_market(view.market)
    there = set(market.symbols) | set(market.coming or ())
    if not there:
        return no_data(runtime.markets.status(view.market))
    legs = (view.pair.y, view.pair.x) if view.pair is not None else ()
    lacking = [leg for leg in legs if leg not in there]
    if lacking and market.kind == "live" and runtime.markets.status(view.market).state in COMING:
        return awaited(lacking)
    return no_symbol(lacking, market.title) if lacking else ""


def _blank(runtime: Runtime, page: LivePage, tab: Tab, words: str) -> dict[str, Any]:
    """The page with nothing of the market in view but the words that say why."""
    values = {
        name: _BLANK[output.component_property]
        for name, output in page.values.items()
        if output.component_property in _BLANK
    }
    apart = {} if page.apart is None else page.apart(runtime, tab)
    warning = {"answer": segments([(words, "warn")])}
    return {**values, **apart, **empty_figures(page.charts, tab.theme, words), **warning}


async def _rendered(runtime: Runtime, page: LivePage, tab: Tab) -> dict[str, Any]:
    words = nothing_here(runtime, tab.view)
    if words:
        return _blank(runtime, page, tab, words)
    try:
        return await page.render(runtime, tab)
    except Busy:  # the last picture stays, and the next tick asks again
        raise PreventUpdate from None
    except (ValueError, KeyError) as error:
        words = str(error.args[0]) if error.args else str(error)
        logger.warning("%s shows nothing new: %s", page.path, words)
    except Exception:
        words = "an internal error, the log has it; the last picture stays"
        logger.exception("%s failed", page.path)
    return {"answer": segments([(words, "down")])}


async def _picture(
    runtime: Runtime, page: LivePage, tab: Tab, view: str, key: str, pictures: Pictures
) -> Newest:
    """A new picture of what a tab looks at, kept as that of a view."""
    older = runtime.analysis.results.older
    parts = await _rendered(runtime, page, tab)
    if runtime.analysis.results.older != older:  # perhaps this one: it is to ask again
        key = digest(f"older {key}")
    _mark_gaps(runtime, page, tab, parts)
    figures = {chart_id: parts[chart_id] for chart_id in page.charts if chart_id in parts}
    values = {name: plain(parts[name]) for name in (*page.values, "answer") if name in parts}
    return pictures.put(view, key, figures, values)


def _too_soon(runtime: Runtime, shown: Picture) -> bool:
    """Whether a page that asks anew has a picture that is younger than pages are refreshed now.

    A page hears of a longer interval with the trust strip, and some ask more often than they are
    told to: none is served at another's cost.
    """
    interval_s = runtime.analysis.results.load.interval_ms / 1_000
    return interval_s > INTERVALS_MS[0] / 1_000 and shown.age_s < EARLY * interval_s


async def next_step(
    runtime: Runtime,
    page: LivePage,
    tab: Tab,
    cursor: Mapping[str, Any] | None,
    pictures: Pictures,
) -> Step:
    """What a tab is told that shows what its cursor says. Raises PreventUpdate for nothing."""
    cursor, key, asked = cursor or {}, page_key(page, runtime, tab), asked_of(page, tab)
    if cursor.get("key") == key:
        raise PreventUpdate
    before = pictures.get(cursor.get("picture"))
    if before is not None and cursor.get("asked") == asked and _too_soon(runtime, before):
        raise PreventUpdate
    view = f"{asked} {tab.until_ms}"
    newest = await pictures.newest(
        view, cursor.get("picture"), lambda: _picture(runtime, page, tab, view, key, pictures)
    )
    picture, figures, shapes = newest.picture, newest.figures, dict(cursor.get("shapes", {}))
    # Viewers of one view mostly hold the same picture, and then are told the same.
    step = pictures.kept_step(before, picture, shapes)
    if step is None:
        told = {
            "key": newest.key,
            "asked": asked,
            "shapes": shapes | {one: signature for one, (signature, _) in picture.charts.items()},
            "picture": picture.number,
            "from": None if before is None else before.number,
        }
        step = Step(
            {one: chart_told(one, figures[one], shapes, picture, before) for one in figures},
            {
                name: value_told(_property(page, name), name, picture, before)
                for name in picture.values
            },
            told,
        )
        pictures.keep_step(before, picture, shapes, step)
    return step


def _of_step(page: LivePage, step: Step) -> dict[str, Any]:
    """A step as Dash takes it."""
    answer = _unchanged(page)
    answer["charts"] |= step.charts
    answer["values"] |= step.values
    answer["answer"] = answer["values"].pop("answer", no_update)
    answer["cursor"] = step.cursor
    return answer


def _property(page: LivePage, name: str) -> str:
    """The property that a page's value fills."""
    return page.values[name].component_property if name in page.values else "children"


def page_key(page: LivePage, runtime: Runtime, tab: Tab) -> str:
    """The page's key with everything of the tab that it depends on, as one short string."""
    # started_s: a server that was started anew counts its versions from zero again.
    nothing = nothing_here(runtime, tab.view)
    versions = (runtime.started_s, page.key(runtime, tab), tab.until_ms, nothing)
    return digest(repr(versions) + asked_of(page, tab))


def market_in_view(runtime: Runtime, market_id: str | None) -> str:
    """The market that a tab looks at: the default one where it names none that is there."""
    known = market_id is not None and runtime.markets.get(market_id) is not None
    market_id = market_id if market_id and known else runtime.default_market
    runtime.look(market_id)
    return market_id


def theme_of(stored: str | None) -> str:
    """The theme that a browser keeps, dark before it has chosen."""
    return "light" if stored == "light" else "dark"


def asked_of(page: LivePage, tab: Tab) -> str:
    """What a tab asks for, whatever the data: it alone changes a picture that is frozen.

    The browser drops an answer when a tick has overtaken it; so a frozen tab is compared at
    each tick, not only when a parameter changes.
    """
    options = sorted((name, str(value)) for name, value in tab.options.items())
    return digest(repr((page.path, tab.view, tab.theme, options)))


def frozen_until(frozen: Any, view: View) -> int | None:
    """Where the tab's data ends while its charts are frozen: as the browser keeps it.

    frozen: {"market": ..., "until_ms": ...}, or false. Another market is not frozen there.

    >>> frozen_until(False, None) is None
    True
    """
    if not isinstance(frozen, Mapping) or frozen.get("market") != view.market:
        return None
    until = frozen.get("until_ms")
    return int(until) if isinstance(until, int | float) and math.isfinite(until) else None


class _Live:
    """What a page's live callback does with what its inputs and states hold."""

    def __init__(self, runtime: Runtime, page: LivePage) -> None:
        self._runtime = runtime
        self._page = page
        self._pictures = Pictures(page.pictures_bytes)
        self._spent = runtime.callback_ms.setdefault(page.path, deque(maxlen=240))

    async def step(
        self,
        view: dict[str, Any] | None,
        theme: str | None,
        options: dict[str, Any],
        cursor: dict[str, Any] | None,
        frozen: Any,
    ) -> Step:
        """What to tell a tab. Raises PreventUpdate for nothing."""
        if not view:
            raise PreventUpdate
        started = time.perf_counter()
        try:
            shown = from_dict(view)
            tab = Tab(shown, theme_of(theme), options, frozen_until(frozen, shown))
            if frozen and cursor and cursor.get("asked") == asked_of(self._page, tab):
                raise PreventUpdate
            return await next_step(self._runtime, self._page, tab, cursor, self._pictures)
        finally:
            self._spent.append((time.perf_counter() - started) * 1_000)

    async def of_values(self, given: Mapping[str, Any]) -> Step:
        """The same, of values by the id and property of an input or a state."""
        options = {
            name: given.get(f"{one.component_id}.{one.component_property}")
            for name, one in self._page.options.items()
        }
        cursor = given.get(f"{ids.cursor_of(self._page.path)}.data")
        stored = (given.get(f"{name}.data") for name in (ids.VIEW, ids.THEME, ids.FROZEN))
        view, theme, frozen = stored
        return await self.step(view, theme, options, cursor, frozen)


def register(app: Dash, runtime: Runtime, page: LivePage) -> None:
    """Register the page's one live callback."""
    charts = {chart_id: Output(chart_id, "figure") for chart_id in page.charts}
    answer = Output(ids.answer_of(page.path), "children")
    cursor_at = Output(ids.cursor_of(page.path), "data")
    works = _Live(runtime, page)

    @app.callback(
        output={
            "charts": charts,
            "values": dict(page.values),
            "answer": answer,
            "cursor": cursor_at,
        },
        inputs={
            "tick": Input(ids.INTERVAL, "n_intervals"),
            "view": Input(ids.VIEW, "data"),
            "theme": Input(ids.THEME, "data"),
            "options": dict(page.options),
        },
        state={
            "cursor": State(ids.cursor_of(page.path), "data"),
            "frozen": State(ids.FROZEN, "data"),
        },
    )
    async def live(
        tick: int | None,
        view: dict[str, Any] | None,
        theme: str | None,
        options: dict[str, Any],
        cursor: dict[str, Any] | None,
        frozen: Any,
    ) -> dict[str, Any]:
        return _of_step(page, await works.step(view, theme, options, cursor, frozen))

    outputs = {**charts, **page.values, "answer": answer, "cursor": cursor_at}
    name = next(reversed(app.callback_map))
    add_live(app, name, LiveCallback(outputs, works.of_values))
