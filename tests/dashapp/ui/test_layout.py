"""The frame and the pages: every id that stays is there, and every callback's id exists."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import pytest
from dash import Dash

from dashapp import ids
from dashapp.server import create_server
from dashapp.ui.app import create_app
from dashapp.ui.frame import layout
from dashapp.ui.pages import COMPARE, PAGES

FRAME_IDS = [
    "market-select",
    "source-kind",
    "source-url",
    "symbol-select",
    "start-button",
    "stop-button",
    "feed-status",
    "trust-strip",
    "live-interval",
    "timeframe",
    "leg-y",
    "leg-x",
    "swap-legs",
    "hedge-method",
    "hedge-window",
    "z-window",
    "corr-window",
    "price-space",
    "z-threshold",
    "theme-toggle",
    "freeze-toggle",
    "views-menu",
    "save-view",
]
PAGE_IDS = {
    "/": "price-chart volume-chart vwap-chart summary-cards",
    "/analytics": "spread-chart zscore-chart hedge-scatter hedge-path-chart adf-chart pair-figures",
    "/pairs": """watch-table scan-form scan-run scan-progress scan-funnel pvalue-histogram
        scan-table""",
    "/correlation": "correlation-heatmap rolling-correlation-chart lead-lag-chart",
    "/backtest": "equity-chart drawdown-chart backtest-figures trades-table sweep-heatmap",
    "/alerts": "rules-table alerts-table alert-spread-chart alert-zscore-chart",
    "/data": """upload-data upload-report summary-table ticks-table bars-table download-ticks
        download-bars download-analytics download-summary""",
}


def ids_in(component) -> list[str]:
    names = [component.id] if isinstance(getattr(component, "id", None), str) else []
    return names + [
        part.id for part in component._traverse() if isinstance(getattr(part, "id", None), str)
    ]


def page_ids(page) -> list[str]:
    drawn = ids_in(page.layout("dark"))
    return [*drawn, ids.cursor_of(page.path), ids.answer_of(page.path)]


@pytest.fixture
def app(runtime, settings) -> Dash:
    built: list[Dash] = []

    def build(runtime, server):
        built.append(create_app(runtime, server))
        return built[0]

    create_server(runtime, settings, build)
    return built[0]


def test_the_frame_has_every_id_that_stays(runtime):
    assert set(FRAME_IDS) <= set(ids_in(layout.layout(runtime)))


def test_the_address_that_the_app_was_started_with_is_shown_without_its_secrets(runtime, settings):
    secret = replace(settings, source="wss://me:hush@feed.example.com/a?token=hush")
    runtime.settings = secret
    shown = str(layout.layout(runtime))
    assert "token=***" in shown
    assert "hush" not in shown


async def test_a_reload_shows_the_source_and_the_message_that_were_started_last(runtime):
    try:
        message = '{"op":"sub","token":"s3cret"}'
        await runtime.feeds.start("ws://127.0.0.1:9/later", ["BTC-USD"], message)
        shown = layout.layout(runtime)
    finally:
        await runtime.feeds.stop()
    assert shown[ids.SOURCE_KIND].value == "url"
    assert shown[ids.SOURCE_URL].value == "ws://127.0.0.1:9/later"
    assert shown[ids.SUBSCRIBE].value.startswith('{"op":"sub"')
    assert shown[ids.SOURCE_SYMBOLS].value == "BTC-USD"
    assert "s3cret" not in str(shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_every_id_that_stays(page):
    assert set(PAGE_IDS[page.path].split()) <= set(page_ids(page))


@pytest.mark.parametrize("page", [*PAGES, COMPARE], ids=lambda page: page.name)
def test_no_id_stands_twice_on_a_page(page, runtime):
    everything = ids_in(layout.layout(runtime)) + page_ids(page)
    assert len(everything) == len(set(everything))


def test_every_id_that_a_callback_names_exists(app, runtime):
    known = set(ids_in(layout.layout(runtime)))
    for page in (*PAGES, COMPARE):
        known |= set(page_ids(page))
    for output, callback in app.callback_map.items():
        named = {place["id"] for part in ("inputs", "state") for place in callback[part]}
        named |= {place.rpartition(".")[0] for place in re.split(r"\.{2,3}", output) if place}
        assert {place for place in named if not place.startswith("{")} <= known


def test_every_callback_is_a_coroutine(app):
    own = [callback for callback in app.callback_map.values() if callback.get("callback")]
    assert own
    for callback in own:
        assert inspect.iscoroutinefunction(inspect.unwrap(callback["callback"]))


def test_no_callback_stands_ahead_of_itself(app):
    # Dash calls such a one only when nothing else is on its way: one slow answer would stop a page.
    calls = [
        (
            {place.partition("@")[0] for place in re.split(r"\.{2,3}", output) if place},
            {f"{place['id']}.{place['property']}" for place in callback["inputs"]},
        )
        for output, callback in app.callback_map.items()
    ]
    for outputs, inputs in calls:
        ahead, found = set(outputs), set(outputs)
        while found:
            found = set().union(*(told for told, by in calls if by & found)) - ahead
            ahead |= found
        assert (inputs - outputs) & ahead == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_router_finds_each_page_with_and_without_a_slash(page):
    assert layout.page_for(page.path) is page
    assert layout.page_for(page.path.rstrip("/") + "/") is page


def test_a_link_to_analytics_that_names_pairs_compares_them():
    assert layout.page_for("/analytics", "?market=demo&pairs=A~B,C~D") is COMPARE
    assert layout.page_for("/analytics", "?market=demo").name == "analytics"
    assert layout.page_for("/backtest", "?pairs=A~B").name == "backtest"


def test_an_unknown_path_has_no_page():
    assert layout.page_for("/nowhere") is None
