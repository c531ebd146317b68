"""The results of walking forward, explained and public in `analytics.walkforward`."""

from __future__ import annotations

from dataclasses import dataclass

from analytics._backtest_types import TrackRecord
from analytics._cross_validation import BlockSums, PboResult
from analytics.grid import Grid
from analytics.model import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Fold:
    """One choice and what came of it. Times are of bars, the last ones included.

    x_value, y_value: the chosen cell, None where none closed a trade on the training bars;
    nothing is traded then. trained: the metric on the training bars. tested: on the bars that
    followed. net: return of the test bars after costs. trained_error, tested_error: standard
    errors of Sharpe ratios, NaN of another metric.
    """

    train_from_ms: int
    train_to_ms: int
    test_from_ms: int
    test_to_ms: int
    x_value: float | None
    y_value: float | None
    trained: float
    tested: float
    net: float
    trained_error: float = float("nan")
    tested_error: float = float("nan")


@dataclass(frozen=True)
class Curve:
    """An equity curve that begins at 1.0, shape (n,), with its figures after costs.

    max_drawdown: NaN where nothing was traded. record: what its Sharpe ratio can be trusted.
    deflated_sharpe: probability that its true Sharpe ratio is above 0 after `WalkForward.trials`
    trials, 0 to 1; NaN where it has no Sharpe ratio.
    """

    equity: FloatArray
    net_return: float
    sharpe: float
    max_drawdown: float
    record: TrackRecord | None = None
    deflated_sharpe: float = float("nan")


@dataclass(frozen=True, eq=False)
class WalkForward:
    """What walking forward earned, on the bars ts_ms from the first test stretch on.

    metric: the measure by which each cell was chosen, that of the in-sample curve too.
    hindsight: values of x and y of the in-sample curve's cell, None where none has a figure.
    trials: cells that were tried, the same in every fold. trial_variance: variance of their
    Sharpe ratios a bar on ts_ms, 0 for one that did not trade. blocks: the net returns a bar of
    the cells on ts_ms, by blocks of them.
    """

    grid: Grid
    metric: str
    train_bars: int
    test_bars: int
    ts_ms: IntArray
    out_of_sample: Curve
    in_sample: Curve
    hindsight: tuple[float, float] | None
    folds: tuple[Fold, ...]
    trials: int = 0
    trial_variance: float = float("nan")
    blocks: BlockSums | None = None

    def overfitting(self, n_splits: int = 16) -> PboResult | None:
        """Probability that choosing the cell with the best Sharpe ratio a bar overfits on ts_ms.

        As `SweepResult.overfitting`, whatever metric the cells were chosen by.
        """
        return None if self.blocks is None else self.blocks.overfitting(n_splits)
