"""What rules read of a pair: the snapshot's own figures, as they were known at each bar."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import BAR_COLUMNS, Bars, NotReady, OrderError, PairParams
from analytics.pair import analyze_pair
from analytics.readings import PAIR_METRICS, check_view, pair_readings, why_no_z

N = 900


def bars(symbol: str, close: np.ndarray, at: np.ndarray) -> Bars:
    ones = np.ones(len(at))
    trades = np.where(at % 7 == 0, 1, 5)
    held = close[at]
    return Bars(symbol, "1s", at * 1_000, held, held, held, held, ones, trades, held)


def upto(held: Bars, end: int) -> Bars:
    stop = int(np.searchsorted(held.ts_ms, end, side="right"))
    columns = {name: getattr(held, name)[:stop] for name in BAR_COLUMNS}
    return Bars(held.symbol, held.timeframe, **columns)


@pytest.fixture(scope="module")
def legs() -> tuple[Bars, Bars]:
    """Two legs of a pair at crypto prices, each silent in some seconds."""
    rng = np.random.default_rng(11)
    x = 60_000.0 + np.cumsum(rng.normal(0, 5, N))
    y = 2_500.0 + 0.03 * (x - 60_000.0) + rng.normal(0, 2, N)
    busy = [np.sort(rng.choice(N, int(N * share), replace=False)) for share in (0.95, 0.9)]
    return bars("Y", y, busy[0]), bars("X", x, busy[1])


#: Methods whose line is fitted now and then, so that today's fit is another one.
NOW_AND_THEN = ("huber", "theil_sen", "kalman")


def shown(snapshot) -> dict[str, float]:
    now_and_then = snapshot.params.hedge in NOW_AND_THEN and snapshot.params.spread_mode == "view"
    return {
        "z": snapshot.z[-1],
        "spread": snapshot.reading.spread,
        "correlation": snapshot.corr[-1],
        "engle_granger_pvalue": snapshot.engle_granger.pvalue,
        "hedge_ratio": snapshot.known.beta[-1],
        **({} if now_and_then else {"adf_pvalue": snapshot.adf_pvalue[-1]}),
    }


def spread_then(snapshot) -> float:
    """The newest traded row's spread by the line that was known at it."""
    at = np.flatnonzero(~snapshot.carried)[-1]
    y, x = snapshot.price_y[at], snapshot.price_x[at]
    if snapshot.params.price_space == "log":
        y, x = np.log(y), np.log(x)
    return y - snapshot.known.beta[at] * x - snapshot.known.alpha[at]


ALL_KINDS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"hedge": "huber", "z_window": 20},
        {"hedge": "tls", "intercept": False, "limit": 300},
        {"hedge": "kalman"},
        {"price_space": "log", "hedge": "theil_sen", "hedge_window": 250},
        {"price_space": "log", "hedge_window": 250},
        {"corr_on": "prices", "trend": "ct", "lag_method": "bic"},
        {"min_trades": 2, "limit": 400},
        {"min_volume": 2_500.0, "limit": 200},
        {"spread_mode": "rolling", "hedge_window": 100},
        {"spread_mode": "kalman"},
        {"spread_mode": "locked", "beta": 0.03, "alpha": 700.0},
    ],
)


@ALL_KINDS
def test_the_newest_z_is_of_the_spread_mean_and_deviation_beside_it(legs, options):
    params = PairParams("Y", "X", **options)
    for end in legs[0].ts_ms[[600, 640, 700, -3, -1]].tolist():
        snapshot = analyze_pair(*(upto(held, end) for held in legs), params)
        spread, mean, std, fitted_ms = snapshot.reading
        assert snapshot.z[-1] == pytest.approx((spread - mean) / std, rel=1e-8, abs=1e-9)
        assert spread == pytest.approx(spread_then(snapshot), rel=1e-9, abs=1e-9)
        older = snapshot.params.hedge in NOW_AND_THEN and params.spread_mode == "view"
        assert (fitted_ms is not None) == older


@pytest.mark.parametrize("hedge", NOW_AND_THEN)
def test_a_line_that_is_fitted_now_and_then_is_the_fit_of_the_bars_up_to_its_time(legs, hedge):
    params = PairParams("Y", "X", hedge=hedge, limit=500)
    ages = []
    for end in legs[0].ts_ms[[-61, -40, -23, -2]].tolist():
        snapshot = analyze_pair(*(upto(held, end) for held in legs), params)
        then = analyze_pair(*(upto(held, snapshot.reading.fitted_ms) for held in legs), params)
        assert snapshot.known.beta[-1] == pytest.approx(then.fit.beta, rel=1e-9)
        assert snapshot.known.alpha[-1] == pytest.approx(then.fit.alpha, rel=1e-9)
        ages.append(end - snapshot.reading.fitted_ms)
    assert max(ages) > 0, "some line is older than the newest bar"


@ALL_KINDS
def test_a_reading_is_the_snapshot_of_the_bars_up_to_it(legs, options):
    params = PairParams("Y", "X", **options)
    times = np.union1d(legs[0].ts_ms, legs[1].ts_ms)
    ends = times[[450, 451, 700, -2, -1]]
    read = pair_readings(*legs, params, PAIR_METRICS, ends)
    for index, end in enumerate(ends.tolist()):
        snapshot = analyze_pair(*(upto(held, end) for held in legs), params)
        for metric, wanted in shown(snapshot).items():
            got = read[metric][index]
            if snapshot.ts_ms[-1] == end:
                assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True), metric
            else:
                assert np.isnan(got), "the activity filter left this row out"


