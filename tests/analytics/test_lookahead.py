"""The check for look-ahead: nothing changes in the engine, and what is planted is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from analytics import _backtest_engine as engine
from analytics import backtest
from analytics.backtest import BacktestParams, BacktestResult, Trade, run_backtest
from analytics.lookahead import LookAheadReport, check_look_ahead
from analytics.model import Bars, NotReady
from tests.analytics.test_backtest import PAIR, RULES, bars_of, made_up_pair, random_legs

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
    assert 8 < len(found.cuts) <= 8 * 8  # half of exits, each reason's rounded up
    assert found.cuts == tuple(sorted(set(found.cuts)))
    assert found.text.startswith("No look-ahead")


def test_an_in_sample_fit_is_held_and_told_apart_from_what_follows_of_it() -> None:
    rules = replace(RULES, hedge_mode="in-sample")
    found = report(check_look_ahead(*made_up_pair(), PAIR, rules))
    assert found.changed == 0
    assert found.in_sample
    assert len(set(found.beta_at_cuts)) == 8
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


# Orders that know the bar that they fill in: a market's statistics are its own.


def market(seed: int, gaps: float = 0.0) -> tuple[Bars, Bars]:
    """A cointegrated pair whose bars have ranges, volumes, trades and VWAPs of their own."""
    rng, n = np.random.default_rng(seed), 1_200
    x = 50.0 + np.cumsum(rng.normal(scale=0.05, size=n))
    noise = lfilter([1.0], [1.0, -0.9], rng.normal(scale=0.1, size=n))
    legs = []
    for symbol, close in (("Y", 1.5 * x + 20.0 + noise), ("X", x)):
        opened = np.r_[close[:1], close[:-1]] + rng.normal(scale=0.01, size=n)
        high = np.maximum(opened, close) + rng.exponential(0.02, n)
        low = np.minimum(opened, close) - rng.exponential(0.02, n)
        vwap = low + (high - low) * rng.random(n)
        volume, trades = 10.0 * rng.exponential(size=n), rng.integers(1, 40, n)
        times, kept = np.arange(n) * 60_000, rng.random(n) >= gaps
        columns = (times, opened, high, low, close, volume, trades, vwap)
        legs.append(Bars(symbol, "1m", *(column[kept] for column in columns)))
    return legs[0], legs[1]


MARKETS = [market(seed) for seed in range(12)]
ORDERS = BacktestParams(entry_z=1.5, exit_z=0.1, stop_z=3.0, hedge_window=80)


def last_close(bars: Bars) -> Any:
    return np.append(np.nan, bars.close[:-1])


#: What an order may know of the bar that it fills in: whether the bar is unfit for it.
UNFIT: dict[str, Callable[[Bars], Any]] = {
    "little volume": lambda bars: bars.volume < 1.0,
    "least volume": lambda bars: bars.volume < 0.1,
    "much volume": lambda bars: bars.volume > 30.0,
    "few trades": lambda bars: bars.trades < 4,
    "many trades": lambda bars: bars.trades > 36,
    "an open above the last close": lambda bars: bars.open > last_close(bars) * 1.0001,
    "an open below the last close": lambda bars: bars.open < last_close(bars) * 0.9999,
    "a low above the last close": lambda bars: bars.low > last_close(bars),
    "a close above the open": lambda bars: bars.close > bars.open * 1.001,
    "a close below the open": lambda bars: bars.close < bars.open * 0.999,
    "a VWAP above the open": lambda bars: bars.vwap > bars.open * 1.001,
    "a VWAP below the open": lambda bars: bars.vwap < bars.open * 0.999,
}


def plant_in_fills(patch: pytest.MonkeyPatch, unfit: Callable[[Bars], Any], how: str) -> None:
    """A leg does not fill in a bar that is unfit ("waits"); or no entry is made into one
    ("vetoes"); or no position is left in one ("holds"). Statistics stay.
    """
    legs_of, play, seen = backtest.pair_legs, backtest.simulate, {}

    def knowing_legs(y: Bars, x: Bars, params: Any) -> Any:
        legs = legs_of(y, x, params)
        rows = [np.searchsorted(leg.ts_ms, legs.ts_ms, side="right") - 1 for leg in (y, x)]
        bad = np.stack([unfit(leg)[at] for leg, at in zip((y, x), rows, strict=True)])
        seen["bad"] = bad.any(axis=0)
        if how != "waits":
            return legs
        waiting = legs.carried | bad
        odd = engine.make_legs(legs.ts_ms, legs.prices, waiting, legs.counted, legs.bar_ms)
        return legs._replace(fills=odd.fills)

    def vetoing(signals: Any, settings: BacktestParams) -> Any:
        z, ahead = signals.z.copy(), np.append(seen["bad"][1:], False)
        if how == "vetoes":
            far = ahead & (np.abs(z) >= settings.entry_z)
            z[far] = np.sign(z[far]) * 0.99 * settings.entry_z
        for row in np.flatnonzero(ahead[1:]) + 1 if how == "holds" else ():
            back = z[row - 1] * z[row] <= 0 or abs(z[row]) <= settings.exit_z
            if back and abs(z[row - 1]) > settings.exit_z:
                z[row] = z[row - 1]
        return play(signals._replace(z=z), settings)

    patch.setattr(backtest, "pair_legs", knowing_legs)
    if how != "waits":
        patch.setattr(backtest, "simulate", vetoing)


@pytest.mark.parametrize("how", ["waits", "vetoes", "holds"])
@pytest.mark.parametrize("known", UNFIT)
def test_an_order_that_knows_the_bar_it_fills_in_is_found_in_every_market(
    known: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_in_fills(monkeypatch, UNFIT[known], how)
    params = replace(PAIR, limit=1_200)
    missed = [
        seed
        for seed, legs in enumerate(MARKETS)
        if not report(check_look_ahead(*legs, params, ORDERS)).changed
    ]
    assert not missed


@pytest.mark.parametrize("gaps", [0.0, 0.4])
@pytest.mark.parametrize(
    ("params", "rules"),
    [
        ({}, {}),
        ({"price_space": "log"}, {"hedge_mode": "kalman", "max_bars": 4}),
        ({"min_trades": 8}, {"hedge_mode": "in-sample", "sides": "long", "stop_z": None}),
        ({"min_trades": 20, "limit": 300}, {"exit_z": 1.2, "max_bars": 2}),
    ],
)
def test_no_honest_market_raises_the_alarm(
    gaps: float, params: dict[str, Any], rules: dict[str, Any]
) -> None:
    """Of the newest 300 bars that count a dead one at the end, scrambled, would be the 301st."""
    asked, ready = replace(PAIR, limit=1_200), 0
    for seed in range(12):
        legs = market(seed, gaps) if gaps else MARKETS[seed]
        found = check_look_ahead(*legs, replace(asked, **params), replace(ORDERS, **rules))
        if not isinstance(found, NotReady):
            ready += 1
            assert found.changed == 0
            assert len(found.cuts) <= 56
    assert ready == 12 or (gaps and params.get("min_trades"))


def test_a_leg_that_waits_alone_is_told_by_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The position is held already, by the other leg."""
    plant_in_fills(monkeypatch, lambda bars: (bars.volume < 3.0) & (bars.symbol == "X"), "waits")
    found = report(check_look_ahead(*MARKETS[0], replace(PAIR, limit=1_200), ORDERS))
    assert set(found.by_series) & {"entry_y", "entry_x"} == {"entry_x"}
    assert "entry_x" in found.text


