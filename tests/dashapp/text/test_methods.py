"""What the choice of method and the order of the legs do to the signal, in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import HEDGE_METHODS, HedgeFit
from dashapp.text import answers, methods
from dashapp.ui.pages.analytics.tables import methods_table


def with_z(snapshot, shown: float, swapped: float, **by_method):
    z = np.where(np.arange(len(snapshot)) == len(snapshot) - 1, shown, 0.0)
    method_z = {**dict.fromkeys(HEDGE_METHODS, shown), **by_method}
    return replace(snapshot, z=z, method_z=method_z, swapped_z=swapped)


def test_every_method_has_a_row_and_the_swapped_legs_one(pair_snapshot):
    rows = methods.method_rows(pair_snapshot, 2.0)
    assert [row.method for row in rows] == [
        "OLS",
        "Huber",
        "Theil-Sen",
        "TLS",
        "Kalman",
        "ratio",
        "OLS, legs swapped",
    ]
    assert [row.shown for row in rows] == [True] + [False] * 6
    ols = rows[0]
    assert float(ols.beta) == pytest.approx(pair_snapshot.fit.beta, rel=1e-3)
    assert ols.z == methods.number(float(pair_snapshot.z[-1]), 2, signed=True)


def test_swapped_legs_stand_in_the_units_of_the_other_rows(pair_snapshot):
    fit = HedgeFit("ols", 0.05, 100.0, 0.9, 0.001, 600)
    row = methods.method_rows(replace(pair_snapshot, swapped=fit), 2.0)[-1]
    assert (row.beta, row.alpha) == ("20.00", "−2,000.00")
    assert row.note == "ETHUSDT fitted on BTCUSDT: 0.05000, shown as 1/β and −α/β"


def test_the_filters_of_a_pair_in_the_mode_kalman_are_told_apart(pair_snapshot):
    params = replace(pair_snapshot.params, spread_mode="kalman")
    by_name = {
        row.method: row for row in methods.method_rows(replace(pair_snapshot, params=params), 2.0)
    }
    assert by_name["In use"].note.startswith("Kalman: each bar by the filter of the bars before it")
    assert by_name["Kalman"].note == (
        "with the newest bar, which the line in use is without; the chart's path is one filter "
        "from the first bar on"
    )
    other = {row.method: row for row in methods.method_rows(pair_snapshot, 2.0)}
    assert other["Kalman"].note == pair_snapshot.fits["kalman"].note


def test_methods_that_agree_are_said_to(pair_snapshot):
    words, tone = methods.choice_words(with_z(pair_snapshot, 2.5, 2.2, tls=2.1), 2.0)
    assert words == (
        "Every method, and either order of the legs: short BTCUSDT / long ETHUSDT at ±2. "
        "Newest z +2.10 to +2.50 by method, +2.20 with the legs swapped."
    )
    assert tone == "muted"


def test_a_signal_that_depends_on_the_method_is_a_warning(pair_snapshot):
    snapshot = with_z(pair_snapshot, 2.5, 2.5, tls=1.0, ratio=-2.0, kalman=float("nan"))
    words, tone = methods.choice_words(snapshot, 2.0)
    assert words == (
        "The signal depends on the method: short BTCUSDT / long ETHUSDT by OLS, Huber and "
        "Theil-Sen; no trade by TLS; long BTCUSDT / short ETHUSDT by ratio. "
        "Newest z −2.00 to +2.50 by method, +2.50 with the legs swapped."
    )
    assert tone == "warn"


def test_a_signal_that_depends_on_the_order_of_the_legs_is_a_warning(pair_snapshot):
    words, tone = methods.choice_words(with_z(pair_snapshot, 1.9, 2.1), 2.0)
    assert words.startswith(
        "The signal depends on the order of the legs: no trade as they are; "
        "short BTCUSDT / long ETHUSDT with the legs swapped."
    )
    assert tone == "warn"


def test_the_answer_tells_what_the_signal_depends_on(pair_snapshot):
    calm = answers.plain(answers.pair_answer(with_z(pair_snapshot, 0.1, 0.1), 2.0))
    assert "depends" not in calm
    both = answers.pair_answer(with_z(pair_snapshot, 2.5, 1.0, tls=1.0), 2.0)
    assert ("signal varies by method and leg order", "warn") in both


def test_a_z_that_is_not_known_decides_nothing(pair_snapshot):
    nan = float("nan")
    snapshot = with_z(pair_snapshot, nan, nan)
    assert methods.choice_words(snapshot, 2.0) == ("No z-score is known yet.", "muted")
    assert {row.signal.side for row in methods.method_rows(snapshot, 2.0)} == {None}


def test_a_note_of_a_fit_stands_under_its_row(pair_snapshot):
    fits = {**pair_snapshot.fits, "tls": HedgeFit("ratio", 24.0, 0.0, 0.9, 0.1, 600, "tls: why")}
    rows = methods.method_rows(replace(pair_snapshot, fits=fits), 2.0)
    table = methods_table(rows)
    body = table["props"]["children"][2]["props"]["children"]
    assert len(body) == len(rows) + 2, "the notes of TLS and of the swapped legs"
    assert "tls: why" in str(body[4])
