"""The demo market: seven symbols, seeded, sans-I/O, in time that the caller tells.

Two pairs are cointegrated, one pair's relation breaks and comes back, one symbol goes its
own way. In each pair log Y = log X + constant + s, where s is an Ornstein-Uhlenbeck process
with an occasional shock, so that the spread reverts in prices as well as in logs.

Prices live on a grid of 250 ms and are made in blocks of one minute, each from a generator
seeded with (seed, number of the block): the path depends on the seed and on where it
begins, never on how often it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.model import FloatArray, IntArray, Ticks

_BLOCK_MS = 60_000
_STEP_MS = 250
_STEPS = _BLOCK_MS // _STEP_MS
_SECONDS = _BLOCK_MS // 1_000
_STEPS_PER_S = 1_000 // _STEP_MS


@dataclass(frozen=True)
class _Instrument:
    """What a symbol's ticks look like.

    decimals: of its price. lot_decimals: of its size. rate: trades per second on average
    while not quiet. quiet: share of its seconds without any trade. lot: a typical size.
    """

    symbol: str
    price: float
    decimals: int
    rate: float
    quiet: float
    lot: float
    lot_decimals: int
    first_id: int


@dataclass(frozen=True)
class _Pair:
    """How two symbols hang together. Figures of volatility are per square root of a second.

    market, own: volatility of X that all pairs share, and of its own. half_life_s, spread:
    half-life and standard deviation of the log spread. breaks: whether the relation is
    suspended for the last _BROKEN of every _CYCLE minutes.
    """

    y: int
    x: int
    market: float
    own: float
    half_life_s: float
    spread: float
    breaks: bool = False


INSTRUMENTS = (
    _Instrument("BTCUSDT", 103_500.0, 1, 12.5, 0.02, 0.012, 3, 5_266_583_935),
    _Instrument("ETHUSDT", 3_420.0, 2, 11.5, 0.02, 0.21, 3, 4_120_877_012),
    _Instrument("SOLUSDT", 182.0, 2, 4.5, 0.10, 3.0, 0, 1_804_330_551),
    _Instrument("AVAXUSDT", 31.5, 3, 3.2, 0.14, 12.0, 0, 906_114_238),
    _Instrument("BNBUSDT", 640.0, 2, 3.2, 0.12, 0.6, 2, 1_402_553_907),
    _Instrument("LTCUSDT", 96.0, 2, 2.4, 0.18, 4.0, 3, 711_900_484),
    _Instrument("DOGEUSDT", 0.34, 5, 3.4, 0.12, 1_500.0, 0, 1_655_021_376),
)

_PAIRS = (
    _Pair(0, 1, market=2e-4, own=8e-4, half_life_s=15.0, spread=2.4e-3),
    _Pair(2, 3, market=2e-4, own=2.6e-4, half_life_s=24.0, spread=1.2e-3),
    _Pair(4, 5, market=2e-4, own=2.4e-4, half_life_s=20.0, spread=1e-3, breaks=True),
)
_LONER, _LONER_VOLATILITY = 6, 3.5e-4

_CYCLE, _BROKEN = 20, 8
# The broken spread wanders this much per square root of a second.
_BROKEN_VOLATILITY = 3.6e-4
# A shock moves a spread by 1.8 to 2.6 of its standard deviations, about once a minute: most
# stay within the usual stop of a back-test, and the way back pays its usual costs.
_SHOCKS_PER_STEP = _STEP_MS / 60_000
# Walks are drawn back to their first price, so slowly that no test within a day sees it.
_ANCHOR_HALF_LIFE_S = 3 * 86_400.0
# Activity: log intensity of trading, shared and per symbol, an AR(1) over seconds.
_ACTIVITY_HALF_LIFE_S = 25.0
_ACTIVITY_SHARED, _ACTIVITY_OWN = 0.30, 0.35
_SAME_MS = 0.15


def _decay(half_life_s: float, step_s: float) -> float:
    return float(0.5 ** (step_s / half_life_s))


def _autoregress(start: FloatArray, shocks: FloatArray, decay: FloatArray) -> FloatArray:
    """x[t] = decay x[t-1] + shocks[t] down the rows, from x[-1] = start, without a loop.

    Dividing by decay ** t is safe for the few half-lives that a block lasts.
    """
    powers = decay ** np.arange(1, len(shocks) + 1)[:, None]
    path: FloatArray = powers * (start + np.cumsum(shocks / powers, axis=0))
    return path


class Simulator:
    """A seeded market that runs for ever. Equal seeds and starts give equal ticks.

    Trade ids grow by one; prices lie on their tick size, sizes on their lot. `history`
    and then `advance` give one path without a seam; both give at most one batch a symbol.
    A call takes about 3 ms per minute of market time.

    >>> simulator = Simulator(seed=7)
    >>> past = simulator.history(end_ms=1_700_000_060_000, span_ms=60_000)
    >>> [ticks.symbol for ticks in past][:2], bool(past[0].ts_ms[-1] < 1_700_000_060_000)
    (['BTCUSDT', 'ETHUSDT'], True)
    >>> fresh = simulator.advance(1_700_000_062_000)
    >>> int(fresh[0].trade_id[0] - past[0].trade_id[-1])
    1
    """

    def __init__(self, seed: int = 7) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}, expected at least 0")
        self.seed = seed
        self._origin_ms: int | None = None
        self._now_ms = 0
        self._block = 0
        count = len(INSTRUMENTS)
        self._walks = np.zeros(len(_PAIRS) + 1)
        self._market = 0.0
        self._spreads = np.zeros(len(_PAIRS))
        self._mids = np.log([instrument.price for instrument in INSTRUMENTS])
        self._activity = np.zeros(count + 1)
        self._next_ids = [instrument.first_id for instrument in INSTRUMENTS]
        self._pending: list[list[Ticks]] = [[] for _ in INSTRUMENTS]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The cointegrated pairs first, Y before X, then the breaking one, then the loner."""
        return tuple(instrument.symbol for instrument in INSTRUMENTS)

    def history(self, end_ms: int, span_ms: int) -> list[Ticks]:
        """Begin the market `span_ms` before `end_ms`, on a whole second; its ticks until then.

        ValueError for a span that is negative, or when the market has begun.
        """
        if span_ms < 0:
            raise ValueError(f"span_ms is {span_ms}, expected at least 0")
        if self._origin_ms is not None:
            raise ValueError("the market has begun, expected history before any advance")
        self._begin(end_ms - span_ms)
        return self.advance(end_ms)

    def advance(self, to_ms: int) -> list[Ticks]:
        """The ticks from the last call's time up to `to_ms`, that moment left out.

        The first call of all, without a history, begins the market at `to_ms`. A time
        before the last call's gives nothing.
        """
        if self._origin_ms is None:
            self._begin(to_ms)
        assert self._origin_ms is not None
        if to_ms <= self._now_ms:
            return []
        while self._origin_ms + self._block * _BLOCK_MS < to_ms:
            self._generate()
        self._now_ms = to_ms
        return [ticks for number in range(len(INSTRUMENTS)) if (ticks := self._release(number))]

    def _begin(self, at_ms: int) -> None:
        self._origin_ms = self._now_ms = at_ms - at_ms % 1_000

    def _release(self, number: int) -> Ticks | None:
        """Take what has happened by now out of a symbol's pending ticks."""
        batches = self._pending[number]
        if not batches:
            return None
        ticks = Ticks.concat(batches)
        done = int(np.searchsorted(ticks.ts_ms, self._now_ms, side="left"))
        self._pending[number] = [ticks[done:]] if done < len(ticks) else []
        return ticks[:done] if done else None

    def _generate(self) -> None:
        """Make the next minute and queue its ticks."""
        assert self._origin_ms is not None
        start_ms = self._origin_ms + self._block * _BLOCK_MS
        rng = np.random.default_rng([self.seed, self._block])
        intensity = self._next_activity(rng)
        mids = self._next_mids(rng, np.repeat(np.sqrt(intensity[:, 0]), _STEPS_PER_S))
        edges_ms = np.arange(_STEPS + 1) * float(_STEP_MS)
        for number, instrument in enumerate(INSTRUMENTS):
            counts = _trade_counts(rng, instrument, intensity[:, number + 1])
            times = _trade_times(rng, counts)
            log_mid = np.interp(times, edges_ms, mids[:, number])
            price = _trade_prices(rng, instrument, log_mid)
            busy = np.repeat(intensity[:, number + 1], counts)
            size = _trade_sizes(rng, instrument, busy)
            first = self._next_ids[number]
            self._next_ids[number] = first + len(times)
            ids = np.arange(first, first + len(times))
            if len(times):
                batch = Ticks(instrument.symbol, start_ms + times, price, size, ids)
                self._pending[number].append(batch)
        self._block += 1

    def _next_activity(self, rng: np.random.Generator) -> FloatArray:
        """Trading intensity by second, about 1 on average: shared, then of each symbol."""
        decay = _decay(_ACTIVITY_HALF_LIFE_S, 1.0)
        shocks = rng.standard_normal((_SECONDS, len(self._activity))) * np.sqrt(1 - decay**2)
        path = _autoregress(self._activity, shocks, np.full(len(self._activity), decay))
        self._activity = path[-1]
        shared = _ACTIVITY_SHARED * path[:, :1]
        log_intensity = np.hstack((shared, shared + _ACTIVITY_OWN * path[:, 1:]))
        variance = np.r_[0.0, np.full(len(INSTRUMENTS), _ACTIVITY_OWN**2)] + _ACTIVITY_SHARED**2
        intensity: FloatArray = np.exp(log_intensity - variance / 2)
        return intensity

    def _next_mids(self, rng: np.random.Generator, volatility: FloatArray) -> FloatArray:
        """Log mid prices at the edges of the grid's steps: shape (steps + 1, symbols)."""
        step_s = _STEP_MS / 1_000
        scale = np.sqrt(step_s) * volatility[:, None]
        own = np.array([pair.own for pair in _PAIRS] + [_LONER_VOLATILITY])
        anchor = _decay(_ANCHOR_HALF_LIFE_S, step_s)
        noise = rng.standard_normal((_STEPS, len(own) + 1)) * scale
        starts = np.r_[self._market, self._walks]
        walks = _autoregress(starts, noise * np.r_[1.0, own], np.full(len(starts), anchor))
        self._market, self._walks = float(walks[-1, 0]), walks[-1, 1:]
        spreads = self._next_spreads(rng, volatility)
        mids = np.empty((_STEPS + 1, len(INSTRUMENTS)))
        mids[0] = self._mids
        base = np.log([instrument.price for instrument in INSTRUMENTS])
        for number, pair in enumerate(_PAIRS):
            walk = pair.market * walks[:, 0] + walks[:, number + 1]
            mids[1:, pair.x] = base[pair.x] + walk
            mids[1:, pair.y] = base[pair.y] + walk + spreads[:, number]
        mids[1:, _LONER] = base[_LONER] + walks[:, -1]
        self._mids = mids[-1]
        return mids

    def _next_spreads(self, rng: np.random.Generator, volatility: FloatArray) -> FloatArray:
        """Log spreads at the end of each step: shape (steps, pairs)."""
        step_s = _STEP_MS / 1_000
        shape = (_STEPS, len(_PAIRS))
        normal = rng.standard_normal(shape) * volatility[:, None]
        shocked = rng.random(shape) < _SHOCKS_PER_STEP
        jump = rng.uniform(1.8, 2.6, shape) * rng.choice([-1.0, 1.0], shape) * shocked
        broken_now = self._block % _CYCLE >= _CYCLE - _BROKEN
        decay, innovation = np.empty(len(_PAIRS)), np.empty(shape)
        for number, pair in enumerate(_PAIRS):
            if pair.breaks and broken_now:
                decay[number] = 1.0
                innovation[:, number] = normal[:, number] * _BROKEN_VOLATILITY * np.sqrt(step_s)
            else:
                decay[number] = _decay(pair.half_life_s, step_s)
                diffusion = pair.spread * np.sqrt(1 - decay[number] ** 2)
                innovation[:, number] = (
                    normal[:, number] * diffusion + jump[:, number] * pair.spread
                )
        path = _autoregress(self._spreads, innovation, decay)
        self._spreads = path[-1]
        return path


