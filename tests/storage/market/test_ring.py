from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import Ticks
from storage.market.ring import TickRing


def numbered(first: int, count: int) -> Ticks:
    ids = np.arange(first, first + count)
    return Ticks("BTCUSDT", 1_000 + ids // 3, ids + 0.5, ids + 1.0, ids)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.integers(0, 60), max_size=12),
    st.none() | st.integers(0, 50),
)
def test_a_ring_holds_what_a_bounded_deque_holds_in_the_same_order(capacity, sizes, limit):
    ring, model, total = TickRing(capacity), deque(maxlen=capacity), 0
    for size in sizes:
        ring.append(numbered(total, size))
        model.extend(range(total, total + size))
        total += size
        expected = (
            list(model) if limit is None else list(model)[len(model) - min(limit, len(model)) :]
        )
        view = ring.view(limit)
        assert view.trade_id.tolist() == expected
        assert view.price.tolist() == [number + 0.5 for number in expected]
        assert view.size.tolist() == [number + 1.0 for number in expected]
        assert view.ts_ms.tolist() == [1_000 + number // 3 for number in expected]
        assert len(ring) == len(model)
        assert ring.dropped == total - len(model)
        assert (ring.last.trade_id if ring.last else None) == (model[-1] if model else None)


def test_growing_past_its_first_columns_keeps_every_tick():
    ring = TickRing(capacity=10_000)
    for first in range(0, 9_000, 900):
        ring.append(numbered(first, 900))
    np.testing.assert_array_equal(ring.view().trade_id, np.arange(9_000))
    assert ring.dropped == 0


def test_a_ring_takes_no_memory_before_it_has_ticks():
    ring = TickRing()
    ring.append(numbered(0, 10))
    assert sum(column.nbytes for column in ring._columns) < 64 * 1024


def test_a_ring_never_outgrows_its_capacity():
    ring = TickRing(capacity=5_000)
    for first in range(0, 30_000, 1_700):
        ring.append(numbered(first, 1_700))
    assert {len(column) for column in ring._columns} == {5_000}


def test_a_view_does_not_change_when_the_ring_wraps_over_it():
    ring = TickRing(capacity=4)
    ring.append(numbered(0, 4))
    view = ring.view()
    ring.append(numbered(4, 3))
    assert view.trade_id.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        view.price[0] = 1.0


def test_an_empty_ring_has_no_last_tick():
    ring = TickRing()
    assert ring.last is None
    assert len(ring.view()) == len(ring) == 0


def test_another_symbol_is_an_error():
    ring = TickRing()
    ring.append(numbered(0, 1))
    with pytest.raises(ValueError, match="ticks are of ETHUSDT, expected BTCUSDT"):
        ring.append(Ticks("ETHUSDT", [1], [1.0], [1.0], [1]))


def test_a_ring_without_room_is_an_error():
    with pytest.raises(ValueError, match="capacity is 0, expected at least 1"):
        TickRing(0)


def test_a_tick_in_the_place_of_a_marked_one_is_not_marked():
    ring = TickRing(capacity=4)
    ring.append(numbered(0, 4), np.ones(4, np.bool_))
    ring.append(numbered(4, 2))
    assert ring.marks().tolist() == [True, True, False, False]
    ring.append(numbered(6, 3))
    assert ring.marks().tolist() == [False] * 4
