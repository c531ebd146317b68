"""Gaps are found by id, whatever order things come in, and only where ids are a sequence."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.model import Gap, Ticks
from ingestion.stream.continuity import MAX_GAPS, MAX_JUMP, PROOF, Continuity


def ticks(*ids: int, symbol: str = "BTCUSDT") -> Ticks:
    return Ticks(
        symbol, [1_000 + one % 10_000_000 for one in ids], [5.0] * len(ids), [1.0] * len(ids), ids
    )


def spans(gaps: list[Gap]) -> list[tuple[int, int]]:
    return [(gap.first_id, gap.last_id) for gap in gaps]


def test_a_sequence_has_no_gap_however_it_is_cut() -> None:
    watch = Continuity(strict=True)
    for start in range(0, 100, 10):
        assert watch.check([ticks(*range(start, start + 10))]) == []


def test_a_hole_within_a_batch_and_one_between_batches_are_found_with_their_times() -> None:
    watch = Continuity(strict=True)
    assert watch.check([ticks(1, 2, 5)]) == [Gap("BTCUSDT", 3, 4, 1_002, 1_005)]
    assert watch.check([ticks(9)]) == [Gap("BTCUSDT", 6, 8, 1_005, 1_009)]
    assert len(Gap("BTCUSDT", 6, 8, 0, 1)) == 3


def test_symbols_have_a_numbering_each() -> None:
    watch = Continuity(strict=True)
    watch.check([ticks(1), ticks(500, symbol="ETHUSDT")])
    assert spans(watch.check([ticks(2), ticks(502, symbol="ETHUSDT")])) == [(501, 501)]


def test_prints_that_are_no_trades_use_up_their_id() -> None:
    watch = Continuity(strict=True)
    watch.check([ticks(1)])
    assert watch.check([ticks(2, 5)], [("BTCUSDT", 3), ("BTCUSDT", 4)]) == []
    assert watch.check([], [("BTCUSDT", 6), ("ETHUSDT", 77)]) == []
    assert spans(watch.check([ticks(8)])) == [(7, 7)]


def test_a_gap_before_a_print_that_is_no_trade_ends_at_the_print() -> None:
    watch = Continuity(strict=True)
    watch.check([ticks(1)])
    assert spans(watch.check([ticks(5)], [("BTCUSDT", 3)])) == [(2, 2), (4, 4)]


def test_what_comes_again_or_out_of_order_is_no_gap() -> None:
    watch = Continuity(strict=True)
    assert watch.check([ticks(3, 1, 2)]) == []
    assert watch.check([ticks(2, 3, 4)]) == []
    assert watch.check([ticks(2, 3)]) == []
    assert spans(watch.check([ticks(6)])) == [(5, 5)]


def test_ids_that_start_anew_or_run_wild_are_another_numbering() -> None:
    watch = Continuity(strict=True)
    watch.check([ticks(10 * MAX_JUMP)])
    assert watch.check([ticks(1)]) == []
    assert watch.check([ticks(2, 2**62)]) == []
    assert watch.check([ticks(3)]) == []
    assert spans(watch.check([ticks(5)])) == [(4, 4)]


def test_ids_of_an_unknown_source_are_believed_once_they_prove_to_be_a_sequence() -> None:
    watch = Continuity(strict=False)
    assert watch.check([ticks(1, 5, 9)]) == []
    assert watch.check([ticks(*range(10, 10 + PROOF))]) == []
    assert spans(watch.check([ticks(PROOF + 12)])) == [(PROOF + 10, PROOF + 11)]


def test_ids_once_believed_are_believed_after_a_gap() -> None:
    watch = Continuity(strict=False)
    watch.check([ticks(*range(PROOF + 1))])
    assert spans(watch.check([ticks(30, 31)])) == [(PROOF + 1, 29)]
    assert spans(watch.check([ticks(40, 41)])) == [(32, 39)]


def test_ids_that_are_no_sequence_after_all_are_not_believed_any_more() -> None:
    watch = Continuity(strict=False)
    watch.check([ticks(*range(PROOF + 1))])
    assert watch.check([ticks(*range(100, 200, 7))]) == []
    assert watch.check([ticks(300)]) == []


def at(start_ms: int, *ids: int) -> Ticks:
    count = len(ids)
    return Ticks(
        "BTCUSDT", [start_ms + one for one in range(count)], [5.0] * count, [1.0] * count, ids
    )


def test_a_source_that_numbers_anew_is_told_from_one_that_repeats_itself() -> None:
    watch = Continuity(strict=False)
    watch.check([at(1_000, *range(200))])
    assert watch.check([at(1_000, *range(200))]) == []
    assert watch.restarted() == [], "what comes twice is old"
    assert watch.check([at(5_000, *range(PROOF - 1))]) == []
    assert watch.restarted() == []
    assert watch.check([at(6_000, PROOF - 1)]) == []
    assert watch.restarted() == ["BTCUSDT"]
    assert watch.restarted() == []
    assert watch.check([at(7_000, *range(PROOF, 3 * PROOF))]) == []
    assert spans(watch.check([at(8_000, 3 * PROOF + 2)])) == [(3 * PROOF, 3 * PROOF + 1)]


def test_ticks_without_ids_have_no_gaps() -> None:
    watch = Continuity(strict=True)
    assert watch.check([ticks(-1, -1)]) == []
    assert watch.check([ticks(-1)]) == []


def test_a_symbol_that_is_taken_off_is_not_missed() -> None:
    watch = Continuity(strict=True)
    watch.check([ticks(1), ticks(1, symbol="ETHUSDT")])
    watch.keep(["ETHUSDT"])
    assert spans(watch.check([ticks(9), ticks(9, symbol="ETHUSDT")])) == [(2, 8)]


def test_gaps_without_number_are_told_as_many_and_none_is_lost() -> None:
    watch = Continuity(strict=True)
    gaps = watch.check([ticks(*range(0, 4 * MAX_GAPS, 2))])
    assert len(gaps) == MAX_GAPS
    assert gaps[-1].last_id == 4 * MAX_GAPS - 3


@given(st.lists(st.integers(0, 300), min_size=1, unique=True), st.integers(1, 7))
def test_gaps_and_what_came_are_together_every_id(held: list[int], size: int) -> None:
    held = sorted(held)
    watch, missing = Continuity(strict=True), 0
    for start in range(0, len(held), size):
        missing += sum(map(len, watch.check([ticks(*held[start : start + size])])))
    assert missing + len(held) == held[-1] - held[0] + 1
    assert np.all(np.diff(held) > 0)


def test_what_was_missed_between_two_runs_is_a_gap() -> None:
    watch = Continuity(strict=True)
    watch.resume("BTCUSDT", 7, 20)
    assert watch.check([ticks(12)]) == [Gap("BTCUSDT", 8, 11, 20, 1_012)]


def test_a_source_that_began_to_number_anew_between_two_runs_is_noticed() -> None:
    watch = Continuity(strict=True)
    watch.resume("BTCUSDT", 7_000, 20)
    for number in range(PROOF):
        assert watch.check([ticks(number)]) == []
    assert watch.restarted() == ["BTCUSDT"]
