"""What comes of a feed's messages before anyone is told: decoded, judged by time and by id.

Sans-I/O: a batch of messages in, a `Delivery` out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.model import Gap, Rejected, Ticks
from ingestion.decode.decoder import Decoder
from ingestion.decode.notices import Notice
from ingestion.decode.recent import RecentTrades
from ingestion.stream.continuity import Continuity
from ingestion.stream.timecheck import TimeCheck, WallClock


@dataclass(frozen=True)
class Delivery:
    """What a batch of messages gave. gaps: to be told before the ticks that follow them.

    restarted: symbols whose ids mean other trades from these ticks on. notices: what the
    source said about itself. heard: symbols that live, though nothing of them is to be kept.
    """

    ticks: list[Ticks]
    rejected: list[Rejected]
    gaps: list[Gap]
    restarted: list[str]
    notices: list[Notice]
    heard: frozenset[str] = frozenset()


class Intake:
    """Decodes the messages of one source and watches its times and ids.

    symbols: only these are taken, all if there are none; where there is one alone, it is that of
    trades that name none, else default is. strict_ids: whether the source is known to number
    its trades one by one.

    >>> intake = Intake((), strict_ids=True)
    >>> line = b'{"s":"BTCUSDT","T":1723161256322,"p":"5","q":"1","a":%d}'
    >>> made = intake.take([line % 7, line % 9])
    >>> len(made.ticks[0]), [(gap.first_id, gap.last_id) for gap in made.gaps]
    (2, [(8, 8)])
    """

    def __init__(
        self, symbols: Sequence[str], strict_ids: bool, default: str | None = None
    ) -> None:
        self._default = default
        self._recent = RecentTrades()
        self.begin(symbols)
        self._continuity = Continuity(strict_ids)
        self._times = TimeCheck()

    @property
    def numbered(self) -> bool:
        """Whether every trade so far had an id, in a sequence that is proven."""
        return self._continuity.proven

    def begin(self, symbols: Sequence[str]) -> None:
        """A new start of the same source: its ids go on, its layouts are learnt anew."""
        self.clock = WallClock()
        self._decoder = Decoder(self._named(symbols), symbols=symbols, recent=self._recent)

    def _named(self, symbols: Sequence[str]) -> str | None:
        """The symbol of trades that name none."""
        return symbols[0] if len(symbols) == 1 else self._default

    def want(self, symbols: Sequence[str]) -> None:
        """Take only these symbols from now on; what is no longer asked for is not missed."""
        self._decoder.want(symbols)
        self._decoder.default_symbol = self._named(symbols)
        if symbols:
            self._continuity.keep(symbols)

    def resume(self, symbol: str, newest: int, ts_ms: int) -> None:
        """Go on from the trade that an earlier run had last: its id and its time."""
        self._continuity.resume(symbol, newest, ts_ms)

    def take(self, messages: Sequence[bytes]) -> Delivery:
        """The ticks of a batch, and all that is to be said about them."""
        decoded = self._decoder.decode_lines(messages)
        now_ms = self.clock.now_ms()
        kept, rejected, consumed = [], decoded.rejected, decoded.consumed
        for batch in decoded.ticks:
            batch, refused, ids = self._times.split(batch, now_ms)
            rejected.extend(refused)
            consumed.extend((batch.symbol, number) for number in ids)
            if len(batch):
                kept.append(batch)
        gaps = self._continuity.check(kept, consumed)
        return Delivery(kept, rejected, gaps, self._continuity.restarted(), decoded.notices)
