"""Messages by grammar, each with what must become of it: the meaning is known before the text.

Nothing here reads a message. A `Case` holds the text and, element by element, the tick that
must come out, or that none may; so the oracle shares neither code nor parser with `decode`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.ingestion import fuzz_values as values
from tests.ingestion.fuzz_values import BAD, HUGE, NO_ID, POISON, Value


class Tick(NamedTuple):
    symbol: str
    ts_ms: int
    price: float
    size: float
    id: int


@dataclass
class Case:
    """A message. ticks: that must come, in order. parts: how many elements have to be counted.

    loose: how it is split up is the decoder's to say, but no tick may come of it. consumed:
    ids of prints that are no trades, which continuity has to hear of. kind: for the figures.
    """

    kind: str
    text: bytes
    ticks: list[Tick] = field(default_factory=list)
    parts: int = 1
    loose: bool = False
    consumed: list[tuple[str, int]] = field(default_factory=list)


class Element(NamedTuple):
    """One object. tick: None for one that is refused. poison: POISON or HUGE is in it."""

    text: str
    tick: Tick | None
    poison: object = None
    consumed: tuple[str, int] | None = None


#: Of a field: how often it is wrong, and how often what stands there is no JSON at all.
WRONG, BROKEN = 0.03, 0.004

NAMES = {
    "symbol": ("symbol", "s", "pair", "instrument", "product_id", "ticker"),
    "time": ("ts", "timestamp", "time", "T", "datetime"),
    "price": ("price", "p", "last"),
    "size": ("size", "qty", "quantity", "q", "amount", "sz"),
    "id": ("id", "trade_id", "tradeId"),
}
EXTRAS = (
    *('"side":"buy"', '"note":null', '"x":{"price":[1,{"s":"<b>"}]}', '"maker":false', '"n":1e3'),
    *('"html":"<script>alert(1)</script>"', '"deep":[[[[[[]]]]]]', '"nul":"\\u0000"', '"":0'),
)
STRANGERS = ("5", "null", '"BTCUSDT"', "true", "[]", "{}", '{"hello":"world"}', "1.5", "[1,2]")
CONTROLS = (
    *('{"result":null,"id":1}', '{"result":["btcusdt@aggTrade"],"id":3}', '{"ping":1723161256322}'),
    *('{"code":2,"msg":"Invalid request","id":1}', '{"error":{"code":2,"msg":"bad"},"id":1}'),
    *(
        '{"e":"serverShutdown","E":1723161256322}',
        '{"type":"heartbeat","time":"2024-08-08T23:54:16Z"}',
    ),
    *('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161256322}}', "{}", "[]"),
    *(
        '{"error":5}',
        '{"event":"subscribe","arg":{"channel":"trades"}}',
        '{"error":null}',
        "null",
        "0",
    ),
    *('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}', '{"type":"subscriptions"}'),
    *(
        '{"stream":"btcusdt@bookTicker","data":{"u":5,"s":"BTCUSDT","b":"5","B":"1","a":"6","A":"1"}}',
    ),
    *('{"type":"ticker","product_id":"BTC-USD","price":"5","volume":"9","time":1723161256322}',),
)


def collector(rng: Random) -> Element:
    """The browser collector's line, and what others write of the same kind."""
    plain = rng.random() < 0.5
    name = {part: names[0] if plain else rng.choice(names) for part, names in NAMES.items()}
    fields = {
        name["symbol"]: values.symbol(rng, WRONG),
        name["time"]: values.time(rng, WRONG),
        name["price"]: values.quantity(rng, WRONG, BROKEN, values.BAD_PRICES),
        name["size"]: values.quantity(rng, WRONG, BROKEN, values.BAD_SIZES),
    }
    if rng.random() < 0.4:
        fields[name["id"]] = values.identity(rng)
    parts = {part: key for part, key in name.items() if key in fields}
    return _element(rng, fields, parts)


