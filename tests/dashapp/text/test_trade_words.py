"""The words of a trade: in every place that words one, the signs of the positions taken."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.alerts import AlertRule, AlertState, Reading, evaluate
from analytics.backtest import BacktestParams, BacktestResult, Trade, run_backtest
from analytics.model import Bars, HedgeFit, HedgePath, PairParams
from analytics.spread import leg_signs, spread
from dashapp.figures.trades import backtest_z_figure
from dashapp.text import answers, methods
from dashapp.text.backtest import figure_rows, worded_trades
from dashapp.text.pair import (
    LEGS_AGAINST,
    pair_figures,
    signal,
    signal_sentence,
    trade_sentence,
    trade_words,
)
from dashapp.ui.pages.analytics.tables import methods_table
from dashapp.ui.pages.backtest.page import trade_row

Y, X = "BTCUSDT", "ETHUSDT"
SIDES = st.sampled_from((-1, 1))
SIGNS = st.sampled_from((-1, 1))
BETAS = st.floats(1e-9, 1e9)
SIZES_OF_Z = st.floats(2.01, 50.0)


def signs_in(words: str, y: str = Y, x: str = X) -> tuple[int, int]:
    """The positions that words name: 1 long, -1 short, 0 where a leg is not named."""
    named = {leg: word for word, leg in re.findall(rf"\b(long|short) ({y}|{x})\b", words)}
    return tuple({"long": 1, "short": -1, None: 0}[named.get(leg)] for leg in (y, x))


def signs_of_positions(side: int, beta: float) -> tuple[int, int]:
    """How a position in the spread earns when one leg's price rises by 1: its sign a leg."""
    here = spread([0.0], [0.0], beta)[0]
    of_y = spread([1.0], [0.0], beta)[0] - here
    of_x = spread([0.0], [1.0], beta)[0] - here
    return int(np.sign(side * of_y)), int(np.sign(side * of_x))


@given(side=SIDES, sign=SIGNS, size=BETAS)
def test_the_words_are_the_signs_of_the_positions(side, sign, size):
    beta = sign * size
    assert leg_signs(side, beta) == signs_of_positions(side, beta)
    assert signs_in(trade_words(side, beta, Y, X)) == leg_signs(side, beta)
    sentence = trade_sentence(side, beta, Y, X)
    assert signs_in(sentence) == leg_signs(side, beta)
    assert (LEGS_AGAINST in sentence) == (beta < 0)


def test_a_leg_without_a_position_is_not_named():
    assert trade_words(1, 0.0, Y, X) == "long BTCUSDT"
    assert trade_words(0, -2.0, Y, X) == trade_sentence(0, -2.0, Y, X) == "no trade"


@pytest.mark.parametrize(("side", "beta"), [(2, 1.0), (1, math.nan), (-1, math.inf)])
def test_a_position_that_cannot_be_is_refused(side, beta):
    with pytest.raises(ValueError, match="expected"):
        trade_words(side, beta, Y, X)


def at_z(snapshot, z: float, beta: float):
    """The snapshot with this z and hedge ratio, by every method and either order of the legs."""
    newest = np.where(np.arange(len(snapshot)) == len(snapshot) - 1, z, 0.0)
    fits = {name: replace(fit, beta=beta) for name, fit in snapshot.fits.items()}
    return replace(
        snapshot,
        z=newest,
        fit=replace(snapshot.fit, beta=beta),
        known=HedgePath("ols", np.full(len(snapshot), beta), np.zeros(len(snapshot))),
        fits=fits,
        method_z=dict.fromkeys(fits, z),
        swapped=HedgeFit("ols", 1.0 / beta, 0.0, 0.9, 0.1, 600),
        swapped_z=z,
    )


@given(sign_z=SIGNS, sign_beta=SIGNS, z=SIZES_OF_Z, beta=st.floats(0.01, 100.0))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_place_that_words_a_pairs_trade_says_the_same(
    pair_snapshot, sign_z, sign_beta, z, beta
):
    z, beta = sign_z * z, sign_beta * beta
    snapshot = at_z(pair_snapshot, z, beta)
    expected = leg_signs(-sign_z, beta)
    line = answers.plain(answers.pair_answer(snapshot, 2.0))
    row = pair_figures(snapshot, 2.0)[0]
    choice, _ = methods.choice_words(snapshot, 2.0)
    for words in (line, row[2], choice):
        assert signs_in(words) == expected
    cells = json.dumps(methods_table(methods.method_rows(snapshot, 2.0)), ensure_ascii=False)
    words = set(re.findall(r"(?:long|short) Y / (?:long|short) X", cells))
    assert {signs_in(trade, "Y", "X") for trade in words} == {expected}
    assert (LEGS_AGAINST in line) == (LEGS_AGAINST in row[2]) == (beta < 0)


@given(z=st.sampled_from((-1, 1)), size=st.floats(0.0, 50.0), beta=BETAS, sign=SIGNS)
def test_a_watched_row_words_the_trade_and_warns_of_its_legs(z, size, beta, sign):
    words, tone = signal_sentence(signal(z * size, sign * beta, (Y, X), 2.0), sign * beta)
    assert signs_in(words) == leg_signs(-z if size >= 2.0 else 0, sign * beta)
    assert (LEGS_AGAINST in words) == (tone == "warn") == (sign < 0)


