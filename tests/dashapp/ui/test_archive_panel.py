"""The archive's card on the Data page: what it lists, says, asks, loads and deletes."""

from __future__ import annotations

from contextlib import asynccontextmanager

from analytics.model import Ticks
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.ui.pages.data import archive as archive_panel
from dashapp.ui.pages.data.archive import delete, holding_row, load, question, status_words
from storage.archive.archive import Archive


@asynccontextmanager
async def started(path, **more):
    runtime = Runtime(Settings(source="none", archive=path, **more))
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


def filled(path) -> str:
    archive = Archive.open(path)
    archive.put_market("live-x", "Live: X")
    for symbol, count in (("BTCUSDT", 3), ("ETHUSDT", 2)):
        ids = list(range(count))
        times = [1_723_161_256_322 + place for place in ids]
        archive.append_ticks("live-x", Ticks(symbol, times, [5.0] * count, [1.0] * count, ids))
    archive.close()
    return str(path)


def test_a_row_says_what_is_held_since_when_and_how_large(tmp_path):
    archive = Archive.open(filled(tmp_path / "a.sqlite"))
    row = holding_row(archive.contents()[0])
    archive.close()
    assert row == {
        "id": "live-x|BTCUSDT|ticks",
        "market": "live-x",
        "title": "Live: X",
        "symbol": "BTCUSDT",
        "what": "ticks",
        "first": "2024-08-08 23:54:16",
        "last": "2024-08-08 23:54:16",
        "rows": 3,
        "mb": (4 * 24 + 4 * 3 * 8) / 1e6,
    }


def test_the_question_names_what_would_go():
    rows = [
        {"market": "a", "title": "A", "symbol": "BTCUSDT", "rows": 1_000},
        {"market": "a", "title": "A", "symbol": "BTCUSDT", "rows": 500},
        {"market": "a", "title": "A", "symbol": "ETHUSDT", "rows": 10},
        {"market": "b", "title": "B", "symbol": "BTCUSDT", "rows": 7},
    ]
    words = question(rows[0], rows)
    assert words.startswith(
        "BTCUSDT of A has 1,500 rows here. The whole market is 2 symbols with 1,510 rows."
    )
    assert "whole market" not in question(rows[3], rows)


async def test_the_status_says_where_how_much_and_for_how_long(tmp_path):
    path = filled(tmp_path / "a.sqlite")
    async with started(path, keep_days=36_500) as runtime:
        holdings = await runtime.recorder.contents()
        text, tone = status_words(runtime, holdings)
        assert text.startswith(f"{path} · 0.0 MB · live ticks for 36500 days from when they came,")
        assert tone == "muted"
        runtime.recorder.writer.problem = "the disk is full"
        assert status_words(runtime, holdings) == (
            f"archive paused: the disk is full · {path}",
            "warn",
        )
    async with started(path, keep_days=0) as runtime:
        assert "ticks for ever" in status_words(runtime, [])[0]
    async with started(None) as runtime:
        assert status_words(runtime, [])[0].startswith("nothing is kept")
        assert await runtime.recorder.contents() == []


async def test_a_row_loads_its_market_and_deletes_its_symbol_or_the_whole(tmp_path):
    async with started(filled(tmp_path / "a.sqlite"), keep_days=0) as runtime:
        row, *_ = [holding_row(holding) for holding in await runtime.recorder.contents()]
        focus, says, _ = await load(runtime, row)
        assert focus["market"] == "live-x"
        assert says == "Live: X is loaded"
        assert runtime.markets["live-x"].symbols == ("BTCUSDT", "ETHUSDT")
        says, tone = await delete(runtime, row, whole=False)
        assert (says, tone) == ("BTCUSDT of Live: X is deleted from the archive: 3 rows", "tone-up")
        says, _ = await delete(runtime, row, whole=True)
        assert says == "Live: X is deleted from the archive: 2 rows"
        del runtime.markets["live-x"]
        _, says, tone = await load(runtime, row)
        assert (says, tone) == ("the archive holds no market 'live-x'", "tone-down")
    async with started(None) as runtime:
        says, tone = await delete(runtime, row, whole=True)
        assert (says, tone) == ("there is no archive that could be read", "tone-down")


def test_the_panel_has_a_button_for_each_thing_to_do():
    assert [button.id for button in archive_panel._tools()] == ["archive-load", "archive-delete"]
