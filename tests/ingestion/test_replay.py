"""Replay: kept data on their own clock, each symbol in its order of arrival."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.model import Bars, Ticks
from ingestion.replay import Playhead, Reel, ReplayFeed, Stretch


def ticks(symbol: str, times: list[int]) -> Ticks:
    """Ticks that are numbered by their order of arrival."""
    ones = np.ones(len(times))
    return Ticks(symbol, times, ones, ones, np.arange(len(times)))


def stretch_of(*batches: Ticks | Bars, piece: int = 1_000) -> Stretch:
    """What a store would give: each symbol in pieces, those before the start left out."""

    def read(symbol: str, from_ms: int) -> Iterator[Ticks | Bars]:
        for batch in batches:
            if batch.symbol != symbol:
                continue
            due = np.maximum.accumulate(batch.ts_ms)
            begin = int(np.searchsorted(due, from_ms))
            for at in range(begin, len(batch), piece):
                yield batch[at : at + piece]

    last = max(int(one.ts_ms.max()) for one in batches)
    first = min(int(one.ts_ms.min()) for one in batches)
    if isinstance(batches[0], Bars):
        last += 60_000
    return Stretch("a file", tuple(one.symbol for one in batches), first, last, read)


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        await asyncio.sleep(0)


def feed_of(stretch: Stretch, **options) -> tuple[ReplayFeed, list, Clock]:
    clock, got = Clock(), []
    feed = ReplayFeed(
        stretch, lambda batches: got.append((clock.now, batches)), clock=clock, sleep=clock.sleep,
        **options,
    )  # fmt: skip
    return feed, got, clock


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(200_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to hold in time")


async def run_out(feed: ReplayFeed) -> None:
    await until(lambda: feed.state in ("ended", "failed"))


def ids_of(got: list, symbol: str) -> list[int]:
    return [one for _, batches in got for b in batches if b.symbol == symbol for one in b.trade_id]


# --- the playhead -----------------------------------------------------------------------


def test_the_playhead_moves_with_the_clock_at_its_speed_and_stops_at_the_end():
    head = Playhead(1_000, 61_000, 1_000, speed=30)
    assert head.at(5.0) == 1_000, "not before it plays"
    head.play(5.0)
    assert head.at(6.0) == 31_000
    head.set_speed(1, 6.0)
    assert head.at(7.0) == 32_000
    head.pause(7.0)
    assert head.at(99.0) == 32_000
    head.play(99.0)
    assert head.at(100.0) == 33_000
    assert head.at(9_999.0) == 61_000


def test_the_playhead_stays_within_its_stretch():
    head = Playhead(1_000, 2_000, -5, speed=1)
    assert head.at(0) == 1_000
    head.place(9_999, 0)
    assert head.at(0) == 2_000


def test_a_clock_that_goes_back_does_not_move_the_playhead():
    head = Playhead(0, 10_000, 0, speed=1)
    head.play(50.0)
    assert head.at(40.0) == 0


@pytest.mark.parametrize("speed", [0, 0.5, 1_001, float("nan"), -1])
def test_a_speed_out_of_range_is_told_what_is_legal(speed):
    with pytest.raises(ValueError, match=r"speed is .*, expected 1 to 1000"):
        Playhead(0, 1, 0, speed)


# --- the reel ---------------------------------------------------------------------------


def drawn(reel: Reel, steps: list[int], most: int) -> dict[str, list[int]]:
    """What comes by and by, to the end: the ids of each symbol."""
    got: dict[str, list[int]] = {"A": [], "B": []}
    for until in [*steps, *[1_000] * 400]:
        batches, reached = reel.take(until, most)
        assert reached <= until
        for batch in batches:
            assert np.maximum.accumulate(batch.ts_ms)[-1] <= until
            got[batch.symbol] += batch.trade_id.tolist()
    return got


@settings(max_examples=60, deadline=None)
@given(
    a=st.lists(st.integers(0, 999), min_size=1, max_size=60),
    b=st.lists(st.integers(0, 999), min_size=1, max_size=60),
    steps=st.lists(st.integers(0, 999), max_size=8).map(sorted),
    piece=st.integers(1, 20),
    most=st.integers(1, 30),
)
def test_every_tick_comes_once_in_its_order_of_arrival_whatever_the_steps(a, b, steps, piece, most):
    reel = Reel(stretch_of(ticks("A", a), ticks("B", b), piece=piece), 0)
    got = drawn(reel, steps, most)
    assert got == {"A": list(range(len(a))), "B": list(range(len(b)))}


def test_a_tick_that_was_late_in_the_recording_is_late_again():
    reel = Reel(stretch_of(ticks("A", [100, 500, 300, 600])), 0)
    assert [len(one) for one in reel.take(299)[0]] == [1]
    assert reel.take(499)[0] == []
    assert [one.trade_id.tolist() for one in reel.take(500)[0]] == [[1, 2]]


def test_no_symbol_runs_ahead_of_another_that_has_much_to_say():
    reel = Reel(stretch_of(ticks("A", list(range(100))), ticks("B", [0, 99])), 0)
    batches, reached = reel.take(99, most=20)
    assert reached == 9
    assert {one.symbol: len(one) for one in batches} == {"A": 10, "B": 1}


def test_a_bar_is_due_when_it_closes():
    ones = np.ones(2)
    bars = Bars("A", "1m", [0, 60_000], ones, ones, ones, ones, ones, [1, 1], ones)
    reel = Reel(stretch_of(bars), 0)
    assert reel.take(59_999)[0] == []
    assert [one.ts_ms.tolist() for one in reel.take(60_000)[0]] == [[0]]
    assert [one.ts_ms.tolist() for one in reel.take(120_000)[0]] == [[60_000]]


# --- the feed ---------------------------------------------------------------------------


async def test_ten_minutes_at_100x_take_six_seconds_and_nothing_comes_early():
    times = list(range(0, 600_000, 250))
    feed, got, clock = feed_of(stretch_of(ticks("A", times)), speed=100)
    feed.start()
    await run_out(feed)
    assert ids_of(got, "A") == list(range(len(times)))
    assert 5.99 < clock.slept < 6.2
    for now, batches in got:
        assert batches[0].ts_ms.max() <= (now - 100) * 1_000 * 100 + 1
    assert feed.position_ms == times[-1]


async def test_it_begins_where_it_is_told():
    feed, got, _ = feed_of(stretch_of(ticks("A", [0, 500, 900])), start_ms=400, speed=1_000)
    feed.start()
    await run_out(feed)
    assert ids_of(got, "A") == [1, 2]


async def test_a_pause_delivers_nothing_and_play_goes_on_where_it_stood():
    feed, got, clock = feed_of(stretch_of(ticks("A", list(range(0, 60_000, 100)))), speed=10)
    feed.start()
    await until(lambda: feed.position_ms >= 20_000)
    feed.pause()
    await asyncio.sleep(0.02)
    held, position = len(ids_of(got, "A")), feed.position_ms
    assert feed.state == "paused"
    before = clock.now
    await until(lambda: clock.now >= before + 30)
    assert (len(ids_of(got, "A")), feed.position_ms) == (held, position)
    feed.play()
    await run_out(feed)
    assert ids_of(got, "A") == list(range(600))


async def test_forward_delivers_what_lies_between_at_once():
    feed, got, _ = feed_of(stretch_of(ticks("A", list(range(0, 600_000, 100)))))
    feed.start()
    feed.pause()
    feed.forward(500_000)
    await until(lambda: feed.position_ms >= 500_000)
    assert ids_of(got, "A") == list(range(5_001))
    assert feed.state == "paused"
    with pytest.raises(ValueError, match="expected at least 500000"):
        feed.forward(100)
    await feed.stop()
    assert feed.state == "ended"


async def test_it_stands_still_while_its_readers_are_behind():
    behind = True
    feed, got, clock = feed_of(stretch_of(ticks("A", [0, 100])), speed=1_000, wait=lambda: behind)
    feed.start()
    await until(lambda: clock.slept >= 10)
    assert got == []
    behind = False
    await run_out(feed)
    assert ids_of(got, "A") == [0, 1]


async def test_a_source_that_fails_is_told_and_ends_it(caplog):
    def read(symbol: str, from_ms: int) -> Iterator[Ticks]:
        yield ticks("A", [0])
        raise OSError("the disk is gone")

    feed, _, _ = feed_of(Stretch("a disk", ("A",), 0, 100, read), speed=1_000)
    feed.start()
    await run_out(feed)
    assert feed.state == "failed"
    assert feed.problem == "OSError: the disk is gone"


async def test_nothing_comes_after_a_stop():
    feed, got, _ = feed_of(stretch_of(ticks("A", list(range(0, 60_000, 10)))), speed=10)
    feed.start()
    await asyncio.sleep(0.01)
    await feed.stop()
    held = len(got)
    await asyncio.sleep(0.05)
    assert len(got) == held
    await feed.stop()


def test_a_late_tick_that_begins_a_piece_is_due_when_it_arrived_and_time_never_falls():
    times = [1_000, 5_000, 2_000, 3_000, 6_000]
    for piece, most in ((2, 1), (2, 100), (1, 1), (3, 2)):
        reel, arrived, before = Reel(stretch_of(ticks("A", times), piece=piece), 0), [], 0
        for due in (1_500, 4_000, 5_000, 5_500, 6_000):
            while True:
                batches, reached = reel.take(due, most)
                assert before <= reached <= due
                before = reached
                arrived += [(due, ts_ms) for batch in batches for ts_ms in batch.ts_ms.tolist()]
                if not batches and reached >= due:
                    break
        assert arrived == [
            (1_500, 1_000),
            (5_000, 5_000),
            (5_000, 2_000),
            (5_000, 3_000),
            (6_000, 6_000),
        ]
