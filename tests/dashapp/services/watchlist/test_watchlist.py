"""The watchlist: what its rows say, that only what changed moves, that it outlives a restart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analytics.backtest import BacktestParams
from analytics.model import Bars, Listing, NotReady, PairParams, ParameterError, Ticks
from analytics.pair import break_even_z
from dashapp.services.alerts.arming import arm, copy_rule, z_rule
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.alerts.history import Record
from dashapp.services.alerts.totals import alert_totals
from dashapp.services.funding import carry_of
from dashapp.services.runtime import Runtime
from dashapp.services.watchlist import watchlist
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.services.watchlist.readings import COST_BPS, Read, read_all
from dashapp.services.watchlist.rows import LINE_POINTS, WATCH_STATES, WatchRow
from dashapp.services.watchlist.watchlist import MAX_WATCHED
from dashapp.settings import Settings
from dashapp.text.answers import plain
from dashapp.text.pair import LEGS_AGAINST
from dashapp.ui.pages.alerts import page as alerts_page
from dashapp.ui.pages.analytics.page import break_even
from storage.market.market import Market
from tests.dashapp.services.quiet_runtime import say_live, started
from tests.waiting import until

START_MS = 1_723_161_240_000
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")


def ticks(symbol: str, first: int, until_s: int) -> Ticks:
    """A tick a second, of which all symbols follow one walk."""
    walk = np.cumsum(np.random.default_rng(7).normal(0, 1e-4, 2_000))
    own = np.random.default_rng(list(symbol.encode())).normal(0, 1e-4, 2_000)
    price = 100.0 * np.exp(walk + own)[first:until_s]
    times = START_MS + 1_000 * np.arange(first, until_s)
    return Ticks(symbol, times, price, np.ones(len(times)), np.full(len(times), -1))


def feed(runtime: Runtime, first: int, until_s: int, symbols=SYMBOLS) -> None:
    for symbol in symbols:
        runtime.markets["demo"].append(ticks(symbol, first, until_s))


@pytest.fixture
def runtime() -> Runtime:
    made = Runtime(Settings(source="none", archive=None))
    made.kernels.ready = True
    feed(made, 0, 600)
    say_live(made)
    return made


def watch(runtime: Runtime, y: str = "AUSDT", x: str = "BUSDT", **more) -> WatchedPair:
    threshold = more.pop("threshold", 2.0)
    return runtime.watchlist.put(WatchedPair("demo", PairParams(y, x, **more), threshold))


def row_of(runtime: Runtime, pair: WatchedPair) -> dict:
    return next(row for row in runtime.watchlist.rows() if row["id"] == pair.id)


async def test_a_row_says_what_the_analytics_page_says(runtime):
    pair = watch(runtime)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    snapshot = await runtime.analysis.snapshot("demo", pair.params)
    assert row["z"] == pytest.approx(snapshot.z[-1], abs=0.005)
    assert row["half_life"] == pytest.approx(snapshot.half_life, abs=0.05)
    assert row["half_life_ms"] == round(1_000 * snapshot.half_life), "not of the rounded bars"
    assert row["half_life_sure"] == math.isfinite(snapshot.half_life_interval.high)
    assert row["break_even"] == pytest.approx(break_even_z(snapshot, COST_BPS), abs=0.005)
    assert row["state"] in WATCH_STATES
    until_ms = closed_until_ms(runtime.markets["demo"], pair.symbols, "1s")
    closed = snapshot.z[snapshot.ts_ms <= until_ms]
    assert len(row["line"]) == LINE_POINTS
    np.testing.assert_allclose(row["line"], closed[-LINE_POINTS:], atol=0.006)


@pytest.mark.parametrize("rate", [20.0, -20.0])
async def test_the_break_even_has_the_funding_that_every_page_shows(runtime, rate):
    market = runtime.markets["demo"]
    market.listings = {
        "AUSDT": Listing("AUSDT", funding_rate=rate),
        "BUSDT": Listing("BUSDT", funding_rate=0.0),
    }
    pair = watch(runtime)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    snapshot = await runtime.analysis.snapshot("demo", pair.params)
    side, sigma = -1 if snapshot.z[-1] > 0 else 1, snapshot.std[-1]
    paid = side * 3 * rate * snapshot.price_y[-1] * snapshot.half_life / 86_400
    cost = 2 * COST_BPS * 1e-4
    cost *= snapshot.price_y[-1] + abs(snapshot.fit.beta) * snapshot.price_x[-1]
    assert row["break_even"] == pytest.approx(max(cost + paid, 0) / sigma, abs=0.005)
    page = break_even(snapshot, BacktestParams(), carry_of(market, snapshot))
    assert row["break_even"] == pytest.approx(page.z, abs=0.005)
    assert abs(page.z - break_even_z(snapshot, COST_BPS)) > 0.01


@pytest.mark.parametrize(("threshold", "state"), [(0.1, "beyond"), (7.0, "inside")])
async def test_the_state_follows_the_pairs_own_threshold(runtime, threshold, state):
    pair = watch(runtime, threshold=threshold)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert row["state"] == state
    assert ("inside ±7" in row["side"]) == (state == "inside")


@pytest.mark.parametrize("threshold", [0.01, 7.0])
async def test_legs_that_move_against_each_other_are_said_in_the_row(runtime, threshold):
    falling = ticks("AUSDT", 0, 600)
    falling = replace(falling, symbol="AGAINSTUSDT", price=1e4 / falling.price)
    runtime.markets["demo"].append(falling)
    pair = watch(runtime, y="AGAINSTUSDT", threshold=threshold)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert row["state"] == ("beyond" if threshold < 1.0 else "inside")
    assert not ("long" in row["side"] and "short" in row["side"])
    assert LEGS_AGAINST in row["side"]
    assert row["tone"] == "warn"


async def test_a_half_life_without_an_interval_is_neither_sure_nor_open(runtime):
    """About a line through the origin there is none."""
    pair = watch(runtime, intercept=False)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert row["half_life"] is not None
    assert row["half_life_sure"] is None


async def test_a_rule_that_holds_now_is_its_own_state(runtime):
    pair = watch(runtime)
    assert arm(runtime.alerts, "demo", pair.params, 0.01).state == "armed"
    await runtime.alerts.step()
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert row["state"] == "alert"
    assert row["reason"] == "in alert: |z| > 0.01", "whose threshold is not that of the row"
    assert row["armed"] == 1
    assert row["fired"] == 1


async def test_a_pair_that_is_watched_later_has_the_rules_that_were_there(runtime):
    other = watch(runtime, "CUSDT", "DUSDT")
    arm(runtime.alerts, "demo", PairParams("AUSDT", "BUSDT"), 2.0)
    await runtime.watchlist.step()
    pair = watch(runtime)
    await runtime.watchlist.step()
    assert [row_of(runtime, one)["armed"] for one in (other, pair)] == [0, 1]


async def test_a_silent_feed_is_said(runtime):
    pair = watch(runtime)
    del runtime.markets.status
    await runtime.watchlist.step()
    assert row_of(runtime, pair)["state"] == "silent"
    say_live(runtime)
    await runtime.watchlist.step()
    assert row_of(runtime, pair)["state"] != "silent"


@pytest.mark.parametrize(
    ("y", "more", "reason"),
    [
        ("AUSDT", {"z_window": 900, "limit": 1000}, "needs 900 bars, has 600"),
        ("ZUSDT", {}, "no symbol ZUSDT yet"),
    ],
)
async def test_what_is_missing_is_said(runtime, y, more, reason):
    pair = watch(runtime, y, **more)
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert (row["state"], row["reason"]) == ("not enough data", reason)
    assert row["z"] is None


def thrice(runtime: Runtime, symbol: str, prices_of) -> None:
    """A symbol whose prices are made of AUSDT's."""
    first = ticks("AUSDT", 0, 600)
    price = prices_of(first.price)
    runtime.markets["demo"].append(replace(first, symbol=symbol, price=price))


