"""The recorder: what a run took in is there in the next, under its name, once."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from analytics.model import PairParams, Ticks
from dashapp.services.archive.recorder import key_of
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from storage.archive.archive import Archive, ArchiveError
from tests.exchange import Exchange
from tests.waiting import until

SYMBOLS = ("BTCUSDT", "ETHUSDT")
CSV = b"timestamp,open,high,low,close,volume\n" + b"".join(
    b"%d,10,12,9,11,5\n" % (1_723_161_240_000 + 60_000 * minute) for minute in range(40)
)
NDJSON = b"".join(
    b'{"symbol":"BTCUSDT","ts":%d,"price":%d,"size":1}\n' % (1_723_161_240_000 + n, 100 + n % 7)
    for n in range(3_000)
)


@asynccontextmanager
async def started(settings: Settings):
    made = Runtime(settings)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def settings_of(exchange: Exchange, path, **more) -> Settings:
    return Settings(
        source="binance-futures",
        symbols=SYMBOLS,
        archive=str(path),
        binance_ws=exchange.ws,
        binance_rest=exchange.rest,
        universe=0,
        **more,
    )


def ids_of(runtime: Runtime) -> np.ndarray:
    return runtime.markets["live"].ticks("BTCUSDT").trade_id


async def upload(runtime: Runtime, name: str, content: bytes, market: str | None = None) -> str:
    session = runtime.uploads.begin(name, market)
    await session.feed(content)
    return (await session.finish())[0]


def test_each_source_has_a_name_of_its_own():
    assert key_of("binance-futures", "ws://127.0.0.1:9443") == (
        "live-binance-futures-via-ws-127-0-0-1-9443"
    )
    assert key_of("wss://example.org/a") != key_of("wss://example.org/b")
    assert "secret" not in key_of("wss://ada:secret@example.org/a?key=secret")


async def test_a_live_market_comes_back_with_its_ids_and_what_was_missed_is_asked_for(place):
    async with Exchange(SYMBOLS) as exchange:
        settings = settings_of(exchange, place)
        async with started(settings) as runtime:
            await until(
                lambda: len(runtime.markets["live"].symbols) == 2 and len(ids_of(runtime)) > 50
            )
            live = runtime.markets["live"]  # its first bar began before it, and is none of its
            await until(lambda: len(live.bars("BTCUSDT", "1s")))
            before, bars = ids_of(runtime), runtime.markets["live"].bars("BTCUSDT", "1s")
        await asyncio.sleep(0.5)
        async with started(settings) as runtime:
            await until(lambda: "live" in runtime.markets and runtime.markets["live"].symbols)
            live = runtime.markets["live"]
            await until(lambda: len(ids_of(runtime)) > len(before) + 50)
            await until(lambda: live.gaps.total and not live.gaps.open)
            ids = ids_of(runtime)
            assert np.array_equal(ids[: len(before)], before)
            assert np.array_equal(np.sort(ids), np.arange(ids.min(), ids.max() + 1))
            again = live.bars("BTCUSDT", "1s")
            assert again.open[np.searchsorted(again.ts_ms, bars.ts_ms[0])] == bars.open[0]
            assert live.counters.balanced
        archive = Archive.open(settings.archive)
        stored = np.concatenate([one.trade_id for one in archive.ticks(key(exchange), "BTCUSDT")])
        assert len(np.unique(stored)) == len(stored)
        whole = np.arange(stored.min(), stored.max() + 1)
        assert np.array_equal(np.sort(stored), whole), "what filled the gap is archived too"
        assert {one.title for one in archive.contents()} == {"Live: Binance USD-M"}
        archive.close()


def key(exchange: Exchange) -> str:
    return key_of("binance-futures", exchange.ws)


async def test_a_source_that_numbers_anew_is_recorded_anew(tmp_path):
    async with Exchange(SYMBOLS, first_id=50_000) as exchange:
        settings = replace(settings_of(exchange, tmp_path / "a.sqlite"), binance_rest=None)
        async with started(settings) as runtime:
            await until(lambda: runtime.markets["live"].symbols and len(ids_of(runtime)) > 200)
        exchange.first_id = 1_000
        for tape in exchange.tape.values():
            tape.clear()
        async with started(settings) as runtime:
            live = runtime.markets
            await until(lambda: live["live"].symbols and live["live"].rate() > 0)
            await until(lambda: (ids_of(runtime) < 50_000).sum() > 100)
        archive = Archive.open(settings.archive)
        found = [number for number, _ in archive.numbered_ticks(key(exchange), "BTCUSDT")]
        assert sorted(set(found)) == [0, 1]
        archive.close()
        async with started(replace(settings, source="none")) as runtime:
            await until(lambda: runtime.markets["live"].symbols)
            ids = ids_of(runtime)
            await until(lambda: len(ids_of(runtime)) == len(ids))
            assert (np.diff(ids_of(runtime)) < 0).sum() == 1


async def test_the_newest_live_market_is_back_without_its_feed(tmp_path):
    async with Exchange(SYMBOLS) as exchange:
        settings = settings_of(exchange, tmp_path / "a.sqlite")
        async with started(settings) as runtime:
            await until(lambda: runtime.markets["live"].symbols and len(ids_of(runtime)) > 50)
            before = ids_of(runtime)
    async with started(replace(settings, source="none")) as runtime:
        await until(lambda: runtime.markets["live"].symbols == SYMBOLS)
        live = runtime.markets["live"]
        await until(lambda: len(ids_of(runtime)) >= len(before))
        assert live.title == "Live: Binance USD-M"
        assert live.last_arrival_s is None
        assert runtime.markets.status("live").state == "stopped"


async def test_the_simulated_market_is_not_kept(tmp_path):
    path = str(tmp_path / "a.sqlite")
    async with started(Settings(source="demo", archive=path)) as runtime:
        await until(lambda: runtime.markets["demo"].symbols)
    archive = Archive.open(path)
    assert archive.contents() == []
    archive.close()


async def test_uploaded_markets_are_back_with_their_names_and_all_their_rows(tmp_path):
    settings = Settings(source="none", archive=str(tmp_path / "a.sqlite"))
    async with started(settings) as runtime:
        ticks = await upload(runtime, "ticks.ndjson", NDJSON)
        bars = await upload(runtime, "BTCUSDT.csv", CSV)
        assert await upload(runtime, "ETHUSDT.csv", CSV, bars) == bars
        given_up = runtime.uploads.begin("half.ndjson")
        await given_up.feed(NDJSON * 40)
        given_up.abort()
        held = {one: runtime.markets[one] for one in (ticks, bars)}
    async with started(settings) as runtime:
        await until(lambda: {ticks, bars} <= set(runtime.markets))
        for market_id, before in held.items():
            market = runtime.markets[market_id]
            assert (market.title, market.kind, market.symbols) == (
                before.title,
                "upload",
                before.symbols,
            )
            assert market.counters.accepted == before.counters.accepted
        assert np.array_equal(
            runtime.markets[ticks].ticks("BTCUSDT").price, held[ticks].ticks("BTCUSDT").price
        )
        again = runtime.markets[bars].bars("ETHUSDT", "5m")
        assert np.array_equal(again.vwap, held[bars].bars("ETHUSDT", "5m").vwap)
        contents = await runtime.recorder.contents()
        assert {one.market for one in contents} == {ticks, bars}
        assert await runtime.recorder.delete(ticks, None) == 3_000
    async with started(settings) as runtime:
        await until(lambda: bars in runtime.markets)
        assert ticks not in runtime.markets


async def test_a_file_named_at_the_start_is_read_from_its_place_each_time(tmp_path):
    path = tmp_path / "ticks.ndjson"
    path.write_bytes(NDJSON)
    settings = Settings(source=str(path), archive=str(tmp_path / "a.sqlite"))
    for _ in range(2):
        async with started(settings) as runtime:
            await until(lambda runtime=runtime: runtime.default_market.startswith("upload"))
            assert [one.kind for one in runtime.markets.values()].count("upload") == 1
            assert await runtime.recorder.contents() == []


async def test_what_is_kept_of_a_live_market_loads_beside_it(tmp_path):
    async with Exchange(SYMBOLS) as exchange:
        settings = settings_of(exchange, tmp_path / "a.sqlite")
        async with started(settings) as runtime:
            await until(lambda: runtime.markets["live"].symbols and len(ids_of(runtime)) > 50)
            await runtime.recorder.writer.flush()
            loaded = await runtime.uploads.load_kept(key(exchange))
            assert runtime.markets[loaded].title == "Live: Binance USD-M, as kept"
            assert runtime.markets[loaded].symbols == SYMBOLS
            assert await runtime.recorder.delete(key(exchange), "ETHUSDT") > 0
            with pytest.raises(KeyError, match="the archive holds no market 'nowhere'"):
                await runtime.uploads.load_kept("nowhere")


async def test_a_crossing_that_fired_fires_no_second_time_after_a_restart(tmp_path):
    async with Exchange(SYMBOLS) as exchange:
        settings = settings_of(exchange, tmp_path / "a.sqlite")
        rules = [
            {"market": "live", "metric": "price", "operator": ">", "threshold": 1.0, "on": moment}
            | {"symbol": "BTCUSDT"}
            for moment in ("update", "close")
        ]
        async with started(settings) as runtime:
            await until(lambda: runtime.markets["live"].symbols and len(ids_of(runtime)) > 50)
            for rule in rules:
                runtime.alerts.add_rule(rule)
            await until(lambda: len(runtime.alerts.history.events()) == 2)
            events = runtime.alerts.history.events()
            await runtime.recorder.writer.flush()
        async with started(settings) as runtime:
            await until(lambda: runtime.markets["live"].rate() > 0)
            await asyncio.sleep(1.5)
            assert set(runtime.alerts.history.events()) == set(events)
            assert len(runtime.alerts.history.events()) == 2


async def test_each_closed_bar_of_a_watched_pair_is_read_once(tmp_path):
    async with Exchange(SYMBOLS) as exchange:
        settings = settings_of(exchange, tmp_path / "a.sqlite")
        async with started(settings) as runtime:
            await until(lambda: len(runtime.markets["live"].symbols) == 2)
            live, start_ms = runtime.markets["live"], time.time_ns() // 1_000_000 - 120_000
            rng = np.random.default_rng(5)
            for symbol in SYMBOLS:  # two minutes before now
                prices = 100.0 + rng.normal(0, 0.1, 1_200).cumsum()
                times, ids = start_ms + np.arange(1_200) * 100, -np.ones(1_200)
                live.append(Ticks(symbol, times, prices, np.ones(1_200), ids), backfill=True)
            pair = PairParams(*SYMBOLS)
            await until(lambda: runtime.kernels.ready)
            archive = runtime.recorder.writer.archive
            await runtime.analysis.snapshot("live", pair)
            await runtime.pair_history.step()
            await runtime.recorder.writer.flush()
            assert archive.readings(key(exchange)) == [], "a read records nothing"
            runtime.pair_history.watch("live", pair)
            await until(lambda: len(archive.readings(key(exchange))) >= 3)
            read = archive.readings(key(exchange))
            times = [one["ts_ms"] for one in read]
            assert times == sorted(set(times))
            assert all(np.isfinite(one["z"]) and np.isfinite(one["hedge_ratio"]) for one in read)
            assert read[0]["params"]["y"] == "BTCUSDT"


async def test_a_file_that_could_not_be_kept_says_so_in_its_report(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise ArchiveError("the disk is full")

    async with started(Settings(source="none", archive=str(tmp_path / "a.sqlite"))) as runtime:
        for name in ("append", "append_ticks"):
            monkeypatch.setattr(Archive, name, full)
        session = runtime.uploads.begin("a.ndjson")
        await session.feed(NDJSON)
        market, report = await session.finish()
        assert report.notes == ("in memory only, gone at the next start: the disk is full",)
        assert runtime.markets[market].counters.accepted == 3_000
