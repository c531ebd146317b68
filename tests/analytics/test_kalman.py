"""The Kalman filter against the matrix equations, written plainly in long double."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.kalman import kalman_hedge


def by_matrices(y, x, delta=1e-4, observation_var=1e-3, state=(0.0, 0.0), cov=0.0):
    """Predict and update as the textbook has them, bar by bar."""
    wide = np.longdouble
    theta = np.array(state, dtype=wide)
    p = np.array(cov, dtype=wide) * (np.eye(2, dtype=wide) if np.ndim(cov) == 0 else 1)
    walk = wide(delta) / (1 - wide(delta)) * np.eye(2, dtype=wide)
    rows = []
    for t in range(len(y)):
        if t > 0:
            p = p + walk
        h = np.array([x[t], 1.0], dtype=wide)
        innovation = y[t] - h @ theta
        variance = h @ p @ h + observation_var
        gain = p @ h / variance
        theta = theta + gain * innovation
        p = p - np.outer(gain, h) @ p
        rows.append([*theta, innovation, variance])
    return np.array(rows, dtype=float).T


def legs(seed: int, n: int = 400, level: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = level * (1 + np.cumsum(rng.normal(0, 1e-3, n)))
    return 1.5 * x + 0.1 * level + rng.normal(0, 1e-3 * level, n), x


@pytest.mark.parametrize("level", [0.05, 1.0, 100.0, 60_000.0])
def test_the_filter_equals_the_matrix_equations(level):
    y, x = legs(1, level=level)
    ours = kalman_hedge(y, x)
    truth = by_matrices(y, x)
    scale = np.abs(truth).max(axis=1)[:, None]
    np.testing.assert_allclose(np.array(ours) / scale, truth / scale, rtol=0, atol=1e-9)


def test_every_setting_is_used():
    y, x = legs(2)
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    settings = {"delta": 1e-3, "observation_var": 0.2, "initial_state": (1.0, 5.0)}
    ours = kalman_hedge(y, x, **settings, initial_cov=cov)
    truth = by_matrices(y, x, 1e-3, 0.2, (1.0, 5.0), cov)
    np.testing.assert_allclose(np.array(ours), truth, rtol=1e-7, atol=1e-9)
    scalar = kalman_hedge(y, x, **settings, initial_cov=3.0)
    matrix = kalman_hedge(y, x, **settings, initial_cov=3.0 * np.eye(2))
    np.testing.assert_array_equal(np.array(scalar), np.array(matrix))


def test_the_first_bar_is_judged_by_the_initial_state_alone():
    first = [values[0] for values in kalman_hedge([7.0, 8.0], [2.0, 3.0])]
    assert first == [0.0, 0.0, 7.0, 1e-3]
    told = kalman_hedge([7.0], [2.0], initial_state=(3.0, 0.5))
    assert told.innovation[0] == 0.5


def test_the_innovation_is_what_the_state_before_the_bar_did_not_predict():
    y, x = legs(3)
    beta, alpha, innovation, _ = kalman_hedge(y, x)
    np.testing.assert_allclose(innovation[1:], y[1:] - beta[:-1] * x[1:] - alpha[:-1], atol=1e-9)


def test_innovations_of_the_model_itself_are_white_and_of_the_stated_size():
    rng = np.random.default_rng(4)
    n, delta, noise = 20_000, 1e-4, 1e-3
    walk = np.cumsum(rng.normal(0, np.sqrt(delta / (1 - delta)), (2, n)), axis=1)
    x = 5 + rng.normal(size=n)
    y = walk[0] * x + walk[1] + rng.normal(0, np.sqrt(noise), n)
    result = kalman_hedge(y, x, delta=delta, observation_var=noise)
    standard = (result.innovation / np.sqrt(result.innovation_var))[100:]
    assert standard.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(standard[1:], standard[:-1])[0, 1]) < 0.02


def test_a_bar_without_a_price_is_nan_and_costs_certainty_only():
    y, x = legs(5, n=60)
    holed = y.copy()
    holed[[20, 21]] = np.nan
    full, gap = kalman_hedge(y, x), kalman_hedge(holed, x)
    for before, after in zip(full, gap, strict=True):
        assert np.isnan(after[[20, 21]]).all()
        np.testing.assert_array_equal(after[:20], before[:20])
        assert np.isfinite(after[22:]).all()
    assert gap.innovation_var[22] > full.innovation_var[22]
    step = 1e-4 / (1 - 1e-4) * (x[22] ** 2 + 1)
    state = kalman_hedge(y[:20], x[:20])
    predicted = y[22] - state.beta[-1] * x[22] - state.alpha[-1]
    assert gap.innovation[22] == pytest.approx(predicted, rel=1e-12)
    assert gap.innovation_var[22] > 3 * step


def test_no_bars_give_no_rows():
    assert all(values.shape == (0,) for values in kalman_hedge([], []))


@given(st.integers(0, 2**32 - 1), st.integers(0, 50))
def test_a_state_never_depends_on_what_came_later(seed, k):
    y, x = legs(seed, n=50)
    part, whole = kalman_hedge(y[:k], x[:k]), kalman_hedge(y, x)
    for early, late in zip(part, whole, strict=True):
        np.testing.assert_array_equal(early, late[:k])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"delta": 0.0}, "delta is 0.0, expected a number between 0 and 1"),
        ({"delta": 1.0}, "delta is 1.0, expected a number between 0 and 1"),
        ({"observation_var": 0.0}, "observation_var is 0.0, expected a number above 0"),
        ({"observation_var": np.nan}, "observation_var is nan, expected a number above 0"),
        ({"initial_state": (1.0,)}, r"initial_state is \(1.0,\), expected \(beta, alpha\)"),
        ({"initial_cov": -1.0}, "initial_cov is -1.0, expected no negative variance"),
        ({"initial_cov": [[1.0, 2.0], [2.0, 1.0]]}, "expected no negative variance"),
        ({"initial_cov": [1.0, 2.0]}, "expected a number or a symmetric 2 x 2"),
        ({"initial_cov": [[1.0, 0.5], [0.4, 1.0]]}, "expected a number or a symmetric 2 x 2"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, words):
    with pytest.raises(ValueError, match=words):
        kalman_hedge([1.0, 2.0], [1.0, 2.0], **settings)


def test_legs_must_be_equally_long():
    with pytest.raises(ValueError, match="y has 1 values and x 2, expected as many"):
        kalman_hedge([1.0], [1.0, 2.0])
