"""A market's symbols in figures, compared over one span."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.model import Bars
from dashapp.services.analysis.summary import (
    common_start_ms,
    one_span,
    row,
    summarize_bars,
    summarize_market,
    summarize_span,
)

START_MS = 1_723_161_240_000


def bars(symbol: str, seconds, seed: int = 1) -> Bars:
    """Bars at these seconds of one walk, which the symbol's name and seed decide."""
    at = np.asarray(list(seconds))
    steps = np.random.default_rng([seed, *symbol.encode()]).normal(0, 1e-3, 5_000)
    close = 100.0 * np.exp(np.cumsum(steps))[at]
    ones = np.ones(len(at))
    opens = close * (1 + 1e-5)
    return Bars(symbol, "1s", START_MS + 1_000 * at, opens, close, close, close, ones, ones, close)


def test_a_symbols_row_is_computed_from_its_bars(runtime):
    bars = runtime.markets.get("demo").bars("BTCUSDT", "1s")
    summary = summarize_bars(bars)
    assert summary.last == bars.close[-1]
    assert summary.change == pytest.approx(bars.close[-1] / bars.open[0] - 1)
    assert summary.std == pytest.approx(np.std(bars.close, ddof=1), rel=1e-9)
    assert summary.vwap == pytest.approx(np.average(bars.vwap, weights=bars.volume), rel=1e-12)
    assert summary.trades == bars.trades.sum()


@pytest.mark.parametrize("every", [1, 2, 7])
def test_missing_bars_do_not_raise_the_annual_figures(every):
    """Of one walk, with bars in every second, half of them or a seventh: returns go from one bar
    to the next, so that each spans as many seconds.
    """
    at = np.arange(0, 40_000, every)
    walk = np.cumsum(np.random.default_rng(2).normal(2e-6, 1e-4, 40_000))
    close, ones = 100.0 * np.exp(walk[at]), np.ones(len(at))
    summary = summarize_bars(
        Bars("A", "1s", START_MS + 1_000 * at, close, close, close, close, ones, ones, close)
    )
    year = 365 * 86_400
    assert summary.volatility == pytest.approx(1e-4 * math.sqrt(year), rel=0.02)
    mean = float(np.mean(np.diff(close) / close[:-1])) / every * year
    assert summary.sharpe == pytest.approx(mean / summary.volatility, rel=1e-3)
    # A year's ratio over T years has a standard error of about 1 / sqrt(T), however many bars.
    assert summary.sharpe_error == pytest.approx(math.sqrt(year / 40_000), rel=0.02)


def test_the_first_symbol_is_what_the_others_are_correlated_to(runtime):
    market = runtime.markets.get("demo")
    whole = {symbol: market.bars(symbol, "1s") for symbol in market.symbols}
    first, second = summarize_market(whole, 1_000)
    assert first.correlation == pytest.approx(1.0)
    y, x = (np.diff(leg.close) / leg.close[:-1] for leg in whole.values())
    assert second.correlation == pytest.approx(np.corrcoef(y, x)[0, 1], abs=1e-9)


def test_one_bar_gives_no_statistics_of_returns(runtime):
    summary = summarize_bars(runtime.markets.get("demo").bars("BTCUSDT", "1s", 1))
    assert math.isnan(summary.volatility)
    assert math.isnan(summary.sharpe)
    assert math.isnan(summary.sharpe_error)
    assert row(summary)["correlation"] is None
    assert row(summary)["adf"] == "not enough data"


def test_a_symbol_that_does_not_vary_is_not_called_short_of_data():
    ones = np.full(200, 5.0)
    still = Bars("A", "1s", 1_000 * np.arange(200), *[ones] * 6, ones)
    (summary,) = summarize_market({"A": still}, 1_000)
    assert row(summary)["adf"] == "does not vary"


def test_an_empty_market_has_no_rows():
    assert summarize_market({}, 1_000) == []
    assert common_start_ms({}, 1_000) is None


def test_symbols_are_compared_from_the_first_bar_of_the_youngest():
    whole = {"A": bars("A", range(500)), "B": bars("B", range(130, 500))}
    span = one_span(whole, 1_000)
    assert {int(part.ts_ms[0]) for part in span.values()} == {START_MS + 130_000}
    for summary in summarize_market(whole, 1_000):
        base = whole[summary.symbol].open[whole[summary.symbol].ts_ms >= START_MS + 130_000][0]
        assert (summary.bars, summary.first) == (370, base)


def test_a_symbol_alone_keeps_all_of_its_bars():
    assert len(one_span({"A": bars("A", range(3, 103))}, 100)["A"]) == 100


def rolled(until: int, limit: int) -> dict[str, Bars]:
    """The newest bars of four symbols at a second: a busy one, one that trades in every third
    second, one in every seventh, and one that began at second 200.
    """
    times = {
        "BUSY": range(until),
        "THIRD": range(0, until, 3),
        "SEVENTH": range(0, until, 7),
        "YOUNG": range(200, until),
    }
    return {name: bars(name, seconds).tail(limit) for name, seconds in times.items()}


def test_the_start_stays_until_the_view_has_moved_on_by_a_tenth():
    limit, starts = 300, []
    for until in range(600, 1_200):
        whole = rolled(until, limit)
        own = {name: int(part.ts_ms[0]) for name, part in whole.items()}
        assert len(set(own.values())) > 1, "each has its own first bar"
        start_ms = common_start_ms(whole, limit)
        assert 0 <= start_ms - max(own.values()) < limit // 10 * 1_000
        starts.append(start_ms)
    moves = np.flatnonzero(np.diff(starts))
    assert set(np.diff(moves)) == {limit // 10}
    assert set(np.diff(starts)[moves]) == {limit // 10 * 1_000}


def test_no_symbols_base_moves_between_two_starts():
    limit, bases = 300, {}
    for until in range(700, 900):
        whole = rolled(until, limit)
        start_ms = common_start_ms(whole, limit)
        for summary in summarize_span(whole, limit):
            bases.setdefault((start_ms, summary.symbol), set()).add(summary.first)
    assert len({start_ms for start_ms, _ in bases}) <= 8
    assert all(len(firsts) == 1 for firsts in bases.values())


def test_a_symbol_without_a_bar_in_the_span_keeps_its_last_price():
    whole = {"A": bars("A", range(500)).tail(100), "QUIET": bars("QUIET", range(50))}
    quiet = summarize_market(whole, 100)[1]
    assert (quiet.symbol, quiet.bars, quiet.volume) == ("QUIET", 0, 0.0)
    assert quiet.last == whole["QUIET"].close[-1]
    assert math.isnan(quiet.change)
    assert row(quiet)["change"] is None
