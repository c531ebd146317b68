"""The alerts of a runtime: rules, readings, previews, history."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from analytics.alerts import AlertEvent
from analytics.model import FeedStatus, PairParams, ParameterError
from analytics.outcomes import Outcome
from dashapp.services.alerts import readings
from dashapp.services.alerts.engine import MAX_RULES
from dashapp.services.alerts.history import AlertHistory
from dashapp.services.runtime import Runtime
from dashapp.ui.pages.alerts.tables import state_words
from storage.market.market import Market
from tests.dashapp.services.quiet_runtime import (
    PAIR,
    QUIET,
    RULE,
    ohlc,
    say_live,
    started,
    uploaded,
)
from tests.waiting import until


async def test_a_rule_fires_once_while_its_condition_holds(runtime, ticks_of):
    say_live(runtime)
    rule = runtime.alerts.add_rule(RULE)
    events = await runtime.alerts.step()
    assert [one.rule_id for one in events] == [rule.id]
    assert await runtime.alerts.step() == []
    runtime.markets["demo"].append(ticks_of("ETHUSDT", 5, start_ms=1_723_161_840_000))
    assert await runtime.alerts.step() == []
    assert runtime.alerts.history.events("demo")[0].symbols == ("BTCUSDT", "ETHUSDT")
    assert runtime.alerts.history.events("live") == []
    assert runtime.alerts.history.newest_event == events[0]


async def test_rules_read_what_the_pages_show(runtime):
    say_live(runtime)
    for metric in ("z", "spread"):
        runtime.alerts.add_rule({**RULE, "metric": metric, "threshold": 0.0})
    events = await runtime.alerts.step()
    snapshot = await runtime.analysis.snapshot("demo", PAIR)
    assert [one.value for one in events] == pytest.approx([snapshot.z[-1], snapshot.spread[-1]])


async def test_a_rule_once_fired_is_switched_off_and_can_be_armed_again(runtime):
    say_live(runtime)
    rule = runtime.alerts.add_rule({**RULE, "once": True})
    assert len(await runtime.alerts.step()) == 1
    assert not runtime.alerts.rules[0].enabled
    assert runtime.alerts.set_enabled(rule.id, True).enabled
    with pytest.raises(KeyError, match="there is no alert rule 'x'"):
        runtime.alerts.set_enabled("x", True)


async def test_rules_on_closed_bars_wait_for_the_close(runtime, ticks_of):
    say_live(runtime)
    price = {"market": "demo", "metric": "price", "operator": ">", "symbol": "BTCUSDT"}
    runtime.alerts.add_rule({**price, "threshold": 1.0, "on": "close"})
    events = await runtime.alerts.step()
    newest = runtime.markets["demo"].bars("BTCUSDT", "1s").ts_ms[-1]
    assert len(events) == 1
    assert events[0].ts_ms < newest - 2_000


async def test_rules_pause_while_the_feed_is_silent_and_say_so(runtime):
    rule = runtime.alerts.add_rule(RULE)
    runtime.markets.status = lambda _: FeedStatus("test", "silent")
    assert await runtime.alerts.step() == []
    assert runtime.alerts.paused(rule.id)
    say_live(runtime)
    assert len(await runtime.alerts.step()) == 1
    assert not runtime.alerts.paused(rule.id)


async def test_silence_itself_can_be_a_rule(runtime, ticks_of):
    rule = {"market": "demo", "metric": "feed_silent", "operator": ">", "threshold": 5}
    runtime.alerts.add_rule(rule)
    assert await runtime.alerts.step() == [], "no feed is meant to run"
    runtime.markets.status = lambda _: FeedStatus("test", "silent")
    runtime.markets["demo"]._arrivals.last_s = time.monotonic() - 4
    assert await runtime.alerts.step() == []
    runtime.markets["demo"]._arrivals.last_s = time.monotonic() - 6
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_on_silence_in_a_market_without_a_feed_says_that_it_waits(runtime):
    rule = {"market": "demo", "metric": "feed_silent", "operator": ">", "threshold": 5}
    made = runtime.alerts.add_rule(rule)
    assert runtime.alerts.waiting(made.id) == ""
    runtime.markets["demo"].kind = "replay"
    assert runtime.alerts.waiting(made.id) == "market demo has no feed of its own"
    assert await runtime.alerts.step() == []


NEVER = [
    (
        {"params": {**RULE["params"], "spread_mode": "rolling", "hedge_window": 5_000}},
        "hedge_window is 5000, expected at most 940",
    ),
    ({"metric": "correlation", "operator": ">", "threshold": 1.0}, "threshold is 1.0, expected"),
]


@pytest.mark.parametrize(("changes", "words"), NEVER)
async def test_a_rule_that_can_never_fire_is_refused_and_a_kept_one_says_so(
    runtime, changes, words
):
    say_live(runtime)
    with pytest.raises(ParameterError, match=words):
        runtime.alerts.add_rule({**RULE, **changes})
    assert runtime.alerts.rules == ()
    runtime.alerts.restore([{**RULE, "id": "kept", **changes}], [], {})
    (rule,) = runtime.alerts.rules
    assert runtime.alerts.waiting("kept").startswith(f"can never fire: {words}")
    assert state_words(runtime, rule) == runtime.alerts.waiting("kept")
    assert await runtime.alerts.step() == []
    with pytest.raises(ParameterError, match=words):
        runtime.alerts.edit_rule("kept", {"cooldown_s": 5.0})
    good = {"params": RULE["params"], "metric": "z", "operator": "abs>", "threshold": 1.0}
    assert runtime.alerts.waiting(runtime.alerts.edit_rule("kept", good).id) == ""


async def test_a_rule_whose_symbols_are_missing_waits_for_them(runtime, ticks_of):
    say_live(runtime)
    runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    assert await runtime.alerts.step() == []
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_that_lacks_a_symbol_is_not_read_until_it_is_there(
    runtime, ticks_of, monkeypatch
):
    say_live(runtime)
    rule = runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    asked = []
    read = readings.pair_readings
    monkeypatch.setattr(readings, "pair_readings", lambda *of: asked.append(of) or read(*of))
    for start in range(3):
        runtime.markets["demo"].append(ticks_of("ADAUSDT", 1, start_ms=1_723_200_000_000 + start))
        await runtime.alerts.step()
    assert not asked
    assert runtime.alerts.waiting(rule.id) == "no symbol SOLUSDT yet"
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert runtime.alerts.waiting(rule.id) == ""
    await runtime.alerts.step()
    await runtime.alerts.step()
    assert len(asked) == 1
    assert runtime.alerts.waiting("no such rule") == ""


async def test_a_rule_that_has_too_few_bars_is_read_again_only_when_there_are_more(
    runtime, ticks_of, monkeypatch
):
    say_live(runtime)
    runtime.kernels.ready = False
    runtime.alerts.add_rule({**RULE, "params": {"y": "BTCUSDT", "x": "SOLUSDT"}})
    asked = []
    read = readings.pair_readings
    monkeypatch.setattr(readings, "pair_readings", lambda *of: asked.append(of) or read(*of))
    runtime.markets["demo"].append(ticks_of("SOLUSDT", 5, start_ms=1_723_161_830_000))
    for _ in range(3):
        assert await runtime.alerts.step() == []
        assert not asked, "the kernels are not compiled yet"
    runtime.kernels.ready = True
    for expected in (1, 1):
        assert await runtime.alerts.step() == []
        assert len(asked) == expected
    for seed, symbol in enumerate(("BTCUSDT", "SOLUSDT")):
        later = ticks_of(symbol, 500, start_ms=1_723_161_840_000, seed=seed)
        runtime.markets["demo"].append(later)
    assert len(await runtime.alerts.step()) == 1


async def test_a_rule_whose_market_is_gone_says_so(runtime):
    market_id, _ = await uploaded(runtime, "btcusd.csv", ohlc(3))
    price = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": "BTCUSD"}
    rule = runtime.alerts.add_rule({"market": market_id, **price})
    assert runtime.alerts.waiting(rule.id) == ""
    del runtime.markets[market_id]
    assert runtime.alerts.waiting(rule.id) == f"market {market_id} is gone"
    assert await runtime.alerts.step() == []


async def test_a_rule_on_a_timeframe_that_a_file_has_not_waits(runtime):
    content = [ohlc(80), ohlc(80)]
    market_id, _ = await uploaded(runtime, "btcusd.csv", content[0])
    await uploaded(runtime, "ethusd.csv", content[1], market=market_id)
    rule = runtime.alerts.add_rule(
        {**RULE, "market": market_id, "params": {"y": "BTCUSD", "x": "ETHUSD"}}
    )
    assert runtime.alerts.waiting(rule.id) == f"no 1s bars in market {market_id}"


async def test_a_closed_bar_rule_hears_a_live_market_made_anew_with_older_data(ticks_of):
    runtime = Runtime(QUIET)
    say_live(runtime)
    price = {"market": "live", "metric": "price", "operator": ">", "threshold": 70_000.0}
    runtime.alerts.add_rule({**price, "symbol": "BTCUSDT", "on": "close"})
    runtime.markets["live"].append(ticks_of("BTCUSDT", 60))
    assert await runtime.alerts.step() == []
    old = ticks_of("BTCUSDT", 60, start_ms=1_600_000_000_000)
    runtime.markets["live"] = Market("live", "Live", "live")
    runtime.markets["live"].append(replace(old, price=old.price + 50_000))
    assert runtime.markets["live"].version == 1
    assert len(await runtime.alerts.step()) == 1


def marked(runtime, market: str, pair: PairParams) -> list[AlertEvent]:
    return runtime.alerts.history.events_of(runtime.markets[market], pair)


async def test_a_rule_is_edited_where_it_stands_and_rests_while_it_is_snoozed(
    runtime, ticks_of, monkeypatch
):
    say_live(runtime)
    rule = runtime.alerts.add_rule(RULE)
    assert runtime.alerts.edit_rule(rule.id, {"threshold": 1.5}).threshold == 1.5
    with pytest.raises(ValueError, match="threshold"):
        runtime.alerts.edit_rule(rule.id, {"threshold": -1})
    with pytest.raises(KeyError, match="no alert rule"):
        runtime.alerts.edit_rule("nope", {})
    assert [one.threshold for one in runtime.alerts.rules] == [1.5]
    rested = runtime.alerts.snooze(rule.id, 600)
    assert runtime.alerts.snoozed(rested)
    assert await runtime.alerts.step() == []
    later = time.time() + 601
    monkeypatch.setattr("dashapp.services.alerts.engine.time.time", lambda: later)
    assert not runtime.alerts.snoozed(rested)
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert [event.rule_id for event in await runtime.alerts.step()] == [rule.id]
    assert runtime.alerts.set_enabled(rule.id, True).snoozed_until_ms == 0


def test_the_totals_of_a_rule_are_of_its_alerts_whose_result_is_known():
    history = AlertHistory()
    assert history.totals() == {}
    records = history.add([an_event(number) for number in range(4)], {}, {})
    records[0].outcome = Outcome(5, -2.5, -8.0, 3.0, 5, True)
    records[1].outcome = Outcome(None, -4.0, -20.0, -12.0, 1_000, True)
    records[2].outcome = Outcome(None, -9.0, -90.0, -80.0, 3, False)
    history.changed()
    total = history.totals()["r"]
    assert (total.alerts, total.known, total.hit_rate) == (4, 2, 0.5)
    assert (total.mean_net_bps, total.worst_bps) == (-4.5, -20.0)
    assert history.totals() is history.totals(), "reckoned once a version"


async def test_a_chart_marks_the_alerts_of_its_own_parameters_and_legs(runtime, ticks_of):
    say_live(runtime)
    mine = runtime.alerts.add_rule(RULE)
    other = runtime.alerts.add_rule({**RULE, "params": {**RULE["params"], "z_window": 90}})
    for symbol in ("ETHUSDT", "SOLUSDT"):
        price = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": symbol}
        runtime.alerts.add_rule({"market": "demo", "id": symbol, **price})
    runtime.markets["demo"].append(ticks_of("SOLUSDT"))
    assert len(await runtime.alerts.step()) == 4
    alerts = runtime.alerts
    assert {one.rule_id for one in marked(runtime, "demo", PAIR)} == {
        mine.id,
        "ETHUSDT",
    }
    alerts.delete_rule(mine.id)
    alerts.add_rule({**RULE, "id": other.id})
    assert {one.rule_id for one in marked(runtime, "demo", PAIR)} == {
        mine.id,
        "ETHUSDT",
    }
    wide = replace(PAIR, z_window=90)
    assert {one.rule_id for one in marked(runtime, "demo", wide)} == {
        other.id,
        "ETHUSDT",
    }
    assert marked(runtime, "live", PAIR) == []


def an_event(number: int, **fields) -> AlertEvent:
    given = {"market": "demo", "symbols": ("A", "B"), "metric": "z", "operator": ">"}
    shown = {"threshold": 1.0, "value": 2.0, "text": "z 2 > 1"}
    made = {"id": f"e{number}", "rule_id": "r", "ts_ms": number}
    return AlertEvent(**{**made, **given, **shown, **fields})


def test_what_fired_after_an_event_is_told_oldest_first():
    history = AlertHistory()
    assert (history.newest_event, history.since("e1"), history.since(None)) == (None, [], [])
    history.add([an_event(number) for number in range(5)], {}, {})
    assert history.newest_event.id == "e4"
    assert [one.id for one in history.since("e2")] == ["e3", "e4"]
    assert history.since("e4") == []
    assert len(history.since(None)) == 5, "a tab that opened before the first has seen none"
    assert len(history.since("long gone")) == 5
    assert history.clear() == 5
    assert history.since("e2") == []


def test_the_history_counts_what_fired_today_and_restores_what_was_kept(caplog):
    history, again = AlertHistory(), AlertHistory()
    today = [an_event(1, ts_ms=int(time.time() * 1_000)), an_event(2)]
    kept = [record.document() for record in history.add(today, {}, {})]
    assert history.fired_today == 1
    without = {name: value for name, value in kept[0].items() if name != "params"}
    again.restore([{"id": "half"}, {**kept[1], "params": {"y": "A", "x": "A"}}, without], {})
    assert again.events() == [today[0]]
    assert again.since(None) == [], "what an earlier run kept is not new"
    late = AlertHistory()
    late.add([an_event(7)], {}, {})
    late.restore(kept, {})
    assert [one.id for one in late.events()] == ["e7", "e1", "e2"]
    assert [one.id for one in late.since(None)] == ["e7"]
    assert caplog.text.count("cannot be used") == 2


def test_the_count_of_a_rule_is_its_highest_in_whatever_order_its_alerts_are_held():
    history, again = AlertHistory(), AlertHistory()
    fired = [an_event(9, id="r:9:1"), an_event(3, id="r:3:2"), an_event(5, id="q:5:7", rule_id="q")]
    kept = [record.document() for record in history.add(fired, {}, {})]
    again.restore(sorted(kept, key=lambda row: row["ts_ms"]), {})  # as an archive gives them
    for one in (history, again):
        assert [one.times_fired(name) for name in ("r", "q", "none")] == [2, 7, 0]


def test_alerts_of_one_source_are_not_marked_in_the_market_of_another_that_comes_back():
    history, event = AlertHistory(), an_event(1, market="live", metric="price")
    of_a, of_b, again = (Market("live", "Live", "live", kept_as=key) for key in ("a", "b", "a"))
    history.add([event], {}, {"live": of_a})
    for market, marked_there in ((of_b, []), (again, [event])):
        history.found_again(market)
        assert history.events_of(market, PairParams("A", "B")) == marked_there


async def test_the_engine_runs_by_itself_and_survives_a_failure(ticks_of, monkeypatch, caplog):
    monkeypatch.setattr("dashapp.services.alerts.engine.PERIOD_S", 0.02)
    async with started() as runtime:
        await until(lambda: runtime.kernels.ready)
        say_live(runtime)
        with monkeypatch.context() as broken:
            broken.setattr("dashapp.services.alerts.engine.evaluate", lambda *_: 1 / 0)
            runtime.alerts.add_rule(RULE)
            await until(lambda: "goes on" in caplog.text)
        for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
            runtime.markets["demo"].append(ticks_of(symbol, seed=seed))
        await until(lambda: len(runtime.alerts.history.events()) == 1)


async def test_rules_and_history_survive_a_restart(tmp_path, ticks_of):
    settings = replace(QUIET, archive=str(tmp_path / "kept.sqlite"))
    async with started(settings) as runtime:
        await until(lambda: runtime.kernels.ready)
        say_live(runtime)
        for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
            runtime.markets["demo"].append(ticks_of(symbol, seed=seed))
        kept = runtime.alerts.add_rule(RULE)
        gone = runtime.alerts.add_rule({**RULE, "threshold": 7.0})
        runtime.alerts.delete_rule(gone.id)
        await runtime.alerts.step()
        events = runtime.alerts.history.events()
    async with started(settings) as runtime:
        assert runtime.alerts.rules == (kept,)
        assert runtime.alerts.history.events() == events
        assert marked(runtime, "demo", PAIR) == [], "the demo began anew"
        assert runtime.alerts.clear_events() == 1
    async with started(settings) as runtime:
        assert runtime.alerts.history.events() == []


async def test_an_archive_that_cannot_be_opened_is_said_and_nothing_else_stops(tmp_path, caplog):
    (tmp_path / "folder").mkdir()
    async with started(replace(QUIET, archive=str(tmp_path / "folder"))) as runtime:
        runtime.alerts.add_rule(RULE)
        assert len(runtime.alerts.rules) == 1
        assert "archive paused: cannot open" in runtime.feeds.trust("demo")["archive"]
    assert "what is new waits in memory" in caplog.text


async def test_a_damaged_archive_is_set_aside_and_the_log_says_where(tmp_path, caplog):
    path = tmp_path / "kept.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    async with started(replace(QUIET, archive=str(path))):
        assert "set aside" in caplog.text


async def test_the_number_of_rules_is_bounded(runtime):
    for number in range(MAX_RULES):
        runtime.alerts.add_rule({**RULE, "id": f"r{number}"})
    with pytest.raises(ValueError, match=f"{MAX_RULES} rules already"):
        runtime.alerts.add_rule(RULE)
    runtime.alerts.add_rule({**RULE, "id": "r7", "threshold": 3.0})
    assert len(runtime.alerts.rules) == MAX_RULES
