"""Home compares its symbols over one span: one first bar and one base on every chart."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analytics.model import Bars, PairParams, Ticks
from dashapp import ids
from dashapp.figures.bars import MOST_BARS, merged
from dashapp.figures.home import volume_figure
from dashapp.parameters.pair import check
from dashapp.services.analysis.summary import summarize_span
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.text.backtest import ratio_text
from dashapp.text.numbers import price
from dashapp.ui.pages import home
from dashapp.ui.pages.data import page as data
from dashapp.ui.polling import Tab
from tests.dashapp.figures.written import values_of

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
#: Seconds between the trades of each symbol, and the second of its first.
TRADES = {"BTCUSDT": (1, 0), "ETHUSDT": (3, 0), "SOLUSDT": (1, 40)}
START_MS = 1_723_161_240_000
LIMIT = 50


def ticks(symbol: str, first: int, until: int) -> Ticks:
    """The trades of a symbol in these seconds, on a walk of its own."""
    every, start = TRADES[symbol]
    seconds = np.array([s for s in range(first, until) if s >= start and s % every == 0], np.int64)
    steps = np.random.default_rng(list(symbol.encode())).normal(0, 2e-3, 2_000)
    prices = 100.0 * np.exp(np.cumsum(steps))[seconds]
    count = len(seconds)
    return Ticks(symbol, START_MS + 1_000 * seconds, prices, np.ones(count), np.full(count, -1))


@pytest.fixture
def runtime() -> Runtime:
    runtime = Runtime(Settings(source="none", archive=None))
    runtime.kernels.ready = True
    return runtime


def feed(runtime: Runtime, first: int, until: int) -> None:
    for symbol in SYMBOLS:
        batch = ticks(symbol, first, until)
        if len(batch):
            runtime.markets["demo"].append(batch)


def a_tab(mode: str = "lines") -> Tab:
    raw = {"y": "BTCUSDT", "x": "ETHUSDT", "limit": str(LIMIT), "z_window": "20"}
    view, errors = check("demo", list(SYMBOLS), raw, SYMBOLS)
    assert errors == {}
    return Tab(view, "dark", {"mode": mode})


def first_time(trace: dict) -> float:
    return trace["x0"] if "x0" in trace else float(values_of(trace["x"])[0])


def times_of(trace: dict) -> np.ndarray:
    if "x" in trace:
        return values_of(trace["x"])
    return trace["x0"] + trace["dx"] * np.arange(len(values_of(trace["y"])))


async def test_every_chart_begins_at_the_same_bar(runtime):
    feed(runtime, 0, 300)
    for mode in ("lines", "candles"):
        parts = await home.render(runtime, a_tab(mode))
        traces = [trace for chart in home.CHARTS for trace in parts[chart]["data"]]
        starts = {first_time(trace) for trace in traces}
        assert max(starts) - min(starts) < 3_000, "no more than until a symbol's next trade"
        whole_tenths = (LIMIT // 10) * 1_000
        assert min(starts) % whole_tenths == 0


async def test_lines_stand_still_until_the_view_has_moved_on_by_a_tenth(runtime):
    """A line's change at a time past is that of the second before, but once in a tenth."""
    feed(runtime, 0, 200)
    moves, before = 0, {}
    for second in range(200, 260):
        feed(runtime, second, second + 1)
        traces = (await home.render(runtime, a_tab()))[ids.PRICE_CHART]["data"]
        lines = {
            trace["name"]: dict(zip(times_of(trace).tolist(), values_of(trace["y"]), strict=True))
            for trace in traces
        }
        moved = set()
        for name, line in lines.items():
            shared = [at for at in before.get(name, {}) if at in line and at < max(line)]
            moved |= {not math.isclose(before[name][at], line[at], abs_tol=1e-12) for at in shared}
        moves += True in moved
        before = lines
    assert moves <= 60 // (LIMIT // 10)


