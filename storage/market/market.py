"""A market: one body of data. Ring, bar book and counters behind one append."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from analytics.bars import MAX_BARS
from analytics.model import TIMEFRAMES, Bars, BoolArray, Gap, Listing, Ticks
from storage.market.arrivals import Arrivals
from storage.market.bar_book import BarBook
from storage.market.gaps import GapLedger, touched
from storage.market.numbering import Numbering
from storage.market.outliers import Outliers
from storage.market.past import Past
from storage.market.ring import CAPACITY, Rings, TickRing
from storage.market.stats import (
    Counters,
    RejectedLike,
    SymbolStats,
    stats_of_bars,
    stats_of_session,
)

MarketKind = Literal["live", "demo", "upload", "replay", "universe"]
Origin = Literal["ticks", "bars"]

#: Distinct symbols a market takes: beyond any exchange's. What they keep is bounded by memory.
MAX_SYMBOLS = 20_000
#: What a symbol keeps at least, however little memory there is.
LEAST_BARS, LEAST_TICKS = 500, 1_000
#: Ticks of a symbol that wait for its coarser bars until somebody reads those, at most.
MOST_WAITING = 512
_SAMPLE_LENGTH = 200
#: Reasons of what is no fault: a source's answers, and trades that nobody asked for.
HARMLESS = ("control", "unsubscribed")
#: The reason of a trade that came before, by an id that is no number.
DUPLICATE = "duplicate"
_NO_COLUMNS: tuple[Any, ...] = (np.empty(0),) * 4
_serials = itertools.count(1)


class Market:
    """One body of data, which never mixes with another: live, demo, or an upload.

    serial: no other market has it, not even one made anew under the same id. version: goes up
    by one with each batch that was at least partly accepted. whole: nothing will come after
    what is there, as of a file that was read; its last bars are closed. kept_as: the name under
    which an archive has it, "" for none. coming: symbols that it will have, as far as is known.
    past_bars: bars that an exchange gave of the time before its ticks. looked_s: when somebody
    last looked at a symbol. kept_share: of those that keep less than they may, for want of memory.
    simulated: whether its data is made up. listings: what the exchange says of symbols. numbering:
    of its ticks. A universe has bars of several timeframes that came; of any other market's, one.

    >>> market = Market("demo", "Demo", "demo")
    >>> batch = Ticks("BTCUSDT", [1_000, 1_500], [10.0, 11.0], [1.0, 1.0], [7, 8])
    >>> len(market.append(batch)), len(market.append(batch)), market.counters.duplicate
    (2, 0, 2)
    >>> market.version, market.symbols, market.stats("BTCUSDT").vwap, market.counters.balanced
    (1, ('BTCUSDT',), 10.5, True)
    """

    def __init__(
        self,
        id: str,
        title: str,
        kind: MarketKind,
        *,
        kept_as: str = "",
        coming: tuple[str, ...] = (),
        simulated: bool | None = None,
        capacity: int = CAPACITY,
        max_bars: int = MAX_BARS,
        max_symbols: int = MAX_SYMBOLS,
    ) -> None:
        self.id = id
        self.title = title
        self.made_of = (title, 1)
        self.kind: MarketKind = kind
        self.kept_as = kept_as
        self.coming = coming
        self.simulated = kind == "demo" if simulated is None else simulated
        self.listings: dict[str, Listing] = {}
        self.serial = next(_serials)
        self.whole = kind == "upload"
        self.origin: Origin = "ticks"
        self.version = 0
        self.past_bars = 0
        self.counters = Counters()
        self.outliers = Outliers()
        self._capacity = capacity
        self._max_symbols = max_symbols
        self._max_bars = max_bars
        self._rings = Rings()
        self._book = BarBook(max_bars, self._rings.newest, min(MOST_WAITING, capacity))
        self.looked_s: dict[str, float] = {}
        self.kept_share: dict[str, float] = {}
        self.numbering = Numbering()
        self._bar_stats: dict[str, SymbolStats | None] = {}
        self._timeframes: tuple[str, ...] = ()
        self._amended: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._arrivals = Arrivals()

    # --- what comes in -------------------------------------------------------------

    def append(self, ticks: Ticks, now_s: float | None = None, *, backfill: bool = False) -> Ticks:
        """Take a batch in and return those of its ticks that were accepted.

        ticks: with times, prices and sizes that can be, which every source has checked.
        A tick whose id (>= 0) its symbol has had before is a duplicate; ticks without ids
        are never taken for one. now_s: the monotonic time of arrival, this moment for
        None. backfill: history, which counts neither for `rate` nor for the last arrival,
        and is not held against the prices of now.
        Takes O(len(ticks)).
        """
        self.counters.received += len(ticks)
        if not len(ticks) or not self._welcome(ticks.symbol, "ticks", len(ticks)):
            return ticks[:0]
        ticks = self._fresh(ticks)
        if not len(ticks):
            return ticks
        refused = self._book.append(ticks)
        self._count_amended(ticks.symbol)
        if refused is not None:
            self.counters.late += int(refused.sum())
            ticks = ticks[~refused]
        if len(ticks):
            marks = None if backfill else self.outliers.take(ticks)
            if marks is not None:
                self.counters.outliers += int(np.count_nonzero(marks))
            self._keep(ticks, marks)
            if not backfill:
                self._arrivals.note(len(ticks), time.monotonic() if now_s is None else now_s)
        return ticks

    def fill(self, ticks: Ticks) -> Ticks:
        """Take a batch in that was asked for to fill a gap; as `append` with backfill."""
        accepted = self.append(ticks, backfill=True)
        self.counters.backfilled += len(accepted)
        return accepted

    def note_gap(self, gap: Gap) -> None:
        """Take in that trades are missing; they may still come, late or by `fill`."""
        self.numbering.note_gap(gap)

    def forget_ids(self, symbol: str) -> None:
        """The source numbers a symbol's trades anew: its ids so far say nothing any more."""
        self.numbering.forget(symbol)

    def append_bars(self, bars: Bars) -> int:
        """Take bars in (an OHLC file's) and return how many were accepted.

        They are of the timeframe they say, the same for every batch of a symbol but in a
        universe. A bar at a time already held replaces it, or is a duplicate if it is equal.
        """
        self.counters.received += len(bars)
        if not len(bars) or not self._welcome(bars.symbol, "bars", len(bars)):
            return 0
        known = self.kind != "universe" and bars.symbol in self._bar_stats
        if known and self._book.timeframes(bars.symbol)[0] != bars.timeframe:
            self._refuse("timeframe", f"{bars.symbol} {bars.timeframe}", len(bars))
            return 0
        duplicate, late = self._book.append_bars(bars)
        accepted = len(bars) - duplicate - late
        self.counters.duplicate += duplicate
        self.counters.late += late
        self.counters.accepted += accepted
        if accepted:
            if bars.symbol not in self._bar_stats or bars.timeframe not in self._timeframes:
                self._timeframes = ()
            self._bar_stats[bars.symbol] = None
            self._changed(bars.symbol)
        return accepted

    def add_past(self, bars: Bars, from_ms: int, final_ms: int) -> None:
        """Take an exchange's own bars of the time before a symbol's ticks; see `Past.append`."""
        self._book.past(bars.symbol).append(bars, from_ms, final_ms)
        self._book.changed(bars.symbol)
        self.past_bars += len(bars)
        if len(bars) or bars.symbol in self._versions:
            self._changed(bars.symbol)

    def whole_from(self, symbol: str, ts_ms: int) -> None:
        """All trades of a symbol from here on are among its ticks."""
        self._book.past(symbol).whole_from(ts_ms)
        self._book.changed(symbol)
        if symbol in self._versions:
            self._changed(symbol)

    def past(self, symbol: str) -> Past:
        """What an exchange said of a symbol's bars; nothing yet where it said nothing."""
        return self._book.past(symbol)

    def from_exchange(self, bars: Bars) -> BoolArray:
        """Which of a symbol's bars are the exchange's own, not made of ticks."""
        if self.kind == "universe" and not self.simulated:
            return np.ones(len(bars), np.bool_)
        return self._book.from_exchange(bars)

    def reject(self, rejected: Iterable[RejectedLike]) -> None:
        """Count what gave no tick, by its reason; what came before as a duplicate."""
        for refused in rejected:
            self.counters.received += 1
            if refused.reason == DUPLICATE:
                self.counters.duplicate += 1
            else:
                self._refuse(refused.reason, refused.sample, 1)

    def refuse(self, reason: str, count: int) -> None:
        """Count rows of a file that gave no tick, for a reason they share."""
        self.counters.received += count
        self._refuse(reason, "", count)

    def drop(self, count: int) -> None:
        """Count ticks that a full queue let go before they came here."""
        if count < 0:
            raise ValueError(f"count is {count}, expected at least 0")
        self.counters.received += count
        self.counters.dropped += count

    def _welcome(self, symbol: str, origin: Origin, count: int) -> bool:
        """Whether the market takes this symbol in this form; counts the batch if not."""
        if not self._versions:
            self.origin = origin
        if origin != self.origin:
            self._refuse("origin", f"{symbol}: {origin} for a market of {self.origin}", count)
            return False
        if symbol not in self._versions and len(self._versions) >= self._max_symbols:
            self._refuse("symbols", f"{symbol}: over {self._max_symbols} symbols", count)
            return False
        return True

    def _fresh(self, ticks: Ticks) -> Ticks:
        """Without what came before, which is counted."""
        fresh = self.numbering.fresh(ticks)
        if fresh is None:
            return ticks
        self.counters.duplicate += len(ticks) - int(np.count_nonzero(fresh))
        return ticks[fresh]

    def _count_amended(self, symbol: str) -> None:
        amended = self._book.amended(symbol)
        self.counters.amended += amended - self._amended.get(symbol, 0)
        self._amended[symbol] = amended

    def _keep(self, ticks: Ticks, marks: BoolArray | None) -> None:
        symbol = ticks.symbol
        if symbol not in self._rings:
            self._rings[symbol] = TickRing(self._capacity)
        self._rings[symbol].append(ticks, marks)
        self.counters.accepted += len(ticks)
        self._changed(symbol)

    def _changed(self, symbol: str) -> None:
        self._versions[symbol] = self._versions.get(symbol, 0) + 1
        self.version += 1

    def _refuse(self, reason: str, sample: str, count: int) -> None:
        self.counters.rejected[reason] += count
        if reason in HARMLESS:
            return
        text = f"{reason}: {sample}" if sample else reason
        self.counters.last_rejected = text[:_SAMPLE_LENGTH]

    # --- what it keeps ---------------------------------------------------------------

    def nbytes(self, symbol: str) -> int:
        """Memory of a symbol's ticks and bars."""
        ring = self._rings.get(symbol)
        return self._book.nbytes(symbol) + (0 if ring is None else ring.nbytes)

    def look(self, symbols: Iterable[str], now_s: float | None = None) -> None:
        """Somebody looks at these symbols: of those nobody looks at, less is kept first."""
        now_s = time.monotonic() if now_s is None else now_s
        self.looked_s.update(dict.fromkeys(symbols, now_s))

    def keep(self, symbol: str, share: float) -> None:
        """Keep this share of what a symbol may have, at least LEAST_BARS and LEAST_TICKS."""
        self._check(symbol)
        bars = min(max(round(self._max_bars * share), LEAST_BARS), self._max_bars)
        ticks = min(max(round(self._capacity * share), LEAST_TICKS), self._capacity)
        self._book.keep(symbol, bars)
        if symbol in self._rings:
            self._rings[symbol].keep(ticks)
        if share < 1.0:
            self.kept_share[symbol] = share
        else:
            self.kept_share.pop(symbol, None)
        self._changed(symbol)

    # --- what can be read ------------------------------------------------------------

    @property
    def gaps(self) -> GapLedger:
        """What its sources numbered and it never had."""
        return self.numbering.gaps

    @property
    def numbered(self) -> bool:
        """Whether a tick with an id ever came: without ids no gap is ever known."""
        return any(self.newest_id(symbol) >= 0 for symbol in self._versions)

    def newest_id(self, symbol: str) -> int:
        """The highest trade id that came of a symbol, -1 before the first."""
        return self.numbering.newest(symbol)

    @property
    def last_arrival_s(self) -> float | None:
        """Monotonic time of the last batch that was no history, None before the first."""
        return self._arrivals.last_s

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols in the order in which they were first seen."""
        return tuple(self._versions)

    @property
    def timeframes(self) -> tuple[str, ...]:
        """Timeframes that every symbol has: all, unless coarser bars were uploaded."""
        if not self._bar_stats:
            return tuple(TIMEFRAMES)
        if not self._timeframes:
            each = [self._book.timeframes(symbol) for symbol in self._versions]
            self._timeframes = tuple(t for t in each[0] if all(t in names for names in each))
        return self._timeframes

    @property
    def has_ticks(self) -> bool:
        return bool(self._rings)

    def bars(self, symbol: str, timeframe: str, limit: int | None = None) -> Bars:
        """The newest `limit` bars (None: all), read-only and cheap to ask for again.

        Raises KeyError for an unknown symbol, ValueError for a timeframe it does not have.
        """
        self._check(symbol)
        return self._book.bars(symbol, timeframe, limit)

    def ticks(self, symbol: str, limit: int | None = None) -> Ticks:
        """The newest `limit` ticks (None: all kept); none for a symbol that came as bars.

        Raises KeyError for an unknown symbol.
        """
        self._check(symbol)
        if symbol not in self._rings:
            return Ticks(symbol, *_NO_COLUMNS)
        return self._rings[symbol].view(limit)

    def marks(self, symbol: str, limit: int | None = None) -> BoolArray:
        """Which of the ticks that `ticks` gives are outliers. Raises like it."""
        self._check(symbol)
        ring = self._rings.get(symbol)
        return np.zeros(0, np.bool_) if ring is None else ring.marks(limit)

    def ring(self, symbol: str) -> TickRing:
        """The ring of a symbol that came as ticks; KeyError for any other."""
        self._check(symbol)
        if symbol not in self._rings:
            raise KeyError(f"{symbol} came as bars in {self.title}: it has no ticks")
        return self._rings[symbol]

    def stats(self, symbol: str) -> SymbolStats:
        """Figures of a symbol since the market began, kept until it changes.

        Raises KeyError for an unknown symbol.
        """
        self._check(symbol)
        if symbol in self._bar_stats:
            known = self._bar_stats[symbol]
            if known is None:
                finest = self._book.timeframes(symbol)[0]
                known = self._bar_stats[symbol] = stats_of_bars(self._book.bars(symbol, finest))
            return known
        session = self._book.session(symbol)
        if session is None:  # no tick of it yet
            finest = self._book.past(symbol).timeframes[0]
            return stats_of_bars(self._book.bars(symbol, finest))
        return stats_of_session(session.bars(), session.span_ms[1])

    def touched_by_gaps(self, bars: Bars) -> BoolArray:
        """Which of a symbol's bars miss trades, for all that is known."""
        return touched(bars, self.gaps.spans([bars.symbol]))

    def symbol_version(self, symbol: str) -> int:
        """Goes up by one with each change of a symbol; 0 for an unknown one."""
        return self._versions.get(symbol, 0)

    def rate(self, now_s: float | None = None) -> float:
        """Ticks accepted per second over the last 5 s before a monotonic time."""
        return self._arrivals.rate(time.monotonic() if now_s is None else now_s)

    def _check(self, symbol: str) -> None:
        if symbol not in self._versions:
            known = ", ".join(self._versions) or "none yet"
            raise KeyError(f"no symbol {symbol!r} in {self.title}: there is {known}")
