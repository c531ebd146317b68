"""What the header and the side panel hold for a market, a link, a click elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from dash import no_update
from plotly.utils import PlotlyJSONEncoder

from analytics.model import Bars
from dashapp.parameters.pair import check, pair_params
from dashapp.parameters.table import VIEW
from dashapp.ui.app import ASSETS
from dashapp.ui.frame.panel import UNUSED, hidden_on, panel
from dashapp.ui.frame.parameters import collected
from dashapp.ui.frame.settling import (
    _asks_nothing,
    _controls_from,
    legs,
    missing_legs,
    settle_values,
    settled,
    whole_link,
)
from dashapp.ui.pages.data.page import pair_query
from dashapp.ui.polling import Tab
from storage.market.market import Market
from tests.dashapp.conftest import made_up_ticks

KNOWN = ("BTCUSDT", "ETHUSDT")
LEGS = {"y": "BTCUSDT", "x": "ETHUSDT"}
HELD = {"market": "demo", "y": None, "x": None, "symbols": [], "timeframe": "1s"}


def test_legs_that_the_market_has_stay_and_others_give_way():
    known = ["A", "B", "C"]
    assert legs(known, None, None) == ("A", "B")
    assert legs(known, "C", "A") == ("C", "A")
    assert legs(known, "Z", "A") == ("B", "A")
    assert legs(known, "B", "B") == ("B", "A")
    assert legs(["A"], None, None) == ("A", None)
    assert legs([], "A", "B") == (None, None)


def test_a_link_may_write_a_leg_in_small_letters_as_http_may():
    assert legs(["A", "B", "C"], "c", "a") == ("C", "A")
    assert missing_legs(["A", "B", "C"], {"y": "c", "x": "z"}, None) == {"x": "z"}
    assert missing_legs(["A", "B"], {}, {"x": "z", "y": "B"}) == {"x": "z"}


def test_a_number_of_a_link_fills_its_control_as_it_was_read():
    values, wrong = _controls_from({"min_volume": "20,000", "limit": "2e3", "z_window": "0,5"})
    assert values == {"min_volume": "20000", "limit": "2000", "z_window": "60"}
    assert wrong == ["z window: 0,5 has a decimal comma: write 0.5"]


def held(**changes):
    return {row.name: row.control_value(row.default) for row in VIEW} | LEGS | changes


def test_the_controls_become_a_view_once_and_a_wrong_one_leaves_it_as_it_is():
    known = ["BTCUSDT", "ETHUSDT"]
    made = collected("demo", known, held(z_window="1,000"), known, None)
    assert made["view"]["z_window"] == 1_000
    assert made["view"]["query"].endswith("&z_window=1000")
    assert made["messages"] == {row.name: "" for row in VIEW}
    again = collected("demo", known, held(z_window="1000"), known, made["view"])
    assert again["view"] is no_update
    wrong = collected("demo", known, held(z_window="1", z_threshold="2,5"), known, made["view"])
    assert wrong["view"] is no_update
    assert {name: words for name, words in wrong["messages"].items() if words} == {
        "z_window": "1: expected a whole number from 2 to 5000",
        "z_threshold": "2,5 has a decimal comma: write 2.5",
    }


def test_the_panel_has_on_each_page_what_the_page_reads():
    rules = (ASSETS / "style.css").read_text()
    for page in UNUSED:
        assert f".not-{page}" in rules, page
    shown = {page: {row.name for row in VIEW} - unused for page, unused in UNUSED.items()}
    assert {"corr_window", "trend"}.isdisjoint(shown["pairs"])
    assert shown["pairs"] > {"y", "x", "z_window", "z_threshold", "min_volume"}
    both = shown["correlation"] & shown["plain-heatmap"]
    assert both == {
        "y",
        "x",
        "timeframe",
        "limit",
        "corr_window",
        "corr_on",
        "min_trades",
        "min_volume",
    }
    assert "not-plain-heatmap" in hidden_on(["hedge", "beta"])
    assert hidden_on(["hedge", "y"]) == ""


def test_the_export_is_asked_for_by_the_pair_in_view_as_http_reads_it():
    view, _ = check("demo", [], held(z_window="90", z_threshold="3", lag_method="fixed"), KNOWN)
    query = dict(parse_qsl(pair_query(Tab(view, "dark", {}))))
    assert query == {**LEGS, "z_window": "90", "lag_method": "fixed"}
    assert pair_params(query) == view.pair


def test_the_panel_has_a_field_with_room_for_a_message_for_every_parameter_of_the_view():
    text = json.dumps(panel().to_plotly_json(), cls=PlotlyJSONEncoder)
    for row in VIEW:
        assert f'"id": "{row.control}"' in text
        assert f'"id": "{row.control}-message"' in text
        assert json.dumps(row.label) in text


def test_a_market_fills_its_legs_and_symbols(runtime):
    values = settle_values(runtime, {}, HELD, "demo")
    assert (values["y"], values["x"]) == ("BTCUSDT", "ETHUSDT")
    assert values["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert values["timeframe"] == "1s"


def test_a_replay_of_bars_is_shown_in_a_timeframe_that_they_have(runtime):
    ones = np.ones(3)
    bars = Bars("A", "1m", np.arange(3) * 60_000, *[ones] * 5, np.full(3, -1), ones)
    runtime.markets["replay"] = Market("replay", "Replay", "replay")
    for symbol in "AB":
        runtime.markets["replay"].append_bars(replace(bars, symbol=symbol))
    shown = {**HELD, "market": "replay"}
    assert settle_values(runtime, {}, shown, "demo")["timeframe"] == "1m"
    assert settle_values(runtime, {}, {**shown, "timeframe": "5m"}, "demo")["timeframe"] == "5m"


def test_a_link_to_a_market_that_is_gone_stays_as_asked(runtime):
    asked = {"market": "upload-9", "y": "A", "x": "B"}
    missing = missing_legs([], asked, None)
    values = settle_values(runtime, asked, HELD, "demo", missing)
    assert (values["market"], values["y"], values["x"]) == ("upload-9", "A", "B")
    assert {"value": "upload-9", "label": "upload-9 (not here)"} in values["market_options"]
    view = collected("upload-9", [], held(y="A", x="B"), ["A", "B"], None)["view"]
    assert view["query"] == "market=upload-9&y=A&x=B"


def test_a_leg_that_a_link_names_and_the_market_lacks_gives_way_to_no_other(runtime):
    missing = missing_legs(["BTCUSDT", "ETHUSDT"], {"y": "XYZ"}, None)
    values = settle_values(runtime, {"y": "XYZ"}, HELD, "demo", missing)
    assert (values["y"], values["x"]) == ("XYZ", "BTCUSDT")


def test_a_tab_without_a_view_begins_with_the_usual_value_in_place_of_a_wrong_one():
    made = collected("demo", [], held(z_window="5000"), list(KNOWN), None)
    assert made["view"]["z_window"] == 60
    assert made["messages"]["z_window"] == "5000: expected at most Bars in view (1000)"


@pytest.mark.parametrize(
    ("asked", "shown", "told"),
    [
        (
            {"z_window": "5"},
            {"z_window": 60},
            "z window: 5: expected at least 6 for a |z| of the threshold. Shown with the usual "
            "z window (60).",
        ),
        ({"z_window": "5", "z_threshold": "1.5"}, {"z_window": 5, "z_threshold": 1.5}, ""),
        (
            {"spread_mode": "locked", "z_window": "90"},
            {"spread_mode": "view", "z_window": 90},
            "Locked β: empty: expected a number from -1e+15 to 1e+15, the hedge ratio to be "
            "locked. Shown with the usual Hedge mode "
            "(Fitted on the view).",
        ),
        (
            {"limit": "50", "intercept": False},
            {"limit": 1_000, "intercept": False},
            "z window: 60: expected at most Bars in view (50). Shown with the usual Bars in view "
            "(1000).",
        ),
        (
            {"z_window": "x", "z_threshold": "y"},
            {"z_window": 60, "z_threshold": 2.0},
            "z window: x: expected a whole number from 2 to 5000; z threshold: y: expected a "
            "number from 0.1 to 20. Shown with the usual z window (60) and z threshold (2).",
        ),
        (
            {"limit": "10", "spread_mode": "locked", "z_window": "5"},
            {"limit": 1_000, "spread_mode": "view", "z_window": 60},
            "Bars in view: 10: expected a whole number from 50 to 20000; Locked β: empty: "
            "expected a number from -1e+15 to 1e+15, the hedge ratio to be locked; z window: 5: "
            "expected at least 6 for a |z| of the threshold. Shown with the usual Bars in view "
            "(1000), Hedge mode (Fitted on the view) and z window (60).",
        ),
    ],
)
def test_a_tab_opens_with_all_that_goes_together_and_says_what_does_not(asked, shown, told):
    raw = held(timeframe="5m", min_volume="7", **asked)
    made = collected("demo", [], raw, list(KNOWN), None)
    wanted = {"timeframe": "5m", "min_volume": 7.0, **shown}
    assert {name: made["view"][name] for name in wanted} == wanted
    assert made["told"] == told
    again = collected("demo", [], raw, list(KNOWN), made["view"])
    assert again["told"] is no_update or not told, "it stays while a field is wrong"
    assert collected("demo", [], held(), list(KNOWN), made["view"])["told"] == ""


def test_a_hedge_that_leaves_no_room_in_view_is_told_at_its_field():
    raw = held(spread_mode="rolling", hedge_window="5000")
    made = collected("demo", [], raw, list(KNOWN), None)
    assert made["view"]["hedge_window"] == 5_000, "only the pages of the pair need a z-score"
    assert made["messages"]["hedge_window"] == (
        "5000: expected at most 940, since the z window needs 60 more of Bars in view (1000)"
    )
    made = collected("demo", [], held(**{**raw, "limit": "100"}), list(KNOWN), None)
    assert (made["view"]["hedge_window"], made["view"]["limit"]) == (5_000, 100)


@pytest.mark.parametrize(
    "asked", [{"limit": "50"}, {"limit": "50", "spread_mode": "rolling", "z_window": "50"}]
)
def test_every_link_opens_some_view(asked):
    made = collected("demo", [], held(**asked), list(KNOWN), None)
    assert (made["view"]["y"], made["view"]["x"]) == KNOWN
    assert any(made["messages"].values())


def test_an_exchange_offers_its_symbols_before_the_first_tick(runtime):
    values = settle_values(
        runtime, {"market": "live", "symbols": ["SOLUSDT"]}, HELD, "binance-spot"
    )
    assert values["symbols"] == ["SOLUSDT"]
    assert {"value": "BTCUSDT", "label": "BTCUSDT"} in values["symbol_options"]
    assert values["y"] is None


async def test_a_symbol_that_no_list_has_stays_chosen_while_an_exchange_is_the_source(runtime):
    shown = {**HELD, "symbols": ["PEPEUSDT"]}
    values = settle_values(runtime, {"market": "live"}, shown, "binance-futures")
    assert values["symbols"] == ["PEPEUSDT"]
    assert settle_values(runtime, {}, shown, "demo")["symbols"] == ["BTCUSDT", "ETHUSDT"]
    await runtime.feeds.start("binance-futures", ["SOLUSDT", "XRPUSDT"])
    assert runtime.feeds.asked == {"source": "binance-futures", "symbols": ["SOLUSDT", "XRPUSDT"]}
    await runtime.feeds.stop()
    assert runtime.feeds.asked is None


def test_a_whole_link_asks_for_the_usual_values_that_it_leaves_out():
    asked = whole_link({"market": "demo", "y": "A", "x": "B", "z_window": "90"})
    fields, wrong = _controls_from(asked)
    assert (fields["z_window"], fields["spread_mode"], fields["beta"], wrong) == (
        "90",
        "view",
        "",
        [],
    )
    assert asked["timeframe"] == "1s"
    assert whole_link({"z_window": "90"}) == {"z_window": "90"}


def test_the_link_of_the_view_that_a_tab_has_asks_for_nothing():
    view = collected("demo", [], held(z_window="90"), list(KNOWN), None)["view"]
    asked = {"market": "demo", **LEGS, "z_window": "90"}
    now = {**HELD, **LEGS}
    assert _asks_nothing(asked, view, now, {})
    assert not _asks_nothing({**asked, "z_window": "80"}, view, now, {})
    assert not _asks_nothing(asked, view, {**now, "y": None}, {})
    assert _asks_nothing(asked, view, {**now, "y": "SOLUSDT"}, {}), "chosen by hand just now"
    assert not _asks_nothing(asked, None, now, {})


def answered(runtime, **given):
    """What `settled` tells a tab that shows the demo market's pair, told of these."""
    before = {"search": "", "focus": None, "market": "demo"}
    tab = {
        **{"search": "", "market": "demo", "focus": None, "known": None, "source": "demo"},
        **{"y": "BTCUSDT", "x": "ETHUSDT", "symbols": list(KNOWN), "timeframe": "1s"},
        **{"view": None, "not_here": None, "heeded": before},
        "hedge": {"spread_mode": "view", "beta": "", "alpha": ""},
    }
    return settled(runtime, **{**tab, **given})


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ("?market=demo&timeframe=7s", "Timeframe: 7s: expected one of 1s, 1m, 5m, 15m, 1h, 4h, 1d"),
        ("?market=demo&timeframe=5m", None),
        ("?market=demo&y=BTCUSDT&x=ETHUSDT", None),
        ("?market=gone&timeframe=3m", None),
        (
            "?market=demo&y=ethusdt&x=ETHUSDT",
            "X leg: the same as Y leg: expected two different symbols",
        ),
    ],
)
def test_what_a_link_asks_for_and_cannot_have_is_told(runtime, search, words):
    message = answered(runtime, search=search)["message"]
    told = no_update if words is None else f"In this link, {words}. The usual value is used."
    assert message == told


