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


def make_ticks(count: int, first_id: int = 1_000, symbol: str = "BTCUSDT", seed: int = 1) -> Ticks:
    rng = np.random.default_rng(seed)
    times = START_MS + first_id * 20 + np.arange(count) * 20
    prices = np.round(60_000 + rng.normal(0, 5, count).cumsum(), 1)
    sizes = np.round(rng.uniform(0.001, 2, count), 3)
    return Ticks(symbol, times, prices, sizes, first_id + np.arange(count))


def make_bars(count: int, first: int = 0, close: float = 11.0) -> Bars:
    times = START_MS + (first + np.arange(count)) * 60_000
    price = [np.full(count, value) for value in (10.0, 12.0, 9.0, close)]
    return Bars("ETHUSDT", "1m", times, *price, np.ones(count), np.full(count, 5), price[3])


def read_ticks(archive: Archive, market: str = "live", symbol: str = "BTCUSDT", **span) -> Ticks:
    parts = list(archive.ticks(market, symbol, **span))
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in TICK_COLUMNS)
    return Ticks(symbol, *columns)


def equal(left, right, names=TICK_COLUMNS) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def count_blocks(archive: Archive, **wanted: int) -> int:
    query = sa.select(sa.func.count()).select_from(blocks)
    for name, value in wanted.items():
        query = query.where(blocks.c[name] == value)
    with archive._read() as connection:
        return connection.execute(query).scalar_one()


# --- ticks --------------------------------------------------------------------------------


def test_ticks_are_read_after_a_restart_as_they_were_stored(place):
    ticks = make_ticks(1_000)
    archive = Archive.open(place)
    assert archive.append_ticks("live", ticks) == 1_000
    archive.close()
    archive = Archive.open(place)
    assert archive.warning is None
    assert equal(read_ticks(archive), ticks)
    assert not next(archive.ticks("live", "BTCUSDT")).price.flags.writeable
    archive.close()


def test_no_id_is_stored_twice_not_even_after_a_restart(place):
    archive = Archive.open(place)
    archive.append_ticks("live", make_ticks(100))
    assert archive.append_ticks("live", make_ticks(150)) == 50
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", make_ticks(160)) == 10
    holes = make_ticks(10, 2_000)[np.arange(10) % 2 == 0]
    assert archive.append_ticks("live", holes) == 5
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", make_ticks(10, 2_000)) == 5
    assert len(read_ticks(archive)) == 170
    archive.close()


def test_ticks_without_ids_are_all_stored(archive):
    bare = Ticks("BTCUSDT", [1, 1], [5.0, 5.0], [1.0, 1.0], [-1, -1])
    assert [archive.append_ticks("live", bare) for _ in range(2)] == [2, 2]
    mixed = Ticks("BTCUSDT", [1, 1], [5.0, 5.0], [1.0, 1.0], [-1, 7])
    assert [archive.append_ticks("live", mixed) for _ in range(2)] == [2, 1]


def test_a_new_numbering_stores_ids_again_and_keeps_the_old_ones(place):
    archive = Archive.open(place)
    archive.append(
        [("live", make_ticks(10)), ("live", "BTCUSDT"), ("live", make_ticks(10, seed=2))]
    )
    archive.close()
    archive = Archive.open(place)
    assert archive.append_ticks("live", make_ticks(12, seed=2)) == 2
    numbered = [(number, len(ticks)) for number, ticks in archive.numbered_ticks("live", "BTCUSDT")]
    assert numbered == [(0, 10), (1, 12)]
    archive.close()


def test_markets_and_symbols_never_mix(archive):
    archive.append_ticks("live", make_ticks(10))
    archive.append_ticks("live", make_ticks(20, symbol="ETHUSDT"))
    archive.append_ticks("other", make_ticks(30))
    assert len(read_ticks(archive)) == 10
    assert len(read_ticks(archive, symbol="ETHUSDT")) == 20
    assert len(read_ticks(archive, "other")) == 30
    assert list(archive.ticks("live", "SOLUSDT")) == []
    assert list(archive.ticks("nowhere", "BTCUSDT")) == []


