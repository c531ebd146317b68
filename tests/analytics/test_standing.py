"""Half-life and break-even of a watched pair are those of its snapshot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from analytics.bars import usual_step
from analytics.model import HEDGE_METHODS, SPREAD_MODES, Bars, NotReady, PairParams, PairSnapshot
from analytics.pair import analyze_pair, break_even_z
from analytics.standing import pair_standing

ROWS = 900


def high_of(snapshot: PairSnapshot) -> float:
    """The upper end of its half-life's interval, NaN where it has none."""
    interval = snapshot.half_life_interval
    return math.nan if interval is None or snapshot.half_life is None else interval.high


def bars(symbol: str, close: np.ndarray, places: np.ndarray | None = None) -> Bars:
    places = np.arange(len(close)) if places is None else places
    times, ones, close = places * 1_000, np.ones(len(places)), close[places]
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


@pytest.fixture
def legs() -> tuple[Bars, Bars]:
    """A pair whose second leg is quiet now and then."""
    rng = np.random.default_rng(5)
    walk = 50.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, ROWS)))
    y = 2.0 * walk + rng.normal(0, 0.01, ROWS)
    kept = np.flatnonzero(rng.random(ROWS) < 0.9)
    return bars("A", y), bars("B", walk, kept)


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("method", HEDGE_METHODS)
@pytest.mark.parametrize("mode", SPREAD_MODES)
def test_it_is_what_the_snapshot_says_at_its_newest_bar(legs, mode, method, space):
    beta = 2.0 if mode == "locked" else None
    params = PairParams(
        "A", "B", hedge=method, spread_mode=mode, price_space=space, beta=beta, limit=300
    )
    snapshot, standing = analyze_pair(*legs, params), pair_standing(*legs, params, 2.0)
    assert standing.half_life == pytest.approx(snapshot.half_life, rel=1e-9)
    high = high_of(snapshot)
    assert standing.half_life_high == pytest.approx(high, rel=1e-9, nan_ok=True)
    assert standing.break_even == pytest.approx(break_even_z(snapshot, 2.0), rel=1e-9)
    assert standing.beta == pytest.approx(float(snapshot.known.beta[-1]), rel=1e-9)
    assert standing.carried_share == snapshot.carried_share


def test_a_spread_that_does_not_revert_has_no_interval(legs):
    trend = bars("A", 2.0 * np.arange(1.0, ROWS + 1.0) ** 1.5)
    params = PairParams("A", "B", spread_mode="locked", beta=1e-9, alpha=0.0, limit=300)
    standing = pair_standing(trend, legs[1], params, 2.0)
    assert standing.half_life is None
    assert math.isnan(standing.half_life_high)


@pytest.mark.parametrize("absent", [1, 7, 40])
@pytest.mark.parametrize("method", HEDGE_METHODS)
@pytest.mark.parametrize("mode", SPREAD_MODES)
def test_it_is_what_the_snapshot_says_where_the_newest_rows_are_carried(legs, mode, method, absent):
    """The view of the newest row of both legs reaches further back than that of all rows."""
    y, x = legs
    there = np.searchsorted(x.ts_ms, y.ts_ms[-1] - 1_000 * absent, side="right")
    fields = ("ts_ms", "open", "high", "low", "close", "volume", "trades", "vwap")
    quiet = replace(x, **{name: getattr(x, name)[:there] for name in fields})
    beta = 2.0 if mode == "locked" else None
    params = PairParams("A", "B", hedge=method, spread_mode=mode, beta=beta, limit=400)
    snapshot, standing = analyze_pair(y, quiet, params), pair_standing(y, quiet, params, 2.0)
    assert snapshot.carried_share > absent / 400
    assert standing.beta == pytest.approx(float(snapshot.known.beta[-1]), rel=1e-9)
    assert standing.break_even == pytest.approx(break_even_z(snapshot, 2.0), rel=1e-9)
    assert standing.half_life == pytest.approx(snapshot.half_life, rel=1e-9)
    high = high_of(snapshot)
    assert standing.half_life_high == pytest.approx(high, rel=1e-9, nan_ok=True)


def sparse_legs(rng: np.random.Generator, n: int) -> list[Bars]:
    """Legs that trade in 75 % of bars, with few trades in some, one silent at the end."""
    x = 100.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    legs, silent = [], rng.integers(1, 40)
    for symbol, close in (("A", 1.3 * x + np.cumsum(rng.normal(0, 0.02, n))), ("B", x)):
        there = rng.random(n) < 0.75
        there[0], there[n - silent :] = True, symbol == "A"
        leg = bars(symbol, close, np.flatnonzero(there))
        legs.append(replace(leg, trades=rng.integers(1, 6, len(leg))))
    return legs


@pytest.mark.parametrize("mode", ["rolling", "kalman"])
def test_where_few_spreads_are_known_both_rest_on_the_same(mode):
    """Rows whose view is too short have no spread, some of them amid those that have."""
    rows, seen = 0, set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        legs = sparse_legs(rng, int(rng.integers(300, 600)))
        options = {"hedge_window": 100, "z_window": 20, "min_trades": int(rng.choice([0, 2]))}
        params = PairParams(
            "A", "B", spread_mode=mode, limit=int(rng.choice([130, 300])), **options
        )
        snapshot, standing = analyze_pair(*legs, params), pair_standing(*legs, params, 2.0)
        if isinstance(standing, NotReady):
            assert str(snapshot) == str(standing)
            continue
        rows += 1
        seen.add(bool(np.isnan(standing.break_even)))
        expected = break_even_z(snapshot, 2.0), float(snapshot.known.beta[-1])
        found = standing.break_even, standing.beta
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert standing.half_life == pytest.approx(snapshot.half_life, rel=1e-9)
    high = high_of(snapshot)
    assert standing.half_life_high == pytest.approx(high, rel=1e-9, nan_ok=True)
    assert rows > 10
    assert len(seen) == 2, "no case has too few spreads, or each"


def test_too_few_rows_are_not_ready_in_the_words_of_the_snapshot(legs):
    params = PairParams("A", "B")
    short = [leg[:40] for leg in legs]
    standing = pair_standing(*short, params, 2.0)
    assert isinstance(standing, NotReady)
    assert str(standing) == str(analyze_pair(*short, params))


def test_a_spread_that_runs_away_has_no_half_life():
    steps = np.arange(float(ROWS))
    x = bars("B", 50.0 + np.sin(steps))
    y = bars("A", 100.0 + np.exp(steps / 200.0))
    standing = pair_standing(y, x, PairParams("A", "B"), 2.0)
    assert standing.half_life is None


def test_negative_costs_are_refused(legs):
    with pytest.raises(ValueError, match="cost_bps is -1"):
        pair_standing(*legs, replace(PairParams("A", "B"), limit=300), -1.0)


def test_its_step_is_the_mean_distance_of_the_bars_that_the_filter_keeps(legs):
    """Of which half are left out here, in bursts."""
    y, x = legs
    busy = np.where(y.ts_ms // 10_000 % 2 == 0, 9, 1)
    params = PairParams("A", "B", min_trades=5, limit=300)
    snapshot = analyze_pair(
        replace(y, trades=busy), replace(x, trades=busy[x.ts_ms // 1_000]), params
    )
    standing = pair_standing(
        replace(y, trades=busy), replace(x, trades=busy[x.ts_ms // 1_000]), params, 2.0
    )
    kept = snapshot.traded_ms
    assert standing.step_ms == pytest.approx((kept[-1] - kept[0]) / (len(kept) - 1))
    assert standing.step_ms > 2_000
    assert usual_step(kept, "1s") == standing.step_ms
