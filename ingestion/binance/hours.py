"""Hours of contracts that do not trade round the clock: metals and equities. Sans-I/O.

`tradingSchedule` tells a week of sessions of each kind of underlying. Outside them nothing
trades, and nothing is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ingestion.binance.wire import Venue

CONTRACT = "TRADIFI_PERPETUAL"
WEIGHT = 5
_NO_TRADING = "NO_TRADING"


@dataclass(frozen=True)
class Session:
    """From start_ms to end_ms, epoch ms; trades: whether anything trades in it."""

    start_ms: int
    end_ms: int
    trades: bool


class Hours:
    """Sessions by the kind of underlying, as EQUITY and COMMODITY.

    >>> hours = Hours({"EQUITY": [Session(0, 100, False), Session(100, 200, True)]})
    >>> hours.closed("EQUITY", 50), hours.closed("EQUITY", 150), hours.opens_ms("EQUITY", 50)
    (True, False, 100)
    """

    def __init__(self, sessions: dict[str, list[Session]] | None = None) -> None:
        self._sessions = {
            kind: sorted(each, key=lambda one: one.start_ms)
            for kind, each in (sessions or {}).items()
        }

    def closed(self, kind: str, now_ms: int) -> bool:
        """Whether nothing trades of this kind now; False where its hours are not known."""
        sessions = self._sessions.get(kind, [])
        if not sessions or not sessions[0].start_ms <= now_ms < sessions[-1].end_ms:
            return False
        return not any(one.trades and one.start_ms <= now_ms < one.end_ms for one in sessions)

    def opens_ms(self, kind: str, now_ms: int) -> int | None:
        """When it trades again; None where that is not known."""
        later = (one for one in self._sessions.get(kind, []) if one.trades)
        return next((one.start_ms for one in later if one.start_ms > now_ms), None)


def path(venue: Venue) -> str:
    """The request for the hours."""
    return f"{venue.rest_path}/tradingSchedule"


def read(body: bytes) -> Hours:
    """The hours of an answer. Raises ValueError for what is none.

    >>> body = b'{"marketSchedules":{"EQUITY":{"sessions":[{"startTime":1,"endTime":9,'
    >>> read(body + b'"type":"NO_TRADING"}]}}}').closed("EQUITY", 5)
    True
    """
    try:
        schedules = msgspec.json.decode(body)["marketSchedules"]
        kinds = {str(kind): each["sessions"] for kind, each in schedules.items()}
        return Hours({kind: [_session(one) for one in each] for kind, each in kinds.items()})
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"tradingSchedule has no sessions: {error}") from None


def _session(row: dict[str, Any]) -> Session:
    start, end = row["startTime"], row["endTime"]
    if type(start) is not int or type(end) is not int:
        raise TypeError("times are whole numbers")
    return Session(start, end, row.get("type") != _NO_TRADING)
