from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.stattools import coint

from analytics.backtest import BacktestParams, run_backtest
from analytics.bars import resample
from analytics.model import SYMBOL_PATTERN, PairParams, Ticks
from ingestion.simulator import INSTRUMENTS, Simulator

END_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
COLUMNS = ("ts_ms", "price", "size", "trade_id")


@pytest.fixture(scope="module")
def hours() -> dict[str, Ticks]:
    """Four hours of the market as it is shown, by symbol."""
    return {ticks.symbol: ticks for ticks in Simulator().history(END_MS, 4 * HOUR_MS)}


def joined(batches: list[list[Ticks]], symbol: str) -> dict[str, np.ndarray]:
    ours = [ticks for batch in batches for ticks in batch if ticks.symbol == symbol]
    return {name: np.concatenate([getattr(t, name) for t in ours]) for name in COLUMNS}


def closes(hours: dict[str, Ticks], symbol: str, begin_s: int, rows: int = 1_000) -> np.ndarray:
    """Closes of 1 s bars, carried forward over quiet seconds."""
    bars = resample(hours[symbol], "1s")
    times = END_MS - 4 * HOUR_MS + 1_000 * np.arange(begin_s, begin_s + rows)
    return bars.close[np.searchsorted(bars.ts_ms, times, side="right") - 1]


def share_cointegrated(hours: dict[str, Ticks], y: str, x: str, begins: range) -> float:
    pvalues = [coint(closes(hours, y, b), closes(hours, x, b), maxlag=4)[1] for b in begins]
    return float(np.mean(np.array(pvalues) < 0.05))


# --- one path, whatever the calls -------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=25), st.integers(0, 100_000))
def test_the_path_does_not_depend_on_how_it_is_asked_for(steps, span):
    whole, parts = Simulator(5), Simulator(5)
    end = END_MS + sum(steps)
    expected = [whole.history(END_MS, span), whole.advance(end)]
    got, now = [parts.history(END_MS, span)], END_MS
    for step in steps:
        now += step
        got.append(parts.advance(now))
    for symbol in whole.symbols:
        if any(ticks.symbol == symbol for batch in expected for ticks in batch):
            left, right = joined(expected, symbol), joined(got, symbol)
            for name in COLUMNS:
                np.testing.assert_array_equal(left[name], right[name])


def test_history_and_what_follows_are_one_path():
    split, whole = Simulator(), Simulator()
    parts = [split.history(END_MS, 90_000), split.advance(END_MS + 90_000)]
    at_once = [whole.history(END_MS + 90_000, 180_000)]
    for symbol in split.symbols:
        for name in COLUMNS:
            np.testing.assert_array_equal(
                joined(parts, symbol)[name], joined(at_once, symbol)[name]
            )


def test_the_seed_decides_the_path_and_the_start_only_its_times():
    here, there = Simulator(3).history(END_MS, 60_000), Simulator(3).history(END_MS + 500, 60_500)
    other = Simulator(4).history(END_MS, 60_000)
    np.testing.assert_array_equal(here[0].price, there[0].price[: len(here[0])])
    assert here[0].price.tolist() != other[0].price.tolist()


def test_each_call_gives_the_ticks_since_the_last_and_before_its_own_time():
    simulator = Simulator()
    simulator.history(END_MS, 10_000)
    now = END_MS
    for _ in range(400):
        for ticks in simulator.advance(now + 250):
            assert now <= ticks.ts_ms[0] <= ticks.ts_ms[-1] < now + 250
        now += 250


def test_without_a_history_the_market_begins_at_the_first_call():
    simulator = Simulator()
    assert simulator.advance(END_MS) == []
    later = simulator.advance(END_MS + 5_000)
    assert {ticks.symbol for ticks in later} >= {"BTCUSDT", "ETHUSDT"}


def test_time_does_not_run_backwards():
    simulator = Simulator()
    simulator.history(END_MS, 5_000)
    assert simulator.advance(END_MS) == []
    assert simulator.advance(END_MS - 60_000) == []
    first = next(t for t in simulator.advance(END_MS + 5_000) if t.symbol == "BTCUSDT")
    assert first.ts_ms[0] >= END_MS


def test_errors_say_what_is_legal():
    with pytest.raises(ValueError, match="seed is -1, expected at least 0"):
        Simulator(-1)
    with pytest.raises(ValueError, match="span_ms is -1, expected at least 0"):
        Simulator().history(END_MS, -1)
    simulator = Simulator()
    simulator.advance(END_MS)
    with pytest.raises(ValueError, match="the market has begun"):
        simulator.history(END_MS, 1_000)


# --- ticks as an exchange would print them ----------------------------------------------


def test_symbols_are_legal_and_the_first_pair_leads():
    assert Simulator().symbols[:2] == ("BTCUSDT", "ETHUSDT")
    assert all(SYMBOL_PATTERN.fullmatch(symbol) for symbol in Simulator().symbols)


def test_ids_are_consecutive_times_ascend_and_prices_and_sizes_lie_on_their_steps(hours):
    for instrument in INSTRUMENTS:
        ticks = hours[instrument.symbol]
        assert (np.diff(ticks.trade_id) == 1).all()
        assert (np.diff(ticks.ts_ms) >= 0).all()
        np.testing.assert_array_equal(ticks.price, np.round(ticks.price, instrument.decimals))
        np.testing.assert_array_equal(ticks.size, np.round(ticks.size, instrument.lot_decimals))
        assert ticks.price.min() > 0.5 * instrument.price
        assert ticks.price.max() < 2.0 * instrument.price
        assert ticks.size.min() > 0


