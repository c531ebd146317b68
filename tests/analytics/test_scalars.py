"""A NumPy scalar is as good as Python's number of the same value, wherever one is taken."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from analytics import (
    bounce,
    carry,
    correlation,
    distribution,
    dynamic_ols,
    hedge,
    kalman,
    mackinnon,
    outcomes,
    overfitting,
    performance,
    quantities,
    rolling,
    scanner,
    selection,
    spread,
    stationarity,
    sweep,
    vwap,
    walkforward,
)
from analytics.backtest import BacktestParams
from analytics.grid import make_grid
from analytics.lookahead import check_look_ahead
from analytics.model import PairParams, ParameterError
from analytics.scanner import ScanParams
from tests.analytics.test_laws import PAIR, ROWS, TRADING, assert_same, prices

LEGS = prices(12, ROWS)
Y, X, SIZE = LEGS.y, LEGS.x, LEGS.size
TIMES = 1_000 * np.arange(ROWS)
GRID = make_grid(PAIR, TRADING, "entry_z", [1.0, 1.5], "z_window", [10, 20])
BARS = (LEGS.y_bars, LEGS.x_bars)

#: Functions with numbers that are whole or halves, so that every kind of scalar holds them.
CALLS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "leg_signs": (spread.leg_signs, (1, 0.5), {}),
    "leg_signs, against": (spread.leg_signs, (-1, -0.5), {}),
    "bands": (spread.bands, (Y, 9, 2.5), {}),
    "zscore": (spread.zscore, (Y, 9), {}),
    "spread": (spread.spread, (Y, X, 1.5, 2.0), {}),
    "largest_z": (spread.largest_z, (60,), {}),
    "check_reachable": (spread.check_reachable, ("entry_z", 2.0, 60), {}),
    "rolling_std": (rolling.rolling_std, (Y, 9, 0), {}),
    "rolling_corr": (rolling.rolling_corr, (Y, X, 9), {"unit": 1.0}),
    "rolling_ols": (rolling.rolling_ols, (Y, X, 9), {}),
    "rolling_vwap": (vwap.rolling_vwap, (Y, SIZE, 9), {}),
    "hedge_path": (hedge.hedge_path, (Y, X, "ols", 20), {}),
    "kalman_hedge": (
        kalman.kalman_hedge,
        (Y, X),
        {"delta": 0.5, "observation_var": 2.0, "initial_cov": 1.0},
    ),
    "adf": (stationarity.adf, (Y,), {"max_lag": 3}),
    "rolling_adf": (stationarity.rolling_adf, (Y, 40, 5), {"max_lag": 1}),
    "hurst": (stationarity.hurst, (Y, 30), {}),
    "fit_ou": (stationarity.fit_ou, (Y, 2.0), {}),
    "cusum_squares": (stationarity.cusum_squares, (Y,), {"mean": 2.0, "level": 0.25}),
    "dynamic_ols": (dynamic_ols.dynamic_ols, (Y, X), {"leads": 1, "lags": 2, "bandwidth": 3.0}),
    "slope_bands": (distribution.slope_bands, (Y, X, 9), {}),
    "autocorrelation": (distribution.autocorrelation, (Y, 9), {}),
    "finest_without_bounce": (bounce.finest_without_bounce, (Y, "1s", 0.25), {}),
    "pearson": (correlation.pearson, (Y, X), {"unit": 1.0}),
    "hayashi_yoshida": (correlation.hayashi_yoshida, (TIMES, Y, TIMES, X, 500), {}),
    "sharpe": (performance.sharpe, (Y / 1e3, 365.0, 0), {}),
    "sortino": (performance.sortino, (Y / 1e3, 365.0, 0.5), {}),
    "probabilistic_sharpe": (performance.probabilistic_sharpe, (0.5, 99, 0.5, 4.0, 0.25), {}),
    "deflated_sharpe": (performance.deflated_sharpe, (0.5, 99, 8, 0.25, 0.5, 4.0), {}),
    "min_track_record": (performance.min_track_record, (0.5, 0.25, 0.5, 4.0, 0.75), {}),
    "critical_values": (mackinnon.critical_values, ("c", 2, 100), {}),
    "pvalue": (mackinnon.pvalue, (-3.0, "c", 2, 100), {}),
    "detectable_half_life": (scanner.detectable_half_life, (480, 39_800, "by", 0.25), {}),
    "probability_of_overfitting": (
        overfitting.probability_of_overfitting,
        (np.column_stack((Y, X)), 4),
        {},
    ),
    "cluster_symbols": (
        selection.cluster_symbols,
        (np.column_stack((Y, X, SIZE, SIZE[::-1])),),
        {"n_components": 2, "min_samples": 2},
    ),
    "pair_carry": (carry.pair_carry, (100.0, 50.0, 0.5, 0.25, 0.125), {}),
    "reversion_funding": (carry.reversion_funding, (carry.Carry(0.5, 3.0), 2.0, 12.0, 500.0), {}),
    "quantities": (quantities.quantities, (100.0, 50.0, 0.5, 1_000.0), {"y_lot": 0.5}),
    "outcome": (outcomes.outcome, (*BARS, PAIR, 100_000, 2.0, 50), {}),
    "check_look_ahead": (check_look_ahead, (*BARS, PAIR, TRADING, 2), {}),
    "sweep": (sweep.sweep, (*BARS, GRID), {}),
    "walk_forward": (walkforward.walk_forward, (*BARS, GRID), {"train_bars": 30, "test_bars": 10}),
}


def as_scalars(value: Any, whole: Any, broken: Any) -> Any:
    """Numbers as scalars of these kinds; anything else as it is."""
    if type(value) is int:
        return whole(value)
    return broken(value) if type(value) is float else value


@pytest.mark.parametrize(
    ("whole", "broken"),
    [(np.int64, np.float64), (np.int32, np.float32)],
    ids=["64 bits", "32 bits"],
)
@pytest.mark.parametrize("name", CALLS)
def test_a_numpy_scalar_gives_what_its_number_does(name, whole, broken):
    call, values, named = CALLS[name]
    expected = call(*values, **named)
    values = tuple(as_scalars(value, whole, broken) for value in values)
    named = {key: as_scalars(value, whole, broken) for key, value in named.items()}
    assert_same(call(*values, **named), expected)


@pytest.mark.parametrize("beta", [np.float32(-0.5), np.int8(-2), Fraction(-1, 2), -1])
def test_the_signs_of_legs_are_python_ints(beta):
    signs = spread.leg_signs(np.int64(1), beta)
    assert signs == (1, 1)
    assert [type(sign) for sign in signs] == [int, int]


@pytest.mark.parametrize("beta", ["1", None, True, np.True_, 1j, np.complex64(1), np.nan, np.inf])
def test_what_is_no_real_number_is_refused_by_name(beta):
    with pytest.raises(ParameterError, match=r"^beta is .*, expected a (finite )?number"):
        spread.leg_signs(1, beta)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PairParams, {"y": "A", "x": "B", "z_window": 20, "min_volume": 0.5, "intercept": False}),
        (PairParams, {"y": "A", "x": "B", "spread_mode": "locked", "beta": 0.5, "alpha": -2.0}),
        (BacktestParams, {"entry_z": 1.5, "hedge_window": 30, "max_bars": 9, "cost_bps": 0.5}),
        (ScanParams, {"bars": 500, "q": 0.25, "n_components": 4, "stop_z": None}),
    ],
)
def test_parameters_hold_numpy_scalars_as_plain_values(kind, values):
    scalars = {
        name: np.bool_(value) if type(value) is bool else as_scalars(value, np.int32, np.float32)
        for name, value in values.items()
    }
    made, plain = kind(**scalars), kind(**values)
    assert made == plain
    assert hash(made) == hash(plain)
    assert [type(value) for value in asdict(made).values()] == [
        type(value) for value in asdict(plain).values()
    ]
