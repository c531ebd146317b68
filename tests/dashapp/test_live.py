"""The live callback's core: what is sent, and when nothing is."""

from __future__ import annotations

import pytest
from dash import Patch, no_update
from dash.exceptions import PreventUpdate

from analytics.model import NotReady
from dashapp import ids, live
from dashapp.figures.base import empty_figure
from dashapp.live import LivePage, Tab
from dashapp.pages import analytics, home
from dashapp.view import check

RAW = {"y": "BTCUSDT", "x": "ETHUSDT"}


def tab_of(theme: str = "dark", **raw) -> Tab:
    view, errors = check("demo", [], {**RAW, **raw}, ("BTCUSDT", "ETHUSDT"))
    assert errors == {}
    return Tab(view, theme, {})


async def test_the_first_answer_holds_whole_figures(runtime):
    made = await live._answer(runtime, analytics.PAGE, tab_of(), None)
    assert all(isinstance(made["charts"][one], dict) for one in analytics.CHARTS)
    assert made["cursor"]["key"]


async def test_nothing_is_sent_while_nothing_changed(runtime):
    tab = tab_of()
    first = await live._answer(runtime, analytics.PAGE, tab, None)
    with pytest.raises(PreventUpdate):
        await live._answer(runtime, analytics.PAGE, tab, first["cursor"])


async def test_new_ticks_travel_as_patches_of_arrays(runtime, ticks_of):
    tab = tab_of()
    first = await live._answer(runtime, home.PAGE, tab, None)
    market = runtime.market("demo")
    last = int(market.ticks("BTCUSDT", 1).ts_ms[-1])
    market.append(ticks_of("BTCUSDT", seconds=5, start_ms=last + 1_000))
    second = await live._answer(runtime, home.PAGE, tab, first["cursor"])
    assert all(isinstance(one, Patch) for one in second["charts"].values())
    assert second["cursor"]["key"] != first["cursor"]["key"]


async def test_another_theme_sends_whole_figures_again(runtime):
    first = await live._answer(runtime, home.PAGE, tab_of(), None)
    second = await live._answer(runtime, home.PAGE, tab_of("light"), first["cursor"])
    assert all(isinstance(one, dict) for one in second["charts"].values())


async def test_a_server_that_started_anew_answers_a_tab_that_stayed_open(runtime):
    tab = tab_of()
    first = await live._answer(runtime, home.PAGE, tab, None)
    runtime.started_s += 100.0
    assert await live._answer(runtime, home.PAGE, tab, first["cursor"])


async def test_a_failing_page_says_why_and_leaves_its_charts(runtime):
    async def render(runtime, tab):
        raise ValueError("z_window is 1, expected at least 2")

    page = LivePage("/x", (ids.PRICE_CHART,), lambda runtime, tab: 1, render)
    made = await live._answer(runtime, page, tab_of(), None)
    assert made["charts"][ids.PRICE_CHART] is no_update
    assert "z_window is 1" in str(made["answer"])


async def test_too_few_bars_stand_in_every_chart_in_words(runtime):
    made = await live._answer(runtime, analytics.PAGE, tab_of(z_window=5_000), None)
    for chart in analytics.CHARTS:
        text = made["charts"][chart]["layout"]["annotations"][0]["text"]
        assert "needs 5" in text.replace("<br>", " ")


def test_a_market_that_does_not_grow_promises_nothing():
    reason = NotReady("needs 60 bars, has 12", 12, 60)
    assert live.waiting(reason, "1m", growing=False) == "needs 60 bars, has 12"
    assert live.waiting(reason, "1m") == "needs 60 bars, has 12: about 48.0 min"


def test_a_patch_carries_every_changing_part_of_a_figure():
    figure = empty_figure("no data", "dark", ids.PRICE_CHART)
    _, signature = live._update(figure, None)
    patch, same = live._update(figure, signature)
    assert same == signature
    changed = {tuple(one["location"]) for one in patch.to_plotly_json()["operations"]}
    assert ("layout", "annotations") in changed
