"""What an alert says to do, whether it fired or is rehearsed, is the trade of its hedge ratio."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from analytics.model import FeedStatus, PairParams, Ticks
from dashapp.parameters.pair import own_words
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.text.answers import plain
from dashapp.text.pair import LEGS_AGAINST
from dashapp.ui.frame.notifications import toasts
from dashapp.ui.pages.alerts.page import _answer as alerts_answer_of
from dashapp.ui.pages.alerts.tables import event_row, rule_row

PAIR = PairParams("AAA", "BBB", z_window=30, limit=200)
START_MS = 1_723_161_240_000
SECONDS = 300
SAME_SIDE = "AAA rich, short AAA / short BBB"
OPPOSITE = "AAA rich, short AAA / long BBB"


def pair_of(beta: float, last_rise: float) -> list[Ticks]:
    """AAA = 300 + beta BBB + noise, which rises in the last second but five."""
    noise = np.random.default_rng(3)
    x = 50.0 + np.cumsum(noise.normal(0, 0.05, SECONDS))
    rise = np.where(np.arange(SECONDS) >= SECONDS - 5, last_rise, 0.0)
    y = 300.0 + beta * x + noise.normal(0, 0.05, SECONDS) + rise
    times = START_MS + 1_000 * np.arange(SECONDS)
    ones, ids = np.ones(SECONDS), np.full(SECONDS, -1)
    return [Ticks("AAA", times, y, ones, ids), Ticks("BBB", times, x, ones, ids)]


@pytest.fixture
def runtime() -> Runtime:
    """A live market without a feed that counts as live; statistics count as compiled."""
    runtime = Runtime(Settings(source="none", archive=None))
    runtime.markets.status = lambda _: FeedStatus("test", "live")
    runtime.kernels.ready = True
    return runtime


def z_rule(on: str) -> dict:
    return {
        "market": "live",
        "metric": "z",
        "operator": ">",
        "threshold": 2.0,
        "on": on,
        "params": asdict(PAIR),
    }


@pytest.mark.parametrize("on", ["update", "close"])
@pytest.mark.parametrize(("beta", "words"), [(-2.0, SAME_SIDE), (2.0, OPPOSITE)])
async def test_an_alert_says_the_trade_by_the_sign_of_beta(runtime, on, beta, words):
    runtime.alerts.add_rule(z_rule(on))
    legs, late_ms = pair_of(beta, 1.0), START_MS + 1_000 * (SECONDS - 10)
    for parts in (
        [leg[leg.ts_ms < late_ms] for leg in legs],
        [leg[leg.ts_ms >= late_ms] for leg in legs],
    ):
        for part in parts:
            runtime.markets["live"].append(part)
        await runtime.alerts.step()
    texts = [event.text for event in runtime.alerts.history.events()]
    assert any(words in text for text in texts), texts
    assert all((LEGS_AGAINST in text) == (beta < 0) for text in texts if "rich" in text)
    toast = toasts(runtime.alerts.history.events()[:1], runtime.alerts.history)[0]
    assert toast.children == texts[0]
    record = runtime.alerts.history.records()[0]
    assert record.document()["text"] == texts[0]
    assert event_row(runtime, record)["text"].startswith(texts[0])


async def test_alerts_of_one_pair_say_what_each_has_of_its_own(runtime):
    """Of four rules on the same legs nothing told why three fired at unlike values."""
    own = {**asdict(PAIR), "spread_mode": "rolling", "hedge_window": 40}
    usual = runtime.alerts.add_rule(z_rule("update"))
    rolling = runtime.alerts.add_rule({**z_rule("update"), "params": own})
    words = own_words(rolling.params)
    assert "Rolling" in words
    assert rule_row(runtime, rolling)["what"].endswith(f" · {words}")
    assert rule_row(runtime, usual)["what"] != rule_row(runtime, rolling)["what"]
    for part in pair_of(2.0, 1.0):
        runtime.markets["live"].append(part)
    await runtime.alerts.step()
    for record in runtime.alerts.history.records():
        told = own_words(record.params)
        assert event_row(runtime, record)["text"].endswith(told)
        assert event_row(runtime, record)["details"][0][1].endswith(told)
        (toast,) = toasts([record.event], runtime.alerts.history)
        assert toast.header.endswith(told)
    newest = runtime.alerts.history.newest_event
    told = alerts_answer_of(runtime)
    assert f"last: {newest.text}, bar of 2024-08-" in plain(told)
    assert {record.params.spread_mode for record in runtime.alerts.history.records()} >= {"rolling"}


async def test_a_rehearsed_alert_says_the_trade_by_the_sign_of_beta(runtime):
    for batch in pair_of(-2.0, 1.0):
        runtime.markets["live"].append(batch)
    rehearsal = await runtime.alerts.previews.of(z_rule("close"))
    assert rehearsal.marks
    assert f"{SAME_SIDE} ({LEGS_AGAINST})" in rehearsal.marks[-1].text
