"""The feed log, and gaps on the charts."""

from __future__ import annotations

import re

import numpy as np
from dash import Dash

from analytics.model import Gap
from dashapp import ids
from dashapp.figures.base import empty_figure
from dashapp.figures.home import price_figure
from dashapp.figures.marks import GAP_ALPHA, MOST_GAPS, gap_marks
from dashapp.parameters.pair import View
from dashapp.theme import rgba, tokens
from dashapp.ui.frame import feed_log
from dashapp.ui.pages.home import PAGE
from dashapp.ui.polling import Tab
from tests.dashapp.figures.written import text_of
from tests.dashapp.ui.test_polling import answer_of


def test_events_are_told_newest_first_with_their_time():
    table = feed_log.lines([(1_723_161_256.0, "started"), (1_723_161_257.9, "data flows")])
    cells = [[cell.children for cell in row.children] for row in table.children.children]
    assert cells == [
        ["2024-08-08 23:54:17", "data flows"],
        ["2024-08-08 23:54:16", "started"],
    ]
    assert feed_log.lines([]) == feed_log.NOTHING


async def test_the_log_is_filled_while_it_is_open(runtime):
    app = Dash("log", add_log_handler=False)
    feed_log.register(app, runtime)
    assert any(ids.FEED_LOG_LINES in key for key in app.callback_map)


def gap_shapes(figure):
    colour = rgba(tokens("dark")["warn"], GAP_ALPHA)
    return [shape for shape in figure["layout"]["shapes"] if shape.get("fillcolor") == colour]


def stretches(shape):
    """From and to of each box of a path."""
    return [
        (float(first), float(last))
        for first, last in re.findall(r"M(\d+),0V1H(\d+)V0Z", shape["path"])
    ]


def test_the_bars_that_a_gap_touches_are_shaded(runtime):
    bars = runtime.markets["demo"].bars("BTCUSDT", "1s")
    figure, start = price_figure({"BTCUSDT": bars}), float(bars.ts_ms[100])
    spans = np.array([[start + 300, start + 2_100], [0.0, 5.0]])
    (shape,) = gap_shapes(gap_marks(figure, spans, 1_000, "dark"))
    assert stretches(shape) == [(start - 500, start + 2_500)]
    text_of(gap_marks(figure, spans, 1_000, "dark"))
    assert gap_shapes(figure) == [], "the figure given is left as it was"


def test_gaps_are_shaded_over_time_only_and_within_the_view(runtime):
    spans = np.array([[0.0, 5e15]])
    blank = empty_figure("nothing", "dark")
    assert gap_marks(blank, spans, 1_000, "dark") is blank
    bars = runtime.markets["demo"].bars("BTCUSDT", "1s")
    (shape,) = gap_shapes(gap_marks(price_figure({"BTCUSDT": bars}), spans, 1_000, "dark"))
    assert stretches(shape) == [(bars.ts_ms[0], bars.ts_ms[-1])]
    many = bars.ts_ms[:200, None] + np.array([[0.0, 1.0]])
    (shape,) = gap_shapes(gap_marks(price_figure({"B": bars}), many, 1_000, "dark"))
    assert len(stretches(shape)) == MOST_GAPS


async def test_a_page_shows_the_gap_until_it_is_filled(runtime):
    market = runtime.markets["demo"]
    newest = market.ticks("BTCUSDT", 10)
    gap = int(newest.trade_id[-1]) + 1
    at = int(newest.ts_ms[-1])
    tab = Tab(View("demo", ("BTCUSDT",), "1s", 2.0, None), "dark", {"mode": "lines"})

    async def shown() -> int:
        answer = await answer_of(runtime, PAGE, tab, None)
        return len(gap_shapes(answer["charts"][ids.PRICE_CHART]))

    assert await shown() == 0
    market.note_gap(Gap("BTCUSDT", gap, gap + 5, at - 2_000, at))
    assert await shown() == 1