@pytest.mark.parametrize("field", ["entry_y", "entry_x", "exit_y", "exit_x"])
def test_a_fill_at_the_best_price_of_its_bar_is_found_in_every_market(field: str) -> None:
    moment, leg = field.split("_")
    buys = (moment == "entry") == (leg == "y")

    def lucky(y: Bars, x: Bars, *rest: Any) -> BacktestResult | NotReady:
        result, bars = run_backtest(y, x, *rest), y if leg == "y" else x
        assert isinstance(result, BacktestResult)
        trades = []
        for trade in result.trades:
            row = np.searchsorted(bars.ts_ms, getattr(trade, f"{moment}_ts_ms"))
            best = (bars.low if (trade.side > 0) == buys else bars.high)[row]
            closed = moment == "entry" or trade.exit_reason != "open"
            trades.append(replace(trade, **{field: float(best)}) if closed else trade)
        return replace(result, trades=tuple(trades))

    for legs in MARKETS[:10]:
        found = report(check_look_ahead(*legs, replace(PAIR, limit=1_200), ORDERS, run=lucky))
        assert set(found.by_series) == {field}


#: Bars as no market here has one: a rule against them has never acted.
NEVER_SEEN: dict[str, Callable[[Bars], Any]] = {
    "no volume": lambda bars: bars.volume <= 0.0,
    "no trade": lambda bars: bars.trades < 1,
    "a crash": lambda bars: bars.close < 0.8 * bars.open,
    "a fall at once": lambda bars: bars.open < 0.8 * last_close(bars),
    "a volume above all": lambda bars: bars.volume > 1e4,
    "trades above all": lambda bars: bars.trades > 1_000,
    "a rally": lambda bars: bars.close > 1.2 * bars.open,
    "a spike": lambda bars: bars.high > 1.2 * np.maximum(bars.open, bars.close),
    "a VWAP above the open": lambda bars: bars.vwap > 1.2 * bars.open,
    "a rise at once": lambda bars: bars.open > 1.2 * last_close(bars),
}


