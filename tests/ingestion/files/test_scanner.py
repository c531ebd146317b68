"""The scan of a file's bytes gives what the decoder gives, to the bit, however it is cut."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analytics.model import Ticks
from ingestion.decode.decoder import Decoder
from ingestion.files.reader import UploadReader
from ingestion.files.report import Tally
from ingestion.files.scankernel import PAD
from ingestion.files.scanner import LineScanner
from ingestion.files.template import learn_template

TICK = '{"symbol":"BTCUSDT","ts":"2024-08-08T23:54:16.322Z","price":61800.3,"size":0.006}'
SYMBOLS = (
    "BTCUSDT",
    "ethusdt",
    "A",
    "1000PEPEUSDT",
    "BTC-27DEC24_LONG_NAME_OF_32_CHAR",
    "X1234567",
)


class ByDecoder(LineScanner):
    """The same with no layout ever learnt: every line goes the decoder's way."""

    def __init__(self, decoder: Decoder, tally: Tally) -> None:
        super().__init__(decoder, tally)
        self._tries = 0


def outcome(kind: type[LineScanner], blocks: list[bytes], default: str | None = None):
    """Bits of all ticks by symbol, the refusals, and how many lines the decoder was given."""
    tally = Tally()
    refused = []
    tally_reject = tally.reject
    tally.reject = lambda those: (refused.extend(those), tally_reject(those))  # type: ignore
    decoder = Decoder(default)
    asked = []
    decode_lines = decoder.decode_lines
    decoder.decode_lines = lambda lines, where=None: (  # type: ignore
        asked.append(len(lines)),
        decode_lines(lines, where),
    )[1]
    scanner = kind(decoder, tally)
    found: dict[str, list[list[bytes]]] = {}
    for block in blocks:
        for batch in scanner.scan(block + bytes(PAD), len(block)):
            columns = (batch.ts_ms, batch.price, batch.size, batch.trade_id)
            rows = [struct.pack("<qddq", *row) for row in zip(*columns, strict=True)]
            found.setdefault(batch.symbol, []).extend(rows)
    report = tally.report("file", "ticks", None, 0)
    refused.sort(key=lambda one: one.line)
    return found, refused, report, scanner.line, sum(asked)


def agree(blocks: list[bytes], default: str | None = None, learn_from: int = 0) -> int:
    """Check that both ways agree; how many lines of the scan the decoder was given."""
    with pytest.MonkeyPatch.context() as patch:
        if learn_from:
            patch.setattr("ingestion.files.scanner.LEARN_FROM", learn_from)
        scanned = outcome(LineScanner, blocks, default)
    decoded = outcome(ByDecoder, blocks, default)
    assert scanned[:4] == decoded[:4]
    assert list(scanned[0]) == list(decoded[0])
    return scanned[4]


def cut(lines: list[bytes], sizes: list[int]) -> list[bytes]:
    """The lines in blocks of these sizes, over and over."""
    blocks, at, turn = [], 0, 0
    while at < len(lines):
        blocks.append(b"".join(lines[at : at + sizes[turn % len(sizes)]]))
        at += sizes[turn % len(sizes)]
        turn += 1
    return blocks


numbers = st.one_of(
    st.sampled_from(
        ["0", "0.0", "-1", "1", "01", "1.", ".5", "1e5", "1E-3", "9007199254740993", "1e400", "NaN"]
    ),
    st.sampled_from(["0.1", "123456789012345678", "0.000000000000000001", "12345678.12345678"]),
    st.floats(1e-9, 1e13).map(repr),
    st.integers(0, 10**19).map(str),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(lambda two: f"{two[0]}.{two[1]}"),
    st.sampled_from(
        ["1_000", "１２", "true", "null", '"5"', '""', "[1]", "999999999999.9", "1e12"]
    ),
)
times = st.one_of(
    st.datetimes().map(lambda one: one.isoformat(timespec="milliseconds") + "Z"),
    st.datetimes().map(lambda one: one.isoformat() + "Z"),
    st.integers(946_684_800_000, 4_102_444_799_999).map(
        lambda ms: f"{np.datetime64(ms, 'ms')}"[:23] + "Z"
    ),
    st.sampled_from(
        [
            *("2024-02-29T23:59:59.999Z", "2023-02-29T00:00:00.000Z", "2024-08-08 23:54:16.322Z"),
            *("2024-08-08T24:00:00.000Z", "2024-08-08T23:54:60.000Z", "2024-13-01T00:00:00.000Z"),
            *("2024-08-08T23:54:16.3224567891Z", "2024-08-08T23:54:16Z", "2024-08-08T23:54:16.Z"),
            *("2024-08-08T23:54:16.322+02:00", "2100-01-01T00:00:00.000Z", "1999-12-31T23:59:59Z"),
            *("2024-08-08T23:54:16.322", "2024-8-8T23:54:16.322Z", "", "2024-08-08T23:54:16,322Z"),
        ]
    ),
)
endings = st.sampled_from(["\n", "\r\n", "\n", " \n", "\n\n", "\n \t\n", "\r\r\n", "}\n"])


