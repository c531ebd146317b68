"""The budget of memory: the least looked-at symbols keep less, and the strip says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics.model import BAR_COLUMNS, Ticks
from dashapp.services.markets import Markets
from dashapp.services.memory import TARGET, MemoryKeeper
from dashapp.text.trust import trust_figures
from storage.market.market import LEAST_BARS, LEAST_TICKS, Market

COUNT = 20_000
SYMBOLS = [f"S{number}" for number in range(8)]


def filled(symbols=SYMBOLS, count=COUNT) -> Market:
    market = Market("live", "Live", "live")
    for symbol in symbols:
        ts_ms = 1_700_000_000_000 + np.arange(count) * 1_000
        ones = np.ones(count)
        market.append(Ticks(symbol, ts_ms, 100.0 + np.arange(count) % 7, ones, np.arange(count)))
    return market


def tick(market: Market, number: int) -> None:
    """One more trade of the first symbol, within its newest bar."""
    after = int(market.ticks("S0", 1).ts_ms[-1]) + 1
    assert len(market.append(Ticks("S0", [after], [50.0], [1.0], [number]))) == 1


def megabytes(market: Market) -> float:
    return sum(map(market.nbytes, market.symbols)) / (1 << 20)


async def test_within_the_budget_nothing_gives_way():
    market = filled()
    keeper = MemoryKeeper(Markets(market), 2_048)
    await keeper.step()
    assert keeper.used_mb == pytest.approx(megabytes(market))
    assert not market.kept_share
    assert keeper.words == ""


async def test_what_was_read_and_is_kept_counts_until_the_next_tick():
    market = filled(SYMBOLS[:1], COUNT - 1)
    tick(market, COUNT - 1)  # nothing more is made room for below
    held = market.nbytes("S0")
    read = [market.bars("S0", "1s", limit) for limit in (None, 5_000, 5_000, 10_000)]
    kept = sum(view.nbytes for view in {id(view): view for view in read}.values())
    assert kept == (COUNT - 1 + 15_000) * 8 * len(BAR_COLUMNS)
    assert market.nbytes("S0") == held + kept
    keeper = MemoryKeeper(Markets(market), 2_048)
    await keeper.step()
    assert keeper.used_mb * (1 << 20) == held + kept
    tick(market, COUNT)
    assert market.nbytes("S0") == held


async def test_what_was_joined_to_the_past_of_an_exchange_counts_too():
    market = filled(SYMBOLS[:1])
    own = market.bars("S0", "1m")
    past = replace(own, ts_ms=own.ts_ms - own.ts_ms[-1] - 60_000 + own.ts_ms[0])
    market.add_past(past, int(past.ts_ms[0]), int(own.ts_ms[0]))
    market.whole_from("S0", int(own.ts_ms[0]))
    held = market.nbytes("S0")
    joined = market.bars("S0", "1m")
    assert len(joined) > len(own)
    assert market.nbytes("S0") >= held + joined.nbytes


async def test_the_least_looked_at_give_way_first_and_it_is_said():
    market = filled()
    market.look(SYMBOLS[:2])
    budget = int(megabytes(market) * 0.6)
    keeper = MemoryKeeper(Markets(market), budget)
    await keeper.step()
    assert megabytes(market) <= budget * TARGET
    assert not set(market.kept_share) & set(SYMBOLS[:2])
    assert len(market.ticks(SYMBOLS[0])) == COUNT
    words = f"{len(market.kept_share)} of 8 symbols keep less: memory {budget} MB"
    assert keeper.words == words
    assert (words, "warn") in trust_figures({"memory": keeper.words})


async def test_a_file_keeps_all_and_live_symbols_give_way():
    live, file = filled(), filled(SYMBOLS[:2])
    file.id, file.whole = "file", True
    budget = int((megabytes(live) + megabytes(file)) * 0.7)
    keeper = MemoryKeeper(Markets(live, file), budget)
    await keeper.step()
    assert live.kept_share
    assert not file.kept_share
    assert len(file.ticks("S0")) == COUNT


async def test_what_stays_is_the_newest_and_goes_on():
    market = filled(SYMBOLS[:1])
    before = market.bars("S0", "1s")
    ticks = market.ticks("S0")
    market.keep("S0", 1 / 64)
    assert len(market.ticks("S0")) == 3_125
    assert market.ticks("S0").trade_id[-1] == ticks.trade_id[-1]
    after = market.bars("S0", "1s")
    assert len(after) == LEAST_BARS
    assert np.array_equal(after.close, before.close[-LEAST_BARS:])
    late = int(ticks.ts_ms[-1]) + 1_000
    assert len(market.append(Ticks("S0", [late], [50.0], [1.0], [COUNT]))) == 1
    assert market.bars("S0", "1s").close[-1] == 50.0
    assert market.bars("S0", "1h").low[-1] == 50.0
    assert market.counters.balanced


async def test_what_cannot_give_way_is_said_too():
    market = filled()
    keeper = MemoryKeeper(Markets(market), 1)
    await keeper.step()
    assert keeper.full
    assert all(len(market.ticks(symbol)) >= LEAST_TICKS for symbol in SYMBOLS)
    assert keeper.words.endswith("memory 1 MB, all of it used")
    await keeper.step()
    assert keeper.full
