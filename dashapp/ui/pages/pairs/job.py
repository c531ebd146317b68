"""The scans of the runtime, as the page asks for them."""

from __future__ import annotations

from dashapp.services.runtime import Runtime
from dashapp.services.scan.control import ScanJob, Scans


def scans_of(runtime: Runtime) -> Scans | None:
    """Every scan of the application; None where there is no such service."""
    scans: Scans | None = getattr(runtime, "scans", None)
    return scans


def newest(runtime: Runtime, market_id: str | None) -> ScanJob | None:
    """The newest scan of a market that is done."""
    scans = scans_of(runtime)
    return None if scans is None or market_id is None else scans.newest(market_id)


def running(runtime: Runtime, market_id: str | None) -> ScanJob | None:
    """The scan of a market that runs now."""
    scans = scans_of(runtime)
    return None if scans is None or market_id is None else scans.running(market_id)
