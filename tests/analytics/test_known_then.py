"""What was known then: the z that stands at a bar is that of the bars up to it, for ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics._kernels import known
from analytics.alerts import AlertRule, would_have_fired
from analytics.hedge import fit_hedge
from analytics.model import (
    BAR_COLUMNS,
    Bars,
    MissingError,
    NotReady,
    PairParams,
    PairSnapshot,
    ParameterError,
)
from analytics.pair import analyze_pair
from analytics.readings import pair_readings

MODES: list[dict[str, Any]] = [
    {},
    {"hedge": "tls", "price_space": "log"},
    {"hedge": "ratio", "intercept": False},
    {"hedge": "ratio", "price_space": "log"},
    {"hedge": "ols", "intercept": False, "hedge_window": 90},
    {"hedge": "huber"},
    {"hedge": "theil_sen", "hedge_window": 120},
    {"hedge": "kalman"},
    {"spread_mode": "rolling", "hedge_window": 70},
    {"spread_mode": "rolling", "hedge": "huber", "hedge_window": 60, "price_space": "log"},
    {"spread_mode": "kalman", "hedge_window": 70},
    {"spread_mode": "locked", "beta": 0.04, "alpha": 90.0},
]
NAMES = [" ".join(str(value) for value in mode.values()) or "view" for mode in MODES]
LIMIT, WINDOW = 220, 40


def legs(seed: int, n: int = 900, gaps: float = 0.15) -> tuple[Bars, Bars]:
    """A pair at crypto prices; each leg is silent in a share of the seconds."""
    rng = np.random.default_rng(seed)
    x = 3_000.0 + np.cumsum(rng.standard_normal(n))
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.9 * noise[t - 1] + rng.normal(0, 0.05)
    made = []
    for symbol, close in (("Y", 60.0 + 0.04 * x + noise), ("X", x)):
        at = np.flatnonzero((rng.random(n) >= gaps) | (np.arange(n) == 0))
        ones, trades = np.ones(len(at)), rng.integers(1, 9, len(at))
        made.append(Bars(symbol, "1s", at * 1_000, *[close[at]] * 4, ones, trades, close[at]))
    return made[0], made[1]


def until(bars: Bars, end_ms: int) -> Bars:
    stop = int(np.searchsorted(bars.ts_ms, end_ms, side="right"))
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, n)[:stop] for n in BAR_COLUMNS))


def params_of(mode: dict[str, Any], **options: Any) -> PairParams:
    chosen = {"z_window": WINDOW, "limit": LIMIT, **mode, **options}
    return PairParams("Y", "X", **chosen)


def analyzed(y: Bars, x: Bars, params: PairParams) -> PairSnapshot:
    snapshot = analyze_pair(y, x, params)
    assert isinstance(snapshot, PairSnapshot), snapshot
    return snapshot


@pytest.mark.parametrize("mode", MODES, ids=NAMES)
@pytest.mark.parametrize("min_trades", [0, 2])
def test_appending_bars_changes_no_z_that_stands(mode: dict[str, Any], min_trades: int) -> None:
    y, x = legs(1)
    params = params_of(mode, min_trades=min_trades)
    whole = analyzed(y, x, params)
    begin = int(whole.ts_ms[0])
    for end in range(begin + 20_000, begin + 900_000, 37_000):
        part = analyzed(until(y, end), until(x, end), params)
        _, here, there = np.intersect1d(part.ts_ms, whole.ts_ms, return_indices=True)
        assert len(here) > 10 or end > whole.ts_ms[-1]
        np.testing.assert_allclose(part.z[here], whole.z[there], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(part.known.beta[here], whole.known.beta[there], rtol=1e-9)


@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_a_young_market_keeps_what_it_knew(mode: dict[str, Any]) -> None:
    y, x = legs(2, 400)
    params = params_of(mode, limit=1_000)
    whole = analyzed(y, x, params)
    for end in (160_000, 250_000, 399_000):
        part = analyzed(until(y, end), until(x, end), params)
        rows = len(part)
        np.testing.assert_array_equal(part.ts_ms, whole.ts_ms[:rows])
        np.testing.assert_allclose(part.z, whole.z[:rows], rtol=1e-9, atol=1e-9)


def known_in_plain_python(snapshot: PairSnapshot, history: PairSnapshot, at: int) -> float:
    """z at a row of `history`, whose limit is longer, by the definition of the pair's mode."""
    params = snapshot.params
    rows = [t for t in range(max(at - params.limit + 1, 0), at + 1) if not history.carried[t]]
    y, x = (np.array([leg[t] for t in rows]) for leg in (history.price_y, history.price_x))
    log = params.price_space == "log"
    if log:
        y, x = np.log(y), np.log(x)
    options = (params.intercept, log)
    if params.spread_mode == "view":
        part = slice(-params.hedge_window if params.hedge_window else None, None)
        fit = fit_hedge(y[part], x[part], params.hedge, *options)
        spread = (y - fit.beta * x - fit.alpha)[-WINDOW:]
    elif params.spread_mode == "locked":
        spread = (y - params.beta * x - params.alpha)[-WINDOW:]
    else:
        method = "kalman" if params.spread_mode == "kalman" else params.hedge
        spread = np.empty(WINDOW)
        for k, t in enumerate(range(len(y) - WINDOW, len(y))):
            part = slice(t - params.hedge_window, t)
            fit = fit_hedge(y[part], x[part], method, *options)
            spread[k] = y[t] - fit.beta * x[t] - fit.alpha
    return float((spread[-1] - spread.mean()) / spread.std(ddof=1))