@pytest.mark.parametrize("wanted", ["7m", "1M", "1s"])
def test_a_timeframe_that_no_market_has_is_told_once_with_those_of_its_market(runtime, wanted):
    runtime.markets["file"] = market = Market("file", "A file", "upload")
    times, ones = 60_000 * np.arange(200), np.ones(200)
    for symbol in "AB":
        market.append_bars(Bars(symbol, "1m", times, *[ones] * 5, ones, ones))
    message = answered(runtime, search=f"?market=file&timeframe={wanted}&z_window=x")["message"]
    offered = ", ".join(market.timeframes)
    assert message == (
        "In this link, z window: x: expected a whole number from 2 to 5000; "
        f"Timeframe: {wanted}: expected one of {offered}. The usual values are used."
    )


def test_a_click_is_heeded_once_whatever_the_call_was_made_for(runtime):
    click = {"y": "ETHUSDT", "x": "BTCUSDT", "at": 1}
    told = answered(runtime, focus=click)
    assert (told["y"], told["x"], told["heeded"]["focus"]) == ("ETHUSDT", "BTCUSDT", click)
    swapped = {"y": "ETHUSDT", "x": "BTCUSDT"}
    told = answered(runtime, focus=click, heeded=told["heeded"], **swapped)
    assert (told["y"], told["x"]) == (no_update, no_update)
    told = answered(runtime, focus=click, heeded=told["heeded"], y="BTCUSDT", x="ETHUSDT")
    assert (told["y"], told["x"]) == (no_update, no_update), "changed by hand since"