@st.composite
def ticks(draw) -> bytes:
    """A line as the collector writes it, with values of every kind."""
    symbol = draw(st.one_of(st.sampled_from(SYMBOLS), st.sampled_from(["<b>", "", "é", "A" * 33])))
    time, price, size = draw(times), draw(numbers), draw(numbers)
    line = f'{{"symbol":"{symbol}","ts":"{time}","price":{price},"size":{size}}}'
    return (line + draw(endings)).encode()


@st.composite
def mutated(draw) -> bytes:
    """A good line in which bytes were changed, left out or put in."""
    line = bytearray(TICK.encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(line) - 1))
        what = draw(st.sampled_from(["set", "drop", "add", "double", "nul"]))
        byte = draw(st.one_of(st.sampled_from(b'0123456789.-"{}:, T\\Z'), st.integers(0, 255)))
        if what == "nul":
            line[at : at + 24] = bytes(24)
        elif what == "set":
            line[at] = byte
        elif what == "drop":
            del line[at]
        else:
            line[at:at] = line[at : at + 8] if what == "double" else bytes([byte])
        line = line or bytearray(b" ")
    return bytes(line) + b"\n"


good = st.builds(
    lambda symbol, ms, price, size: (
        f'{{"symbol":"{symbol}","ts":"{np.datetime64(ms, "ms")!s:.23}Z",'
        f'"price":{price / 100},"size":{size / 1000}}}\n'
    ).encode(),
    st.sampled_from(SYMBOLS),
    st.integers(1_700_000_000_000, 1_700_000_005_000),
    st.integers(1, 10**8),
    st.integers(1, 10**5),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lines=st.lists(st.one_of(good, good, ticks(), mutated()), min_size=1, max_size=60),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
@example(lines=[TICK.replace("2024-08-08T23:54:16", "\0" * 19).encode() + b"\n"], sizes=[1])
def test_the_scan_gives_what_the_decoder_gives_under_any_chunking(lines, sizes) -> None:
    agree(cut([TICK.encode() + b"\n", *lines], sizes), learn_from=1)


@pytest.mark.parametrize(
    "line",
    [
        TICK,
        json.dumps(json.loads(TICK)),
        '  { "price" : 5 , "size" :2,"ts":1723161256322,"symbol":"A"} ',
        '{"s":"BTCUSDT","T":1723161256322,"p":"61800.30","q":"0.006","m":true,"t":17}',
        '{"e":"trade","E":1723161256323,"s":"BTCUSDT","t":1,"p":"5.0","q":"1","X":"MARKET","T":'
        '1723161256322,"m":false,"note":"a b","n":-1.5,"z":null}',
        '{"ts":"2024-08-08T23:54:16+00:00","price":1.5,"size":3,"id":"42","symbol":"B"}',
        '{"ts":1723161256,"price":1.5,"qty":3,"symbol":"B"}',
        '{"ts":1723161256322000000,"price":1.5,"qty":3,"symbol":"B"}',
    ],
)
def test_a_layout_is_learnt_from_its_first_lines(line: str) -> None:
    lines = [line.encode() + b"\n" for _ in range(400)]
    assert agree(cut(lines, [100])) <= 64


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(
        st.tuples(
            st.sampled_from(["1723161256322", "1723161256", "17", '"x"', "1723161256322000", "0"]),
            st.sampled_from(['"61800.30"', "5", '"1e3"', '"+5"', '" 5"', '"nan"', '"0"', '".5"']),
            st.sampled_from(["true", "false", "null", "1", '"a"', "truE", "{}"]),
            st.sampled_from(["17", "-1", "null", '"17"', "1.0", "9223372036854775808", "017"]),
            st.sampled_from(["trade", "aggTrade", "kline", "tr\\u0061de"]),
            st.sampled_from(["MARKET", "NA", "INSURANCE_FUND"]),
        ),
        max_size=30,
    )
)
def test_frames_of_the_exchange_mean_the_same_to_both(values) -> None:
    first = ("1723161256322", '"61800.30"', "true", "17", "trade", "MARKET")
    lines = [
        f'{{"e":"{e}","E":1,"s":"BTCUSDT","t":{t},"p":{p},"q":"1","X":"{x}","T":{time},"m":{m}}}\n'
        for time, p, m, t, e, x in [first, *values]
    ]
    agree(cut([line.encode() for line in lines], [1, 7]), learn_from=1)