EXACT = [mode for mode in MODES if mode.get("hedge") not in ("huber", "theil_sen", "kalman")]


@pytest.mark.parametrize("mode", EXACT)
def test_the_z_that_stands_equals_its_definition(mode: dict[str, Any]) -> None:
    y, x = legs(3)
    snapshot = analyzed(y, x, params_of(mode))
    history = analyzed(y, x, PairParams("Y", "X", limit=900))
    offset = len(history) - len(snapshot)
    traded = np.flatnonzero(~snapshot.carried)
    assert np.isfinite(snapshot.z[traded[0] :]).all(), "history fills the whole view"
    for row in traded[[0, 1, 50, 111, -2, -1]]:
        plain = known_in_plain_python(snapshot, history, int(row) + offset)
        assert snapshot.z[row] == pytest.approx(plain, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("method", ["huber", "theil_sen", "kalman"])
def test_a_slow_methods_line_is_one_that_was_fitted_a_little_before(method: str) -> None:
    y, x = legs(4, gaps=0.0)
    snapshot = analyzed(y, x, params_of({"hedge": method}))
    lines = np.unique(snapshot.known.beta)
    assert 10 <= len(lines) <= 60
    fits = {
        fit_hedge(y.close[end - LIMIT : end], x.close[end - LIMIT : end], method).beta
        for end in range(len(y) - LIMIT - 40, len(y) + 1)
    }
    assert set(lines.tolist()) <= fits


@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_alerts_read_the_z_that_stands_on_the_chart(mode: dict[str, Any]) -> None:
    y, x = legs(5)
    params = params_of(mode)
    snapshot = analyzed(y, x, params)
    read = pair_readings(y, x, params, ["z", "hedge_ratio"], snapshot.ts_ms)
    np.testing.assert_allclose(read["z"], snapshot.z, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(read["hedge_ratio"], snapshot.known.beta, rtol=1e-9)
    for row in (3, 100, -1):
        end = int(snapshot.ts_ms[row])
        alone = pair_readings(until(y, end), until(x, end), params, ["z"], [end])["z"][0]
        assert alone == read["z"][row], "the same bits, whichever bars are read beside it"


def test_on_a_row_in_which_a_leg_did_not_trade_the_last_z_stands() -> None:
    snapshot = analyzed(*legs(6), params_of({}))
    rows = np.flatnonzero(snapshot.carried[1:]) + 1
    assert len(rows) > 20
    for line in (snapshot.z, snapshot.fit_z, snapshot.spread, snapshot.mean, snapshot.std):
        np.testing.assert_array_equal(line[rows], line[rows - 1])
    assert snapshot.rows_carried == snapshot.carried.sum()
    assert any("carry a price forward" in note for note in snapshot.notes)


def test_todays_fit_moves_past_z_and_the_newest_is_the_same() -> None:
    y, x = legs(7, gaps=0.0)
    snapshot = analyzed(y, x, params_of({}))
    assert snapshot.fit_z[-1] == pytest.approx(snapshot.z[-1], rel=1e-8)
    assert np.abs(snapshot.fit_z - snapshot.z).max() > 0.1


def test_locked_means_the_line_that_is_given() -> None:
    y, x = legs(8, gaps=0.0)
    snapshot = analyzed(y, x, params_of({"spread_mode": "locked", "beta": -0.5, "alpha": 3.0}))
    expected = snapshot.price_y + 0.5 * snapshot.price_x - 3.0
    np.testing.assert_allclose(snapshot.spread, expected, rtol=1e-12)
    np.testing.assert_allclose(snapshot.z, snapshot.fit_z, rtol=1e-9, atol=1e-9)
    assert (snapshot.fit.method, snapshot.fit.beta, snapshot.fit.alpha) == ("locked", -0.5, 3.0)


@pytest.mark.parametrize("beta", [None, float("nan"), float("inf"), "2"])
def test_a_locked_hedge_needs_a_number(beta: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        PairParams("Y", "X", spread_mode="locked", beta=beta)
    assert refused.value.field == "beta"
    with pytest.raises(MissingError, match="beta is missing, expected a number from"):
        PairParams("Y", "X", spread_mode="locked")
    with pytest.raises(ParameterError, match="spread_mode is 'magic', expected one of view"):
        PairParams("Y", "X", spread_mode="magic")


def test_a_rolling_hedge_needs_its_window_more() -> None:
    y, x = legs(9, 100, gaps=0.0)
    answer = analyze_pair(y, x, params_of({"spread_mode": "rolling", "hedge_window": 70}))
    assert answer == NotReady("needs 110 bars, has 100", 100, 110)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    mode=st.sampled_from(MODES),
    cut=st.integers(1, 200),
    threshold=st.floats(0.5, 2.5),
    hysteresis=st.sampled_from([0.0, 0.3]),
)
def test_appending_bars_changes_no_count_and_no_marker(
    seed: int, mode: dict[str, Any], cut: int, threshold: float, hysteresis: float
) -> None:
    y, x = legs(seed, 700)
    params = params_of(mode)
    rule = AlertRule("r", "demo", "z", "abs>", threshold, params=params, hysteresis=hysteresis)

    def markers(y: Bars, x: Bars) -> tuple[int, list[int]]:
        """The first bar in view and the times of what would have fired in it."""
        times = np.union1d(y.ts_ms, x.ts_ms)
        values = pair_readings(y, x, params, ["z"], times)["z"]
        begin = int(times[-params.limit])
        hits = would_have_fired(rule, times, values, from_ms=begin)
        return begin, times[hits].tolist()

    _, before = markers(*(until(leg, (699 - cut) * 1_000) for leg in (y, x)))
    begin, after = markers(y, x)
    last = (699 - cut) * 1_000
    assert [t for t in before if t >= begin] == [t for t in after if t <= last]


class Walked:
    """An array that counts how often it is read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.reads, self.size = values, 0, values.size

    def __getitem__(self, at: Any) -> Any:
        self.reads += 1
        return self.values[at]


def test_a_long_window_costs_no_more_a_row_than_a_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is known then costs O(n): windows slide, and are walked anew now and then only."""
    for name in ("_sums", "_nearest"):
        monkeypatch.setattr(known, name, getattr(known, name).py_func)
    rng = np.random.default_rng(0)
    x = 3_000.0 + np.cumsum(rng.standard_normal(8_000))
    y = 0.04 * x + np.cumsum(rng.standard_normal(8_000)) * 0.01
    reads = {}
    for window in (50, 2_000):
        starts = np.maximum(np.arange(8_000) - window + 1, 0)
        moments, scores = Walked(x), Walked(x)
        known.window_moments.py_func(y, moments, starts, 2_000, False, np.empty((5, 6_000)))
        beta = np.full(6_000, 0.04) + 1e-6 * rng.standard_normal(6_000)
        known.line_scores.py_func(
            y, scores, beta, window, 2_000, False, (1e-14, 0.0), np.empty(6_000)
        )
        reads[window] = moments.reads / 6_000, scores.reads / 6_000
    for short, long in zip(reads[50], reads[2_000], strict=True):
        assert long < 2 * short + 4


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hedge_window": 60},
        {"hedge": "huber"},
        {"hedge": "kalman", "price_space": "log"},
        {"spread_mode": "rolling", "hedge_window": 40},
        {"spread_mode": "kalman", "hedge_window": 40},
        {"spread_mode": "locked", "beta": 1.4, "alpha": 0.0},
    ],
)
def test_no_z_changes_or_vanishes_because_the_view_moves_on(options) -> None:
    """The first rows of a view may carry a price of before it: their z is the one of then."""
    rng = np.random.default_rng(8)
    n = 620
    x = 50.0 + 0.1 * rng.standard_normal(n).cumsum()
    y = 1.4 * x + 3.0 + 0.2 * rng.standard_normal(n)
    legs = []
    for symbol, close, share in (("Y", y, 1.0), ("X", x, 0.35)):
        at = np.flatnonzero((rng.random(n) < share) | (np.arange(n) == 0))
        ones, part = np.ones(len(at)), close[at]
        legs.append(Bars(symbol, "1s", at * 1_000, part, part, part, part, ones, ones, part))
    params = PairParams("Y", "X", limit=220, z_window=30, corr_on="prices", **options)
    known: dict[int, float] = {}
    carried_first = 0
    for end in range(480, n):
        bars = [leg[: leg.ts_ms.searchsorted(end * 1_000)] for leg in legs]
        snapshot = analyze_pair(*bars, params)
        carried_first += bool(snapshot.carried[0])
        for ts_ms, z in zip(snapshot.ts_ms.tolist(), snapshot.z.tolist(), strict=True):
            assert z == pytest.approx(known.get(ts_ms, z), rel=1e-6, abs=1e-9, nan_ok=True)
            known[ts_ms] = z
        of_window = () if "spread_mode" in options else ("mean", "std")
        for name in ("z", "spread", "fit_z", "corr", *of_window):
            assert np.isfinite(getattr(snapshot, name)[0]), name
        assert np.isfinite(snapshot.known.beta[0])
    assert carried_first > 50
    assert np.isfinite(list(known.values())).all()
