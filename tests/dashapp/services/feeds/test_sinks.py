"""Where a feed delivers: what the market accepted goes on to the archive and to Redis."""

from __future__ import annotations

import time

import numpy as np
import pytest

from analytics.model import Gap, Rejected, Ticks
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.feeds.health import JUMP_SHOWN_S, FeedHealth
from dashapp.services.feeds.sinks import ArchiveSink, MarketSink
from storage.market.market import Market


class Onward:
    """Takes what the market accepted, and notes it."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.renumbered: list[str] = []

    def take(self, ticks: Ticks) -> None:
        self.ids += ticks.trade_id.tolist()

    def renumber(self, symbol: str) -> None:
        self.renumbered.append(symbol)


def trades(first_id: int, count: int, ts_ms: int = 1_723_161_256_000) -> Ticks:
    ids = np.arange(first_id, first_id + count)
    return Ticks("X", ts_ms + ids, np.full(count, 5.0), np.ones(count), ids)


@pytest.fixture
def market() -> Market:
    return Market("live", "Live", "live", kept_as="live-x")


def sink_of(market: Market, *onward) -> MarketSink:
    return MarketSink(market, FeedHealth(), lambda sentence: None, onward)


def test_what_the_market_accepts_goes_on_and_what_it_refuses_does_not(market):
    archive, redis = Onward(), Onward()
    sink = sink_of(market, archive, redis)
    sink.take([trades(1, 5)], [Rejected("json")])
    sink.take([trades(3, 5)], [])
    assert archive.ids == redis.ids == [1, 2, 3, 4, 5, 6, 7]
    assert (market.counters.duplicate, market.counters.rejected_total) == (3, 1)


def test_what_fills_a_gap_goes_on_as_well(market):
    archive = Onward()
    sink = sink_of(market, archive)
    sink.take([trades(1, 2), trades(6, 2)], [])
    market.note_gap(Gap("X", 3, 5, 0, 10))
    sink.fill([trades(2, 4)], [Rejected("backfill-id")])
    assert archive.ids == [1, 2, 6, 7, 3, 4, 5]
    assert market.gaps.open == 0
    assert (market.counters.backfilled, market.counters.rejected_total) == (3, 1)


def test_history_that_comes_at_once_goes_on_and_is_no_burst_of_now(market):
    archive, now_ms = Onward(), int(time.time() * 1_000)
    sink = sink_of(market, archive)
    sink.take_history([trades(1, 100, now_ms - 60_000)], [])
    assert archive.ids == list(range(1, 101))
    assert market.rate() == 0
    sink.take_history([trades(101, 50, now_ms - 200)], [])
    assert archive.ids == list(range(1, 151))
    assert market.rate() > 0


def test_a_new_numbering_is_told_to_the_market_and_to_all_that_follow(market):
    archive, redis = Onward(), Onward()
    sink = sink_of(market, archive, redis)
    sink.take([trades(1, 100)], [])
    sink.renumber("X")
    sink.take([trades(1, 100, 1_723_161_300_000)], [])
    assert market.counters.accepted == len(archive.ids) == 200
    assert archive.renumbered == redis.renumbered == ["X"]


def test_the_archive_is_told_the_market_s_name_with_its_first_ticks_and_again_when_it_is_new(
    market, monkeypatch
):
    writer, records, writes = ArchiveWriter(), [], []
    monkeypatch.setattr(writer, "record", lambda *what: records.append(what))
    monkeypatch.setattr(writer, "keep", writes.append)
    sink = ArchiveSink(market, writer)
    sink.take(trades(1, 0))
    assert (records, writes) == ([], [])
    for first in (1, 2):
        sink.take(trades(first, 1))
    sink.renumber("X")
    assert [key for key, _ in records] == ["live-x"] * 3
    assert records[-1] == ("live-x", "X")
    assert len(writes) == 1
    monkeypatch.setattr(type(writer), "renewals", 1)
    sink.take(trades(3, 1))
    assert len(writes) == 2


def test_a_clock_that_jumped_is_shown_for_ten_minutes_and_no_longer():
    now_s = [100.0]
    health = FeedHealth(clock=lambda: now_s[0])
    assert health.clock_jump_s is None
    health.lags_ms.extend([1.0, 2.0])
    health.clock_jumped(-40.0)
    assert list(health.lags_ms) == []
    assert health.clock_jump_s == -40.0
    now_s[0] += JUMP_SHOWN_S
    assert health.clock_jump_s == -40.0
    now_s[0] += 0.1
    assert health.clock_jump_s is None
    health.clock_jumped(7.0)
    assert health.clock_jump_s == 7.0
