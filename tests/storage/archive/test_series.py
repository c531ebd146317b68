"""Ticks and bars in the archive: what goes in comes out, once, in order, whatever merges."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import sqlalchemy as sa

from analytics.model import BAR_COLUMNS, Bars, Ticks
from storage.archive import reader, records, schema, series
from storage.archive.archive import Archive
from storage.archive.blocks import TICK_COLUMNS
from storage.archive.schema import DAMAGED, FULL, blocks

START_MS = 1_723_161_240_000
DAY_MS = 86_400_000


def made(count: int, first_id: int = 1_000, symbol: str = "BTCUSDT", seed: int = 1) -> Ticks:
    rng = np.random.default_rng(seed)
    times = START_MS + first_id * 20 + np.arange(count) * 20
    prices = np.round(60_000 + rng.normal(0, 5, count).cumsum(), 1)
    sizes = np.round(rng.uniform(0.001, 2, count), 3)
    return Ticks(symbol, times, prices, sizes, first_id + np.arange(count))


def bars_of(count: int, first: int = 0, close: float = 11.0) -> Bars:
    times = START_MS + (first + np.arange(count)) * 60_000
    price = [np.full(count, value) for value in (10.0, 12.0, 9.0, close)]
    return Bars("ETHUSDT", "1m", times, *price, np.ones(count), np.full(count, 5), price[3])


def stored(archive: Archive, market: str = "live", symbol: str = "BTCUSDT", **span) -> Ticks:
    parts = list(archive.ticks(market, symbol, **span))
    columns = (np.concatenate([getattr(one, name) for one in parts]) for name in TICK_COLUMNS)
    return Ticks(symbol, *columns)


def equal(left, right, names=TICK_COLUMNS) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def count_of(archive: Archive, **wanted: int) -> int:
    query = sa.select(sa.func.count()).select_from(blocks)
    for name, value in wanted.items():
        query = query.where(blocks.c[name] == value)
    with archive._read() as connection:
        return connection.execute(query).scalar_one()


# --- ticks --------------------------------------------------------------------------------


def test_ticks_come_back_as_they_went_in_after_a_restart(place):
    ticks = made(1_000)
    archive = Archive.open(place)
    assert archive.append_ticks("live", ticks) == 1_000
    archive.close()
    archive = Archive.open(place)
    assert archive.warning is None
    assert equal(stored(archive), ticks)
    assert not next(archive.ticks("live", "BTCUSDT")).price.flags.writeable
    archive.close()


def test_no_id_is_stored_twice_not_even_after_a_restart(place):
    archive = Archive.open(place)
    archive.append_ticks("live", made(100))
    assert archive.append_ticks("live", made(150)) == 50
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", made(160)) == 10
    holes = made(10, 2_000)[np.arange(10) % 2 == 0]
    assert archive.append_ticks("live", holes) == 5
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", made(10, 2_000)) == 5
    assert len(stored(archive)) == 170
    archive.close()


def test_ticks_without_ids_are_all_stored(kept):
    bare = Ticks("BTCUSDT", [1, 1], [5.0, 5.0], [1.0, 1.0], [-1, -1])
    assert [kept.append_ticks("live", bare) for _ in range(2)] == [2, 2]
    mixed = Ticks("BTCUSDT", [1, 1], [5.0, 5.0], [1.0, 1.0], [-1, 7])
    assert [kept.append_ticks("live", mixed) for _ in range(2)] == [2, 1]


def test_a_source_that_numbers_anew_is_believed_and_its_old_ids_are_kept(place):
    archive = Archive.open(place)
    archive.append([("live", made(10)), ("live", "BTCUSDT"), ("live", made(10, seed=2))])
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", made(12, seed=2)) == 2
    numbered = [(number, len(ticks)) for number, ticks in archive.numbered_ticks("live", "BTCUSDT")]
    assert numbered == [(0, 10), (1, 12)]
    archive.close()


def test_markets_and_symbols_never_mix(kept):
    kept.append_ticks("live", made(10))
    kept.append_ticks("live", made(20, symbol="ETHUSDT"))
    kept.append_ticks("other", made(30))
    assert len(stored(kept)) == 10
    assert len(stored(kept, symbol="ETHUSDT")) == 20
    assert len(stored(kept, "other")) == 30
    assert list(kept.ticks("live", "SOLUSDT")) == []
    assert list(kept.ticks("nowhere", "BTCUSDT")) == []


def test_a_stretch_of_time_is_from_its_start_to_before_its_end(kept):
    ticks = made(1_000)
    for start in range(0, 1_000, 100):
        kept.append_ticks("live", made(1_000)[np.arange(1_000) // 100 == start // 100])
    first, last = int(ticks.ts_ms[250]), int(ticks.ts_ms[720])
    found = stored(kept, start_ms=first, end_ms=last)
    assert equal(found, ticks[(ticks.ts_ms >= first) & (ticks.ts_ms < last)])
    assert list(kept.ticks("live", "BTCUSDT", start_ms=last + 10_000_000)) == []


def test_a_large_batch_comes_back_in_chunks(kept):
    ticks = made(150_000)
    kept.append_ticks("live", ticks)
    assert [len(one) for one in kept.ticks("live", "BTCUSDT")] == [65_536, 65_536, 18_928]
    assert equal(stored(kept), ticks)


def test_the_newest_rows_are_read_to_the_whole_block(kept):
    for number in range(10):
        kept.append_ticks("live", made(100, 1_000 + 100 * number))
    chunks = [one for _, one in kept.numbered_ticks("live", "BTCUSDT", newest=250)]
    assert sum(map(len, chunks)) == 300
    assert chunks[-1].trade_id[-1] == 1_999


# --- merging ----------------------------------------------------------------------------


def test_small_blocks_are_merged_and_nothing_changes_for_who_reads(kept):
    whole = made(2_000)
    for start in range(0, 2_000, 10):
        kept.append_ticks("live", whole[np.arange(2_000) // 10 == start // 10])
    assert count_of(kept) == 200
    assert kept.merge()
    while kept.merge():
        pass
    assert count_of(kept, level=1) == 3
    assert count_of(kept) == 3 + 200 - 3 * series.MERGED_AT_ONCE
    assert equal(stored(kept), whole)
    assert kept.append_ticks("live", whole) == 0


def test_merges_end_at_full_blocks(kept, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    whole = made(80_000)
    for start in range(0, 80_000, 5_000):
        kept.append_ticks("live", whole[np.arange(80_000) // 5_000 == start // 5_000])
    while kept.merge():
        pass
    assert count_of(kept, level=FULL) >= 1
    assert count_of(kept) <= 4
    assert equal(stored(kept), whole)


def test_a_numbering_is_never_merged_with_another(kept, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    for number in range(3):
        kept.append([("live", made(5, 1_000 + 5 * number))])
    kept.append([("live", "BTCUSDT")])
    for number in range(5):
        kept.append([("live", made(5, 1_000 + 5 * number, seed=3))])
    while kept.merge():
        pass
    found = [(number, len(one)) for number, one in kept.numbered_ticks("live", "BTCUSDT")]
    assert found == [(0, 15), (1, 25)]


def test_a_reader_misses_nothing_while_blocks_are_merged_behind_it(kept, monkeypatch):
    monkeypatch.setattr(reader, "READ_AT_ONCE", 50)
    whole = made(1_280)
    for start in range(0, 1_280, 10):
        kept.append_ticks("live", whole[np.arange(1_280) // 10 == start // 10])
    reading = kept.ticks("live", "BTCUSDT")
    parts = [next(reading)]
    assert len(parts[0]) == 500  # amid what becomes one block
    while kept.merge():
        pass
    parts += list(reading)
    assert np.array_equal(np.concatenate([one.trade_id for one in parts]), whole.trade_id)


# --- bars ----------------------------------------------------------------------------------


def test_bars_come_back_and_one_at_the_same_time_takes_its_place(kept):
    kept.append_bars("upload-1", bars_of(100))
    kept.append_bars("upload-1", bars_of(20, first=90, close=11.5))
    (found,) = kept.bars("upload-1", "ETHUSDT", "1m")
    assert found.timeframe == "1m"
    assert len(found) == 110
    assert (np.diff(found.ts_ms) == 60_000).all()
    assert found.close.tolist() == [11.0] * 90 + [11.5] * 20
    kept.append_bars("upload-1", bars_of(1, first=-5))
    (found,) = kept.bars("upload-1", "ETHUSDT", "1m")
    assert (len(found), int(found.ts_ms[0])) == (111, START_MS - 300_000)
    (later,) = kept.bars("upload-1", "ETHUSDT", "1m", start_ms=START_MS + 6_000_000)
    assert len(later) == 10
    assert equal(later, bars_of(10, first=100, close=11.5), BAR_COLUMNS)


# --- what is there ----------------------------------------------------------------------------


def test_the_contents_say_what_there_is(kept):
    kept.put_market("live-x", "Live: X")
    ticks = made(70_000)
    kept.append_ticks("live-x", ticks)
    kept.append_bars("upload-1", bars_of(3))
    first, second = kept.contents()
    assert (first.market, first.kind, first.symbol, first.timeframe) == (
        "live-x",
        "ticks",
        "BTCUSDT",
        None,
    )
    assert (first.first_ts_ms, first.last_ts_ms) == (int(ticks.ts_ms[0]), int(ticks.ts_ms[-1]))
    assert (first.rows, first.title) == (70_000, "Live: X")
    assert 0 < first.bytes < 70_000 * 32 / 2
    assert (second.kind, second.timeframe, second.rows, second.title) == (
        "bars",
        "1m",
        3,
        "upload-1",
    )


def test_a_market_or_a_symbol_of_it_is_deleted(kept):
    kept.put_market("live-x", "Live: X")
    kept.append([("live-x", made(10)), ("live-x", made(20, symbol="ETHUSDT"))])
    assert kept.delete("live-x", "ETHUSDT") == 20
    assert [one.symbol for one in kept.contents()] == ["BTCUSDT"]
    assert kept.append_ticks("live-x", made(20, symbol="ETHUSDT")) == 20
    assert kept.delete("live-x") == 30
    assert kept.contents() == []
    assert kept.markets() == []
    assert kept.delete("live-x") == 0
    kept.reclaim()


def test_live_ticks_go_by_when_they_came_whatever_their_times_and_those_of_files_stay(
    kept, monkeypatch
):
    now_ms = schema.now_ms()
    kept.put_market("live-x", "Live: X")
    kept.put_market("upload-1", "a.csv", "upload")
    for stored_ms, first_id in ((now_ms - 90 * DAY_MS, 0), (now_ms, 1_000_000)):
        for module in (records, series):
            monkeypatch.setattr(module, "now_ms", lambda stored_ms=stored_ms: stored_ms)
        for market in ("live-x", "upload-1"):
            kept.append_ticks(market, made(10, first_id=first_id))
        kept.append_readings("live-x", {"y": "A"}, [{"ts_ms": START_MS + first_id, "z": 1.0}])
    assert [one.stored_ms for one in kept.contents()] == [now_ms, now_ms]
    assert kept.prune(now_ms - 30 * DAY_MS) == 10
    assert stored(kept, "live-x").trade_id[0] == 1_000_000
    assert len(stored(kept, "upload-1")) == 20
    assert [one["ts_ms"] for one in kept.readings("live-x")] == [START_MS + 1_000_000]


def test_a_merged_block_is_as_young_as_the_newest_in_it(kept, monkeypatch):
    now_ms = schema.now_ms()
    kept.put_market("live-x", "Live: X")
    for number in range(64):
        monkeypatch.setattr(series, "now_ms", lambda age=number: now_ms - DAY_MS * age)
        kept.append_ticks("live-x", made(10, first_id=10 * number))
    assert kept.merge()
    assert kept.prune(now_ms) == 0
    assert kept.prune(now_ms + 1) == 640


def test_a_file_that_never_ended_is_swept_away_at_the_next_start(place):
    archive = Archive.open(place)
    archive.put_market("upload-1", "upload-1", "upload", loading=True)
    archive.append_ticks("upload-1", made(10))
    archive.put_market("upload-2", "b.csv", "upload", loading=True)
    archive.append_ticks("upload-2", made(10))
    archive.put_market("upload-2", "b.csv", "upload")
    assert [one.market for one in archive.contents()] == ["upload-2"]
    archive.close()
    archive = Archive.open(place)
    assert list(archive.ticks("upload-1", "BTCUSDT")) == []
    assert [(one.id, one.title, one.kind) for one in archive.markets()] == [
        ("upload-2", "b.csv", "upload")
    ]
    archive.close()


# --- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["payload", "first_id", "n", "last_ts_ms", "codec"])
def test_a_block_that_was_tampered_with_is_left_out_and_counted(kept, column):
    for number in range(3):
        kept.append_ticks("live", made(100, 1_000 + 100 * number))
    with kept._write() as connection:
        chosen = blocks.c.first_row == 100
        block = connection.execute(sa.select(blocks).where(chosen)).one()._asdict()
        flipped = bytearray(block["payload"])
        flipped[50] ^= 0x10
        wrong = {"payload": bytes(flipped), "codec": "packed+zlib"}
        value = wrong.get(column, block[column] if column in wrong else 77)
        connection.execute(sa.update(blocks).where(chosen).values({column: value}))
    ids = stored(kept).trade_id
    assert set(ids.tolist()) <= set(range(1_000, 1_300))
    assert not set(ids.tolist()) & set(range(1_100, 1_200))
    assert kept.damage[0] == 1


def test_a_damaged_block_is_not_merged_and_holds_up_no_other(kept, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    for number in range(16):
        kept.append_ticks("live", made(10, 1_000 + 10 * number))
    with kept._write() as connection:
        connection.execute(sa.update(blocks).where(blocks.c.first_row == 20).values(crc32=1))
    while kept.merge():
        pass
    assert count_of(kept, level=DAMAGED) == 1
    assert count_of(kept) < 10
    assert len(stored(kept)) == 150


def test_what_a_failed_write_began_is_not_taken_for_stored(kept, monkeypatch):
    kept.append_ticks("live", made(10))
    with monkeypatch.context() as broken:
        broken.setattr(kept._series, "_insert_blocks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.append_ticks("live", made(20))
    assert kept.append_ticks("live", made(20)) == 10
    assert np.array_equal(stored(kept).trade_id, made(20).trade_id)


def test_readers_and_the_writer_work_at_once(kept):
    whole: list[bool] = []

    def read() -> None:
        for _ in range(10):
            ids = np.concatenate([one.trade_id for one in kept.ticks("live", "BTCUSDT")])
            whole.append(np.array_equal(ids, 1_000 + np.arange(len(ids))))

    kept.append_ticks("live", made(10))
    readers = [threading.Thread(target=read) for _ in range(3)]
    for one in readers:
        one.start()
    for number in range(1, 150):
        kept.append_ticks("live", made(10, 1_000 + 10 * number))
        kept.merge()
    for one in readers:
        one.join()
    assert whole == [True] * 30


# --- views, readings, states ---------------------------------------------------------------


def test_views_are_kept_by_name(kept):
    kept.save_view("mine", {"market": "demo", "z_window": 90})
    kept.save_view("other", {})
    kept.save_view("mine", {"market": "live"})
    assert kept.saved_views() == {"mine": {"market": "live"}, "other": {}}
    assert kept.delete_view("mine")
    assert not kept.delete_view("mine")
    assert list(kept.saved_views()) == ["other"]


def test_a_reading_of_a_pair_is_kept_once_a_bar(kept):
    rows = [{"ts_ms": 1_000, "z": 2.5, "spread": float("nan")}, {"ts_ms": 2_000, "z": -1.0}]
    assert kept.append_readings("live", {"y": "A", "x": "B"}, rows) == 2
    assert kept.append_readings("live", {"x": "B", "y": "A"}, rows[:1]) == 0
    kept.append_readings("live", {"y": "A", "x": "C"}, rows[:1])
    assert len(kept.readings("live")) == 3
    (found,) = kept.readings("live", since_ms=1_500)
    assert found["params"] == {"y": "A", "x": "B"}
    assert (found["z"], found["spread"], found["hedge_ratio"]) == (-1.0, None, None)
    assert kept.readings("demo") == []


def test_what_is_remembered_of_a_rule_is_kept_with_its_events(kept):
    kept.save_rule({"id": "r1"})
    event = {"id": "e1", "ts_ms": 1, "market": "live"}
    kept.add_events([event], {"r1": {"active": True, "fired": 1}})
    kept.add_events([], {"r1": {"active": False, "fired": 1}})
    assert kept.rule_states() == {"r1": {"active": False, "fired": 1}}
    kept.delete_rule("r1")
    assert kept.rule_states() == {}
