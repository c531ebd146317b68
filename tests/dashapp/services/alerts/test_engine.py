"""The alert engine: once and not again, in a burst as in a trickle, and what became of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from analytics.model import FeedStatus, PairParams, Ticks
from analytics.outcomes import outcome
from dashapp.services.alerts import engine
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.alerts.readings import past_readings
from dashapp.services.archive.recorder import key_of
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.sinks import ArchiveSink
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.text.alerts import became
from storage.market.market import Market

PAIR = PairParams("BTCUSDT", "ETHUSDT", z_window=30, limit=200)
QUIET = Settings(source="none", archive=None)
START_MS = 1_723_161_240_000
PRICE = {"market": "live", "metric": "price", "operator": ">", "symbol": "BTCUSDT"}
ON_Z = {"market": "live", "metric": "z", "operator": "abs>", "params": asdict(PAIR)}


@pytest.fixture
def runtime() -> Runtime:
    """A live market without a feed that counts as live; statistics count as compiled."""
    made = Runtime(QUIET)
    made.markets.status = lambda _: FeedStatus("test", "live")
    made.kernels.ready = True
    return made


def ticks(symbol: str, prices, first: int = 0, per_second: int = 1) -> Ticks:
    """Prices from second `first` on, so many a second."""
    n = len(prices)
    times = START_MS + first * 1_000 + np.arange(n) * (1_000 // per_second)
    return Ticks(symbol, times, np.asarray(prices, float), np.ones(n), np.full(n, -1))


async def fed(runtime: Runtime, prices, **where) -> int:
    """Append prices one by one with a step after each; how many alerts there were."""
    count = 0
    for number, price in enumerate(prices):
        runtime.markets["live"].append(ticks("BTCUSDT", [price], number, **where))
        count += len(await runtime.alerts.step())
    return count


async def test_a_rule_that_is_true_for_a_thousand_updates_fires_once(runtime):
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0})
    assert await fed(runtime, np.full(1_000, 101.0)) == 1


async def test_a_cooldown_is_kept_to_the_second_of_the_markets_clock(runtime):
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "cooldown_s": 60})
    crossings = np.where(np.arange(1_000) % 2, 99.0, 101.0)  # becomes true every 2 s
    assert await fed(runtime, crossings) == 1 + (999 // 60)


async def test_a_value_that_dithers_about_its_threshold_fires_once_with_hysteresis(runtime):
    dither = 100.0 + np.where(np.arange(200) % 2, -0.5, 0.5)
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "bare"})
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "hysteresis": 1.0, "id": "calm"})
    await fed(runtime, [*dither, 98.9, 101.0])
    fired = [event.rule_id for event in runtime.alerts.history.events()]
    assert fired.count("bare") == 101
    assert fired.count("calm") == 2


async def test_a_value_below_its_threshold_must_rise_by_the_hysteresis_before_it_fires_again(
    runtime,
):
    below = {**PRICE, "operator": "<", "threshold": 100.0}
    runtime.alerts.add_rule({**below, "id": "bare"})
    runtime.alerts.add_rule({**below, "hysteresis": 1.0, "id": "calm"})
    dither = 100.0 + np.where(np.arange(200) % 2, 0.5, -0.5)
    await fed(runtime, [*dither, 98.5, 99.5, 100.9, 99.0, 101.1, 99.0])
    fired = [event.rule_id for event in runtime.alerts.history.events()]
    assert fired.count("calm") == 2, "at first, and after 101.1"
    assert fired.count("bare") == 103


def pair_ticks(seconds: int, per_second: int = 2) -> list[Ticks]:
    rng = np.random.default_rng(3)
    n = seconds * per_second
    x = 60_000.0 + np.cumsum(rng.normal(0, 4, n))
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 1)
    return [
        ticks("BTCUSDT", x, per_second=per_second),
        ticks("ETHUSDT", 2_500.0 + 0.03 * (x - 60_000.0) + noise, per_second=per_second),
    ]


def part(of: Ticks, span: slice) -> Ticks:
    columns = {name: getattr(of, name)[span] for name in ("ts_ms", "price", "size", "trade_id")}
    return Ticks(of.symbol, **columns)


async def closed_bar_alerts(chunk: int) -> list[tuple[int, float]]:
    """Alerts on closed bars when the same ticks come in chunks of this many."""
    made = Runtime(QUIET)
    made.markets.status = lambda _: FeedStatus("test", "live")
    made.kernels.ready = True
    made.alerts.add_rule({**ON_Z, "threshold": 1.5, "on": "close"})
    both = pair_ticks(500)
    lead = 260  # a view's worth, so that each run begins at the same bar
    for one in both:
        made.markets["live"].append(part(one, slice(0, lead)))
    await made.alerts.step()
    for start in range(lead, len(both[0]), chunk):
        for one in both:
            made.markets["live"].append(part(one, slice(start, start + chunk)))
        await made.alerts.step()
    return [(event.ts_ms, event.value) for event in made.alerts.history.events()[::-1]]


async def test_alerts_on_closed_bars_do_not_depend_on_how_many_ticks_come_at_once():
    trickle = await closed_bar_alerts(1)
    assert len(trickle) > 10
    for chunk in (7, 100, 10_000):
        burst = await closed_bar_alerts(chunk)
        assert [ts for ts, _ in burst] == [ts for ts, _ in trickle], chunk
        np.testing.assert_allclose([v for _, v in burst], [v for _, v in trickle], rtol=1e-9)


async def test_a_rule_armed_again_does_not_hear_of_bars_while_it_was_off(runtime):
    rule = runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "on": "close"})
    await fed(runtime, [99.0] * 5)
    runtime.alerts.set_enabled(rule.id, False)
    await fed(runtime, [99.0, 101.0, 99.0, 99.0, 99.0, 99.0, 99.0, 99.0])
    runtime.alerts.set_enabled(rule.id, True)
    assert await runtime.alerts.step() == []


async def test_the_preview_counts_what_the_engine_would_have_fired(runtime):
    both = pair_ticks(400)
    for one in both:
        runtime.markets["live"].append(one)
    rule = runtime.alerts.add_rule({**ON_Z, "threshold": 1.5, "on": "close"})
    past = past_readings(runtime.markets["live"], rule)()
    assert len(past.ts_ms) - past.start == PAIR.limit
    snapshot = await runtime.analysis.snapshot("live", PAIR)
    assert past.values[-1] == pytest.approx(snapshot.z[-1], rel=1e-9)
    assert past.betas[-1] == pytest.approx(snapshot.fit.beta, rel=1e-9)


async def test_the_preview_is_of_the_bars_that_the_activity_filter_leaves(runtime):
    for one in pair_ticks(400):
        of_every_other_second = one.ts_ms // 1_000 % 2 == 0
        runtime.markets["live"].append(one)
        runtime.markets["live"].append(one[of_every_other_second])
    params = {**asdict(PAIR), "min_trades": 3, "limit": 150}
    made = await runtime.alerts.previews.of({**ON_Z, "params": params, "threshold": 1.5})
    assert made.words.endswith("in the 150 bars in view")
    snapshot = await runtime.analysis.snapshot("live", PairParams(**params))
    assert {one.ts_ms for one in made.marks} <= set(snapshot.ts_ms.tolist())
    assert made.marks


async def test_the_preview_of_a_symbol_names_the_bars_that_it_is_of(runtime):
    for one in pair_ticks(400):
        runtime.markets["live"].append(one)
    made = await runtime.alerts.previews.of({**PRICE, "threshold": 1.0})
    assert made.words == "price > 1 would have fired once in the newest 400 1s bars"


async def test_what_became_of_an_alert_is_told_once_it_is_known(runtime, monkeypatch):
    monkeypatch.setattr(engine, "FOLLOW_S", 0.0)
    both = pair_ticks(500)
    runtime.alerts.add_rule({**ON_Z, "threshold": 1.5, "once": True, "on": "close"})
    lead = 300
    for start in range(0, len(both[0]), lead):
        for one in both:
            runtime.markets["live"].append(part(one, slice(start, start + lead)))
        await runtime.alerts.step()
    await runtime.alerts.step()
    (record,) = runtime.alerts.history.records("live")
    assert record.outcome.done
    bars = [runtime.markets["live"].bars(leg, "1s") for leg in record.event.symbols]
    assert record.outcome == outcome(*bars, PAIR, record.event.ts_ms)
    assert json.loads(json.dumps(record.document()))["outcome"]["bars"] == record.outcome.bars


async def test_what_became_of_an_alert_is_not_read_from_another_body_of_data(runtime, monkeypatch):
    monkeypatch.setattr(engine, "FOLLOW_S", 0.0)
    runtime.alerts.add_rule({**ON_Z, "threshold": 0.0, "once": True, "on": "close"})
    both = pair_ticks(120)
    for one in both:
        runtime.markets["live"].append(part(one, slice(0, 160)))
    await runtime.alerts.step()
    (record,) = runtime.alerts.history.records("live")
    assert record.followed
    kept = record.document()
    anew = AlertEngine(runtime.markets, runtime.kernels, ArchiveWriter())
    anew.restore([], [kept], {})
    for one in both:
        runtime.markets["live"].append(part(one, slice(160, 240)))
    await anew.step()
    (restored,) = anew.history.records("live")
    assert restored.outcome is None
    assert (
        became(restored.outcome, restored.followed, restored.suggests)
        == "unknown: data no longer held"
    )
    begun = Runtime(QUIET).markets["live"]
    for one in both:
        begun.append(one)
    runtime.markets["live"] = begun
    await runtime.alerts.step()
    assert not record.followed
    assert record.outcome is None


def test_a_webhook_that_the_guard_refuses_is_refused_with_the_rule(runtime):
    with pytest.raises(ValueError, match=r"link-local|metadata"):
        runtime.alerts.add_rule({**PRICE, "threshold": 1.0, "webhook": "http://169.254.169.254/"})
    with pytest.raises(ValueError, match=r"webhook scheme is 'file'.*refused"):
        runtime.alerts.add_rule({**PRICE, "threshold": 1.0, "webhook": "file:///etc/passwd"})


async def test_outcomes_and_deliveries_survive_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "FOLLOW_S", 0.0)
    settings = replace(QUIET, archive=str(tmp_path / "kept.sqlite"))
    first = Runtime(settings)
    await first.start()
    first.markets.status = lambda _: FeedStatus("test", "live")
    first.kernels.ready = True
    first.alerts.add_rule({**ON_Z, "threshold": 1.5, "once": True, "on": "close"})
    both = pair_ticks(500)
    for start in range(0, len(both[0]), 300):
        for one in both:
            first.markets["live"].append(part(one, slice(start, start + 300)))
        await first.alerts.step()
    await first.alerts.step()
    before = [record.document() for record in first.alerts.history.records()]
    await first.stop()
    again = Runtime(settings)
    await again.start()
    after = [record.document() for record in again.alerts.history.records()]
    await again.stop()
    assert before[0]["outcome"] is not None
    assert after == before


async def test_what_becomes_of_an_alert_is_learned_on_when_its_market_comes_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "FOLLOW_S", 0.0)
    settings = replace(QUIET, archive=str(tmp_path / "kept.sqlite"))
    both, records = pair_ticks(500), []
    early, late = slice(0, 600), slice(600, None)
    for source, span in (("ws://a", early), ("ws://b", early), ("ws://a", late)):
        runtime = Runtime(settings)
        await runtime.start()
        runtime.markets.status = lambda _: FeedStatus("test", "live")
        runtime.kernels.ready = True
        market = Market("live", "Live", "live", kept_as=key_of(source))
        runtime.markets["live"] = market
        sink = ArchiveSink(market, runtime.recorder.writer)
        await runtime._restorer.revive(market)
        if not records:
            runtime.alerts.add_rule({**ON_Z, "threshold": 0.1, "id": "r", "cooldown_s": 999})
        for one in both:
            sink.take(market.append(one[span]))
        await runtime.alerts.step()
        records.append(
            [one for one in runtime.alerts.history.records() if one.event.rule_id == "r"][-1]
        )
        await runtime.stop()
    here, elsewhere, back = records
    assert here.event == elsewhere.event == back.event
    assert not here.outcome
    assert not elsewhere.followed
    assert not elsewhere.outcome, "another source's bars tell nothing of it"
    assert back.outcome.done
    bars = [market.bars(leg, "1s") for leg in back.event.symbols]
    fired = back.event
    assert back.outcome == outcome(*bars, PAIR, fired.ts_ms, value=fired.value)


async def test_a_preview_is_shown_at_once_and_made_anew_behind(runtime):
    for one in pair_ticks(400):
        runtime.markets["live"].append(one)
    rule = {**ON_Z, "threshold": 1.5}
    previews = runtime.alerts.previews
    assert previews.recent(rule).words == ""
    whole = await previews.of(rule)
    for _ in range(50):
        await asyncio.sleep(0.02)
        if previews.version:
            break
    assert previews.recent(rule) == whole
    assert (
        whole.words
        == f"|z| > 1.5 would have fired {len(whole.marks)} times in the 200 bars in view"
    )
    assert len(whole.marks) > 5
    with pytest.raises(ValueError, match="threshold is 'x'"):
        await previews.of({**ON_Z, "threshold": "x"})


async def test_a_rule_beside_another_on_the_same_reading_hears_of_it_at_once(runtime):
    for on in ("update", "close"):
        runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "on": on, "id": f"first-{on}"})
    assert await fed(runtime, np.full(10, 101.0)) == 2
    for on in ("update", "close"):
        runtime.alerts.add_rule({**PRICE, "threshold": 50.0, "on": on, "id": f"then-{on}"})
    later = [event.rule_id for event in await runtime.alerts.step()]
    assert sorted(later) == ["then-close", "then-update"], "and those that were told stay quiet"


async def test_a_rule_that_takes_the_place_of_another_begins_anew(runtime):
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "r", "once": True})
    assert await fed(runtime, [101.0]) == 1
    runtime.alerts.add_rule({**PRICE, "threshold": 90.0, "id": "r", "cooldown_s": 60})
    assert [event.threshold for event in await runtime.alerts.step()] == [90.0]


@pytest.mark.parametrize("rounds", [0, 1], ids=["within a round", "with a round between"])
@pytest.mark.parametrize("on", ["update", "close"])
async def test_a_rule_that_is_deleted_and_added_again_under_its_id_begins_anew(runtime, on, rounds):
    rule = {**PRICE, "threshold": 100.0, "id": "r", "on": on, "cooldown_s": 3_600}
    runtime.alerts.add_rule({**rule, "hysteresis": 50.0, "once": True})
    assert await fed(runtime, [101.0, *[99.0] * 4]) == 1
    assert runtime.alerts.active("r"), "by its hysteresis"
    runtime.alerts.delete_rule("r")
    for _ in range(rounds):
        await runtime.alerts.step()
    runtime.alerts.add_rule({**rule, "threshold": 98.0})
    assert not runtime.alerts.active("r"), "nothing was read for it yet"
    assert [event.threshold for event in await runtime.alerts.step()] == [98.0]
    assert len({event.id for event in runtime.alerts.history.events()}) == 2


async def test_a_deleted_rule_that_waited_for_its_feed_leaves_no_wait_to_the_next(runtime):
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "r"})
    await fed(runtime, [99.0])
    runtime.markets.status = lambda _: FeedStatus("test", "reconnecting")
    await runtime.alerts.step()
    assert runtime.alerts.paused("r")
    runtime.alerts.delete_rule("r")
    runtime.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "r"})
    assert not runtime.alerts.paused("r")


async def kept(path) -> Runtime:
    """A runtime with an archive, whose live market counts as live, without a feed."""
    made = Runtime(replace(QUIET, archive=str(path)))
    await made.start()
    made.markets.status = lambda _: FeedStatus("test", "live")
    return made


async def test_a_rule_that_was_changed_begins_anew_after_a_restart_as_well(tmp_path):
    first = await kept(tmp_path / "kept.sqlite")
    first.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "r", "once": True})
    await fed(first, [101.0])
    first.alerts.edit_rule("r", {"threshold": 90.0, "enabled": True})
    await first.stop()
    again = await kept(tmp_path / "kept.sqlite")
    await fed(again, [101.0])
    fired = [event.threshold for event in again.alerts.history.events()]
    await again.stop()
    assert fired == [90.0, 100.0], "it was the rule before that had fired its once"


@pytest.mark.parametrize("rounds", [0, 1])
async def test_the_archive_keeps_the_alerts_of_both_rules_that_had_one_id(tmp_path, rounds):
    first = await kept(tmp_path / "kept.sqlite")
    for threshold in (100.0, 90.0):
        first.alerts.add_rule({**PRICE, "threshold": threshold, "id": "r", "once": True})
        await fed(first, [101.0])
        first.alerts.delete_rule("r")
        for _ in range(rounds):
            await first.alerts.step()
    first.alerts.add_rule({**PRICE, "threshold": 80.0, "id": "r"})
    await first.stop()
    again = await kept(tmp_path / "kept.sqlite")
    assert [event.threshold for event in again.alerts.history.events()] == [90.0, 100.0]
    await fed(again, [101.0])
    fired = [event.threshold for event in again.alerts.history.events()]
    await again.stop()
    assert fired == [80.0, 90.0, 100.0]


async def test_the_count_of_an_id_outlives_the_rule_and_a_restart(tmp_path):
    first = await kept(tmp_path / "kept.sqlite")
    first.alerts.add_rule({**PRICE, "threshold": 100.0, "id": "r"})
    for price in (101.0, 99.0):
        await fed(first, [price])
    first.alerts.delete_rule("r")
    first.alerts.add_rule({**PRICE, "threshold": 90.0, "id": "r", "enabled": False})
    await first.stop()
    again = await kept(tmp_path / "kept.sqlite")
    again.alerts.set_enabled("r", True)
    await fed(again, [101.0])
    ids = {event.id for event in again.alerts.history.events()}
    await again.stop()
    assert len(ids) == 2, "in one and the same bar"
