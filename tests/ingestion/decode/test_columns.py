"""Ticks that come as columns: what cannot be is left out, each with its first fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.model import Ticks
from ingestion.decode.columns import valid_ticks
from ingestion.decode.decoder import Decoder
from ingestion.decode.rows import PRICE_END, SIZE_END
from ingestion.decode.times import END_MS, FIRST_MS

NOW_MS = 1_723_161_256_322
EDGES = [math.nan, math.inf, -math.inf, -1.0, -0.0, 0.0, 5e-324, 1.0, PRICE_END, SIZE_END, 1e300]


def test_valid_ticks_are_returned_themselves():
    ticks = Ticks("X", [NOW_MS] * 3, [1.0, 5e-324, 1e11], [1e-9, 1.0, 1e17], [1, 2, -1])
    assert valid_ticks(ticks) == (ticks, [])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((0, 1.0, 1.0), "time"),
        ((-5, 1.0, 1.0), "time"),
        ((FIRST_MS - 1, 1.0, 1.0), "time"),
        ((END_MS, 1.0, 1.0), "time"),
        ((1 << 62, 1.0, 1.0), "time"),
        ((NOW_MS, math.nan, 1.0), "price"),
        ((NOW_MS, math.inf, 1.0), "price"),
        ((NOW_MS, 0.0, 1.0), "price"),
        ((NOW_MS, PRICE_END, 1.0), "price"),
        ((NOW_MS, 1.0, math.nan), "size"),
        ((NOW_MS, 1.0, -1.0), "size"),
        ((NOW_MS, 1.0, SIZE_END), "size"),
        ((-5, -5.0, -5.0), "time"),
    ],
)
def test_a_tick_that_cannot_be_is_left_out_for_its_first_fault(values, reason):
    ts_ms, price, size = values
    ticks = Ticks("X", [NOW_MS, ts_ms, NOW_MS], [1.0, price, 2.0], [1.0, size, 2.0], [7, 8, 9])
    kept, rejected = valid_ticks(ticks)
    assert kept.trade_id.tolist() == [7, 9]
    assert [one.reason for one in rejected] == [reason]
    assert rejected[0].sample.startswith(f"X {ts_ms} ")


@given(
    st.sampled_from([0, FIRST_MS - 1, FIRST_MS, NOW_MS, END_MS - 1, END_MS]),
    st.sampled_from(EDGES),
    st.sampled_from(EDGES),
)
def test_columns_are_judged_as_messages_are(ts_ms, price, size):
    """The decoder and this agree about every tick, but for its words for a zero print."""
    kept, _ = valid_ticks(Ticks("X", [ts_ms], [price], [size], [1]))
    texts = [np.format_float_positional(value) for value in (price, size)]
    line = f'{{"symbol":"X","ts":{ts_ms},"price":"{texts[0]}","size":"{texts[1]}","id":1}}'
    decoded = Decoder().decode(line.encode())
    assert len(kept) == sum(map(len, decoded.ticks))
