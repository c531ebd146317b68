"""How far a Sharpe ratio can be trusted, against the papers' own figures and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics._backtest_figures import shape_of, track_record
from analytics._sharpe import _highest_of
from analytics.model import ParameterError
from analytics.performance import (
    deflated_sharpe,
    drawdown_duration,
    max_drawdown,
    min_track_record,
    probabilistic_sharpe,
    sharpe,
    sharpe_stderr,
)

#: Bailey and Lopez de Prado (2012), p. 10: a hedge fund's two years of monthly returns.
MONTHLY = 0.036 / 0.079


def test_the_probabilistic_sharpe_of_the_paper():
    assert probabilistic_sharpe(MONTHLY, 24) == pytest.approx(0.982, abs=1e-3)
    fat = probabilistic_sharpe(MONTHLY, 24, skew=-2.448, kurtosis=10.164)
    assert fat == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("periods", "years", "skew", "kurtosis"),
    [(252, 2.73, 0.0, 3.0), (52, 2.83, 0.0, 3.0), (12, 3.24, 0.0, 3.0), (12, 4.99, -0.72, 5.78)],
)
def test_the_minimum_track_records_of_the_paper(periods, years, skew, kurtosis):
    """2012, p. 13: a Sharpe ratio of 2 a year told from 1 at 95 %."""
    root = math.sqrt(periods)
    found = min_track_record(2.0 / root, 1.0 / root, skew, kurtosis)
    assert found / periods == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize(
    ("n_trials", "skew", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_deflated_sharpes_of_the_paper(n_trials, skew, kurtosis, expected):
    """2014, p. 10: 2.5 a year over five years of 250 days, variance of the trials 1/2 a year."""
    found = deflated_sharpe(2.5 / math.sqrt(250), 1_250, n_trials, 0.5 / 250, skew, kurtosis)
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_highest_of_the_papers_trials_is_compared_with_0_1132():
    luck = 0.1132
    direct = probabilistic_sharpe(2.5 / math.sqrt(250), 1_250, -3.0, 10.0, luck)
    deflated = deflated_sharpe(2.5 / math.sqrt(250), 1_250, 100, 0.5 / 250, -3.0, 10.0)
    assert deflated == pytest.approx(direct, abs=5e-4)


def test_one_trial_is_not_deflated():
    assert deflated_sharpe(0.1, 500, 1, 0.3) == probabilistic_sharpe(0.1, 500)


def test_the_standard_error_is_that_of_simulated_ratios():
    rng = np.random.default_rng(0)
    for shocks in (
        rng.standard_normal((4_000, 400)),
        rng.standard_exponential((4_000, 400)) - 1.0,
        1.0 - rng.standard_exponential((4_000, 400)),
    ):
        returns = 0.3 + shocks
        ratios = [sharpe(row, 1) for row in returns]
        errors = [sharpe_stderr(row) for row in returns]
        assert np.median(errors) == pytest.approx(np.std(ratios), rel=0.06)


def test_the_standard_error_goes_with_the_moments():
    returns = np.random.default_rng(1).standard_t(5, 300) * 0.01 + 0.001
    ratio, near = sharpe(returns, 1), returns - returns.mean()
    skew = np.mean(near**3) / np.mean(near**2) ** 1.5
    kurtosis = np.mean(near**4) / np.mean(near**2) ** 2
    variance = (1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2) / 299
    assert sharpe_stderr(returns) == pytest.approx(math.sqrt(variance), rel=1e-12)
    psr = probabilistic_sharpe(ratio, 300, skew, kurtosis)
    assert psr == pytest.approx(0.5 * math.erfc(-ratio / math.sqrt(2.0 * variance)), rel=1e-9)
    assert sharpe_stderr(np.r_[np.nan, returns, np.inf]) == sharpe_stderr(returns)


def test_a_track_record_of_the_minimum_has_just_the_confidence():
    for skew, kurtosis, confidence in ((0.0, 3.0, 0.95), (-1.0, 7.0, 0.9), (0.5, 4.0, 0.99)):
        periods = min_track_record(0.12, 0.03, skew, kurtosis, confidence)
        n = round(periods)
        found = probabilistic_sharpe(0.12, n, skew, kurtosis, 0.03)
        assert found == pytest.approx(confidence, abs=2e-3)


def test_no_track_record_tells_a_ratio_from_a_higher_one():
    assert min_track_record(0.1, 0.1) == math.inf
    assert min_track_record(-0.1) == math.inf


def test_the_best_of_a_sweep_on_noise_is_not_taken_for_skill():
    """100 strategies without skill: below 0.95 in at least 95 of 100 sweeps."""
    taken = 0
    for seed in range(100):
        returns = np.random.default_rng(seed).standard_normal((500, 100)) * 0.01
        ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        best = float(ratios.max())
        taken += deflated_sharpe(best, 500, 100, float(ratios.var(ddof=1))) >= 0.95
        assert probabilistic_sharpe(best, 500) > 0.95
    assert taken <= 5


def test_nan_gives_nan_and_never_a_figure():
    assert math.isnan(probabilistic_sharpe(math.nan, 10))
    assert math.isnan(probabilistic_sharpe(0.1, 10, kurtosis=math.nan))
    assert math.isnan(deflated_sharpe(0.1, 10, 5, math.nan))
    assert math.isnan(min_track_record(math.nan))
    for returns in ([], [0.1], [0.1, 0.1, 0.1]):
        assert math.isnan(sharpe_stderr(returns))


def test_moments_that_no_returns_have_are_refused():
    """They made the variance negative, and a track record of -3.7 periods."""
    for call in (
        lambda: min_track_record(2.0, skew=5.0, kurtosis=3.0),
        lambda: probabilistic_sharpe(2.0, 24, skew=-5.0, kurtosis=25.9),
        lambda: deflated_sharpe(2.0, 24, 5, 0.1, skew=1e200, kurtosis=1e9),
    ):
        with pytest.raises(ParameterError, match=r"at least 1 \+ skew\^2, which is") as refused:
            call()
        assert refused.value.field == "kurtosis"


@pytest.mark.parametrize("share", [3, 7, 40, 99])
def test_returns_of_two_values_are_the_limit_and_are_taken(share):
    returns = np.where(np.arange(100) < share, 0.03, -0.01)
    unit = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float(np.mean(unit**3)), float(np.mean(unit**4))
    assert kurtosis == pytest.approx(1.0 + skew**2)
    for ratio in (0.1, abs(2.0 / skew)):  # at the latter one sign's variance is 0
        for lean in (skew, -skew):
            assert 0.0 <= probabilistic_sharpe(ratio, 100, lean, kurtosis) <= 1.0
            assert min_track_record(ratio, 0.0, lean, kurtosis) >= 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: probabilistic_sharpe(0.1, 1), "n is 1, expected at least 2"),
        (lambda: probabilistic_sharpe(0.1, 9.0), "n is 9.0, expected a whole number"),
        (lambda: probabilistic_sharpe("a", 9), "sharpe is 'a', expected a number"),
        (lambda: probabilistic_sharpe(0.1, 9, kurtosis=0), "kurtosis is 0.0, expected a number"),
        (lambda: deflated_sharpe(0.1, 9, 0, 0.1), "n_trials is 0, expected at least 1"),
        (lambda: deflated_sharpe(0.1, 9, 2, -1.0), "variance_of_trials is -1.0, expected"),
        (lambda: min_track_record(0.1, confidence=1), "confidence is 1, expected a number between"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("returns", "periods"),
    [
        ([0.1, 0.2], 0),
        ([-0.1], 1),
        ([0.1, -0.05, 0.01, 0.2, -0.3, 0.1], 2),
        ([-0.5, 1.0, 0.1], 1),
        ([0.5, -0.5, 0.5, 0.1], 3),
        ([0.1, -0.1, np.nan, 0.5], 2),
        ([0.0, 0.0], 0),
    ],
)
def test_the_duration_of_a_drawdown_is_its_periods_below_the_peak(returns, periods):
    assert drawdown_duration(returns) == periods


def test_the_duration_equals_a_plain_loop():
    for seed in range(20):
        returns = np.random.default_rng(seed).standard_normal(300) * 0.01
        equity = peak = 1.0
        longest = run = 0
        for value in returns:
            equity *= 1.0 + value
            peak = max(peak, equity)
            run = run + 1 if equity < peak else 0
            longest = max(longest, run)
        assert drawdown_duration(returns) == longest
        assert (longest > 0) == (max_drawdown(returns) < 0.0)
    assert math.isnan(drawdown_duration([]))


def test_returns_of_two_values_alike_often_have_a_track_record():
    """Their kurtosis is 1, the least there is, which rounding misses for some."""
    for seed in range(300):
        pair = np.random.default_rng(seed).standard_normal(2) * 1e-3
        record = track_record(shape_of(np.tile(pair, 20)), 252.0)
        assert math.isfinite(record.sharpe)


@pytest.mark.parametrize("power", [12, 16, 17, 40, 300])
def test_any_number_of_trials_has_its_highest(power):
    """About sqrt(2 ln N) of independent normal numbers, below it for every N."""
    n_trials, root = 10**power, math.sqrt(2.0 * math.log(10.0) * power)
    luck = _highest_of(n_trials)
    assert root - (math.log(root) + 1.0) / root < luck < root
    assert _highest_of(10 * n_trials if power < 300 else n_trials) >= luck
    found = deflated_sharpe(0.5, 1_000, n_trials, 1e-4)
    assert found == probabilistic_sharpe(0.5, 1_000, benchmark=1e-2 * luck)


@pytest.mark.parametrize("name", ["n", "n_trials"])
def test_a_count_that_is_no_float_is_refused_by_name(name):
    given = {"sharpe": 0.1, "n": 100, "n_trials": 10, "variance_of_trials": 0.01}
    with pytest.raises(ParameterError, match=f"^{name} is 1000.*expected a whole number from"):
        deflated_sharpe(**given | {name: 10**301})


def test_a_sharpe_of_next_to_nothing_takes_for_ever():
    assert min_track_record(1e-200) == math.inf
