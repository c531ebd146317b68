"""Every kind of stream and file that is recognised, by name; and what is said of the others."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from analytics.model import Ticks
from ingestion.decode.decoder import Decoder
from ingestion.decode.reasons import REASONS
from ingestion.feed import StreamFeed
from ingestion.files.reader import UploadError, UploadReader
from tests.waiting import PATIENCE_S

MOMENT = 1_723_161_256_322
COLLECTOR = {"symbol": "BTCUSDT", "ts": "2024-08-08T23:54:16.322Z", "price": 61800.3, "size": 0.006}
FUTURES_TRADE = {
    "e": "trade",
    "E": MOMENT + 3,
    "T": MOMENT,
    "s": "BTCUSDT",
    "t": 52,
    "p": "61800.30",
}
FUTURES_TRADE |= {"q": "0.006", "X": "MARKET", "m": False}
SPOT_TRADE = {"e": "trade", "E": MOMENT, "s": "BTCUSDT", "t": 52, "p": "61800.30", "q": "0.006"}
SPOT_TRADE |= {"b": 88, "a": 50, "T": MOMENT, "m": True, "M": True}
AGG_TRADE = {
    "e": "aggTrade",
    "E": MOMENT + 3,
    "a": 52,
    "s": "BTCUSDT",
    "p": "61800.30",
    "q": "0.006",
}
AGG_TRADE |= {"f": 900, "l": 907, "T": MOMENT, "m": False, "nq": "0.005", "st": 1}


def combined(data: Any, stream: str = "btcusdt@trade") -> dict[str, Any]:
    return {"stream": stream, "data": data}


def named(time: Any, **others: Any) -> dict[str, Any]:
    return {"pair": "btcusdt", "timestamp": time, "price": "61800.30", "quantity": "0.006"} | others


#: Kind of stream -> a message of it; each is one trade of BTCUSDT (or BTC-USD ...) at MOMENT.
STREAMS: dict[str, Any] = {
    "browser collector": COLLECTOR,
    "raw trade, USD-M": FUTURES_TRADE,
    "raw trade, spot": SPOT_TRADE,
    "raw aggTrade": AGG_TRADE,
    "combined trade": combined(FUTURES_TRADE),
    "combined aggTrade": combined(AGG_TRADE, "btcusdt@aggTrade"),
    "combined, its symbol in the stream's name": combined(
        {"e": "trade", "t": 52, "p": "61800.3", "q": "0.006", "T": MOMENT}
    ),
    "array of trades": [FUTURES_TRADE],
    "array of combined frames": [combined(FUTURES_TRADE)],
    "envelope with an array": {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "data": [
        {"T": MOMENT, "s": "BTCUSDT", "S": "Buy", "v": "0.006", "p": "61800.30", "i": "20f43950"}
    ]},
    "instId, px, sz": {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [
        {"instId": "BTC-USDT", "tradeId": "52", "px": "61800.3", "sz": "0.006", "ts": str(MOMENT)}
    ]},
    "product_id, match": {"type": "match", "product_id": "BTC-USD", "time": COLLECTOR["ts"],
                          "price": "61800.30", "size": "0.006", "trade_id": 52, "side": "sell"},
    "s, p, v, t as the time": {"type": "trade", "data": [
        {"s": "BTCUSDT", "p": 61800.3, "v": 0.006, "t": MOMENT, "c": ["1"]}
    ]},
    "common names, ms": named(MOMENT),
    "common names, us": named(MOMENT * 1_000),
    "common names, ns": named(MOMENT * 1_000_000),
    "common names, s with a fraction": named(MOMENT / 1_000),
    "common names, ms as text": named(str(MOMENT)),
    "common names, ISO without a zone": named("2024-08-08 23:54:16.322"),
    "common names, ISO of another zone": named("2024-08-09T01:54:16.322+02:00"),
    "names in capitals": {
        "Symbol": "BTCUSDT", "Time": MOMENT, "Price": "61800.3", "Volume": "0.006"
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMS)
def test_every_kind_of_stream_is_recognised(kind: str) -> None:
    message = json.dumps(STREAMS[kind]).encode()
    decoder = Decoder()
    # The second comes by the layout learnt from the first, where there is one.
    for decoded in (decoder.decode(message), decoder.decode(message.replace(b"20f4", b"20f5"))):
        (batch,) = decoded.ticks
        assert not decoded.rejected
        assert batch.symbol in ("BTCUSDT", "BTC-USDT", "BTC-USD")
        row = (batch.ts_ms[0], batch.price[0], batch.size[0])
        assert row == (MOMENT, 61800.3, 0.006)
        assert batch.trade_id[0] in (52, -1)


def lines(*messages: Any) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in messages)


def table(header: str, *rows: str) -> bytes:
    return "\n".join((header, *rows)).encode()


ROWS = ("2024-08-08T23:54:00Z,10,12,9,11,3", "2024-08-08T23:55:00Z,11,13,10,12,4")
EPOCHS = ("1723161240;10;12;9;11;3", "1723161300;11;13;10;12;4")
KLINES = [f"{MOMENT // 60_000 * 60_000 + n * 60_000},10,12,9,11,3,0,38,7,1,1,0" for n in range(2)]
HEADER = "timestamp,open,high,low,close,volume"

#: Kind of file -> its content: two ticks or two bars.
FILES: dict[str, tuple[str, bytes]] = {
    "tick NDJSON": ("ticks", lines(COLLECTOR, COLLECTOR)),
    "tick NDJSON in gzip": ("ticks", gzip.compress(lines(COLLECTOR, COLLECTOR), mtime=0)),
    "tick NDJSON with a byte order mark": ("ticks", b"\xef\xbb\xbf" + lines(COLLECTOR, COLLECTOR)),
    "tick NDJSON, CRLF": ("ticks", lines(COLLECTOR, COLLECTOR).replace(b"\n", b"\r\n")),
    "raw exchange frames": ("ticks", lines(FUTURES_TRADE, FUTURES_TRADE | {"t": 53})),
    "combined exchange frames": ("ticks", lines(combined(AGG_TRADE), combined(AGG_TRADE))),
    "a recorder's frames behind their time of receipt": (
        "ticks", b"\n".join(b"1723161255088176367 " + lines(combined(SPOT_TRADE)) for _ in "ab")
    ),
    "JSON array on one line": ("ticks", json.dumps([COLLECTOR, COLLECTOR]).encode()),
    "JSON array over lines": ("ticks", json.dumps([COLLECTOR, COLLECTOR], indent=1).encode()),
    "OHLCV CSV, ISO times": ("bars", table(HEADER, *ROWS)),
    "OHLC CSV without a volume": (
        "bars", table(HEADER.rpartition(",")[0], *(row.rpartition(",")[0] for row in ROWS))
    ),
    "OHLCV with semicolons, epoch s": ("bars", table("Open time;O;H;L;C;V", *EPOCHS)),
    "OHLCV with tabs": ("bars", table(HEADER, *ROWS).replace(b",", b"\t")),
    "OHLCV in gzip": ("bars", gzip.compress(table(HEADER, *ROWS), mtime=0)),
    "OHLCV with quotes": (
        "bars", table('"Date","Open","High","Low","Close","Volume BTC"', *ROWS)
    ),
    "OHLCV with a column of symbols": (
        "bars", table(f"{HEADER},symbol", *(f"{row},BTCUSDT" for row in ROWS))
    ),
    "OHLCV below a title": ("bars", table("https://example.org", HEADER, *ROWS)),
    "klines without a header": ("bars", table(*KLINES)),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_is_recognised_by_its_content(kind: str) -> None:
    expected, content = FILES[kind]
    reader = UploadReader("btcusdt.dat")
    out = reader.feed(content) + reader.finish()
    assert reader.report.kind == expected
    assert sum(map(len, out)) == reader.report.accepted == 2
    assert {batch.symbol for batch in out} == {"BTCUSDT"}


def test_at_least_twenty_kinds_are_recognised() -> None:
    assert (len(STREAMS), len(FILES)) == (21, 18)


# --- what is not recognised -----------------------------------------------------------------

HOSTILE = b"<img src=x onerror=alert(1)>\x1b[31m \xe2\x80\xae" + b"x" * 900


@pytest.mark.parametrize(
    ("first", "quoted"),
    [
        (b"hello world", 'line 1 reads "hello world"'),
        (HOSTILE, 'line 1 is HTML or XML: "<img src=x onerror=alert(1)>·[31m ·xxx'),
        (b'{"greeting":"hello"}', 'line 1, which reads "{"greeting":"hello"}"'),
        (b"a,b,c", 'line 1 reads "a,b,c"'),
    ],
)
def test_a_file_of_no_known_kind_is_refused_with_its_first_line(first: bytes, quoted: str) -> None:
    reader = UploadReader("file")
    reader.feed(first + b"\nand so on\n")
    with pytest.raises(UploadError) as caught:
        reader.finish()
    assert quoted in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_line_that_tells_may_stand_behind_others() -> None:
    reader = UploadReader("btcusdt.csv")
    reader.feed(table("title", "", "time;open;high;low;close;volume", *EPOCHS))
    assert sum(map(len, reader.finish())) == 2
    assert reader.report.first_lines == {"preamble": [1]}


@pytest.mark.parametrize(
    ("messages", "quoted"),
    [
        (
            [b'{"greeting":"hello"}', b'{"second":2}'],
            '(schema): {"greeting":"hello"}',
        ),
        (
            [b'{"result":null,"id":1}', b'{"bids":[]}'],
            '(event): {"bids":[]}',
        ),
        (
            [b'{"type":"ticker","last":5}', b"x"],
            '(event): {"type":"ticker","last":5}',
        ),
        ([HOSTILE, b"5"], "(json): <img src=x onerror=alert(1)>·[31m ·xxx"),
        (
            [b'{"result":null,"id":1}'],
            '(control): {"result":null,"id":1}',
        ),
    ],
)
async def test_a_stream_of_no_known_kind_is_told_with_its_first_message(
    messages: list[bytes], quoted: str
) -> None:
    reason, _, begins = quoted.partition("): ")
    quoted = f"({REASONS[reason[1:]]}): {begins}"

    async def say(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    refused: list[Any] = []

    def sink(ticks: list[Ticks], rejected: list[Any]) -> None:
        refused.extend(rejected)

    async with serve(say, "127.0.0.1", 0, close_timeout=0.1) as server:
        feed = StreamFeed(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", sink)
        feed.start()
        async with asyncio.timeout(PATIENCE_S):
            while quoted not in feed.status.detail:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await feed.stop()
    assert len(refused) == len(messages)
    assert len(quoted) < 200
