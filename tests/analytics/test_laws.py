"""Laws that every public function of the analytics keeps, whoever wrote it.

The functions are found by walking the package; REGISTRY only says how to call each. One
without an entry fails, so a new function cannot escape the laws.
"""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analytics
from analytics.alerts import AlertRule, AlertState, Reading, rule_to_dict
from analytics.backtest import BacktestParams, run_backtest
from analytics.carry import Carry
from analytics.grid import make_grid
from analytics.model import Bars, NotReady, PairParams, Ticks
from analytics.pair import analyze_pair
from analytics.readings import PAIR_METRICS
from analytics.scanner import ScanParams
from analytics.watching import pair_view

ROWS = 240
PAIR = PairParams("Y", "X", hedge_window=30, z_window=20, corr_window=12, adf_window=40)
TRADING = BacktestParams(entry_z=1.0, hedge_window=30)
RULE = AlertRule("r1", "demo", "price", ">", 100.0, symbol="Y", cooldown_s=3)

#: What the laws do not speak of, and why.
EXEMPT = {
    "alignment": "rows of two legs, no statistics; test_alignment and test_pair hold it",
    "arrays": "turns arguments into arrays; test_arrays holds it",
    "estimates": "gathers what other functions give; test_estimates holds it",
    "grid": "the parameters of a sweep, no statistics; test_sweep holds it",
    "model": "the vocabulary, no statistics",
    "warmup": "computes nothing that anyone sees",
}


@dataclass(frozen=True)
class Legs:
    """What functions are called with: two price series, sizes, and bars and ticks of them."""

    y: Any
    x: Any
    size: Any
    y_bars: Bars
    x_bars: Bars
    ticks: Ticks


def bars_of(symbol: str, close: np.ndarray, size: np.ndarray) -> Bars:
    n = len(close)
    opening = np.r_[close[:1], close[:-1]]
    return Bars(
        symbol,
        "1s",
        np.arange(n) * 1_000,
        opening,
        np.maximum(opening, close),
        np.minimum(opening, close),
        close,
        size,
        np.ones(n, np.int64),
        close,
    )


def legs_of(y: np.ndarray, x: np.ndarray, size: np.ndarray) -> Legs:
    """Legs in NumPy; bars and ticks hold the same prices with gaps filled."""
    whole_y, whole_x = (np.nan_to_num(leg, nan=100.0) for leg in (y, x))
    n = len(y)
    ticks = Ticks("Y", np.arange(n) * 400, whole_y, size, np.full(n, -1))
    return Legs(y, x, size, bars_of("Y", whole_y, size), bars_of("X", whole_x, size), ticks)


def prices(seed: int, n: int, tick: float = 0.0, gaps: bool = False) -> Legs:
    rng = np.random.default_rng(seed)
    x = 100 * np.exp(np.cumsum(rng.normal(0, 2e-3, n)))
    y = 1.5 * x + 10 + np.cumsum(rng.normal(0, 0.1, n)) * 0.3 + rng.normal(0, 0.2, n)
    if tick:
        x, y = np.round(x / tick) * tick, np.round(y / tick) * tick
    if gaps:
        y[rng.random(n) < 0.03], x[rng.random(n) < 0.03] = np.nan, np.nan
    return legs_of(y, x, rng.exponential(size=n))


def cut(legs: Legs, k: int) -> Legs:
    return legs_of(legs.y[:k].copy(), legs.x[:k].copy(), legs.size[:k].copy())


# How each function is called, and which of its results have a value a row.

Line = tuple[np.ndarray, int]  # values, how many of them are warm-up


def lines(warm_up: int, *values: np.ndarray) -> list[Line]:
    return [(np.asarray(value, dtype=float), warm_up) for value in values]


@dataclass(frozen=True)
class Entry:
    """call: the function and legs to its result. lines: its values by row, if it has such.

    series: it takes series of numbers, so pandas and lists must do as well as NumPy.
    gaps: NaN inside is allowed.
    """

    call: Callable[[Callable[..., Any], Legs], Any]
    lines: Callable[[Any, int], list[Line]] | None = None
    series: bool = True
    gaps: bool = True