def trade(rng: Random, kind: str, streamed: str | None = None) -> Element:
    """The exchange's `trade` or `aggTrade`; most prints of the market, some not.

    streamed: the symbol that the stream's name tells where the trade itself does not.
    """
    number = "t" if kind == "trade" else "a"
    when = values.time(rng, WRONG)
    fields: dict[str, Value] = {
        "e": (f'"{kind}"', None),
        "E": when if when[1] is not BAD else ("1723161256325", None),
        "s": values.symbol(rng, WRONG),
        number: values.identity(rng),
        "p": values.quantity(rng, WRONG, BROKEN, values.BAD_PRICES),
        "q": values.quantity(rng, WRONG, BROKEN, values.BAD_SIZES),
        "T": when,
        "m": (rng.choice(("true", "false")), None),
    }
    if kind == "aggTrade":
        fields |= {"f": ("23961322", None), "l": ("23961399", None)}
        if rng.random() < 0.5:
            fields |= {"nq": ('"10"', None), "st": ("1", None)}
    elif rng.random() < 0.3:
        fields |= {"b": ("88", None), "a": ("99", None), "M": ("true", None)}
    else:
        fields["X"] = ('"MARKET"', None)
    draw = rng.random()
    if draw < 0.03:
        fields["e"] = (rng.choice(('"kline"', '"depthUpdate"', '"Trade"', '""', '"<b>"')), BAD)
    elif draw < 0.09 and kind == "trade":
        _no_trade(rng, fields)
    part = {"symbol": "s", "time": "T", "price": "p", "size": "q", "id": number}
    return _element(rng, fields, part, streamed)


def _no_trade(rng: Random, fields: dict[str, Value]) -> None:
    """A print that uses up an id and is none of the market's trades."""
    if rng.random() < 0.5:
        fields |= {"p": ('"0"', BAD), "q": ('"0"', BAD), "X": ('"NA"', BAD)}
    else:
        fields["X"] = (
            rng.choice(('"INSURANCE_FUND"', '"NA"', '"ADL"', "null", "5", '"market"')),
            BAD,
        )


def _element(
    rng: Random, fields: dict[str, Value], part: dict[str, str], streamed: str | None = None
) -> Element:
    keys = list(fields)
    draw = rng.random()
    if draw < 0.3:
        rng.shuffle(keys)
    missing = None
    if draw > 0.97:
        missing = rng.choice([part[name] for name in ("symbol", "time", "price", "size")])
        keys.remove(missing)
        if missing == "T" and "E" in keys:
            keys.remove("E")
    pairs = [f"{json.dumps(key)}:{fields[key][0]}" for key in keys]
    if rng.random() < 0.1:
        pairs.insert(rng.randrange(len(pairs) + 1), rng.choice(EXTRAS))
    meant = {key: fields[key][1] for key in keys}
    if streamed is not None and missing == part["symbol"]:
        meant[part["symbol"]], missing = streamed, None
    if rng.random() < 0.02:
        # The last of two equal keys counts, as everywhere where JSON is read.
        key = rng.choice(keys)
        pairs.insert(0, f"{json.dumps(key)}:{rng.choice(('null', '5', 'true', '[]', '{}'))}")
    poison = next((value for value in (POISON, HUGE) if value in meant.values()), None)
    return Element("{" + ",".join(pairs) + "}", *_verdict(meant, part, missing, poison))


def _verdict(
    meant: dict[str, object], part: dict[str, str], missing: str | None, poison: object
) -> tuple[Tick | None, object, tuple[str, int] | None]:
    number = meant.get(part.get("id", ""), NO_ID)
    consumed = None
    if "X" in meant and meant["X"] is BAD and isinstance(meant.get("s"), str) and number != NO_ID:
        usable = missing is None and meant["e"] is not BAD
        consumed = (str(meant["s"]), int(str(number))) if usable and poison is None else None
    if poison is not None or missing or any(value is BAD for value in meant.values()):
        return None, poison, consumed
    row = [meant[part[name]] for name in ("symbol", "time", "price", "size")]
    return Tick(*row, number), None, None  # type: ignore[arg-type]


def element(rng: Random) -> Element:
    draw = rng.random()
    if draw < 0.4:
        return collector(rng)
    return trade(rng, "trade" if draw < 0.7 else "aggTrade")


