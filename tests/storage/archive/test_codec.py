"""Columns in few bytes: every bit comes back, whatever is in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analytics.model import Ticks
from storage.archive.blocks import TICK_COLUMNS, Damaged, check_sum, decode, encode
from storage.archive.codec import HEADER, pack, unpack

ANY_WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300)
DECIMALS = st.builds(lambda n, d: n / 10**d, st.integers(-(10**9), 10**12), st.integers(0, 8))


def back(column: np.ndarray) -> np.ndarray:
    data = b"before" + pack(column) + b"after"
    values, end = unpack(data, 6, len(column), f"<{column.dtype.str[1:]}")
    assert data[end:] == b"after"
    return values


@settings(max_examples=200, deadline=None)
@given(column=arrays.arrays(np.int64, st.integers(0, 80), elements=ANY_WHOLE))
def test_whole_numbers_are_read_as_they_were_packed(column):
    assert np.array_equal(back(column), column)


@settings(max_examples=200, deadline=None)
@given(column=st.lists(st.floats() | DECIMALS, max_size=80) | st.lists(DECIMALS, max_size=80))
def test_fractions_are_read_bit_by_bit_as_they_were_packed(column):
    given = np.array(column, np.float64)
    assert np.array_equal(back(given).view(np.int64), given.view(np.int64))


def test_a_value_beyond_the_sample_that_has_more_decimals_is_noticed():
    column = np.full(1_000, 1.5)
    column[900] = 1.123456789
    assert np.array_equal(back(column), column)
    column[901] = np.pi
    assert np.array_equal(back(column), column)
    assert len(pack(column)) == HEADER.size + 8_000


@pytest.mark.parametrize(
    ("column", "width"),
    [
        (np.full(1_000, -1), 0),
        (np.arange(5_266_583_935, 5_266_584_935), 0),
        (np.arange(1_000) * 37 % 256, 1),
        (60_000 + np.arange(1_000) * 97 % 3_001 / 10, 2),
        (1_723_161_256_322 + np.cumsum(np.arange(1_000) % 250), 1),
        (np.array([0, 2**40] * 500), 8),
        (np.sqrt(np.arange(1_000.0)), 8),
    ],
)
def test_a_column_takes_as_few_bytes_as_its_values_need(column, width):
    assert len(pack(column)) == HEADER.size + width * len(column)
    assert np.array_equal(back(column), column)


@pytest.mark.parametrize("codec", ["raw", "zlib", "brotli"])
def test_a_block_of_an_unknown_codec_is_damaged(codec):
    rows = Ticks("BTCUSDT", [3, 5], [7.5, 8.0], [1.0, 2.0], [11, 12])
    block = {**encode(rows, 0), "codec": codec}
    block["crc32"] = check_sum(block)
    with pytest.raises(Damaged, match=f"unknown codec '{codec}'"):
        decode(block, "ticks")


@pytest.mark.parametrize("squeeze", [False, True])
def test_the_columns_of_a_block_are_read_as_they_were_encoded_and_read_only(squeeze):
    rows = Ticks("BTCUSDT", [3, 5], [7.5, 8.0], [1.0, 2.0], [11, 12])
    for column, name in zip(
        decode(encode(rows, 0, 0, squeeze), "ticks"), TICK_COLUMNS, strict=True
    ):
        assert np.array_equal(column, getattr(rows, name))
        assert not column.flags.writeable


@pytest.mark.parametrize("squeeze", [False, True])
def test_a_block_keeps_how_many_trades_each_tick_holds(squeeze):
    rows = Ticks("BTCUSDT", [3, 5], [7.5, 8.0], [1.0, 2.0], [11, 12], [1, 70_000])
    assert decode(encode(rows, 0, 0, squeeze), "ticks")[-1].tolist() == [1, 70_000]


@pytest.mark.parametrize(("count", "plain"), [(2, True), (31, True), (32, False), (500, False)])
def test_a_block_of_single_trades_takes_no_room_for_their_count(count, plain):
    prices = 7.5 + np.arange(count) % 9
    rows = Ticks("BTCUSDT", np.arange(count), prices, prices, np.arange(count))
    names = ("ts_ms", "price", "size", "trade_id")
    four = b"".join(pack(getattr(rows, name), plain) for name in names)
    assert encode(rows, 0)["payload"] == four, "few rows as they are, more in few bytes"
