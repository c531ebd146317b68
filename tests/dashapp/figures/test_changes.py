"""What differs between two pictures, told so that it is whole again on the other side."""

from __future__ import annotations

import numpy as np
import pytest

from dashapp.figures.base import FINE_STEPS, GRID_STEPS, on_grid, typed
from dashapp.figures.changes import change, changed, differences
from tests.dashapp.figures.written import values_of

NOISE = np.random.default_rng(4)


def told_and_made(before, after):
    told = change(before, after)
    assert told is not None
    np.testing.assert_array_equal(changed(values_of(before), told), values_of(after))
    return told


def test_a_series_that_grows_is_told_by_its_new_rows_exactly():
    values = NOISE.normal(size=2_003)
    told = told_and_made(typed(values[:2_000]), typed(values[3:]))
    assert (told["drop"], told["keep"], len(told["tail"])) == (3, 1_997, 32)
    assert "moved" not in told
    longer = told_and_made(typed(values[:50]), typed(values[:53]))
    assert (longer["drop"], longer["keep"]) == (0, 50)


@pytest.mark.parametrize("likely", [0, 2, 3, 16, 4_000])
def test_what_left_at_the_front_is_found_whatever_is_looked_at_first(likely):
    values = NOISE.normal(size=2_003)
    told = change(typed(values[:2_000]), typed(values[3:]), likely)
    assert (told["drop"], told["keep"]) == (3, 1_997)
    assert change(typed(values[:8]), typed(values[2:8]), likely)["keep"] <= 6


def test_a_new_price_is_told_by_the_last_row():
    values = NOISE.normal(size=500)
    later = values.copy()
    later[-1] = 9.0
    told = told_and_made(typed(values), typed(later))
    assert (told["drop"], told["keep"]) == (0, 499)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("new_rows", [0, 1, 5])
def test_a_line_that_moves_as_a_whole_is_told_by_a_byte_a_row(kind, new_rows):
    line = np.cumsum(NOISE.normal(size=2_010))
    line[:4] = np.nan
    line[1_200] = np.nan
    slope = 1e-4 * np.ptp(line[np.isfinite(line)]) * np.linspace(-1.0, 1.0, 2_010)
    before = on_grid(line[:2_000].astype(kind))
    after = on_grid((line + slope)[new_rows : 2_000 + new_rows].astype(kind))
    told = told_and_made(before, after)
    assert len(told["moved"]) < 2_800


def test_last_bits_move_on_the_fine_grid_and_stay_within_it():
    line = np.cumsum(NOISE.normal(size=800))
    before, after = on_grid(line, FINE_STEPS), on_grid(line * (1 + 1e-12), FINE_STEPS)
    assert change(before, after) is not None
    np.testing.assert_allclose(values_of(after), line, rtol=0, atol=np.ptp(line) / FINE_STEPS)
    coarse = values_of(on_grid(line))
    np.testing.assert_allclose(coarse, line, rtol=0, atol=np.ptp(line) / GRID_STEPS)


def test_what_has_nothing_in_common_travels_whole():
    one, other = NOISE.normal(size=(2, 400))
    assert change(typed(one), typed(other)) is None
    assert change(on_grid(one), on_grid(other)) is None
    assert change(typed(one), typed(one.astype(np.float32))) is None
    assert change([1.0], typed(one)) is None


def test_a_line_that_had_no_grid_is_not_told_as_moved():
    line = np.full(400, 0.1)
    assert change(on_grid(line), on_grid(np.linspace(0.0, 1.0, 400))) is None


def test_ages_that_all_grow_by_one_are_told_by_a_byte_a_row():
    ages = np.arange(299, -1, -1, dtype=np.int32)
    told_and_made(typed(ages), typed(np.arange(300, -1, -1, dtype=np.int32)))


def test_lists_and_dicts_of_one_form_are_told_by_their_places():
    before = {"rows": [{"text": "a", "y": 1.0}, {"text": "b", "y": 2.0}], "n": 1}
    after = {"rows": [{"text": "a", "y": 1.5}, {"text": "b", "y": 2.0}], "n": True}
    assert differences(before, after) == [(("rows", 0, "y"), 1.5), (("n",), True)]
    assert differences([1], [1, 2]) == [((), [1, 2])]
    assert not differences(before, before)
