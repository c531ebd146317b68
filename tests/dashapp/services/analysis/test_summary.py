"""A market's symbols in figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dashapp.services.analysis.summary import row, summarize_bars, summarize_market


def test_a_symbols_row_is_computed_from_its_bars(runtime):
    bars = runtime.markets.get("demo").bars("BTCUSDT", "1s")
    one = summarize_bars(bars)
    assert one.last == bars.close[-1]
    assert one.change == pytest.approx(bars.close[-1] / bars.open[0] - 1)
    assert one.std == pytest.approx(np.std(bars.close, ddof=1), rel=1e-9)
    assert one.vwap == pytest.approx(np.average(bars.vwap, weights=bars.volume), rel=1e-12)
    assert one.trades == bars.trades.sum()


def test_the_first_symbol_is_what_the_others_are_correlated_to(runtime):
    market = runtime.markets.get("demo")
    held = {one: market.bars(one, "1s") for one in market.symbols}
    first, second = summarize_market(held)
    assert first.correlation == pytest.approx(1.0)
    y, x = (np.diff(one.close) / one.close[:-1] for one in held.values())
    assert second.correlation == pytest.approx(np.corrcoef(y, x)[0, 1], abs=1e-9)


def test_one_bar_gives_no_statistics_of_returns(runtime):
    one = summarize_bars(runtime.markets.get("demo").bars("BTCUSDT", "1s", 1))
    assert math.isnan(one.volatility)
    assert math.isnan(one.sharpe)
    assert row(one)["correlation"] is None
    assert one.verdict == "not enough data"


def test_an_empty_market_has_no_rows():
    assert summarize_market({}) == []
