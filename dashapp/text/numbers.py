"""Numbers as this field writes them: prices by their size, per cent, bps, time.

Negative numbers carry a true minus sign, a missing or infinite value is an en dash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from analytics.model import TIMEFRAMES

NONE = "–"
SIGNIFICANT_P = 0.05

_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "JPY", "BTC", "ETH")
_UNITS_MS = (("d", 86_400_000, 172_800_000), ("h", 3_600_000, 7_200_000), ("min", 60_000, 120_000))


def _missing(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with `digits` decimals and thousands separators.

    >>> number(-1234.5, 1), number(2.305, 2, signed=True), number(float("nan"), 2)
    ('−1,234.5', '+2.31', '–')
    """
    if value is None or not math.isfinite(value):
        return NONE
    rounded = round(value * 10**digits + math.copysign(1e-9, value)) / 10**digits
    text = f"{rounded:{'+' if signed and rounded else ''},.{digits}f}"
    return text.lstrip("-") if rounded == 0 else text.replace("-", "−")


def counted(count: int, noun: str) -> str:
    """A count with its noun, in the plural where there is not one.

    >>> counted(1, "trade"), counted(1_200, "bar")
    ('1 trade', '1,200 bars')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def decimals(value: float | None) -> int:
    """How many decimals a price of this size is shown with.

    >>> decimals(61800.3), decimals(142.3), decimals(2.4), decimals(0.0512)
    (2, 2, 4, 6)
    """
    if value is None or not math.isfinite(value) or value == 0:
        return 2
    exponent = math.floor(math.log10(abs(value)))
    if exponent >= 2:
        return 2
    return min(4 - exponent, 10)


def amount_decimals(amounts: Iterable[float], most: int = 8) -> int:
    """The fewest decimals, up to `most`, that write every amount of a column in full.

    >>> amount_decimals([0.5, 12.0]), amount_decimals([0.1 + 0.2]), amount_decimals([1 / 3], 3)
    (1, 1, 3)
    """
    values = np.fromiter(amounts, np.float64)
    values = values[np.isfinite(values)]
    room = np.maximum(5e-9, 1e-12 * np.abs(values))
    exact = (np.all(np.abs(values - np.round(values, places)) < room) for places in range(most))
    return next((place for place, whole in enumerate(exact) if whole), most)


def span_digits(low: float, high: float) -> int:
    """How many decimals tell values apart on an axis from low to high, 2 to 6.

    >>> span_digits(-0.015, 0.003), span_digits(-3.0, 12.0)
    (3, 2)
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return 2
    return min(max(1 - math.floor(math.log10(span)), 2), 6)


def price(value: float | None, scale: float | None = None, *, signed: bool = False) -> str:
    """A price with the decimals of its size, or of the size of `scale`.

    >>> price(61800.3), price(0.0512), price(-3.2, scale=61800.3)
    ('61,800.30', '0.051200', '−3.20')
    """
    return number(value, decimals(value if scale is None else scale), signed=signed)


def ratio_digits(value: float | None) -> int:
    """How many decimals show four significant digits of a ratio.

    >>> ratio_digits(0.042131), ratio_digits(20.3084)
    (5, 2)
    """
    if value is None or not math.isfinite(value) or value == 0:
        return 3
    return min(max(3 - math.floor(math.log10(abs(value))), 0), 10)


def ratio(value: float | None) -> str:
    """A hedge ratio in four significant digits; a power of ten stands for a long row of zeros.

    >>> ratio(0.042131), ratio(20.3084), ratio(61800.3), ratio(-5.17e-8)
    ('0.04213', '20.31', '61,800', '−5.170e−8')
    """
    if value is not None and 0 < abs(value) < 1e-6:
        mantissa, exponent = f"{value:.3e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    return number(value, ratio_digits(value))


def pct(share: float | None, digits: int = 2, *, signed: bool = True) -> str:
    """A share of 1 as per cent, with its sign unless told otherwise.

    >>> pct(0.0123), pct(-0.5, 0), pct(0.341, 0, signed=False), pct(float("nan"))
    ('+1.23 %', '−50 %', '34 %', '–')
    """
    if share is None or not math.isfinite(share):
        return NONE
    return f"{number(share * 100, digits, signed=signed)} %"