def test_a_link_is_heeded_once_and_a_click_beside_it_goes_first(runtime):
    asked = "?y=ETHUSDT&z_window=90"
    told = answered(runtime, search=asked)
    assert (told["y"], told["plain"]["z_window"]) == ("ETHUSDT", "90")
    again = answered(runtime, search=asked, heeded=told["heeded"])
    assert (again["y"], again["plain"]["z_window"]) == (no_update, no_update)
    both = answered(runtime, search=asked, focus={"y": "BTCUSDT", "at": 1})
    assert (both["y"], both["plain"]["z_window"]) == (no_update, "90")
    other = answered(runtime, search=asked, focus={"market": "live", "at": 1})
    assert (other["market"], other["y"], other["plain"]["z_window"]) == ("live", None, "90")


@pytest.mark.parametrize(
    "asked",
    [
        {"search": "?market=demo&y=ETHUSDT&x=BTCUSDT"},
        {"focus": {"y": "ETHUSDT", "x": "BTCUSDT", "at": 1}},
    ],
)
def test_a_step_back_before_the_view_holds_what_was_asked_is_a_step_back(runtime, asked):
    before = link_of_demo("BTCUSDT", "ETHUSDT")
    there = {"y": "ETHUSDT", "x": "BTCUSDT", "view": before, **asked}
    told = answered(runtime, view=before, **asked)
    assert (told["y"], told["x"]) == ("ETHUSDT", "BTCUSDT")
    told = answered(runtime, **there, heeded=told["heeded"])  # called for the legs it set itself
    back = {**there, "search": "?market=demo&y=BTCUSDT&x=ETHUSDT"}
    gone_back = answered(runtime, **back, heeded=told["heeded"])
    assert (gone_back["y"], gone_back["x"]) == ("BTCUSDT", "ETHUSDT")
    after = answered(
        runtime, **{**there, "view": link_of_demo("ETHUSDT", "BTCUSDT")}, heeded=told["heeded"]
    )
    by_hand = answered(runtime, **back, heeded=after["heeded"])
    assert (by_hand["y"], by_hand["x"]) == (no_update, no_update), "chosen since, not yet in view"


