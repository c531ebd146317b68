"""All pairs of a market back-tested alike: the best and the worst, and how many there were."""

from __future__ import annotations

import numpy as np

from analytics.backtest import BacktestParams, run_backtest
from analytics.model import Bars, NotReady, PairParams
from dashapp.services.analysis import ranking
from dashapp.services.analysis.ranking import rank_pairs

PAIR = PairParams("A", "B", z_window=30, limit=600)
RULES = BacktestParams(entry_z=1.5, hedge_window=60, cost_bps=1.0)


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = np.arange(len(close)) * 1_000, np.ones(len(close))
    return Bars(symbol, "1s", times, close, close, close, close, ones, ones, close)


def market(n: int = 500) -> dict[str, Bars]:
    rng = np.random.default_rng(2)
    walk = np.cumsum(rng.normal(0, 0.05, n))
    made = {"A": 100.0 + walk, "B": 50.0 + walk / 2, "C": 80.0 + np.cumsum(rng.normal(0, 0.05, n))}
    return {name: bars(name, close + rng.normal(0, 0.02, n)) for name, close in made.items()}


def test_the_pairs_stand_in_the_order_of_what_they_earned():
    held = market()
    made = rank_pairs(held, PAIR, RULES)
    assert (made.tested, made.possible) == (3, 3)
    nets = [one.net_return for one in made.pairs]
    assert nets == sorted(nets, reverse=True)
    best = made.pairs[0]
    pair = PairParams(best.y, best.x, z_window=30, limit=600)
    alone = run_backtest(held[best.y], held[best.x], pair, RULES)
    assert (best.net_return, best.trades) == (alone.figures.net_return, alone.figures.trades)


def test_of_many_pairs_those_that_move_together_are_tested(monkeypatch):
    monkeypatch.setattr(ranking, "MOST_PAIRS", 1)
    made = rank_pairs(market(), PAIR, RULES)
    assert (made.tested, made.possible) == (1, 3)
    assert {(one.y, one.x) for one in made.pairs} <= {("A", "B")}


def test_too_few_symbols_or_bars_are_said():
    assert rank_pairs({"A": market()["A"]}, PAIR, RULES).reason == "needs 2 symbols, has 1"
    short = rank_pairs(market(50), PAIR, RULES)
    assert isinstance(short, NotReady)
    assert short.need > short.have


async def test_a_filtered_pair_is_ranked_on_the_rows_of_its_own_back_test(runtime):
    demo = runtime.markets["demo"]
    legs = [demo.bars(symbol, "1s") for symbol in ("BTCUSDT", "ETHUSDT")]
    least = min(float(np.median(one.volume * one.vwap)) for one in legs)
    pair = PairParams("BTCUSDT", "ETHUSDT", limit=300, z_window=10, min_volume=least)
    rules = BacktestParams(entry_z=1.0, stop_z=None, hedge_window=30)
    alone = run_backtest(*legs, pair, rules)
    assert alone.rows_dropped > 100
    assert len(alone.ts_ms) > 200
    (ranked,) = (await runtime.analysis.ranking("demo", pair, rules)).pairs
    assert (ranked.net_return, ranked.trades) == (alone.figures.net_return, alone.figures.trades)