def test_a_symbol_that_no_line_names_is_the_file_s() -> None:
    lines = [
        b'{"ts":1723161256322,"price":5,"size":1}\n',
        b'{"Symbol":"B","ts":17,"price":5}\n',
    ] * 80
    assert agree(cut(lines, [50]), "ETHUSDT") < len(lines)


def test_more_symbols_than_a_market_takes_are_refused_alike() -> None:
    lines = [TICK.replace("BTC", f"B{n % 90}").encode() + b"\n" for n in range(400)]
    agree(cut(lines, [33]))


def test_a_price_is_the_float_of_its_text() -> None:
    rng = np.random.default_rng(3)
    texts = [repr(float(one)) for one in rng.uniform(0, 1e6, 2_000)]
    texts += [f"{one:.8f}" for one in rng.uniform(1e-7, 1e5, 2_000)]
    texts += [str(int(one)) for one in rng.integers(1, 10**11, 500)]
    lines = [TICK.replace("61800.3", text).encode() + b"\n" for text in texts]
    tally = Tally()
    scanner = LineScanner(Decoder(), tally)
    block = b"".join(lines)
    found = np.concatenate([one.price for one in scanner.scan(block + bytes(PAD), len(block))])
    assert found.tolist() == [float(text) for text in texts]


def test_every_second_of_every_kind_of_year_is_exact() -> None:
    rng = np.random.default_rng(4)
    ms = np.sort(rng.integers(946_684_800_000, 4_102_444_800_000, 20_000))
    days = np.arange("2000-01-01", "2100-01-01", dtype="datetime64[D]").astype("datetime64[ms]")
    ms = np.concatenate((ms, days.astype(np.int64)))
    texts = np.datetime_as_string(ms.astype("datetime64[ms]"))
    block = "".join(TICK.replace("2024-08-08T23:54:16.322", text) + "\n" for text in texts).encode()
    tally = Tally()
    scanner = LineScanner(Decoder(), tally)
    found = np.concatenate([one.ts_ms for one in scanner.scan(block + bytes(PAD), len(block))])
    assert found.tolist() == ms.tolist()


def test_a_layout_that_changes_is_learnt_anew() -> None:
    other = TICK.replace(",", ", ").replace(":", ": ", 1)
    lines = [TICK.encode() + b"\n"] * 500 + [other.encode() + b"\n"] * 2_000
    assert agree(cut(lines, [250])) < 64 + 600


def test_a_symbol_s_turn_is_that_of_its_first_good_line() -> None:
    bad = TICK.replace("2024", "1924")
    lines = [bad.replace("BTC", symbol) for symbol in "XYZ"] + [TICK] * 100
    lines += [TICK.replace("BTC", symbol) for symbol in "ZYZX"]
    lines += [TICK.replace("BTC", "W").replace(":", ": ", 1), TICK.replace("BTC", "V")] * 2
    agree(cut([line.encode() + b"\n" for line in lines], [90, 200]), learn_from=4)


def test_a_layout_of_which_no_symbol_is_known_yet_is_no_harm() -> None:
    lines = [TICK.replace("BTC", "<b>")] * 3 + [TICK, TICK.replace("BTC", "<b>")] * 9
    agree(cut([line.encode() + b"\n" for line in lines], [2, 1]), learn_from=1)


def test_a_file_s_symbol_that_is_one_too_many_is_refused_on_either_road() -> None:
    named = [TICK.replace("BTC", f"S{number}").encode() + b"\n" for number in range(64)]
    nameless = [b'{"ts":1723161256322,"price":5,"size":1}\n'] * 40
    agree(cut(named + nameless, [64, 7]), "ETHUSDT", learn_from=1)


def test_what_says_that_it_is_no_trade_is_refused_though_all_else_fits() -> None:
    kinds = ["trade", "ticker", "trade", "QUOTE", "buy"] * 60
    lines = [TICK.replace("{", f'{{"type":"{kind}",').encode() + b"\n" for kind in kinds]
    agree(cut(lines, [70]), learn_from=1)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{",
        b'{"symbol":"A"}',
        b'{"stream":"a@trade","price":5,"size":1,"ts":1}',
        b"\xff",
    ],
)
def test_nothing_is_learnt_from_what_is_no_plain_trade(line: bytes) -> None:
    assert learn_template(line, "A") is None


def test_the_order_of_lines_is_kept_where_the_decoder_reads_between() -> None:
    lines = [TICK.replace("61800.3", f"{n}").encode() + b"\n" for n in range(1, 300)]
    lines[100::7] = [line.replace(b'"size":', b'"size": ') for line in lines[100::7]]
    reader = UploadReader("file")
    found = [*reader.feed(b"".join(lines)), *reader.finish()]
    prices = np.concatenate([one.price for one in found if isinstance(one, Ticks)])
    assert prices.tolist() == list(range(1, 300))
