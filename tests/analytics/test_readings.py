"""Readings of closed bars: what was known at each, whatever came in one go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import HEDGE_METHODS, Bars, NotReady, PairParams
from analytics.pair import analyze_pair
from analytics.readings import PAIR_METRICS, pair_readings

PARAMS = PairParams("Y", "X", z_window=20, corr_window=12, adf_window=40, limit=60)


def legs(rows: int = 130, seed: int = 3) -> tuple[Bars, Bars]:
    """Two legs that do not trade in every second."""
    rng = np.random.default_rng(seed)
    x = 100 * np.exp(np.cumsum(rng.normal(0, 2e-3, rows)))
    y = 1.5 * x + 10 + rng.normal(0, 0.2, rows)
    made = []
    for name, close in (("Y", y), ("X", x)):
        at = np.flatnonzero(rng.random(rows) < 0.9)
        flat = [close[at]] * 4
        trades = rng.integers(1, 9, len(at))
        made.append(Bars(name, "1s", at * 1_000, *flat, np.ones(len(at)), trades, close[at]))
    return made[0], made[1]


def until(bars: Bars, ts_ms: int) -> Bars:
    count = int(np.searchsorted(bars.ts_ms, ts_ms, side="right"))
    columns = {name: getattr(bars, name)[:count] for name in Bars._dtypes}
    return Bars(bars.symbol, bars.timeframe, **columns)


def by_snapshot(y: Bars, x: Bars, params: PairParams, metric: str, ts_ms: int) -> float:
    """What the snapshot of the bars up to a time says of its newest row."""
    made = analyze_pair(until(y, ts_ms), until(x, ts_ms), params)
    if isinstance(made, NotReady):
        return np.nan
    lines = {"z": made.z, "spread": made.spread, "correlation": made.corr}
    line = lines.get(metric, made.adf_pvalue)
    return float(line[-1]) if len(line) else np.nan


@pytest.mark.parametrize("metric", PAIR_METRICS)
@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        replace(PARAMS, price_space="log", corr_on="prices", hedge_window=40, hedge="tls"),
        replace(PARAMS, min_trades=3, limit=50),
        *[replace(PARAMS, hedge=method) for method in HEDGE_METHODS],
    ],
)
def test_each_reading_is_that_of_the_snapshot_that_ends_at_its_bar(params, metric):
    y, x = legs()
    times, values = pair_readings(y, x, params, metric, -1, 130_000)
    expected = [by_snapshot(y, x, params, metric, int(one)) for one in times]
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12)
    assert np.isfinite(values).any()


def test_readings_do_not_depend_on_how_many_bars_are_read_at_once():
    y, x = legs()
    times, values = pair_readings(y, x, PARAMS, "z", -1, 130_000)
    apart = [pair_readings(y, x, PARAMS, "z", t - 1, t)[1][0] for t in times.tolist()]
    np.testing.assert_array_equal(values, apart)


def test_only_bars_after_one_time_and_up_to_another_are_read():
    y, x = legs()
    times, _ = pair_readings(y, x, PARAMS, "z", 50_000, 60_000)
    assert times[0] > 50_000
    assert times[-1] <= 60_000
    assert len(pair_readings(y, x, PARAMS, "z", 60_000, 50_000)[0]) == 0


def test_an_unknown_metric_is_told_what_is_legal():
    with pytest.raises(ValueError, match="metric is 'price', expected one of z, spread"):
        pair_readings(*legs(), PARAMS, "price", -1, 1)