def test_a_stretch_includes_its_start_and_excludes_its_end(archive):
    ticks = make_ticks(1_000)
    for start in range(0, 1_000, 100):
        archive.append_ticks("live", make_ticks(1_000)[np.arange(1_000) // 100 == start // 100])
    first, last = int(ticks.ts_ms[250]), int(ticks.ts_ms[720])
    ticks_read = read_ticks(archive, start_ms=first, end_ms=last)
    assert equal(ticks_read, ticks[(ticks.ts_ms >= first) & (ticks.ts_ms < last)])
    assert list(archive.ticks("live", "BTCUSDT", start_ms=last + 10_000_000)) == []


def test_a_large_batch_is_read_in_chunks(archive):
    ticks = make_ticks(150_000)
    archive.append_ticks("live", ticks)
    assert [len(rows) for rows in archive.ticks("live", "BTCUSDT")] == [65_536, 65_536, 18_928]
    assert equal(read_ticks(archive), ticks)


def test_the_newest_rows_are_read_in_whole_blocks(archive):
    for number in range(10):
        archive.append_ticks("live", make_ticks(100, 1_000 + 100 * number))
    chunks = [rows for _, rows in archive.numbered_ticks("live", "BTCUSDT", newest=250)]
    assert sum(map(len, chunks)) == 300
    assert chunks[-1].trade_id[-1] == 1_999


# --- merging ----------------------------------------------------------------------------


def test_small_blocks_are_merged_and_readers_see_the_same_rows(archive):
    whole = make_ticks(2_000)
    for start in range(0, 2_000, 10):
        archive.append_ticks("live", whole[np.arange(2_000) // 10 == start // 10])
    assert count_blocks(archive) == 200
    assert archive.merge()
    while archive.merge():
        pass
    assert count_blocks(archive, level=1) == 3
    assert count_blocks(archive) == 3 + 200 - 3 * series.MERGED_AT_ONCE
    assert equal(read_ticks(archive), whole)
    assert archive.append_ticks("live", whole) == 0


def test_the_whole_table_is_looked_through_once_for_many_merges(archive, monkeypatch):
    looks, look = [], series._with_small_blocks
    monkeypatch.setattr(
        series, "_with_small_blocks", lambda connection: looks.append(1) or look(connection)
    )
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    whole = make_ticks(160)
    for market in ("a", "b", "c"):
        archive.put_market(market, market)
        for start in range(0, 160, 10):
            archive.append_ticks(market, whole[start : start + 10])
    merges = 0
    while archive.merge():
        merges += 1
    assert merges == 3 * (4 + 1)
    assert len(looks) <= 3  # one a level, and one that finds nothing more
    later = make_ticks(200)[160:]  # what comes after all was merged is found as well
    for start in range(0, 40, 10):
        archive.append_ticks("a", later[start : start + 10])
    assert archive.merge()
    assert not archive.merge()


def test_a_market_that_is_deleted_between_two_merges_is_no_hindrance(archive, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    whole = make_ticks(80)
    for market in ("a", "b"):
        archive.put_market(market, market)
        for start in range(0, 80, 10):
            archive.append_ticks(market, whole[start : start + 10])
    assert archive.merge()
    archive.delete("b")
    while archive.merge():
        pass
    assert count_blocks(archive) == 2
    assert equal(read_ticks(archive, "a"), whole)


def test_full_blocks_are_not_merged(archive, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    whole = make_ticks(80_000)
    for start in range(0, 80_000, 5_000):
        archive.append_ticks("live", whole[np.arange(80_000) // 5_000 == start // 5_000])
    while archive.merge():
        pass
    assert count_blocks(archive, level=FULL) >= 1
    assert count_blocks(archive) <= 4
    assert equal(read_ticks(archive), whole)


def test_blocks_of_two_numberings_are_not_merged(archive, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    for number in range(3):
        archive.append([("live", make_ticks(5, 1_000 + 5 * number))])
    archive.append([("live", "BTCUSDT")])
    for number in range(5):
        archive.append([("live", make_ticks(5, 1_000 + 5 * number, seed=3))])
    while archive.merge():
        pass
    lengths = [(number, len(rows)) for number, rows in archive.numbered_ticks("live", "BTCUSDT")]
    assert lengths == [(0, 15), (1, 25)]


def test_a_reader_misses_nothing_while_blocks_are_merged_behind_it(archive, monkeypatch):
    monkeypatch.setattr(reader, "READ_AT_ONCE", 50)
    whole = make_ticks(1_280)
    for start in range(0, 1_280, 10):
        archive.append_ticks("live", whole[np.arange(1_280) // 10 == start // 10])
    reading = archive.ticks("live", "BTCUSDT")
    parts = [next(reading)]
    assert len(parts[0]) == 500  # within a block of the merge below
    while archive.merge():
        pass
    parts += list(reading)
    assert np.array_equal(np.concatenate([part.trade_id for part in parts]), whole.trade_id)


# --- bars ----------------------------------------------------------------------------------


def test_bars_are_read_as_stored_and_a_new_bar_replaces_one_of_the_same_time(archive):
    archive.append_bars("upload-1", make_bars(100))
    archive.append_bars("upload-1", make_bars(20, first=90, close=11.5))
    (bars,) = archive.bars("upload-1", "ETHUSDT", "1m")
    assert bars.timeframe == "1m"
    assert len(bars) == 110
    assert (np.diff(bars.ts_ms) == 60_000).all()
    assert bars.close.tolist() == [11.0] * 90 + [11.5] * 20
    archive.append_bars("upload-1", make_bars(1, first=-5))
    (bars,) = archive.bars("upload-1", "ETHUSDT", "1m")
    assert (len(bars), int(bars.ts_ms[0])) == (111, START_MS - 300_000)
    (later,) = archive.bars("upload-1", "ETHUSDT", "1m", start_ms=START_MS + 6_000_000)
    assert len(later) == 10
    assert equal(later, make_bars(10, first=100, close=11.5), BAR_COLUMNS)


# --- what is there ----------------------------------------------------------------------------


def test_the_contents_list_every_series(archive):
    archive.put_market("live-x", "Live: X")
    ticks = make_ticks(70_000)
    archive.append_ticks("live-x", ticks)
    archive.append_bars("upload-1", make_bars(3))
    first, second = archive.contents()
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


def test_a_market_or_a_symbol_of_it_is_deleted(archive):
    archive.put_market("live-x", "Live: X")
    archive.append([("live-x", make_ticks(10)), ("live-x", make_ticks(20, symbol="ETHUSDT"))])
    assert archive.delete("live-x", "ETHUSDT") == 20
    assert [series.symbol for series in archive.contents()] == ["BTCUSDT"]
    assert archive.append_ticks("live-x", make_ticks(20, symbol="ETHUSDT")) == 20
    assert archive.delete("live-x") == 30
    assert archive.contents() == []
    assert archive.markets() == []
    assert archive.delete("live-x") == 0
    archive.reclaim()


def test_live_ticks_are_pruned_by_the_time_of_storing_and_those_of_files_stay(archive, monkeypatch):
    now_ms = schema.now_ms()
    archive.put_market("live-x", "Live: X")
    archive.put_market("upload-1", "a.csv", "upload")
    for stored_ms, first_id in ((now_ms - 90 * DAY_MS, 0), (now_ms, 1_000_000)):
        for module in (records, series):
            monkeypatch.setattr(module, "now_ms", lambda stored_ms=stored_ms: stored_ms)
        for market in ("live-x", "upload-1"):
            archive.append_ticks(market, make_ticks(10, first_id=first_id))
        archive.append_readings("live-x", {"y": "A"}, [{"ts_ms": START_MS + first_id, "z": 1.0}])
    assert [series.stored_ms for series in archive.contents()] == [now_ms, now_ms]
    assert archive.prune(now_ms - 30 * DAY_MS) == 10
    assert read_ticks(archive, "live-x").trade_id[0] == 1_000_000
    assert len(read_ticks(archive, "upload-1")) == 20
    assert [reading["ts_ms"] for reading in archive.readings("live-x")] == [START_MS + 1_000_000]


def test_a_merged_block_has_the_newest_time_of_storing(archive, monkeypatch):
    now_ms = schema.now_ms()
    archive.put_market("live-x", "Live: X")
    for number in range(64):
        monkeypatch.setattr(series, "now_ms", lambda age=number: now_ms - DAY_MS * age)
        archive.append_ticks("live-x", make_ticks(10, first_id=10 * number))
    assert archive.merge()
    assert archive.prune(now_ms) == 0
    assert archive.prune(now_ms + 1) == 640


def test_a_market_whose_file_was_not_read_to_its_end_is_deleted_at_the_next_start(place):
    archive = Archive.open(place)
    archive.put_market("upload-1", "upload-1", "upload", loading=True)
    archive.append_ticks("upload-1", make_ticks(10))
    archive.put_market("upload-2", "b.csv", "upload", loading=True)
    archive.append_ticks("upload-2", make_ticks(10))
    archive.put_market("upload-2", "b.csv", "upload")
    assert [series.market for series in archive.contents()] == ["upload-2"]
    archive.close()
    archive = Archive.open(place)
    assert list(archive.ticks("upload-1", "BTCUSDT")) == []
    assert [(market.id, market.title, market.kind) for market in archive.markets()] == [
        ("upload-2", "b.csv", "upload")
    ]
    archive.close()


# --- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["payload", "first_id", "n", "last_ts_ms", "codec"])
def test_a_block_that_was_tampered_with_is_left_out_and_counted(archive, column):
    for number in range(3):
        archive.append_ticks("live", make_ticks(100, 1_000 + 100 * number))
    with archive._write() as connection:
        chosen = blocks.c.first_row == 100
        block = connection.execute(sa.select(blocks).where(chosen)).one()._asdict()
        flipped = bytearray(block["payload"])
        flipped[50] ^= 0x10
        wrong = {"payload": bytes(flipped), "codec": "packed+zlib"}
        value = wrong.get(column, block[column] if column in wrong else 77)
        connection.execute(sa.update(blocks).where(chosen).values({column: value}))
    ids = read_ticks(archive).trade_id
    assert set(ids.tolist()) <= set(range(1_000, 1_300))
    assert not set(ids.tolist()) & set(range(1_100, 1_200))
    assert archive.damage[0] == 1


def test_a_damaged_block_is_not_merged_and_the_others_are(archive, monkeypatch):
    monkeypatch.setattr(series, "MERGED_AT_ONCE", 4)
    for number in range(16):
        archive.append_ticks("live", make_ticks(10, 1_000 + 10 * number))
    with archive._write() as connection:
        connection.execute(sa.update(blocks).where(blocks.c.first_row == 20).values(crc32=1))
    while archive.merge():
        pass
    assert count_blocks(archive, level=DAMAGED) == 1
    assert count_blocks(archive) < 10
    assert len(read_ticks(archive)) == 150


def test_ticks_of_a_failed_write_can_be_stored_again(archive, monkeypatch):
    archive.append_ticks("live", make_ticks(10))
    with monkeypatch.context() as broken:
        broken.setattr(archive._series, "_insert_blocks", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            archive.append_ticks("live", make_ticks(20))
    assert archive.append_ticks("live", make_ticks(20)) == 10
    assert np.array_equal(read_ticks(archive).trade_id, make_ticks(20).trade_id)


def test_readers_and_the_writer_work_at_once(archive):
    whole: list[bool] = []

    def read() -> None:
        for _ in range(10):
            ids = np.concatenate([rows.trade_id for rows in archive.ticks("live", "BTCUSDT")])
            whole.append(np.array_equal(ids, 1_000 + np.arange(len(ids))))

    archive.append_ticks("live", make_ticks(10))
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader_thread in readers:
        reader_thread.start()
    for number in range(1, 150):
        archive.append_ticks("live", make_ticks(10, 1_000 + 10 * number))
        archive.merge()
    for reader_thread in readers:
        reader_thread.join()
    assert whole == [True] * 30


# --- views, readings, states ---------------------------------------------------------------


def test_views_are_stored_by_name(archive):
    archive.save_views({"mine": {"market": "demo", "z_window": 90}, "other": {}})
    archive.save_views({"mine": {"market": "live"}})
    assert archive.saved_views() == {"mine": {"market": "live"}, "other": {}}
    assert archive.delete_view("mine")
    assert not archive.delete_view("mine")
    assert list(archive.saved_views()) == ["other"]


def test_a_view_that_is_renamed_keeps_its_place_and_takes_that_of_its_new_name(archive):
    archive.save_views({"first": {"n": 1}, "second": {"n": 2}, "third": {"n": 3}})
    assert archive.rename_view("first", "third")
    assert list(archive.saved_views().items()) == [("third", {"n": 1}), ("second", {"n": 2})]
    assert archive.rename_view("third", "third")
    assert not archive.rename_view("first", "fourth")


def test_the_last_link_replaces_the_one_before(archive):
    assert archive.last_link() is None
    archive.set_last_link("/analytics?y=A")
    archive.set_last_link("/backtest")
    assert archive.last_link() == "/backtest"


def test_a_reading_of_a_pair_is_stored_once_a_bar(archive):
    rows = [{"ts_ms": 1_000, "z": 2.5, "spread": float("nan")}, {"ts_ms": 2_000, "z": -1.0}]
    assert archive.append_readings("live", {"y": "A", "x": "B"}, rows) == 2
    assert archive.append_readings("live", {"x": "B", "y": "A"}, rows[:1]) == 0
    archive.append_readings("live", {"y": "A", "x": "C"}, rows[:1])
    assert len(archive.readings("live")) == 3
    (reading,) = archive.readings("live", since_ms=1_500)
    assert reading["params"] == {"y": "A", "x": "B"}
    assert (reading["z"], reading["spread"], reading["hedge_ratio"]) == (-1.0, None, None)
    assert archive.readings("demo") == []


def test_the_state_of_a_rule_is_stored_with_its_events(archive):
    archive.save_rule({"id": "r1"})
    event = {"id": "e1", "ts_ms": 1, "market": "live"}
    archive.add_events([event], {"r1": {"active": True, "fired": 1}})
    archive.add_events([], {"r1": {"active": False, "fired": 1}})
    assert archive.rule_states() == {"r1": {"active": False, "fired": 1}}
    archive.delete_rule("r1")
    assert archive.rule_states() == {}
