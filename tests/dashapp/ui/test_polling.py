"""The live callback's core: what is sent, and when nothing is."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dash import Patch, no_update
from dash.exceptions import PreventUpdate

from analytics.backtest import BacktestParams
from analytics.estimates import PairEstimates
from analytics.model import FeedStatus, Listing, UnitRootResult
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.parameters.pair import check, to_dict
from dashapp.services.analysis.grid_jobs import GridJobs
from dashapp.text.tests import NO_RELATION
from dashapp.ui import polling
from dashapp.ui.pages import home
from dashapp.ui.pages.alerts import page as alerts
from dashapp.ui.pages.analytics import page as analytics
from dashapp.ui.pages.backtest import form
from dashapp.ui.pages.backtest.page import make_page
from dashapp.ui.pages.data import page as data
from dashapp.ui.pages.shared import snapshot_of
from dashapp.ui.pictures import MOST_BYTES, OF_ONE_VIEW, Pictures, patch_of
from dashapp.ui.polling import LivePage, Tab
from tests.dashapp.text.test_tests import made_test

RAW = {"y": "BTCUSDT", "x": "ETHUSDT"}


def tab_of(theme: str = "dark", **raw) -> Tab:
    view, errors = check("demo", [], {**RAW, **raw}, ("BTCUSDT", "ETHUSDT"))
    assert errors == {}
    return Tab(view, theme, {})


async def answer_of(runtime, page, tab, cursor, pictures=None):
    """What Dash is given for a tab that shows what its cursor says."""
    step = await polling.next_step(runtime, page, tab, cursor, pictures or Pictures())
    return polling._of_step(page, step)


async def test_the_first_answer_holds_whole_figures(runtime):
    answer = await answer_of(runtime, analytics.PAGE, tab_of(), None)
    assert all(isinstance(answer["charts"][chart_id], dict) for chart_id in analytics.CHARTS)
    assert answer["cursor"]["key"]


async def test_nothing_is_sent_while_nothing_changed(runtime):
    tab = tab_of()
    first = await answer_of(runtime, analytics.PAGE, tab, None)
    with pytest.raises(PreventUpdate):
        await answer_of(runtime, analytics.PAGE, tab, first["cursor"])


async def test_the_break_even_is_at_the_cost_that_the_back_test_charges(runtime):
    tab = tab_of()
    usual = await analytics.render(runtime, tab)
    assert "costs (2 bps a side" in str(usual["answer"])
    costly = BacktestParams(cost_bps=5.0, slippage_bps=0.5)
    options = {"strategy": form.kept(costly)}
    parts = await analytics.render(runtime, replace(tab, options=options))
    assert "costs (5.5 bps a side" in str(parts["answer"])
    first, later = (each[ids.ZSCORE_CHART]["layout"]["shapes"][0] for each in (usual, parts))
    assert later["y1"] == pytest.approx(2.75 * first["y1"])


async def test_the_head_and_the_figures_weigh_a_leg_that_is_stationary_by_itself(
    runtime, monkeypatch
):
    tab = tab_of()
    snapshot = await snapshot_of(runtime, tab)
    firm = replace(snapshot, engle_granger=replace(snapshot.engle_granger, pvalue=0.001))
    assert NO_RELATION not in str(analytics.drawn(runtime, tab, firm)["answer"])
    legs = [UnitRootResult(-3.0, pvalue, 1, 79, {"5%": -2.9}) for pvalue in (0.001, 0.6)]
    monkeypatch.setattr(runtime.johansen, "estimates", lambda *_: PairEstimates(*legs))
    one = made_test((16.0, 1.0), (16.0, 1.0))
    monkeypatch.setattr(runtime.johansen, "latest", lambda *_: one)
    parts = analytics.drawn(runtime, tab, firm)
    assert NO_RELATION in str(parts["answer"])
    for name in ("figures", "johansen"):
        assert "but a leg looks stationary by itself" in str(parts[name]), name


async def test_new_ticks_travel_as_patches_of_arrays(runtime, ticks_of):
    tab = tab_of()
    first = await answer_of(runtime, home.PAGE, tab, None)
    market = runtime.markets.get("demo")
    last = int(market.ticks("BTCUSDT", 1).ts_ms[-1])
    market.append(ticks_of("BTCUSDT", seconds=5, start_ms=last + 1_000))
    second = await answer_of(runtime, home.PAGE, tab, first["cursor"])
    assert all(isinstance(figure, Patch) for figure in second["charts"].values())
    assert second["cursor"]["key"] != first["cursor"]["key"]


async def test_another_theme_sends_whole_figures_again(runtime):
    first = await answer_of(runtime, home.PAGE, tab_of(), None)
    second = await answer_of(runtime, home.PAGE, tab_of("light"), first["cursor"])
    assert all(isinstance(figure, dict) for figure in second["charts"].values())


async def test_a_server_that_started_anew_answers_a_tab_that_stayed_open(runtime):
    tab = tab_of()
    first = await answer_of(runtime, home.PAGE, tab, None)
    runtime.started_s += 100.0
    assert await answer_of(runtime, home.PAGE, tab, first["cursor"])


async def test_a_failing_page_says_why_and_leaves_its_charts(runtime):
    async def render(runtime, tab):
        raise ValueError("z_window is 1, expected at least 2")

    page = LivePage("/x", (ids.PRICE_CHART,), lambda runtime, tab: 1, render)
    answer = await answer_of(runtime, page, tab_of(), None)
    assert answer["charts"][ids.PRICE_CHART] is no_update
    assert "z_window is 1" in str(answer["answer"])


def backtest_page() -> LivePage:
    return make_page(GridJobs())


def message_of(chart: dict) -> str:
    return " ".join(mark["text"] for mark in chart["layout"]["annotations"]).replace("<br>", " ")


async def test_too_few_bars_for_a_z_score_blank_nothing_that_needs_none(runtime):
    answer = await answer_of(runtime, analytics.PAGE, tab_of(z_window=5_000), None)
    words = "needs 5,000 bars, has"
    assert words in message_of(answer["charts"][ids.ZSCORE_CHART])
    for chart in (ids.SPREAD_CHART, ids.HEDGE_SCATTER, ids.HEDGE_PATH_CHART, ids.ADF_CHART):
        assert words not in message_of(answer["charts"][chart])
        assert answer["charts"][chart]["data"]
    assert "Engle-Granger" in str(answer["values"]["figures"])


async def test_too_few_bars_for_anything_name_the_control_in_every_chart(runtime):
    page = backtest_page()
    tab = replace(tab_of(limit=100), options=dict.fromkeys(page.options))
    answer = await answer_of(runtime, page, tab, None)
    for chart in answer["charts"].values():
        assert "raise Bars in view (100)" in message_of(chart)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"market": "nope"}, "This link names a market 'nope' that does not exist."),
        ({"y": "XYZ"}, "This link names a symbol 'XYZ' that Demo does not have."),
        ({"market": "live"}, "no data yet: no feed runs"),
    ],
)
async def test_a_page_without_its_market_says_so_and_shows_no_other(runtime, changes, words):
    tab = tab_of()
    pair = replace(tab.view.pair, y=changes.get("y", tab.view.pair.y))
    view = replace(tab.view, market=changes.get("market", "demo"), pair=pair)
    for page in (analytics.PAGE, home.PAGE, data.PAGE, alerts.PAGE, backtest_page()):
        options = dict.fromkeys(page.options)
        shown = replace(tab, view=view, options=options)
        answer = await answer_of(runtime, page, shown, None)
        assert words in str(answer["answer"])
        for chart in answer["charts"].values():
            assert words[:20] in message_of(chart)
            assert chart["data"] == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("live", "waiting for the first trade of ETHUSDT"),
        ("connecting", "waiting for the first trade of ETHUSDT"),
        ("stopped", "This link names a symbol 'ETHUSDT' that Live does not have."),
    ],
)
def test_a_feed_that_runs_may_still_bring_a_leg(runtime, ticks_of, state, words):
    runtime.markets["live"].append(ticks_of("BTCUSDT", seconds=5))
    runtime.markets.fillers["live"] = SimpleNamespace(status=FeedStatus("live", state, ""))
    view = replace(tab_of().view, market="live")
    assert polling.nothing_here(runtime, view).startswith(words)


async def test_quantities_are_whole_lots_where_the_market_lists_them(runtime):
    tab = replace(tab_of(), options={"capital": "5000"})
    assert "lots of" not in str((await analytics.render(runtime, tab))["figures"])
    runtime.markets["demo"].listings = {
        "BTCUSDT": Listing("BTCUSDT", lot_size=0.001),
        "ETHUSDT": Listing("ETHUSDT", lot_size=0.05),
    }
    shown = str((await analytics.render(runtime, tab))["figures"])
    assert "Quantities for 5,000 USDT" in shown
    assert "lots of 0.001 / 0.05" in shown


def test_the_capital_of_a_page_that_opens_is_that_of_the_tab_or_the_link():
    assert analytics.held_by(None, "?market=demo&capital=2500") == "2500"
    assert analytics.held_by("900", "?capital=2500") == "900"
    assert analytics.held_by(None, "?capital=-1") == analytics.held_by(None, "") == "10000"


def test_a_patch_carries_every_changing_part_of_a_figure():
    figure = empty_figure("no data", "dark", ids.PRICE_CHART)
    picture = Pictures().put("view", "key", {"chart": figure}, {}).picture
    patch = patch_of(picture.charts["chart"][1])
    changed = {tuple(operation["location"]) for operation in patch.to_plotly_json()["operations"]}
    assert ("layout", "annotations") in changed


def test_pictures_take_the_room_they_are_given_whatever_they_hold():
    """Tables as well as charts: a page of many rows, each picture of which is of one tab."""
    pictures = Pictures(4 * 1024**2)
    tracemalloc.start()
    try:
        for number in range(200):
            rows = [{"id": f"{number} {row}", "z": row / 7.0, "side": "long"} for row in range(500)]
            pictures.put(f"view {number}", "key", {}, {"rows": rows})
            if number == 100:
                full = tracemalloc.get_traced_memory()[0]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held <= 16 * 1024**2
    assert held <= 1.1 * full


async def test_a_page_keeps_pictures_within_the_room_that_it_has(runtime):
    for room, kept in ((1, False), (MOST_BYTES, True)):
        live = polling._Live(runtime, replace(analytics.PAGE, pictures_bytes=room))
        step = await live.step(to_dict(tab_of().view), "dark", {}, None, False)
        assert (live._pictures.get(step.cursor["picture"]) is not None) == kept


async def test_frozen_charts_keep_their_data_under_other_parameters(runtime, ticks_of):
    tab = replace(tab_of(), until_ms=int(runtime.markets.get("demo").ticks("ETHUSDT", 1).ts_ms[-1]))
    first = await snapshot_of(runtime, tab)
    market = runtime.markets.get("demo")
    for symbol in market.symbols:
        market.append(ticks_of(symbol, seconds=5, start_ms=tab.until_ms + 1_000))
    other = replace(tab_of(z_window=90), until_ms=tab.until_ms)
    frozen, live_one = await snapshot_of(runtime, other), await snapshot_of(runtime, tab_of())
    np.testing.assert_array_equal(frozen.price_y, first.price_y)
    assert frozen.params.z_window == 90
    assert len(live_one) > len(first)
    bars = home.bars_in_view(runtime, tab)["BTCUSDT"]
    assert bars.ts_ms[-1] == first.ts_ms[-1]


async def test_a_tab_that_is_frozen_shares_no_picture_with_one_that_goes_on(runtime, monkeypatch):
    monkeypatch.setattr("dashapp.ui.pictures.SHARED_S", float("inf"))
    pictures, times = Pictures(), runtime.markets.get("demo").bars("BTCUSDT", "1s").ts_ms
    tabs = [tab_of(), *(replace(tab_of(), until_ms=int(times[at])) for at in (-100, -200))]
    told = [await answer_of(runtime, home.PAGE, tab, None, pictures) for tab in tabs]
    assert len({one["cursor"]["picture"] for one in told}) == 3


def test_a_market_is_frozen_where_it_was_and_no_other_is():
    view = tab_of().view
    assert polling.frozen_until({"market": "demo", "until_ms": 5.0}, view) == 5
    assert polling.frozen_until({"market": "live", "until_ms": 5}, view) is None
    for wrong in ({"market": "demo"}, {"market": "demo", "until_ms": "x"}, True, [1]):
        assert polling.frozen_until(wrong, view) is None


def test_what_a_tab_asks_for_changes_with_its_parameters_and_not_with_the_data():
    tab = tab_of()
    question = polling.asked_of(analytics.PAGE, tab)
    assert polling.asked_of(analytics.PAGE, replace(tab, until_ms=7)) == question
    for other in (tab_of("light"), tab_of(z_window=90), replace(tab, options={"mode": "lines"})):
        assert polling.asked_of(analytics.PAGE, other) != question


async def test_a_test_that_is_made_later_changes_the_key_of_its_page(runtime):
    tab = tab_of()
    before = polling.page_key(analytics.PAGE, runtime, tab)
    await analytics.render(runtime, tab)
    for _ in range(1_000):
        if analytics.key(runtime, tab)[1]:  # not only the rehearsal, which changes the key too
            break
        await asyncio.sleep(0.01)
    parts = await analytics.render(runtime, tab)
    assert "Trace, r = 0" in str(parts["johansen"])
    assert polling.page_key(analytics.PAGE, runtime, tab) != before


async def test_viewers_of_one_view_share_a_picture_and_a_viewer_goes_on_from_it(
    runtime, ticks_of, monkeypatch
):
    monkeypatch.setattr("dashapp.ui.pictures.SHARED_S", float("inf"))
    tab, pictures = tab_of(), Pictures()
    first = await answer_of(runtime, analytics.PAGE, tab, None, pictures)
    market = runtime.markets.get("demo")
    last = int(market.ticks("BTCUSDT", 1).ts_ms[-1])
    market.append(ticks_of("BTCUSDT", seconds=5, start_ms=last + 1_000))
    second = await answer_of(runtime, analytics.PAGE, tab, None, pictures)
    assert second["cursor"]["picture"] == first["cursor"]["picture"]
    later = await answer_of(runtime, analytics.PAGE, tab, first["cursor"], pictures)
    assert later["cursor"]["picture"] != first["cursor"]["picture"]
    assert later["cursor"]["from"] == first["cursor"]["picture"]
    assert set(later["charts"][ids.SPREAD_CHART]) == {"parts"}
    again = await answer_of(runtime, analytics.PAGE, tab, second["cursor"], pictures)
    assert again["cursor"] == later["cursor"]
    assert again["charts"] == later["charts"]
    assert again["charts"][ids.SPREAD_CHART] is later["charts"][ids.SPREAD_CHART], "told once"
    whole = await answer_of(runtime, analytics.PAGE, tab, None, pictures)
    assert "layout" in whole["charts"][ids.SPREAD_CHART], "who has no structure gets it"
    lost = {**second["cursor"], "shapes": {}}
    anew = await answer_of(runtime, analytics.PAGE, tab, lost, pictures)
    assert "layout" in anew["charts"][ids.SPREAD_CHART]


async def test_a_page_that_got_an_older_result_asks_again_though_nothing_changed(runtime):
    async def render(runtime, tab):
        runtime.analysis.results.older += busy
        return {ids.PRICE_CHART: empty_figure("as it was", "dark", ids.PRICE_CHART)}

    page, busy, pictures = LivePage("/x", (ids.PRICE_CHART,), lambda *_: 1, render), 1, Pictures()
    first = await answer_of(runtime, page, tab_of(), None, pictures)
    busy = 0
    second = await answer_of(runtime, page, tab_of(), first["cursor"], pictures)
    assert second["charts"][ids.PRICE_CHART] is no_update
    with pytest.raises(PreventUpdate):
        await answer_of(runtime, page, tab_of(), second["cursor"], pictures)


async def test_while_pages_are_refreshed_less_often_nobody_gets_a_picture_sooner(
    runtime, ticks_of, monkeypatch
):
    """A page that asks as often as ever gets nothing new, and no cost, until its turn has come."""
    tab, pictures, load = tab_of(), Pictures(), runtime.analysis.results.load
    first = await answer_of(runtime, analytics.PAGE, tab, None, pictures)
    market = runtime.markets.get("demo")
    last = int(market.ticks("BTCUSDT", 1).ts_ms[-1])
    market.append(ticks_of("BTCUSDT", seconds=5, start_ms=last + 1_000))
    monkeypatch.setattr(type(load), "interval_ms", 3_000_000)
    with pytest.raises(PreventUpdate):
        await answer_of(runtime, analytics.PAGE, tab, first["cursor"], pictures)
    other = await answer_of(runtime, analytics.PAGE, tab_of("light"), first["cursor"], pictures)
    assert other["charts"], "who asks for something else gets it at once"
    monkeypatch.setattr(polling, "EARLY", 0.0)
    assert await answer_of(runtime, analytics.PAGE, tab, first["cursor"], pictures)
    monkeypatch.setattr(type(load), "interval_ms", 500)
    monkeypatch.setattr(polling, "EARLY", 1e9)
    assert await answer_of(runtime, analytics.PAGE, tab, first["cursor"], pictures)


def test_the_picture_of_a_tab_that_nobody_sees_is_kept_until_it_asks_again():
    """Another tab that shows the same has a new picture at each tick meanwhile."""
    script = (Path(__file__).parents[3] / "assets" / "pace.js").read_text()
    (intervals,) = re.findall(r"const UNSEEN = (\d+);", script)
    assert int(intervals) < OF_ONE_VIEW - 1