def test_one_reading_equals_many_to_the_last_bit(legs):
    params = PairParams("Y", "X")
    ends = np.union1d(legs[0].ts_ms, legs[1].ts_ms)[600:640]
    many = pair_readings(*legs, params, ["z"], ends)["z"]
    for end, value in zip(ends.tolist(), many.tolist(), strict=True):
        alone = pair_readings(*legs, params, ["z"], [end])["z"][0]
        assert alone == value


def test_there_is_no_reading_before_a_full_view_and_at_times_without_a_row(legs):
    params = PairParams("Y", "X", z_window=60)
    times = np.union1d(legs[0].ts_ms, legs[1].ts_ms)
    read = pair_readings(*legs, params, ["z", "spread"], [times[40], times[500] + 1])
    assert np.isnan(read["z"]).all()
    assert np.isnan(read["spread"]).all()
    assert pair_readings(*legs, params, ["z"], [])["z"].shape == (0,)


def test_a_spread_that_does_not_vary_has_no_z_score():
    at = np.arange(200)
    x = bars("X", 100.0 + np.sin(np.arange(200.0)), at)
    y = bars("Y", 2.0 * (100.0 + np.sin(np.arange(200.0))), at)
    read = pair_readings(y, x, PairParams("Y", "X"), ["z"], [199_000])
    assert np.isnan(read["z"][0])
    assert isinstance(analyze_pair(y, x, PairParams("Y", "X")), NotReady)


def test_an_unknown_metric_is_named(legs):
    with pytest.raises(ValueError, match="metric is 'price', expected one of z, spread"):
        pair_readings(*legs, PairParams("Y", "X"), ["price"], [0])


ROLLING = {"spread_mode": "rolling"}
KALMAN = {"spread_mode": "kalman", "hedge_window": 5_000}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"z_window": 101}, "z_window is 101, expected at most limit (100)"),
        ({"z_window": 101, **ROLLING}, "z_window is 101, expected at most limit (100)"),
        (
            {"hedge_window": 41, "z_window": 60, **ROLLING},
            "hedge_window is 41, expected at most 40, since the z window needs 60 more of limit "
            "(100)",
        ),
        (
            {"z_window": 30, **ROLLING},
            "limit is 100, expected at least 230: the hedge takes 200 rows before those of "
            "z_window (30)",
        ),
        (
            {"z_window": 60, **KALMAN},
            "hedge_window is 5000, expected at most 40, since the z window needs 60 more of "
            "limit (100)",
        ),
        (
            {"z_window": 95, **KALMAN},
            "limit is 100, expected at least 595: the hedge takes 500 rows before those of "
            "z_window (95)",
        ),
    ],
)
def test_a_view_that_never_holds_the_rows_of_a_z_score_is_refused(options, words):
    with pytest.raises(OrderError) as refused:
        check_view(PairParams("Y", "X", limit=100, **options))
    assert str(refused.value) == words


@pytest.mark.parametrize(("window", "hedge"), [(60, 40), (61, 40), (30, 70), (31, 70), (90, 10)])
@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
def test_a_view_is_refused_just_where_no_z_score_is_ever_read(mode, window, hedge):
    rng, every = np.random.default_rng(3), np.arange(N)
    x = 100.0 + np.cumsum(rng.normal(size=N))
    y = bars("Y", 2.0 * x + rng.normal(size=N), every)
    x = bars("X", x, every)
    params = PairParams(
        "Y", "X", "1s", spread_mode=mode, hedge_window=hedge, z_window=window, limit=100
    )
    z = pair_readings(y, x, params, ["z"], y.ts_ms[-50:])["z"]
    if np.isfinite(z).any():
        check_view(params)
    else:
        with pytest.raises(OrderError):
            check_view(params)


@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
@pytest.mark.parametrize(
    ("bars", "still", "reason"),
    [
        (200, 0, ""),
        (20, 0, "needs "),
        (200, 22, "the z-score takes 6 bars with a hedge ratio, has 4"),
        (200, 40, "X does not vary, so there is nothing to hedge"),
        (200, 120, "X does not vary, so there is nothing to hedge"),
    ],
)
def test_why_there_is_no_z_is_what_the_page_says(
    mode: str, bars: int, still: int, reason: str
) -> None:
    """X stands still in the newest bars, of which a filter of 20 bars makes nothing."""
    rng = np.random.default_rng(1)
    x = 100 + rng.normal(scale=0.1, size=200).cumsum()
    y = 1.5 * x + 20 + rng.normal(scale=0.03, size=200).cumsum()
    x[200 - still :] = x[-still]
    times, ones = np.arange(bars) * 60_000, np.ones(bars)
    legs = [
        Bars(name, "1m", times, *[close[-bars:]] * 4, ones, ones, close[-bars:])
        for name, close in (("Y", y), ("X", x))
    ]
    params = PairParams("Y", "X", "1m", z_window=6, hedge_window=20, spread_mode=mode, limit=100)
    page, lack = analyze_pair(*legs, params), why_no_z(*legs, params)
    words = page.reason if isinstance(page, NotReady) else page.no_z
    assert words == ("" if lack is None else lack.reason)
    if still != 22 or mode == "kalman":
        assert words.startswith(reason)
        assert bool(words) == bool(reason)
    if lack is not None:
        assert (lack.have < lack.need) == words.startswith(("needs", "the z-score takes"))
