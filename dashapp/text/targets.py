"""What the targets of a back-test captured, and from which |z| a round trip pays by that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from analytics.backtest import BacktestResult
from dashapp.text.numbers import NONE, counted, number, pct
from dashapp.text.pair import Segment, newest
from dashapp.text.tests import Row

REALISED = "Break-even |z|, realised"
LOST = "what reached its target lost before costs"


@dataclass(frozen=True, slots=True)
class Targets:
    """The trades of a back-test that reached their target.

    captured: share of |z| sigma that they earned before costs. gross, cost: of one, on average, as
    a share of its gross exposure. z: |z| from which a round trip pays if it captures as much, at
    the σ of now; NaN where they lost before costs.
    """

    count: int
    captured: float
    gross: float
    cost: float
    z: float


def targets_of(result: BacktestResult) -> Targets | None:
    """What the targets of a back-test captured; None where none was reached."""
    reached = [trade for trade in result.trades if trade.exit_reason == "target"]
    if not reached or not math.isfinite(result.captured):
        return None
    return Targets(
        len(reached),
        result.captured,
        fmean(trade.gross for trade in reached),
        fmean(trade.cost for trade in reached),
        newest(result.break_even_realised),
    )


def pay_segments(theory: float, entry: float, targets: Targets | None = None) -> list[Segment]:
    """From which |z| a round trip pays, for the head of the page; none where it is not known.

    By what the targets captured, or by a full way back where none was reached. theory: |z| of a
    full way back, at the newest bar; NaN if not known. entry: |z| at which trades are entered.

    >>> pay_segments(0.9, 2.0)
    [('needs |z| > 0.9 to pay costs', '')]
    >>> pay_segments(0.9, 2.0, Targets(9, 0.3, 5e-4, 4e-4, 3.0))[0][0]
    'needs |z| > 3.0 to pay costs, by what targets captured: entries do not pay at the σ of now'
    >>> pay_segments(0.9, 2.0, Targets(9, 0.3, 3e-4, 4e-4, 1.9))
    [('targets earned 3.0 bps against costs of 4.0: entries do not pay', 'warn')]
    """
    if not math.isfinite(theory):
        return []
    if targets is None:
        level, _ = _apart(theory, entry)
        words, under = f"needs |z| > {level} to pay costs", theory >= entry
        return [(f"{words}: entries do not pay", "warn") if under else (words, "")]
    if not targets.captured > 0.0:
        return [(LOST, "warn")]
    if not targets.gross > targets.cost:
        return [(f"targets earned {_bps(targets)}: entries do not pay", "warn")]
    level, _ = _apart(targets.z, entry)
    words = f"needs |z| > {level} to pay costs, by what targets captured"
    if targets.z < entry:
        return [(words, "")]
    return [(f"{words}: entries do not pay at the σ of now", "warn")]


def break_even_rows(result: BacktestResult) -> list[Row]:
    """|z| from which a round trip pays: by a full way back, and by what targets captured."""
    theory = newest(result.break_even_z)
    if not math.isfinite(theory):
        return []
    rows = [("Break-even |z|", number(theory, 1), "if z came all the way back", "muted")]
    targets = targets_of(result)
    if targets is None:
        return rows
    if not targets.captured > 0.0:
        return [*rows, (REALISED, NONE, f"none: {LOST}", "warn")]
    words = (
        f"at the σ of now: {counted(targets.count, 'target')} captured "
        f"{pct(targets.captured, 0, signed=False)} of the way, {_bps(targets, each=' each')}"
    )
    pays = targets.z < result.settings.entry_z and targets.gross > targets.cost
    return [*rows, (REALISED, number(targets.z, 1), words, "muted" if pays else "warn")]


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with one decimal, or as many as it takes to tell them apart, four at most.

    >>> _apart(2.96, 3.0), _apart(1.2, 3.0)
    (('2.96', '3.00'), ('1.2', '3.0'))
    """
    digits = next((k for k in range(1, 4) if round(one, k) != round(other, k)), 4)
    if one == other:
        digits = 1
    return number(one, digits), number(other, digits)


def _bps(targets: Targets, each: str = "") -> str:
    """What one earned before costs, beside what it cost."""
    gross, cost = _apart(targets.gross * 1e4, targets.cost * 1e4)
    return f"{gross} bps{each} against costs of {cost}"
