"""Which bars of a watched pair are read."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import Bars, PairParams
from analytics.standing import pair_standing
from dashapp.services.watchlist.readings import COST_BPS, Job, ends_of, read_all


def bars(symbol: str, seconds: list[int]) -> Bars:
    ones = np.ones(len(seconds))
    times = np.array(seconds, np.int64) * 1_000
    return Bars(symbol, "1s", times, ones, ones, ones, ones, ones, [1] * len(seconds), ones)


@pytest.mark.parametrize(
    ("after_s", "closed_s", "ends_s"),
    [(1, 4, [2, 3, 4, 6]), (None, 3, [0, 1, 2, 3, 6]), (3, 6, [4, 5, 6]), (4, 4, [6])],
)
def test_bars_of_either_leg_that_closed_are_read_and_the_newest(after_s, closed_s, ends_s):
    y, x = bars("Y", [0, 1, 3, 4, 6]), bars("X", [1, 2, 4, 5])
    after_ms = None if after_s is None else after_s * 1_000
    job = Job("id", PairParams("Y", "X"), y, x, closed_s * 1_000, after_ms, due=False)
    ends, newest = ends_of(job, newest_alone=False)
    assert ends.tolist() == [second * 1_000 for second in ends_s]
    assert newest == 6_000
    assert ends_of(job, newest_alone=True)[0].tolist() == [6_000]


@pytest.mark.parametrize(
    ("after_s", "closed_s", "points"), [(99, 99, 0), (99, 130, 0), (97, 99, 2)]
)
def test_a_bar_stands_in_the_line_once_however_often_its_market_moves_on(after_s, closed_s, points):
    walk = 100.0 + np.cumsum(np.sin(np.arange(100.0) ** 2))
    times, ones = np.arange(100) * 1_000, np.ones(100)
    y, x = (
        Bars(name, "1s", times, close, close, close, close, ones, [1] * 100, close)
        for name, close in (("Y", 2.0 * walk + np.cos(np.arange(100.0))), ("X", walk))
    )
    job = Job("id", PairParams("Y", "X"), y, x, closed_s * 1_000, after_s * 1_000, due=False)
    (read,) = read_all([job])
    assert (len(read.line), read.done_ms, read.ts_ms) == (points, closed_s * 1_000, 99_000)
    assert np.isfinite(read.z)


def test_what_is_slow_is_of_the_newest_bar_that_counts_where_later_ones_are_left_out():
    """Its break-even has the funding of the side that this bar's z speaks for."""
    n, draw = 300, np.random.default_rng(2)
    x = np.exp(4.0 + draw.normal(0.0, 0.002, n).cumsum())
    y = x * np.exp(0.002 * np.sin(np.arange(n) / 6.0) + draw.normal(0.0, 0.0005, n))
    trades, ones = np.where(np.arange(n) < n - 3, 9, 1), np.ones(n)
    legs = [
        Bars(name, "1m", 60_000 * np.arange(n), *[close] * 4, ones, trades, close)
        for name, close in (("Y", y), ("X", x))
    ]
    params, funding = PairParams("Y", "X", "1m", min_trades=5), (0.01, -0.01)
    job = Job("id", params, *legs, 60_000 * (n - 2), 60_000 * (n - 10), True, funding)
    (read,) = read_all([job], whole=True)
    assert read.ts_ms == 60_000 * (n - 4)
    assert np.isfinite(read.z)
    assert read.slow == pair_standing(*legs, params, COST_BPS, funding, read.z)
    assert read.slow != pair_standing(*legs, params, COST_BPS, funding, -read.z)
