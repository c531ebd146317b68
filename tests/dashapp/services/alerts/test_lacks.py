"""Why a rule's pair has no reading: found once for each bar, and gone with whoever asked."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import Bars, NotReady, PairParams, Ticks
from dashapp.services.alerts import readings
from dashapp.services.alerts.arming import z_rule
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from tests.dashapp.services.quiet_runtime import say_live

PAIR = PairParams("A", "B")
WORDS = "Y and X are multiples of one another"


def tick(runtime: Runtime, ts_ms: int, price: float) -> None:
    for symbol, price_of in (("A", 3.0 * price), ("B", price)):
        one = Ticks(symbol, np.array([ts_ms]), np.array([price_of]), np.ones(1), np.array([-1]))
        runtime.markets["demo"].append(one)


@pytest.fixture
def runtime() -> Runtime:
    made = Runtime(Settings(source="none", archive=None))
    made.kernels.ready = True
    for second in range(100):
        tick(made, 1_000 * second, 50.0 + second % 7)
    say_live(made)
    return made


async def test_a_reason_is_looked_for_once_for_each_bar(runtime, monkeypatch):
    asked: list[int] = []

    def why(y, x, *more):
        asked.append(int(y.ts_ms[-1]))
        return readings_why(y, x, *more)

    readings_why = readings.why_no_reading
    monkeypatch.setattr(readings, "why_no_reading", why)
    rule = runtime.alerts.add_rule(z_rule("demo", PAIR, 2.0))
    for ts_ms, price in ((99_300, 51.0), (99_600, 52.0), (100_100, 53.0)):
        await runtime.alerts.step()
        assert runtime.alerts.waiting(rule.id).startswith(WORDS)
        tick(runtime, ts_ms, price)
    await runtime.alerts.step()
    assert asked == [99_000, 100_000]


async def test_a_bar_that_the_filter_leaves_out_is_looked_at_once_and_lacks_nothing(
    runtime, monkeypatch
):
    asked: list[int] = []

    def nothing(y, *_):
        asked.append(int(y.ts_ms[-1]))

    monkeypatch.setattr(readings, "why_no_reading", nothing)
    rule = runtime.alerts.add_rule(z_rule("demo", PAIR, 2.0))
    for ts_ms in (99_300, 99_600):
        await runtime.alerts.step()
        assert runtime.alerts.waiting(rule.id) == ""
        tick(runtime, ts_ms, 51.0)
    await runtime.alerts.step()
    assert asked == [99_000]


async def test_a_bar_that_comes_to_count_is_asked_anew_why_it_has_no_reading():
    """A day that began below the filter, and whose spread does not move by noon."""
    made = Runtime(Settings(source="none", archive=None))
    made.kernels.ready = True
    moves = [0.0, 1.0, 3.0, 2.0] * 20 + [5.0] * 10
    for second, move in enumerate(moves):
        for symbol, price in (("A", 50.0 + second % 7 + move), ("B", 50.0 + second % 7)):
            last_of_a = symbol == "A" and second == len(moves) - 1
            for part in range(1 if last_of_a else 3):
                ts_ms = np.array([1_000 * second + part])
                made.markets["demo"].append(
                    Ticks(symbol, ts_ms, np.array([price]), np.ones(1), np.array([-1]))
                )
    say_live(made)
    locked = PairParams(
        "A", "B", spread_mode="locked", beta=1.0, alpha=0.0, z_window=10, min_trades=3
    )
    rule = made.alerts.add_rule(z_rule("demo", locked, 2.0))
    await made.alerts.step()
    assert made.alerts.waiting(rule.id) == ""
    late = 1_000 * (len(moves) - 1) + np.array([300, 400])
    price = np.full(2, 50.0 + (len(moves) - 1) % 7 + moves[-1])
    made.markets["demo"].append(Ticks("A", late, price, np.ones(2), np.full(2, -1)))
    await made.alerts.step()
    assert "does not move" in made.alerts.waiting(rule.id)


async def test_a_closed_bar_has_the_reason_of_its_own_bars(runtime, monkeypatch):
    seen: list[int] = []

    def why(y, x, *more):
        seen.append(max(int(y.ts_ms[-1]), int(x.ts_ms[-1])))
        return NotReady("no reason", 9, 9)

    monkeypatch.setattr(readings, "why_no_reading", why)
    rule = runtime.alerts.add_rule(z_rule("demo", PAIR, 2.0) | {"on": "close"})
    await runtime.alerts.step()
    assert runtime.alerts.waiting(rule.id) == "no reason"
    (newest,) = seen
    assert newest < 99_000


@pytest.mark.parametrize("change", ["deleted", "disabled", "market", "begun"])
async def test_a_reason_is_not_kept_of_what_nobody_reads_any_more(runtime, monkeypatch, change):
    """The rule goes, or its market, while it is being read; and later on."""
    on = "close" if change == "begun" else "update"
    rule = runtime.alerts.add_rule(z_rule("demo", PAIR, 2.0) | {"on": on})
    reader = runtime.alerts._reader

    def go() -> None:
        if change == "deleted":
            runtime.alerts.delete_rule(rule.id)
        elif change == "disabled":
            runtime.alerts.set_enabled(rule.id, False)
        elif change == "begun":
            runtime.alerts.begin(runtime.markets["demo"])
        else:
            runtime.markets.pop("demo")

    def why(*_):
        go()
        return NotReady(WORDS, 100, 100)

    usual = readings.why_no_reading
    monkeypatch.setattr(readings, "why_no_reading", why)
    await runtime.alerts.step()
    assert reader.lack(rule.key) == ""
    if change in ("market", "begun"):
        return
    monkeypatch.setattr(readings, "why_no_reading", usual)
    rule = runtime.alerts.add_rule(z_rule("demo", PAIR, 2.0))
    await runtime.alerts.step()
    assert reader.lack(rule.key).startswith(WORDS)
    runtime.alerts.delete_rule(rule.id)
    assert reader.lack(rule.key) == ""


def test_a_metric_that_is_known_lacks_nothing_where_the_z_is_not():
    bars = []
    for symbol, times in (("A", 3.0), ("B", 1.0)):
        close = times * (50.0 + np.arange(100) % 7)
        clock, ones = 1_000 * np.arange(100), np.ones(100)
        bars.append(Bars(symbol, "1s", clock, *[close] * 4, ones, ones, close))
    assert readings.why_no_reading(*bars, PAIR, "correlation") is None
    assert readings.why_no_reading(*bars, PAIR, "z").reason.startswith(WORDS)
    assert readings.why_no_reading(*bars, PAIR, "adf_pvalue").reason.startswith(WORDS)