def at_rows(rows: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Values known at some rows, spread out over all of them."""
    line = np.full(n, np.nan)
    line[rows] = values
    return line


def hits(rows: np.ndarray, n: int) -> np.ndarray:
    return np.isin(np.arange(n), rows)


def returns_of(values: Any) -> Any:
    return values if isinstance(values, list) else values / 100 - 1


def pair_lines(snapshot: Any, n: int) -> list[Line]:
    if isinstance(snapshot, NotReady):
        return []
    return [
        *lines(29, *snapshot.path, *snapshot.kalman_path),
        *lines(12, snapshot.corr),
        *lines(29, snapshot.z, *snapshot.known),
    ]


def backtest_lines(result: Any, n: int) -> list[Line]:
    if isinstance(result, NotReady):
        return []
    return [
        *lines(29, result.hedge, result.spread),
        *lines(48, result.z, result.break_even_z),
        *lines(0, result.equity, result.position),
    ]


def trades_of(legs: Legs) -> Any:
    """Trades of the legs' back-test; none where there is none yet."""
    result = run_backtest(legs.y_bars, legs.x_bars, PAIR, TRADING)
    return () if isinstance(result, NotReady) else result.trades


def of_bars(call: Callable[..., Any], **more: Any) -> Entry:
    return Entry(call, series=False, gaps=False, **more)


def as_table(legs: Legs) -> Any:
    """Both legs as columns, in whatever kind they are."""
    if isinstance(legs.y, pd.Series):
        return pd.DataFrame({"y": legs.y, "x": legs.x})
    return np.column_stack([legs.y, legs.x])


#: Epoch milliseconds of trades.
TIMES = 1_700_000_000_000 + 1_000 * np.arange(ROWS)


def snapshot_of(legs: Legs) -> Any:
    return analyze_pair(legs.y_bars, legs.x_bars, PAIR)


def view_of(legs: Legs) -> Any:
    """On the bars that both legs have."""
    shared = np.intersect1d(legs.y_bars.ts_ms, legs.x_bars.ts_ms)
    both = (bars[np.isin(bars.ts_ms, shared)] for bars in (legs.y_bars, legs.x_bars))
    return pair_view(*both, PAIR)


REGISTRY: dict[str, Entry] = {
    "statistics.summarize": Entry(lambda f, a: f(a.y)),
    "rolling.rolling_mean": Entry(lambda f, a: f(a.y, 9), lambda r, n: lines(8, r)),
    "rolling.rolling_std": Entry(lambda f, a: f(a.y, 9), lambda r, n: lines(8, r)),
    "rolling.rolling_zscore": Entry(lambda f, a: f(a.y, 9), lambda r, n: lines(8, r)),
    "rolling.rolling_corr": Entry(lambda f, a: f(a.y, a.x, 9), lambda r, n: lines(8, r)),
    "rolling.rolling_ols": Entry(lambda f, a: f(a.y, a.x, 9), lambda r, n: lines(8, *r)),
    "rolling.rolling_moments": Entry(lambda f, a: f(a.y, 9), lambda r, n: lines(8, *r)),
    "rolling.rolling_comoments": Entry(lambda f, a: f(a.y, a.x, 9), lambda r, n: lines(8, *r)),
    "vwap.vwap": Entry(lambda f, a: f(a.y, a.size)),
    "vwap.cumulative_vwap": Entry(lambda f, a: f(a.y, a.size), lambda r, n: lines(0, r)),
    "vwap.rolling_vwap": Entry(lambda f, a: f(a.y, a.size, 9), lambda r, n: lines(8, r)),
    "correlation.pearson": Entry(lambda f, a: f(a.y, a.x)),
    "correlation.correlation_matrix": Entry(lambda f, a: f(as_table(a))),
    "correlation.hayashi_yoshida": Entry(
        lambda f, a: f(TIMES[: len(a.y)], a.y, TIMES[: len(a.x)] + 300, a.x), gaps=False
    ),
    "correlation.lead_lag": Entry(
        lambda f, a: f(TIMES[: len(a.y)], a.y, TIMES[: len(a.x)], a.x, [-500, 0, 500]), gaps=False
    ),
    "multiple.adjust_pvalues": Entry(lambda f, a: f(a.y * 1e-3)),
    "overfitting.probability_of_overfitting": Entry(
        lambda f, a: f(as_table(a) * 1e-4, 4), gaps=False
    ),
    "bounce.bounce": Entry(lambda f, a: f(a.y), gaps=False),
    "bounce.roll_spread": Entry(lambda f, a: f(a.y), gaps=False),
    "bounce.finest_without_bounce": Entry(lambda f, a: f(a.y, "1s"), gaps=False),
    "performance.sharpe": Entry(lambda f, a: f(returns_of(a.y), 365)),
    "performance.sortino": Entry(lambda f, a: f(returns_of(a.y), 365)),
    "performance.annual_volatility": Entry(lambda f, a: f(returns_of(a.y), 365)),
    "performance.max_drawdown": Entry(lambda f, a: f(returns_of(a.y))),
    "performance.drawdown_duration": Entry(lambda f, a: f(returns_of(a.y))),
    "performance.sharpe_stderr": Entry(lambda f, a: f(returns_of(a.y))),
    "performance.probabilistic_sharpe": of_bars(lambda f, a: f(0.1, 200, -1.0, 5.0, 0.02)),
    "performance.deflated_sharpe": of_bars(lambda f, a: f(0.1, 200, 50, 0.002, -1.0, 5.0)),
    "performance.min_track_record": of_bars(lambda f, a: f(0.1, 0.02, -1.0, 5.0)),
    "performance.profit_factor": Entry(lambda f, a: f(returns_of(a.y))),
    "performance.hit_rate": Entry(lambda f, a: f(returns_of(a.y))),
    "performance.periods_per_year": of_bars(lambda f, a: f("1m")),
    "performance.bars_per_year": of_bars(lambda f, a: f([0, 60_000, 180_000], "1m")),
    "spread.spread": Entry(lambda f, a: f(a.y, a.x, 1.5, 2.0), lambda r, n: lines(0, r)),
    "spread.zscore": Entry(lambda f, a: f(a.y, 9), lambda r, n: lines(8, r)),
    "spread.bands": Entry(lambda f, a: f(a.y, 9, 2.0), lambda r, n: lines(8, *r)),
    "hedge.fit_hedge": Entry(
        lambda f, a: [f(a.y, a.x, method) for method in analytics.model.HEDGE_METHODS]
    ),
    "hedge.hedge_stderr": Entry(lambda f, a: f(a.y, a.x, threshold=0.99), gaps=False),
    "dynamic_ols.hedge_stderr": Entry(lambda f, a: f(a.y, a.x, threshold=0.99), gaps=False),
    "dynamic_ols.dynamic_ols": Entry(lambda f, a: f(a.y, a.x), gaps=False),
    "hedge.compare_hedges": Entry(lambda f, a: f(a.y, a.x)),
    "hedge.hedge_path": Entry(
        lambda f, a: [f(a.y, a.x, method, 15) for method in analytics.model.HEDGE_METHODS],
        lambda r, n: [line for path in r for line in lines(14, *path)],
    ),
    "kalman.kalman_hedge": Entry(lambda f, a: f(a.y, a.x), lambda r, n: lines(0, *r)),
    "hedge.kalman_hedge": Entry(lambda f, a: f(a.y, a.x), lambda r, n: lines(0, *r)),
    "stationarity.adf": Entry(lambda f, a: f(a.y), gaps=False),
    "stationarity.rolling_adf": Entry(
        lambda f, a: f(a.y, 40, 3), lambda r, n: lines(39, at_rows(*r, n))
    ),
    "stationarity.half_life": Entry(lambda f, a: f(a.y), gaps=False),
    "stationarity.cusum_squares": Entry(lambda f, a: f(a.y, mean=100.0), gaps=False),
    "stationarity.half_life_interval": Entry(lambda f, a: f(a.y, fitted=True), gaps=False),
    "stationarity.hurst": Entry(lambda f, a: f(a.y, 20), gaps=False),
    "stationarity.fit_ou": Entry(lambda f, a: f(a.y, 1.0), gaps=False),
    "stationarity.mean_reversion": Entry(lambda f, a: f(a.y, 1.0), gaps=False),
    "cointegration.engle_granger": Entry(lambda f, a: f(a.y, a.x), gaps=False),
    "cointegration.engle_granger_batch": Entry(lambda f, a: f(as_table(a)), gaps=False),
    "cointegration.johansen": Entry(
        lambda f, a: [f(as_table(a), det_order=order) for order in (-1, 0, 1, "rc")], gaps=False
    ),
    "scanner.scan_pairs": Entry(
        lambda f, a: f(as_table(a), names=["y", "x"], params=ScanParams(bars=ROWS))
    ),
    "scanner.detectable_half_life": of_bars(lambda f, a: f(480, 39_800)),
    "selection.cluster_symbols": Entry(
        lambda f, a: f(np.column_stack([a.y, a.x, a.size, np.flip(a.size)]))
    ),
    "mackinnon.critical_values": of_bars(lambda f, a: f("c", 2, 100)),
    "mackinnon.pvalue": of_bars(lambda f, a: f(-3.0, "ct")),
    "mackinnon.pvalues": of_bars(lambda f, a: f(a.y / -50)),
    "bars.usual_step": Entry(lambda f, d: f(d.y_bars.ts_ms, "1s"), series=False),
    "bars.resample": of_bars(lambda f, a: f(a.ticks, "1s")),
    "bars.aggregate": of_bars(lambda f, a: f(a.y_bars, "1m")),
    "bars.ticks_of_frame": of_bars(
        lambda f, a: f(pd.DataFrame({"ts_ms": a.ticks.ts_ms, "price": a.y, "size": a.size}))
    ),
    "spread.leg_signs": of_bars(lambda f, a: f(-1, 0.5)),
    "bars.timeframe_ms": of_bars(lambda f, a: f("5m")),
    "pair.align": of_bars(
        lambda f, a: f(a.y_bars, a.x_bars), lines=lambda r, n: lines(0, r.y, r.x, r.carried)
    ),
    "pair.analyze_pair": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR), lines=pair_lines),
    "readings.readings_between": of_bars(
        lambda f, a: f(a.y_bars, a.x_bars, PAIR, ["z"], -1, 10**6),
        lines=lambda r, n: lines(29, r[1]["z"]),
    ),
    "pair.break_even_z": of_bars(lambda f, a: f(snapshot_of(a), 2.0)),
    "pair.break_even_of": of_bars(lambda f, a: f(0.5, 2.0, (100.0, 30.0), PAIR, 2.0)),
    "distribution.autocorrelation": Entry(lambda f, a: f(a.y, 9)),
    "distribution.normal_quantiles": Entry(lambda f, a: f(a.y)),
    "distribution.slope_bands": Entry(lambda f, a: f(a.y, a.x, 9), lambda r, n: lines(8, *r)),
    "carry.pair_carry": of_bars(lambda f, a: f(100.0, 30.0, 2.0, 3e-4, 1e-4)),
    "carry.reversion_funding": of_bars(lambda f, a: f(Carry(2e-4, 3.0), 2.1, 12.0, 1_000.0)),
    "carry.trades_funding": of_bars(lambda f, a: f(trades_of(a), 3e-4, 1e-4)),
    "quantities.quantities": of_bars(lambda f, a: f(100.0, 30.0, 2.0, 10_000.0)),
    "watching.pair_view": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR)),
    "watching.view_readings": of_bars(lambda f, a: f(view_of(a), a.y_bars.ts_ms)),
    "standing.pair_standing": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR, 2.0)),
    "readings.pair_readings": of_bars(
        lambda f, a: f(a.y_bars, a.x_bars, PAIR, PAIR_METRICS, a.y_bars.ts_ms),
        lines=lambda r, n: lines(29, r["z"], r["spread"], r["engle_granger_pvalue"]),
    ),
    "readings.newest_counted": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR)),
    "readings.why_no_z": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR)),
    "readings.check_view": of_bars(lambda f, a: f(PAIR)),
    "readings.reading_bars": of_bars(lambda f, a: f(PAIR)),
    "pair.snapshot_bars": of_bars(lambda f, a: f(PAIR)),
    "spread.check_reachable": of_bars(lambda f, a: f("entry_z", 2.0, 20)),
    "spread.least_window": of_bars(lambda f, a: f(2.0)),
    "spread.largest_z": of_bars(lambda f, a: f(20)),
    "outcomes.outcome": of_bars(lambda f, a: f(a.y_bars, a.x_bars, PAIR, 100_000)),
    "backtest.run_backtest": of_bars(
        lambda f, a: f(a.y_bars, a.x_bars, PAIR, TRADING), lines=backtest_lines
    ),
    "lookahead.check_look_ahead": of_bars(
        lambda f, a: f(a.y_bars, a.x_bars, PAIR, TRADING, cuts=2)
    ),
    "sweep.sweep": of_bars(
        lambda f, a: f(
            a.y_bars,
            a.x_bars,
            make_grid(PAIR, TRADING, "entry_z", [1.0, 2.0], "z_window", [10, 20]),
        )
    ),
    "walkforward.walk_forward": of_bars(
        lambda f, a: f(
            a.y_bars,
            a.x_bars,
            make_grid(PAIR, TRADING, "entry_z", [1.0, 1.5], "exit_z", [0.0, 0.5]),
            train_bars=30,
            test_bars=10,
        )
    ),
    "alerts.check_rule": of_bars(lambda f, a: f(RULE)),
    "alerts.is_outward": of_bars(lambda f, a: f("abs>", 101.0)),
    "alerts.describe": of_bars(lambda f, a: f(RULE, 101.0)),
    "alerts.evaluate": of_bars(lambda f, a: f([RULE], [Reading(RULE.key, 0, 101.0)], AlertState())),
    "alerts.parse_rule": of_bars(lambda f, a: f(rule_to_dict(RULE))),
    "alerts.rule_to_dict": of_bars(lambda f, a: f(RULE)),
    "alerts.would_have_fired": Entry(
        lambda f, a: f(RULE, np.arange(len(a.y)) * 1_000, a.y),
        lambda r, n: lines(0, hits(r, n)),
    ),
}


