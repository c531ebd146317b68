"""How exact rolling moments are, ours and those of other libraries; a table. Run with -m bench -s.

The worst relative error over every window of 20, 60, 200 and 500 values, against two passes
in long double. z, correlation and slope near 0 are held against 0.001.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from analytics.rolling import rolling_corr, rolling_mean, rolling_ols, rolling_std, rolling_zscore
from tests.analytics.test_rolling import SERIES, WINDOWS, long_double, worst

pytestmark = pytest.mark.bench

WHAT = ("mean", "std", "z", "corr", "beta")
LEAST = {"mean": 0.0, "std": 0.0, "z": 1e-3, "corr": 1e-3, "beta": 1e-3}
#: What an error of rounding in the last place of a result may be.
ROUNDING = 1e-15

Moments = dict[str, np.ndarray]


def ours(y: np.ndarray, x: np.ndarray, window: int) -> Moments:
    return {
        "mean": rolling_mean(x, window),
        "std": rolling_std(x, window),
        "z": rolling_zscore(x, window),
        "corr": rolling_corr(x, y, window),
        "beta": rolling_ols(y, x, window).beta,
    }


def by_pandas(y: np.ndarray, x: np.ndarray, window: int) -> Moments:
    line, other = pd.Series(x), pd.Series(y)
    rolling = line.rolling(window)
    mean, std = rolling.mean(), rolling.std()
    made = {
        "mean": mean,
        "std": std,
        "z": (line - mean) / std,
        "corr": rolling.corr(other),
        "beta": rolling.cov(other) / rolling.var(),
    }
    return {name: values.to_numpy() for name, values in made.items()}


def by_bottleneck(y: np.ndarray, x: np.ndarray, window: int) -> Moments:
    bottleneck = pytest.importorskip("bottleneck", reason="bottleneck is absent")
    mean, std = bottleneck.move_mean(x, window), bottleneck.move_std(x, window, ddof=1)
    return {"mean": mean, "std": std, "z": (x - mean) / std}


def by_polars(y: np.ndarray, x: np.ndarray, window: int) -> Moments:
    polars = pytest.importorskip("polars", reason="polars is absent")
    line = polars.Series("x", x)
    mean, std = line.rolling_mean(window), line.rolling_std(window)
    both = polars.DataFrame({"x": x, "y": y}).select(
        corr=polars.rolling_corr("x", "y", window_size=window),
        beta=polars.rolling_cov("x", "y", window_size=window) / polars.col("x").rolling_var(window),
    )
    made = {"mean": mean, "std": std, "z": (line - mean) / std}
    made |= {"corr": both["corr"], "beta": both["beta"]}
    return {name: values.to_numpy() for name, values in made.items()}


def by_statsmodels(y: np.ndarray, x: np.ndarray, window: int) -> Moments:
    from statsmodels.regression.rolling import RollingOLS

    design = np.column_stack([x, np.ones(len(x))])
    return {"beta": RollingOLS(y, design, window=window).fit(params_only=True).params[:, 0]}


PEERS: dict[str, Callable[[np.ndarray, np.ndarray, int], Moments]] = {
    "pandas": by_pandas,
    "bottleneck": by_bottleneck,
    "polars": by_polars,
    "RollingOLS": by_statsmodels,
}


def errors(make: Callable, y: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """The worst error of each moment over every window; infinite where a number is missing."""
    found: dict[str, float] = {}
    for window in WINDOWS:
        truth = long_double(y, x, window)
        for name, got in make(y, x, window).items():
            error = worst(got, getattr(truth, name), LEAST[name])
            found[name] = max(found.get(name, 0.0), np.inf if np.isnan(error) else error)
    return found


@pytest.mark.parametrize("kind", SERIES)
def test_at_least_as_exact_as_the_best_of_them(kind, capsys):
    y, x = SERIES[kind](np.random.default_rng(11))
    found = {"ours": errors(ours, y, x)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in PEERS.items():
            try:
                found[name] = errors(make, y, x)
            except pytest.skip.Exception as reason:
                found[name] = {}
                with capsys.disabled():
                    print(f"\n  {reason}", end="")
    with capsys.disabled():
        print(f"\n  {kind:18}" + "".join(f"{name:>12}" for name in found))
        for what in WHAT:
            cells = (f"{made[what]:12.1e}" if what in made else " " * 12 for made in found.values())
            print(f"  {what:18}" + "".join(cells))
    for what in WHAT:
        best = min(found[name].get(what, np.inf) for name in PEERS)
        assert found["ours"][what] <= max(best, ROUNDING), what
    if kind == "bitcoin":
        assert max(found["ours"].values()) <= 1e-10
