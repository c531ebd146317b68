"""Gaps are counted, shown while they are open, and flag the bars that they touch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.model import Gap, Ticks
from storage.market.gaps import MAX_OPEN, GapLedger
from storage.market.market import Market
from storage.market.seen_ids import SeenIds


def ticks(*ids: int, symbol: str = "BTCUSDT") -> Ticks:
    """A tick every 100 ms, numbered one by one."""
    count = len(ids)
    return Ticks(symbol, [100 * one for one in ids], [5.0 + one for one in ids], [1.0] * count, ids)


def broken() -> Market:
    """Ids 0 to 14 and 36 to 49: a gap from 1.4 s to 3.6 s."""
    market = Market("live", "Live", "live")
    market.append(ticks(*range(15)))
    market.note_gap(Gap("BTCUSDT", 15, 35, 1_400, 3_600))
    market.append(ticks(*range(36, 50)))
    return market


def test_an_open_gap_is_counted_and_flags_the_bars_it_touches() -> None:
    market = broken()
    assert (market.gaps.total, market.gaps.open, market.gaps.missing) == (1, 1, 21)
    bars = market.bars("BTCUSDT", "1s")
    assert bars.ts_ms.tolist() == [0, 1_000, 3_000, 4_000]
    assert market.touched_by_gaps(bars).tolist() == [False, True, True, False]
    assert market.gaps.spans(["BTCUSDT", "ETHUSDT"]).tolist() == [[1_400, 3_600]]


def test_a_gap_that_is_filled_is_counted_and_no_longer_shown() -> None:
    market = broken()
    assert len(market.fill(ticks(*range(15, 30)))) == 15
    assert (market.gaps.open, market.gaps.missing) == (1, 6)
    market.fill(ticks(*range(28, 36)))
    assert (market.gaps.total, market.gaps.open, market.gaps.missing) == (1, 0, 0)
    assert market.counters.backfilled == 21
    assert market.counters.duplicate == 2
    assert market.counters.balanced
    whole = Market("x", "x", "live")
    whole.append(ticks(*range(50)))
    for timeframe in ("1s", "1m"):
        ours, theirs = market.bars("BTCUSDT", timeframe), whole.bars("BTCUSDT", timeframe)
        assert ours.open.tolist() == theirs.open.tolist()
        assert ours.close.tolist() == theirs.close.tolist()
        assert ours.trades.tolist() == theirs.trades.tolist()


def test_filling_twice_changes_nothing() -> None:
    market = broken()
    market.fill(ticks(*range(15, 36)))
    version = market.version
    assert len(market.fill(ticks(*range(15, 36)))) == 0
    assert market.version == version
    assert (market.counters.backfilled, market.counters.duplicate) == (21, 21)


def test_trades_that_come_late_by_themselves_close_the_gap() -> None:
    market = broken()
    market.append(ticks(*range(15, 36)))
    assert (market.gaps.open, market.counters.backfilled) == (0, 0)


def test_a_gap_is_of_its_symbol_alone() -> None:
    market = broken()
    market.append(ticks(*range(15, 36), symbol="ETHUSDT"))
    assert market.gaps.open == 1


def test_a_gap_that_came_meanwhile_is_closed_at_once() -> None:
    market = Market("live", "Live", "live")
    market.append(ticks(*range(10)))
    market.note_gap(Gap("BTCUSDT", 3, 5, 0, 1))
    assert (market.gaps.total, market.gaps.open) == (1, 0)


def test_backfill_counts_neither_for_the_rate_nor_for_the_last_arrival() -> None:
    market = broken()
    arrived, rate = market.last_arrival_s, market.rate()
    market.fill(ticks(*range(15, 36)))
    assert (market.last_arrival_s, market.rate()) == (arrived, rate)


def test_a_numbering_that_begins_anew_is_taken_and_leaves_its_gaps_open() -> None:
    market = broken()
    assert len(market.append(ticks(*range(20)))) == 5, "the rest had come before"
    market.forget_ids("BTCUSDT")
    assert len(market.append(ticks(*range(40)))) == 40, "of other trades, beyond the gap's ids"
    assert (market.gaps.open, market.gaps.missing) == (1, 16)
    assert len(market.gaps.spans(["BTCUSDT"])) == 1


def test_the_ledger_is_bounded_and_its_count_is_not() -> None:
    ledger = GapLedger()
    for number in range(MAX_OPEN + 10):
        ledger.note(Gap("X", 2 * number, 2 * number, number, number), None)
    assert (ledger.total, ledger.open, ledger.forgotten) == (MAX_OPEN + 10, MAX_OPEN + 10, 10)
    assert len(ledger.gaps("X")) == MAX_OPEN


@given(st.sets(st.integers(0, 60)), st.integers(0, 60), st.integers(0, 60))
def test_missing_ids_are_those_never_seen(held: set[int], one: int, other: int) -> None:
    first, last = sorted((one, other))
    seen = SeenIds()
    seen.take(np.array(list(held), np.int64))
    assert seen.missing(first, last) == len(set(range(first, last + 1)) - held)
