"""Alignment by hand and by a naive twin; a snapshot figure by figure; nothing looks ahead."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import pair
from analytics.backtest import BacktestParams
from analytics.cointegration import engle_granger
from analytics.hedge import fit_hedge, hedge_path
from analytics.model import (
    BAR_COLUMNS,
    HEDGE_METHODS,
    UNKNOWN_TRADES,
    Bars,
    HedgeFit,
    HedgePath,
    NotReady,
    PairParams,
    PairSnapshot,
    Reading,
)
from analytics.pair import align, analyze_pair, break_even_z
from analytics.readings import pair_readings
from analytics.stationarity import adf, fit_ou, half_life, hurst


def bars(symbol: str, seconds, closes, trades=None, timeframe: str = "1s") -> Bars:
    close = np.array(closes, dtype=float)
    counts = np.ones(len(close)) if trades is None else np.array(trades)
    times = np.array(seconds, dtype=np.int64) * 1_000
    return Bars(symbol, timeframe, times, close, close, close, close, close, counts, close)


def seconds(aligned) -> list[int]:
    return (aligned.ts_ms // 1_000).tolist()


def test_rows_are_the_times_of_either_leg_from_the_later_first_bar_on() -> None:
    rows = align(bars("Y", [0, 1, 2, 5], [10, 11, 12, 15]), bars("X", [2, 3, 6], [2, 3, 6]))
    assert seconds(rows) == [2, 3, 5, 6]
    assert rows.y.tolist() == [12, 12, 15, 15]
    assert rows.x.tolist() == [2, 3, 3, 6]
    assert rows.carried.tolist() == [False, True, True, True]
    assert rows.dropped == 0


def test_a_leg_that_starts_between_bars_carries_the_others_last_close() -> None:
    rows = align(bars("Y", [0, 10], [1, 2]), bars("X", [5, 10], [7, 8]))
    assert seconds(rows) == [5, 10]
    assert rows.y.tolist() == [1, 2]
    assert rows.carried.tolist() == [True, False]


@pytest.mark.parametrize(("y", "x"), [([], [1, 2]), ([1, 2], []), ([], [])])
def test_a_leg_without_bars_gives_no_rows(y, x) -> None:
    assert len(align(bars("Y", y, y), bars("X", x, x))) == 0


def test_the_limit_keeps_the_newest_rows_with_their_carried_closes() -> None:
    y, x = bars("Y", range(10), range(10)), bars("X", [0, 1], [5, 6])
    rows = align(y, x, limit=3)
    assert seconds(rows) == [7, 8, 9]
    assert rows.x.tolist() == [6, 6, 6]
    assert rows.carried.all()


def test_the_activity_filter_drops_quiet_and_carried_rows_and_counts_them() -> None:
    y = bars("Y", [0, 1, 2, 3, 4], [1, 2, 3, 4, 5], trades=[5, 1, 5, 5, 5])
    x = bars("X", [0, 1, 2, 4], [1, 2, 3, 5], trades=[5, 5, 5, 2])
    rows = align(y, x, min_trades=2)
    assert seconds(rows) == [0, 2, 4]  # 1: one trade of Y; 3: X carried, no trade
    assert rows.dropped == 2
    assert align(y, x, min_trades=0).dropped == 0


def test_bars_that_do_not_count_their_trades_pass_the_activity_filter() -> None:
    y = bars("Y", [0, 1, 2], [1, 2, 3], trades=[UNKNOWN_TRADES] * 3)
    x = bars("X", [0, 2], [1, 3], trades=[UNKNOWN_TRADES] * 2)
    rows = align(y, x, min_trades=10)
    assert seconds(rows) == [0, 2]
    assert rows.dropped == 1


def test_the_limit_counts_rows_that_pass_and_the_drops_between_them() -> None:
    trades = [9, 0, 9, 0, 9, 0, 9, 0]
    y = bars("Y", range(8), range(8), trades=trades)
    x = bars("X", range(8), range(8), trades=[9] * 8)
    rows = align(y, x, limit=2, min_trades=1)
    assert seconds(rows) == [4, 6]
    assert rows.dropped == 3  # seconds 3, 5 and 7; those before belong to rows out of view


def test_legs_of_different_timeframes_are_refused() -> None:
    y, x = bars("Y", [0], [1]), bars("X", [0], [1], timeframe="1m")
    with pytest.raises(ValueError, match="x has bars of 1m, expected 1s"):
        align(y, x)
    with pytest.raises(ValueError, match="y has bars of 1s, expected 5m"):
        analyze_pair(y, y, PairParams("Y", "X", timeframe="5m"))
    with pytest.raises(ValueError, match="limit is 0, expected at least 1"):
        align(y, y, limit=0)


def naive_alignment(y: Bars, x: Bars, limit: int | None, min_trades: int):
    """The same rows from dictionaries, one time after the other."""
    legs = []
    for leg in (y, x):
        figures = zip(leg.close, leg.trades, strict=True)
        legs.append(dict(zip(leg.ts_ms.tolist(), figures, strict=True)))
    rows, last = [], [None, None]
    for time in sorted({*legs[0], *legs[1]}):
        active = True
        for i, leg in enumerate(legs):
            trades = 0
            if time in leg:
                last[i], trades = leg[time]
            active = active and (trades >= min_trades or trades == UNKNOWN_TRADES)
        if None not in last:
            carried = any(time not in leg for leg in legs)
            rows.append((time, *last, carried, active or min_trades == 0))
    kept = [row for row in rows if row[-1]]
    if limit is not None:
        before, kept = kept[:-limit], kept[-limit:]
        rows = [row for row in rows if not before or row[0] > before[-1][0]]
    return kept, len(rows) - len(kept)


leg_strategy = st.lists(
    st.tuples(st.integers(0, 25), st.integers(1, 9), st.sampled_from([0, 1, 3, UNKNOWN_TRADES])),
    min_size=1,
    max_size=20,
    unique_by=lambda bar: bar[0],
)


@settings(max_examples=200, deadline=None)
@given(leg_strategy, leg_strategy, st.sampled_from([None, 1, 4]), st.sampled_from([0, 1, 2]))
def test_alignment_equals_its_naive_twin(y_rows, x_rows, limit, min_trades) -> None:
    y, x = (
        bars(name, *(list(column) for column in zip(*sorted(rows), strict=True)))
        for name, rows in (("Y", y_rows), ("X", x_rows))
    )
    rows = align(y, x, limit, min_trades)
    expected, dropped = naive_alignment(y, x, limit, min_trades)
    found = zip(rows.ts_ms.tolist(), rows.y, rows.x, rows.carried.tolist(), strict=True)
    assert list(found) == [row[:4] for row in expected]
    assert rows.dropped == dropped


def until(leg: Bars, ts_ms: int) -> Bars:
    """The bars up to a time."""
    known = leg.ts_ms <= ts_ms
    columns = {name: getattr(leg, name)[known] for name in BAR_COLUMNS}
    return Bars(leg.symbol, leg.timeframe, **columns)


@settings(max_examples=60, deadline=None)
@given(leg_strategy, leg_strategy, st.integers(0, 25))
def test_a_row_never_changes_when_later_bars_arrive(y_rows, x_rows, cut) -> None:
    y, x = (
        bars(name, *(list(column) for column in zip(*sorted(rows), strict=True)))
        for name, rows in (("Y", y_rows), ("X", x_rows))
    )
    whole, part = align(y, x), align(until(y, cut * 1_000), until(x, cut * 1_000))
    n = len(part)
    for name in ("ts_ms", "y", "x", "carried"):
        np.testing.assert_array_equal(getattr(whole, name)[:n], getattr(part, name))
    assert (whole.ts_ms[n:] > cut * 1_000).all()


def made_pair(n: int = 400, seed: int = 0, gap: float = 0.0) -> tuple[Bars, Bars]:
    """A cointegrated pair at crypto prices; `gap` is the share of bars that X lacks."""
    rng = np.random.default_rng(seed)
    x = 3_000.0 + np.cumsum(rng.standard_normal(n))
    spread = np.zeros(n)
    for i in range(1, n):
        spread[i] = 0.9 * spread[i - 1] + 4.0 * rng.standard_normal()
    there = np.flatnonzero((rng.random(n) >= gap) | (np.arange(n) == 0))
    return bars("Y", range(n), 15_000.0 + 15.0 * x + spread), bars("X", there, x[there])


def analyzed(y: Bars, x: Bars, **options) -> PairSnapshot:
    snapshot = analyze_pair(y, x, PairParams("Y", "X", **options))
    assert isinstance(snapshot, PairSnapshot)
    return snapshot


def traded(snapshot: PairSnapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where both legs traded, and their closes there."""
    rows = ~snapshot.carried
    return rows, snapshot.price_y[rows], snapshot.price_x[rows]


