"""Metrics as Prometheus reads them."""

from __future__ import annotations

import asyncio
import re

import pytest

from analytics.model import PairParams
from dashapp.parameters.pair import View
from dashapp.services.loop_watch import HURTS_MS, LoopWatch
from dashapp.text.trust import trust_figures

LINE = re.compile(r'spreadscope_[a-z0-9_]+(\{([a-z]+="(\\.|[^"\\])*",?)+\})? -?[0-9.e+-]+')


async def test_every_line_is_one_that_prometheus_reads(client, runtime):
    runtime.loop_watch.note(1.5)
    runtime.callback_ms["/analytics"] = [3.0, 5.0]
    await runtime.memory.step()
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert answer.text.endswith("\n")
    for line in lines:
        assert line.startswith(("# HELP spreadscope_", "# TYPE spreadscope_")) or LINE.fullmatch(
            line
        )
    assert 'spreadscope_market_accepted_total{market="demo"} 2400' in lines
    assert 'spreadscope_callback_ms{page="/analytics",quantile="1"} 5' in lines
    assert 'spreadscope_loop_lag_ms{quantile="0.5"} 1.5' in lines
    assert 'spreadscope_queue{of="archive ticks"} 0' in lines
    assert f"spreadscope_tasks {len(asyncio.all_tasks())}" in lines
    used = f"{runtime.memory.used_mb:.15g}"
    assert f'spreadscope_memory_mb{{of="ticks and bars"}} {used}' in lines
    assert 'spreadscope_memory_mb{of="budget"} 2048' in lines
    assert runtime.memory.used_mb > 0.05


async def test_the_counters_are_those_of_the_trust_strip(client, runtime):
    trust = runtime.feeds.trust("demo")
    text = (await client.get("/metrics")).text
    for name in ("received", "accepted", "rejected", "duplicate", "late", "dropped"):
        assert f'spreadscope_market_{name}_total{{market="demo"}} {trust[name]}\n' in text


@pytest.mark.parametrize(("late", "said"), [(0, False), (2, False), (3, True)])
def test_the_strip_warns_when_the_loop_is_late_again_and_again(late, said):
    watch = LoopWatch()
    for number in range(20):
        watch.note(HURTS_MS + 100.0 if number < late else 1.0)
    figures = [text for text, tone in trust_figures({"busy": watch.words}) if tone == "warn"]
    assert figures == (["busy: answers come up to 0.3 s late"] if said else [])


async def test_a_page_that_finds_no_room_keeps_its_picture_and_asks_again(runtime, monkeypatch):
    from dash.exceptions import PreventUpdate

    from dashapp.services.analysis import results
    from dashapp.ui.pages.analytics.page import PAGE
    from dashapp.ui.polling import Tab, _rendered

    monkeypatch.setattr(results, "MAX_IN_LINE", 0)
    runtime.analysis.results._places = asyncio.Semaphore(0)
    view = View("demo", (), "1s", 2.0, PairParams("BTCUSDT", "ETHUSDT"))
    with pytest.raises(PreventUpdate):
        await _rendered(runtime, PAGE, Tab(view, "dark", {"strategy": None}))


async def test_the_loop_is_watched_while_the_server_runs(runtime):
    await runtime.start()
    try:
        from tests.waiting import until

        await until(lambda: len(runtime.loop_watch.lags_ms) >= 2)
    finally:
        await runtime.stop()
