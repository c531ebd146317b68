"""Delays between attempts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.stream.backoff import Backoff, BackoffPolicy


def delays(seed: int, count: int, at_least_s: float = 0.0) -> list[float]:
    backoff = Backoff(BackoffPolicy(), random.Random(seed))
    return [backoff.next_delay(at_least_s) for _ in range(count)]


@given(seed=st.integers(0, 10_000))
def test_every_delay_lies_between_floor_and_cap(seed: int) -> None:
    for number, delay in enumerate(delays(seed, 40), start=1):
        assert 0.5 <= delay <= min(30.0, 0.5 * 2**number)


@given(seed=st.integers(0, 10_000))
def test_a_server_that_accepts_and_closes_sees_few_connections(seed: int) -> None:
    elapsed, connections = 0.0, 0
    for delay in delays(seed, 600):
        elapsed += delay
        if elapsed > 300:
            break
        connections += 1
    assert connections <= 60


def test_delays_are_jittered() -> None:
    assert len({round(delay, 3) for seed in range(20) for delay in delays(seed, 1)}) > 15


def test_a_reset_makes_the_next_failure_the_first() -> None:
    backoff = Backoff(BackoffPolicy(), random.Random(1))
    for _ in range(10):
        backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() <= 1.0


@pytest.mark.parametrize("at_least_s", [5.0, 60.0, 3_600.0])
def test_the_floor_of_a_failure_is_never_undercut(at_least_s: float) -> None:
    found = delays(3, 20, at_least_s)
    assert min(found) >= at_least_s
    assert max(found) <= max(at_least_s, 600.0) + 30.0


def test_thousands_of_failures_overflow_nothing() -> None:
    assert max(delays(5, 5_000)) <= 30.0


@pytest.mark.parametrize("at_least_s", [5.0, 60.0, 3_600.0])
def test_clients_that_were_banned_together_do_not_come_back_together(at_least_s: float) -> None:
    firsts = [delays(seed, 1, at_least_s)[0] for seed in range(50)]
    assert len({round(delay, 3) for delay in firsts}) > 40
    assert all(at_least_s + 0.5 <= delay <= at_least_s + 1.0 for delay in firsts)
    assert min(delays(3, 20, at_least_s)) >= at_least_s + 0.5
