"""The sentences on a back-test: what it paid, what it cost, whether that can be judged."""

from __future__ import annotations

import math

from dashapp.text.answers import plain
from dashapp.text.backtest import backtest_answer


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
    assert backtest_answer(**known, break_even=1.14)[-1] == ("break-even |z| 1.1", "")
    within = backtest_answer(**known, break_even=2.31)[-1]
    assert within == ("break-even |z| 2.3: entries do not pay", "warn")
    assert "break-even" not in plain(backtest_answer(**known, break_even=math.nan))
    exactly = backtest_answer(**known, break_even=2.0)[-1]
    assert exactly == ("break-even |z| 2.0: entries do not pay", "warn"), "they earn their cost"
    just_under = backtest_answer(**known, break_even=1.999)[-1]
    assert just_under == ("break-even |z| 2.0", "")


def test_a_sharpe_of_minutes_is_muted_and_not_judged_by():
    parts = backtest_answer(
        net=-0.0123, sharpe=-1_080.4, drawdown=-0.02, trades=12, cost_share=20.6, span_ms=360_000
    )
    assert parts == [
        ("net −1.23 %", "down"),
        ("max drawdown −2.00 %", ""),
        ("12 trades", ""),
        ("Sharpe −1,080 (annualised from 6.0 min)", "muted"),
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
    parts = backtest_answer(net=0.0, sharpe=float("nan"), drawdown=0.0, trades=0)
    assert parts == [("no closed trade: |z| never made the round from entry to exit", "muted")]
