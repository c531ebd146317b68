"""Connected is not alive: a watchdog for data, per feed and per symbol.

Times are seconds of a monotonic clock, given by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

#: Symbols up to which the patience is the policy's own.
_FEW = 4


@dataclass(frozen=True)
class WatchdogPolicy:
    """Limits of silence in seconds.

    feed_s: of the whole feed. symbol_s: of one symbol while others flow. patience: how
    many times its usual gap a source or symbol may be silent; the larger of the two holds,
    so that a source that speaks once a minute is left in peace. Of many symbols one is always
    silent for long by chance: each doubling of their number adds `doubling` to the patience.
    """

    feed_s: float = 12.0
    symbol_s: float = 60.0
    patience: float = 5.0
    doubling: float = 2.0


@dataclass
class _Pulse:
    """When data came last, and the usual gap: a mean that forgets after about ten beats."""

    last_s: float
    gap_s: float = 0.0
    beats: int = 0

    def beat(self, now_s: float) -> None:
        self.beats += 1
        if self.beats > 1:
            weight = 1.0 / min(self.beats - 1, 10)
            self.gap_s += weight * (now_s - self.last_s - self.gap_s)
        self.last_s = now_s


@dataclass
class Watchdog:
    """Told of data by `seen`, it says what has been silent for longer than its limit.

    >>> dog = Watchdog(WatchdogPolicy(feed_s=10, symbol_s=60))
    >>> dog.start(0.0, ["BTCUSDT", "ETHUSDT"])
    >>> dog.seen(5.0, ["BTCUSDT"])
    >>> dog.feed_silent(14.0), dog.feed_silent(15.0)
    (False, True)
    >>> dog.silent_symbols(61.0)
    ('ETHUSDT',)
    """

    policy: WatchdogPolicy
    _doubts: int = 0
    _learns: bool = True
    _feed: _Pulse = field(default_factory=lambda: _Pulse(0.0))
    _symbols: dict[str, _Pulse] = field(default_factory=dict)

    def start(self, now_s: float, symbols: Iterable[str] = (), doubts: int = 0) -> None:
        """A connection opened: every silence counts from now, usual gaps are kept.

        symbols: the ones that are watched, all that come if there are none. doubts: how many
        connections before this one were given up for silence; each doubles the feed's limit,
        up to 16 times.
        """
        self._doubts = min(doubts, 4)
        self.watch(now_s, symbols)
        for pulse in (self._feed, *self._symbols.values()):
            pulse.last_s = now_s

    def seen(self, now_s: float, symbols: Iterable[str]) -> None:
        """Ticks of these symbols came."""
        self._feed.beat(now_s)
        for symbol in symbols:
            pulse = self._symbols.get(symbol)
            if pulse is not None:
                pulse.beat(now_s)
            elif self._learns:
                self._symbols[symbol] = _Pulse(now_s)

    def watch(self, now_s: float, symbols: Iterable[str]) -> None:
        """Watch these symbols from now on, and no others; all that come if there are none."""
        known, wanted = self._symbols, tuple(symbols)
        self._learns = not wanted
        self._symbols = {symbol: known.get(symbol, _Pulse(now_s)) for symbol in wanted or known}

    def excuse(self, now_s: float, symbols: Iterable[str]) -> None:
        """These symbols cannot speak now: their silence counts from here, and the feed's where
        none is left that could.
        """
        excused = set(symbols)
        for symbol in excused & self._symbols.keys():
            self._symbols[symbol].last_s = now_s
        if excused and excused >= self._symbols.keys():
            self._feed.last_s = now_s

    def silence(self, now_s: float) -> float:
        """Seconds since the feed's last tick, or since it connected."""
        return now_s - self._feed.last_s

    def remaining(self, now_s: float) -> float:
        """Seconds until the whole feed counts as silent, 0 if it does."""
        return max(0.0, self._feed_limit() - self.silence(now_s))

    def feed_silent(self, now_s: float) -> bool:
        """Whether nothing at all came for longer than the limit."""
        return self.remaining(now_s) == 0

    def silent_symbols(self, now_s: float) -> tuple[str, ...]:
        """The watched symbols that have been silent for longer than their limit."""
        policy = self.policy
        doublings = max(0.0, math.log2(max(len(self._symbols), 1) / _FEW))
        patience = policy.patience + policy.doubling * doublings
        return tuple(
            symbol
            for symbol, pulse in self._symbols.items()
            if now_s - pulse.last_s >= max(policy.symbol_s, patience * pulse.gap_s)
        )

    def _feed_limit(self) -> float:
        usual = self.policy.patience * self._feed.gap_s
        return max(self.policy.feed_s * 2**self._doubts, usual)