@given(z=st.sampled_from((-1, 1)), size=SIZES_OF_Z, sign=SIGNS, beta=st.floats(0.01, 100.0))
def test_an_alert_words_the_trade_that_its_reading_asks_for(z, size, sign, beta):
    rule = AlertRule("r", "demo", "z", "abs>", 2.0, params=PairParams(Y, X))
    reading = Reading(rule.key, 0, z * size, beta=sign * beta)
    (event,), _ = evaluate([rule], [reading], AlertState(), trade_sentence)
    assert signs_in(event.text) == leg_signs(-z, sign * beta)
    assert (LEGS_AGAINST in event.text) == (sign < 0)


def bars(symbol: str, close: np.ndarray) -> Bars:
    times, ones = 60_000 * np.arange(len(close)), np.ones(len(close))
    opens = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    return Bars(symbol, "1m", times, opens, high, low, close, ones, ones, close)


@pytest.fixture(scope="module")
def backtests() -> dict[int, BacktestResult]:
    """Back-tests of two pairs, by the sign of their hedge ratio."""
    noise = np.random.default_rng(5)
    x = 100.0 + np.cumsum(noise.normal(0, 0.05, 2_000))
    away = np.zeros(2_000)
    for place in range(1, 2_000):
        away[place] = 0.9 * away[place - 1] + noise.normal(0, 0.1)
    params = PairParams(Y, X, timeframe="1m", limit=2_000)
    rules = BacktestParams(entry_z=2.0, hedge_mode="rolling", hedge_window=300)
    results = {
        sign: run_backtest(bars(Y, 300.0 + 2.0 * sign * x + away), bars(X, x), params, rules)
        for sign in (-1, 1)
    }
    assert all(isinstance(result, BacktestResult) for result in results.values())
    return results


def earned(trade: Trade, signs: tuple[int, int]) -> float:
    """Return on gross exposure of one unit of Y for |beta| of X, held as the signs say."""
    units = (signs[0], signs[1] * abs(trade.beta))
    moves = (trade.exit_y - trade.entry_y, trade.exit_x - trade.entry_x)
    gross = trade.entry_y + abs(trade.beta) * trade.entry_x
    return sum(unit * move for unit, move in zip(units, moves, strict=True)) / gross


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_rows_of_trades_word_the_positions_that_the_engine_took(backtests, sign):
    result = backtests[sign]
    assert len(result.trades) > 10
    assert {trade.side for trade in result.trades} == {-1, 1}
    for place, trade in enumerate(result.trades, 1):
        row = trade_row(place, trade, result.params)
        signs = signs_in(row["side"])
        assert trade.gross == pytest.approx(earned(trade, signs), rel=1e-9, abs=1e-12)
        assert signs == leg_signs(trade.side, trade.beta)
        assert row["warning"] == (LEGS_AGAINST if sign < 0 else "")


@pytest.mark.parametrize("sign", [-1, 1])
def test_exported_trades_word_the_positions_that_the_engine_took(backtests, sign):
    trades = worded_trades(backtests[sign])
    own = {"legs": None, "funding": None}
    assert [asdict(trade) | own for trade in trades] == [
        asdict(trade) | own for trade in backtests[sign].trades
    ]
    for trade in trades:
        assert signs_in(trade.legs) == leg_signs(trade.side, trade.beta)
        assert (LEGS_AGAINST in trade.legs) == (sign < 0)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_hovers_of_trades_word_the_positions_that_the_engine_took(backtests, sign):
    result = backtests[sign]
    hovers = [
        text.replace("<br>", " ")
        for trace in backtest_z_figure(result)["data"]
        for text in trace.get("text", ())
    ]
    closed = [trade for trade in result.trades if trade.exit_reason != "open"]
    assert len(hovers) == len(result.trades) + len(closed)
    expected = [leg_signs(trade.side, trade.beta) for trade in (*result.trades, *closed)]
    assert sorted(map(signs_in, hovers)) == sorted(expected)


def test_a_back_test_that_held_both_legs_on_one_side_warns(backtests):
    rows = {row[0]: row for row in figure_rows(backtests[-1])}
    count = len(backtests[-1].trades)
    assert rows["Legs on one side"][1:] == (f"{count} of {count} trades", LEGS_AGAINST, "warn")
    assert "Legs on one side" not in {row[0] for row in figure_rows(backtests[1])}


def test_the_trade_is_that_of_the_hedge_known_at_the_newest_bar(pair_snapshot):
    known = HedgePath("ols", np.full(len(pair_snapshot), -2.0), np.zeros(len(pair_snapshot)))
    snapshot = replace(at_z(pair_snapshot, 2.5, 2.0), known=known)
    line = answers.plain(answers.pair_answer(snapshot, 2.0))
    assert "short BTCUSDT / short ETHUSDT" in line
    assert LEGS_AGAINST in line


def test_methods_whose_betas_differ_in_sign_ask_for_different_trades(pair_snapshot):
    snapshot = at_z(pair_snapshot, 2.5, 2.0)
    fits = {**snapshot.fits, "tls": replace(snapshot.fits["tls"], beta=-2.0)}
    choice, tone = methods.choice_words(replace(snapshot, fits=fits), 2.0)
    assert "short BTCUSDT / short ETHUSDT by TLS" in choice
    assert tone == "warn"
