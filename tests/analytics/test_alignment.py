"""The activity filter by turnover, against pandas, and everywhere where rows are chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.alignment import shared_times
from analytics.backtest import BacktestParams, run_backtest
from analytics.model import UNKNOWN_TRADES, Bars, PairParams, ParameterError
from analytics.pair import align, analyze_pair


def bars(symbol: str, seconds, close, volume, trades) -> Bars:
    close, volume = np.asarray(close, float), np.asarray(volume, float)
    prices, vwap = [close] * 4, close * 1.01
    return Bars(symbol, "1s", np.array(seconds) * 1_000, *prices, volume, trades, vwap)


def by_pandas(y: Bars, x: Bars, limit: int | None, min_trades: int, min_volume: float):
    """The rows as one would write them in a notebook: joined, carried, masked."""
    frames = []
    for bars_of_leg in (y, x):
        frame = pd.DataFrame(
            {name: getattr(bars_of_leg, name) for name in ("close", "volume", "trades", "vwap")},
            index=bars_of_leg.ts_ms,
        )
        counted = frame.trades.ne(UNKNOWN_TRADES)
        measured = counted | frame.volume.cumsum().gt(0)
        active = frame.trades.ge(min_trades) | ~counted
        active &= (frame.volume * frame.vwap).ge(min_volume) | ~measured
        frames.append(frame.assign(active=active)[["close", "active"]])
    both = frames[0].join(frames[1], how="outer", lsuffix="_y", rsuffix="_x").sort_index()
    closes = both[["close_y", "close_x"]].ffill()
    known = closes.notna().all(axis=1)
    active = both.active_y.eq(True) & both.active_x.eq(True)
    if not min_trades and not min_volume:
        active[:] = True
    closes, active = closes[known], active[known]
    kept = closes[active]
    if limit is not None and len(kept) > limit:
        view = closes[closes.index > kept.index[-limit - 1]]
        kept = kept.tail(limit)
    else:
        view = closes
    return kept, len(view) - len(kept)


leg = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.integers(1, 9),
        st.sampled_from([0.0, 0.0, 0.5, 2.0, 10.0]),
        st.sampled_from([0, 1, 3, UNKNOWN_TRADES, UNKNOWN_TRADES]),
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda bar: bar[0],
)


@settings(max_examples=150, deadline=None)
@given(
    leg,
    leg,
    st.sampled_from([None, 1, 4]),
    st.sampled_from([0, 2]),
    st.sampled_from([0.0, 4.0, 15.0]),
)
def test_the_rows_that_stay_are_those_that_pandas_keeps(y, x, limit, min_trades, min_volume):
    y, x = (
        bars(name, *(list(column) for column in zip(*sorted(rows), strict=True)))
        for name, rows in (("Y", y), ("X", x))
    )
    found = align(y, x, limit, min_trades, min_volume)
    kept, dropped = by_pandas(y, x, limit, min_trades, min_volume)
    assert found.ts_ms.tolist() == kept.index.tolist()
    assert (found.y.tolist(), found.x.tolist()) == (kept.close_y.tolist(), kept.close_x.tolist())
    assert found.dropped == dropped


def test_turnover_is_measured_in_quote_so_that_legs_of_any_unit_share_a_threshold():
    btc = bars("BTC", range(4), [100_000.0] * 4, [0.01, 0.001, 0.01, 0.01], [3] * 4)
    doge = bars("DOGE", range(4), [0.1] * 4, [9_000.0, 9_000.0, 900.0, 9_000.0], [3] * 4)
    rows = align(btc, doge, min_volume=500.0)
    assert (rows.ts_ms // 1_000).tolist() == [0, 3]
    assert rows.dropped == 2


def test_a_source_without_volume_loses_its_carried_rows_alone():
    y = bars("Y", range(4), [1, 2, 3, 4], [0.0] * 4, [UNKNOWN_TRADES] * 4)
    x = bars("X", [0, 1, 3], [1, 2, 4], [0.0] * 3, [UNKNOWN_TRADES] * 3)
    rows = align(y, x, min_volume=1e9)
    assert (rows.ts_ms // 1_000).tolist() == [0, 1, 3]
    assert rows.dropped == 1


def test_a_bar_without_volume_of_a_source_that_has_some_is_quiet():
    y = bars("Y", range(4), [1, 2, 3, 4], [5.0, 0.0, 5.0, 5.0], [UNKNOWN_TRADES] * 4)
    x = bars("X", range(4), [1, 2, 3, 4], [5.0, 5.0, 5.0, 0.0], [1, 1, 1, 0])
    assert (align(y, x, min_volume=0.1).ts_ms // 1_000).tolist() == [0, 2]


def long_legs() -> tuple[Bars, Bars]:
    rng = np.random.default_rng(7)
    x = 50.0 + rng.normal(0, 0.1, 500).cumsum()
    close = {"Y": 2.0 * x + rng.normal(0, 0.2, 500), "X": x}
    made = (
        bars(name, range(500), close[name], rng.gamma(1.0, 3.0, 500), rng.integers(1, 9, 500))
        for name in close
    )
    y, x = made
    return y, x


@pytest.mark.parametrize("filters", [{"min_volume": 60.0}, {"min_volume": 60.0, "min_trades": 3}])
def test_every_statistic_is_of_the_rows_that_stay_and_says_how_many_went(filters):
    y, x = long_legs()
    params = PairParams("Y", "X", z_window=20, limit=1_000, **filters)
    rows = align(y, x, **filters)
    assert 50 < len(rows) < 450
    stays = np.isin(y.ts_ms, rows.ts_ms)
    plain = analyze_pair(
        *(
            Bars(one.symbol, "1s", *(getattr(one, name)[stays] for name in Bars._dtypes))
            for one in (y, x)
        ),
        PairParams("Y", "X", z_window=20, limit=1_000),
    )
    made = analyze_pair(y, x, params)
    np.testing.assert_array_equal(made.z, plain.z)
    assert made.fit.beta == plain.fit.beta
    assert made.engle_granger.pvalue == plain.engle_granger.pvalue
    assert made.rows_dropped == 500 - len(rows)
    assert f"{500 - len(rows)} rows were dropped by the activity filter." in made.notes
    traded = run_backtest(y, x, params, BacktestParams(hedge_window=50))
    assert traded.rows_dropped == 500 - len(rows)
    assert traded.ts_ms[traded.counted].tolist() == rows.ts_ms.tolist()


@pytest.mark.parametrize("wrong", [-1, -0.5, 1.1e12, float("nan"), float("inf"), "5", True, None])
def test_a_least_turnover_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"min_volume is .*, expected a number from 0 to 1,000"):
        PairParams("Y", "X", min_volume=wrong)


def test_a_bar_without_a_vwap_stays_where_no_turnover_is_asked_for():
    volume = np.array([1.0, 0.0, 1.0])
    held = bars("Y", [0, 1, 2], [5.0] * 3, volume, [UNKNOWN_TRADES] * 3)
    y = Bars("Y", "1s", held.ts_ms, *[held.close] * 4, volume, held.trades, [5.0, np.nan, 5.0])
    x = bars("X", [0, 1, 2], [3.0] * 3, [9.0] * 3, [4, 4, 4])
    assert (len(align(y, x, None, 2)), align(y, x, None, 2).dropped) == (3, 0)
    assert align(y, x, None, 2, 1.0).ts_ms.tolist() == [0, 2_000]


def test_a_pair_says_which_bars_pass_the_filter_unmeasured():
    close = 100 + np.sin(np.arange(80.0) ** 2)
    known = bars("Y", range(80), close, np.full(80, 5.0), np.full(80, 3))
    other = 100 + np.cos(np.arange(80.0) ** 2)
    unknown = bars("X", range(80), other, np.zeros(80), np.full(80, UNKNOWN_TRADES))
    params = PairParams("Y", "X", min_volume=10.0, limit=60, z_window=20, corr_window=20)
    words = "X: the volume of 60 of 60 bars is not known, the activity filter lets them pass."
    notes = analyze_pair(known, unknown, params).notes
    assert words in notes
    assert not any(note.startswith("Y:") for note in notes)
    unfiltered = analyze_pair(known, unknown, PairParams("Y", "X", limit=60)).notes
    assert not any("not known" in note for note in unfiltered)


@pytest.mark.parametrize("name", ["y", "x"])
@pytest.mark.parametrize("times", [[2, 1, 3], [1, 1, 2], [1, 3, 3]])
def test_times_that_fall_or_repeat_have_no_shared_ones(name, times):
    good, bad = (
        bars(symbol, seconds, [1.0] * 3, [1.0] * 3, [1] * 3)
        for symbol, seconds in (("A", [1, 2, 3]), ("B", times))
    )
    legs = (bad, good) if name == "y" else (good, bad)
    with pytest.raises(ParameterError, match=rf"^{name}\.ts_ms is \(.*times that rise"):
        shared_times(*legs)
    empty = good[:0]
    with pytest.raises(ParameterError, match=rf"^{name}\.ts_ms is"):
        shared_times(*((bad, empty) if name == "y" else (empty, bad)))
