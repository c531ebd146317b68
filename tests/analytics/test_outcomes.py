"""What became of an alert, against the same reckoned step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.hedge import fit_hedge
from analytics.model import Bars, PairParams
from analytics.outcomes import outcome
from analytics.readings import pair_readings

N = 600


def bars(symbol: str, close: np.ndarray, seed: int) -> Bars:
    times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    opening = close * (1.0 + np.random.default_rng(seed).normal(0, 1e-5, len(close)))
    return Bars(symbol, "1s", times, opening, close, close, close, ones, ones, close)


@pytest.fixture(scope="module")
def legs() -> tuple[Bars, Bars]:
    rng = np.random.default_rng(5)
    x = 60_000.0 + np.cumsum(rng.normal(0, 5, N))
    noise = np.zeros(N)
    for t in range(1, N):
        noise[t] = 0.9 * noise[t - 1] + rng.normal(0, 2)
    return bars("Y", 2_500.0 + 0.03 * (x - 60_000.0) + noise, 1), bars("X", x, 2)


def step_by_step(
    y: Bars, x: Bars, params: PairParams, at: int, cost_bps: float, value: float | None = None
) -> dict:
    """The definition in plain Python."""
    log = params.price_space == "log"
    a, b = ([math.log(v) if log else v for v in leg.close.tolist()] for leg in (y, x))
    start = max(at + 1 - (params.hedge_window or params.limit), 0)
    fit = fit_hedge(a[start : at + 1], b[start : at + 1], params.hedge, params.intercept)
    beta, alpha = fit.beta, fit.alpha
    known = None
    if params.spread_mode in ("rolling", "kalman"):
        known = pair_readings(y, x, params, ["z", "hedge_ratio"], y.ts_ms)
        beta = float(known["hedge_ratio"][at])
    spread = [p - beta * q - alpha for p, q in zip(a, b, strict=True)]

    def z_of(t: int) -> float:
        if known is not None:
            return float(known["z"][t])
        window = spread[t + 1 - params.z_window : t + 1]
        mean = sum(window) / len(window)
        return (spread[t] - mean) / math.sqrt(
            sum((v - mean) ** 2 for v in window) / (len(window) - 1)
        )

    told = z_of(at) if value is None else value
    side = 1 if told > 0 else -1
    worst, back = max(side * z_of(at), side * told), None
    for t in range(at + 1, len(a)):
        worst = max(worst, side * z_of(t))
        if side * z_of(t) <= 0:
            back = t
            break
    last = back if back is not None else len(a) - 1
    over = back is not None and back + 1 < len(a)
    y0, x0 = y.open[at + 1], x.open[at + 1]
    units = (1.0 / y0, -beta / x0) if log else (1.0, -beta)
    gross = abs(units[0]) * y0 + abs(units[1]) * x0

    def earned(py: float, px: float) -> float:
        return -side * (units[0] * (py - y0) + units[1] * (px - x0)) / gross

    exit_y, exit_x = (
        (y.open[last + 1], x.open[last + 1]) if over else (y.close[last], x.close[last])
    )
    turnover = 1.0 + (abs(units[0]) * exit_y + abs(units[1]) * exit_x) / gross
    marks = [earned(y.close[t], x.close[t]) for t in range(at + 1, last + 1)]
    return {
        "bars": back - at if back is not None else None,
        "worst_z": side * worst,
        "worst_bps": min(*marks, 0.0) * 1e4,
        "net_bps": earned(exit_y, exit_x) * 1e4 - cost_bps * turnover,
        "followed": last - at,
        "done": over,
    }


@pytest.mark.parametrize("at", [150, 240, 333, 401, 480, 597])
@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("mode", ["view", "rolling", "kalman"])
@pytest.mark.parametrize("value", [None, 4.5, -4.5])
def test_an_outcome_equals_the_same_reckoned_step_by_step(legs, at, space, mode, value):
    params = PairParams(
        "Y", "X", price_space=space, limit=300, spread_mode=mode, hedge_window=80, z_window=50
    )
    seen = outcome(*legs, params, at * 1_000, cost_bps=1.5, value=value)
    wanted = step_by_step(*legs, params, at, 1.5, value)
    if value is not None:
        assert abs(seen.worst_z) >= 4.5, "never nearer than the alert's own"
        assert seen.worst_z * value > 0
    for name, value in wanted.items():
        got = getattr(seen, name)
        assert got == (pytest.approx(value, rel=1e-6, abs=1e-7) if value is not None else None), (
            name
        )


def test_a_view_of_carried_rows_is_that_of_the_alert(legs):
    y, x = legs
    some = np.random.default_rng(3).random(N) < 0.6
    some[:3] = True
    x = Bars(x.symbol, "1s", *(getattr(x, name)[some] for name in x._dtypes))
    params = PairParams("Y", "X", limit=120)
    for at in np.flatnonzero(some)[150:-2:20].tolist():
        z = pair_readings(y, x, params, ["z"], [at * 1_000])["z"]
        seen = outcome(y, x, params, at * 1_000, max_bars=1)
        assert np.sign(seen.worst_z) == np.sign(z[0])
        assert abs(seen.worst_z) >= abs(z[0]) * (1 - 1e-12)


def test_what_follows_the_end_changes_nothing(legs):
    params = PairParams("Y", "X")
    seen = outcome(*legs, params, 240_000)
    assert seen.done
    short = [held.tail(None) for held in legs]
    stop = 240 + seen.bars + 2
    cut = [Bars(h.symbol, "1s", *(getattr(h, n)[:stop] for n in h._dtypes)) for h in short]
    assert outcome(*cut, params, 240_000) == seen
    before = [Bars(h.symbol, "1s", *(getattr(h, n)[: stop - 1] for n in h._dtypes)) for h in short]
    assert not outcome(*before, params, 240_000).done


def test_there_is_no_outcome_without_the_bar_its_window_or_a_bar_after_it(legs):
    params = PairParams("Y", "X")
    assert outcome(*legs, params, 240_500) is None
    assert outcome(*legs, params, 30_000) is None
    assert outcome(*legs, params, (N - 1) * 1_000) is None


def test_an_alert_that_never_comes_back_is_given_up(legs):
    seen = outcome(*legs, PairParams("Y", "X"), 240_000, max_bars=1)
    assert (seen.bars, seen.followed, seen.done) == (None, 1, True)


def test_what_cannot_be_reckoned_with_is_named(legs):
    with pytest.raises(ValueError, match="cost_bps is -1"):
        outcome(*legs, PairParams("Y", "X"), 0, cost_bps=-1)
    with pytest.raises(ValueError, match="max_bars is 0"):
        outcome(*legs, PairParams("Y", "X"), 0, max_bars=0)