@pytest.mark.parametrize(
    ("prices_of", "reason"),
    [
        (lambda price: 3.0 * price + 2.0, "Y and X lie on one line, so their spread is nothing"),
        (lambda price: np.full(len(price), 5.0), "Y does not vary"),
    ],
)
async def test_a_pair_that_has_no_z_score_says_why_in_the_list_and_at_its_rules(
    runtime, prices_of, reason
):
    thrice(runtime, "EUSDT", prices_of)
    pair = watch(runtime, "EUSDT", "AUSDT")
    rules = [
        runtime.alerts.add_rule(z_rule("demo", pair.params, 2.0) | {"on": on})
        for on in ("update", "close")
    ]
    await runtime.alerts.step()
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert (row["state"], row["z"]) == ("no z-score", None)
    assert row["reason"].startswith(reason)
    snapshot = await runtime.analysis.snapshot("demo", pair.params)
    assert isinstance(snapshot, NotReady)
    assert row["reason"] == snapshot.reason
    assert runtime.watchlist.counts() == {"no z-score": 1}
    for rule in rules:
        assert runtime.alerts.waiting(rule.id) == row["reason"], rule.on
    assert plain(alerts_page._answer(runtime)) == "no rule armed · 2 waiting · 0 fired today"


async def test_a_pair_whose_window_stands_still_says_so_in_the_words_of_its_page(runtime):
    thrice(
        runtime, "EUSDT", lambda price: np.r_[1.01 * price[:500] + np.sin(price[:500]), [7.0] * 100]
    )
    thrice(runtime, "FUSDT", lambda price: np.r_[price[:500], [5.0] * 100])
    pair = watch(runtime, "EUSDT", "FUSDT")
    rule = runtime.alerts.add_rule(z_rule("demo", pair.params, 2.0))
    await runtime.alerts.step()
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    snapshot = await runtime.analysis.snapshot("demo", pair.params)
    assert snapshot.no_z == "the spread does not move within its window"
    assert (row["state"], row["reason"]) == ("no z-score", snapshot.no_z)
    assert row["half_life"] == pytest.approx(snapshot.half_life, abs=0.05)
    assert runtime.alerts.waiting(rule.id) == snapshot.no_z


