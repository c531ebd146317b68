"""Why a pair has no reading, in the words of its own page."""

from __future__ import annotations

import math

from analytics.alerts import METRICS
from analytics.model import Bars, NotReady, PairParams
from analytics.readings import newest_counted, pair_readings, why_no_z


def why_no_reading(y: Bars, x: Bars, params: PairParams, metric: str) -> NotReady | None:
    """Why a metric of a pair has no reading at the newest of these bars that counts.

    The bars are those of its analysis. None where it has one. `have` is below `need` where more
    bars are what it takes.
    """
    lack = why_no_z(y, x, params)
    if metric == "z":
        return lack
    newest = newest_counted(y, x, params)
    if newest is None:
        return lack
    if math.isfinite(pair_readings(y, x, params, (metric,), [newest])[metric][0]):
        return None
    return lack or NotReady(f"no {METRICS[metric].label} at the newest bar", 0, 0)
