"""Single charts: what each of them shows, names and leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import Bars, HedgeFit, HedgePath, PairSnapshot
from dashapp.figures import backtest, correlation, home, pair
from dashapp.figures import sweep as sweeps
from dashapp.figures.base import empty_figure
from dashapp.services.analysis.summary import summarize_bars
from dashapp.text.numbers import base, pct
from dashapp.theme import TOKENS, rgba
from tests.dashapp.figures.samples import (
    HOSTILE,
    START,
    bars,
    events,
    every_figure,
    result,
    snapshot,
    sweep,
)
from tests.dashapp.figures.written import text_of, values_of

DARK = every_figure(340, "dark")


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
        assert "<a" not in text_of(chart)
        assert "<b>BAD" not in text_of(chart)


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


@pytest.mark.parametrize("legs", [None, ("BTCUSDT", "AAA"), ("AAA", "BTCUSDT"), ("AAA", "BBB")])
def test_a_symbol_has_one_colour_in_every_chart_of_home(legs):
    several = {name: bars(name) for name in ("BTCUSDT", "AAA", "BBB")}
    first = several["BTCUSDT"]
    compared = home.price_figure(several, legs=legs)["data"][0]["line"]["color"]
    alone = home.price_figure({"BTCUSDT": first}, legs=legs)["data"][0]["line"]["color"]
    beside_vwap = home.vwap_figure(first, legs=legs)["data"][1]["line"]["color"]
    assert compared == alone == beside_vwap


def test_vwap_without_volume_is_left_out_with_a_word():
    btc = bars()
    columns = {name: getattr(btc, name) for name in Bars._dtypes} | {"volume": np.zeros(len(btc))}
    chart = home.vwap_figure(Bars("BTCUSDT", "1s", **columns))
    assert "no volume, no VWAP" in text_of(chart)


def test_bars_of_closes_alone_have_every_chart_of_home():
    """Without volumes: those of a file of closes are not known."""
    btc = bars()
    for volume in (np.zeros(len(btc)), np.full(len(btc), np.nan)):
        columns = {name: getattr(btc, name) for name in Bars._dtypes} | {"volume": volume}
        without = Bars("BTCUSDT", "1s", **columns)
        for mode in ("lines", "candles"):
            assert home.price_figure({"BTCUSDT": without}, mode=mode)["data"]
        chart = home.volume_figure(without)
        labels = [mark for mark in chart["layout"]["annotations"] if mark.get("yref") == "y"]
        assert len(labels) == np.isfinite(volume[-1])
        assert home.vwap_figure(without)["data"]


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
    assert "not known yet" in text_of(pair.zscore_figure(view))
    assert "needs 120 bars, has 58" in text_of(pair.adf_figure(view))


@pytest.mark.parametrize("p", [0.0004, 0.3])
def test_the_adf_of_a_fitted_spread_has_no_verdict_in_its_colours(p):
    view = snapshot()
    chart = pair.adf_figure(replace(view, adf_pvalue=np.full(len(view.adf_pvalue), p)))
    written = text_of(chart)
    assert all(rgba(TOKENS["dark"][tone], 1)[:-2] not in written for tone in ("up", "down", "warn"))
    assert all(TOKENS["dark"][tone] not in written for tone in ("up", "down", "warn"))
    assert "indicative" in text_of(chart)


def test_the_equation_stands_in_the_corner_that_its_line_leaves_free():
    view = snapshot()
    for beta, corner in ((20.3, "left"), (-20.3, "right")):
        known = HedgePath("view", np.full(300, beta), np.zeros(300))
        chart = pair.scatter_figure(replace(view, known=known))
        (equation,) = [one for one in chart["layout"]["annotations"] if "Y = " in one["text"]]
        assert equation["xanchor"] == equation["align"] == corner
        assert equation["x"] == (corner == "right")


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
    assert "Y = 20.30 X + 7,900.00" in text_of(DARK["scatter"])


def test_a_method_out_of_range_is_named_with_an_arrow():
    texts = [annotation["text"] for annotation in DARK["hedge"]["layout"]["annotations"]]
    assert "ratio ↑" in texts
    assert "TLS" in texts


def test_the_hedge_chart_says_its_rolling_window_and_draws_the_kalman_path_beside_it():
    view = replace(snapshot(300), path_rows=200)
    chart = pair.hedge_path_figure(view)
    names = [trace["name"] for trace in chart["data"][:2]]
    assert names == ["rolling OLS, 200 bars", "Kalman path"]
    assert "Kalman path<br>20.29" in text_of(chart), "the table's Kalman is of another filter"
    assert "rolling 200 bars" in text_of(chart)
    early = text_of(pair.hedge_path_figure(replace(snapshot(120), path_rows=200)))
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


@pytest.mark.parametrize("kind", ["correlation", "z"])
def test_a_heatmap_writes_a_true_minus_and_no_minus_zero(kind):
    chart = correlation.heatmap_figure(("A", "B"), np.array([[1.0, -0.001], [-0.5, 1.0]]), kind)
    texts = {text for trace in chart["data"] for row in trace["text"] for text in row}
    assert {text for text in texts if "0.5" in text} <= {"−0.50", "−0.5"}
    assert texts >= ({"0.00", "−0.50"} if kind == "correlation" else {"0.0", "−0.5"})
    assert not any("-" in mark for mark in chart["data"][0]["colorbar"]["ticktext"])


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
    assert "in-sample" in text_of(backtest.equity_figure(result(in_sample=True)))


def test_what_costs_take_is_a_band_around_zero_of_the_z_of_a_back_test():
    costs = DARK["backtest z"]["data"][0]
    heights = values_of(costs["y"])
    assert (heights.min(), heights.max()) == pytest.approx((-1.2, 1.2))
    assert "within costs" in text_of(DARK["backtest z"])


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
    assert "no cell earns anything" in text_of(chart)
    assert "framed" not in text_of(chart)


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
    assert "R² (uncentred) 0.980" in text_of(pair.scatter_figure(snapshot(intercept=False)))
    assert "OLS, R² 0.980" in text_of(pair.scatter_figure(snapshot()))


def test_a_long_view_is_thinned():
    long = bars(count=2_500)
    wide = {name: np.tile(getattr(long, name), 4) for name in Bars._dtypes}
    wide["ts_ms"] = START + 1_000 * np.arange(10_000)
    chart = home.price_figure({"BTCUSDT": Bars("BTCUSDT", "1s", **wide)})
    assert len(values_of(chart["data"][0]["y"])) < 6_000


def test_log_prices_name_their_unit():
    chart = pair.spread_figure(snapshot(price_space="log"))
    assert chart["layout"]["yaxis"]["title"]["text"] == "Spread (log price)"


def test_a_profit_factor_without_a_loss_is_the_largest_cell_and_says_that_it_is_infinite():
    matrix = [[1.0, np.inf, np.nan], [0.5, 2.5, 1.2]]
    chart = sweeps.sweep_figure(sweep(matrix, "profit_factor"), "profit_factor")
    light, dark = chart["data"]
    pairs = zip(light["text"], dark["text"], strict=True)
    texts = [[black or white for black, white in zip(*rows, strict=True)] for rows in pairs]
    assert texts == [["1.00", "∞", ""], ["0.50", "2.50", "1.20"]]
    drawn = np.fmax(*(values_of(trace["z"]) for trace in (light, dark)))
    assert drawn[0, 1] == 2.5 == light["zmax"]
    assert "best by profit factor, in hindsight" in text_of(chart)