@pytest.mark.parametrize("metric", ["z", "correlation"])
async def test_a_bar_that_the_activity_filter_leaves_out_changes_nothing(runtime, metric):
    """Three ticks a minute, and one minute with two; a minute counts from its third on."""

    def slowly(first: int, until_tick: int) -> None:
        for symbol in SYMBOLS[:2]:
            part = ticks(symbol, first, until_tick)
            at = np.arange(first, until_tick)
            kept = at != 305
            times = START_MS + 3_600_000 + 20_000 * at
            slow = replace(part, ts_ms=times)
            runtime.markets["demo"].append(slow[kept])

    slowly(0, 300)
    params = {"timeframe": "1m", "z_window": 20, "limit": 60, "min_trades": 3}
    pair = watch(runtime, **params)
    rules = [
        runtime.alerts.add_rule(z_rule("demo", pair.params, 0.9) | {"on": on, "metric": metric})
        for on in ("update", "close")
    ]
    left_out = 0
    for tick in range(300, 315):
        slowly(tick, tick + 1)
        await runtime.alerts.step()
        await runtime.watchlist.step()
        row = row_of(runtime, pair)
        snapshot = await runtime.analysis.snapshot("demo", pair.params)
        assert row["z"] == pytest.approx(snapshot.z[-1], abs=0.005)
        assert row["ts_ms"] == snapshot.ts_ms[-1]
        assert row["half_life"] == pytest.approx(snapshot.half_life, abs=0.05)
        assert row["break_even"] is not None
        assert [runtime.alerts.waiting(rule.id) for rule in rules] == ["", ""]
        left_out += row["ts_ms"] < runtime.markets["demo"].bars("AUSDT", "1m", 1).ts_ms[-1]
    assert left_out > 5


async def test_why_a_z_went_is_looked_for_and_forgotten_once_it_is_there(runtime):
    pair = watch(runtime)
    await runtime.watchlist.step()
    watched = runtime.watchlist._watched[pair.id]
    read = Read(pair.id, START_MS, math.nan, math.nan, (), None, None)
    assert not watched.due
    runtime.watchlist._taken(read, 1)
    assert watched.due
    why = NotReady("the spread stands still", 60, 60)
    runtime.watchlist._taken(replace(read, slow=NotReady("too few", 3, 9), lack=why), 2)
    assert (watched.short, watched.refused, watched.due) == ("too few", False, False)
    runtime.watchlist._taken(replace(read, z=1.0), 3)
    assert watched.short == ""


