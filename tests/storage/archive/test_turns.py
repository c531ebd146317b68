"""Writers of an archive take turns: who writes again and again lets others in between."""

from __future__ import annotations

import threading
import time

import pytest

from analytics.model import Ticks
from storage.archive.archive import Archive
from storage.archive.turns import Turns
from tests.waiting import PATIENCE_S


def wait_for(turns: Turns, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while turns.waiting < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_lets_go_and_asks_again_is_behind_those_who_wait():
    turns, order = Turns(), []

    def other(name: str) -> None:
        with turns:
            order.append(name)

    threads = [threading.Thread(target=other, args=(name,)) for name in ("first", "second")]
    with turns:
        for count, thread in enumerate(threads, 1):
            thread.start()
            wait_for(turns, count)
    with turns:
        order.append("again")
    for thread in threads:
        thread.join()
    assert order == ["first", "second", "again"]


def test_a_turn_is_for_one_alone_and_free_again_after_all():
    turns, inside, most = Turns(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with turns:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, turns.waiting) == (1, 0)
    with turns:
        pass


def test_an_error_ends_a_turn():
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns:
        raise ZeroDivisionError
    with turns:
        pass


def test_ticks_that_wait_are_stored_before_the_next_merge(tmp_path):
    archive = Archive.open(tmp_path / "a.sqlite")
    ticks = Ticks("A", [1], [5.0], [1.0], [1])
    thread = threading.Thread(target=archive.append_ticks, args=("m", ticks))
    with archive._writing:
        thread.start()
        wait_for(archive._writing, 1)
    archive.merge()
    assert [len(part) for part in archive.ticks("m", "A")] == [1]
    thread.join()
    archive.close()
