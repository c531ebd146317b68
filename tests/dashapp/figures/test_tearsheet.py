"""The tear sheet: its breakdowns add up, its figures are the back-test's, its text is text."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.model import TIMEFRAMES, Bars, PairParams
from dashapp.figures.tearsheet import breakdown, svg
from dashapp.figures.tearsheet.document import TearSheet, tear_sheet
from dashapp.text.backtest import figure_rows
from dashapp.text.numbers import number
from dashapp.web.answers import encode

START_MS = 1_722_400_000_000  # 31 July 2024, so that the bars reach into August


def result_of(n: int = 3_000, timeframe: str = "1m", names=("AAA", "BBB"), **rules):
    rng = np.random.default_rng(5)
    x = 100 * np.exp(np.cumsum(rng.normal(0, 5e-4, n)))
    gap = np.zeros(n)
    for place in range(1, n):
        gap[place] = 0.97 * gap[place - 1] + rng.normal(0, 0.05)
    t, one = START_MS + np.arange(n) * TIMEFRAMES[timeframe], np.ones(n)

    def bars(name, close):
        opens = np.r_[close[:1], close[:-1]]
        high, low = np.maximum(opens, close), np.minimum(opens, close)
        return Bars(name, timeframe, t, opens, high, low, close, one, one.astype(int), close)

    params = PairParams(names[0], names[1], timeframe, limit=n, z_window=60)
    settings = BacktestParams(**{"entry_z": 1.5, "cost_bps": 0.5, **rules})
    result = run_backtest(bars(names[0], 1.5 * x + gap), bars(names[1], x), params, settings)
    assert isinstance(result, BacktestResult)
    return result


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    return result_of()


def sheet_of(result: BacktestResult, **market: str) -> str:
    about = {"id": "demo", "title": "Demo", "kind": "demo", **market}
    document = json.loads(encode({"figures": result.figures, "market": about["id"]}))
    return tear_sheet(TearSheet(result, document, about, "ab" * 32, {"numpy": "2"}, "2026-01-01"))


def test_profit_and_loss_by_month_and_by_hour_add_up_to_the_net_return(result):
    months, by_month = breakdown.by_month(result.ts_ms, result.equity)
    by_hour = breakdown.by_hour(result.ts_ms, result.equity)
    net = result.figures.net_return
    assert months == ["2024-07", "2024-08"]
    assert by_month.sum() == pytest.approx(net, abs=1e-12)
    assert by_hour.sum() == pytest.approx(net, abs=1e-12)
    in_july = result.ts_ms < 1_722_470_400_000
    assert by_month[0] == pytest.approx(result.equity[in_july][-1] - 1.0, abs=1e-12)


def test_the_deepest_drawdown_is_that_of_the_figures(result):
    spells = breakdown.drawdowns(result.ts_ms, result.equity)
    assert spells[0].depth == pytest.approx(result.figures.max_drawdown, abs=1e-12)
    assert [spell.depth for spell in spells] == sorted(spell.depth for spell in spells)
    for spell in spells:
        assert spell.start_ms <= spell.lowest_ms
        assert spell.end_ms is None or spell.lowest_ms < spell.end_ms
    assert breakdown.drawdowns(result.ts_ms, np.ones(len(result.ts_ms))) == []


def test_a_trade_never_ends_beyond_its_excursions(result):
    adverse, favourable = breakdown.excursions(result)
    gross = np.array([trade.gross for trade in result.trades])
    assert len(gross) > 10
    assert (adverse <= np.minimum(gross, 0.0)).all()
    assert (favourable >= np.maximum(gross, 0.0)).all()
    assert (adverse < gross).any()
    longest = max(range(len(gross)), key=lambda place: result.trades[place].bars)
    trade = result.trades[longest]
    held = (result.ts_ms >= trade.entry_ts_ms) & (result.ts_ms < trade.exit_ts_ms)
    before = result.gross_equity[np.flatnonzero(held)[0] - 1]
    assert adverse[longest] <= (result.gross_equity[held] / before - 1.0).min() + 1e-12


@pytest.mark.parametrize(
    "values", [[], [1.0], [2.0, 2.0], [0.0] * 5, [1.0, 1e9], list(range(500)), [-3.0, 0.0, 5.0]]
)
def test_a_histogram_counts_every_value_in_a_few_bins(values):
    edges, counts = breakdown.histogram(np.array(values))
    assert counts.sum() == len(values)
    assert 1 <= len(counts) <= 24
    assert (np.diff(edges) > 0).all()


def test_every_figure_of_the_page_stands_on_the_sheet(result):
    sheet = sheet_of(result)
    for label, value, _, _ in figure_rows(result):
        assert label.replace(">", "&gt;") in sheet
        assert value in sheet
    data = json.loads(re.search(r'id="tearsheet-data">(.*?)</script>', sheet)[1])
    assert data["figures"] == json.loads(encode(result.figures))
    assert data["sha256"] == "ab" * 32
    assert "SIMULATED" in sheet
    assert "ab" * 32 in sheet


def test_an_open_trade_is_no_part_of_how_the_trades_are_spread(result):
    closed = [trade for trade in result.trades if trade.exit_reason != "open"]
    still = replace(closed[-1], exit_reason="open", net=-9.0, bars=9_999)
    sheet = sheet_of(replace(result, trades=(*closed, still)))
    net = np.median([trade.net for trade in closed]) * 1e4
    words = f"median {number(float(net), 1, signed=True)} bps, one open left out"
    assert words in sheet
    assert sheet.count("one open left out</") == 3, "of figures, distribution and duration"
    assert "left out" not in "".join(
        line
        for line in sheet_of(replace(result, trades=tuple(closed))).splitlines()
        if "median" in line
    )
    assert "no closed trade" in sheet_of(replace(result, trades=(still,)))


def test_a_sheet_names_no_address(result):
    sheet = sheet_of(result)
    assert "http" not in sheet.replace("http-equiv", "")
    assert "default-src 'none'" in sheet
    assert re.findall(r"<(?:img|link|iframe|object)[^>]*>", sheet) == [
        '<link rel="icon" href="data:,">'
    ]
    assert re.findall(r"<script[^>]*>", sheet) == [
        '<script type="application/json" id="tearsheet-data">'
    ]


def test_text_from_outside_is_text_on_the_sheet(result):
    hostile = "</script><script>alert(1)</script><img src=x>"
    sheet = sheet_of(result, title=hostile, id=hostile, kind="upload")
    assert "<script>alert" not in sheet
    assert "<img" not in sheet
    assert sheet.count("</script>") == 1
    assert "SIMULATED" not in sheet


def test_a_back_test_without_trades_has_a_sheet_that_says_so():
    result = (
        result_of(entry_z=50.0, stop_z=None) if False else result_of(400, entry_z=6.5, stop_z=7)
    )
    assert not result.trades
    sheet = sheet_of(result)
    assert "no trades" in sheet
    assert "nan" not in re.sub(r"<script.*?</script>", "", sheet, flags=re.DOTALL).lower()


def test_bars_of_a_day_have_no_hours():
    sheet = sheet_of(result_of(800, "1d"))
    assert "P&amp;L by month" in sheet
    assert "by hour" not in sheet


def test_a_long_back_test_makes_a_small_file():
    assert len(sheet_of(result_of(20_000))) < 600_000


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (0, 60_000, "00:00:15"),
        (0, 3_600_000, "00:15"),
        (0, 20 * 86_400_000, "8 Jan"),
        (0, 900 * 86_400_000, "Jul 1970"),
    ],
)
def test_times_are_written_by_their_distance(first, last, words):
    marks = svg.time_ticks(first, last)
    assert words in [text for _, text in marks]
    assert 2 <= len(marks) <= 8