async def test_a_rule_whose_pair_begins_to_move_waits_no_longer(runtime):
    thrice(runtime, "EUSDT", lambda price: 3.0 * price)
    params = PairParams("EUSDT", "AUSDT")
    rule = runtime.alerts.add_rule(z_rule("demo", params, 2.0))
    await runtime.alerts.step()
    assert runtime.alerts.waiting(rule.id).startswith("Y and X are multiples")
    for symbol in ("EUSDT", "AUSDT"):
        runtime.markets["demo"].append(
            replace(ticks("CUSDT" if symbol == "EUSDT" else "AUSDT", 600, 700), symbol=symbol)
        )
    await runtime.alerts.step()
    assert runtime.alerts.waiting(rule.id) == ""


async def test_a_kept_pair_that_no_view_can_hold_says_so_and_a_new_one_is_refused(runtime):
    params = {"y": "AUSDT", "x": "BUSDT", "spread_mode": "kalman", "z_window": 900}
    kept = WatchedPair.of({"market": "demo", "params": params})
    words = "limit is 1000, expected at least 1,100: the hedge takes 200 rows before those of "
    with pytest.raises(ParameterError, match=words):
        runtime.watchlist.put(kept)
    runtime.watchlist.restore([kept.document()])
    await runtime.watchlist.step()
    row = row_of(runtime, kept)
    assert (row["state"], row["reason"]) == ("not enough data", words + "z_window (900)")


async def test_a_market_that_goes_away_is_said_and_comes_back(runtime):
    runtime.markets["file"] = Market("file", "A file", "upload")
    pair = runtime.watchlist.put(WatchedPair("file", PairParams("A", "B", timeframe="1m"), 2.0))
    gone = runtime.markets.pop("file")
    await runtime.watchlist.step()
    assert row_of(runtime, pair)["reason"] == "market file is gone"
    runtime.markets["file"] = gone
    steps = np.random.default_rng(3).normal(0, 1, (2, 200)).cumsum(axis=1) + 100.0
    for symbol, close in zip("AB", steps, strict=True):
        ones = np.ones(200)
        times = 60_000 * np.arange(200)
        gone.append_bars(Bars(symbol, "1m", times, close, close, close, close, ones, ones, close))
    await runtime.watchlist.step()
    row = row_of(runtime, pair)
    assert math.isfinite(row["z"])
    assert row["state"] in ("inside", "beyond")


async def test_a_new_price_moves_the_rows_of_its_own_pairs_alone(runtime):
    first, second = watch(runtime), watch(runtime, "CUSDT", "DUSDT")
    await runtime.watchlist.step()
    before = runtime.watchlist.version
    feed(runtime, 600, 601, ("AUSDT", "BUSDT"))
    await runtime.watchlist.step()
    changes = runtime.watchlist.changes(before)
    assert changes.pairs is None
    assert [row["id"] for row in changes.rows] == [first.id]
    assert second.id not in {row["id"] for row in changes.rows}
    (moved,) = changes.rows
    assert len(moved["add"]) == 1
    assert "line" not in moved
    assert "half_life_ms" not in moved or moved["half_life_ms"] is not None
    assert runtime.watchlist.changes(changes.version).rows == []


async def test_only_the_pairs_with_new_prices_are_read(runtime, monkeypatch):
    first, _ = watch(runtime), watch(runtime, "CUSDT", "DUSDT")
    asked = []
    monkeypatch.setattr(
        watchlist, "read_all", lambda jobs: asked.extend(job.id for job in jobs) or read_all(jobs)
    )
    for _ in range(3):
        await runtime.watchlist.step()
    asked.clear()
    await runtime.watchlist.step()
    assert asked == []
    feed(runtime, 600, 601, ("AUSDT",))
    await runtime.watchlist.step()
    assert asked == [first.id]


