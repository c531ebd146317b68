"""Why a pair has no z-score at its newest row, from the rows in which both legs traded."""

from __future__ import annotations

import numpy as np

from analytics._known_lines import bar_lines, rests_on
from analytics._one_line import why_no_spread
from analytics._pair_parts import TradedRows, only_rounding
from analytics.model import NotReady, PairParams

#: Why there is none of a spread that stands still.
STILL_SPREAD = "the spread does not move within its window"


def no_score(rows: TradedRows, params: PairParams) -> NotReady:
    """Why the newest of the rows has no z-score, of a view that holds enough rows.

    `have` of the answer is below `need` where more rows are what it takes.
    """
    stop, window = len(rows), params.z_window
    have = stop - rows.first
    part = slice(int(rests_on(rows, params, stop)[-1]), stop)
    if only_rounding(rows, part, params):
        prices = rows.price_y[part], rows.price_x[part]
        return NotReady(why_no_spread(prices, rows.log), have, have)
    if params.spread_mode in ("rolling", "kalman"):
        beta, _ = bar_lines(rows, params, max(stop - window, 0), stop, alone=True)
        known = int(np.isfinite(beta).sum())
        if known < window:
            words = f"the z-score takes {window:,} bars with a hedge ratio, has {known:,}"
            return NotReady(words, known, window)
    return NotReady(STILL_SPREAD, have, have)