@pytest.mark.parametrize(
    ("asked", "chosen", "kept"),
    [
        ({"market": "demo", "at": 3}, {"market": "live"}, "market"),  # Start of the market in view
        ({"y": "ETHUSDT", "x": "BTCUSDT", "at": 3}, {"market": "live"}, "market"),
        ({"market": "demo", "at": 3}, {"y": "ETHUSDT"}, "y"),
        ({"market": "demo", "at": 3}, {}, "z_window"),
    ],
)
def test_what_was_chosen_by_hand_since_a_click_stays_where_a_link_is_that_of_the_view(
    runtime, asked, chosen, kept
):
    """It is not in view yet, or is refused: the tab's other pages have the link of before."""
    before = link_of_demo("BTCUSDT", "ETHUSDT")
    tab = {"view": before, "focus": asked}
    heeded = answered(runtime, **tab)["heeded"]
    if chosen:
        heeded = answered(runtime, **tab, **chosen, heeded=heeded)["heeded"]
    link = "?" + before["query"]
    told = answered(runtime, **tab, **chosen, search=link, heeded=heeded)
    assert {**told, **told["plain"]}[kept] is no_update


def link_of_demo(y, x):
    return collected("demo", [], held(y=y, x=x), list(KNOWN), None)["view"]


def test_what_a_tab_shows_already_is_not_told_again_but_at_first(runtime):
    fields = ("market", "y", "x", "symbols", "timeframe")
    assert [answered(runtime)[name] for name in fields] == [no_update] * 5
    assert no_update not in [answered(runtime, heeded=None)[name] for name in fields]