async def test_nothing_new_changes_nothing(runtime):
    watch(runtime)
    await runtime.watchlist.step()
    version = runtime.watchlist.version
    for _ in range(3):
        await runtime.watchlist.step()
    assert runtime.watchlist.version == version


async def test_changes_add_up_to_the_rows(runtime):
    """Whoever applies the changes has at each step just what a new tab is given."""
    pairs = [watch(runtime, y, x) for y in SYMBOLS for x in SYMBOLS if y != x]
    held: dict[str, dict] = {}
    version = 0
    for second in range(600, 640):
        feed(runtime, second, second + 1, SYMBOLS[second % 3 :])
        if second == 620:
            runtime.watchlist.remove(pairs[0].id)
            watch(runtime, "DUSDT", "AUSDT", z_window=90)
        if second % 4:
            await runtime.watchlist.step()
        if second % 3:
            changes = runtime.watchlist.changes(version)
            version = changes.version
            for row in changes.rows:
                mine = held.setdefault(row["id"], {"line": []})
                line = row.get("line", [*mine["line"], *row.get("add", [])])[-LINE_POINTS:]
                mine.update(row, line=line)
                mine.pop("add", None)
            if changes.pairs is not None:
                held = {pair_id: held[pair_id] for pair_id in changes.pairs}
            assert list(held.values()) == runtime.watchlist.rows()


async def test_a_market_made_anew_begins_its_lines_anew(runtime):
    pair = watch(runtime)
    await runtime.watchlist.step()
    version = runtime.watchlist.version
    runtime.markets["demo"] = Market("demo", "Demo", "demo")
    feed(runtime, 0, 80)
    await runtime.watchlist.step()
    (moved,) = runtime.watchlist.changes(version).rows
    assert len(moved["line"]) < LINE_POINTS
    assert row_of(runtime, pair)["line"] == moved["line"]


async def test_it_takes_so_many_pairs_and_no_more(runtime):
    for number in range(MAX_WATCHED):
        watch(runtime, z_window=20 + number)
    with pytest.raises(ValueError, match="200 pairs are watched already"):
        watch(runtime, "CUSDT", "DUSDT")
    again = watch(runtime, z_window=20, threshold=3.0)
    assert len(runtime.watchlist) == MAX_WATCHED
    assert runtime.watchlist.pair(again.id).threshold == 3.0
    await runtime.watchlist.step()
    for _ in range(MAX_WATCHED):
        if all(row["half_life"] is not None for row in runtime.watchlist.rows()):
            break
        await runtime.watchlist.step()
    assert all(row["half_life"] is not None for row in runtime.watchlist.rows()), "each in turn"


def test_a_pair_is_watched_once_whatever_its_threshold(runtime):
    first, second = watch(runtime), watch(runtime, threshold=3.0)
    assert first.id == second.id
    assert [pair.threshold for pair in runtime.watchlist.pairs] == [3.0]
    assert runtime.watchlist.find("demo", first.params) == second
    assert runtime.watchlist.remove(first.id)
    assert not runtime.watchlist.remove(first.id)
    assert runtime.watchlist.find("demo", first.params) is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"params": {"y": "A", "x": "B"}}, "market"),
        ({"market": "demo"}, "params"),
        ({"market": "demo", "params": {"y": "A", "x": "A"}}, "x"),
        ({"market": "demo", "params": {"y": "A", "x": "B"}, "z_threshold": 50}, "z_threshold"),
        ({"market": "demo", "params": {"y": "A", "x": "B", "z_window": 5}}, "z_threshold"),
    ],
)
def test_what_is_no_pair_is_refused_by_its_field(fields, field):
    with pytest.raises(ParameterError) as refused:
        WatchedPair.of(fields)
    assert refused.value.field == field


async def test_an_unknown_market_is_refused_in_words(runtime):
    with pytest.raises(KeyError, match="there is no market 'moon'"):
        runtime.watchlist.put(WatchedPair("moon", PairParams("A", "B"), 2.0))


