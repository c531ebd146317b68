"""Every pair side by side: the figures of its own page, and an order that groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import Bars, NotReady, PairParams, Ticks
from analytics.pair import analyze_pair
from dashapp.services.analysis.cache import Analyses
from dashapp.services.analysis.pair_tables import grouped_order, pair_tables
from dashapp.services.markets import Markets
from dashapp.services.startup import Kernels
from storage.market.market import Market

PARAMS = PairParams("A", "B", z_window=30, limit=200)


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


@pytest.fixture
def legs() -> dict[str, Bars]:
    rng = np.random.default_rng(2)
    walk = 100.0 + np.cumsum(rng.normal(0, 0.05, 260))
    made = {
        "A": walk,
        "B": walk / 2 + rng.normal(0, 0.02, 260),
        "C": 90.0 + np.cumsum(rng.normal(0, 0.05, 260)),
    }
    return {name: bars(name, close) for name, close in made.items()}


def test_each_cell_is_what_the_pairs_own_page_says(legs):
    tables = pair_tables(legs, PARAMS)
    for i, y in enumerate(tables.symbols):
        for j, x in enumerate(tables.symbols):
            if y == x:
                assert np.isnan([tables.z[i, j], tables.pvalue[i, j], tables.half_life[i, j]]).all()
                continue
            page = analyze_pair(legs[y], legs[x], replace(PARAMS, y=y, x=x))
            assert tables.z[i, j] == pytest.approx(page.z[-1], rel=1e-9)
            assert tables.pvalue[i, j] == pytest.approx(
                page.engle_granger.pvalue, rel=1e-9, abs=1e-9
            )
            wanted = np.nan if page.half_life is None else page.half_life
            assert tables.half_life[i, j] == pytest.approx(wanted, rel=1e-9, nan_ok=True)


def test_a_locked_hedge_measures_its_own_pair_alone(legs):
    plain = pair_tables(legs, PARAMS)
    locked = pair_tables(legs, replace(PARAMS, spread_mode="locked", beta=3.0, alpha=-1.0))
    own = {(0, 1), (1, 0)}
    for place in np.ndindex(3, 3):
        for figure in ("z", "half_life", "pvalue"):
            before, now = getattr(plain, figure)[place], getattr(locked, figure)[place]
            if place not in own:
                assert now == pytest.approx(before, nan_ok=True), (place, figure)
    page = analyze_pair(
        legs["B"],
        legs["A"],
        PairParams("B", "A", z_window=30, limit=200, spread_mode="locked", beta=1 / 3, alpha=1 / 3),
    )
    assert locked.z[1, 0] == pytest.approx(page.z[-1], rel=1e-9)
    assert locked.z[0, 1] != pytest.approx(plain.z[0, 1], rel=1e-3)


def test_one_symbol_is_no_pair_and_few_bars_are_no_figure(legs):
    assert isinstance(pair_tables({"A": legs["A"]}, PARAMS), NotReady)
    short = pair_tables({name: leg[:20] for name, leg in legs.items()}, PARAMS)
    assert np.isnan(short.z).all()


def test_symbols_that_move_together_stand_together():
    rng = np.random.default_rng(1)
    sectors = rng.standard_normal((400, 3))
    of = np.array([0, 1, 2] * 5)
    returns = sectors[:, of] + 0.4 * rng.standard_normal((400, 15))
    order = grouped_order(np.corrcoef(returns.T), returns)
    assert sorted(order.tolist()) == list(range(15))
    assert np.count_nonzero(np.diff(of[order])) == 2
    assert grouped_order(np.eye(2), returns[:, :2]).tolist() == [0, 1]


@pytest.fixture
def analyses() -> Analyses:
    market, kernels = Market("demo", "Demo", "demo"), Kernels()
    kernels.ready = True
    rng, times = np.random.default_rng(4), np.arange(0, 300_000, 50)
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, len(times))))
    for symbol, late_ms in (("A", 1_000), ("B", 0)):
        at = 1_700_000_000_000 + times + late_ms
        market.append(Ticks(symbol, at, walk, np.ones(len(times)), np.full(len(times), -1)))
    return Analyses(Markets(market), kernels)


async def test_the_leg_that_moves_first_is_found_on_ticks(analyses):
    assert (await analyses.lead_lag("demo", "A", "B")).best_lag_ms == 1_000
    assert (await analyses.lead_lag("demo", "B", "A")).best_lag_ms == -1_000
    early = await analyses.lead_lag("demo", "A", "B", until_ms=1_700_000_000_000)
    assert isinstance(early, NotReady) or early.best_lag_ms is None


async def test_a_market_of_bars_has_no_lead_and_lag(analyses, legs):
    market = Market("bars", "Bars", "upload")
    for leg in legs.values():
        market.append_bars(leg)
    analyses._markets["bars"] = market
    answer = await analyses.lead_lag("bars", "A", "B")
    assert answer.reason == "no ticks of both legs in Bars: lead and lag need them"


async def test_tables_and_order_are_made_once_for_a_while(analyses):
    for _ in range(3):
        await analyses.order("demo", "1s", 200)
        await analyses.pair_tables("demo", replace(PARAMS, y="A", x="B"))
    assert analyses.computed["order"] <= 2
    assert analyses.computed["pair tables"] <= 2