def test_every_figure_of_a_snapshot_is_what_its_name_says() -> None:
    y, x = made_pair(gap=0.1)
    snapshot = analyzed(y, x)
    assert len(snapshot) == 400
    rows, price_y, price_x = traded(snapshot)
    fit = fit_hedge(price_y, price_x, "ols")
    assert snapshot.fit.beta == fit.beta
    spread = price_y - fit.beta * price_x - fit.alpha
    np.testing.assert_allclose(snapshot.spread[rows], spread, atol=1e-9)
    rolling = pd.Series(spread).rolling(60)
    np.testing.assert_allclose(snapshot.mean[rows], rolling.mean(), atol=1e-8)
    np.testing.assert_allclose(snapshot.std[rows], rolling.std(), rtol=1e-8)
    score = (spread - rolling.mean()) / rolling.std()
    np.testing.assert_allclose(snapshot.fit_z[rows], score, atol=1e-7)
    assert snapshot.z[-1] == pytest.approx(snapshot.fit_z[-1], rel=1e-8)
    assert snapshot.adf.statistic == adf(spread).statistic
    relation = engle_granger(price_y, price_x)
    assert snapshot.engle_granger.pvalue == relation.pvalue
    assert snapshot.half_life == half_life(spread)
    assert snapshot.hurst == hurst(spread)
    assert snapshot.ou == fit_ou(spread)
    assert snapshot.rows_dropped == 0
    carried = snapshot.rows_carried
    assert snapshot.notes == (
        f"{carried} of 400 rows carry a price forward: no statistic of levels or returns rests "
        "on them.",
        "Lags of the tests by BIC: of fewer than 500 rows AIC rejects too many random walks.",
    )
    assert snapshot.carried_share == pytest.approx(0.1, abs=0.05)