def is_public(module: Any, name: str, value: Any) -> bool:
    """Defined in the module or named in its __all__; or known here, wherever it is defined."""
    wrapped = hasattr(value, "py_func") or hasattr(value, "__wrapped__")  # by numba, by a cache
    if not (inspect.isroutine(value) or wrapped) or name.startswith("_"):
        return False
    own = getattr(value, "__module__", None) == module.__name__
    known = f"{module.__name__.removeprefix('analytics.')}.{name}" in REGISTRY
    return own or known or name in getattr(module, "__all__", ())


def public_functions() -> dict[str, Callable[..., Any]]:
    """Functions of the package by `module.name`; private modules are parts of public ones."""
    found = {}
    for module in pkgutil.iter_modules(analytics.__path__):
        if module.name.startswith("_") or module.name in EXEMPT:
            continue
        loaded = importlib.import_module(f"analytics.{module.name}")
        for name, value in vars(loaded).items():
            if is_public(loaded, name, value):
                found[f"{module.name}.{name}"] = value
    return found


FUNCTIONS = public_functions()
KNOWN = [name for name in FUNCTIONS if name in REGISTRY]
SERIES = [name for name in KNOWN if REGISTRY[name].series]
BY_ROW = [name for name in KNOWN if REGISTRY[name].lines]


