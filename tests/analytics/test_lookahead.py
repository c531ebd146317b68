"""The check for look-ahead: nothing changes in the engine, and what is planted is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analytics import _backtest_engine as engine
from analytics import backtest
from analytics.backtest import BacktestParams, BacktestResult, run_backtest
from analytics.lookahead import LookAheadReport, check_look_ahead
from analytics.model import Bars, NotReady
from tests.analytics.test_backtest import PAIR, RULES, bars_of, made_up_pair

MODES = ["rolling", "kalman", "in-sample"]


def report(value: LookAheadReport | NotReady) -> LookAheadReport:
    assert isinstance(value, LookAheadReport)
    return value


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"price_space": "log", "intercept": False, "limit": 300},
        {"min_trades": 2, "limit": 250},
        {"min_volume": 50.0, "limit": 250},
    ],
)
def test_no_past_value_changes_in_any_mode(mode: str, changes: dict[str, Any]) -> None:
    legs = made_up_pair(gaps=0.1)
    rules = replace(RULES, hedge_mode=mode, max_bars=15)
    found = report(check_look_ahead(*legs, replace(PAIR, **changes), rules))
    assert found.changed == 0
    assert len(found.cuts) == 8
    assert found.text.startswith("No look-ahead")


def test_an_in_sample_fit_is_held_and_told_apart_from_what_follows_of_it() -> None:
    rules = replace(RULES, hedge_mode="in-sample")
    found = report(check_look_ahead(*made_up_pair(), PAIR, rules))
    assert found.changed == 0
    assert found.in_sample
    assert len(set(found.beta_at_cuts)) == len(found.cuts)
    assert found.fit_beta not in found.beta_at_cuts
    assert "The fit itself is in-sample" in found.text
    other = report(check_look_ahead(*made_up_pair(), PAIR, RULES))
    assert not other.in_sample
    assert "in-sample" not in other.text


def a_mean_of_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    """The z-score against the mean of a window that is centred on the bar."""
    plain = engine.rolling_moments

    def centred(spread: Any, window: int) -> Any:
        moments = plain(spread, window)
        ahead = window // 2
        z = np.append(moments.zscore[ahead:], np.full(ahead, np.nan))
        return moments._replace(zscore=z)

    monkeypatch.setattr(engine, "rolling_moments", centred)


def a_fill_in_the_bar_of_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal of a bar's close fills at the open of that very bar."""
    plain = backtest.simulate

    def early(signals: Any, settings: BacktestParams) -> Any:
        return plain(signals._replace(z=np.append(signals.z[1:], np.nan)), settings)

    monkeypatch.setattr(backtest, "simulate", early)


def a_hedge_of_the_next_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spread of a bar is measured with a hedge that was fitted with the bar after it."""
    plain = engine._known_before

    def late(values: Any, counted: Any) -> Any:
        return plain(np.append(values[2:], [np.nan] * 2), counted)

    monkeypatch.setattr(engine, "_known_before", late)


def a_hedge_of_the_same_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spread of a bar is measured with a hedge that was fitted with the bar itself."""
    plain = engine._known_before

    def late(values: Any, counted: Any) -> Any:
        return plain(np.append(values[1:], np.nan), counted)

    monkeypatch.setattr(engine, "_known_before", late)


def a_fill_that_picks_its_bar(monkeypatch: pytest.MonkeyPatch, column: str, least: float) -> None:
    """An order fills in the first bar in which both legs have as much of a column."""
    plain = engine.market_rows

    def choosing(y: Bars, x: Bars, *rest: Any) -> Any:
        rows = plain(y, x, *rest)
        quiet = [getattr(leg, column)[at] < least for leg, at in zip((y, x), rows.places)]  # noqa: B905
        return rows._replace(carried=rows.carried | np.logical_or(*quiet))

    monkeypatch.setattr(engine, "market_rows", choosing)


def a_fill_that_knows_the_trades_of_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    a_fill_that_picks_its_bar(monkeypatch, "trades", 3)


def a_fill_that_knows_the_volume_of_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    a_fill_that_picks_its_bar(monkeypatch, "volume", 1e-3)


PLANTED = [
    (a_mean_of_the_future, "z"),
    (a_fill_in_the_bar_of_the_signal, "position"),
    (a_hedge_of_the_next_bar, "hedge"),
    (a_hedge_of_the_same_bar, "hedge"),
    (a_fill_that_knows_the_trades_of_its_bar, "position"),
    (a_fill_that_knows_the_volume_of_its_bar, "position"),
]


@pytest.mark.parametrize("min_trades", [0, 2])
@pytest.mark.parametrize(("plant", "series"), PLANTED)
def test_a_look_ahead_planted_in_the_engine_is_found(
    plant: Any, series: str, min_trades: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    params = replace(PAIR, min_trades=min_trades)
    found = report(check_look_ahead(*made_up_pair(), params, RULES, cuts=40))
    assert found.changed > 0
    assert series in found.by_series
    assert all(change.ts_ms <= change.cut_ms for change in found.first)
    assert found.text.startswith("Look-ahead: ")


def one_value_of_the_future(*args: Any) -> BacktestResult | NotReady:
    result = run_backtest(*args)
    if isinstance(result, NotReady):
        return result
    equity = result.equity.copy()
    equity[100] += 1e-12 * result.equity[-1]
    return replace(result, equity=equity)


def test_the_last_bit_of_one_value_is_enough() -> None:
    found = report(
        check_look_ahead(*made_up_pair(), PAIR, RULES, cuts=20, run=one_value_of_the_future)
    )
    assert set(found.by_series) == {"equity"}
    assert {change.ts_ms for change in found.first} == {100 * 60_000}


def test_legs_shifted_into_the_future_are_found_out() -> None:
    def planted(y_bars: Bars, x_bars: Bars, *rest: Any) -> BacktestResult | NotReady:
        close = np.append(y_bars.close[1:], y_bars.close[-1])
        return run_backtest(replace(y_bars, close=close), x_bars, *rest)

    found = report(check_look_ahead(*made_up_pair(), PAIR, RULES, run=planted))
    assert {"z", "spread"} <= set(found.by_series)


def test_the_check_needs_a_bar_after_the_first_z_and_at_least_one_cut() -> None:
    y_bars, x_bars = made_up_pair(111)
    assert check_look_ahead(y_bars, x_bars, PAIR, RULES) == NotReady(
        "needs 112 bars, has 111", 111, 112
    )
    opened = np.append(-1.0, y_bars.open)
    longer = [bars_of(one.symbol, np.append(one.close[0], one.close)) for one in (y_bars, x_bars)]
    told = check_look_ahead(replace(longer[0], open=opened), longer[1], PAIR, RULES)
    assert str(told) == "needs 112 bars, has 111, 1 left out whose prices are not all above 0"
    assert isinstance(check_look_ahead(*made_up_pair(50), PAIR, RULES), NotReady)
    with pytest.raises(ValueError, match="cuts is 0, expected at least 1"):
        check_look_ahead(y_bars, x_bars, PAIR, RULES, cuts=0)
