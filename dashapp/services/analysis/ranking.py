"""Which pairs of a market have paid: the same back-test on each, the best and the worst named.

Pure: bars in, a ranking out. It is in hindsight, over the bars in view: a look at where to
look, no forecast.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analytics.backtest import BacktestParams, run_backtest
from analytics.correlation import correlation_matrix
from analytics.model import Bars, NotReady, PairParams
from dashapp.services.analysis.summary import closes_of

#: Pairs that are back-tested; of more, those whose returns correlate most.
MOST_PAIRS = 45


@dataclass(frozen=True)
class Ranked:
    """A pair and what its back-test earned after costs: a fraction, and closed trades."""

    y: str
    x: str
    net_return: float
    trades: int


@dataclass(frozen=True)
class Ranking:
    """The pairs that traded, best first. tested: how many were back-tested, of how many."""

    pairs: tuple[Ranked, ...]
    tested: int
    possible: int


def rank_pairs(
    bars: Mapping[str, Bars], params: PairParams, settings: BacktestParams
) -> Ranking | NotReady:
    """Back-test every pair of these symbols with the parameters of `params`.

    NotReady with fewer than two symbols, or where no pair has bars enough.
    """
    symbols = [symbol for symbol, symbol_bars in bars.items() if len(symbol_bars)]
    if len(symbols) < 2:
        return NotReady(f"needs 2 symbols, has {len(symbols)}", len(symbols), 2)
    pairs = list(itertools.combinations(symbols, 2))
    tested, shortest = [], NotReady("no pair has enough bars")
    chosen = _closest(bars, pairs)
    for y, x in chosen:
        result = run_backtest(bars[y], bars[x], replace(params, y=y, x=x), settings)
        if isinstance(result, NotReady):
            shortest = result
            continue
        figures = result.figures
        tested.append(Ranked(y, x, figures.net_return, figures.trades))
    if not tested:
        return shortest
    traded = [ranked for ranked in tested if ranked.trades and math.isfinite(ranked.net_return)]
    traded.sort(key=lambda ranked: -ranked.net_return)
    return Ranking(tuple(traded), len(tested), len(pairs))


def _closest(bars: Mapping[str, Bars], pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs to test: all, or those whose returns correlate most, whatever the sign."""
    if len(pairs) <= MOST_PAIRS:
        return pairs
    known = {symbol: symbol_bars for symbol, symbol_bars in bars.items() if len(symbol_bars)}
    place = {symbol: number for number, symbol in enumerate(known)}
    size = np.abs(np.nan_to_num(correlation_matrix(closes_of(known))))
    ranked = sorted(pairs, key=lambda pair: -size[place[pair[0]], place[pair[1]]])
    return ranked[:MOST_PAIRS]
