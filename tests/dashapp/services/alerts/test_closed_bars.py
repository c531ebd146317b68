"""Rules on closed bars: each bar is read once, in turn, however many close at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.alerts import AlertState, Reading, evaluate
from analytics.model import Bars, FeedStatus, PairParams, Ticks
from analytics.readings import readings_between
from dashapp.services.alerts import closed_bars
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from storage.market.market import Market

PARAMS = {"y": "BTCUSDT", "x": "ETHUSDT", "z_window": 30}
Z = {"market": "live", "metric": "z", "operator": "abs>", "threshold": 1.5, "on": "close"}
SPAN_S = 400


@pytest.fixture
def runtime():
    made = Runtime(Settings(source="none", archive=None))
    made.kernels.ready = True
    made.markets.status = lambda _: FeedStatus("test", "live")
    return made


def both_legs(seconds: int = SPAN_S) -> list[Ticks]:
    """Two legs that tick about twice a second."""
    rng = np.random.default_rng(5)
    made = []
    for name, level in (("BTCUSDT", 60_000.0), ("ETHUSDT", 2_500.0)):
        times = np.sort(rng.integers(0, seconds * 1_000, 2 * seconds))
        price = level + np.cumsum(rng.normal(0, 1, len(times)))
        made.append(Ticks(name, times, price, np.ones(len(times)), np.full(len(times), -1)))
    return made


def in_pieces(batches: list[Ticks], seconds: int) -> list[list[Ticks]]:
    """The same ticks, so many seconds at a time."""
    ends = range(seconds, SPAN_S + seconds, seconds)
    return [
        [one[(one.ts_ms >= (end - seconds) * 1_000) & (one.ts_ms < end * 1_000)]]
        for end in ends
        for one in batches
    ]


async def fired(runtime: Runtime, pieces: list[list[Ticks]], step_every: int = 1) -> list[tuple]:
    """What a rule that was there first fires on a market that begins with these pieces."""
    rule = runtime.alerts.add_rule({**Z, "id": "r", "params": PARAMS})
    market = runtime.markets["live"] = Market("live", "Live", "live")
    runtime.alerts.begin(market)
    for number, piece in enumerate(pieces, 1):
        for batch in piece:
            market.append(batch)
        if number % (2 * step_every) == 0 or number == len(pieces):
            await runtime.alerts.step()
    assert not runtime.alerts.paused(rule.id)
    events = runtime.alerts.history.events()[::-1]
    return [(event.ts_ms, event.value) for event in events]


async def test_a_burst_fires_what_the_same_ticks_fire_second_by_second(runtime):
    batches = both_legs()
    slow = await fired(runtime, in_pieces(batches, 1))
    assert len(slow) > 3
    for seconds in (7, 60, SPAN_S):
        runtime.alerts.clear_events()
        assert await fired(runtime, in_pieces(batches, seconds)) == slow


async def test_what_fires_is_what_the_bars_of_the_whole_batch_fire(runtime):
    batches = both_legs()
    events = await fired(runtime, in_pieces(batches, 60))
    whole = Market("whole", "Whole", "upload")
    for batch in batches:
        whole.append(batch)
    y, x = (whole.bars(symbol, "1s") for symbol in ("BTCUSDT", "ETHUSDT"))
    times, values = readings_between(y, x, PairParams(**PARAMS), ["z"], -1, (SPAN_S - 4) * 1_000)
    (rule,) = runtime.alerts.rules
    readings = [Reading(rule.key, *one) for one in zip(times.tolist(), values["z"], strict=True)]
    expected, _ = evaluate([rule], readings, AlertState())
    assert events == [(event.ts_ms, event.value) for event in expected]


async def test_a_turnover_filter_looks_back_as_far_in_a_burst_as_second_by_second(
    runtime, monkeypatch
):
    monkeypatch.setitem(PARAMS, "min_volume", 4_000.0)
    monkeypatch.setitem(PARAMS, "limit", 50)
    batches = both_legs()
    slow = await fired(runtime, in_pieces(batches, 1))
    assert len(slow) > 3
    runtime.alerts.clear_events()
    assert await fired(runtime, in_pieces(batches, 60)) == slow


async def test_a_long_backlog_is_read_part_by_part(runtime, monkeypatch):
    batches = both_legs()
    slow = await fired(runtime, in_pieces(batches, 1))
    monkeypatch.setattr(closed_bars, "MOST_BARS", 50)
    runtime.alerts.clear_events()
    market = runtime.markets["live"] = Market("live", "Live", "live")
    runtime.alerts.begin(market)
    for batch in batches:
        market.append(batch)
    behind = []
    for _ in range(12):
        behind.append(runtime.alerts.behind_ms(market))
        await runtime.alerts.step()
    assert [(one.ts_ms, one.value) for one in runtime.alerts.history.events()[::-1]] == slow
    assert behind[0] > 390_000
    assert behind == sorted(behind, reverse=True)
    assert behind[-1] < 5_000, "all but the bars that are still open"


async def test_a_rule_that_is_added_later_begins_with_the_newest_closed_bar(runtime):
    market = runtime.markets["live"]
    for batch in both_legs():
        market.append(batch)
    runtime.alerts.add_rule({**Z, "threshold": 0.0, "params": PARAMS})
    (event,) = await runtime.alerts.step()
    assert event.ts_ms >= (SPAN_S - 5) * 1_000


async def test_a_market_that_begins_anew_is_heard_from_its_first_bar_again(runtime):
    batches = both_legs()
    first = await fired(runtime, in_pieces(batches, 60))
    again = await fired(runtime, in_pieces(batches, 60))
    assert again == first + first
    assert len({event.id for event in runtime.alerts.history.events()}) == len(again)


async def test_readings_of_a_market_that_is_replaced_meanwhile_are_dropped(runtime, monkeypatch):
    def replaced(*of):
        runtime.markets["live"] = fresh
        runtime.alerts.begin(fresh)
        return values(*of)

    fresh, values = Market("live", "Live", "live"), closed_bars._values
    monkeypatch.setattr(closed_bars, "_values", replaced)
    assert await fired(runtime, in_pieces(both_legs(), SPAN_S)) == []


async def test_bars_that_come_as_bars_are_closed_when_they_come(runtime):
    market = runtime.markets["replay"] = Market("replay", "Replay", "replay")
    price = {"market": "replay", "metric": "price", "operator": ">", "threshold": 0.5}
    runtime.alerts.add_rule({**price, "symbol": "BTCUSDT", "on": "close"})
    runtime.alerts.begin(market)
    ones = np.ones(1)
    market.append_bars(Bars("BTCUSDT", "1m", [60_000], *[ones] * 5, [-1], ones))
    (event,) = await runtime.alerts.step()
    assert event.ts_ms == 60_000


async def test_the_last_bar_of_what_has_ended_is_closed(runtime):
    batches = both_legs(60)
    price = {"market": "live", "metric": "price", "operator": ">", "threshold": 0.5}
    runtime.alerts.add_rule({**price, "symbol": "BTCUSDT", "on": "close"})
    market = runtime.markets["live"]
    market.append(replace(batches[0]))
    assert len(await runtime.alerts.step()) == 1
    read = runtime.alerts.behind_ms(market)
    market.whole = True
    await runtime.alerts.step()
    assert runtime.alerts.behind_ms(market) < read
