"""Synthetic snapshots, bars and results, and every figure made of them."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np

from analytics.alerts import AlertEvent
from analytics.backtest import BacktestParams, Trade
from analytics.correlation import LeadLag
from analytics.grid import Grid
from analytics.model import Bars, HedgeFit, HedgePath, PairParams, PairSnapshot
from analytics.scanner import ScanParams, ScanResult, scan_pairs
from analytics.sweep import SweepResult
from analytics.walkforward import Curve, Fold, WalkForward
from dashapp.figures import alerts, backtest, correlation, home, pair, scan, trades
from dashapp.figures import sweep as sweeps
from dashapp.figures.base import empty_figure
from dashapp.text.pair import BreakEven

START = 1_723_161_256_000
HOSTILE = '<a href="https://x">X</a>'


def snapshot(count: int = 300, y: str = "BTCUSDT", x: str = "ETHUSDT", **params) -> PairSnapshot:
    noise = np.random.default_rng(1)
    price_x = 2_650 + np.cumsum(noise.normal(0, 0.3, 2_500))[:count]
    spread = np.sin(np.arange(count) / 20) * 20 + noise.normal(0, 1, 2_500)[:count]
    z = np.where(np.arange(count) < 59, np.nan, spread / 8)
    beta = np.where(np.arange(count) < 59, np.nan, 20.3 + spread / 1_000)
    fits = {
        name: HedgeFit(name, 20.3 * factor, 7_900.0, 0.98, 0.03, count)
        for name, factor in (("ols", 1.0), ("tls", 1.0004), ("kalman", 1.0), ("ratio", 1.2))
    }
    ends = np.arange(119, max(count, 120), 3)[: max(0, count // 3 - 39)]
    return PairSnapshot(
        params=PairParams(y, x, **params),
        ts_ms=START + 1_000 * np.arange(count),
        price_y=20.3 * price_x + 7_900 + spread,
        price_x=price_x,
        carried=np.arange(count) % 40 == 7,
        fit=fits["ols"],
        fits=fits,
        path=HedgePath("ols", beta, beta * 0),
        kalman_path=HedgePath("kalman", np.full(count, 20.29), np.zeros(count)),
        spread=spread,
        mean=np.where(np.arange(count) < 59, np.nan, 0.5),
        std=np.where(np.arange(count) < 59, np.nan, 8.0),
        z=z,
        corr=np.where(np.arange(count) < 60, np.nan, 0.9),
        adf_ts_ms=START + 1_000 * ends,
        adf_pvalue=np.full(len(ends), 0.012),
        adf=None,
        engle_granger=None,
        correlation=0.9,
        half_life=40.0,
        hurst=0.3,
    )


def bars(symbol: str = "BTCUSDT", price: float = 61_800.0, count: int = 200) -> Bars:
    steps = np.random.default_rng(len(symbol)).normal(0, 2e-4, 2_500)[:count]
    close = price * np.exp(np.cumsum(steps))
    first = np.concatenate([[price], close[:-1]])
    return Bars(
        symbol,
        "1s",
        START + 1_000 * np.arange(count),
        first,
        np.maximum(first, close) * 1.0001,
        np.minimum(first, close) * 0.9999,
        close,
        np.full(count, 1.5),
        np.full(count, 3),
        close,
    )


def events(view: PairSnapshot, text: str = "|z| > 2") -> list[AlertEvent]:
    pair_of = (view.params.y, view.params.x)
    crossings = (view.ts_ms[70], 2.2), (view.ts_ms[120], -2.4)
    return [
        AlertEvent(str(ts), "r", int(ts), "demo", pair_of, "z", "abs>", 2.0, value, text)
        for ts, value in crossings
    ]


def a_trade(
    side: int, entry_ts_ms: int, exit_ts_ms: int, net: float, exit_reason: str, beta: float = 20.3
) -> Trade:
    return Trade(
        side=side,
        entry_ts_ms=entry_ts_ms,
        exit_ts_ms=exit_ts_ms,
        entry_z=-2.2 * side,
        exit_z=0.1,
        bars=30,
        entry_y=61_800.0,
        entry_x=2_650.0,
        exit_y=61_810.0,
        exit_x=2_650.0,
        beta=beta,
        gross=net + 1e-4,
        cost=1e-4,
        net=net,
        exit_reason=exit_reason,
    )


def result(count: int = 300, **changes) -> SimpleNamespace:
    view = snapshot(count)
    equity = 1 + np.cumsum(np.random.default_rng(2).normal(0, 1e-5, 2_500))[:count]
    ts = view.ts_ms
    made_trades = (
        a_trade(1, int(ts[80]), int(ts[110]), 3e-4, "target"),
        a_trade(-1, int(ts[140]), int(ts[-1]), -1e-4, "open"),
    )
    fields = SimpleNamespace(
        params=view.params,
        settings=SimpleNamespace(entry_z=2.0, exit_z=0.0, stop_z=3.0),
        ts_ms=ts,
        equity=equity,
        gross_equity=equity * 1.001,
        drawdown=equity / np.maximum.accumulate(equity) - 1,
        z=view.z,
        break_even_z=np.full(count, 1.2),
        carried=view.carried,
        trades=made_trades,
        in_sample=False,
    )
    return SimpleNamespace(**{**vars(fields), **changes})


def sweep(matrix: list | None = None, metric: str = "sharpe", x_values=(1.5, 2.0, 2.5)):
    values = np.array(matrix or [[1.0, -3.0, np.nan], [0.5, 12.0, 2.0]])
    settings = BacktestParams(entry_z=1.5)
    grid = Grid(PairParams("Y", "X"), settings, "entry_z", x_values, "z_window", (60, 120))
    figures = {"trades": np.ones(values.shape), metric: values}
    spans = START, START + 1_000, 2
    return SweepResult(grid, figures, values.size, False, *spans, sharpe_error=values)


def walk(count: int = 300) -> WalkForward:
    equity = 1 + np.cumsum(np.random.default_rng(3).normal(0, 1e-5, count))
    ts = START + 1_000 * np.arange(count)
    folds = tuple(
        Fold(0, 0, int(ts[at]), int(ts[at]), 2.0, 60.0, 1.0, 0.5, 0.001) for at in (0, count // 2)
    )
    curves = (Curve(equity, 0.01, 1.0, -0.1), Curve(equity * 1.01, 0.02, 2.0, -0.1))
    return WalkForward(sweep().grid, "sharpe", 100, 50, ts, *curves, (2.0, 60.0), folds)


def lags(count: int) -> LeadLag:
    """A peak at a lag of 200 ms."""
    at = np.arange(-1_000, 1_001, 100)
    values = np.exp(-(((at - 200) / 300.0) ** 2)) + 1e-4 * count
    return LeadLag(at, values, 200, float(values.max()))


def planted(
    count: int = 600, symbols: int = 6, seed: int = 3
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and closes of walks, of which the second follows the first with a half-life of 3."""
    rng = np.random.default_rng(seed)
    logs = np.cumsum(rng.normal(0, 0.01, (count, symbols)), axis=0)
    noise = np.zeros(count)
    for row in range(1, count):
        noise[row] = noise[row - 1] * 0.5 ** (1 / 3) + rng.normal(0, 0.004)
    logs[:, 1] = logs[:, 0] + noise
    return tuple(f"S{number}USDT" for number in range(symbols)), 100.0 * np.exp(logs)


