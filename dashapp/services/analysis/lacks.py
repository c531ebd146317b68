"""Why a pair has no reading, in the words of its own page."""

from __future__ import annotations

import math

from analytics.model import Bars, NotReady, PairParams
from analytics.pair import analyze_pair
from dashapp.text.states import NO_Z


def why_no_reading(y: Bars, x: Bars, params: PairParams, what: str) -> NotReady:
    """Why a pair has no reading at the newest of these bars, which are those of its analysis.

    what: the reading, for one that is not there though the pair has a z-score. `have` is below
    `need` where more bars are what it takes.
    """
    read = analyze_pair(y, x, params)
    if isinstance(read, NotReady):
        return read
    words = f"no {what} at the newest bar" if math.isfinite(float(read.z[-1])) else NO_Z
    return NotReady(words, len(read), len(read))
