"""Compare: the z charts of two to four pairs on one time axis, and their figures side by side.

It stands at /analytics where a link names the pairs; each has the parameters of the panel, but for
a locked hedge, which is of the panel's own pair alone. A pair that is held brings its own line,
with the scale of its prices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from analytics.model import NotReady, PairParams, PairSnapshot, ParameterError
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.compare import Compared, compare_figures
from dashapp.figures.marks import gap_marks
from dashapp.parameters.compared import (
    MOST,
    ComparedPair,
    Legs,
    asked_for,
    from_text,
    of_parts,
    to_text,
)
from dashapp.parameters.hedge import for_legs
from dashapp.parameters.pair import View, from_dict, to_dict, to_query
from dashapp.services.funding import carry_of
from dashapp.services.runtime import Runtime
from dashapp.text.compare import (
    HEADS,
    ComparedRow,
    compare_answer,
    compared_row,
    missing_row,
    pair_words,
)
from dashapp.text.numbers import ratio
from dashapp.text.pair import BreakEven
from dashapp.text.tests import leg_alone
from dashapp.ui import polling
from dashapp.ui.clientside import clientside
from dashapp.ui.components import attributes, button, card, chart, element, scrolling, segments
from dashapp.ui.components import select as select_one
from dashapp.ui.pages.analytics.page import break_even, tests_made, tests_of
from dashapp.ui.pages.backtest.form import settings_of
from dashapp.ui.pages.shared import NO_PAIR, markers_of, pair_key, snapshot_of, waiting_for
from dashapp.ui.polling import LivePage, Tab

CHARTS = tuple(f"compare-chart-{place}" for place in range(1, MOST + 1))
FIGURES, CHIPS, SAYS = "compare-figures", "compare-pairs", "compare-says"
ADD, ADD_Y, ADD_X = "compare-add", "compare-y", "compare-x"

#: What a pair came to: its snapshot, or why there is none.
Found = PairSnapshot | NotReady | str


def card_of(chart_id: str) -> str:
    """The id of a chart's card, which is hidden while no pair stands in it."""
    return f"{chart_id}-card"


def layout(theme: str, search: str | None = None) -> Component:
    """The pairs with what adds another, their charts one below the other, their figures."""
    pairs, errors = from_text(asked_for(search) or "")
    blank = polling.empty_figures(CHARTS, theme)
    cards = [
        html.Div(
            chart(chart_id, blank[chart_id]),
            id=card_of(chart_id),
            className="wide compared",
            hidden=place >= max(len(pairs), 1),
        )
        for place, chart_id in enumerate(CHARTS)
    ]
    figures = scrolling(FIGURES, "The pairs in figures")
    words = "; ".join(str(error) for error in errors)
    return html.Div(
        [
            dcc.Store(id=ids.COMPARED, data=[pair.parts for pair in pairs]),
            html.Div(_form(words), className="wide compare-form"),
            *cards,
            card("The pairs in figures", figures, extra="wide tables"),
        ],
        className="grid comparing",
    )


def _form(words: str) -> list[Component]:
    legs = [
        html.Label(["Y", select_one(ADD_Y, (), None)], htmlFor=ADD_Y),
        html.Label(["X", select_one(ADD_X, (), None)], htmlFor=ADD_X),
    ]
    return [
        html.Div(id=CHIPS, className="chips"),
        html.Div([*legs, button(ADD, "Add pair")], className="compare-add"),
        html.Span(words, id=SAYS, className="tone-warn", role="status"),
    ]


def _pairs_of(tab: Tab) -> list[ComparedPair]:
    return _legal(tab.options.get("pairs"))[:MOST]


def _legal(pairs: Iterable[Sequence[Any]] | None) -> list[ComparedPair]:
    """Of the pairs that the page's store holds those that a link may bear."""
    legal = []
    for parts in pairs or ():
        with suppress(ParameterError):
            legal.append(of_parts(parts))
    return legal


def _of_pair(view: View, pair: ComparedPair) -> View:
    """The view with a pair in the place of its own."""
    shown = view.pair or PairParams(*pair.legs, timeframe=view.timeframe)
    return replace(view, pair=pair.measured(for_legs(shown, *pair.legs)))


def _tab_of(tab: Tab, pair: ComparedPair) -> Tab:
    """The tab as if it looked at another pair."""
    return replace(tab, view=_of_pair(tab.view, pair))


def key(runtime: Runtime, tab: Tab) -> Any:
    """That of every pair, and of the tests of its legs, which come later."""
    return tuple(_key_of(runtime, _tab_of(tab, pair)) for pair in _pairs_of(tab))


