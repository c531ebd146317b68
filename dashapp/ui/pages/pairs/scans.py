"""The scan of a tab's market, and its rows as the table shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from analytics.carry import pair_carry
from analytics.model import PairParams
from analytics.scanner import ScanRow
from dashapp.services.alerts.closed_bars import closed_until_ms
from dashapp.services.analysis.cache import legs
from dashapp.services.funding import funding_of
from dashapp.services.runtime import Runtime
from dashapp.services.scan.control import ScanJob
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.services.watchlist.readings import Job, Read, known
from dashapp.text.scan import confirmed_words, drift_words, step_ms
from dashapp.ui.pages.pairs.watch import href_of
from storage.market.market import Market

#: Rows that the table takes at most; an export has all of them.
MOST_ROWS = 1_000
#: Survivors whose z now is read at most.
MOST_READ = 100
THRESHOLD = 2.0
#: z windows of a pair that opens from a scan: so many half-lives, within these bars.
_Z_HALF_LIVES, _Z_WINDOWS = 4, (60, 500)


def universe_of(runtime: Runtime, market_id: str | None) -> str | None:
    """The market that is scanned when a tab has chosen none: the one in view if it is a universe or
    of a file, which has no universe beside it; else a universe that there is, else the one in view.
    """
    market = runtime.markets.get(market_id or "")
    if market is not None and market.kind in ("universe", "upload"):
        return market.id
    universes = [each.id for each in runtime.markets.values() if each.kind == "universe"]
    live = market is not None and market.kind == "live"
    chosen = [name for name in universes if not (live and runtime.markets[name].simulated)]
    return chosen[0] if chosen else market_id


def params_of(row: ScanRow, timeframe: str) -> PairParams:
    """A pair of a scan as its own page opens it: with the relation of the formation locked."""
    low, high = _Z_WINDOWS
    window = low
    if math.isfinite(row.half_life):
        window = min(max(math.ceil(_Z_HALF_LIVES * row.half_life), low), high)
    return PairParams(
        row.y,
        row.x,
        timeframe=timeframe,
        price_space="log",
        spread_mode="locked",
        beta=row.beta,
        alpha=row.alpha if math.isfinite(row.alpha) else 0.0,
        z_window=window,
    )


def listed(job: ScanJob, every: bool) -> Sequence[ScanRow]:
    """The rows that a table shows, the best first: survivors, or of all as many as it takes."""
    if job.result is None:
        return ()
    rows = job.result.rows
    return rows[: MOST_ROWS if every else min(rows.survivors, MOST_ROWS)]


def reading_jobs(market: Market, job: ScanJob) -> list[Job]:
    """What is to be read of the survivors: z at their newest bars, and their break-even."""
    jobs = []
    for at, row in enumerate(listed(job, every=False)[:MOST_READ]):
        if not {row.y, row.x} <= set(market.symbols) or job.timeframe not in market.timeframes:
            continue
        params = params_of(row, job.timeframe)
        y, x = legs(market, params)
        if len(y) and len(x):
            closed_ms = closed_until_ms(market, (row.y, row.x), job.timeframe)
            funding = funding_of(market, row.y, row.x)
            jobs.append(Job(str(at), params, y, x, closed_ms, None, due=True, funding=funding))
    return jobs


def table_rows(
    runtime: Runtime, job: ScanJob, every: bool, read: Mapping[str, Read]
) -> list[dict[str, Any]]:
    """The rows of the table. read: of survivors, by their place."""
    market = runtime.markets.get(job.market)
    new = set(job.new)
    armed = {
        (rule.params.y, rule.params.x)
        for rule in runtime.alerts.rules
        if rule.params is not None and rule.enabled and rule.market == job.market
    }
    told = []
    for at, row in enumerate(listed(job, every)):
        shown = scan_row(row, job.timeframe, at)
        shown["new"] = (row.y, row.x) in new
        shown["funding"] = _funding_bps(market, row)
        shown |= _now(read.get(str(at)))
        pair = WatchedPair(job.market, params_of(row, job.timeframe), THRESHOLD)
        shown["href"] = href_of(pair.market, pair.params, pair.threshold)
        watched = runtime.watchlist.find(pair.market, pair.params) is not None
        marks = (("watched", watched), ("armed", (row.y, row.x) in armed))
        shown["mine"] = " · ".join(words for words, holds in marks if holds)
        told.append(shown)
    return told


def scan_row(row: ScanRow, timeframe: str, at: int) -> dict[str, Any]:
    """What the scan itself knows of a pair, as the table's fields."""
    half_life = known(row.half_life, 1)
    return {
        "id": str(at),
        "pair": f"{row.y} / {row.x}",
        "y": row.y,
        "x": row.x,
        "verdict": row.verdict,
        "adjusted": row.adjusted if math.isfinite(row.adjusted) else None,
        "half_life": half_life,
        "half_life_ms": None if half_life is None else round(half_life * step_ms(row, timeframe)),
        "beta": known(row.beta, 4),
        "drift": known(100.0 * drift_words(row), 1),
        "correlation": known(row.correlation, 2),
        "net_bps": known(row.confirm_net_bps, 1),
        "confirmed": confirmed_words(row),
        "carried": known(100.0 * (1.0 - row.traded_share), 1),
    }


def _now(read: Read | None) -> dict[str, Any]:
    """z at the newest bar, its line, and how far |z| is beyond break-even."""
    if read is None:
        return {"z": None, "line": [], "room": None}
    even = getattr(read.slow, "break_even", math.nan)
    return {
        "z": known(read.z, 2),
        "line": [known(value, 2) for value in read.line],
        "room": known(abs(read.z) - even, 2),
    }


def _funding_bps(market: Market | None, row: ScanRow) -> float | None:
    """What holding one of Y against beta of X costs a day, in bps of the gross exposure."""
    rates = funding_of(market, row.y, row.x)
    if rates is None or not math.isfinite(row.beta):
        return None
    carry = pair_carry(1.0, 1.0, row.beta, *rates, price_space="log")
    return known(1e4 * carry.long_per_day, 2)
