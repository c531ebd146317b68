from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.market.seen_ids import SeenIds


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=8))
def test_each_id_is_new_once_whatever_the_order_and_the_batches(batches):
    seen, model = SeenIds(), set()
    for batch in batches:
        assert seen.holds(np.array(batch, np.int64)).tolist() == [one in model for one in batch]
        expected = []
        for one in batch:
            expected.append(one not in model)
            model.add(one)
        assert seen.take(np.array(batch, np.int64)).tolist() == expected
    ids = sorted(model)
    assert len(seen) == sum(1 for at, one in enumerate(ids) if not at or ids[at - 1] != one - 1)


def test_a_million_ids_in_a_row_are_one_interval():
    seen = SeenIds()
    for first in range(0, 1_000_000, 10_000):
        assert seen.take(np.arange(first, first + 10_000)).all()
    assert len(seen) == 1
    assert not seen.take(np.arange(500_000, 500_100)).any()


def test_a_gap_that_is_backfilled_is_new_and_then_seen():
    seen = SeenIds()
    seen.take(np.arange(10))
    seen.take(np.arange(20, 30))
    assert len(seen) == 2
    assert seen.take(np.arange(8, 22)).tolist() == [False] * 2 + [True] * 10 + [False] * 2
    assert len(seen) == 1


def test_ids_with_holes_stay_bounded_and_the_newest_stay_exact():
    seen = SeenIds(max_intervals=100)
    for first in range(0, 4_000, 40):
        assert seen.take(np.arange(first, first + 40, 2)).all()
    assert len(seen) <= 100
    assert not seen.take(np.arange(3_900, 4_000, 2)).any()
    assert seen.take(np.arange(3_901, 4_001, 2)).all()
    assert not seen.take(np.arange(0, 2_000)).any(), "the oldest gaps are closed"


def test_the_bound_holds_when_ids_come_in_disorder():
    seen = SeenIds(max_intervals=16)
    for part in np.array_split(np.random.default_rng(0).permutation(500) * 2, 20):
        seen.take(part)
        assert len(seen) <= 16


def test_at_least_one_interval_must_fit():
    with pytest.raises(ValueError, match="max_intervals is 0, expected at least 1"):
        SeenIds(0)
