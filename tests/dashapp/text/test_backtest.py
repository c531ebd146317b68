"""The sentences on a back-test: what it paid, what it cost, whether that can be judged."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from analytics.backtest import BacktestFigures, BacktestParams, TrackRecord, run_backtest
from analytics.model import PairParams
from dashapp.text.answers import plain
from dashapp.text.backtest import _funding_rows, answer_of, backtest_answer, figure_rows
from dashapp.text.numbers import duration, utc_time
from tests.analytics.test_sweep import legs


def test_a_backtest_is_summed_up_with_its_costs():
    parts = backtest_answer(
        net=0.0123, sharpe=1.834, drawdown=-0.004, trades=12, cost_share=0.61, in_sample=True
    )
    assert plain(parts) == (
        "net +1.23 % · Sharpe 1.83 · max drawdown −0.40 % · 12 trades · "
        "costs took 61 % of gross · in-sample: the hedge knew the future"
    )
    assert parts[0][1] == "up"
    assert parts[4][1] == parts[5][1] == "warn"


def test_the_answer_of_a_backtest_names_the_break_even_z_and_warns_of_entries_within():
    known = {"net": 0.01, "sharpe": 1.0, "drawdown": -0.01, "trades": 9, "entry": 2.0}
    assert backtest_answer(**known, break_even=1.14)[-1] == ("needs |z| > 1.1 to pay costs", "")
    within = backtest_answer(**known, break_even=2.31)[-1]
    assert within == ("needs |z| > 2.3 to pay costs: entries do not pay", "warn")
    assert "needs" not in plain(backtest_answer(**known, break_even=math.nan))
    exactly = backtest_answer(**known, break_even=2.0)[-1]
    assert exactly == ("needs |z| > 2.0 to pay costs: entries do not pay", "warn"), (
        "they earn their cost"
    )
    just_under = backtest_answer(**known, break_even=1.999)[-1]
    assert just_under == ("needs |z| > 1.999 to pay costs", "")


def test_a_sharpe_is_annualised_from_the_time_of_its_returns():
    """A gap of hours before the first z-score is none of it."""
    pair = [replace(leg, ts_ms=leg.ts_ms + 7_200_000 * (np.arange(400) >= 90)) for leg in legs()]
    params = PairParams("Y", "X", "1m", z_window=30)
    result = run_backtest(*pair, params, BacktestParams(hedge_window=80))
    assert f"(annualised from {duration(60_000 * result.record.bars)})" in plain(answer_of(result))


def test_who_lost_everything_is_told_when_and_what_the_sharpe_is_of():
    """Y quadruples while it is held short."""
    y, x = legs()
    params, rules = PairParams("Y", "X", "1m", z_window=30), BacktestParams(hedge_window=80)
    held = next(one for one in run_backtest(y, x, params, rules).trades if one.side < 0)
    high = np.where(y.ts_ms > held.entry_ts_ms, 4.0, 1.0)
    names = ("open", "high", "low", "close", "vwap")
    risen = replace(y, **{name: high * getattr(y, name) for name in names})
    result = run_backtest(risen, x, params, rules)
    lost = utc_time(held.entry_ts_ms + 60_000)
    assert answer_of(result)[0] == (f"lost everything at {lost} UTC, traded no more", "down")
    assert f"(annualised from {duration(60_000 * result.record.bars)})" in plain(answer_of(result))


def test_a_sharpe_below_the_minimum_track_record_is_muted_and_not_judged_by():
    parts = backtest_answer(
        net=-0.0123,
        sharpe=-1_080.4,
        drawdown=-0.02,
        trades=12,
        cost_share=20.6,
        span_ms=360_000,
        record=TrackRecord(360, -1_080.4, 911.0, 0.12, 695.0),
    )
    assert parts == [
        ("net −1.23 %", "down"),
        ("max drawdown −2.00 %", ""),
        ("12 trades", ""),
        ("Sharpe −1,080 ± 911 (annualised from 6.0 min)", "muted"),
        ("too short to judge", "warn"),
        ("costs exceed the gross profit", "warn"),
    ]


def test_a_sharpe_of_few_trades_is_not_judged_by_either():
    few = {"net": 0.01, "sharpe": 2.5, "drawdown": -0.02, "trades": 4, "span_ms": 5 * 86_400_000}
    parts = backtest_answer(**few)
    assert ("Sharpe 2.50 (annualised from 5.0 d)", "muted") in parts
    assert ("too few trades to judge", "warn") in parts
    enough = backtest_answer(**{**few, "trades": 5})
    assert enough[1] == ("Sharpe 2.50", "")
    assert not any("judge" in text for text, _ in enough)


def test_costs_of_a_gross_loss_have_no_share():
    parts = backtest_answer(
        net=-0.02, sharpe=-1.0, drawdown=-0.03, trades=9, cost_share=float("nan")
    )
    assert "cost" not in plain(parts)


def test_a_backtest_without_a_trade_says_so():
    none = {"net": 0.0, "sharpe": float("nan"), "drawdown": 0.0, "trades": 0, "entry": 4.5}
    parts = backtest_answer(**none, reached=3.2)
    assert parts == [("no trade: |z| reached 3.20, the entry is 4.5", "muted")]
    parts = backtest_answer(**none, reached=4.5)
    assert parts == [("no trade: no order to enter was filled", "muted")]
    rules = BacktestParams(entry_z=5.0, stop_z=None, hedge_window=80)
    result = run_backtest(*legs(), PairParams("Y", "X", "1m", z_window=60), rules)
    reached = np.floor(100 * np.nanmax(np.abs(result.z))) / 100
    assert answer_of(result) == [(f"no trade: |z| reached {reached:.2f}, the entry is 5", "muted")]


def test_a_track_record_that_is_long_enough_is_judged_however_short_it_is():
    record = TrackRecord(400, 523.0, 41.0, 1.0, 60.0)
    parts = backtest_answer(
        net=0.01, sharpe=523.0, drawdown=-0.001, trades=12, span_ms=400_000, record=record
    )
    assert parts[1] == ("Sharpe 523 ± 41", "")
    assert not any("judge" in words for words, _ in parts)


def rows_of(**changes) -> dict[str, tuple[str, str, str]]:
    """The rows of a back-test of which these attributes are known."""
    figures = BacktestFigures(
        **{
            **dict.fromkeys(field.name for field in fields(BacktestFigures)),
            **dict.fromkeys(
                ("net_return", "gross_return", "sharpe", "sortino", "max_drawdown", "turnover"),
                0.01,
            ),
            **dict.fromkeys(("hit_rate", "exposure", "cost_share", "average_holding_bars"), 0.5),
            "profit_factor": math.inf,
            "trades": 6,
            "fills_waited": 0,
            "average_wait_bars": math.nan,
            "gap_exits": 0,
            **changes.pop("figures", {}),
        }
    )
    known = {
        "params": PairParams("A", "B"),
        "settings": BacktestParams(),
        "ts_ms": 1_000 * np.arange(100),
        "figures": figures,
        "record": None,
        "rows_dropped": 0,
        "rows_carried": 0,
        "equity": np.ones(100),
        "break_even_z": np.array([1.2]),
        "break_even_realised": np.array([np.nan]),
        "captured": math.nan,
        "trades": (),
        "label": "rolling hedge",
        "in_sample": False,
    }
    return {row[0]: row[1:] for row in figure_rows(SimpleNamespace(**{**known, **changes}))}


def test_the_sharpe_stands_with_its_error_its_probability_and_its_record():
    rows = rows_of(record=TrackRecord(100, 0.01, 0.4, 0.51, 4_000.2))
    assert rows["Sharpe"][0] == "0.01 ± 0.40"
    assert rows["P(true Sharpe > 0)"] == ("51.0 %", "PSR", "muted")
    short = "too short to judge: 4,001 would tell the Sharpe ratio from 0 at 95 %"
    assert rows["Track record"] == ("100 bars", short, "warn")
    firm = rows_of(record=TrackRecord(100, 9.0, 0.4, 0.99, 60.0))
    assert firm["Track record"] == ("100 bars", "60 tell the Sharpe ratio from 0 at 95 %", "muted")
    endless = rows_of(record=TrackRecord(100, 0.0, 0.4, 0.5, math.inf))
    assert endless["Track record"] == ("100 bars", "too short to judge", "warn")
    assert "Track record" not in rows_of()


def test_an_average_holding_says_that_it_counts_all_bars_where_a_leg_did_not_trade_in_some():
    assert rows_of()["Average holding"][1] == ""
    assert rows_of(rows_carried=3)["Average holding"][1] == "of all bars, as a time stop counts"


def test_a_profit_factor_without_a_loss_is_infinite():
    assert rows_of()["Profit factor"] == ("∞", "no loss", "muted")
    assert rows_of(figures={"profit_factor": 1.5})["Profit factor"][0] == "1.50"


def test_an_open_trade_is_in_the_net_return_and_said_to_be_left_out_of_the_rest():
    known = {"net": 0.0012, "sharpe": 1.0, "drawdown": -0.01}
    assert ("9 trades and one open", "") in backtest_answer(**known, trades=9, opened=True)
    alone = backtest_answer(**known, trades=0, opened=True)
    assert alone == [("no closed trade, one open: net +0.12 % as it stands", "muted")]
    trades = tuple(SimpleNamespace(exit_reason=reason, beta=1.0) for reason in ("stop", "open"))
    rows = rows_of(trades=trades)
    assert rows["Hit rate"][1] == "of 6 closed trades, one open left out"
    assert rows["Profit factor"][1] == "no loss, of closed trades"
    rows = rows_of(trades=trades[:1])
    assert rows["Hit rate"][1] == "of 6 closed trades"
    assert rows["Profit factor"][1] == "no loss"


def test_the_head_warns_where_trades_held_both_legs_on_one_side():
    result = run_backtest(*legs(1_500), PairParams("Y", "X", "1m", limit=1_500), BacktestParams())
    assert result.trades
    assert "β" not in plain(answer_of(result))
    against = [replace(trade, beta=-0.5) for trade in result.trades[:2]]
    turned = replace(result, trades=(*against, *result.trades[2:]))
    words = f"β < 0: the legs move against each other in 2 of {len(result.trades)} trades"
    assert answer_of(turned)[-1] == (words, "warn")


def test_a_long_record_of_few_trades_is_not_said_to_suffice():
    record = TrackRecord(100, 9.0, 0.4, 0.99, 60.0)
    few = rows_of(figures={"trades": 4}, record=record)["Track record"]
    assert few == ("100 bars", "too few trades to judge: 4 trades, 5 at least", "warn")


def test_the_realised_break_even_stands_beside_the_theoretical_one():
    assert "Break-even |z|, realised" not in rows_of()
    trades = [
        SimpleNamespace(exit_reason=reason, gross=gross, cost=4e-4, net=gross - 4e-4, beta=1.0)
        for reason, gross in (("target", 7e-4), ("stop", -3e-4), ("target", 2e-4))
    ]
    rows = rows_of(captured=0.3, break_even_realised=np.array([4.0]), trades=trades)
    assert rows["Break-even |z|"] == ("1.2", "if z came all the way back", "muted")
    told = "at the σ of now: 2 targets captured 30 % of the way, 4.5 bps each against costs of 4.0"
    assert rows["Break-even |z|, realised"] == ("4.0", told, "warn")
    near = {"captured": 0.3, "break_even_realised": np.array([1.9])}
    assert rows_of(**near, trades=trades)["Break-even |z|, realised"][2] == "muted"
    lose = rows_of(**near, trades=trades[2:])["Break-even |z|, realised"]
    assert lose[2] == "warn", "below the entry, and the targets lose all the same"
    lost = rows_of(captured=-0.05, trades=trades)["Break-even |z|, realised"]
    assert lost == ("–", "none: what reached its target lost before costs", "warn")


@pytest.mark.parametrize(
    ("captured", "gross", "realised", "words", "tone"),
    [
        (math.nan, 0.0, math.nan, "needs |z| > 1.2 to pay costs", ""),
        (-0.1, -1e-4, math.nan, "what reached its target lost before costs", "warn"),
        (0.3, 3e-4, 1.5, "targets earned 3.0 bps against costs of 4.0: entries do not pay", "warn"),
        (0.3, 5e-4, 1.5, "needs |z| > 1.5 to pay costs, by what targets captured", ""),
        (
            *(0.3, 5e-4, 2.0),
            "needs |z| > 2.0 to pay costs, by what targets captured: "
            "entries do not pay at the σ of now",
            "warn",
        ),
    ],
)
def test_the_head_names_the_break_even_that_targets_realised(
    captured, gross, realised, words, tone
):
    """As its row does, so that it does not say that entries pay beside targets that lost."""
    pair = legs()
    params, rules = PairParams("Y", "X", "1m", z_window=30), BacktestParams(hedge_window=80)
    made = run_backtest(*pair, params, rules)
    trades = [replace(trade, gross=gross, cost=4e-4) for trade in made.trades]
    assert any(trade.exit_reason == "target" for trade in trades)
    theory = realised * captured if math.isfinite(realised) else 1.2
    result = replace(
        made, trades=tuple(trades), captured=captured, break_even_z=np.full(len(made.z), theory)
    )
    assert [segment for segment in answer_of(result) if segment == (words, tone)]
    row = {row[0]: row for row in figure_rows(result)}.get("Break-even |z|, realised")
    assert (row is None) == math.isnan(captured)
    assert row is None or (row[3] == "warn") == (tone == "warn")


def test_the_costs_of_an_account_that_is_gone_are_those_of_its_turnover():
    """Net less gross is next to nothing where both are all that there was."""
    figures = {"net_return": -1.001, "gross_return": -1.0005, "turnover": 25.0}
    kept = rows_of(figures=figures)["Costs"]
    assert kept[0] == "−0.05 %"
    gone = rows_of(figures=figures, equity=np.array([1.0, -0.001]), ts_ms=np.arange(2) * 1_000)
    assert gone["Costs"][:2] == ("−0.50 %", "of the equity at each entry, which is lost")


def test_fills_that_waited_and_positions_closed_before_gaps_are_said():
    quiet = rows_of()
    assert not {"Fills that waited", "Closed before gaps"} & set(quiet)
    figures = {"fills_waited": 7, "average_wait_bars": 2.4, "gap_exits": 1}
    rows = rows_of(figures=figures)
    assert rows["Fills that waited"][:2] == ("7", "2.4 bars on average, until the leg traded")
    assert rows["Closed before gaps"][0] == "1 trade"


def test_funding_stands_among_the_figures_where_the_market_has_it():
    result = SimpleNamespace(
        params=PairParams("A", "B"),
        trades=[
            SimpleNamespace(
                side=1, entry_ts_ms=0, exit_ts_ms=86_400_000, entry_y=10.0, entry_x=10.0, beta=1.0
            )
        ],
    )
    ((label, value, words, tone),) = _funding_rows(result, (0.04, 0.02))
    assert (label, value, tone) == ("Funding", "−1.00 %", "warn")
    assert "not in the equity" in words
    assert words.startswith("paid, ")
    received = _funding_rows(result, (0.02, 0.04))[0]
    assert received[1::2] == ("+1.00 %", "muted")
    assert received[2].startswith("received, ")
    assert _funding_rows(result, (0.02, 0.02))[0][2].startswith("of the gross exposure")
    assert _funding_rows(result, None) == []