def plain(rng: Random) -> Case:
    return _case("plain", [element(rng)], "%s".__mod__)


def combined(rng: Random) -> Case:
    kind = rng.choice(("trade", "aggTrade"))
    wraps = (
        '{"stream":"btcusdt@' + kind + '","data":%s}',
        '{"data":%s,"stream":"btcusdt@' + kind + '"}',
    )
    return _case("combined", [trade(rng, kind, "BTCUSDT")], rng.choice(wraps).__mod__)


def of_stream(rng: Random) -> Case:
    """A combined frame whose symbol stands in the stream's name alone."""
    price, size = rng.randint(1, 99_999), rng.randint(1, 999)
    number = rng.randrange(10**9)
    text = f'{{"e":"trade","T":1723161256322,"p":"{price}","q":"{size}","t":{number}}}'
    tick = Tick("ETHUSDT", 1_723_161_256_322, price, size, number)
    whole = f'{{"data":{text},"stream":"ethusdt@trade"}}'
    return Case("of-stream", whole.encode(), [tick])


def array(rng: Random) -> Case:
    """Trades, and now and then something else among them."""
    found = [element(rng) for _ in range(rng.randint(1, 5))]
    while rng.random() < 0.25:
        found.insert(rng.randrange(len(found) + 1), Element(rng.choice(STRANGERS), None))
    wraps = (
        "[%s]",
        "[%s]",
        "[ %s\n]",
        '{"data":[%s]}',
        '{"trades":[%s],"id":"x"}',
        '{"ticks":[%s]}',
    )
    return _case("array", found, rng.choice(wraps).__mod__)


def lines(rng: Random) -> Case:
    """Several lines in one message, some of them with the recorder's time before them."""
    texts, whole = [], Case("lines", b"", parts=0)
    for _ in range(rng.randint(2, 4)):
        one = rng.choice((plain, combined, control))(rng)
        if "\n" in one.text.decode("utf-8", "replace") or one.loose or not one.text.strip():
            continue
        stamp = "1723161255088176367 " if rng.random() < 0.3 and one.text[:1] == b"{" else ""
        texts.append(stamp.encode() + one.text)
        whole.ticks += one.ticks
        whole.parts += one.parts
        whole.consumed += one.consumed
    if not texts:
        return plain(rng)
    whole.text = rng.choice((b"\n", b"\r\n", b"\n\n")).join(texts) + rng.choice((b"", b"\n"))
    return whole


def control(rng: Random) -> Case:
    return Case("control", rng.choice(CONTROLS).encode())


def torn(rng: Random) -> Case:
    """A message that ends too early, or never was one."""
    draw = rng.random()
    if draw < 0.7:
        text = rng.choice((plain, combined, array))(rng).text
        return Case("torn", text[: rng.randrange(len(text))], loose=True)
    if draw < 0.95:
        return Case("noise", rng.randbytes(rng.randint(0, 60)), loose=True)
    deep = rng.choice(
        (b"[", b'{"a":', b'[{"data":', b" ", b"9", b'"', b"\n", b"{}", b"1723161255 ")
    )
    return Case("endless", deep * rng.choice((1_000, 20_000)), loose=True)


def _case(kind: str, found: list[Element], wrap: Callable[[str], str]) -> Case:
    text = wrap(",".join(one.text for one in found)).encode()
    poison = {one.poison for one in found}
    if POISON in poison or (HUGE in poison and not text.startswith(b"[")):
        # Not JSON; a line break in it makes lines of it. No tick may come of what is torn.
        return Case(kind, text, loose=b"\n" in text or b"\r" in text)
    ticks = [one.tick for one in found if one.tick is not None]
    consumed = [one.consumed for one in found if one.consumed is not None]
    return Case(kind, text, ticks, len(found), consumed=consumed)


KINDS = (plain,) * 9 + (combined,) * 6 + (array,) * 3 + (lines, of_stream, control, torn)


def case(rng: Random) -> Case:
    """A message of any kind."""
    return rng.choice(KINDS)(rng)
