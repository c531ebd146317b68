"""What a server is asked for stays within its limit, in any window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestion.stream.budget import Budget


def test_a_budget_counts_what_others_spend() -> None:
    budget = Budget(1_200)
    budget.told(0.0, 1_190)
    assert budget.wait_s(1.0, 20) == 59.0
    assert budget.wait_s(60.0, 20) == 0.0


def test_what_the_server_counts_holds_until_its_window_ends() -> None:
    budget = Budget(1_200)
    budget.told(100.0, 1_190, left_s=11.0)
    assert budget.wait_s(101.0, 20) == 10.0
    assert budget.wait_s(111.0, 20) == 0.0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(asked: list[tuple[int, int]]) -> None:
    """asked: sixteenths of a second since the last request, and its weight."""
    budget, now_s = Budget(3, window_s=1.25), 0.0
    spent: list[tuple[float, int]] = []
    for later, weight in asked:
        now_s += later / 16
        now_s += budget.wait_s(now_s, weight)
        assert budget.wait_s(now_s, weight) == 0.0
        budget.spend(now_s, weight)
        spent.append((now_s, weight))
        assert sum(one for at_s, one in spent if at_s > now_s - 1.25) <= 3
