"""The scan of every pair: against named libraries, on simulated universes, at its limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.tsa.stattools import adfuller, coint

from analytics import scanner
from analytics._kernels import scan
from analytics.cointegration import engle_granger
from analytics.model import CountError, OrderError, ParameterError
from analytics.scanner import (
    FIELDS,
    STEPS,
    VERDICTS,
    ScanParams,
    ScanResult,
    detectable_half_life,
    scan_pairs,
)
from tests.analytics.universes import tally, universe

ROWS = ScanParams(bars=720)
#: No filter and no confirmation stands in a pair's way: every figure of survivors is computed.
OPEN = ScanParams(
    q=0.5,
    correction="bh",
    min_half_life=0.0,
    max_half_life_share=1.0,
    min_crossings=0,
    max_hurst=1.0,
    min_explained=0.0,
    min_comovement=-100.0,
    min_sigma_costs=0.0,
)


def scanned(made, params: ScanParams = ROWS, **options) -> ScanResult:
    return scan_pairs(made.closes, names=made.names, params=params, **options)


def assert_equal_bits(one: ScanResult, other: ScanResult) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(one.rows.column(name), other.rows.column(name), name)
    for name in (
        "tested",
        "below_alpha",
        "kept_tests",
        "funnel",
        "dropped",
        "left",
        "detectable_half_life",
    ):
        assert getattr(one, name) == getattr(other, name)


# --- against named libraries ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbols", "planted"), [(6, 2), pytest.param(21, 6, marks=pytest.mark.bench)]
)
def test_rows_equal_statsmodels(symbols, planted):
    """15 pairs; 210 take its tests some minutes."""
    market = universe(1, 720, symbols, planted=planted)
    result = scanned(market, OPEN)
    assert len(result.rows) == symbols * (symbols - 1) // 2
    logs = pd.DataFrame(np.log(market.closes), columns=market.names)
    fit, after = logs[:480], logs[480:]
    pvalues = {
        (y, x): coint(fit[y], fit[x], trend="c", autolag="aic")[:2]
        for y in market.names
        for x in market.names
        if x != y
    }
    adjusted = multipletests([p for _, p in pvalues.values()], method="fdr_bh")[1]
    by_pair = dict(zip(pvalues, adjusted, strict=True))
    assert result.tested == len(pvalues)
    assert result.kept_tests == np.count_nonzero(adjusted <= OPEN.q)
    for row in result.rows:
        assert row.statistic == pytest.approx(pvalues[row.y, row.x][0], abs=1e-8)
        assert row.pvalue == pytest.approx(pvalues[row.y, row.x][1], abs=1e-8)
        assert row.pvalue <= pvalues[row.x, row.y][1] + 1e-12
        assert row.adjusted == pytest.approx(by_pair[row.y, row.x], abs=1e-8)
        beta, alpha = np.polyfit(fit[row.x], fit[row.y], 1)
        assert row.beta == pytest.approx(beta, abs=1e-8)
        if row.survived and row.verdict != "beta not above 0":
            spread = after[row.y] - beta * after[row.x] - alpha
            expected = adfuller(spread, regression="n", autolag="aic", result_object=False)[1]
            assert row.confirm_pvalue == pytest.approx(expected, abs=1e-8)
            assert row.alpha == pytest.approx(alpha, abs=1e-8)
    assert sum(row.survived for row in result.rows) >= planted


def test_adjusted_by_the_number_of_all_tests_under_any_dependence():
    made = universe(2, 400, 8)
    result = scanned(made, replace(ROWS, bars=400))
    tests = []
    logs = np.log(made.closes[:266])
    for y in range(8):
        tests += [engle_granger(logs[:, y], logs[:, x]).pvalue for x in range(8) if x != y]
    smallest = multipletests(tests, method="fdr_by")[1].min()
    assert result.rows.column("adjusted").min() == pytest.approx(smallest, abs=1e-10)


def test_pairs_are_tested_on_the_rows_in_which_both_traded():
    made = universe(3, 600, 4, planted=1)
    rng = np.random.default_rng(5)
    closes = made.closes.copy()
    closes[rng.random(closes.shape) < 0.08] = np.nan
    result = scan_pairs(closes, names=made.names, params=replace(OPEN, bars=600))
    logs = np.log(closes[:400])
    for row in result.rows:
        y, x = (logs[:, made.names.index(symbol)] for symbol in (row.y, row.x))
        common = ~np.isnan(y) & ~np.isnan(x)
        expected = engle_granger(y[common], x[common])
        assert row.statistic == pytest.approx(expected.statistic, abs=1e-9)
        assert row.pvalue == pytest.approx(expected.pvalue, abs=1e-9)
        assert row.traded_share == pytest.approx(common.mean())


def test_short_formations_have_the_pvalues_of_their_own_critical_values():
    made = universe(4, 300, 3)
    result = scanned(made, replace(OPEN, bars=300))
    logs = np.log(made.closes[:200])
    for row in result.rows:
        expected = engle_granger(logs[:, int(row.y[1:])], logs[:, int(row.x[1:])])
        assert row.pvalue == pytest.approx(expected.pvalue, abs=1e-9)


# --- what is found, and what is not --------------------------------------------------------


def test_of_unrelated_walks_hardly_ever_one_is_kept_and_none_is_confirmed():
    kept = 0
    for seed in range(8):
        result = scanned(universe(seed, 720, 30))
        kept += result.funnel["formation"] > 0
        assert result.confirmed == ()
        assert result.below_alpha > 10, "chance alone rejects one test in twenty"
        assert result.pvalue_counts.sum() == result.tested == 30 * 29
    assert kept <= 1


@pytest.mark.parametrize(("n", "half_life"), [(720, 3.0), (2_160, 10.0)])
def test_planted_relations_are_found_and_no_other(n, half_life):
    made = universe(12, n, 40, planted=10, half_life=half_life)
    found = tally(scanned(made, replace(ROWS, bars=n)).confirmed, made.planted)
    assert found.right >= 8
    assert found.wrong == 0


def test_too_slow_relations_are_not_found_and_the_result_says_so():
    made = universe(12, 720, 40, planted=10, half_life=20.0)
    result = scanned(made)
    assert result.confirmed == ()
    assert result.detectable_half_life < 6.0


@pytest.mark.parametrize("breaks", ["walk", "shift"])
def test_a_relation_that_breaks_is_not_confirmed(breaks):
    made = universe(13, 720, 20, planted=8, half_life=2.5, breaks=breaks)
    result = scanned(made)
    assert result.funnel["formation"] >= 6
    assert result.confirmed == ()
    assert any(row.verdict.startswith("not confirmed") for row in result.rows[:8])


def test_legs_that_hardly_walk_confirm_with_none_but_their_own():
    wrong = right = 0
    for seed in (101, 103):
        made = universe(seed, 720, 60, planted=10, half_life=3.0, own=2.0)
        result = scanned(made)
        assert result.funnel["formation"] > 10, "such legs reject against other walks"
        assert result.dropped["hedge explains too little"] > 0
        assert result.dropped["legs do not move together"] > 0
        found = tally(result.confirmed, made.planted)
        right, wrong = right + found.right, wrong + found.wrong
    assert right >= 14
    assert wrong == 0


def test_bouncing_legs_leave_or_have_lags_that_stand_it():
    made = universe(14, 720, 20, noise=1.5)
    left = scanned(made)
    assert left.dropped == {"returns bounce": 20}
    assert left.funnel["universe"] == left.tested == 0
    assert {gone.reason for gone in left.left} == {"returns bounce"}
    assert all(gone.have > gone.need for gone in left.left)
    stood = scanned(made, replace(ROWS, bouncing="maic"))
    assert stood.tested == 380
    assert stood.confirmed == ()


def test_the_better_order_of_a_pair_is_shown():
    made = universe(15, 720, 6, planted=2)
    for row in scanned(made).rows:
        first = made.names.index(row.y) < made.names.index(row.x)
        assert row.order == ("first" if first else "second")


# --- the same, however it is computed ------------------------------------------------------


def test_threads_and_blocks_change_no_bit():
    made = universe(16, 480, 40, planted=5)
    alone = scanned(made, replace(ROWS, bars=480))
    with ThreadPoolExecutor(2) as pool:
        assert_equal_bits(alone, scanned(made, replace(ROWS, bars=480), run_all=pool.map))


def test_a_row_does_not_depend_on_the_other_symbols_but_for_the_adjustment():
    made = universe(17, 480, 10, planted=1)
    whole = {(row.y, row.x): row for row in scanned(made, replace(OPEN, bars=480)).rows}
    part = scan_pairs(made.closes[:, [0, 9]], names=["S0", "S9"], params=replace(OPEN, bars=480))
    (row,) = part.rows
    assert row.statistic == whole[row.y, row.x].statistic
    assert row.confirm_net_bps == whole[row.y, row.x].confirm_net_bps


def test_the_confirmation_has_no_part_in_the_choice():
    made = universe(18, 720, 12, planted=3)
    other = made.closes.copy()
    other[481:] *= np.exp(np.cumsum(0.01 * np.sin(np.arange(239.0 * 12).reshape(239, 12)), axis=0))
    one, two = scanned(made), scan_pairs(other, names=made.names, params=ROWS)
    chosen = [{(row.y, row.x): row.statistic for row in each.rows} for each in (one, two)]
    assert chosen[0] == chosen[1]
    assert one.funnel["formation"] == two.funnel["formation"]


def test_only_the_newest_bars_are_looked_at():
    made = universe(19, 900, 6, planted=1)
    newest = scan_pairs(made.closes[180:], names=made.names, params=ROWS)
    whole = scanned(made)
    assert (whole.formation.start, whole.formation.bars, whole.confirmation.bars) == (180, 480, 240)
    np.testing.assert_array_equal(newest.rows.every, whole.rows.every)


def test_progress_goes_up_to_one():
    seen = []
    made = universe(20, 480, 30, planted=4)
    scanned(made, replace(ROWS, bars=480), progress=lambda step, share: seen.append((step, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [step for step, _ in seen[:2]] == ["choosing symbols", "testing 435 pairs"]


# --- the strategy of the confirmation ------------------------------------------------------


def test_costs_and_funding_are_taken_from_the_net_result():
    made = universe(21, 720, 4, planted=1, half_life=2.5)
    free = scanned(made, replace(OPEN, cost_bps=0.0)).rows
    at = next(i for i, row in enumerate(free) if {row.y, row.x} == {"S0", "S3"})
    paid = scanned(made, replace(OPEN, cost_bps=5.0)).rows[at]
    assert paid.confirm_trades == free[at].confirm_trades > 0
    expected = free[at].confirm_net_bps - 10.0 * paid.confirm_trades
    assert paid.confirm_net_bps == pytest.approx(expected)
    rates = np.where(np.array(made.names) == paid.y, 1e-4, 0.0)
    funded = scanned(made, replace(OPEN, cost_bps=5.0), funding=rates).rows[at]
    assert funded.confirm_net_bps != paid.confirm_net_bps


def plain_strategy(z, entry, leave, stop):
    """The z strategy by the letter: (gain, trades)."""
    gain, trades, side, wanted, barred = 0.0, 0, 0, 0, False
    for t, value in enumerate(z):
        gain += side * (value - z[t - 1]) if side else 0.0
        if wanted != side:
            trades += wanted != 0
            side = wanted
        barred = barred and abs(value) >= entry
        if side and side * value <= -stop:
            wanted, barred = 0, True
        elif side and side * value >= -leave:
            wanted = 0
        elif not side and not barred and entry <= abs(value) < stop and t + 2 < len(z):
            wanted = -int(np.sign(value))
    return gain, trades


def test_the_strategy_fills_a_bar_later_and_waits_after_a_stop():
    z = np.array([0, 2.5, 3, 1, -0.5, 0, -2.2, -4.5, -3, -2.5, -1, -2.5, -1, 0.5, 2.2, 2.1, 2.3])
    times = np.arange(len(z))
    found = scan.play_frozen(z, times, 2.0, 0.0, 4.0, 0.0)
    # short 3 to 0, long -4.5 to -3 by the stop, long -1 to 2.2, short 2.1 until the end at 2.3
    assert found[:2] == (pytest.approx(3.0 + 1.5 + 3.2 - 0.2), 4)
    rng = np.random.default_rng(40)
    for _ in range(50):
        z = np.cumsum(rng.standard_normal(200)) * 0.5
        gain, trades, paid = scan.play_frozen(z, np.arange(200), 1.5, 0.5, 4.0, 0.0)
        assert (gain, trades) == (
            pytest.approx(plain_strategy(z, 1.5, 0.5, 4.0)[0]),
            plain_strategy(z, 1.5, 0.5, 4.0)[1],
        )
        assert paid == 0.0


def test_costs_above_sigma_leave():
    made = universe(22, 720, 4, planted=1, half_life=2.5)
    row = scanned(made, replace(ROWS, cost_bps=200.0)).rows[0]
    assert row.verdict == "sigma below costs"
    assert np.isnan(row.confirm_pvalue)


# --- symbols that take no part -------------------------------------------------------------


def test_the_stretch_that_lacks_most_is_told():
    closes = universe(24, 90, 4).closes
    closes[10:60, 1] = np.nan  # 10 of the 60 bars that the formation needs, of the other all
    closes[60:, 2] = np.nan
    closes[5:, 3] = np.nan
    left = scan_pairs(closes, names=list("ABCD"), params=ROWS).left
    assert [(one.symbol, one.have, one.need) for one in left] == [
        ("B", 10.0, 60.0), ("C", 0.0, 30.0), ("D", 5.0, 60.0),
    ]  # fmt: skip


def test_symbols_leave_with_how_much_they_have_and_need():
    made = universe(23, 720, 6)
    closes = made.closes.copy()
    closes[:300, 0] = np.nan
    closes[:, 1] = 1.0 + 1e-5 * np.sin(np.arange(720.0))
    closes[:, 2] = 7.0
    turnover = np.full(closes.shape, 1e6)
    turnover[:, 3] = 10.0
    params = replace(ROWS, min_turnover=1e3)
    result = scan_pairs(closes, names=made.names, params=params, turnover=turnover)
    left = {gone.symbol: gone for gone in result.left}
    assert (left["S0"].reason, left["S0"].have, left["S0"].need) == (
        "too few traded bars",
        180.0,
        384.0,
    )
    assert left["S1"].reason == left["S2"].reason == "no variance"
    assert (left["S3"].reason, left["S3"].have) == ("too little turnover", 10.0)
    assert result.funnel["universe"] == 2
    assert result.tested == 2


@pytest.mark.parametrize("n", [0, 1, 20, 89])
def test_too_few_rows_are_no_error_but_said_of_each_symbol(n):
    made = universe(24, max(n, 2), 3)
    result = scan_pairs(made.closes[:n], names=made.names)
    assert [gone.symbol for gone in result.left] == made.names
    assert all(gone.reason == "too few traded bars" and gone.need >= 30 for gone in result.left)
    assert result.tested == len(result.rows) == 0
    assert result.detectable_half_life == 0.0
    assert list(result.funnel) == list(STEPS)


@pytest.mark.parametrize("m", [0, 1])
def test_a_universe_of_one_has_no_pairs(m):
    made = universe(25, 300, 2)
    result = scan_pairs(made.closes[:, :m], names=made.names[:m])
    assert result.funnel["symbols"] == m
    assert result.tested == result.funnel["candidates"] == 0
    assert result.confirmed == ()


def test_legs_that_are_multiples_of_one_another_are_collinear():
    made = universe(26, 720, 3)
    closes = np.column_stack([made.closes, 2.0 * made.closes[:, 0]])
    result = scan_pairs(closes, names=[*made.names, "S0X2"], params=ROWS)
    assert result.dropped["collinear"] == 1
    assert result.kept_tests <= 2 * result.rows.survivors, "a collinear pair is none that is kept"
    assert result.confirmed == ()


def test_pairs_that_hardly_trade_together_are_not_tested():
    made = universe(27, 600, 2)
    closes = made.closes.copy()
    closes[::2, 0], closes[1::2, 1] = np.nan, np.nan
    result = scan_pairs(closes, names=made.names, params=replace(ROWS, bars=600, min_traded=0.4))
    assert result.rows[0].verdict == "too few common bars"
    assert result.tested == 0


# --- clusters ------------------------------------------------------------------------------


def test_clusters_make_fewer_tests_and_reach_further():
    rng = np.random.default_rng(28)
    sectors = np.cumsum(0.01 * rng.standard_normal((720, 3)), axis=0)
    own = np.cumsum(0.003 * rng.standard_normal((720, 15)), axis=0)
    closes = 100.0 * np.exp(np.repeat(sectors, 5, axis=1) + own)
    names = [f"S{i}" for i in range(15)]
    params = replace(ROWS, candidates="clusters", n_components=3)
    result = scan_pairs(closes, names=names, params=params)
    assert len(set(result.clusters.values()) - {-1}) == 3
    assert result.tested < 210
    assert result.dropped["not in one cluster"] == 105 - len(result.rows)
    assert result.detectable_half_life > result.detectable_if_all
    inside = {(result.clusters[row.y], result.clusters[row.x]) for row in result.rows}
    assert all(one == other >= 0 for one, other in inside)


def test_too_few_symbols_for_clusters_are_none():
    made = universe(29, 720, 2)
    result = scanned(made, replace(ROWS, candidates="clusters"))
    assert result.clusters == {"S0": -1, "S1": -1}
    assert result.tested == 0


# --- rows ----------------------------------------------------------------------------------


def test_rows_stand_by_verdict_then_by_adjusted_pvalue():
    made = universe(30, 720, 30, planted=8)
    rows = scanned(made).rows
    keys = [(VERDICTS.index(row.verdict), row.adjusted, row.pvalue) for row in rows]
    assert keys == sorted(keys)
    assert [row.survived for row in rows] == [True] * rows.survivors + [False] * (
        len(rows) - rows.survivors
    )
    assert repr(rows[-1]) == repr(tuple(rows)[-1])  # NaN equals nothing
    assert repr(rows[2:5]) == repr(tuple(rows)[2:5])
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_pairs_of_nearly_equal_pvalues_stand_in_their_order():
    rng = np.random.default_rng(34)
    few = rng.random(40)
    pvalue = rng.choice(
        np.r_[few, np.nextafter(few, 0.0), np.nextafter(few, 1.0), 0, 1, np.nan], 900
    )
    statistic = rng.choice([-3.0, -2.0, -np.inf, np.nan], 900)
    found = scanner._by_pvalue(SimpleNamespace(pvalue=pvalue, statistic=statistic))
    np.testing.assert_array_equal(found, np.lexsort((statistic, pvalue)))


def test_rows_are_found_by_verdict_and_symbol():
    rows = scanned(universe(31, 720, 12, planted=3)).rows
    for i in rows.where(verdict="confirmed", symbol="S11"):
        assert rows[int(i)].confirmed
        assert "S11" in (rows[int(i)].y, rows[int(i)].x)
    assert len(rows.where(symbol="S0")) == 11
    with pytest.raises(ParameterError, match="symbol is 'NONE'"):
        rows.where(symbol="NONE")
    with pytest.raises(ParameterError, match="name is 'colour'"):
        rows.column("colour")


def test_a_column_is_what_the_rows_say():
    rows = scanned(universe(32, 720, 8, planted=2)).rows
    for name in FIELDS:
        values = [getattr(row, name) for row in rows]
        values = [np.nan if value is None else value for value in values]
        np.testing.assert_array_equal(rows.column(name), np.array(values, rows.column(name).dtype))


# --- what is refused -----------------------------------------------------------------------


def test_bad_arguments_are_named():
    made = universe(33, 120, 3)
    closes = made.closes.copy()
    closes[5, 1] = 0.0
    with pytest.raises(ParameterError, match=r"closes\[5, 1\] is 0.0, expected a price above 0"):
        scan_pairs(closes, names=made.names)
    with pytest.raises(CountError, match="names has 2 names, expected 3"):
        scan_pairs(made.closes, names=["A", "B"])
    with pytest.raises(ParameterError, match="names is 'A', expected names that differ"):
        scan_pairs(made.closes, names=["A", "B", "A"])
    with pytest.raises(ParameterError, match="turnover is None"):
        scan_pairs(made.closes, names=made.names, params=ScanParams(min_turnover=5.0))
    with pytest.raises(ParameterError, match="funding is"):
        scan_pairs(made.closes, names=made.names, funding=[0.0])


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"bars": 10}, "bars is 10, expected a whole number from 90"),
        ({"q": 0.0}, "q is 0.0"),
        ({"candidates": "some"}, "candidates is 'some', expected one of all, clusters"),
        ({"bouncing": "stay"}, "bouncing is 'stay'"),
        ({"max_hurst": "x"}, "max_hurst is 'x'"),
        ({"entry_z": -1.0}, "entry_z is -1.0"),
    ],
)
def test_rules_out_of_range_are_named(rule, words):
    with pytest.raises(ParameterError, match=words):
        ScanParams(**rule)


def test_thresholds_stand_in_their_order():
    with pytest.raises(OrderError, match="exit_z"):
        ScanParams(exit_z=2.0)
    with pytest.raises(OrderError, match="stop_z"):
        ScanParams(stop_z=1.0)
    assert ScanParams(stop_z=None).stop_z is None


# --- what can be found at all --------------------------------------------------------------


def test_more_tests_and_fewer_rows_find_less():
    by_rows = [detectable_half_life(n, 39_800) for n in (120, 480, 1_440, 2_880, 20_000)]
    assert by_rows == sorted(by_rows)
    by_tests = [detectable_half_life(480, m) for m in (2, 60, 3_540, 39_800, 4_000_000)]
    assert by_tests == sorted(by_tests, reverse=True)
    assert detectable_half_life(480, 39_800, "bh") > detectable_half_life(480, 39_800, "by")
    assert detectable_half_life(10, 100) == 0.0


@pytest.mark.parametrize(("n", "m"), [(480, 3_540), (480, 39_800)])
def test_the_detectable_half_life_is_where_four_of_five_are_found(n, m):
    """As a scan counts them: with one symbol in forty related, both orders of each."""
    rng = np.random.default_rng(34)
    half_life = detectable_half_life(n, m)
    count = 150
    walks = np.cumsum(rng.standard_normal((n, count)), axis=0)
    shocks = rng.standard_normal((n + 500, count))
    spread = np.zeros(count)
    spreads = np.empty_like(shocks)
    for t in range(len(shocks)):
        spread = 0.5 ** (1.0 / half_life) * spread + shocks[t]
        spreads[t] = spread
    logs = np.empty((n, 2 * count))
    logs[:, 0::2], logs[:, 1::2] = walks + spreads[-n:], walks
    related = 2.0 * np.sqrt(m) / 40.0
    level = 0.05 * max(related, 2.0) / (m * (np.log(m) + np.euler_gamma))
    found = 0
    for i in range(count):
        y, x = logs[:, 2 * i], logs[:, 2 * i + 1]
        found += min(engle_granger(y, x).pvalue, engle_granger(x, y).pvalue) <= level
    assert 0.7 <= found / count <= 0.9


def test_the_detectable_half_life_refuses_what_cannot_be():
    with pytest.raises(ParameterError, match="n is 0"):
        detectable_half_life(0, 10)
    with pytest.raises(ParameterError, match="correction is 'holm'"):
        detectable_half_life(480, 10, "holm")