def test_a_market_chosen_by_hand_has_none_of_the_legs_that_a_link_awaits(runtime):
    missing = {"y": "XYZ"}
    assert answered(runtime, y="XYZ", not_here=missing)["not_here"] == missing
    held = {"search": "", "focus": None, "market": "live"}
    told = answered(runtime, y="XYZ", not_here=missing, heeded=held)
    assert (told["y"], told["not_here"]) == ("BTCUSDT", {})
    told = answered(runtime, search="?market=replay&y=A", heeded=held)
    assert (told["market"], told["y"]) == (no_update, no_update), "a market before a link"


def test_a_leg_chosen_by_hand_is_no_longer_that_which_a_link_awaits(runtime):
    told = answered(runtime, y="ETHUSDT", x="BTCUSDT", not_here={"y": "XYZ"})
    assert (told["y"], told["not_here"]) == (no_update, {})


LOCKED = {"spread_mode": "locked", "beta": "4", "alpha": "2"}
UNLOCKED = {"spread_mode": "view", "beta": "", "alpha": ""}
OF_DEMO = {"search": "", "focus": None, "market": "demo", "legs": list(KNOWN)}


@pytest.mark.parametrize(
    ("given", "hedge"),
    [
        ({"focus": {"y": "SOLUSDT", "x": "ETHUSDT", "at": 1}}, UNLOCKED),
        ({"y": "SOLUSDT"}, UNLOCKED),
        ({"x": "SOLUSDT"}, UNLOCKED),
        ({"market": "live"}, UNLOCKED),
        ({"search": "?y=SOLUSDT&x=ETHUSDT"}, UNLOCKED),
        (
            {"focus": {"y": "ETHUSDT", "x": "BTCUSDT", "at": 1}},
            {**LOCKED, "beta": "0.25", "alpha": "-0.5"},
        ),
        (
            {"focus": {"y": "SOLUSDT", "x": "ETHUSDT", "at": 1, **LOCKED, "beta": "7"}},
            {**LOCKED, "beta": "7"},
        ),
        (
            {"search": "?market=demo&y=SOLUSDT&x=ETHUSDT&spread_mode=locked&beta=7"},
            {"spread_mode": "locked", "beta": "7", "alpha": ""},
        ),
        ({"focus": {"y": "BTCUSDT", "x": "ETHUSDT", "at": 1}}, LOCKED),
        ({"focus": {"beta": "5", "at": 1}}, {**LOCKED, "beta": "5"}),
        ({"focus": {**LOCKED, "at": 1}, "y": "SOLUSDT"}, UNLOCKED),
        ({"search": "?z_window=90"}, LOCKED),
        ({"y": "ETHUSDT"}, LOCKED),
    ],
)
def test_a_locked_hedge_is_kept_for_its_own_pair_alone(runtime, given, hedge):
    runtime.markets["demo"].coming = ("SOLUSDT",)
    told = answered(runtime, **{"hedge": LOCKED, "heeded": OF_DEMO, **given})["plain"]
    named = {name: told[name] for name in LOCKED if told[name] is not no_update}
    assert {**LOCKED, **named} == hedge