async def test_it_outlives_a_restart(tmp_path):
    settings = Settings(source="none", archive=str(tmp_path / "a.db"))
    async with started(settings) as runtime:
        kept = watch(runtime, z_window=90, threshold=2.5)
        gone = watch(runtime, "CUSDT", "DUSDT")
        runtime.watchlist.remove(gone.id)
    async with started(settings) as runtime:
        await until(lambda: len(runtime.watchlist))
        assert runtime.watchlist.pairs == (kept,)


async def test_a_rule_is_copied_to_every_watched_pair_once(runtime):
    pairs = [watch(runtime), watch(runtime, "CUSDT", "DUSDT"), watch(runtime, "AUSDT", "CUSDT")]
    rule = runtime.alerts.add_rule({**z_rule("demo", pairs[0].params, 2.5), "cooldown_s": 7.0})
    copied = runtime.watchlist.copy_rule(rule.id)
    assert copied.words == "added to 2 pairs, there already on 1"
    rules = runtime.alerts.rules
    assert {each.params for each in rules} == {pair.params for pair in pairs}
    assert {(each.threshold, each.cooldown_s) for each in rules} == {(2.5, 7.0)}
    assert runtime.watchlist.copy_rule(rule.id).words == "added to no pair, there already on 3"


def test_only_a_rule_on_a_pair_can_be_copied(runtime):
    price = {"market": "demo", "metric": "price", "operator": ">", "threshold": 1.0}
    rule = runtime.alerts.add_rule({**price, "symbol": "AUSDT"})
    with pytest.raises(ValueError, match="expected a rule on a pair"):
        copy_rule(runtime.alerts, rule.id, [])
    with pytest.raises(KeyError, match="there is no alert rule 'r9'"):
        copy_rule(runtime.alerts, "r9", [])


async def test_totals_are_of_the_alerts_that_are_over(runtime):
    pair = watch(runtime)
    arm(runtime.alerts, "demo", pair.params, 0.01)
    await runtime.alerts.step()
    (record,) = runtime.alerts.history.records()
    feed(runtime, 600, 700)
    await runtime.alerts._follow()
    assert record.outcome is not None
    over = replace(record.outcome, done=True, net_bps=4.0, worst_bps=-3.0, bars=5)
    lost = replace(over, net_bps=-2.0, worst_bps=-9.0, bars=None)
    records = [record, *(Record(record.event, pair.params, each) for each in (over, lost))]
    record.outcome = None
    (totals,) = alert_totals(records).values()
    assert (totals.fired, totals.returned, totals.ended) == (3, 1, 2)
    assert (totals.hit_rate, totals.mean_net_bps, totals.worst_bps) == (0.5, 1.0, -9.0)
    homeward = [replace(record.event, operator="abs<"), replace(record.event, operator="<")]
    homeward[1] = replace(homeward[1], value=abs(record.event.value))
    for event in homeward:  # of a spread that is back no trade is suggested
        back = Record(event, pair.params, over)
        assert not back.suggests
        assert alert_totals([back]) == {}
    assert Record(replace(homeward[1], operator=">"), pair.params, over).suggests


def test_a_row_tells_only_what_came_after_a_version():
    row = WatchRow(WatchedPair("demo", PairParams("A", "B"), 2.0), came=3)
    row.put(4, z=1.0, state="inside")
    row.append(5, [0.5, 0.6])
    row.put(6, z=1.2)
    assert row.since(5) == {"id": row.pair.id, "z": 1.2}
    assert row.since(4) == {"id": row.pair.id, "z": 1.2, "add": [0.5, 0.6]}
    assert not row.put(7, z=1.2)
    row.begin_line(8)
    assert row.since(6)["line"] == []


async def test_the_runtime_reads_the_list_by_itself():
    async with started() as runtime:
        await runtime.kernels.market_ready()
        feed(runtime, 0, 200)
        pair = watch(runtime)
        await until(lambda: row_of(runtime, pair)["z"] is not None)


async def test_a_market_that_is_made_at_the_first_look_is_looked_at(runtime):
    looked = []
    runtime.watchlist._look = looked.append
    runtime.watchlist.restore([WatchedPair("demo", PairParams("A", "B"), 2.0).document(), {}])
    assert looked == ["demo"]
    assert len(runtime.watchlist) == 1