def _key_of(runtime: Runtime, tab: Tab) -> Any:
    return (pair_key(runtime, tab), tests_made(runtime, tab))


async def _found(runtime: Runtime, tab: Tab, pair: ComparedPair) -> Found:
    market = runtime.markets.get(tab.view.market)
    absent = [leg for leg in pair.legs if market is not None and leg not in market.symbols]
    if market is not None and absent and market.symbols:
        return f"this market has no {' and no '.join(absent)}"
    try:
        return await snapshot_of(runtime, _tab_of(tab, pair))
    except (ValueError, KeyError) as error:
        return str(error.args[0]) if error.args else str(error)


async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
    """The charts and figures of every pair; of one that cannot be shown, why."""
    pairs = _pairs_of(tab)
    results = await asyncio.gather(*(_found(runtime, tab, pair) for pair in pairs))
    return drawn(runtime, tab, dict(zip(pairs, results, strict=True)))


def drawn(runtime: Runtime, tab: Tab, found: dict[ComparedPair, Found]) -> dict[str, Any]:
    """What the page shows of the pairs, in their order."""
    threshold = tab.view.z_threshold
    settings = settings_of(tab.options.get("strategy"))
    rows: list[ComparedRow] = []
    charts: dict[str, Compared] = {}
    parts: dict[str, Any] = {}
    evens: dict[Legs, BreakEven] = {}
    for chart_id, (pair, each) in zip(CHARTS, found.items(), strict=False):
        of_pair, legs = _tab_of(tab, pair), pair.legs
        if isinstance(each, PairSnapshot):
            carry = carry_of(runtime.markets.get(tab.view.market), each)
            evens[legs] = even = break_even(each, settings, carry)
            markers = tuple(markers_of(runtime, of_pair))
            charts[chart_id] = Compared(each, even, markers, of_pair.uirevision)
            test, estimates = tests_of(runtime, of_pair, each)
            alone = leg_alone(estimates, test)
            rows.append(compared_row(each, threshold, even, alone))
            continue
        words = waiting_for(runtime, of_pair, each) if isinstance(each, NotReady) else each
        rows.append(missing_row(*legs, words))
        message = f"{pair_words(*legs)}: {words}"
        parts[chart_id] = empty_figure(message, tab.theme, chart_id)
    if not found:
        words = NO_PAIR.reason if tab.view.pair is None else "choose two legs and add the pair"
        parts[CHARTS[0]] = empty_figure(words, tab.theme)
    parts |= _with_gaps(runtime, tab, charts, threshold)
    shown = max(len(found), 1)
    return {
        **parts,
        **{card_of(chart_id): place >= shown for place, chart_id in enumerate(CHARTS)},
        "figures": _table(rows) if rows else "",
        "answer": segments(
            compare_answer({pair.legs: each for pair, each in found.items()}, threshold, evens)
        ),
    }


def _with_gaps(
    runtime: Runtime, tab: Tab, charts: dict[str, Compared], threshold: float
) -> dict[str, Any]:
    """The charts, each with the gaps of its own legs."""
    figures = compare_figures(charts, threshold, tab.theme)
    market = runtime.markets.get(tab.view.market)
    if market is None or not market.gaps.open:
        return figures
    for chart_id, pair in charts.items():
        params = pair.snapshot.params
        spans = market.gaps.spans({params.y, params.x})
        step = polling.TIMEFRAMES[params.timeframe]
        figures[chart_id] = gap_marks(figures[chart_id], spans, step, tab.theme)
    return figures


def _table(rows: Sequence[ComparedRow]) -> dict[str, Any]:
    of_words = {"Pair", "Signal", "Cointegration"}
    names = [
        element("Th", name, scope="col", className="" if name in of_words else "figures")
        for name in HEADS
    ]
    body = []
    for row in rows:
        tones = {"Signal": row.signal_tone, "Cointegration": row.test_tone}
        cells = [element("Th", row.cells[0], scope="row")]
        for name, text in list(zip(HEADS, row.cells, strict=True))[1:]:
            tone = f"tone-{tones[name]}" if tones.get(name) else ""
            cells.append(element("Td", text, className=tone if name in of_words else "figures"))
        body.append(element("Tr", cells))
    caption = element("Caption", "Figures of each pair", className="visually-hidden")
    parts = [caption, element("Thead", element("Tr", names)), element("Tbody", body)]
    return element("Table", parts, className="figures-table columns")


