"""Replays: the same path as live data, and the same numbers as the file read at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from analytics.alerts import AlertState, Reading, evaluate
from analytics.model import BAR_COLUMNS, TIMEFRAMES, PairParams, PairSnapshot, Ticks
from analytics.readings import readings_between
from dashapp import ids
from dashapp.services.replay import control
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.ui.frame.replay_bar import commands
from storage.archive.archive import Archive
from storage.market.market import Market
from tests.dashapp.conftest import made_up_ticks
from tests.waiting import until

PAIR = {"y": "BTCUSDT", "x": "ETHUSDT", "z_window": 30}
RULES = (
    {"metric": "z", "operator": "abs>", "threshold": 1.5, "params": PAIR},
    {"metric": "z", "operator": "abs>", "threshold": 1.2, "params": {**PAIR, "hedge": "huber"}},
    {"metric": "spread", "operator": "<", "threshold": -20.0, "params": PAIR, "cooldown_s": 20},
    {"metric": "correlation", "operator": ">", "threshold": 0.6, "params": PAIR},
    {"metric": "adf_pvalue", "operator": "<", "threshold": 0.05, "params": PAIR},
    {"metric": "price", "operator": ">", "threshold": 61_750.0, "symbol": "BTCUSDT"},
)


@asynccontextmanager
async def started():
    runtime = Runtime(Settings(source="none", archive=None))
    await runtime.start()
    try:
        await until(lambda: runtime.kernels.ready)
        yield runtime
    finally:
        await runtime.stop()


async def ended(runtime: Runtime) -> Market:
    await until(lambda: runtime.replays.state.state in ("ended", "failed"))
    assert runtime.replays.state.state == "ended", runtime.replays.state.problem
    await runtime.alerts.step()
    return runtime.markets["replay"]


def assert_equal_bars(replayed: Market, read: Market) -> None:
    assert replayed.symbols == read.symbols
    assert replayed.timeframes == read.timeframes
    for symbol in read.symbols:
        for timeframe in read.timeframes:
            for name in BAR_COLUMNS:
                ours, theirs = (
                    getattr(one.bars(symbol, timeframe), name) for one in (replayed, read)
                )
                np.testing.assert_array_equal(ours, theirs)


def leaves(value) -> list:
    if isinstance(value, np.ndarray):
        return [value]
    if is_dataclass(value):
        return [leaf for one in fields(value) for leaf in leaves(getattr(value, one.name))]
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, tuple | list):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def expected_alerts(runtime: Runtime, market: Market) -> set[tuple]:
    """What the same rules fire on the bars of a file that was read at once."""
    readings, rules = [], runtime.alerts.rules
    for rule in rules:
        if rule.params is not None:
            y, x = (market.bars(symbol, "1s") for symbol in rule.symbols)
            times, read = readings_between(y, x, rule.params, [rule.metric], -1, 1 << 53)
            values = read[rule.metric]
        else:
            bars = market.bars(rule.symbols[0], "1s")
            times, values = bars.ts_ms, bars.close
        pairs = zip(times.tolist(), values.tolist(), strict=True)
        readings += [Reading(rule.key, *one) for one in pairs]
    readings.sort(key=lambda reading: reading.ts_ms)
    events, _ = evaluate(rules, readings, AlertState())
    return {(event.rule_id, event.ts_ms, event.value) for event in events}


async def test_the_recordings_at_1000x_are_equal_to_the_file_read_at_once(market_data):
    async with started() as runtime:
        path = market_data / "ticks" / "ticks_2024-08-09T00-00-00.029Z.ndjson"
        read = runtime.markets[await runtime.uploads.load(str(path))]
        await runtime.replays.start(read.id, 1_000)
        await runtime.replays.stop()  # the market is there; now the rules for it
        for number, rule in enumerate(RULES):
            given = {"market": "replay", "on": "close", "id": f"r{number}"}
            runtime.alerts.add_rule({**given, **rule})
        began = time.monotonic()
        await runtime.replays.start(read.id, 1_000)
        replayed = await ended(runtime)
        span_s = 345  # from the first tick to the last
        assert span_s / 1_000 <= time.monotonic() - began  # no sooner than it says
        assert replayed.counters.accepted == read.counters.accepted == 35_389
        assert_equal_bars(replayed, read)
        for timeframe in TIMEFRAMES:
            params = PairParams(**PAIR, timeframe=timeframe)
            ours = await runtime.analysis.snapshot("replay", params)
            theirs = await runtime.analysis.snapshot(read.id, params)
            if timeframe == "1s":
                assert isinstance(ours, PairSnapshot)
            for a, b in zip(leaves(ours), leaves(theirs), strict=True):
                np.testing.assert_array_equal(a, b)
        fired = {
            (one.rule_id, one.ts_ms, one.value) for one in runtime.alerts.history.events("replay")
        }
        assert fired == expected_alerts(runtime, read)
        assert {rule_id for rule_id, _, _ in fired} >= {"r0", "r1", "r2", "r3", "r5"}


async def test_ohlc_bars_are_replayed_as_they_closed(market_data):
    async with started() as runtime:
        read = None
        for name in ("btcusd", "ethusd"):
            path = market_data / "ohlc" / f"coinbase_{name}_1m_20180404-05.csv"
            session = runtime.uploads.begin(path.name, read)
            await session.feed(path.read_bytes())
            read, _ = await session.finish()
        market = runtime.markets[read]
        await runtime.replays.start(read, 1_000)
        y, x = market.symbols
        rule = {"market": "replay", "metric": "z", "operator": "abs>", "threshold": 2.0}
        params = {"y": y, "x": x, "timeframe": "5m"}
        runtime.alerts.add_rule({**rule, "id": "r", "on": "close", "params": params})
        await runtime.replays.start(read, 1_000)
        await runtime.replays.seek(runtime.replays.state.last_ms)
        replayed = await ended(runtime)
        assert_equal_bars(replayed, market)
        bars = (market.bars(symbol, "5m") for symbol in (y, x))
        times, values = readings_between(*bars, PairParams(**params), ["z"], -1, 1 << 53)
        (armed,) = runtime.alerts.rules
        readings = [
            Reading(armed.key, *one) for one in zip(times.tolist(), values["z"], strict=True)
        ]
        events, _ = evaluate([armed], readings, AlertState())
        assert len(events) > 5
        fired = [(one.ts_ms, one.value) for one in runtime.alerts.history.events("replay")[::-1]]
        assert fired == [(one.ts_ms, one.value) for one in events]


@pytest.fixture
async def playing(runtime):
    """The demo market of ten minutes, replayed at 60x; not a started runtime."""
    await runtime.replays.start("demo", 60)
    yield runtime
    await runtime.replays.stop()


async def test_a_replay_is_a_market_of_its_own_with_its_own_mark(playing):
    market = playing.markets["replay"]
    assert (market.kind, market.title) == ("replay", "Replay: Demo")
    assert playing.markets.status("replay").state == "live"
    await until(lambda: market.counters.accepted > 20)
    assert playing.markets["demo"].counters.accepted == 2_400
    first = playing.markets["demo"].ticks("BTCUSDT").ts_ms[0]
    assert market.ticks("BTCUSDT").ts_ms[0] == first, "exchange times are kept"
    assert market.counters.balanced


async def test_it_pauses_changes_its_speed_and_goes_on(playing):
    market = playing.markets["replay"]
    await until(lambda: market.counters.accepted > 20)
    playing.replays.pause()
    await asyncio.sleep(0.1)
    held = market.counters.accepted
    await asyncio.sleep(0.2)
    assert market.counters.accepted == held
    assert playing.markets.status("replay").state == "stopped"
    playing.replays.set_speed(1_000)
    playing.replays.play()
    await until(lambda: playing.replays.state.state == "ended")
    assert market.counters.accepted == 2_400
    assert market.whole


async def test_forward_keeps_the_market_and_back_begins_it_anew(playing):
    market, first = playing.markets["replay"], playing.replays.state.first_ms
    await playing.replays.seek(first + 300_000)
    await until(lambda: playing.replays.state.position_ms >= first + 300_000)
    assert playing.markets["replay"] is market
    assert market.counters.accepted >= 1_200
    playing.replays.pause()
    await playing.replays.seek(first + 60_000)
    anew = playing.markets["replay"]
    assert anew is not market
    assert playing.replays.state.state == "paused"
    playing.replays.set_speed(1_000)
    playing.replays.play()
    await until(lambda: playing.replays.state.state == "ended")
    assert anew.ticks("BTCUSDT").ts_ms[0] == first + 60_000
    assert anew.counters.accepted == 2_400 - 2 * 120
    await playing.replays.seek(playing.replays.state.last_ms)
    assert playing.markets["replay"] is anew, "it is at its end already"
    await playing.replays.seek(first)
    assert playing.replays.state.state == "playing", "an ended replay plays on"


async def test_a_call_that_tells_of_two_controls_does_what_both_ask_for(playing):
    replays = playing.replays
    replays.pause()
    position = replays.state.first_ms + 300_000
    told = {ids.REPLAY_SEEK, ids.REPLAY_SPEED, ids.REPLAY_TOGGLE}
    await commands(playing, told, 10, {"position": position})
    await until(lambda: replays.state.position_ms >= position)
    assert (replays.state.speed, replays.state.state) == (10, "playing")


async def test_what_memory_has_forgotten_is_replayed_from_the_archive(runtime, tmp_path):
    whole = [made_up_ticks(symbol, 3_000, seed=n) for n, symbol in enumerate(("BTCUSDT", "A"))]
    with_archive = runtime.recorder.writer.archive = Archive.open(tmp_path / "kept.sqlite")
    try:
        for ticks in whole:
            with_archive.append_ticks("demo", ticks)
        await runtime.replays.start("demo", 1_000)
        assert runtime.replays.state.symbols == ("BTCUSDT", "A")
        replayed = await ended(runtime)
        expected = Market("file", "File", "upload")
        for ticks in whole:
            expected.append(ticks)
        assert_equal_bars(replayed, expected)
        await runtime.replays.start("demo", 1_000, int(whole[0].ts_ms[5_000]))
        replayed = await ended(runtime)
        assert replayed.ticks("BTCUSDT").ts_ms[0] == whole[0].ts_ms[5_000]
        with_archive.put_market("live-x", "X", "live")
        with_archive.append_ticks("live-x", whole[0])
        await runtime.replays.start("live-x", 1_000)
        assert runtime.markets["replay"].title == "Replay: X"
    finally:
        await runtime.replays.stop()
        runtime.recorder.writer.archive = None
        with_archive.close()


async def test_what_cannot_be_done_is_said_and_changes_nothing(playing):
    state = playing.replays.state
    with pytest.raises(
        KeyError, match="there is no market 'nowhere', only: demo, live, demo-universe"
    ):
        await playing.replays.start("nowhere")
    with pytest.raises(ValueError, match="market live is empty"):
        await playing.replays.start("live")
    with pytest.raises(ValueError, match="a replay cannot be replayed"):
        await playing.replays.start("replay")
    with pytest.raises(ValueError, match="speed is 0, expected 1 to 1000"):
        await playing.replays.start("demo", 0)
    with pytest.raises(ValueError, match="position_ms is 5, expected"):
        await playing.replays.seek(5)
    assert playing.replays.state.first_ms == state.first_ms
    assert playing.replays.state.state == "playing"


async def test_without_a_replay_there_is_nothing_to_pause(runtime):
    assert runtime.replays.state is None
    for act in (runtime.replays.pause, runtime.replays.play):
        with pytest.raises(ValueError, match="start a replay first"):
            act()
    await runtime.replays.stop()


@pytest.mark.parametrize("at_once", [True, False], ids=["in one piece", "in pieces"])
async def test_trades_whose_source_numbered_anew_are_all_replayed(runtime, at_once):
    live, ids = runtime.markets["live"], np.array([3, 1, 2, -1, 4])
    for minute in range(3):
        live.forget_ids("BTCUSDT")
        times = 1_723_161_240_000 + 60_000 * minute + 1_000 * np.arange(5)
        live.append(Ticks("BTCUSDT", times, np.full(5, 9.0), np.ones(5), ids))
    held = live.ticks("BTCUSDT")
    await runtime.replays.start("live", 1.0 if at_once else 1_000.0)
    if at_once:
        await runtime.replays.seek(int(held.ts_ms[-1]))
    market = runtime.markets["replay"]
    await until(lambda: market.counters.received == 15)
    await runtime.replays.stop()
    assert market.ticks("BTCUSDT").trade_id.tolist() == held.trade_id.tolist()


async def test_hammering_leaves_one_replay_and_no_task(runtime):
    before = len(asyncio.all_tasks())
    first = runtime.markets["demo"].ticks("BTCUSDT").ts_ms[0]
    await asyncio.gather(
        *(runtime.replays.start("demo", 1_000) for _ in range(20)),
        return_exceptions=False,
    )
    await asyncio.gather(*(runtime.replays.seek(int(first)) for _ in range(20)))
    assert len(asyncio.all_tasks()) == before + 1
    await runtime.replays.stop()
    assert len(asyncio.all_tasks()) == before
    held = runtime.markets["replay"].counters.accepted
    await asyncio.sleep(0.1)
    assert runtime.markets["replay"].counters.accepted == held


async def test_a_replay_waits_for_rules_that_are_far_behind(runtime, monkeypatch):
    monkeypatch.setattr(control, "MOST_BEHIND_MS", 100_000)
    await runtime.replays.start("demo", 1)
    await runtime.replays.stop()
    runtime.alerts.add_rule({"market": "replay", "on": "close", "id": "r", **RULES[0]})
    await runtime.replays.start("demo", 1_000)
    await asyncio.sleep(0.5)
    state = runtime.replays.state
    assert state.position_ms - state.first_ms < 300_000, "nobody evaluates: it stands still"
    for _ in range(500):
        await runtime.alerts.step()
        await asyncio.sleep(0.01)
        if runtime.replays.state.state == "ended":
            break
    assert runtime.markets["replay"].whole


async def test_over_http_a_replay_begins_where_it_is_asked_to(client, runtime):
    start_ms = int(runtime.markets["demo"].ticks("BTCUSDT").ts_ms[0]) + 60_000
    asked = {"market": "demo", "start_ms": start_ms}
    told = (await client.post("/api/replay/start", json=asked)).json()["replay"]
    await client.post("/api/replay/stop")
    assert (told["position_ms"], told["first_ms"]) == (start_ms, start_ms - 60_000)


async def test_over_http_a_replay_starts_pauses_seeks_and_stops(client, runtime):
    assert (await client.get("/api/replay")).json() == {"market": "replay", "replay": None}
    refused = await client.post("/api/replay/pause")
    assert (refused.status_code, refused.json()["error"][:22]) == (400, "nothing is replayed: s")
    answer = await client.post("/api/replay/start", json={"market": "demo", "speed": 5})
    replay = answer.json()["replay"]
    assert (replay["of"], replay["state"], replay["speed"]) == ("demo", "playing", 5.0)
    middle = replay["first_ms"] + 300_000
    await client.post("/api/replay/pause")
    answer = await client.post("/api/replay/seek", json={"position_ms": middle})
    assert answer.json()["replay"]["state"] == "paused"
    await until(lambda: runtime.replays.state.position_ms >= middle)
    answer = await client.post("/api/replay/speed", json={"speed": 1_000})
    assert answer.json()["replay"]["speed"] == 1_000
    await client.post("/api/replay/play")
    await until(lambda: runtime.replays.state.state == "ended")
    assert (await client.post("/api/replay/play")).status_code == 400
    bars = (await client.get("/api/markets/replay/bars", params={"symbol": "BTCUSDT"})).json()
    assert len(bars["bars"]) == 600
    assert (await client.get("/api/status")).json()["markets"]["replay"]["kind"] == "replay"
    assert (await client.post("/api/replay/stop")).json()["replay"]["state"] == "ended"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("start", {"market": "nowhere"}, 404, "there is no market 'nowhere'"),
        ("start", {"market": "demo", "speed": 2_000}, 400, "speed is 2000, expected 1 to 1000"),
        ("start", {"market": "demo", "start_ms": 1}, 400, "position_ms is 1, expected"),
        ("start", {"market": "demo", "loud": True}, 400, "the body is wrong"),
        ("start", [], 400, "the body is wrong"),
        ("seek", {"position_ms": "soon"}, 400, "the body is wrong"),
        ("seek", {"position_ms": 1}, 400, "nothing is replayed"),
        ("speed", {"speed": None}, 400, "the body is wrong"),
    ],
)
async def test_a_wrong_request_is_told_what_is_legal(client, path, body, status, words):
    answer = await client.post(f"/api/replay/{path}", json=body)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


async def test_a_speed_that_is_set_while_it_goes_back_is_that_of_the_new_start(
    playing, monkeypatch
):
    replays_ = playing.replays
    stop = replays_._stop
    await until(lambda: replays_.state.position_ms > replays_.state.first_ms)

    async def meanwhile() -> None:
        await stop()
        replays_.set_speed(7)

    monkeypatch.setattr(replays_, "_stop", meanwhile)
    await replays_.seek(replays_.state.first_ms)
    assert replays_.state.speed == 7