def p_value(value: float | None) -> str:
    """A p-value with its sign of equality; one below `SIGNIFICANT_P` is never shown as it.

    >>> p_value(0.0121), p_value(1e-9), p_value(None)
    ('p = 0.012', 'p < 0.001', 'p –')
    >>> p_value(0.05), p_value(0.0496), p_value(0.04999)
    ('p = 0.050', 'p = 0.0496', 'p < 0.05')
    """
    if value is None or _missing(value):
        return f"p {NONE}"
    if value < 0.001:
        return "p < 0.001"
    below = value < SIGNIFICANT_P
    digits = 4 if below and round(value, 3) == SIGNIFICANT_P else 3
    if below and round(value, digits) == SIGNIFICANT_P:
        return f"p < {SIGNIFICANT_P:g}"
    return f"p = {value:.{digits}f}"


def compact(value: float | None) -> str:
    """A large quantity in three digits or so.

    >>> compact(1234567), compact(950), compact(12.3456)
    ('1.23 M', '950', '12.3')
    """
    if value is None or _missing(value):
        return NONE
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            scaled = value / (1e3 if size == 1e4 else size)
            return f"{number(scaled, 2 if abs(scaled) < 10 else 1)}{unit}"
    digits = 0 if float(value).is_integer() or abs(value) >= 1000 else 1
    return number(value, digits if abs(value) >= 10 or not digits else 3)


def duration(ms: float) -> str:
    """A length of time in the unit that reads best.

    >>> duration(41_000), duration(410_000), duration(9e6), duration(3e8), duration(4_150)
    ('41 s', '6.8 min', '2.5 h', '3.5 d', '4.2 s')
    """
    for unit, size, threshold in _UNITS_MS:
        if ms >= threshold:
            return f"{ms / size:.1f} {unit}"
    return f"{ms / 1_000:.1f} s" if ms < 9_950 else f"{ms / 1_000:.0f} s"


def bar_span(count: float, timeframe: str, step_ms: float | None = None) -> str:
    """A number of bars, and how long it takes on the clock.

    step_ms: time from one bar to the next, None for the length of the timeframe; see
    `usual_step` for bars that have gaps between them.

    >>> bar_span(41.2, "1s"), bar_span(4.26, "1m"), bar_span(41.2, "1s", 3_000)
    ('41 bars (41 s)', '4.3 bars (4.3 min)', '41 bars (2.1 min)')
    """
    step = TIMEFRAMES[timeframe] if step_ms is None else step_ms
    shown = f"{count:,.1f}" if count < 10 and count != int(count) else f"{count:,.0f}"
    unit = "bar" if shown == "1" else "bars"
    return f"{shown} {unit} ({duration(count * step)})"


def quote(symbol: str) -> str:
    """The currency that a symbol is quoted in, "" if its name does not say.

    >>> quote("BTCUSDT"), quote("SPY")
    ('USDT', '')
    """
    return next((q for q in _QUOTES if symbol.endswith(q) and len(symbol) > len(q)), "")


def base(symbol: str) -> str:
    """What is traded under a symbol.

    >>> base("BTCUSDT"), base("ETH-USD")
    ('BTC', 'ETH')
    """
    return symbol[: len(symbol) - len(quote(symbol))].rstrip("-_") or symbol


def start_time(first_ms: float, last_ms: float) -> str:
    """When a span began, in UTC, with as much of its date as the span's end leaves open.

    >>> start_time(1_723_161_256_000, 1_723_161_300_000), start_time(1_723_161_256_000, 1.7236e12)
    ('23:54', '8 Aug 23:54')
    """
    first, last = (datetime.fromtimestamp(ms / 1_000, UTC) for ms in (first_ms, last_ms))
    if first.date() == last.date():
        return f"{first:%H:%M}"
    return f"{first:%-d %b %H:%M}" if first.year == last.year else f"{first:%-d %b %Y}"


def utc_time(ts_ms: float) -> str:
    """A time as tables and hovers show it, in UTC; milliseconds only where there are any.

    >>> utc_time(1_723_161_256_322), utc_time(1_723_161_256_000)
    ('2024-08-08 23:54:16.322', '2024-08-08 23:54:16')
    """
    whole, rest = divmod(int(ts_ms), 1_000)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{rest:03d}" if rest else text
