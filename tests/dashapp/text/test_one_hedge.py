"""One hedge a page: what says or acts on it is of the line in use, in every hedge mode."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.carry import Carry
from analytics.model import HedgePath, Listing, PairParams, Reading
from dashapp.figures.pair import hedge_path_figure, scatter_figure, zscore_figure
from dashapp.parameters.pair import View
from dashapp.services.funding import carry_of
from dashapp.text import answers, methods
from dashapp.text.numbers import ratio
from dashapp.text.pair import (
    LEGS_AGAINST,
    MODE_WORDS,
    BreakEven,
    line_in_use,
    pair_figures,
)
from dashapp.text.quantities import quantity_row
from dashapp.ui.pages.analytics.page import hedge_now
from dashapp.ui.pages.analytics.tables import methods_table
from tests.dashapp.figures.written import values_of

MODES = [("view", "huber"), ("rolling", "ols"), ("kalman", "ols"), ("locked", "ols")]
BETA, ALPHA = -2.125, 65_000.0
#: How old the line in use is where its method is fitted now and then.
BARS_AGO = 12
OF_MODES = pytest.mark.parametrize(("mode", "method"), MODES)


def measured(pair_snapshot, mode: str, method: str, z: float = 2.5):
    """A pair whose line in use has another sign than the fit over the window."""
    rows = len(pair_snapshot)
    refits = mode == "view" and method in ("huber", "theil_sen", "kalman")
    fitted_ms = int(pair_snapshot.ts_ms[-1]) - BARS_AGO * 1_000 if refits else None
    given = {"beta": BETA, "alpha": ALPHA} if mode == "locked" else {}
    return replace(
        pair_snapshot,
        params=replace(pair_snapshot.params, spread_mode=mode, hedge=method, **given),
        fit=replace(pair_snapshot.fit, method=method, beta=+0.5, beta_stderr=0.1),
        known=HedgePath(mode, np.full(rows, BETA), np.full(rows, ALPHA)),
        z=np.full(rows, z),
        reading=Reading(1_234.5, 1_000.0, 93.8, fitted_ms),
        method_z=dict.fromkeys(pair_snapshot.fits, 0.1),
        swapped_z=0.1,
        beta_stderr=0.25,
    )


def row_of(rows, label: str):
    return next(row[1:] for row in rows if row[0].startswith(label))


@OF_MODES
def test_what_acts_on_the_hedge_is_of_the_line_in_use(pair_snapshot, mode, method):
    snapshot = measured(pair_snapshot, mode, method)
    assert line_in_use(snapshot) == (BETA, ALPHA)
    value, words, tone = row_of(pair_figures(snapshot), "Hedge ratio")
    assert value == ratio(BETA)
    assert LEGS_AGAINST in words
    assert tone == "warn"
    assert row_of(pair_figures(snapshot), "Intercept")[0] == "65,000.00"
    head = answers.plain(answers.pair_answer(snapshot, 2.0))
    assert "short BTCUSDT / short ETHUSDT" in head
    assert LEGS_AGAINST in head
    assert "short BTC / short ETH" in quantity_row(snapshot, 10_000.0)[0][2]
    lock = hedge_now(snapshot, View("demo", (), "1s", 2.0, snapshot.params))
    assert (lock["beta"], lock["alpha"]) == (BETA, ALPHA)


@OF_MODES
def test_the_charts_draw_the_line_in_use(pair_snapshot, mode, method):
    snapshot = measured(pair_snapshot, mode, method)
    chart = scatter_figure(snapshot)
    x, y = (values_of(chart["data"][1][axis]) for axis in "xy")
    assert np.diff(y)[0] / np.diff(x)[0] == pytest.approx(BETA)
    assert f"Y = {ratio(BETA)} X + 65,000.00" in str(chart["layout"]["annotations"])
    marks = [shape for shape in hedge_path_figure(snapshot)["layout"]["shapes"] if "x0" in shape]
    whole = [mark["y0"] for mark in marks if mark["x0"] == 0]
    assert whole == [BETA]


@OF_MODES
def test_the_table_of_methods_marks_the_line_in_use_and_has_the_z_of_the_head(
    pair_snapshot, mode, method
):
    snapshot = measured(pair_snapshot, mode, method)
    rows = methods.method_rows(snapshot, 2.0)
    (shown,) = [row for row in rows if row.shown]
    assert (shown.beta, shown.z, shown.signal.side) == (ratio(BETA), "+2.50", -1)
    assert all(row.beta != ratio(BETA) for row in rows if not row.shown)
    words, tone = methods.choice_words(snapshot, 2.0)
    assert "short BTCUSDT / short ETHUSDT" in words
    assert "+2.50" in words
    assert LEGS_AGAINST in words
    assert tone == "warn"


@pytest.mark.parametrize("mode", ["rolling", "kalman", "locked"])
def test_the_fits_beside_a_line_that_is_none_of_them_are_named_a_comparison(pair_snapshot, mode):
    snapshot = measured(pair_snapshot, mode, "ols")
    cells = json.dumps(methods_table(methods.method_rows(snapshot, 2.0)), ensure_ascii=False)
    assert "for comparison" in cells
    assert MODE_WORDS[mode] in cells
    assert MODE_WORDS[mode] in row_of(pair_figures(snapshot), "Hedge ratio")[1]
    words = methods.choice_words(snapshot, 2.0)[0]
    assert "z +2.50 by the line in use, +0.10 by every method" in words


def test_a_line_that_is_fitted_now_and_then_says_how_old_it_is(pair_snapshot):
    snapshot = measured(pair_snapshot, "view", "huber")
    words = row_of(pair_figures(snapshot), "Hedge ratio")[1]
    assert "fitted 12 bars ago; a fit on all bars up to now has 0.5000" in words
    assert "fitted 12 bars ago" in str(scatter_figure(snapshot)["layout"]["annotations"])
    (shown,) = [row for row in methods.method_rows(snapshot, 2.0) if row.shown]
    assert "Huber, fitted 12 bars ago and kept until the next fit" in shown.note
    assert {row.z for row in methods.method_rows(snapshot, 2.0) if not row.shown} == {"+0.10"}


def test_the_spread_of_the_card_is_the_one_that_its_z_is_of(pair_snapshot):
    of_line = "mean +1,000.00, σ 93.80, of the line in use; the chart is of today's fit"
    spread, words, _ = row_of(pair_figures(measured(pair_snapshot, "view", "huber")), "Spread")
    assert (spread, words) == ("+1,234.50", of_line)
    words = row_of(pair_figures(measured(pair_snapshot, "view", "ols")), "Spread")[1]
    assert words == "mean +1,000.00, σ 93.80"


@pytest.mark.parametrize("fitted_ms", [0, None])
def test_a_fit_of_the_newest_bar_is_today_s(pair_snapshot, fitted_ms):
    snapshot = measured(pair_snapshot, "view", "huber")
    newest_ms = None if fitted_ms is None else int(snapshot.traded_ms[-1])
    snapshot = replace(snapshot, reading=snapshot.reading._replace(fitted_ms=newest_ms))
    assert "fitted" not in row_of(pair_figures(snapshot), "Hedge ratio")[1]
    (shown,) = [row for row in methods.method_rows(snapshot, 2.0) if row.shown]
    assert shown.method == "Huber"


def test_a_warning_of_the_hedge_leaves_its_error_standing(pair_snapshot):
    words = row_of(pair_figures(measured(pair_snapshot, "view", "ols")), "Hedge ratio")[1]
    assert words == f"{LEGS_AGAINST}; ± 0.2500 standard error (Newey-West)"


@pytest.mark.parametrize(("z", "words"), [(2.5, "short A / long B"), (-2.5, "long A / short B")])
def test_quantities_say_on_which_side_each_leg_is(pair_snapshot, z, words):
    snapshot = measured(pair_snapshot, "rolling", "ols", z)
    rows = len(snapshot)
    snapshot = replace(
        snapshot,
        params=PairParams("AUSDT", "BUSDT", spread_mode="rolling"),
        known=HedgePath("rolling", np.full(rows, 2.0), np.zeros(rows)),
    )
    listing = Listing("AUSDT", tick_size=0.5, lot_size=0.001, min_notional=1.0)
    assert quantity_row(snapshot, 1e4)[0][2].startswith(f"{words}, notional ")
    assert quantity_row(snapshot, 1e4, listing, None)[0][2].startswith(f"{words} at ")


def test_the_funding_is_of_the_hedge_in_use(pair_snapshot):
    rates = SimpleNamespace(funding_per_day=1e-4)
    market = SimpleNamespace(listings={"BTCUSDT": rates, "ETHUSDT": rates})
    carry = carry_of(market, measured(pair_snapshot, "rolling", "ols"))
    y, x = (float(leg[-1]) for leg in (pair_snapshot.price_y, pair_snapshot.price_x))
    assert carry.per_unit == pytest.approx(1e-4 * (y - BETA * x))


def test_a_locked_hedge_has_one_line_of_z(pair_snapshot):
    chart = zscore_figure(measured(pair_snapshot, "locked", "ols"))
    assert [trace["name"] for trace in chart["data"]] == ["z"]
    assert "known then" not in str(chart["layout"]["annotations"])


def test_what_a_row_says_is_no_note_as_well(pair_snapshot):
    notes = ("3 rows were dropped by the activity filter.", "Hedge ratio: why.", "another")
    rows = pair_figures(replace(pair_snapshot, rows_dropped=3, notes=notes))
    assert [row[2] for row in rows if row[0] == "Note"] == ["another"]
    assert row_of(rows, "Bars in view")[1] == "3 dropped by the activity filter"


@OF_MODES
def test_no_sentence_of_a_pair_writes_a_hyphen_for_a_minus(pair_snapshot, mode, method):
    snapshot = measured(pair_snapshot, mode, method, z=-2.5)
    below = -np.abs(snapshot.spread) - 1.0
    snapshot = replace(snapshot, spread=below, mean=below, correlation=-0.4)
    snapshot = replace(snapshot, known=HedgePath(mode, *np.full((2, len(below)), -2e-9)))
    rows = pair_figures(snapshot, 2.0, BreakEven(1.0, 2.0), carry=Carry(2e-4, 1.0))
    head = answers.plain(answers.pair_answer(snapshot, 2.0))
    table = json.dumps(methods_table(methods.method_rows(snapshot, 2.0)), ensure_ascii=False)
    told = [str(rows), head, table, methods.choice_words(snapshot, 2.0)[0]]
    told += [scatter_figure(snapshot)["layout"]["annotations"][1]["text"]]
    told += [str(quantity_row(snapshot, 1e4))]
    assert not [text for text in told if re.search(r"(?<![\w−–])-\d", text)]
    assert all("−" in text for text in told[:4])
