"""Two other ways to refresh the Analytics page, to be measured against.

`competent`: libraries of good name, used well, and nothing kept from refresh to refresh but
the ticks: polars cuts the bars, statsmodels, SciPy and NumPy make the figures, plotly's
graph objects the charts, orjson the bytes. `everything` chooses between all that our page
shows and what most dashboards do: one hedge ratio, z, correlation, two tests, half-life.

`Seeds`: the way of the dashboards that this project began from: ticks in a deque as the dicts
that came (symbol, ISO time, price, size), turned into a DataFrame for each of four uses,
pandas and statsmodels, graph objects, to_json.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analytics.model import Ticks

BARS = 2_000
WINDOW = 60
PATH_WINDOW = 200
ADF_WINDOW = 120
ADF_STEP = 19  # 99 windows, as our page draws
THRESHOLD = 2.0


def polars_legs(y: Ticks, x: Ticks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times and closes of the newest bars, cut by polars and joined in time."""
    import polars as pl

    def bars(ticks: Ticks) -> pl.DataFrame:
        frame = pl.DataFrame({"ts": ticks.ts_ms, "price": ticks.price, "size": ticks.size})
        price, size = pl.col("price"), pl.col("size")
        return (
            frame.with_columns(pl.from_epoch("ts", time_unit="ms").set_sorted())
            .group_by_dynamic("ts", every="1s")
            .agg(
                open=price.first(),
                high=price.max(),
                low=price.min(),
                close=price.last(),
                volume=size.sum(),
                trades=pl.len(),
                vwap=(price * size).sum() / size.sum(),
            )
        )

    both = bars(y).join(bars(x), on="ts", how="full", coalesce=True, maintain_order="left_right")
    both = both.sort("ts").fill_null(strategy="forward").tail(BARS)
    times, left, right = (both[name].to_numpy() for name in ("ts", "close", "close_right"))
    return times, left, right


def common_figures(y: np.ndarray, x: np.ndarray) -> dict[str, Any]:
    """One hedge ratio, spread, bands, z, correlation, tests: what most dashboards have."""
    import polars as pl
    import statsmodels.api as sm
    from statsmodels.tsa.stattools import adfuller, coint

    fit = sm.OLS(y, sm.add_constant(x)).fit()
    alpha, beta = fit.params
    spread = pl.Series(y - beta * x - alpha)
    mean, std = spread.rolling_mean(WINDOW), spread.rolling_std(WINDOW)
    legs = pl.DataFrame({"y": y, "x": x})
    returns = legs.select(pl.all().pct_change())
    corr = returns.select(pl.rolling_corr("y", "x", window_size=WINDOW))["y"]
    change = np.diff(spread.to_numpy())
    slope = np.polyfit(spread.to_numpy()[:-1], change, 1)[0]
    return {
        "fit": (beta, alpha, fit.rsquared, fit.bse[1]),
        "spread": spread.to_numpy(),
        "mean": mean.to_numpy(),
        "std": std.to_numpy(),
        "z": ((spread - mean) / std).to_numpy(),
        "corr": corr.to_numpy(),
        "correlation": np.corrcoef(returns["y"][1:], returns["x"][1:])[0, 1],
        "adf": adfuller(spread.to_numpy(), result_object=False)[:3],
        "engle_granger": coint(y, x)[:2],
        "half_life": -math.log(2) / slope,
    }