def test_twenty_to_fifty_ticks_come_a_second_most_of_them_in_the_first_pair(hours):
    seconds = 4 * 3_600
    rates = {symbol: len(ticks) / seconds for symbol, ticks in hours.items()}
    assert 20 < sum(rates.values()) < 50
    assert rates["BTCUSDT"] > 10
    assert rates["ETHUSDT"] > 10
    assert min(rates.values()) > 1


def test_half_a_second_nearly_always_brings_a_tick_of_the_first_pair(hours):
    for symbol in ("BTCUSDT", "ETHUSDT"):
        halves = np.unique(hours[symbol].ts_ms // 500)
        assert len(halves) / (4 * 7_200) > 0.95


def test_every_symbol_has_quiet_seconds_rare_ones_in_the_first_pair(hours):
    quiet = {
        symbol: 1 - len(np.unique(ticks.ts_ms // 1_000)) / (4 * 3_600)
        for symbol, ticks in hours.items()
    }
    assert all(0.005 < quiet[symbol] < 0.05 for symbol in ("BTCUSDT", "ETHUSDT"))
    assert all(0.05 < share < 0.4 for symbol, share in list(quiet.items())[2:])


def test_volume_comes_in_clusters(hours):
    volume = np.log(resample(hours["BTCUSDT"], "1s").volume)
    assert np.corrcoef(volume[:-5], volume[5:])[0, 1] > 0.1


def test_several_trades_share_a_ms(hours):
    ts = hours["BTCUSDT"].ts_ms
    assert (np.diff(ts) == 0).mean() > 0.05


# --- relations --------------------------------------------------------------------------


@pytest.mark.parametrize(("y", "x"), [("BTCUSDT", "ETHUSDT"), ("SOLUSDT", "AVAXUSDT")])
def test_two_pairs_are_cointegrated_most_of_the_time(hours, y, x):
    assert share_cointegrated(hours, y, x, range(800, 13_000, 1_500)) >= 0.75


def test_the_first_look_at_the_first_pair_is_convincing(hours):
    assert share_cointegrated(hours, "BTCUSDT", "ETHUSDT", range(800, 801)) == 1.0
    assert share_cointegrated(hours, "BTCUSDT", "ETHUSDT", range(800, 4_000, 200)) > 0.9


def test_the_spread_of_the_first_pair_reverts_within_half_a_minute_or_so(hours):
    half_lives = []
    for begin in range(800, 13_000, 1_500):
        y, x = closes(hours, "BTCUSDT", begin), closes(hours, "ETHUSDT", begin)
        spread = y - np.polyval(np.polyfit(x, y, 1), x)
        slope = np.polyfit(spread[:-1], np.diff(spread), 1)[0]
        half_lives.append(-np.log(2) / slope)
    assert 10 < np.median(half_lives) < 60


def test_the_z_score_of_the_first_pair_crosses_two_every_few_minutes(hours):
    y, x = (np.log(closes(hours, symbol, 0, 14_000)) for symbol in ("BTCUSDT", "ETHUSDT"))
    windows = np.lib.stride_tricks.sliding_window_view(y - x, 300)
    z = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    crossings = ((np.abs(z[1:]) > 2) & (np.abs(z[:-1]) <= 2)).sum()
    assert 14_000 / 300 < crossings < 14_000 / 20


def test_the_first_back_test_of_the_first_pair_pays_its_costs(hours):
    seen = END_MS - 4 * HOUR_MS + 1_800_000
    legs = []
    for symbol in ("BTCUSDT", "ETHUSDT"):
        ticks = hours[symbol]
        legs.append(resample(ticks[: int(np.searchsorted(ticks.ts_ms, seen))], "1s"))
    figures = run_backtest(*legs, PairParams("BTCUSDT", "ETHUSDT"), BacktestParams()).figures
    assert figures.net_return > 0
    assert 0 < figures.cost_share < 1


def test_one_relation_breaks_and_comes_back(hours):
    y, x = (np.log(closes(hours, symbol, 0, 14_400)) for symbol in ("BNBUSDT", "LTCUSDT"))
    spread = np.abs(y - x - np.log(640 / 96)).reshape(-1, 60).mean(axis=1)
    cycle = np.arange(len(spread)) % 20
    held, broken = spread[(cycle >= 3) & (cycle < 12)], spread[cycle >= 15]
    assert broken.mean() > 3 * held.mean()
    assert held[-9:].mean() < 2e-3


def test_an_unrelated_symbol_is_neither_correlated_nor_cointegrated(hours):
    y, x = (closes(hours, symbol, 0, 14_000) for symbol in ("BTCUSDT", "DOGEUSDT"))
    assert abs(np.corrcoef(np.diff(np.log(y)), np.diff(np.log(x)))[0, 1]) < 0.05
    assert share_cointegrated(hours, "BTCUSDT", "DOGEUSDT", range(800, 13_000, 1_500)) < 0.35


def test_returns_of_the_first_pair_move_together(hours):
    y, x = (np.log(closes(hours, symbol, 0, 14_000)) for symbol in ("BTCUSDT", "ETHUSDT"))
    assert np.corrcoef(np.diff(y), np.diff(x))[0, 1] > 0.5
