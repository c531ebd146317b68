"""Real frames and our own, damaged: bits, bytes, tokens, stretches, and ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from tests.ingestion import fuzz_values as values

TEMPLATES = (
    b'{"symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}',
    b'{"e":"trade","E":1723161256325,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30",'
    b'"q":"0.006","X":"MARKET","m":false}',
    b'{"stream":"ctkusdt@aggTrade","data":{"e":"aggTrade","E":1626992741575,"a":16599292,"s":'
    b'"CTKUSDT","p":"1.01100","q":"10","f":23961322,"l":23961322,"T":1626992741421,"m":false}}',
    b'[{"s":"ETHUSDT","time":1723161256,"price":"2681.62","qty":"1","id":7},{"s":"ETHUSDT",'
    b'"time":1723161256,"price":"2681.63","qty":"2","id":8}]',
    b'1723161255088176367 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":'
    b'"BTCUSDT","t":3735683259,"p":"61837.63","q":"0.02","T":1723161255342,"m":true,"M":true}}',
    b'{"data":[{"instId":"BTC-USDT","tradeId":"130","px":"5","sz":"2","ts":"1723161256322"}]}',
    b'{"result":null,"id":1}',
)

_TOKEN = re.compile(rb'"[^"]*"|-?\d[\d.eE+-]*|true|false|null')
_TOKENS = tuple(
    text.encode()
    for text in (
        *(*values.BAD_NUMBERS, *values.POISONED[:-1], *values.BAD_TIMES, *values.BAD_SYMBOLS),
        *(*values.BAD_IDS, '"T"', '"E"', '"p"', '"q"', '"s"', '"t"', '"a"', '"X"', '"data"', '"e"'),
        *(
            '"price"',
            '"size"',
            '"symbol"',
            '"ts"',
            '"MARKET"',
            '"NA"',
            '"trade"',
            "[",
            "]",
            "{",
            "}",
        ),
    )
)
_MARKS = b'{}[]",:0123456789.eE+-\\ \n\r\x00\xff'


def _bit(rng: Random, text: bytearray) -> None:
    text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)


def _byte(rng: Random, text: bytearray) -> None:
    text[rng.randrange(len(text))] = rng.choice(_MARKS)


def _digit(rng: Random, text: bytearray) -> None:
    """A number that is another number still."""
    at = [place for place, one in enumerate(text) if 48 <= one <= 57]
    if at:
        text[rng.choice(at)] = 48 + rng.randrange(10)


def _letter(rng: Random, text: bytearray) -> None:
    """A name or a word that is another still."""
    at = [place for place, one in enumerate(text) if 65 <= one <= 122]
    if at:
        text[rng.choice(at)] = rng.choice(b"spqtTaEXebAvmVP_")


def _token(rng: Random, text: bytearray) -> None:
    found = list(_TOKEN.finditer(text))
    if found:
        start, end = rng.choice(found).span()
        text[start:end] = rng.choice(_TOKENS)


def _swap(rng: Random, text: bytearray) -> None:
    """Two tokens change places."""
    found = [match.span() for match in _TOKEN.finditer(text)]
    if len(found) > 1:
        one, other = sorted(rng.sample(found, 2))
        first, second = text[slice(*one)], text[slice(*other)]
        text[slice(*other)] = first
        text[slice(*one)] = second


def _cut(rng: Random, text: bytearray) -> None:
    del text[rng.randrange(len(text)) :]


def _drop(rng: Random, text: bytearray) -> None:
    at = rng.randrange(len(text))
    del text[at : at + rng.randint(1, 30)]


def _double(rng: Random, text: bytearray) -> None:
    at = rng.randrange(len(text))
    text[at:at] = text[at : at + rng.randint(1, 60)]


_CHANGES = (_bit, _byte, _cut, _drop, _double) + (_digit, _letter, _token, _swap) * 3


def mutated(rng: Random, frames: Sequence[bytes]) -> bytes:
    """A frame with one to three changes, or the ends of two frames put together."""
    text = bytearray(rng.choice(frames))
    if rng.random() < 0.08:
        other = rng.choice(frames)
        text = text[: rng.randrange(len(text))] + other[rng.randrange(len(other)) :]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if text:
            rng.choice(_CHANGES)(rng, text)
    return bytes(text)