def _trade_counts(
    rng: np.random.Generator, instrument: _Instrument, intensity: FloatArray
) -> IntArray:
    """Trades in each second: Poisson around the intensity, none in a quiet second."""
    awake = rng.random(_SECONDS) >= instrument.quiet
    counts: IntArray = rng.poisson(instrument.rate * intensity) * awake
    return counts


def _trade_times(rng: np.random.Generator, counts: IntArray) -> IntArray:
    """Times in ms from the block's start, ascending; a part shares the ms of the one before."""
    seconds = np.repeat(np.arange(_SECONDS) * 1_000, counts)
    times = np.sort(seconds + rng.integers(0, 1_000, len(seconds)))
    together = rng.random(len(times)) < _SAME_MS
    if len(times) > 1:
        again = together[1:] & (seconds[1:] == seconds[:-1])
        times[1:] = np.where(again, times[:-1], times[1:])
    return times


def _trade_prices(
    rng: np.random.Generator, instrument: _Instrument, log_mid: FloatArray
) -> FloatArray:
    """Trades at bid or ask, half a tick or more from the mid, on the tick size."""
    tick = 10.0**-instrument.decimals
    mid = np.exp(log_mid)
    half_spread = np.maximum(tick / 2, mid * 2e-6)
    side = rng.choice([-1.0, 1.0], len(mid))
    price: FloatArray = np.round(mid + side * half_spread, instrument.decimals)
    return np.maximum(price, tick)


def _trade_sizes(
    rng: np.random.Generator, instrument: _Instrument, intensity: FloatArray
) -> FloatArray:
    """Log-normal sizes, larger while trading is busy, on the lot size and never zero."""
    smallest = 10.0**-instrument.lot_decimals
    drawn = instrument.lot * intensity * np.exp(1.2 * rng.standard_normal(len(intensity)))
    sizes: FloatArray = np.maximum(np.round(drawn, instrument.lot_decimals), smallest)
    return sizes