def leaves(value: Any) -> list[Any]:
    """All arrays, numbers and words that a result is made of."""
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return [value.to_numpy()]
    if isinstance(value, np.ndarray):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        return [leaf for field in fields(value) for leaf in leaves(getattr(value, field.name))]
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def assert_same(first: Any, second: Any) -> None:
    ours, theirs = leaves(first), leaves(second)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def run(name: str, legs: Legs) -> Any:
    return REGISTRY[name].call(FUNCTIONS[name], legs)


def test_every_public_function_is_held_to_the_laws():
    missing = sorted(set(FUNCTIONS) - set(REGISTRY))
    assert not missing, f"say in REGISTRY how to call {', '.join(missing)}"


def test_the_registry_names_nothing_that_is_gone():
    assert not sorted(set(REGISTRY) - set(FUNCTIONS))
    assert not [name for name in EXEMPT if importlib.util.find_spec(f"analytics.{name}") is None]


@pytest.mark.parametrize("name", KNOWN)
def test_inputs_are_never_changed(name):
    legs, twin = prices(1, ROWS), prices(1, ROWS)
    run(name, legs)
    assert_same(legs, twin)
    assert all(values.flags.writeable for values in (legs.y, legs.x, legs.size))


@pytest.mark.parametrize("name", KNOWN)
def test_the_same_inputs_give_the_same_result_twice(name):
    assert_same(run(name, prices(2, ROWS)), run(name, prices(2, ROWS)))