def test_correlation_of_returns_leaves_carried_rows_out() -> None:
    snapshot = analyzed(*made_pair(gap=0.2), corr_window=30)
    real = ~snapshot.carried
    closes = pd.DataFrame({"y": snapshot.price_y[real], "x": snapshot.price_x[real]})
    returns = closes.pct_change().iloc[1:]
    expected = returns["y"].rolling(30).corr(returns["x"])
    assert np.isnan(snapshot.corr[snapshot.carried]).all()
    np.testing.assert_allclose(snapshot.corr[real][1:], expected, atol=1e-9)
    assert snapshot.correlation == pytest.approx(returns["y"].corr(returns["x"]), abs=1e-10)


def test_correlation_of_prices_leaves_carried_rows_out_and_stands_there() -> None:
    snapshot = analyzed(*made_pair(gap=0.2), corr_window=30, corr_on="prices")
    rows, price_y, price_x = traded(snapshot)
    y, x = pd.Series(price_y), pd.Series(price_x)
    np.testing.assert_allclose(snapshot.corr[rows], y.rolling(30).corr(x), atol=1e-9)
    assert snapshot.correlation == pytest.approx(y.corr(x), abs=1e-10)
    held = np.flatnonzero(snapshot.carried[1:]) + 1
    np.testing.assert_array_equal(snapshot.corr[held], snapshot.corr[held - 1])


def test_logarithms_and_the_hedge_window_decide_the_fit() -> None:
    snapshot = analyzed(*made_pair(), price_space="log", hedge_window=150)
    fit = fit_hedge(np.log(snapshot.price_y[-150:]), np.log(snapshot.price_x[-150:]))
    assert (snapshot.fit.n, snapshot.fit.beta) == (150, fit.beta)
    spread = np.log(snapshot.price_y) - fit.beta * np.log(snapshot.price_x) - fit.alpha
    np.testing.assert_allclose(snapshot.spread, spread, atol=1e-12)
    assert snapshot.price_y[0] > 1_000.0  # prices stay prices
    np.testing.assert_array_equal(np.isfinite(snapshot.path.beta), np.arange(400) >= 149)


