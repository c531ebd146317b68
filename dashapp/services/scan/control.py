"""Scans: asked once, computed in a process of their own, watched by any tab, kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analytics.scanner import ScanParams, ScanResult

ScanState = Literal["running", "done", "failed", "cancelled"]
#: A pair of symbols, y first.
Pair = tuple[str, str]


@dataclass(frozen=True)
class ScanRecord:
    """One scan of the history. new, left: confirmed pairs that the scan before had not, and
    those of it that this one has not. Times in epoch ms.
    """

    id: str
    market: str
    timeframe: str
    params: ScanParams
    started_ms: int
    took_ms: int
    from_ms: int
    split_ms: int
    until_ms: int
    tested: int
    confirmed: tuple[Pair, ...]
    new: tuple[Pair, ...]
    left: tuple[Pair, ...]


class ScanJob:
    """One scan. version goes up whenever there is something to show.

    step: what is being done, in words. progress: 0 to 1. error: what went wrong, as a sentence.
    notice: what the reader must know though it went on ("the worker died and was started
    again"). rescan: whether it is done again at each closed bar. from_ms, split_ms, until_ms:
    opening times of the first bar, of the first of the confirmation, and of the last bar; 0 until
    they are known. new, left: confirmed pairs that the last scan of these rules had not, and
    those of it that this one has not.
    """

    def __init__(
        self, id: str, market: str, timeframe: str, params: ScanParams, rescan: bool = False
    ) -> None:
        self.id = id
        self.market = market
        self.timeframe = timeframe
        self.params = params
        self.rescan = rescan
        self.state: ScanState = "running"
        self.step = "starting"
        self.progress = 0.0
        self.result: ScanResult | None = None
        self.error: str | None = None
        self.notice: str | None = None
        self.new: tuple[Pair, ...] = ()
        self.left: tuple[Pair, ...] = ()
        self.started_ms = 0
        self.took_ms = 0
        self.from_ms = 0
        self.split_ms = 0
        self.until_ms = 0
        self.version = 0


class Scans:
    """Every scan of the application."""

    def start(
        self, market: str, params: ScanParams, timeframe: str = "1h", *, rescan: bool = False
    ) -> ScanJob:
        """Begin a scan; the one of the market that runs already is returned if it asks the same,
        cancelled if it does not. Raises KeyError for an unknown market, ParameterError for a
        timeframe that it does not have.
        """
        raise NotImplementedError

    def job(self, id: str) -> ScanJob | None:
        """The scan of this id, None once it is forgotten."""
        raise NotImplementedError

    def newest(self, market: str) -> ScanJob | None:
        """The newest scan of a market that is done, also of an earlier run of the program."""
        raise NotImplementedError

    def running(self, market: str) -> ScanJob | None:
        """The scan of a market that runs now."""
        raise NotImplementedError

    def cancel(self, id: str) -> bool:
        """Stop a scan within a second; False where none of this id runs."""
        raise NotImplementedError

    def stop_rescanning(self, market: str) -> None:
        """Scan a market no more at each closed bar."""
        raise NotImplementedError

    def rescans(self, market: str) -> bool:
        """Whether a market is scanned again at each closed bar."""
        raise NotImplementedError

    def history(self, market: str) -> tuple[ScanRecord, ...]:
        """The scans of a market that are kept, the newest first."""
        raise NotImplementedError
