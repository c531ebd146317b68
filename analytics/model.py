"""The vocabulary of Spreadscope: the frozen values that every package passes on.

Arrays are one-dimensional, C-contiguous and read-only. Times are int64 epoch
milliseconds in UTC until they reach a figure or an export; units stand in names
(``_ms``, ``_bps``). Nothing here computes more than a check of its own fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from analytics._checks import check_choice, check_number, check_whole, take_scalars
from analytics._columns import BAR_COLUMNS as BAR_COLUMNS
from analytics._columns import TICK_COLUMNS as TICK_COLUMNS
from analytics._columns import Bars as Bars
from analytics._columns import BoolArray as BoolArray
from analytics._columns import FloatArray as FloatArray
from analytics._columns import IntArray as IntArray
from analytics._columns import Ticks as Ticks
from analytics._columns import frozen as frozen
from analytics._errors import CountError as CountError
from analytics._errors import MissingError as MissingError
from analytics._errors import OrderError as OrderError
from analytics._errors import ParameterError as ParameterError
from analytics._errors import SameValueError as SameValueError
from analytics._errors import UnexpectedError as UnexpectedError
from analytics._errors import UnknownFieldError as UnknownFieldError
from analytics._errors import WithheldError as WithheldError
from analytics._listing import Listing as Listing
from analytics._snapshot import HedgePath as HedgePath
from analytics._snapshot import PairSnapshot as PairSnapshot
from analytics._snapshot import Reading as Reading

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIMEFRAME = re.compile(r"([1-9]\d{0,5})([smhd])", re.ASCII)


class Timeframes(dict[str, int]):
    """Timeframes and their lengths in ms: the listed ones, and by its name any regular one.

    A file of bars has whatever timeframe it has ("30s", "3m", "7d"): looking it up gives its
    length, though it is not among the keys.

    >>> TIMEFRAMES["5m"], TIMEFRAMES["3m"], "3m" in TIMEFRAMES, is_timeframe("3m")
    (300000, 180000, False, True)
    """

    def __missing__(self, name: str) -> int:
        parts = _TIMEFRAME.fullmatch(name)
        if parts is None:
            raise KeyError(name)
        return int(parts[1]) * _UNITS_MS[parts[2]]


#: Every timeframe that is offered, and its length in ms. One more line here is one more
#: timeframe everywhere.
TIMEFRAMES = Timeframes(
    {
        "1s": 1_000,
        "1m": 60_000,
        "5m": 300_000,
        "15m": 900_000,
        "1h": 3_600_000,
        "4h": 14_400_000,
        "1d": 86_400_000,
    }
)


def is_timeframe(name: object) -> bool:
    """Whether a name is that of a timeframe, listed or of a file.

    >>> is_timeframe("90s"), is_timeframe("0m"), is_timeframe("m")
    (True, False, False)
    """
    return isinstance(name, str) and _TIMEFRAME.fullmatch(name) is not None


def timeframe_name(length_ms: int) -> str:
    """The name of a timeframe of so many ms, a whole number of seconds.

    >>> timeframe_name(30_000), timeframe_name(7_200_000), timeframe_name(604_800_000)
    ('30s', '2h', '7d')
    """
    unit = next(name for name in "dhms" if length_ms % _UNITS_MS[name] == 0)
    return f"{length_ms // _UNITS_MS[unit]}{unit}"


HedgeMethod = Literal["ols", "huber", "theil_sen", "tls", "kalman", "ratio"]
PriceSpace = Literal["price", "log"]
CorrelationBasis = Literal["returns", "prices"]
SpreadMode = Literal["view", "rolling", "kalman", "locked"]
Trend = Literal["n", "c", "ct", "ctt"]
LagMethod = Literal["aic", "bic", "t-stat"]

HEDGE_METHODS: tuple[str, ...] = get_args(HedgeMethod)
#: How the hedge of a pair's spread follows the bars; see PairParams.
SPREAD_MODES: tuple[str, ...] = get_args(SpreadMode)
TRENDS: tuple[str, ...] = get_args(Trend)
LAG_METHODS: tuple[str, ...] = get_args(LagMethod)

#: Latin capitals, digits, . / - _ ^ = : and letters of other scripts; none begins with = or /.
SYMBOL_PATTERN = re.compile(r"(?![=/])(?!.*(?:\.\.|//))(?:[A-Z0-9./_^=:-]|[^\W\x00-\x7f]){1,64}")
#: The same in words that go after "expected".
SYMBOL_WORDS = "1 to 64 letters, digits or . / - _ ^ = :, neither = nor / first, no .. or //"

#: The id of a tick whose source gives none.
NO_TRADE_ID = -1
#: The trade count of a bar whose source gives none (an uploaded OHLC file).
UNKNOWN_TRADES = -1


@dataclass(frozen=True)
class NotReady:
    """An expected absence: what is missing, how much there is and how much it takes."""

    reason: str
    have: int = 0
    need: int = 0

    def __str__(self) -> str:
        return self.reason


#: Legal range of each whole-number parameter of a pair: name -> (low, high).
PAIR_RANGES: dict[str, tuple[int, int]] = {
    "hedge_window": (10, 20_000),
    "z_window": (2, 5_000),
    "corr_window": (3, 5_000),
    "adf_window": (30, 5_000),
    "min_trades": (0, 1_000_000),
    "limit": (50, 20_000),
}
#: Legal range of the least turnover of a bar, in quote currency.
MIN_VOLUME_RANGE: tuple[float, float] = (0.0, 1e12)
#: Legal range of a locked beta, and of a locked alpha.
LOCKED_RANGE: tuple[float, float] = (-1e15, 1e15)


@dataclass(frozen=True)
class PairParams:
    """All that decides a pair's analysis. Hashable: it keys the cache of snapshots.

    hedge_window: fit on the newest n bars, None for all bars in view. limit: how many
    of the newest aligned bars are in view. min_trades, min_volume: rows on which either
    leg had fewer trades, or less turnover (volume x VWAP, in quote currency, which legs of
    different units share), are left out of every statistic; 0 asks for none.

    spread_mode: "view": one line by the method `hedge`, fitted on the newest hedge_window rows
    of those in view. "rolling": each bar is measured with the line of the hedge_window rows
    before it (None: 200), "kalman": with the state of a Kalman filter over those rows. "locked":
    with beta and alpha as given (alpha None: 0), which no other mode heeds.

    Raises ParameterError, a ValueError that carries the field, its value and what is legal.
    """

    y: str
    x: str
    timeframe: str = "1s"
    hedge: str = "ols"
    intercept: bool = True
    price_space: str = "price"
    hedge_window: int | None = None
    z_window: int = 60
    corr_window: int = 60
    corr_on: str = "returns"
    trend: str = "c"
    lag_method: str | None = "aic"
    adf_window: int = 120
    min_trades: int = 0
    min_volume: float = 0.0
    limit: int = 1_000
    spread_mode: str = "view"
    beta: float | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        take_scalars(self)
        if self.y == self.x:
            raise SameValueError("x", self.x, "two different symbols", "y")
        if not is_timeframe(self.timeframe):
            check_choice("timeframe", self.timeframe, tuple(TIMEFRAMES))
        check_choice("hedge", self.hedge, HEDGE_METHODS)
        check_choice("price_space", self.price_space, get_args(PriceSpace))
        check_choice("corr_on", self.corr_on, get_args(CorrelationBasis))
        check_choice("trend", self.trend, TRENDS)
        if self.lag_method is not None:
            check_choice("lag_method", self.lag_method, LAG_METHODS)
        for name, (low, high) in PAIR_RANGES.items():
            value = getattr(self, name)
            if not (name == "hedge_window" and value is None):
                check_whole(name, value, low, high)
        check_choice("spread_mode", self.spread_mode, SPREAD_MODES)
        if self.spread_mode == "locked":
            if self.beta is None:
                legal = "a number from {:,.15g} to {:,.15g}".format(*LOCKED_RANGE)
                words = f"{legal}, the hedge ratio to be locked"
                raise MissingError("beta", None, words)
            check_number("beta", self.beta, *LOCKED_RANGE)
            if self.alpha is not None:
                check_number("alpha", self.alpha, *LOCKED_RANGE)
        check_number("min_volume", self.min_volume, *MIN_VOLUME_RANGE)

    @property
    def filtered(self) -> bool:
        """Whether the activity filter is on, which may leave out any number of rows."""
        return self.min_trades > 0 or self.min_volume > 0


@dataclass(frozen=True, eq=False)
class HedgeFit:
    """A hedge ratio: y = beta x + alpha + residual.

    beta, beta_stderr: floats, or arrays of shape (k,) for a basket of k legs.
    note: what the reader must know, "" if nothing (a fallback, a warning).
    """

    method: str
    beta: Any
    alpha: float
    r_squared: float
    beta_stderr: Any
    n: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class UnitRootResult:
    """An ADF test. critical_values: keys "1%", "5%", "10%"."""

    statistic: float
    pvalue: float
    used_lag: int
    n_obs: int
    critical_values: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class CointegrationResult:
    """An Engle-Granger test, with its own critical values. Keys "1%", "5%", "10%"."""

    statistic: float
    pvalue: float
    used_lag: int
    n_obs: int
    critical_values: Mapping[str, float]
    beta: float = float("nan")
    alpha: float = float("nan")


@dataclass(frozen=True)
class OUFit:
    """dX = theta (mu - X) dt + sigma dW. theta: per unit of dt; mu: the level it returns to;
    sigma: per square root of it; half_life: ln 2 / theta, in the unit of dt, None where the
    series does not revert (theta and mu are NaN then).
    """

    theta: float
    mu: float
    sigma: float
    half_life: float | None


@dataclass(frozen=True)
class Rejected:
    """A line or message that gave no tick: why (a short stable word), and how it began.

    line: its 1-based number in a file, None on a stream.
    """

    reason: str
    sample: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Gap:
    """Trades that a source numbered and we never had: the ids first_id to last_id.

    from_ms, to_ms: exchange times of the trades that stand before and after it.
    """

    symbol: str
    first_id: int
    last_id: int
    from_ms: int
    to_ms: int

    def __len__(self) -> int:
        return self.last_id - self.first_id + 1


FeedState = Literal["stopped", "connecting", "live", "closed", "silent", "reconnecting", "failed"]


@dataclass(frozen=True)
class FeedStatus:
    """What a feed is doing now, in one word and one sentence.

    retry_in_s: seconds until the next attempt while reconnecting. connects: connections
    opened since the start.
    """

    source: str
    state: FeedState
    detail: str = ""
    retry_in_s: float | None = None
    connects: int = 0