@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_every_method_stands_in_the_table_and_leads_when_chosen(method: str) -> None:
    snapshot = analyzed(*made_pair(), hedge=method)
    assert tuple(snapshot.fits) == HEDGE_METHODS
    assert snapshot.fits[method] is snapshot.fit
    for name, fit in snapshot.fits.items():
        expected = fit_hedge(snapshot.price_y, snapshot.price_x, name)
        assert (fit.method, fit.beta, fit.alpha) == (name, expected.beta, expected.alpha)


def test_without_intercept_no_fit_and_no_path_has_one() -> None:
    snapshot = analyzed(*made_pair(), intercept=False)
    assert {fit.alpha for fit in snapshot.fits.values()} == {0.0}
    for path in (snapshot.path, snapshot.kalman_path):
        assert np.nanmax(np.abs(path.alpha)) == 0.0


def test_the_kalman_path_is_the_same_whichever_z_window_is_chosen() -> None:
    legs = made_pair(600)
    paths = [analyzed(*legs, z_window=window).kalman_path for window in (20, 60, 300)]
    for path in paths[1:]:
        np.testing.assert_array_equal(path.beta, paths[0].beta)


def test_theil_sen_is_compared_on_the_newest_thousands_of_rows_and_says_so() -> None:
    y, x = made_pair(5_200)
    snapshot = analyzed(y, x, limit=5_200)
    assert tuple(snapshot.fits) == HEDGE_METHODS
    assert snapshot.fits["theil_sen"].n == 5_000
    assert snapshot.fits["ols"].n == 5_200
    assert "Theil-Sen is compared on the newest 5,000 rows." in snapshot.notes
    assert analyzed(y, x, limit=5_200, hedge="theil_sen").fit.n == 5_200


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_each_methods_z_is_that_of_the_pair_analysed_by_it(method: str, space: str) -> None:
    y, x = made_pair(300, gap=0.1)
    table = analyzed(y, x, price_space=space).method_z
    chosen = analyzed(y, x, price_space=space, hedge=method)
    assert table[method] == pytest.approx(float(chosen.fit_z[-1]), rel=1e-9, abs=1e-9)
    assert chosen.method_z == pytest.approx(table, rel=1e-9, abs=1e-9), "whichever is chosen"
    assert chosen.z_range == (min(chosen.method_z.values()), max(chosen.method_z.values()))


@pytest.mark.parametrize("method", HEDGE_METHODS)
def test_the_legs_swapped_are_the_other_pair_with_its_sign_turned(method: str) -> None:
    y, x = made_pair(300)
    snapshot = analyzed(y, x, hedge=method)
    other = analyze_pair(x, y, PairParams("X", "Y", hedge=method))
    assert isinstance(other, PairSnapshot)
    assert snapshot.swapped is not None
    assert snapshot.swapped.beta == pytest.approx(other.fit.beta, rel=1e-12)
    assert snapshot.swapped_z == pytest.approx(-float(other.fit_z[-1]), rel=1e-8)


def test_legs_that_move_against_each_other_keep_the_sense_of_y_when_swapped() -> None:
    rng = np.random.default_rng(4)
    x = 100 + np.cumsum(rng.normal(0, 0.1, 300))
    y = 300 - 2.0 * x + rng.normal(0, 0.05, 300)
    snapshot = analyzed(bars("Y", range(300), y), bars("X", range(300), x))
    assert snapshot.fit.beta < 0
    assert snapshot.swapped.beta < 0
    assert snapshot.swapped_z == pytest.approx(float(snapshot.z[-1]), abs=0.1)


def test_a_spread_that_does_not_vary_has_no_z_by_any_method() -> None:
    x = 100 + np.cumsum(np.random.default_rng(4).normal(0, 0.1, 200))
    legs = bars("Y", range(200), 2.0 * x), bars("X", range(200), x)
    snapshot = analyzed(*legs, spread_mode="locked", beta=2.0)
    assert math.isnan(snapshot.swapped_z)
    assert math.isnan(snapshot.method_z["tls"])


