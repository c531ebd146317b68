"""Values as sources write them, each with what it means: written from the specification.

A value is (text of JSON, meaning). BAD: valid JSON that is no such value, so its trade is
to be refused. POISON: no JSON at all, so the whole message is. HUGE: JSON, but no number that a
parser must have; an object that holds one is refused, and so is an envelope around it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

BAD = object()
POISON = object()
HUGE = object()
Value = tuple[str, Any]

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
NO_ID = -1

BAD_NUMBERS = (
    *('"1_000"', '"１２"', '"١٢٣"', '" 1"', '"1 "', '"nan"', '"NaN"', '"inf"', '"-Infinity"'),
    *('"1e400"', '""', '"0x10"', "true", "false", "null", "[1]", '{"a":1}', "[]", "{}", "-1"),
    *('"-1"', "-0.0", '"-0"', '"1,000"', '"1.2.3"', '"5\\u0000"', '"5e"', '"e5"', '"--5"'),
    *('"+-5"', '"."', '"5 USD"', '"½"', "-1e-9", "1e-400", '"1e-400"', '"Infinity"', "[61800.3]"),
)
POISONED = (
    *("NaN", "Infinity", "-Infinity", "01", "1_000", "+5", ".5", "5.", "0x10", "１２"),
    *("'5'", "undefined", "None", "True", '"a\x00b"', '"a\nb"', "", "5 5"),
)
HUGES = ("1e400", "-1e400", "1e99999", "1" + "0" * 5_000)
BAD_PRICES = (*BAD_NUMBERS, "1e12", "1000000000000", '"1e12"', "9" * 300)
BAD_SIZES = (*BAD_NUMBERS, "1e18", '"1e18"', "9" * 300)
BAD_TIMES = (
    *("42", "-1", "0", "null", "true", "[]", "{}", '""', '"yesterday"', '"NaN"', "946684799"),
    *("946684799999", "4102444800", "4102444800000", "4102444800000000", "946684799999999"),
    *("4102444800000000000", "946684799999999999", '"4102444800"', "1e300", '"20240808"', '"2024"'),
    *('"1999-12-31T23:59:59.999Z"', '"2100-01-01T00:00:00Z"', '"2024-02-30T00:00:00Z"'),
    *('"2024-08-08T25:00:00Z"', '"2024-08-08T23:60:00Z"', '"2024-08-08T23+01:00.322Z"'),
    *('"2024-08-08T235416.1.322Z"', '"2024-08-08123:54:16.322Z"', '"2024-08-08x23:54:16"'),
    *('"２０２４-08-08T23:54:16Z"', '"2024-08-08T23:54:16.3２2Z"', '"2024-08-08T23:54:16.Z"'),
    *('"2024-08-08T23:54:16+99:00"', '"08/08/2024"', '"2024-13-01"', '"2024-08-08T23:54:16ZZ"'),
    *('"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '" 1723161256322"'),
)
BAD_SYMBOLS = (
    *(
        '""',
        "5",
        "null",
        "true",
        "[]",
        '{"a":"BTC"}',
        '["BTCUSDT"]',
        '"<img src=x onerror=alert(1)>"',
    ),
    *("\"=cmd|' /C calc'!A0\"", '"../../etc/passwd"', '"//BTC"', '"A\\u0000B"'),
    *(
        '" BTC"',
        '"BTC "',
        '"BTC\\n"',
        '"@SUM(A1)"',
        '"BTC\\u202eUSD"',
        '"' + "A" * 65 + '"',
    ),
)
BAD_IDS = ('"b1f0"', "-4", str(2**63), "1.5", "true", '""', "null", "[]", '"-1"', '"1.5"', "1e300")
SYMBOLS = (
    *("BTCUSDT", "ETHUSDT", "btcusdt", "BtcUsdt", "1000PEPEUSDT", "BTC-PERPETUAL", "BTCUSD_PERP"),
    *(
        "btc-usd",
        "A",
        "a_b-c",
        "X" * 32,
        "0",
        "SOL_USDC",
        "ethusdt_250926",
        "nan",
        "null",
        "-",
        "_",
    ),
    *("BTC/USDT", "brk.b", "^gspc", "CL=F", "FX:EURUSD", "币安人生usdt", "straße", "X" * 64),
)


def symbol(rng: Random, bad: float) -> Value:
    if rng.random() < bad:
        return rng.choice(BAD_SYMBOLS), BAD
    name = rng.choice(SYMBOLS)
    proper = "".join(letter.upper() if letter.isascii() else letter for letter in name)
    return json.dumps(name), proper


def quantity(rng: Random, bad: float, poison: float, bads: tuple[str, ...]) -> Value:
    """A price or a size."""
    draw = rng.random()
    if draw < bad:
        return rng.choice(bads), BAD
    if draw < bad + poison:
        return rng.choice(POISONED), POISON
    if draw < bad + 1.3 * poison:
        return rng.choice(HUGES), HUGE
    text = rng.choice(
        (
            f"{rng.uniform(1e-6, 1e5):.8f}",
            f"{rng.uniform(100, 90_000):.2f}",
            str(rng.randint(1, 100_000)),
            f"{rng.uniform(1, 10):.5f}e{rng.randint(-8, 8)}",
            f"{rng.randint(1, 9)}E+{rng.randint(0, 9)}",
            rng.choice(
                ("999999999999.9", "5e-324", "0.00000001", "1e-300", "1.0", "10", "2." + "0" * 90)
            ),
        )
    )
    if float(text) <= 0:
        text = "1.5"
    return (text if rng.random() < 0.5 else f'"{text}"'), float(text)


def time(rng: Random, bad: float) -> Value:
    if rng.random() < bad:
        return rng.choice(BAD_TIMES), BAD
    draw = rng.random()
    if draw < 0.03:
        ms = rng.choice((FIRST_MS, FIRST_MS + 1, END_MS - 1, END_MS - 1_000))
    elif draw < 0.1:
        ms = rng.randrange(FIRST_MS, END_MS)
    else:
        ms = 1_723_161_256_322 + rng.randint(0, 10**7)
    return rng.choice(TIME_FORMS)(ms, rng)


def _epoch(per_ms: int) -> Any:
    def form(ms: int, rng: Random) -> Value:
        text = str(ms * per_ms + rng.randrange(per_ms))
        return (text if rng.random() < 0.6 else f'"{text}"'), ms

    return form


def _seconds(ms: int, rng: Random) -> Value:
    text = str(ms // 1_000)
    return (text if rng.random() < 0.5 else f'"{text}"'), ms // 1_000 * 1_000


def _float_seconds(ms: int, rng: Random) -> Value:
    text = f"{ms // 1_000}.{ms % 1_000:03d}"
    return (text if rng.random() < 0.5 else f'"{text}"'), ms


def _float_ms(ms: int, rng: Random) -> Value:
    return f"{ms}{rng.choice(('.0', '.25', '.5'))}", ms


def _iso(ms: int, rng: Random) -> Value:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    hours = rng.choice((0, 0, 2, -5))
    zone = rng.choice(("Z", "", " UTC", "+00:00")) if not hours else f"{hours:+03d}:00"
    local = moment + timedelta(hours=hours)
    second = local.strftime("%Y-%m-%d" + rng.choice("TT ") + "%H:%M:%S")
    digits = rng.choice(("{:03d}", "{:03d}", "{:03d}999", "{:03d}999999"))
    if rng.random() < 0.1:
        return f'"{second}{zone}"', ms // 1_000 * 1_000
    return f'"{second}.{digits.format(ms % 1_000)}{zone}"', ms


#: The collector's own form and the exchange's are the most frequent.
TIME_FORMS = (
    *(*(_epoch(1),) * 5, *(_iso,) * 5, _epoch(1_000), _epoch(10**6)),
    *(_seconds, _float_seconds, _float_ms),
)


def identity(rng: Random) -> Value:
    draw = rng.random()
    if draw < 0.12:
        return rng.choice(BAD_IDS), NO_ID
    number = rng.choice((rng.randrange(10**10), rng.randrange(1_000), rng.randrange(2**63)))
    if draw < 0.16:
        number = rng.choice((0, 2**53, 2**63 - 1))
    if draw < 0.2:
        return f"{number % 2**53}.0", number % 2**53
    return (str(number) if rng.random() < 0.7 else f'"{number}"'), number