@pytest.mark.parametrize("how", ["waits", "vetoes"])
@pytest.mark.parametrize("known", NEVER_SEEN)
def test_what_the_bar_of_the_fill_might_have_been_is_tried_up_and_down(
    known: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = replace(PAIR, limit=1_200)
    honest = run_backtest(*MARKETS[0], params, ORDERS)
    plant_in_fills(monkeypatch, NEVER_SEEN[known], how)
    planted = run_backtest(*MARKETS[0], params, ORDERS)
    assert isinstance(honest, BacktestResult)
    assert isinstance(planted, BacktestResult)
    assert planted.trades == honest.trades
    assert report(check_look_ahead(*MARKETS[0], params, ORDERS)).changed


Altered = Callable[[Trade, Bars, int], Trade]


def altering(alter: Altered, moment: str) -> Callable[..., BacktestResult | NotReady]:
    """The back-test, each trade of which knows Y's bar at its entry or its exit."""

    def run(y: Bars, x: Bars, *rest: Any) -> BacktestResult | NotReady:
        result = run_backtest(y, x, *rest)
        assert isinstance(result, BacktestResult)
        times = [getattr(trade, f"{moment}_ts_ms") for trade in result.trades]
        rows = np.searchsorted(y.ts_ms, times).tolist()
        trades = [alter(trade, y, at) for trade, at in zip(result.trades, rows, strict=True)]
        return replace(result, trades=tuple(trades))

    return run


@pytest.mark.parametrize("reason", ["target", "stop", "time"])
@pytest.mark.parametrize("max_bars", [None, 8])
def test_a_lucky_exit_of_one_reason_is_found_wherever_that_reason_occurs(
    max_bars: int | None, reason: str
) -> None:
    def lucky(trade: Trade, y: Bars, at: int) -> Trade:
        best = (y.high if trade.side > 0 else y.low)[at]
        return replace(trade, exit_y=float(best)) if trade.exit_reason == reason else trade

    params, rules = replace(PAIR, limit=1_200), replace(ORDERS, max_bars=max_bars)
    occurs = 0
    for legs in MARKETS:
        plain = run_backtest(*legs, params, rules)
        assert isinstance(plain, BacktestResult)
        found = report(check_look_ahead(*legs, params, rules, run=altering(lucky, "exit")))
        exits = sum(trade.exit_reason == reason for trade in plain.trades)
        assert bool(found.changed) == bool(exits)
        occurs += bool(exits)
    assert occurs >= 9 or (reason, max_bars) == ("time", None)


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("field", ["beta", "exposure"])
def test_a_hedge_or_an_exposure_by_the_bar_of_the_fill_is_found_in_every_market(
    field: str, space: str
) -> None:
    def knowing(trade: Trade, y: Bars, at: int) -> Trade:
        share = 1.0 + 1e-9 * (y.close[at] > y.open[at])
        return replace(trade, **{field: getattr(trade, field) * share})

    params = replace(PAIR, limit=1_200, price_space=space)
    for legs in MARKETS:
        found = report(check_look_ahead(*legs, params, ORDERS, run=altering(knowing, "entry")))
        assert set(found.by_series) == {field}


@pytest.mark.parametrize("space", ["price", "log"])
@pytest.mark.parametrize("known", ["close", "volume"])
def test_a_position_sized_by_the_bar_of_its_fill_is_found_in_every_market(
    known: str, space: str
) -> None:
    def sized(y: Bars, x: Bars, *rest: Any) -> BacktestResult | NotReady:
        result = run_backtest(y, x, *rest)
        assert isinstance(result, BacktestResult)
        size = np.ones(len(result.ts_ms))
        for trade in result.trades:
            at = int(np.searchsorted(y.ts_ms, trade.entry_ts_ms))
            rises = y.close[at] > y.open[at] if known == "close" else y.volume[at] > 5.0
            held = result.ts_ms >= trade.entry_ts_ms  # the next trade sets its own
            size[held] = 1.5 if rises else 1.0
        change = np.diff(result.equity, prepend=1.0) / np.r_[1.0, result.equity[:-1]]
        return replace(result, equity=np.cumprod(1.0 + size * change))

    params = replace(PAIR, limit=1_200, price_space=space)
    for legs in MARKETS:
        found = report(check_look_ahead(*legs, params, ORDERS, run=sized))
        assert set(found.by_series) == {"size"}


@pytest.mark.parametrize("mode", MODES)
def test_ruin_and_bars_without_a_price_raise_no_alarm(mode: str) -> None:
    """An account is closed at the ruin's own close; rows may begin with one that has no price."""
    ruined = unpriced = ended = 0
    for seed in range(40):
        legs = random_legs(np.random.default_rng(seed), 200, jumps=5)
        params = replace(PAIR, z_window=5, min_trades=3 * (seed % 2))
        rules = BacktestParams(entry_z=0.8, stop_z=None, hedge_window=10, hedge_mode=mode)
        result = run_backtest(*legs, params, rules)
        if isinstance(result, BacktestResult):
            lost = [one.exit_ts_ms for one in result.trades if one.exit_reason == "ruin"]
            ruined += bool(lost)
            if lost and seed % 3 == 0:  # where the data ends with it
                legs = [leg[: int(np.searchsorted(leg.ts_ms, lost[0], "right"))] for leg in legs]
            unpriced += result.rows_unpriced > 0
            found = check_look_ahead(*legs, params, rules)
            assert isinstance(found, NotReady) or found.changed == 0
            ended += bool(lost) and seed % 3 == 0 and not isinstance(found, NotReady)
    assert ended > 0
    assert min(ruined, unpriced) > 3


def test_a_first_row_without_a_price_raises_no_alarm() -> None:
    """It is the first of the newest rows that count all the same."""
    y, x = (bars[:300] for bars in market(1, 0.3))
    first = max(y.ts_ms[0], x.ts_ms[0])
    y, x = (bars[int(np.searchsorted(bars.ts_ms, first)) :] for bars in (y, x))
    opened = np.where(np.arange(len(y)) == 0, -1.0, y.open)
    trades = np.where(np.isin(np.arange(len(y)), (1, 2)), 0, 9)
    y, x = replace(y, open=opened, trades=trades), replace(x, trades=np.full(len(x), 9))
    params = replace(PAIR, min_trades=3, z_window=20)
    found = report(check_look_ahead(y, x, params, replace(ORDERS, hedge_window=40)))
    assert found.changed == 0


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