def test_the_ou_fit_is_that_of_the_spread_with_a_bar_as_its_unit() -> None:
    snapshot = analyzed(*made_pair(400))
    assert snapshot.ou == fit_ou(snapshot.spread)
    assert snapshot.half_life == half_life(snapshot.spread)


def test_the_rolling_path_takes_the_back_tests_window_where_the_pair_has_none() -> None:
    snapshot = analyzed(*made_pair(400))
    expected = hedge_path(snapshot.price_y, snapshot.price_x, "ols", 200)
    np.testing.assert_array_equal(snapshot.path.beta, expected.beta)
    assert snapshot.path_rows == BacktestParams().hedge_window == 200


@pytest.mark.parametrize("adf_window", [60, 120, 399, 400])
@pytest.mark.parametrize("n", [400, 1_000])
def test_the_adf_line_ends_at_the_newest_bar_with_few_points(n: int, adf_window: int) -> None:
    snapshot = analyzed(*made_pair(n), adf_window=adf_window)
    assert 1 <= len(snapshot.adf_ts_ms) <= 120
    assert snapshot.adf_ts_ms[-1] == snapshot.ts_ms[-1]
    assert len(set(np.diff(snapshot.adf_ts_ms))) <= 1
    for i in (0, -1):
        end = int(np.searchsorted(snapshot.ts_ms, snapshot.adf_ts_ms[i])) + 1
        window = snapshot.spread[end - adf_window : end]
        assert snapshot.adf_pvalue[i] == pytest.approx(adf(window).pvalue, abs=1e-12)


def test_a_line_longer_than_the_view_is_empty_and_not_made_up() -> None:
    snapshot = analyzed(*made_pair(100), adf_window=120)
    assert len(snapshot.adf_ts_ms) == len(snapshot.adf_pvalue) == 0


def test_too_few_rows_say_how_many_it_takes() -> None:
    y, x = made_pair(12)
    answer = analyze_pair(y, x, PairParams("Y", "X"))
    assert answer == NotReady("needs 60 bars, has 12", have=12, need=60)
    assert analyze_pair(y, x, PairParams("Y", "X", z_window=5)).need == 30
    empty = bars("X", [], [])
    assert analyze_pair(y, empty, PairParams("Y", "X")).have == 0
    quiet = bars("Y", range(100), range(1, 101), trades=[1] * 100)
    answer = analyze_pair(quiet, quiet, PairParams("Y", "X", min_trades=5))
    assert str(answer) == "needs 60 bars, has 0, 100 dropped by the activity filter"


def test_dropped_rows_are_counted_and_said() -> None:
    y, x = made_pair(200, gap=0.3)
    snapshot = analyzed(y, x, min_trades=1)
    assert len(snapshot) == len(x)
    assert snapshot.rows_dropped == 200 - len(x)
    assert f"{200 - len(x)} rows were dropped by the activity filter." in snapshot.notes
    assert not snapshot.carried.any()


def test_what_is_known_at_a_bar_never_changes_later() -> None:
    y, x = made_pair(400, gap=0.1)
    whole = analyzed(y, x)
    for k in (81, 150, 399):
        end = int(whole.ts_ms[k - 1])
        part = analyzed(until(y, end), until(x, end))
        assert len(part) == k
        for name in ("ts_ms", "price_y", "price_x", "carried", "corr", "z"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:k])
        for name in ("path", "kalman_path"):
            early, late = getattr(part, name), getattr(whole, name)
            np.testing.assert_array_equal(early.beta, late.beta[:k])
            np.testing.assert_array_equal(early.alpha, late.alpha[:k])


def test_windows_that_are_not_full_are_nan_and_never_zero() -> None:
    snapshot = analyzed(*made_pair(), z_window=50, corr_window=40)
    for values, first in (
        (snapshot.mean, 49),
        (snapshot.std, 49),
        (snapshot.z, 49),
        (snapshot.fit_z, 49),
        (snapshot.corr, 40),  # 40 returns take 41 rows
        (snapshot.path.beta, 199),
        (snapshot.kalman_path.beta, 59),
    ):
        np.testing.assert_array_equal(np.isfinite(values), np.arange(400) >= first)