PAGE = LivePage(
    path="/compare",
    charts=CHARTS,
    key=key,
    render=render,
    values={
        "figures": Output(FIGURES, "children"),
        **{card_of(chart_id): Output(card_of(chart_id), "hidden") for chart_id in CHARTS},
    },
    options={"strategy": Input(ids.STRATEGY, "data"), "pairs": Input(ids.COMPARED, "data")},
    marks_gaps=False,
)


def chips(pairs: Sequence[Sequence[Any]], view: Mapping[str, Any] | None = None) -> list[Component]:
    """The pairs that are compared, each with its own page and with what takes it out.

    view: the tab's, of which each pair's page keeps what is not of another pair.
    """
    return [
        html.Span(
            [
                html.A(_named(pair), href=_href(view, pair), className="chip-link"),
                html.Button(
                    "×",
                    className="icon-button chip-out",
                    **attributes(
                        aria_label=f"Take {pair_words(*pair.legs)} out",
                        data_pair=to_text([ComparedPair(*pair.legs)]),
                    ),
                ),
            ],
            className="chip",
        )
        for pair in _legal(pairs)
    ]


def _named(pair: ComparedPair) -> str:
    """A pair, and that it is measured by a line of its own."""
    held = f" · locked β {ratio(pair.line[0])}" if pair.line else ""
    return f"{pair_words(*pair.legs)}{held}"


def _href(values: Mapping[str, Any] | None, pair: ComparedPair) -> str:
    if not values:
        return "/analytics?" + urlencode({"y": pair.y, "x": pair.x})
    return "/analytics?" + to_query(to_dict(_of_pair(from_dict(values), pair)))


def offered(names: Sequence[str], leg: str | None, y: str | None) -> dict[str, Any]:
    """The symbols to choose another pair of, with the leg that most pairs share chosen already.

    leg: the Y leg of the pair in view. y: what is chosen, which stays.

    >>> offered(["A", "B"], "B", None)["y"], offered(["A", "B"], "B", "A")["y"]
    ('B', 'A')
    """
    options = [{"value": "", "label": "choose"}]
    options += [{"value": name, "label": name} for name in names]
    return {"y_options": options, "x_options": options, "y": y or (leg if leg in names else "")}


def with_another(
    pairs: Sequence[Sequence[Any]], y: str | None, x: str | None
) -> tuple[list[list[Any]] | None, str]:
    """The pairs with one more, None where they stay; and what was wrong with it, in words.

    >>> with_another([["A", "B"]], "C", "D"), with_another([["A", "B"]], "A", "B")
    (([['A', 'B'], ['C', 'D']], ''), (None, 'A / B is there already'))
    """
    held = [pair.parts for pair in _legal(pairs)]
    if not y or not x or y == x:
        return None, "choose two different symbols"
    if [y, x] in (pair[:2] for pair in held):
        return None, f"{pair_words(y, x)} is there already"
    if len(held) >= MOST:
        return None, f"{MOST} pairs are compared at most: take one out first"
    return [*held, [y, x]], ""


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, and what adds a pair; one is taken out by assets/windows.js."""
    polling.register(app, runtime, PAGE)

    @app.callback(
        output={
            "y_options": Output(ADD_Y, "options"),
            "x_options": Output(ADD_X, "options"),
            "y": Output(ADD_Y, "value"),
        },
        inputs={"known": Input(ids.KNOWN, "data"), "view": Input(ids.VIEW, "data")},
        state={"y": State(ADD_Y, "value")},
    )
    async def offer(
        known: dict[str, Any] | None, view: dict[str, Any] | None, y: str | None
    ) -> dict[str, Any]:
        return offered((known or {}).get("symbols", ()), (view or {}).get("y"), y)

    @app.callback(Output(CHIPS, "children"), Input(ids.COMPARED, "data"), Input(ids.VIEW, "data"))
    async def list_pairs(pairs: list[list[Any]] | None, view: dict[str, Any] | None) -> Any:
        return chips(pairs or (), view)

    @app.callback(
        output={
            "pairs": Output(ids.COMPARED, "data"),
            "says": Output(SAYS, "children"),
        },
        inputs={"add": Input(ADD, "n_clicks")},
        state={
            "pairs": State(ids.COMPARED, "data"),
            "y": State(ADD_Y, "value"),
            "x": State(ADD_X, "value"),
        },
        prevent_initial_call=True,
    )
    async def edit(
        add: int | None,
        pairs: list[list[Any]] | None,
        y: str | None,
        x: str | None,
    ) -> dict[str, Any]:
        if not add:
            raise PreventUpdate
        after, words = with_another(pairs or (), y, x)
        return {"pairs": no_update if after is None else after, "says": words}

    clientside(app, "writePairs", Output(CHIPS, "title"), Input(ids.COMPARED, "data"))