def kalman_loop(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The filter as it is usually written: 2 x 2 arrays, a bar at a time."""
    theta, p, walk = np.zeros(2), np.zeros((2, 2)), 1e-4 / (1 - 1e-4) * np.eye(2)
    states = np.empty((len(y), 2))
    for t in range(len(y)):
        if t:
            p = p + walk
        h = np.array([x[t], 1.0])
        variance = h @ p @ h + 1e-3
        gain = p @ h / variance
        theta = theta + gain * (y[t] - h @ theta)
        p = p - np.outer(gain, h) @ p
        states[t] = theta
    return states


def other_figures(y: np.ndarray, x: np.ndarray, spread: np.ndarray) -> dict[str, Any]:
    """What our page shows beside: every hedge method, both paths, the p-value line, the rest."""
    import statsmodels.api as sm
    from scipy.stats import theilslopes
    from statsmodels.regression.rolling import RollingOLS
    from statsmodels.tsa.stattools import adfuller

    design = sm.add_constant(x)
    huber = sm.RLM(y, design).fit()
    states = kalman_loop(y, x)
    axes = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]), full_matrices=False)[2]
    path = RollingOLS(y, design, window=PATH_WINDOW).fit(params_only=True).params
    methods = {
        "huber": huber.params[1],
        "theil_sen": theilslopes(y, x).slope,
        "tls": axes[0, 1] / axes[0, 0],
        "kalman": states[-1, 0],
        "ratio": y.mean() / x.mean(),
    }
    swapped = sm.OLS(x, sm.add_constant(y)).fit()
    recent_y, recent_x = y[-WINDOW:], x[-WINDOW:]
    scores = {}
    for name, beta in methods.items():
        left = recent_y - beta * recent_x
        scores[name] = (left[-1] - left.mean()) / left.std(ddof=1)
    ends = np.arange(len(spread), ADF_WINDOW - 1, -ADF_STEP)[::-1]
    windows = [spread[end - ADF_WINDOW : end] for end in ends]
    lags = np.arange(2, 100)
    deviations = [np.std(spread[lag:] - spread[:-lag]) for lag in lags]
    b, a = np.polyfit(spread[:-1], spread[1:], 1)
    lines = RollingOLS(y, design, window=len(y), min_nobs=WINDOW, expanding=True)
    return {
        "methods": methods,
        "known_z": known_z(y, x, lines.fit(params_only=True).params[:, 1]),
        "swapped": swapped.params,
        "scores": scores,
        "path": path[:, 1],
        "kalman_path": states[:, 0],
        "adf_ends": ends - 1,
        "adf_line": [adfuller(window, result_object=False)[1] for window in windows],
        "hurst": np.polyfit(np.log(lags), np.log(deviations), 1)[0],
        "ou": (-math.log(b) if b > 0 else math.nan, a / (1 - b)),
    }


def known_z(y: np.ndarray, x: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """z at each bar by the line that was fitted up to it: what was known then."""
    import polars as pl

    near_y, near_x = y - y.mean(), x - x.mean()
    legs = pl.DataFrame({"y": near_y, "x": near_x})
    mean, var = pl.all().rolling_mean(WINDOW), pl.all().rolling_var(WINDOW)
    mean_y, mean_x = (column.to_numpy() for column in legs.select(mean))
    var_y, var_x = (column.to_numpy() for column in legs.select(var))
    cov = legs.select(pl.rolling_cov("y", "x", window_size=WINDOW))["y"].to_numpy()
    deviation = np.sqrt(var_y - 2 * betas * cov + betas**2 * var_x)
    return (near_y - mean_y - betas * (near_x - mean_x)) / deviation


def charts(times: Any, y: Any, x: Any, made: dict[str, Any]) -> list[go.Figure]:
    """The five charts of our page, of the figures there are."""
    mean, sigmas = made["mean"], 2.0 * made["std"]
    beta, alpha = made["fit"][:2]
    ends = np.array([np.min(x), np.max(x)])
    spread = go.Figure(
        [
            go.Scatter(x=times, y=mean + sigmas, line_width=0, name="+2σ"),
            go.Scatter(x=times, y=mean - sigmas, line_width=0, fill="tonexty", name="-2σ"),
            go.Scatter(x=times, y=mean, line_dash="dot", name="mean"),
            go.Scatter(x=times, y=made["spread"], name="spread"),
        ]
    )
    z = go.Figure(go.Scatter(x=times, y=made["z"], name="z by today's line"))
    if "known_z" in made:
        z.add_scatter(x=times, y=made["known_z"], name="z as it was known")
    for level, colour in ((THRESHOLD, "red"), (-THRESHOLD, "green")):
        z.add_hline(level, line_dash="dash", line_color=colour)
    scatter = go.Figure(
        [
            go.Scatter(x=x, y=y, mode="markers", marker={"color": np.arange(len(x))}),
            go.Scatter(x=ends, y=beta * ends + alpha, name="fit"),
            go.Scatter(x=x[-1:], y=y[-1:], mode="markers", name="now"),
        ]
    )
    lines = [("rolling", "path"), ("Kalman", "kalman_path"), ("correlation", "corr")]
    lines = [one for one in lines if one[1] in made][:2]
    path = go.Figure([go.Scatter(x=times, y=made[key], name=name) for name, key in lines])
    adf = go.Figure()
    if "adf_line" in made:
        adf.add_scatter(x=times[made["adf_ends"]], y=made["adf_line"], name="p-value")
    adf.add_hline(0.05, line_dash="dash")
    named = zip(("Spread", "z-score", "Regression", "Hedge ratio", "ADF"),
                (spread, z, scatter, path, adf), strict=True)  # fmt: skip
    return [chart.update_layout(title=title, template="plotly_dark") for title, chart in named]


def competent(y: Ticks, x: Ticks, *, everything: bool) -> bytes:
    """From the ticks in view to the bytes of five charts and the figures."""
    import orjson
    import plotly.io as pio

    times, left, right = polars_legs(y, x)
    made = common_figures(left, right)
    if everything:
        made |= other_figures(left, right, made["spread"])
    shown = charts(times, left, right, made)
    words = {name: value for name, value in made.items() if not isinstance(value, np.ndarray)}
    parts = [pio.to_json(chart, engine="orjson", validate=False).encode() for chart in shown]
    parts.append(orjson.dumps(repr(words)))
    return b"[" + b",".join(parts) + b"]"


class Seeds:
    """Ticks as dicts in one deque; `refresh` does what the interval's callback did."""

    def __init__(self, legs: Sequence[Ticks]) -> None:
        self.ticks: deque[dict[str, Any]] = deque(maxlen=sum(map(len, legs)))
        rows = [row for ticks in legs for row in self.rows(ticks)]
        self.ticks.extend(sorted(rows, key=lambda row: row["ts"]))

    def rows(self, ticks: Ticks) -> list[dict[str, Any]]:
        times = np.datetime_as_string(ticks.ts_ms.astype("datetime64[ms]"), timezone="UTC")
        columns = (times.tolist(), ticks.price.tolist(), ticks.size.tolist())
        return [
            {"symbol": ticks.symbol, "ts": ts, "price": price, "size": size}
            for ts, price, size in zip(*columns, strict=True)
        ]

    def _closes(self) -> pd.DataFrame:
        frame = pd.DataFrame(list(self.ticks))
        frame["ts"] = pd.to_datetime(frame["ts"])
        closes = {
            symbol: rows.set_index("ts")["price"].resample("1s").ohlc()["close"]
            for symbol, rows in frame.groupby("symbol")
        }
        return pd.DataFrame(closes).ffill().dropna().tail(BARS)

    def refresh(self, y: Ticks, x: Ticks) -> bytes:
        import statsmodels.api as sm
        from statsmodels.tsa.stattools import adfuller

        for ticks in (y, x):
            self.ticks.extend(self.rows(ticks))
        made: dict[str, Any] = {}
        closes = self._closes()  # for the regression
        fit = sm.OLS(closes[y.symbol], sm.add_constant(closes[x.symbol])).fit()
        alpha, beta = fit.params
        made["fit"] = (beta, alpha, fit.rsquared, fit.bse.iloc[1])
        closes = self._closes()  # for the spread and its z-score
        spread = closes[y.symbol] - beta * closes[x.symbol] - alpha
        window = spread.rolling(WINDOW)
        made |= {"spread": spread, "mean": window.mean(), "std": window.std()}
        made["z"] = (spread - made["mean"]) / made["std"]
        closes = self._closes()  # for the correlation
        returns = closes.pct_change()
        made["corr"] = returns[y.symbol].rolling(WINDOW).corr(returns[x.symbol])
        made["adf"] = adfuller(spread, result_object=False)
        closes = self._closes()  # for the charts
        shown = charts(closes.index, closes[y.symbol], closes[x.symbol], made)
        return "".join(chart.to_json() for chart in shown).encode()