def test_two_legs_alike_are_on_the_way_to_another_pair_and_stay_as_chosen(runtime):
    told = answered(runtime, hedge=LOCKED, heeded=OF_DEMO, y="ETHUSDT")
    assert (told["y"], told["x"]) == (no_update, no_update)
    assert told["heeded"]["legs"] == list(KNOWN)
    swapped = {"hedge": LOCKED, "y": "ETHUSDT", "x": "BTCUSDT"}
    assert answered(runtime, **swapped, heeded=told["heeded"])["plain"]["beta"] == "0.25"


def hedge_told(runtime, **given):
    """What the hedge's controls hold, and what counts as heeded, of a tab that holds LOCKED."""
    told = answered(runtime, **{"hedge": LOCKED, **given})
    plain = {name: told["plain"][name] for name in LOCKED}
    named = {name: value for name, value in plain.items() if value is not no_update}
    return {**LOCKED, **named}, told["heeded"]


async def test_a_locked_hedge_stays_in_a_replay_of_its_market_and_on_the_way_back(runtime):
    await runtime.replays.start("demo", 1_000)
    click = {"focus": {"market": "replay", "at": 1}}
    hedge, heeded = hedge_told(runtime, **click, heeded=OF_DEMO)
    assert (hedge, heeded["market"], heeded["data"]) == (LOCKED, "replay", "demo")
    by_hand, _ = hedge_told(runtime, market="replay", heeded=OF_DEMO)
    assert by_hand == LOCKED
    there = {**click, "heeded": heeded}
    assert hedge_told(runtime, market="replay", **there)[0] == LOCKED, "the symbols have come"
    swapped = {"market": "replay", "y": "ETHUSDT", "x": "BTCUSDT", **there}
    assert hedge_told(runtime, **swapped)[0]["beta"] == "0.25"
    assert hedge_told(runtime, market="demo", **there)[0] == LOCKED
    await runtime.replays.stop()