def test_the_arrays_of_a_snapshot_cannot_be_written() -> None:
    snapshot = analyzed(*made_pair())
    columns = [v for v in vars(snapshot).values() if isinstance(v, np.ndarray)]
    for path in (snapshot.path, snapshot.kalman_path, snapshot.known):
        columns += [path.beta, path.alpha]
    assert len(columns) == 18
    assert not any(column.flags.writeable for column in columns)


def test_a_leg_that_stands_still_gives_words_and_no_wrong_numbers() -> None:
    rng = np.random.default_rng(0)
    y, flat = bars("Y", range(200), 100.0 + rng.random(200)), bars("X", range(200), [50.0] * 200)
    words = "X does not vary, so there is nothing to hedge"
    assert analyze_pair(y, flat, PairParams("Y", "X")) == NotReady(words, 200, 200)
    snapshot = analyzed(y, flat, spread_mode="locked", beta=1.0)
    assert snapshot.engle_granger is None
    assert any(note.startswith("No Engle-Granger test: x does not vary") for note in snapshot.notes)
    both = analyzed(bars("Y", range(200), [100.0] * 200), flat, spread_mode="locked", beta=1.0)
    assert both.adf is None
    assert both.half_life is None
    assert both.hurst is None
    assert np.isnan(both.z).all()
    assert math.isnan(both.correlation)
    assert np.isnan(both.adf_pvalue).all()


def test_a_spread_without_noise_has_no_test_and_a_note_instead() -> None:
    turns = np.arange(200) % 2
    y, x = bars("Y", range(200), 100.0 + turns), bars("X", range(200), 50.0 + turns % 2 * 2.0)
    snapshot = analyzed(y, x, spread_mode="locked", beta=2.0)
    assert snapshot.adf is None
    note = "No ADF test of the spread: the regression leaves nothing but rounding."
    assert note in snapshot.notes


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("hedge", HEDGE_METHODS)
def test_every_choice_gives_a_finite_spread(hedge: str, intercept: bool, space: str) -> None:
    snapshot = analyzed(*made_pair(120), hedge=hedge, intercept=intercept, price_space=space)
    assert np.isfinite(snapshot.spread).all()
    assert np.isfinite(snapshot.z[59:]).all()


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
@pytest.mark.parametrize("lag_method", ["aic", "bic", "t-stat", None])
def test_trend_and_lag_method_reach_both_tests(trend: str, lag_method: str | None) -> None:
    snapshot = analyzed(*made_pair(200), trend=trend, lag_method=lag_method)
    alone = adf(snapshot.spread, trend=trend, lag_method=lag_method)
    assert snapshot.adf.statistic == alone.statistic
    legs = snapshot.price_y, snapshot.price_x
    relation = engle_granger(*legs, trend=trend, lag_method=lag_method)
    if trend == "n":  # about 0 these prices are collinear
        assert relation.statistic == -math.inf
        assert snapshot.engle_granger is None
    else:
        assert snapshot.engle_granger.statistic == relation.statistic


def test_recorded_market_data_is_analysed_in_every_space(market_data: Path) -> None:
    legs = []
    for name in ("btcusd", "ethusd"):
        path = next((market_data / "ohlc").glob(f"coinbase_{name}_*.csv"))
        closes = pd.read_csv(path)
        close = closes[next(c for c in closes if c.lower() == "close")].to_numpy(dtype=float)
        legs.append(bars(name.upper(), range(500), close[:500]))
    for space in ("price", "log"):
        params = PairParams("BTCUSD", "ETHUSD", price_space=space)
        snapshot = analyze_pair(*legs, params)
        assert 0.3 < snapshot.correlation < 0.9
        assert 0.0 <= snapshot.engle_granger.pvalue <= 1.0
        assert snapshot.fit.beta > 0.0


def _with_fit(snapshot: PairSnapshot, **changes) -> PairSnapshot:
    """The snapshot with -2 as the hedge ratio in use, and another one in today's fit."""
    fit = HedgeFit("ols", beta=3.0, alpha=0.0, r_squared=1.0, beta_stderr=0.1, n=9)
    known = HedgePath("rolling", np.full(len(snapshot), -2.0), np.zeros(len(snapshot)))
    return dataclasses.replace(snapshot, fit=fit, known=known, **changes)


