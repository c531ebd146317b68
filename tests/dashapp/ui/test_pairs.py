"""The Pairs page: what it sends, what its rows say, what its keys and buttons do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dash import no_update

from analytics.model import Bars, PairParams
from analytics.scanner import EVERY_FIELDS, ScanParams
from dashapp import ids
from dashapp.parameters import scan as rules
from dashapp.parameters.compared import asked_for, from_text
from dashapp.parameters.pair import check
from dashapp.services.alerts.arming import arm
from dashapp.services.scan.control import ScanJob
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.text.numbers import bar_span
from dashapp.text.scan import form_reach, found_words, left_words, missed_words
from dashapp.ui import components
from dashapp.ui.pages.alerts.tables import copied_words
from dashapp.ui.pages.pairs import form, page, scans, watch
from dashapp.ui.polling import Tab
from storage.market.market import Market
from tests.dashapp.figures.samples import planted, scanned

HOUR_MS = 3_600_000


class FakeScans:
    """One scan that is done."""

    def __init__(self, job: ScanJob | None) -> None:
        self.done, self.busy, self.asked, self.started = job, None, None, []
        self.again = set()

    def rescans(self, market):
        return market in self.again

    def newest(self, market):
        return self.done if self.done is not None and market == self.done.market else None

    def running(self, market):
        return self.busy

    def job(self, id):
        return next((job for job in (self.done, self.asked) if job and job.id == id), None)

    def start(self, market, params, timeframe="1h", *, rescan=False):
        if market == "moon":
            raise KeyError("there is no market 'moon'")
        self.started.append((market, params, timeframe, rescan))
        return ScanJob("s9", market, timeframe, params, rescan)


def a_job(**more) -> ScanJob:
    job = ScanJob("s1", "universe", "1h", ScanParams())
    job.result, job.state, job.took_ms = scanned(), "done", 1_500
    for name, value in more.items():
        setattr(job, name, value)
    return job


@pytest.fixture
def universe(runtime):
    """The runtime with a market of hourly bars that was scanned."""
    names, closes = planted()
    market = runtime.markets["universe"] = Market("universe", "A universe", "universe")
    ones, times = np.ones(len(closes)), HOUR_MS * np.arange(len(closes))
    for name, close in zip(names, closes.T, strict=True):
        market.append_bars(Bars(name, "1h", times, close, close, close, close, ones, ones, close))
    runtime.scans = FakeScans(a_job())
    return runtime


def a_tab(seen=None, every=False, market="universe", asked=None, theme="dark", held=None) -> Tab:
    view, errors = check("demo", [], {"y": "BTCUSDT", "x": "ETHUSDT"}, ("BTCUSDT", "ETHUSDT"))
    assert errors == {}
    options = {"market": market, "rules": held, "every": every, "seen": seen, "asked": asked}
    return Tab(view, theme, options)


def plain(parts) -> str:
    """What is read of the parts."""
    if isinstance(parts, str | dict):
        parts = [parts]
    return "".join(
        part if isinstance(part, str) else plain(part["props"]["children"]) for part in parts
    )


async def test_a_tab_is_sent_a_scan_once_and_of_the_watchlist_what_changed(universe):
    live, pair = page.make_page(), WatchedPair("demo", PairParams("BTCUSDT", "ETHUSDT"), 2.0)
    universe.watchlist.put(pair)
    first = await live.render(universe, a_tab())
    assert {*page.CHARTS, "rows", "watch", "answer"} <= set(first)
    assert (first["watch"]["since"], first["watch"]["version"]) == (0, first["seen"]["watch"])
    assert [row["pair"] for row in first["watch"]["rows"]] == ["BTCUSDT / ETHUSDT"]
    assert first["watch"]["rows"][0]["href"].startswith("/analytics?market=demo&y=BTCUSDT")
    seen = first["seen"] | {"scan": page._plain(first["seen"]["scan"])}
    again = await live.render(universe, a_tab(seen))
    assert not {*page.CHARTS, "rows", "watch", "reach", "says", "progress"} & set(again)
    universe.markets.status = lambda _: type("S", (), {"state": "live"})
    await universe.watchlist.step()
    moved = await live.render(universe, a_tab(seen))
    assert not {*page.CHARTS, "rows"} & set(moved)
    assert moved["watch"]["pairs"] is None
    assert (moved["watch"]["since"], moved["watch"]["version"]) == (
        seen["watch"],
        moved["seen"]["watch"],
    )
    assert [row["id"] for row in moved["watch"]["rows"]] == [pair.id]
    assert "href" not in moved["watch"]["rows"][0]


async def test_a_server_that_was_started_anew_sends_everything_again(universe):
    live = page.make_page()
    universe.watchlist.put(WatchedPair("demo", PairParams("BTCUSDT", "ETHUSDT"), 2.0))
    seen = (await live.render(universe, a_tab()))["seen"]
    stale = {**seen, "of": 1.0, "watch": 10_000}
    parts = await live.render(universe, a_tab(stale))
    assert parts["watch"]["since"] == 0
    assert len(parts["watch"]["rows"]) == 1


async def test_another_theme_draws_anew_and_a_rule_only_the_rows(universe):
    live = page.make_page()
    first = await live.render(universe, a_tab())
    seen = first["seen"] | {"scan": page._plain(first["seen"]["scan"])}
    light = await live.render(universe, a_tab(seen, theme="light"))
    assert set(page.CHARTS) <= set(light)
    row = scanned().confirmed[0]
    page.done(universe, "arm", WatchedPair("universe", scans.params_of(row, "1h"), 2.0))
    armed = await live.render(universe, a_tab(seen))
    assert not set(page.CHARTS) & set(armed)
    assert armed["rows"][0]["mine"] == "armed"


async def test_the_rows_are_the_survivors_with_z_now_and_on_request_all(universe):
    live = page.make_page()
    survivors = (await live.render(universe, a_tab()))["rows"]
    assert len(survivors) == scanned().rows.survivors
    best = survivors[0]
    assert best["verdict"] == "confirmed"
    assert {best["y"], best["x"]} == {"S0USDT", "S1USDT"}
    pair = scans.params_of(scanned().rows[0], "1h")
    snapshot = await universe.analysis.snapshot("universe", pair)
    assert best["z"] == pytest.approx(snapshot.z[-1], abs=0.005)
    np.testing.assert_allclose(best["line"], snapshot.z[-len(best["line"]) :], atol=0.006)
    assert best["half_life_ms"] == round(best["half_life"] * HOUR_MS)
    every = (await live.render(universe, a_tab(every=True)))["rows"]
    assert len(every) == len(scanned().rows) == 15
    assert {row["verdict"] for row in every[len(survivors) :]} == {"not significant"}
    assert every[-1]["z"] is None


async def test_without_a_scan_the_page_says_how_to_get_one(runtime):
    runtime.scans = FakeScans(None)
    parts = await page.make_page().render(runtime, a_tab(market="demo"))
    assert parts["empty"] == page.PRESS
    assert "nothing scanned yet" in plain(parts["answer"])
    assert "no pair is watched" in plain(parts["answer"])


async def test_an_empty_scan_says_what_could_have_been_found(universe):
    nothing = replace(
        scanned(),
        rows=scanned().rows.__class__(
            scanned().rows.names, *(np.empty(0, np.int64),) * 4, np.empty((5, 0)), np.empty((13, 0))
        ),
    )
    universe.scans.done = a_job(result=nothing)
    parts = await page.make_page().render(universe, a_tab())
    assert parts["rows"] == []
    assert parts["empty"].startswith("nothing found; with 400 bars of formation nothing slower")
    assert parts["empty"].endswith("could have been")


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("failed", "The worker died twice.", "The worker died twice."),
        ("cancelled", None, "cancelled"),
    ],
)
async def test_how_the_asked_scan_ended_is_said(universe, state, error, words):
    universe.scans.asked = a_job(id="s2", state=state, error=error, result=None)
    parts = await page.make_page().render(universe, a_tab(asked="s2"))
    assert words in plain(parts["says"])
    assert parts["idle"]


async def test_progress_is_shown_while_a_scan_runs(universe):
    universe.scans.busy = a_job(state="running", step="testing pairs", progress=0.42, result=None)
    parts = await page.make_page().render(universe, a_tab())
    assert (parts["progress"], parts["idle"]) == ("42", False)
    assert plain(parts["says"]) == "testing pairs: 42 %"


async def test_the_switch_and_cancel_say_whether_a_market_is_scanned_again(universe):
    live = page.make_page()
    first, before = await live.render(universe, a_tab()), live.key(universe, a_tab())
    assert (first["rescan"], first["idle"]) == (False, True)
    universe.scans.again.add("universe")
    assert live.key(universe, a_tab()) != before
    told = await live.render(universe, a_tab(first["seen"]))
    assert (told["rescan"], told["idle"]) == (True, False)
    # What was told is not told again: it would undo the choice for the next Run.
    assert "rescan" not in await live.render(universe, a_tab(told["seen"]))
    other = await live.render(universe, a_tab(told["seen"], market="demo"))
    assert other["rescan"] is False


def test_switching_off_is_heeded_for_the_market_that_the_tab_was_told_of(universe):
    universe.scans.again.add("universe")
    seen = {"market": "universe"}
    assert form.switched_off(universe, "universe", False, seen)
    assert not form.switched_off(universe, "universe", True, seen)
    assert not form.switched_off(universe, "universe", False, {"market": "demo"})
    assert not form.switched_off(universe, "demo", False, {"market": "demo"})


async def test_the_chosen_universe_is_kept_while_it_is_there(universe):
    markets, scanned_now, filled = form.offered(universe, "demo", None, None)
    assert scanned_now == filled
    assert scanned_now in ("universe", "demo-universe")
    assert {"value": "demo", "label": universe.markets["demo"].title} in markets
    assert form.offered(universe, "universe", "demo", "universe")[1:] == (no_update, no_update)
    assert form.offered(universe, "universe", "gone", "demo")[1:] == ("universe", "universe")
    assert form.offered(universe, "universe", "demo", "demo")[1:] == ("universe", "universe")


def test_the_pages_key_changes_with_the_list_and_with_a_scan(universe):
    live = page.make_page()
    before = live.key(universe, a_tab())
    assert live.key(universe, a_tab()) == before
    universe.watchlist.put(WatchedPair("demo", PairParams("BTCUSDT", "ETHUSDT"), 2.0))
    watched = live.key(universe, a_tab())
    assert watched != before
    universe.scans.busy = a_job(state="running", version=4)
    assert live.key(universe, a_tab()) != watched


def test_a_command_names_a_row_of_either_table(universe):
    watched = universe.watchlist.put(WatchedPair("demo", PairParams("BTCUSDT", "ETHUSDT"), 2.0))
    command = {"table": ids.WATCH_TABLE, "id": watched.id}
    assert page.pair_of(universe, command, None) == watched
    row = {"table": ids.SCAN_TABLE, "id": "0"}
    found = page.pair_of(universe, row, {"scan": {"job": "s1"}})
    best = scanned().rows[0]
    assert (found.market, found.params.y, found.params.x) == ("universe", best.y, best.x)
    assert (found.params.beta, found.params.spread_mode) == (best.beta, "locked")
    for wrong in ({"id": "99"}, {"id": "-1"}, {"id": "x"}, {}):
        assert page.pair_of(universe, {**row, **wrong}, {"scan": {"job": "gone"}}) is None
    assert page.pair_of(universe, {**row, "id": "99"}, {"scan": {"job": "s1"}}) is None


def test_two_rows_are_compared_by_the_link_of_a_comparison(universe):
    first = scans.params_of(scanned().rows[0], "1h")
    other = PairParams("^GSPC", "BTC/USDT", timeframe="1h", z_window=90)
    of = [WatchedPair("universe", params, 2.5) for params in (first, other)]
    link, words = watch.comparison_of(of)
    assert (link.partition("?")[0], words) == ("/analytics", "")
    pairs, errors = from_text(asked_for("?" + link.partition("?")[2]) or "")
    own = [first.y, first.x, first.beta, first.alpha, "log"]  # as the row and its page measure it
    assert ([pair.parts for pair in pairs], errors) == ([own, [other.y, other.x]], [])
    for part in ("market=universe&", "timeframe=1h", "z_threshold=2.5"):
        assert part in link
    assert not any(part in link for part in ("beta", "locked"))
    assert "is in both rows" in watch.comparison_of([of[0], of[0]])[1]
    assert "of one market" in watch.comparison_of([of[0], replace(of[1], market="demo")])[1]
    finer = replace(of[1], params=replace(other, timeframe="1m"))
    assert "on the same bars" in watch.comparison_of([of[0], finer])[1]


def test_a_command_opens_a_pair_compares_two_or_says_that_the_row_is_gone(universe):
    watched = universe.watchlist.put(WatchedPair("universe", PairParams("B", "A", "1h"), 2.0))
    row = {"table": ids.SCAN_TABLE, "id": "0", "at": 7}
    seen = {"scan": {"job": "s1"}}
    opened = page.answer_to(universe, {**row, "action": "open"}, seen)
    assert opened["focus"] == opened["opened"]
    assert (opened["focus"]["y"], opened["focus"]["at"]) == (scanned().rows[0].y, 7)
    beside = {"table": ids.WATCH_TABLE, "id": watched.id}
    asked = {**row, "action": "compare", "beside": beside}
    told = page.answer_to(universe, asked, seen)
    assert told["opened"]["link"].partition("&pairs=")[2].startswith("B~A,")
    assert told["focus"] is no_update
    gone = {**asked, "beside": {**beside, "id": "none"}}
    assert page.answer_to(universe, gone, seen)["says"] == "this row is gone"
    assert page.answer_to(universe, {**asked, "beside": None}, seen)["says"] == "this row is gone"


def test_w_watches_and_watches_no_more_and_a_arms_once(universe):
    pair = WatchedPair("universe", scans.params_of(scanned().rows[0], "1h"), 2.0)
    assert page.done(universe, "watch", pair).endswith("(1 of 200)")
    assert universe.watchlist.pairs == (pair,)
    assert page.done(universe, "arm", pair).startswith("armed: ")
    assert page.done(universe, "arm", pair) == "this rule is there already"
    assert page.done(universe, "watch", pair).startswith("no longer watched")
    assert universe.watchlist.pairs == ()


def test_every_watched_pair_is_armed_at_its_own_threshold(universe):
    for window, threshold in ((30, 2.0), (40, 2.5)):
        params = PairParams("BTCUSDT", "ETHUSDT", z_window=window)
        universe.watchlist.put(WatchedPair("demo", params, threshold))
    assert watch.arm_all(universe) == "armed on 2 pairs"
    assert {rule.threshold for rule in universe.alerts.rules} == {2.0, 2.5}
    assert watch.arm_all(universe) == "armed on 0 pairs, there already on 2"


def test_run_starts_the_scan_of_the_form_or_says_why_not(universe):
    held = form.rules_of({"held": {**rules.as_held(), "bars": "720", "candidates": "clusters"}})
    assert form.begin(universe, "universe", held, True) == ("s9", "")
    ((market, params, timeframe, rescan),) = universe.scans.started
    assert (market, params.bars, params.candidates) == ("universe", 720, "clusters")
    assert (timeframe, rescan) == ("1h", True)
    assert form.begin(universe, "moon", held, False) == ("", "there is no market 'moon'")


def test_a_field_that_is_wrong_says_so_and_the_last_rules_stay():
    collected = form.collected({**rules.as_held(), "q": "2"})
    assert collected["messages"]["q"] == "2: expected a number from 1e-06 to 0.5"
    assert "held" not in str(collected["rules"])


def test_the_link_holds_what_differs_and_gives_it_back():
    (params, timeframe), _ = rules.check({**rules.as_held(), "bars": "720", "timeframe": "4h"})
    query = rules.to_query(params, timeframe)
    assert query == "scan_timeframe=4h&scan_bars=720"
    assert rules.as_held(f"?market=demo&{query}&scan_candidates=nonsense") == {
        **rules.as_held(),
        "bars": "720",
        "timeframe": "4h",
    }


def test_what_a_scan_can_find_is_said_as_one_types(universe):
    words = [text for text, _ in form.reach_of(universe, "universe", (ScanParams(), "1h"))]
    assert words[0] == "15 pairs of 6 symbols, 30 tests"
    assert "the market has 600 of 4,320 bars" in words
    assert words[-1].startswith("half-lives up to ")
    assert form.reach_of(universe, "universe", (ScanParams(), "1m"))[0][0].endswith(
        "only: 1h, 4h, 1d"
    )
    assert form.reach_of(universe, None, (ScanParams(), "1h"))[0][0] == "no market to scan"
    assert "has 1 symbol" in form_reach(ScanParams(), "1h", 1, 500)[0][0]
    for held in (0, 1, 2):  # a market that has just begun
        assert "nothing can be told" in form_reach(ScanParams(), "1h", 21, held)[-1][0]


def test_more_tests_reach_less_far():
    def reach(symbols: int) -> str:
        return form_reach(ScanParams(), "1h", symbols, 4_320)[-1][0]

    few, many = reach(10), reach(600)
    assert few != many


def test_a_scan_says_what_it_found_and_what_chance_gives():
    words = [text for text, _ in found_words(scanned(), "1h")]
    assert words[0] == "1 pair confirmed"
    assert words[1].startswith("best S1USDT / S0USDT") or words[1].startswith("best S0USDT")
    assert any("by chance alone" in text for text in words)
    assert "nothing slower than" in missed_words(scanned(), "1h")


def test_a_half_life_takes_longer_on_the_clock_where_both_seldom_trade():
    rows = scanned().rows
    every = rows.every.copy()
    every[EVERY_FIELDS.index("traded_share")] = 0.5
    thin = replace(scanned(), rows=replace(rows, every=every))
    best = thin.confirmed[0]
    shown = scans.scan_row(best, "1h", 0)
    assert shown["half_life_ms"] == round(2 * HOUR_MS * shown["half_life"])
    told = found_words(thin, "1h")[1][0]
    assert told.endswith(bar_span(best.half_life, "1h", 2 * HOUR_MS))


def test_a_step_says_why_the_rest_left():
    dropped = {"not significant": 14, "too few crossings": 2, "not confirmed: no trade": 1}
    assert left_words("formation", dropped) == "not significant: 14"
    assert left_words("filters", dropped) == "too few crossings: 2"
    assert left_words("confirmation", dropped) == "not confirmed: no trade: 1"
    assert left_words("symbols", dropped) == ""


def test_the_universe_comes_before_the_market_in_view(universe):
    assert scans.universe_of(universe, "universe") == "universe"
    assert scans.universe_of(universe, "demo") in ("universe", "demo-universe")
    universe.markets["file"] = Market("file", "A file", "upload")
    assert scans.universe_of(universe, "file") == "file", "no universe stands beside a file"
    del universe.markets["universe"], universe.markets["demo-universe"]
    assert scans.universe_of(universe, "demo") == "demo"


def test_rows_of_one_pair_say_what_each_has_of_its_own(universe):
    y, x = universe.markets["demo"].symbols[:2]
    for more in ({}, {"spread_mode": "rolling", "z_window": 90}):
        universe.watchlist.put(WatchedPair("demo", PairParams(y, x, **more), 2.0))
    told = [(row["pair"], row["own"]) for row in watch.patch_of(universe, 0)["rows"]]
    pair = f"{y} / {x}"
    assert told == [(pair, ""), (pair, "Rolling, a bar before · z window 90")]


def test_the_table_is_as_tall_as_its_rows():
    assert components.height_of(3)["height"] == "146px"
    assert components.height_of(900)["height"] == "480px"


def test_rules_are_copied_to_the_watchlist_with_a_button(universe):
    assert copied_words(universe, []) == "select a rule first"
    first = PairParams("BTCUSDT", "ETHUSDT")
    arm(universe.alerts, "demo", first, 2.5)
    (rule,) = universe.alerts.rules
    assert copied_words(universe, [rule.id]) == "no pair is watched"
    universe.watchlist.put(WatchedPair("demo", PairParams("BTCUSDT", "ETHUSDT", z_window=30), 2.0))
    assert copied_words(universe, [rule.id]) == "added to 1 pair"
    assert copied_words(universe, ["r9"]) == "there is no alert rule 'r9'"