async def test_a_replay_that_a_restart_ended_keeps_its_pair_and_its_hedge(runtime):
    """The page says that it is not here; with its market the tab is where it was."""
    there = {"search": "", "focus": None, "market": "replay", "data": "demo", "legs": list(KNOWN)}
    told = answered(runtime, market="replay", heeded=there)
    assert (told["y"], told["x"]) == (no_update, no_update)
    assert told["not_here"] == dict(zip(("y", "x"), KNOWN, strict=True))
    hedge, heeded = hedge_told(runtime, market="replay", heeded=there)
    assert (hedge, heeded) == (LOCKED, {**there, "server": runtime.started_s, "over": None})
    assert hedge_told(runtime, market="demo", heeded=heeded)[0] == LOCKED
    assert hedge_told(runtime, market="live", heeded=heeded)[0] == UNLOCKED


def test_a_pair_waits_for_its_symbols_after_a_new_start_of_the_server(runtime):
    market = runtime.markets["demo"]
    for name in ("SOLUSDT", "BNBUSDT"):
        market.append(made_up_ticks(name, seed=3))
    legs = {"y": "SOLUSDT", "x": "BNBUSDT"}
    of_before = {**OF_DEMO, "legs": [*legs.values()], "server": runtime.started_s - 1.0}
    runtime.markets["demo"] = Market("demo", "Demo", "demo")
    told = answered(runtime, **legs, heeded=of_before)
    assert (told["y"], told["x"], told["not_here"]) == (no_update, no_update, legs)
    asked = {**legs, "heeded": told["heeded"], "not_here": told["not_here"]}
    for at, name in enumerate((*KNOWN, "SOLUSDT", "BNBUSDT")):
        runtime.markets["demo"].append(made_up_ticks(name, seed=at))
        told = answered(runtime, **asked)
        assert (told["y"], told["x"]) == (no_update, no_update)
    assert told["not_here"] == {}
    # In a server that has not begun anew, symbols that go away give way to those that are there.
    runtime.markets["demo"] = Market("demo", "Demo", "demo")
    runtime.markets["demo"].append(made_up_ticks("ADAUSDT", seed=1))
    assert answered(runtime, **legs, heeded=told["heeded"])["y"] == "ADAUSDT"


async def test_a_replay_of_another_market_fits_the_hedge_anew(runtime, ticks_of):
    for symbol in KNOWN:
        runtime.markets["live"].append(ticks_of(symbol))
    await runtime.replays.start("demo", 1_000)
    _, of_demo = hedge_told(runtime, market="replay", heeded=OF_DEMO)
    await runtime.replays.start("live", 1_000)
    click = {"focus": {"market": "replay", "at": 1}}
    assert hedge_told(runtime, **click, heeded=OF_DEMO)[0] == UNLOCKED
    assert hedge_told(runtime, market="replay", heeded=of_demo)[0] == UNLOCKED, "begun meanwhile"
    assert hedge_told(runtime, market="live", heeded=of_demo)[0] == UNLOCKED
    await runtime.replays.stop()


async def test_a_locked_hedge_is_of_no_other_pair_of_the_replay(runtime):
    runtime.markets["demo"].coming = ("SOLUSDT",)
    await runtime.replays.start("demo", 1_000)
    away = {"focus": {"market": "replay", "at": 1}, "y": "SOLUSDT"}
    heeded = {**OF_DEMO, "legs": ["SOLUSDT", "ETHUSDT"]}
    assert hedge_told(runtime, **away, heeded=heeded)[0] == UNLOCKED, "it has not that symbol"
    await runtime.replays.stop()


def test_a_replay_that_a_new_start_of_the_server_has_forgotten_keeps_the_hedge(runtime):
    heeded = {**OF_DEMO, "market": "replay", "data": "demo"}
    hedge, heeded = hedge_told(runtime, market="replay", heeded=heeded)
    assert (hedge, heeded["legs"]) == (LOCKED, list(KNOWN))
