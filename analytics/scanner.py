"""Every pair of a universe, tested honestly: false ones bounded, survivors confirmed.

A scan forms its choice on the first two thirds of the rows and confirms it on the last third,
which the choice never saw. Of m independent pairs 5 % have p < 0.05, so p-values are adjusted for
the number of tests before anything is looked at.

Sources: Engle and Granger (1987), Econometrica 55(2); Benjamini and Yekutieli (2001), Annals of
Statistics 29(4); Sarmento and Horta (2020), Expert Systems with Applications 158.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analytics._scan_types import CANDIDATES as CANDIDATES
from analytics._scan_types import VERDICTS as VERDICTS
from analytics._scan_types import ScanParams as ScanParams
from analytics._scan_types import ScanResult as ScanResult
from analytics._scan_types import ScanRow as ScanRow
from analytics._scan_types import ScanRows as ScanRows
from analytics._scan_types import Stretch as Stretch
from analytics._scan_types import SymbolLeft as SymbolLeft


def scan_pairs(
    closes: Any,
    *,
    names: Sequence[str],
    params: ScanParams | None = None,
    turnover: Any = None,
    funding: Any = None,
) -> ScanResult:
    """Test every pair of a universe. closes: shape (n, m), NaN where a symbol did not trade."""
    raise NotImplementedError


def detectable_half_life(n: int, m: int, correction: str = "by", q: float = 0.05) -> float:
    """Half-life in bars up to which a relation is found in 80 % of cases."""
    raise NotImplementedError