@cache
def scanned(count: int = 600) -> ScanResult:
    """A scan of six walks with one planted pair; count: of which the last rows are looked at."""
    names, closes = planted()
    return scan_pairs(closes, names=names, params=ScanParams(bars=max(count, 300), min_crossings=4))


def every_figure(count: int, theme: str) -> dict[str, dict]:
    view, run = snapshot(count), result(count)
    several = {"BTCUSDT": bars(count=count), "DOGEUSDT": bars("DOGEUSDT", 0.0512, count)}
    btc, fired = bars(count=count), events(view)
    look = {"theme": theme, "uirevision": "u"}
    matrix = np.array([[1.0, 0.7, np.nan], [0.7, 1.0, -0.4], [np.nan, -0.4, 1.0]])
    return {
        "lines": home.price_figure(several, **look),
        "line": home.price_figure({"BTCUSDT": btc}, **look),
        "candles": home.price_figure(several, mode="candles", **look),
        "volume": home.volume_figure(btc, **look),
        "vwap": home.vwap_figure(btc, **look),
        "spread": pair.spread_figure(view, markers=fired, **look),
        "zscore": pair.zscore_figure(
            view, 2.0, break_even=BreakEven(1.1, 2.0), markers=fired, **look
        ),
        "scatter": pair.scatter_figure(view, **look),
        "hedge": pair.hedge_path_figure(view, **look),
        "adf": pair.adf_figure(view, **look),
        "heatmap": correlation.heatmap_figure(("A", "B", "C"), matrix, **look),
        "heatmap of p": correlation.heatmap_figure(
            ("A", "B", "C"), 0.5 * (matrix + 1), "pvalue", **look
        ),
        "heatmap of half-life": correlation.heatmap_figure(
            ("A", "B", "C"), 40.0 * (matrix + 1.01), "half_life", **look
        ),
        "heatmap of z": correlation.heatmap_figure(("A", "B", "C"), 3.0 * matrix, "z", **look),
        "lead and lag": correlation.lead_lag_figure(lags(count), ("A", "B"), **look),
        "funnel": scan.funnel_figure(scanned(count), **look),
        "p-values": scan.pvalue_figure(scanned(count), **look),
        "rolling": correlation.rolling_correlation_figure(view, **look),
        "equity": backtest.equity_figure(run, **look),
        "drawdown": backtest.drawdown_figure(run, **look),
        "backtest z": trades.backtest_z_figure(run, **look),
        "sweep": sweeps.sweep_figure(sweep(), **look),
        "walk": sweeps.walk_figure(walk(count), **look),
        "alert spread": alerts.alert_spread_figure(view, fired, **look),
        "alert z": alerts.alert_zscore_figure(view, 2.0, fired, **look),
        "empty": empty_figure("needs 60 bars, has 12: about 48 s", theme, "zscore-chart"),
    }