def test_break_even_z_is_a_round_trips_cost_in_standard_deviations() -> None:
    snapshot = _with_fit(
        analyzed(*made_pair()),
        price_y=np.array([1.0, 100.0]),
        price_x=np.array([1.0, 30.0]),
        reading=Reading(std=0.5),
    )
    # 2 sides x 5 bps x (100 + 60) = 0.16 in money, 0.32 of a standard deviation
    assert break_even_z(snapshot, 5.0) == pytest.approx(0.32)
    assert break_even_z(snapshot, 0.0) == 0.0
    logs = dataclasses.replace(
        snapshot, params=PairParams("Y", "X", price_space="log"), reading=Reading(std=0.001)
    )
    assert break_even_z(logs, 5.0) == pytest.approx(2 * 5e-4 * 3.0 / 0.001)


def test_break_even_z_does_not_exist_without_variation_and_refuses_negative_costs() -> None:
    snapshot = analyzed(*made_pair())
    for last in (0.0, math.nan):
        still = dataclasses.replace(snapshot, reading=Reading(std=last))
        assert math.isnan(break_even_z(still, 2.0))
    for cost in (-1.0, math.nan):
        with pytest.raises(ValueError, match="cost_bps is"):
            break_even_z(snapshot, cost)


def test_a_snapshot_imports_neither_statsmodels_nor_scipy_stats() -> None:
    code = (
        "import sys\n"
        "from analytics.warmup import warm_up\n"
        "warm_up()\n"
        "print([m for m in ('statsmodels', 'scipy.stats', 'sklearn') if m in sys.modules])"
    )
    root = Path(pair.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_spread_that_does_not_vary_is_not_called_by_a_legs_name() -> None:
    legs = bars("Y", range(80), np.full(80, 5.0)), bars("X", range(80), np.arange(80.0) + 9.0)
    notes = analyzed(*legs, spread_mode="locked", beta=0.0).notes
    assert "No ADF test of the spread: it does not vary." in notes


def test_returns_of_small_ticks_keep_their_digits() -> None:
    steps = np.random.default_rng(9).integers(-2, 3, (2, 400))
    ticks = np.cumsum(steps, axis=1) + 6_000_000  # a step is some 1e-7 of the price
    legs = bars("Y", range(400), ticks[0] / 128.0), bars("X", range(400), ticks[1] / 128.0)
    exact = np.diff(ticks).astype(np.longdouble) / ticks[:, :-1]
    a, b = (row - row.mean() for row in exact[:, -60:])
    expected = float((a @ b) / np.sqrt((a @ a) * (b @ b)))
    params = PairParams("Y", "X")
    assert analyzed(*legs).corr[-1] == pytest.approx(expected, rel=1e-12)
    read = pair_readings(*legs, params, ["correlation"], legs[0].ts_ms[-1:])["correlation"]
    assert read[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("trend", ["n", "c"])
def test_collinear_legs_are_never_called_cointegrated(trend) -> None:
    """About 0 two walks far above their moves are collinear, which coint gives a p-value of 0."""
    rng = np.random.default_rng(5)
    x, y = 60_000.0 + np.cumsum(rng.standard_normal((2, 300)), axis=1)
    if trend == "c":
        y = 2.0 * x + 1e-4 * rng.standard_normal(300)
    assert engle_granger(y, x, trend=trend).pvalue == 0.0
    legs = bars("Y", range(300), y), bars("X", range(300), x)
    snapshot = analyzed(*legs, trend=trend, spread_mode="locked", beta=1.0)
    assert snapshot.engle_granger is None
    assert "too little is left of Y to be tested" in " ".join(snapshot.notes)
    metric = "engle_granger_pvalue"
    assert np.isnan(pair_readings(*legs, snapshot.params, [metric], snapshot.ts_ms[-1:])[metric])


def test_the_smallest_prices_give_no_figures_rather_than_an_error() -> None:
    x = 1e-300 * (1.0 + 0.01 * np.sin(np.arange(100.0) ** 2))
    legs = bars("Y", range(100), 2.0 * x), bars("X", range(100), x)
    assert isinstance(analyze_pair(*legs, PairParams("Y", "X")), NotReady)
    snapshot = analyzed(*legs, spread_mode="locked", beta=1.0)
    assert np.isnan(snapshot.kalman_path.beta).all()