def in_pandas(legs: Legs) -> Legs:
    """The same numbers as Series whose index says nothing."""
    index = np.random.default_rng(0).permutation(len(legs.y))
    y, x, size = (pd.Series(leg, index=index) for leg in (legs.y, legs.x, legs.size))
    return Legs(y, x, size, legs.y_bars, legs.x_bars, legs.ticks)


@pytest.mark.parametrize(
    ("name", "gaps"),
    [(name, gaps) for name in SERIES for gaps in (False, True)[: 1 + REGISTRY[name].gaps]],
)
def test_arrays_and_pandas_agree_and_pandas_stays_as_it_was(name, gaps):
    legs = prices(3, ROWS, gaps=gaps)
    series, twin = in_pandas(legs), in_pandas(legs)
    assert_same(run(name, legs), run(name, series))
    pd.testing.assert_series_equal(series.y, twin.y)
    pd.testing.assert_series_equal(series.x, twin.x)


@pytest.mark.parametrize("name", SERIES)
def test_read_only_and_strided_arrays_do_as_well(name):
    legs = prices(4, ROWS)
    strided = Legs(
        *(np.repeat(leg, 2)[::2] for leg in (legs.y, legs.x, legs.size)),
        legs.y_bars,
        legs.x_bars,
        legs.ticks,
    )
    for leg in (strided.y, strided.x, strided.size):
        leg.flags.writeable = False
    assert_same(run(name, legs), run(name, strided))


