"""The link: one writing and one reading for every parameter."""

from __future__ import annotations

import pytest

from dashapp.parameters import link
from dashapp.parameters.check import read
from dashapp.parameters.table import BACKTEST, PAIR, VIEW

ALL = {"view": VIEW, "back-test": tuple(BACKTEST.values())}
OTHERS = {
    "y": "A", "x": "B", "timeframe": "5m", "hedge": "tls", "price_space": "log",
    "corr_on": "prices", "trend": "n", "lag_method": None, "intercept": False,
    "hedge_mode": "kalman", "spread_mode": "locked", "sides": "long", "stop_z": None,
}  # fmt: skip


def other(row):
    """A legal value that is not the default."""
    if row.name in OTHERS:
        return OTHERS[row.name]
    return int(row.limits[1]) if row.kind == "whole" else row.limits[1] if row.limits else 1.25


@pytest.mark.parametrize("rows", ALL.values(), ids=ALL)
def test_what_a_link_writes_it_reads_for_every_parameter(rows):
    values = {row.name: other(row) for row in rows}
    texts = link.from_query("?" + link.to_query(values, rows), rows)
    assert {row.name: read(row, texts[row.name]) for row in rows} == values


@pytest.mark.parametrize("rows", ALL.values(), ids=ALL)
def test_defaults_leave_the_link_alone(rows):
    assert link.to_query({row.name: row.default for row in rows}, rows) == ""


def test_the_names_of_a_link_are_those_of_before():
    assert list(link.LINKED) == [
        "y", "x", "timeframe", "limit", "hedge", "intercept", "price_space", "hedge_window",
        "spread_mode", "beta", "alpha",
        "z_window", "z_threshold", "corr_window", "corr_on", "trend", "lag_method", "adf_window",
        "min_trades", "min_volume", "entry_z", "exit_z", "stop_z", "max_bars", "cost_bps",
        "slippage_bps", "hedge_mode", "strategy_window", "sides",
    ]  # fmt: skip


def test_of_a_name_that_is_given_twice_the_last_counts():
    assert link.from_query("?z_window=90&z_window=120", PAIR.values()) == {"z_window": "120"}
