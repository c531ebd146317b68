"""kill -9 amid an upload, a join, an export, upkeep, a deletion: a file is whole or not there."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from storage.archive.archive import Archive
from tests.dashapp.services.archive.test_kill import (
    SYMBOLS,
    Run,
    add_rules,
    address,
    connected,
    look,
    newest,
    quiet,  # noqa: F401
)
from tests.exchange import Exchange

START_MS = 1_722_400_000_000
ROWS, CHUNK = 8_000, 1 << 16
LINE = '{{"e":"trade","s":"UPA","t":{},"p":"{}","q":"1","T":{}}}\n'.format


def price_of(ids: np.ndarray) -> np.ndarray:
    return 100.0 + (ids % 1_000) / 8.0


def lines(first_id: int) -> bytes:
    """ROWS trades from an id on."""
    ids = np.arange(first_id, first_id + ROWS)
    rows = zip(ids.tolist(), price_of(ids).tolist(), strict=True)
    return "".join(LINE(number, price, START_MS + number) for number, price in rows).encode()


FIRST, SECOND = lines(0), lines(ROWS)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), CHUNK):
        yield content[at : at + CHUNK]
        await asyncio.sleep(0.002)


class Told:
    """What the server said of the uploads. files: how many files a market has, by its id; those
    that may have come, or gone, or not, when the process was killed are in `open`."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.open: dict[str, tuple[int, int]] = {}
        self.amid: Counter[str] = Counter()


async def upload(client: httpx.AsyncClient, told: Told, market: str | None = None) -> str:
    content, more = (FIRST, "") if market is None else (SECOND, f"&market={market}")
    if market is not None:
        told.open[market] = (1, 2)
    answer = await client.post(f"/api/upload?name=up.ndjson{more}", content=pieces(content))
    assert answer.status_code == 200, answer.text
    made = str(answer.json()["market"])
    told.open.pop(made, None)
    told.files[made] = 1 if market is None else 2
    return made


async def uploading(client: httpx.AsyncClient, told: Told) -> None:
    await upload(client, told)


async def joining(client: httpx.AsyncClient, told: Told) -> None:
    await upload(client, told, await upload(client, told))


async def exporting(client: httpx.AsyncClient, told: Told) -> None:
    for path in ("/export/live/ticks.csv", "/export/archive/dataset.zip"):
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text


async def looking_after(client: httpx.AsyncClient, told: Told) -> None:
    """Small blocks are merged when an archive is opened, and as they become many."""
    await client.get("/api/status")


async def deleting(client: httpx.AsyncClient, told: Told) -> None:
    market = await upload(client, told)
    told.open[market] = (0, 1)
    assert (await client.delete(f"/api/markets/{market}")).status_code == 200


ACTS: tuple[Callable[[httpx.AsyncClient, Told], Awaitable[None]], ...] = (
    *(uploading, joining, exporting, looking_after, deleting),
)


def check_files(path: Path, told: Told) -> int:
    """Hold every upload in the archive against what was sent; how many there are."""
    archive = Archive.open(path)
    kept = {record.id for record in archive.markets() if record.id.startswith("upload-")}
    for market in kept:
        parts = list(archive.ticks(market, "UPA"))
        ids = np.concatenate([part.trade_id for part in parts])
        price = np.concatenate([part.price for part in parts])
        count = len(ids) // ROWS
        assert np.array_equal(np.sort(ids), np.arange(count * ROWS)), f"{market}: {len(ids)} rows"
        assert np.array_equal(price, price_of(ids))
        legal = told.open.get(market, (told.files.get(market, 1),))
        assert count in legal, f"{market} has {count} files, expected one of {legal}"
        told.files[market] = count
    gone = {market for market in told.files if 0 not in told.open.get(market, (1,))} - kept
    assert not gone, f"what was answered is not there: {gone}"
    told.files = {market: told.files[market] for market in kept}
    told.open.clear()
    archive.close()
    return len(kept)


async def killed_amid(path: Path, kills: int, share: float, seed: int) -> float:
    """The longest loss, in seconds: on a busy machine the tests' own delays are in it."""
    rng, told = random.Random(seed), Told()
    lost_s, whole = 0.0, 0
    async with Exchange(SYMBOLS, rate=200.0) as exchange:
        for number in range(kills):
            run, busy = Run(exchange, path), None
            turn = int(number * share)
            act = ACTS[turn % len(ACTS)] if turn < int((number + 1) * share) else None
            try:
                if number == 0:
                    await add_rules(path)
                began_ms = await connected(exchange, number + 1)
                if act is not None:
                    told.amid[act.__name__] += 1
                    busy = asyncio.create_task(_repeat(act, path, told))
                await asyncio.sleep(rng.uniform(0.1, 0.7 if act is looking_after else 2.5))
                if busy is not None and busy.done():
                    await busy  # it failed before the process was killed
            finally:
                await asyncio.to_thread(run.kill)
                killed_ms = time.time() * 1_000
                if busy is not None:
                    busy.cancel()
                    await asyncio.gather(busy, return_exceptions=True)
            held = await asyncio.to_thread(look, path, exchange)
            whole = max(whole, await asyncio.to_thread(check_files, path, told))
            for symbol in SYMBOLS:
                newest_ms = max(newest(exchange, symbol, held[symbol]), began_ms)
                lost_s = max(lost_s, (killed_ms - newest_ms) / 1_000)
    amid = ", ".join(f"{count} amid {name}" for name, count in told.amid.items())
    sys.stdout.write(
        f"\n{kills} kills, {amid}: {whole} files whole, {sum(map(len, held.values())):,} live "
        f"ticks, none twice, at most {lost_s:.2f} s lost\n"
    )
    return lost_s


async def _repeat(
    act: Callable[[httpx.AsyncClient, Told], Awaitable[None]], path: Path, told: Told
) -> None:
    where = str(address(path.with_name("log")))
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(base_url=where, timeout=60) as client:
            while True:
                await act(client, told)


async def test_five_kills_amid_other_work_leave_every_file_whole_or_none(tmp_path, quiet):  # noqa: F811
    await killed_amid(tmp_path / "a.sqlite", kills=5, share=1.0, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_a_hundred_kills_of_which_forty_amid_other_work(tmp_path, quiet):  # noqa: F811
    assert await killed_amid(tmp_path / "a.sqlite", kills=100, share=0.4, seed=2) <= 1.0