@pytest.mark.parametrize("name", BY_ROW)
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(0, 150),
    tick=st.sampled_from([0.0, 0.01, 0.5]),
    gaps=st.booleans(),
)
def test_no_row_depends_on_later_rows(name, seed, k, tick, gaps):
    entry = REGISTRY[name]
    whole = prices(seed, 150, tick, gaps and entry.gaps)
    before = entry.lines(run(name, cut(whole, k)), k)
    after = entry.lines(run(name, whole), 150)
    if not before:
        return  # NotReady, an honest answer for few rows
    for (early, _), (late, _) in zip(before, after, strict=True):
        np.testing.assert_array_equal(early, late[:k])


@pytest.mark.parametrize("name", BY_ROW)
def test_the_warm_up_is_nan_and_never_0(name):
    entry = REGISTRY[name]
    for values, warm_up in entry.lines(run(name, prices(5, ROWS)), ROWS):
        assert len(values) == ROWS
        assert np.isnan(values[:warm_up]).all()
        assert np.isfinite(values[warm_up:]).any()
        assert not np.isinf(values).any()


@pytest.mark.parametrize("name", [name for name in BY_ROW if name.startswith("rolling.")])
def test_a_gap_is_nan_while_it_is_in_the_window_and_forgotten_after(name):
    entry = REGISTRY[name]
    legs, holed = prices(6, ROWS), prices(6, ROWS)
    holed.y[100] = np.nan
    clean, gap = (entry.lines(run(name, a), ROWS) for a in (legs, holed))
    for (expected, _), (values, _) in zip(clean, gap, strict=True):
        assert np.isnan(values[100:109]).all()
        np.testing.assert_array_equal(values[:100], expected[:100])
        np.testing.assert_allclose(values[109:], expected[109:], rtol=1e-9, atol=1e-12)
