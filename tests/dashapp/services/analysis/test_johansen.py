"""Johansen's test beside a snapshot: made in a thread, kept, and not too often."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from analytics.cointegration import johansen
from analytics.stationarity import TOO_FEW_ROWS
from dashapp.services.analysis import johansen as johansen_module
from dashapp.services.analysis.johansen import JohansenTests, johansen_document, johansen_of
from tests.waiting import until


@pytest.mark.parametrize(("trend", "order"), [("n", -1), ("c", "rc"), ("ct", 1), ("ctt", 1)])
def test_the_test_is_of_the_legs_with_the_terms_of_the_pairs_trend(pair_snapshot, trend, order):
    held = replace(pair_snapshot, params=replace(pair_snapshot.params, trend=trend))
    made = johansen_of(held)
    legs = np.column_stack([held.price_y, held.price_x])
    expected = johansen(legs, det_order=order, lag_diff=1)
    np.testing.assert_array_equal(made.result.trace, expected.trace)
    assert (made.rows, made.ts_ms, made.det_order) == (600, held.ts_ms[-1], order)


def test_few_rows_are_allowed_for_and_too_few_have_no_test(pair_snapshot):
    def newest(rows):
        names = ("ts_ms", "price_y", "price_x", "carried")
        return replace(pair_snapshot, **{n: getattr(pair_snapshot, n)[-rows:] for n in names})

    few = newest(100)
    expected = johansen(np.column_stack([few.price_y, few.price_x]), det_order="rc")
    scaled = johansen_of(few).result
    assert expected.small_sample < 1.0
    np.testing.assert_array_equal(scaled.trace, expected.trace * expected.small_sample)
    np.testing.assert_array_equal(scaled.max_eig, expected.max_eig * expected.small_sample)
    assert johansen_of(newest(59)).note == TOO_FEW_ROWS.format(59)


def test_in_logarithms_the_test_is_of_logarithms(pair_snapshot):
    params = replace(pair_snapshot.params, price_space="log")
    made = johansen_of(replace(pair_snapshot, params=params))
    legs = np.log(np.column_stack([pair_snapshot.price_y, pair_snapshot.price_x]))
    np.testing.assert_array_equal(made.result.max_eig, johansen(legs, det_order="rc").max_eig)


def test_legs_without_a_test_say_why(pair_snapshot):
    flat = replace(pair_snapshot, price_x=np.full(len(pair_snapshot), 5.0))
    made = johansen_of(flat)
    assert made.result is None
    assert "constant or collinear" in made.note
    assert johansen_document(made) is None


async def test_a_page_never_waits_and_finds_the_test_later(pair_snapshot):
    tests = JohansenTests()
    assert tests.latest("demo", pair_snapshot) is None
    assert tests.made("demo", pair_snapshot.params) == 0
    await until(lambda: tests.made("demo", pair_snapshot.params))
    made = tests.latest("demo", pair_snapshot)
    assert made.ts_ms == pair_snapshot.ts_ms[-1]
    await asyncio.sleep(0.05)
    assert tests.latest("demo", pair_snapshot) is made, "the rows are the same: nothing to do"


async def test_a_pair_is_tested_once_in_its_spacing_and_then_of_its_newest_rows(
    pair_snapshot, monkeypatch
):
    seen = []

    def counted(snapshot):
        seen.append(float(snapshot.price_y[-1]))
        return johansen_of(snapshot)

    monkeypatch.setattr(johansen_module, "johansen_of", counted)
    tests = JohansenTests(spacing_s=0.6)
    prices = [float(pair_snapshot.price_y[-1]) + step for step in range(4)]
    for price in prices:
        moved = np.append(pair_snapshot.price_y[:-1], price)
        tests.latest("demo", replace(pair_snapshot, price_y=moved))
        await until(lambda: seen)
        await asyncio.sleep(0.05)
    await until(lambda: len(seen) == 2)
    await asyncio.sleep(0.7)
    assert seen == [prices[0], prices[-1]]


async def test_pairs_and_markets_are_told_apart_and_the_oldest_is_forgotten(
    pair_snapshot, monkeypatch
):
    monkeypatch.setattr(johansen_module, "MAX_KEPT", 2)
    tests = JohansenTests()
    tests.latest("demo", pair_snapshot)
    await until(lambda: tests.made("demo", pair_snapshot.params))
    other = replace(pair_snapshot, params=replace(pair_snapshot.params, trend="n"))
    assert tests.latest("live", pair_snapshot) is None
    assert tests.latest("demo", other) is None
    assert tests.made("demo", pair_snapshot.params) == 0, "three pairs, two kept"
    tests.stop()


def test_z_window_and_method_do_not_make_another_test(pair_snapshot):
    changed = replace(pair_snapshot.params, z_window=90, hedge="tls", hedge_window=100)
    assert johansen_module._pair(changed) == johansen_module._pair(pair_snapshot.params)
