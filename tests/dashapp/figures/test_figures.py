"""Every chart: valid plotly, plain JSON, safe text, one structure while data goes on."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest

from analytics.alerts import AlertEvent
from analytics.backtest import BacktestParams, Trade
from analytics.grid import Grid
from analytics.model import Bars, HedgeFit, HedgePath, PairParams, PairSnapshot
from analytics.sweep import SweepResult
from analytics.walkforward import Curve, Fold, WalkForward
from dashapp.figures import alerts, backtest, correlation, home, pair, trades
from dashapp.figures import sweep as sweeps
from dashapp.figures.base import empty_figure, structure_and_arrays
from dashapp.services.analysis.summary import summarize_bars
from dashapp.text.numbers import base, pct
from dashapp.text.pair import BreakEven
from dashapp.theme import TOKENS

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
    return SweepResult(grid, {metric: values}, values.size, False, START, START + 1_000, 2)


def walk(count: int = 300) -> WalkForward:
    equity = 1 + np.cumsum(np.random.default_rng(3).normal(0, 1e-5, count))
    ts = START + 1_000 * np.arange(count)
    folds = tuple(
        Fold(0, 0, int(ts[at]), int(ts[at]), 2.0, 60.0, 1.0, 0.5, 0.001) for at in (0, count // 2)
    )
    curves = (Curve(equity, 0.01, 1.0, -0.1), Curve(equity * 1.01, 0.02, 2.0, -0.1))
    return WalkForward(sweep().grid, "sharpe", 100, 50, ts, *curves, (2.0, 60.0), folds)


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


NAMES = list(every_figure(310, "dark"))
PLOTS = [name for name in NAMES if name != "empty"]
DARK, LIGHT = every_figure(340, "dark"), every_figure(340, "light")


def values_of(spec: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(spec["bdata"]), spec["dtype"])


def texts_of(chart: dict) -> str:
    return json.dumps(chart, ensure_ascii=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_chart_is_valid_plotly(name, theme):
    go.Figure((DARK if theme == "dark" else LIGHT)[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_is_plain_json_without_nan(name):
    json.dumps(DARK[name], allow_nan=False)


@pytest.mark.parametrize("name", PLOTS)
def test_every_chart_has_a_title_axis_titles_and_the_revision_it_was_given(name):
    layout = DARK[name]["layout"]
    assert layout["title"]["text"]
    assert layout["xaxis"]["title"]["text"]
    assert layout["yaxis"]["title"]["text"]
    assert layout["uirevision"].startswith("u")
    assert "height" not in layout
    assert layout["autosize"]


@pytest.mark.parametrize("name", [plot for plot in PLOTS if "adf" not in plot])
def test_no_chart_sets_a_range_that_would_undo_a_zoom(name):
    for axis in ("xaxis", "yaxis"):
        assert "range" not in DARK[name]["layout"][axis]


@pytest.mark.parametrize("name", NAMES)
def test_a_theme_never_uses_a_colour_of_the_other(name):
    ours = set(TOKENS["light"].values())
    for colour in set(TOKENS["dark"].values()) - ours:
        assert colour not in texts_of(LIGHT[name])


@pytest.mark.parametrize("name", NAMES)
def test_arrays_patched_onto_the_last_figure_give_the_new_one(name):
    old, new = every_figure(310, "dark")[name], DARK[name]
    structure, arrays = structure_and_arrays(new)
    if structure_and_arrays(old)[0] != structure:
        pytest.fail(f"{name} changes its structure when bars are added")
    patched = copy.deepcopy(old)
    for path, value in arrays:
        room = patched
        for step in path[:-1]:
            room = room[step]
        room[path[-1]] = value
    assert patched == new


@pytest.mark.parametrize("name", PLOTS)
def test_the_structure_tells_themes_apart(name):
    assert structure_and_arrays(DARK[name])[0] != structure_and_arrays(LIGHT[name])[0]


def test_the_structure_changes_when_a_line_is_added():
    view = snapshot()
    structures = [
        structure_and_arrays(pair.spread_figure(view, markers=markers))[0]
        for markers in ([], events(view))
    ]
    assert structures[0] != structures[1]


def test_building_a_chart_changes_neither_template_nor_snapshot():
    view = snapshot()
    before = (texts_of(pair.zscore_figure(view)), view.z.copy())
    every_figure(300, "dark")
    assert texts_of(pair.zscore_figure(view)) == before[0]
    np.testing.assert_array_equal(view.z, before[1])


def test_a_hostile_name_is_text_in_every_label():
    view = snapshot(y=HOSTILE, x="<b>BAD</b>")
    hostile_bars = Bars(HOSTILE, "1s", *(getattr(bars(), name) for name in Bars._dtypes))
    hostile = [
        pair.spread_figure(view, markers=events(view, HOSTILE)),
        pair.scatter_figure(view),
        correlation.rolling_correlation_figure(view),
        home.price_figure({HOSTILE: hostile_bars}),
        home.price_figure({HOSTILE: hostile_bars, "B": bars("B")}),
        home.price_figure({HOSTILE: hostile_bars}, mode="candles"),
        home.volume_figure(hostile_bars),
        home.vwap_figure(hostile_bars),
        empty_figure(HOSTILE, "dark"),
    ]
    for chart in hostile:
        assert "<a" not in texts_of(chart)
        assert "<b>BAD" not in texts_of(chart)


def test_several_symbols_are_compared_by_their_change_and_hover_tells_the_price():
    chart = DARK["lines"]
    for trace, price in zip(chart["data"], (61_800.0, 0.0512), strict=True):
        close = values_of(trace["customdata"])
        np.testing.assert_allclose(values_of(trace["y"]), 100 * (close / price - 1), atol=1e-9)
    assert chart["layout"]["yaxis"]["title"]["text"] == "Change (%)"


def test_the_change_of_a_line_is_that_of_the_symbols_card():
    late = Bars("SOLUSDT", "1s", *(getattr(bars("SOLUSDT", 142.0), n)[80:] for n in Bars._dtypes))
    several = {"BTCUSDT": bars(), "SOLUSDT": late}
    chart = home.price_figure(several)
    for symbol, trace in zip(several, chart["data"], strict=True):
        change = summarize_bars(several[symbol]).change
        assert values_of(trace["y"])[-1] == pytest.approx(100 * change)
        label = f"<b>{base(symbol)} {pct(change)}</b>"
        assert label in [annotation["text"] for annotation in chart["layout"]["annotations"]]


def test_symbols_of_one_base_are_told_apart_in_their_labels():
    several = {name: bars(name) for name in ("BTCEUR", "BTCUSD", "ETHUSD")}
    texts = [
        annotation["text"] for annotation in home.price_figure(several)["layout"]["annotations"]
    ]
    starts = {text.removeprefix("<b>").split(" ")[0] for text in texts if "%" in text}
    assert starts == {"BTCEUR", "BTCUSD", "ETH"}


def test_legs_keep_their_colours_on_home():
    several = {name: bars(name) for name in ("AAA", "BBB", "CCC")}
    chart = home.price_figure(several, legs=("CCC", "AAA"))
    colours = {trace["name"]: trace["line"]["color"] for trace in chart["data"]}
    assert colours["CCC"] == TOKENS["dark"]["leg_y"]
    assert colours["AAA"] == TOKENS["dark"]["leg_x"]


def test_vwap_without_volume_is_left_out_with_a_word():
    btc = bars()
    columns = {name: getattr(btc, name) for name in Bars._dtypes} | {"volume": np.zeros(len(btc))}
    chart = home.vwap_figure(Bars("BTCUSDT", "1s", **columns))
    assert "no volume, no VWAP" in texts_of(chart)
    json.dumps(chart, allow_nan=False)


def test_the_band_is_two_sigmas_around_the_mean():
    band = values_of(DARK["spread"]["data"][0]["y"])
    assert band.max() == pytest.approx(0.5 + 2 * 8.0)
    assert band.min() == pytest.approx(0.5 - 2 * 8.0)


def test_the_threshold_is_drawn_at_its_number():
    chart = pair.zscore_figure(snapshot(), 2.5)
    lines = [shape["y0"] for shape in chart["layout"]["shapes"] if shape["type"] == "line"]
    assert sorted(lines) == [-2.5, 2.5]
    texts = [shape["text"] for shape in chart["layout"]["annotations"]]
    assert "+2.5 short" in texts
    assert "−2.5 long" in texts


def test_the_last_value_stands_at_the_right_in_the_colour_of_its_line():
    view = snapshot()
    label = next(
        annotation
        for annotation in pair.zscore_figure(view)["layout"]["annotations"]
        if annotation["text"] == f"<b>{view.z[-1]:+.2f}</b>".replace("-", "−")
    )
    assert label["x"] == 1
    assert label["font"]["color"] == TOKENS["dark"]["z"]


def test_a_z_score_that_is_not_known_leaves_a_message():
    view = snapshot(58)
    for chart in (pair.zscore_figure(view), pair.adf_figure(view)):
        json.dumps(chart, allow_nan=False)
    assert "not known yet" in texts_of(pair.zscore_figure(view))
    assert "needs 120 bars, has 58" in texts_of(pair.adf_figure(view))


def test_a_tiny_p_value_is_drawn_at_the_floor_and_told_in_full():
    view = snapshot()
    tiny = np.full(len(view.adf_pvalue), 1e-12)
    fields = {**vars(view), "adf_pvalue": tiny}
    (trace,) = pair.adf_figure(PairSnapshot(**fields))["data"]
    assert (values_of(trace["y"]) == pair.P_FLOOR).all()
    assert (values_of(trace["customdata"]) == 1e-12).all()


def test_the_scatter_is_aged_from_the_newest_bar():
    points = DARK["scatter"]["data"][0]
    ages = values_of(points["marker"]["color"])
    assert ages[0] == 339
    assert ages[-1] == 0
    assert "Y = 20.30 X + 7,900.00" in texts_of(DARK["scatter"])


def test_a_method_out_of_range_is_named_with_an_arrow():
    texts = [annotation["text"] for annotation in DARK["hedge"]["layout"]["annotations"]]
    assert "ratio ↑" in texts
    assert "TLS" in texts


def test_the_hedge_chart_says_its_rolling_window_and_draws_the_kalman_path_beside_it():
    view = replace(snapshot(300), path_rows=200)
    chart = pair.hedge_path_figure(view)
    assert [trace["name"] for trace in chart["data"]] == ["rolling OLS, 200 bars", "Kalman"]
    assert "rolling 200 bars" in texts_of(chart)
    early = texts_of(pair.hedge_path_figure(replace(snapshot(120), path_rows=200)))
    assert "rolling 200 bars, has 120" in early


def test_methods_that_lie_close_share_a_label_and_keep_their_ticks():
    view = snapshot(300)
    fits = {
        name: HedgeFit(name, beta, 0.0, 0.9, 0.03, 300)
        for name, beta in (("ols", 20.30), ("huber", 20.301), ("tls", 20.302), ("ratio", 20.31))
    }
    chart = pair.hedge_path_figure(replace(view, fits=fits))
    texts = [annotation["text"] for annotation in chart["layout"]["annotations"]]
    assert "<b>OLS</b>" in texts
    assert "Huber, TLS" in texts
    assert "ratio" in texts
    levels = [
        annotation["y0"] for annotation in chart["layout"]["shapes"] if annotation["type"] == "line"
    ]
    assert sorted(levels) == [20.30, 20.301, 20.302, 20.31]


def test_a_cell_of_the_heatmap_carries_its_pair_and_stays_between_minus_one_and_one():
    light, dark = DARK["heatmap"]["data"]
    for trace in (light, dark):
        assert (trace["zmin"], trace["zmax"]) == (-1, 1)
        assert trace["customdata"][0][2] == ["A", "C"]
        assert list(trace["x"]) == ["A", "B", "C"]
    both = np.stack([values_of(light["z"]), values_of(dark["z"])])
    assert (np.isfinite(both).sum(axis=0) <= 1).all()
    assert np.isfinite(both).any(axis=0).sum() == 7


def test_numbers_stand_in_the_cells_up_to_twelve_symbols():
    for count, shown in ((12, True), (13, False)):
        symbols = [f"S{number}" for number in range(count)]
        chart = correlation.heatmap_figure(symbols, np.eye(count))
        assert ("texttemplate" in chart["data"][0]) is shown


def test_the_rolling_correlation_skips_rows_that_have_none():
    view = snapshot()
    (trace,) = correlation.rolling_correlation_figure(view)["data"]
    assert len(values_of(trace["y"])) == int((~view.carried).sum())


def test_trades_are_open_circles_in_and_filled_ones_out():
    traces = {trace["name"]: trace for trace in DARK["backtest z"]["data"][2:]}
    assert traces["entry long"]["marker"]["symbol"] == "circle-open"
    assert traces["exit long"]["marker"]["symbol"] == "circle"
    assert "entry short" in traces
    assert "exit short" not in traces
    assert traces["exit long"]["marker"]["color"] == TOKENS["dark"]["up"]


def test_an_in_sample_backtest_is_marked():
    assert "in-sample" in texts_of(backtest.equity_figure(result(in_sample=True)))


def test_what_costs_take_is_a_band_around_zero_of_the_z_of_a_back_test():
    costs = DARK["backtest z"]["data"][0]
    heights = values_of(costs["y"])
    assert (heights.min(), heights.max()) == pytest.approx((-1.2, 1.2))
    assert "within costs" in texts_of(DARK["backtest z"])


def test_the_best_cell_of_a_sweep_is_framed():
    (frame,) = DARK["sweep"]["layout"]["shapes"]
    assert (frame["x0"], frame["x1"]) == (1.75, 2.25)
    assert (frame["y0"], frame["y1"]) == (90, 150)
    assert DARK["sweep"]["layout"]["title"]["text"] == "Sharpe"


def test_the_cell_of_the_settings_in_use_is_marked_where_the_grid_has_it():
    for used, frames in (
        ({"entry_z": 1.5, "z_window": 60}, 2),
        ({"entry_z": 1.6, "z_window": 60}, 1),
        ({"z_window": 60}, 1),
    ):
        chart = sweeps.sweep_figure(sweep(), used=used)
        assert len(chart["layout"]["shapes"]) == frames


@pytest.mark.parametrize(("metric", "best"), [("sharpe", 0.0), ("profit_factor", 0.9)])
def test_no_cell_of_a_sweep_is_framed_where_all_of_them_lose(metric, best):
    matrix = [[-1.0, -3.0, np.nan], [-0.5, best, -2.0]]
    chart = sweeps.sweep_figure(sweep(matrix, metric), metric)
    assert chart["layout"]["shapes"] == []
    assert "no cell earns anything" in texts_of(chart)
    assert "framed" not in texts_of(chart)


def test_a_large_grid_has_few_ticks_and_no_numbers_in_its_cells():
    wide = sweep([list(range(-50, 50)), list(range(100))], x_values=tuple(range(1, 101)))
    chart = sweeps.sweep_figure(wide)
    assert "tickvals" not in chart["layout"]["xaxis"]
    assert chart["layout"]["yaxis"]["tickvals"] == [60, 120]
    assert "texttemplate" in chart["data"][0]
    huge = sweeps.sweep_figure(
        sweep([list(range(101)), list(range(101))], x_values=tuple(range(1, 102)))
    )
    assert "texttemplate" not in huge["data"][0]


def test_walking_forward_stands_beside_hindsight_with_a_line_a_choice():
    chart = DARK["walk"]
    assert [trace["name"] for trace in chart["data"]] == ["hindsight", "out of sample"]
    (path,) = [trace["path"] for trace in chart["layout"]["shapes"] if trace["type"] == "path"]
    assert path.count("M") == 2


def test_the_shading_of_many_carried_stretches_leaves_the_rows_between_free():
    view = snapshot(600)
    carried = np.arange(600) % 4 == 1
    chart = pair.zscore_figure(PairSnapshot(**{**vars(view), "carried": carried}))
    (path,) = [shape["path"] for shape in chart["layout"]["shapes"] if shape["type"] == "path"]
    assert path.count("Z") == 150
    assert f"M{START + 500},0V1H{START + 1_500}V0Z" in path


def test_r_squared_of_a_line_through_the_origin_is_called_uncentred():
    assert "R² (uncentred) 0.980" in texts_of(pair.scatter_figure(snapshot(intercept=False)))
    assert "OLS, R² 0.980" in texts_of(pair.scatter_figure(snapshot()))


def test_a_long_view_is_thinned():
    long = bars(count=2_500)
    wide = {name: np.tile(getattr(long, name), 4) for name in Bars._dtypes}
    wide["ts_ms"] = START + 1_000 * np.arange(10_000)
    chart = home.price_figure({"BTCUSDT": Bars("BTCUSDT", "1s", **wide)})
    assert len(values_of(chart["data"][0]["y"])) < 6_000


def test_log_prices_name_their_unit():
    chart = pair.spread_figure(snapshot(price_space="log"))
    assert chart["layout"]["yaxis"]["title"]["text"] == "Spread (log price)"
