"""What became of the alerts of each pair, in all."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from analytics.model import PairParams
from dashapp.services.alerts.history import Record
from dashapp.text.numbers import counted, number, pct


@dataclass(frozen=True)
class AlertTotals:
    """Of the alerts of a pair: how many fired, of how many z has come back to 0, and of those
    that are over (`ended`) the share of 1 that earned, the mean net result and the worst mark,
    in bps; NaN while none is over.
    """

    fired: int = 0
    returned: int = 0
    ended: int = 0
    hit_rate: float = math.nan
    mean_net_bps: float = math.nan
    worst_bps: float = math.nan

    @property
    def words(self) -> str:
        """The totals in words, "" where nothing fired.

        >>> AlertTotals(3, 2, 2, 0.5, 4.12, -9.0).words
        '3 alerts, 2 back to 0 · 50 % earned, mean +4.1 bps net, lowest mark −9.0 bps'
        """
        if not self.fired:
            return ""
        told = f"{counted(self.fired, 'alert')}, {self.returned:,} back to 0"
        if not self.ended:
            return told
        mean, worst = (number(x, 1, signed=True) for x in (self.mean_net_bps, self.worst_bps))
        earned = pct(self.hit_rate, 0, signed=False)
        return f"{told} · {earned} earned, mean {mean} bps net, lowest mark {worst} bps"


def alert_totals(records: Iterable[Record]) -> dict[Hashable, AlertTotals]:
    """Totals by market and parameters of the pair, of the alerts that suggest a trade.

    Takes O(records); it changes nothing and may run in a worker thread.
    """
    grouped: dict[tuple[str, PairParams], list[Record]] = {}
    for record in records:
        if record.suggests and record.params is not None:
            grouped.setdefault((record.event.market, record.params), []).append(record)
    return {key: _totals(group) for key, group in grouped.items()}


def _totals(records: list[Record]) -> AlertTotals:
    known = [record.outcome for record in records if record.outcome is not None]
    ended = [outcome for outcome in known if outcome.done]
    returned = sum(outcome.bars is not None for outcome in known)
    if not ended:
        return AlertTotals(len(records), returned)
    nets = [outcome.net_bps for outcome in ended]
    return AlertTotals(
        fired=len(records),
        returned=returned,
        ended=len(ended),
        hit_rate=sum(net > 0.0 for net in nets) / len(nets),
        mean_net_bps=sum(nets) / len(nets),
        worst_bps=min(outcome.worst_bps for outcome in ended),
    )
