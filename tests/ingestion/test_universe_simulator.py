from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from analytics.cointegration import engle_granger
from analytics.model import BAR_COLUMNS, SYMBOL_PATTERN, Bars
from ingestion.universe_simulator import HOUR_MS, MINUTE_MS, RELATIONS, SYMBOLS, UniverseSimulator

END_MS = 1_780_000_200_000
END_HOUR_MS = END_MS - END_MS % HOUR_MS
FORMATION = 2_880


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, str], Bars]:
    """The past of all symbols, by symbol and timeframe."""
    return {(bars.symbol, bars.timeframe): bars for bars in UniverseSimulator().history(END_MS)}


@pytest.fixture
def short(monkeypatch):
    """A past of two days, so that it is made at once."""
    monkeypatch.setattr("ingestion.universe_simulator._COARSE_STEPS", 288)
    monkeypatch.setattr("ingestion.universe_simulator._FINE_STEPS", 1_440)


def test_sixty_symbols_with_180_days_of_hours_and_30_of_minutes(made):
    assert len(SYMBOLS) == 60
    assert all(SYMBOL_PATTERN.fullmatch(name) for name in SYMBOLS)
    for name in SYMBOLS:
        hours, minutes = made[name, "1h"], made[name, "1m"]
        assert len(hours) == 180 * 24
        assert len(minutes) == 30 * 24 * 60
        assert hours.ts_ms[-1] == END_HOUR_MS - HOUR_MS
        assert minutes.ts_ms[-1] == END_HOUR_MS - MINUTE_MS
        assert (np.diff(hours.ts_ms) == HOUR_MS).all()
        assert (np.diff(minutes.ts_ms) == MINUTE_MS).all()


@pytest.mark.parametrize("timeframe", ["1h", "1m"])
def test_bars_are_possible_bars(made, timeframe):
    for name in SYMBOLS:
        bars = made[name, timeframe]
        for inner in (bars.open, bars.close, bars.vwap):
            assert (bars.low <= inner).all()
            assert (inner <= bars.high).all()
        assert bars.low.min() > 0
        assert bars.volume.min() > 0
        assert bars.trades.min() >= 1


def test_hours_hold_their_minutes(made):
    hours, minutes = made["ETHUSDT", "1h"], made["ETHUSDT", "1m"]
    last = minutes.tail(60)
    assert hours.close[-1] == last.close[-1]
    assert hours.high[-1] == last.high.max()
    assert hours.volume[-1] == pytest.approx(last.volume.sum())


def test_equal_seeds_give_equal_bars_and_others_do_not(short):
    seeds = (7, 7, 8)
    first, again, other = (next(UniverseSimulator(seed).history(END_MS)) for seed in seeds)
    for name in BAR_COLUMNS:
        assert np.array_equal(getattr(again, name), getattr(first, name))
    assert not np.array_equal(other.close, first.close)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: f"{relation.y}-{relation.x}")
def test_planted_relations_hold_and_two_of_them_break(made, relation):
    y, x = (np.log(made[leg, "1h"].close) for leg in (relation.y, relation.x))
    assert engle_granger(y[:FORMATION], x[:FORMATION]).pvalue < 1e-6
    after = engle_granger(y[FORMATION:], x[FORMATION:]).pvalue
    assert after > 0.05 if relation.breaks_h else after < 1e-3


def test_half_lives_and_breaks_are_those_that_are_promised():
    assert len(RELATIONS) == 8
    assert sum(relation.breaks_h is not None for relation in RELATIONS) == 2
    assert all(5 <= relation.half_life_h <= 20 for relation in RELATIONS)
    assert all(FORMATION < r.breaks_h < 4_320 for r in RELATIONS if r.breaks_h)


def test_what_follows_joins_the_past_and_does_not_depend_on_how_often_it_is_asked_for(short):
    def followed(*stops: int) -> list[Bars]:
        simulator = UniverseSimulator(3)
        list(islice(simulator.history(END_MS), 2))
        return [bars for stop in stops for bars in simulator.advance(END_HOUR_MS + stop)]

    def closes(made: list[Bars], timeframe: str) -> list[list[float]]:
        chosen = [b for b in made if (b.symbol, b.timeframe) == ("BTCUSDT", timeframe)]
        return [bars.close.tolist() for bars in chosen]

    at_once = followed(61 * MINUTE_MS)
    in_parts = followed(MINUTE_MS - 1, 59 * MINUTE_MS + 5, HOUR_MS, HOUR_MS + MINUTE_MS)
    assert closes(at_once, "1m") == closes(in_parts, "1m")
    assert len(closes(at_once, "1m")) == 61
    assert closes(at_once, "1h") == [closes(at_once, "1m")[59]]


def test_nothing_comes_before_the_past_and_the_past_comes_once(short):
    simulator = UniverseSimulator()
    assert simulator.advance(END_MS) == []
    next(simulator.history(END_MS))
    with pytest.raises(ValueError, match="one call"):
        next(simulator.history(END_MS))
    with pytest.raises(ValueError, match="seed is -1"):
        UniverseSimulator(-1)


def test_listings_say_what_a_scan_needs():
    listings = UniverseSimulator().listings()
    assert [listing.symbol for listing in listings] == list(SYMBOLS)
    for listing in listings:
        assert listing.turnover > 1e6
        assert listing.tick_size > 0
        assert listing.lot_size > 0
        assert abs(listing.funding_per_day) < 2e-3
