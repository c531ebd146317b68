"""Ticks of the future and of long ago do not reach the bars."""

from __future__ import annotations

from analytics.model import Ticks
from ingestion.stream.timecheck import ANCIENT_MS, FUTURE_MS, TimeCheck

NOW = 1_723_161_256_322


def ticks(*times: int) -> Ticks:
    count = len(times)
    return Ticks("BTCUSDT", times, [5.0] * count, [1.0] * count, list(range(count)))


def test_a_tick_of_now_or_a_little_ahead_passes() -> None:
    kept, refused, ids = TimeCheck().split(ticks(NOW, NOW + 2_500, NOW + FUTURE_MS), NOW)
    assert (len(kept), refused, ids) == (3, [], [])


def test_a_tick_of_the_future_is_quarantined_with_its_reason_and_its_id() -> None:
    check = TimeCheck()
    kept, refused, ids = check.split(ticks(NOW, NOW + FUTURE_MS + 1, NOW + 1), NOW)
    assert kept.trade_id.tolist() == [0, 2]
    assert [one.reason for one in refused] == ["future"]
    assert refused[0].sample == f"BTCUSDT at {NOW + FUTURE_MS + 1}: 5"
    assert ids == [1]


def test_nothing_but_the_future_leaves_nothing() -> None:
    kept, refused, _ = TimeCheck().split(ticks(NOW + 10 * FUTURE_MS), NOW)
    assert (len(kept), len(refused)) == (0, 1)


def test_a_tick_of_long_ago_is_refused_once_newer_ones_are_known() -> None:
    check = TimeCheck()
    check.split(ticks(NOW), NOW)
    kept, refused, _ = check.split(ticks(NOW - ANCIENT_MS - 1, NOW - 1_000), NOW)
    assert kept.ts_ms.tolist() == [NOW - 1_000]
    assert [one.reason for one in refused] == ["ancient"]


def test_a_recording_of_long_ago_is_no_fault_of_its_own() -> None:
    check = TimeCheck()
    for start in range(0, 5_000, 1_000):
        kept, _, _ = check.split(ticks(start, start + 1), NOW)
        assert len(kept) == 2
