"""A symbol's figures since its market began."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.model import Bars
from storage.market.stats import stats_of_bars


def flat_bars(count: int) -> Bars:
    rng = np.random.default_rng(2)
    price, volume = 60_000 + rng.normal(0, 5, count).cumsum(), rng.uniform(0, 9, count)
    times = np.arange(count) * 60_000
    return Bars("A", "1m", times, *[price] * 4, volume, np.full(count, 3), price)


@pytest.mark.parametrize("count", [1, 500, 20_000])
def test_vwap_over_bars_is_exact_at_any_length(count):
    bars = flat_bars(count)
    expected = math.fsum(bars.vwap * bars.volume) / math.fsum(bars.volume)
    assert stats_of_bars(bars).vwap == pytest.approx(expected, rel=1e-13)


def test_a_market_s_figures_wake_no_threads_of_blas(monkeypatch):
    """They are made on the loop, at each bar of a replay; BLAS would wait there for a core."""
    used = []

    class Watched(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            used.append(ufunc)
            plain = [np.asarray(one) if isinstance(one, Watched) else one for one in inputs]
            return getattr(ufunc, method)(*plain, **options)

    bars = flat_bars(500)
    object.__setattr__(bars, "vwap", bars.vwap.view(Watched))
    object.__setattr__(bars, "volume", bars.volume.view(Watched))
    stats_of_bars(bars)
    assert used
    assert np.matmul not in used