async def test_the_answer_ranks_what_the_lines_show(runtime):
    feed(runtime, 0, 300)
    parts = await home.render(runtime, a_tab())
    ends = {trace["name"]: values_of(trace["y"])[-1] for trace in parts[ids.PRICE_CHART]["data"]}
    words = json.dumps(parts["answer"])
    assert f"strongest {max(ends, key=ends.get)}" in words
    lowest = min(ends, key=ends.get)
    assert f"{'least up' if ends[lowest] > 0 else 'weakest'} {lowest}" in words
    assert f"{sum(end > 0 for end in ends.values())} of 3 up" in words


async def test_each_card_shows_the_sharpe_ratio_with_its_error(runtime):
    feed(runtime, 0, 300)
    cards = str((await home.render(runtime, a_tab()))["cards"])
    summaries = summarize_span(home.bars_in_view(runtime, a_tab()), LIMIT)
    assert len(summaries) == 3
    for summary in summaries:
        words = ratio_text(summary.sharpe, summary.sharpe_error)
        assert "±" in words
        assert words in cards


def many_bars(count: int) -> Bars:
    prices = 100.0 + np.sin(np.arange(count) / 50)
    times, ones = START_MS + 1_000 * np.arange(count), np.ones(count)
    return Bars("BTCUSDT", "1s", times, prices, prices + 1, prices - 1, prices, ones, ones, prices)


@pytest.mark.parametrize("count", [MOST_BARS, MOST_BARS + 1, 5_000, 20_000])
def test_more_bars_than_pixels_are_drawn_as_fewer_over_the_same_span(count):
    bars, drawn = many_bars(count), merged(many_bars(count))
    assert len(drawn) <= MOST_BARS + 1
    assert drawn.volume.sum() == count
    assert (drawn.high.max(), drawn.low.min()) == (bars.high.max(), bars.low.min())
    assert (drawn.open[0], drawn.close[-1]) == (bars.open[0], bars.close[-1])
    step_ms = int(np.diff(drawn.ts_ms).max())
    assert drawn.ts_ms[0] == bars.ts_ms[0] // step_ms * step_ms
    trace = volume_figure(bars)["data"][0]
    assert len(values_of(trace["y"])) == len(drawn)


def test_bars_drawn_as_one_stay_the_same_while_more_come():
    before, after = merged(many_bars(4_000)), merged(many_bars(4_100))
    np.testing.assert_array_equal(before.volume[:-1], after.volume[: len(before) - 1])


async def test_the_average_spread_leaves_out_the_bars_in_which_a_leg_did_not_trade(runtime):
    """ETH trades in every third second: what is drawn of the others rests on nothing."""
    feed(runtime, 0, 300)
    pair = PairParams("BTCUSDT", "ETHUSDT", limit=200, z_window=20)
    snapshot = await runtime.analysis.snapshot("demo", pair)
    assert 0.5 < snapshot.carried_share < 0.8
    size = float(np.abs(snapshot.spread[~snapshot.carried]).mean())
    shown = json.dumps(home.performance_card(snapshot, {}, ()).to_plotly_json(), default=vars)
    assert json.dumps(price(size))[1:-1] in shown
    assert json.dumps(price(float(np.abs(snapshot.spread).mean())))[1:-1] not in shown


@pytest.mark.parametrize("silent", [False, True])
async def test_the_head_of_data_counts_the_bars_that_its_table_sums_up(runtime, silent):
    """Also of a symbol that has no bar since the common start."""
    feed(runtime, 0, 300)
    if silent:
        old = START_MS - 86_400_000 + 1_000 * np.arange(30)
        ones = np.ones(30)
        runtime.markets["demo"].append(Ticks("OLDUSDT", old, ones, ones, np.full(30, -1)))
    parts = await data.render(runtime, a_tab())
    counted = sum(row["bars"] for row in parts["summary"])
    told = json.dumps(parts["answer"], default=vars)
    assert f"{counted:,} bars from a common start" in told
    assert f"{len(parts['summary'])} symbols" in told
