"""How often pages are refreshed, by how long computations wait."""

from __future__ import annotations

from collections import namedtuple

import psutil
import pytest

from dashapp.services.analysis.load import (
    BUSY,
    CALM,
    FULL,
    INTERVALS_MS,
    MANY_HERE,
    NOTICED_MS,
    ROOM,
    Cores,
    Load,
    cores,
)
from dashapp.services.loop_watch import LoopWatch


class Seconds:
    """A clock that is set by hand, and a load on it."""

    def __init__(self) -> None:
        self.now = self.spent = self.taken = 0.0
        machine = lambda: Cores(self.taken, 2 * self.now)  # noqa: E731 - of two cores
        self.load = Load(lambda: self.now, lambda: self.spent, machine)

    def pass_one(self, *waits_ms: float, spent: float = 0.9) -> int:
        for wait_ms in waits_ms:
            self.load.waited(wait_ms)
        self.now += 1.0
        self.spent += spent
        return self.load.interval_ms


def test_an_idle_machine_refreshes_at_the_usual_interval_and_says_nothing():
    seconds = Seconds()
    assert [seconds.pass_one(1.0, 30.0) for _ in range(5)] == [500] * 5
    assert seconds.load.words == ""


def test_each_second_of_long_waits_lengthens_the_interval_which_has_an_end():
    seconds = Seconds()
    longer = [seconds.pass_one(400.0, 10.0) for _ in range(8)]
    assert longer == [*INTERVALS_MS[1:], *[INTERVALS_MS[-1]] * 3]
    assert seconds.load.words == "busy: refreshed every 5 s"


def test_it_comes_back_step_by_step_and_at_once_where_nobody_asks():
    seconds = Seconds()
    for _ in range(2):
        seconds.pass_one(400.0)
    assert seconds.load.words == "busy: refreshed every 1.5 s"
    calm = [seconds.pass_one(5.0) for _ in range(2 * CALM)]
    assert calm == [*[1_500] * (CALM - 1), *[1_000] * CALM, 500]
    for _ in range(3):
        seconds.pass_one(400.0)
    seconds.now += 1_000.0
    assert seconds.load.interval_ms == 500


def test_waits_between_short_and_long_keep_the_interval():
    seconds = Seconds()
    seconds.pass_one(400.0)
    assert {seconds.pass_one(90.0) for _ in range(20)} == {1_000}


def test_a_late_loop_lengthens_the_interval_though_no_computation_waits():
    """What was computed is drawn on the loop: with many viewers that alone can be too much."""
    seconds = Seconds()
    for late_ms in (100.0, 40.0, 100.0):
        seconds.load.late(late_ms)
    assert seconds.pass_one(5.0) == 1_000
    for _ in range(2 * CALM):
        seconds.load.late(30.0)
        assert seconds.pass_one(5.0) == 1_000, "neither late nor prompt"
    for _ in range(CALM):
        seconds.load.late(2.0)
        interval_ms = seconds.pass_one(5.0)
    assert interval_ms == 500


def test_a_loop_that_others_on_the_machine_make_late_lengthens_nothing():
    seconds = Seconds()
    for spent, interval_ms in ((BUSY - 0.1, 500), (BUSY + 0.1, 1_000), (BUSY - 0.1, 1_000)):
        seconds.load.late(100.0)
        assert seconds.pass_one(spent=spent) == interval_ms


def test_the_loop_s_watch_tells_of_each_look():
    told = []
    LoopWatch(listener=told.append).note(70.0)
    assert told == [70.0]


def test_the_runtime_s_loop_tells_its_load(runtime):
    runtime.loop_watch.note(1_000.0)
    assert runtime.analysis.results.load._looks == 1


class Pages:
    """So many pages in view, each of which asks once an interval, on a machine of two cores."""

    def __init__(self, pages: int) -> None:
        self.seconds = Seconds()
        self._due = [0.07 * page for page in range(pages)]

    def pass_one(self, share: float, late_ms: float = NOTICED_MS + 1.0, wait_ms: float = 0) -> int:
        """Let a second pass in which that share of the cores is taken; the interval then."""
        seconds, load = self.seconds, self.seconds.load
        for _ in range(20):
            seconds.now += 0.05
            seconds.taken += 0.1 * share
            seconds.spent += 0.005
            load.late(late_ms)
            load.waited(wait_ms)
            for page, due in enumerate(self._due):
                if seconds.now >= due:
                    load.asked_here()
                    self._due[page] = seconds.now + load.interval_ms / 1e3
        return load.interval_ms

    def pass_many(self, count: int, *args: float) -> list[int]:
        return [self.pass_one(*args) for _ in range(count)]


def test_many_pages_in_view_on_this_machine_give_its_cores_back():
    """Their browser draws on the cores that the server needs, whatever this process takes."""
    pages = Pages(20)
    assert pages.pass_many(10, FULL + 0.05)[-1] == INTERVALS_MS[-1]
    assert set(pages.pass_many(30, (FULL + ROOM) / 2)) == {INTERVALS_MS[-1]}
    assert set(pages.pass_many(30, 1.0, 0.0)) == {INTERVALS_MS[-1]}, "no room, though on time"
    calm = pages.pass_many(CALM * len(INTERVALS_MS), ROOM - 0.05)
    assert calm == sorted(calm, reverse=True)
    assert calm[-1] == INTERVALS_MS[0]
    assert set(pages.pass_many(10, 1.0, NOTICED_MS)) == {500}, "taken by what gives way"


@pytest.mark.parametrize("count", [1, MANY_HERE - 1])
def test_few_pages_are_few_at_any_interval(count):
    pages = Pages(count)
    assert set(pages.pass_many(10, 1.0)) == {500}
    assert pages.pass_many(10, 1.0, 0.0, 400.0)[-1] == INTERVALS_MS[-1]
    assert pages.pass_many(60, 1.0)[-1] == 500


def test_as_many_pages_as_count_are_told_in_turns_of_their_interval():
    pages = Pages(MANY_HERE)
    assert max(pages.pass_many(10, 1.0)) > 500


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            "user=10 nice=5 system=3 idle=20 iowait=2 irq=1 softirq=1 steal=4 guest=6 guest_nice=1",
            Cores(24.0, 46.0),
        ),
        ("user=10 nice=5 system=3 idle=20", Cores(18.0, 38.0)),
        ("user=10 system=3 idle=20 interrupt=1 dpc=1", Cores(15.0, 35.0)),
    ],
    ids=["Linux", "macOS", "Windows"],
)
def test_the_cores_are_taken_for_all_but_idling(monkeypatch, told, expected):
    times = {name: float(value) for name, value in (one.split("=") for one in told.split())}
    monkeypatch.setattr(psutil, "cpu_times", lambda: namedtuple("Times", times)(**times))
    assert cores() == expected


def test_this_machine_tells_its_cores():
    assert 0 < cores().taken_s < cores().all_s
