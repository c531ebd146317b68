"""The demo's universe: bars of sixty symbols, seeded, in time that the caller tells.

A market of bars as an exchange's would be: 180 days of 1h bars and 30 days of 1m bars. Every
symbol follows the market, its sector and itself. Eight pairs hang together:
log Y = log X x beta + constant + s with s an Ornstein-Uhlenbeck process; of two of them the
relation breaks in the last third, where s becomes a walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from analytics.bars import aggregate
from analytics.model import Bars, FloatArray, Listing

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
HOUR_DAYS, MINUTE_DAYS = 180, 30
#: Of the days before the minutes begin, the hours are made of steps of five minutes.
_COARSE_MIN = 5
_COARSE_STEPS = (HOUR_DAYS - MINUTE_DAYS) * 24 * 60 // _COARSE_MIN
_FINE_STEPS = MINUTE_DAYS * 24 * 60

# Volatility per square root of an hour: of the market, of a sector, of a symbol itself.
_MARKET, _SECTOR, _OWN = 3.5e-3, 2.5e-3, 4.5e-3
_SECTORS = 6
#: What the price runs beyond a step's ends, in the step's volatility.
_BEYOND = 0.45
_VOLUME_SPREAD = 0.6


@dataclass(frozen=True)
class Relation:
    """A planted relation. half_life_h, spread: of s, in hours and in logs. breaks_h: the hour
    after which it holds no more, None for never.
    """

    y: str
    x: str
    beta: float
    half_life_h: float
    spread: float
    breaks_h: int | None = None


RELATIONS = (
    Relation("ETHUSDT", "BTCUSDT", 1.10, 5.0, 0.010),
    Relation("AVAXUSDT", "SOLUSDT", 1.00, 6.0, 0.012),
    Relation("LTCUSDT", "BCHUSDT", 0.85, 7.0, 0.011),
    Relation("MATICUSDT", "ARBUSDT", 0.95, 8.0, 0.013),
    Relation("SUSHIUSDT", "UNIUSDT", 1.05, 10.0, 0.014),
    Relation("DOTUSDT", "ATOMUSDT", 0.90, 20.0, 0.018),
    Relation("FTMUSDT", "NEARUSDT", 1.00, 9.0, 0.013, breaks_h=3_120),
    Relation("SANDUSDT", "MANAUSDT", 1.00, 12.0, 0.015, breaks_h=3_480),
)

# Prices at which the symbols begin, and about what is traded of them a day, in millions.
_PRICES = {
    **{"BTCUSDT": (64_000.0, 14_000), "ETHUSDT": (3_100.0, 9_000), "SOLUSDT": (150.0, 3_200)},
    **{"AVAXUSDT": (31.0, 420), "BCHUSDT": (420.0, 310), "LTCUSDT": (84.0, 380)},
    **{"ARBUSDT": (0.92, 260), "MATICUSDT": (0.71, 240), "UNIUSDT": (8.4, 190)},
    **{"SUSHIUSDT": (1.12, 60), "ATOMUSDT": (8.1, 150), "DOTUSDT": (6.7, 230)},
    **{"NEARUSDT": (5.6, 290), "FTMUSDT": (0.68, 210), "MANAUSDT": (0.44, 70)},
    **{"SANDUSDT": (0.46, 90), "BNBUSDT": (590.0, 900), "XRPUSDT": (0.58, 1_500)},
    **{"DOGEUSDT": (0.14, 1_700), "ADAUSDT": (0.45, 480), "TRXUSDT": (0.13, 170)},
    **{"LINKUSDT": (14.2, 410), "SHIBUSDT": (0.00002, 520), "TONUSDT": (6.9, 330)},
    **{"ICPUSDT": (11.8, 140), "APTUSDT": (8.8, 250), "ETCUSDT": (26.0, 180)},
    **{"XLMUSDT": (0.11, 110), "FILUSDT": (5.7, 200), "OPUSDT": (2.3, 270)},
    **{"INJUSDT": (24.0, 220), "VETUSDT": (0.034, 70), "GRTUSDT": (0.26, 80)},
    **{"RUNEUSDT": (5.2, 130), "THETAUSDT": (2.0, 60), "AAVEUSDT": (92.0, 150)},
    **{"ALGOUSDT": (0.18, 70), "FLOWUSDT": (0.84, 40), "AXSUSDT": (7.1, 50)},
    **{"EGLDUSDT": (38.0, 40), "EOSUSDT": (0.78, 80), "XTZUSDT": (0.93, 40)},
    **{"SNXUSDT": (2.7, 50), "CRVUSDT": (0.41, 120), "DYDXUSDT": (2.1, 110)},
    **{"GMXUSDT": (28.0, 30), "LDOUSDT": (2.0, 160), "COMPUSDT": (54.0, 40)},
    **{"ZECUSDT": (23.0, 60), "DASHUSDT": (29.0, 30), "KAVAUSDT": (0.66, 30)},
    **{"ENJUSDT": (0.29, 40), "CHZUSDT": (0.11, 70), "ZILUSDT": (0.023, 40)},
    **{"IOTAUSDT": (0.22, 30), "ONEUSDT": (0.018, 30), "KSMUSDT": (28.0, 20)},
    **{"WAVESUSDT": (2.2, 30), "ENSUSDT": (17.0, 120), "WLDUSDT": (4.6, 340)},
}
SYMBOLS = tuple(_PRICES)


class UniverseSimulator:
    """The bars of a universe that runs for ever. Equal seeds and starts give equal bars.

    `history` gives the past up to a time, cut to the hour, `advance` the bars that have closed
    since; both give Bars of 1m and of 1h, one batch a symbol and timeframe, ascending. The
    history of all symbols takes under two seconds.

    >>> simulator = UniverseSimulator(seed=7)
    >>> len(SYMBOLS), len(RELATIONS), simulator.decimals["BTCUSDT"]
    (60, 8, 2)
    """

    def __init__(self, seed: int = 7) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}, expected at least 0")
        self.seed = seed
        self.decimals = {name: _decimals(price) for name, (price, _) in _PRICES.items()}
        rng = np.random.default_rng([seed, 0])
        count = len(SYMBOLS)
        self._loads = rng.uniform(0.7, 1.3, count)
        self._sectors = rng.integers(0, _SECTORS, count)
        self._shapes = rng.uniform(0.7, 1.3, count)
        self._logs = np.log([price for price, _ in _PRICES.values()])
        self._levels = self._logs.copy()
        self._spreads = np.zeros(len(RELATIONS))
        self._hour = 0.0
        self._closed_ms = 0
        self._open_hours: dict[str, list[Bars]] = {}
        self._next_block = 1

    def listings(self) -> list[Listing]:
        """What the simulated exchange says of each symbol; turnover as of a usual day."""
        rng = np.random.default_rng([self.seed, 1])
        rates = np.round(rng.normal(8e-5, 6e-5, len(SYMBOLS)), 6)
        return [
            Listing(
                symbol=name,
                status="TRADING",
                contract_type="PERPETUAL",
                tick_size=10.0 ** -self.decimals[name],
                lot_size=_lot(price),
                min_notional=5.0,
                turnover=millions * 1e6,
                mark_price=price,
                funding_rate=float(rate),
                funding_hours=8.0,
            )
            for (name, (price, millions)), rate in zip(_PRICES.items(), rates, strict=True)
        ]

    def history(self, end_ms: int) -> Iterator[Bars]:
        """180 days of hours and 30 of minutes before a time, which is cut to the hour.

        Raises ValueError where it was asked before.
        """
        if self._closed_ms:
            raise ValueError("the history was given already, expected one call")
        end_ms -= end_ms % HOUR_MS
        self._closed_ms = end_ms
        middle_ms = end_ms - MINUTE_DAYS * DAY_MS
        coarse = self._bars(0, _COARSE_STEPS, _COARSE_MIN, end_ms - HOUR_DAYS * DAY_MS)
        fine = self._bars(1, _FINE_STEPS, 1, middle_ms)
        self._next_block = 2
        for early, minutes in zip(coarse, fine, strict=True):
            yield Bars.concat([aggregate(early, "1h"), aggregate(minutes, "1h")])
            yield minutes

    def advance(self, now_ms: int) -> list[Bars]:
        """The bars that closed since the last call, none before `history`."""
        steps = (now_ms - self._closed_ms) // MINUTE_MS if self._closed_ms else 0
        made: list[Bars] = []
        for _ in range(max(steps, 0)):
            minutes = self._bars(self._next_block, 1, 1, self._closed_ms)
            self._next_block += 1
            self._closed_ms += MINUTE_MS
            made += minutes
            for bars in minutes:
                self._open_hours.setdefault(bars.symbol, []).append(bars)
            if self._closed_ms % HOUR_MS == 0:
                made += (aggregate(Bars.concat(each), "1h") for each in self._open_hours.values())
                self._open_hours.clear()
        return made

    def _bars(self, block: int, steps: int, minutes: int, begin_ms: int) -> list[Bars]:
        """So many steps of so many minutes, each a bar, of every symbol."""
        rng = np.random.default_rng([self.seed, 2, block])
        hours = minutes / 60.0
        paths = self._paths(rng, steps, hours)
        before = np.concatenate([self._logs[:, None], paths[:, :-1]], axis=1)
        self._logs = paths[:, -1].copy()
        self._hour += steps * hours
        ts_ms = begin_ms + np.arange(steps) * minutes * MINUTE_MS
        day = 1.0 + 0.45 * np.sin(2 * np.pi * (ts_ms / DAY_MS - 0.35))
        made = []
        for at, name in enumerate(SYMBOLS):
            columns = self._columns(rng, before[at], paths[at], at, hours, day)
            made.append(Bars(name, f"{minutes}m", ts_ms, **columns))
        return made

    def _paths(self, rng: np.random.Generator, steps: int, hours: float) -> FloatArray:
        """Logs of the prices at the end of each step, shape (symbols, steps)."""
        scale, count = np.sqrt(hours), len(SYMBOLS)
        shared = rng.standard_normal(steps) * (_MARKET * scale)
        sectors = rng.standard_normal((_SECTORS, steps)) * (_SECTOR * scale)
        moves = rng.standard_normal((count, steps))
        moves *= (_OWN * scale * self._shapes)[:, None]
        moves += self._loads[:, None] * shared
        moves += sectors[self._sectors]
        paths = np.cumsum(moves, axis=1)
        paths += self._levels[:, None]
        for at, relation in enumerate(RELATIONS):
            y, x = SYMBOLS.index(relation.y), SYMBOLS.index(relation.x)
            anchor = np.log(_PRICES[relation.y][0]) - relation.beta * np.log(_PRICES[relation.x][0])
            paths[y] = relation.beta * paths[x] + anchor + self._spread(rng, at, steps, hours)
        self._levels = paths[:, -1].copy()
        return paths

    def _spread(self, rng: np.random.Generator, at: int, steps: int, hours: float) -> FloatArray:
        """The way of a relation's s; its shocks go on where it has broken, its return does not."""
        relation = RELATIONS[at]
        decay = 0.5 ** (hours / relation.half_life_h)
        shocks = rng.standard_normal(steps) * (relation.spread * np.sqrt(1.0 - decay**2))
        whole = steps
        if relation.breaks_h is not None:
            whole = min(max(round((relation.breaks_h - self._hour) / hours), 0), steps)
        start = float(self._spreads[at])
        reverting = accumulate(shocks[:whole].tolist(), lambda s, e: decay * s + e, initial=start)
        kept = np.fromiter(reverting, np.float64, whole + 1)
        path: FloatArray = np.concatenate([kept[1:], kept[-1] + np.cumsum(shocks[whole:])])
        self._spreads[at] = path[-1]
        return path

    def _columns(
        self,
        rng: np.random.Generator,
        before: FloatArray,
        after: FloatArray,
        at: int,
        hours: float,
        day: FloatArray,
    ) -> dict[str, Any]:
        """A symbol's bars from the logs of its prices before and after each."""
        name, steps = SYMBOLS[at], len(after)
        volatility = np.sqrt(_MARKET**2 + _SECTOR**2 + _OWN**2) * np.sqrt(hours)
        beyond = np.abs(rng.standard_normal((2, steps), np.float32)) * (_BEYOND * volatility)
        decimals = self.decimals[name]
        opened, closed = np.round(np.exp(before), decimals), np.round(np.exp(after), decimals)
        high = np.round(np.maximum(opened, closed) * (1.0 + beyond[0]), decimals)
        low = np.round(np.minimum(opened, closed) * (1.0 - beyond[1]), decimals)
        activity = np.exp(_VOLUME_SPREAD * rng.standard_normal(steps, np.float32)) * day
        turnover = _PRICES[name][1] * 1e6 / 24.0 * hours * activity
        lot = _lot(_PRICES[name][0])
        return {
            "open": opened,
            "high": high,
            "low": low,
            "close": closed,
            "volume": np.maximum(np.round(turnover / closed / lot), 1.0) * lot,
            "trades": np.maximum(turnover / 1_500.0, 1.0).astype(np.int64),
            "vwap": np.clip((high + low + 2.0 * closed) / 4.0, low, high),
        }


def _decimals(price: float) -> int:
    """Decimals that leave about seven digits of a price."""
    return int(np.clip(6 - np.floor(np.log10(price)), 2, 9))


def _lot(price: float) -> float:
    """A lot that is worth about a tenth of a dollar at most, a power of ten."""
    return float(10.0 ** np.floor(np.log10(0.1 / price)))
