"""Messages to ticks: every shape that sources send, every fault that they make."""

from __future__ import annotations

import gzip
import json
import math
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics.model import NO_TRADE_ID, SYMBOL_PATTERN
from ingestion.decode.decoder import Decoder, sample
from ingestion.decode.recent import RecentTrades
from ingestion.decode.times import END_MS, FIRST_MS
from ingestion.stream.continuity import Continuity

MOMENT = 1_723_161_256_322
TICK = {"symbol": "BTCUSDT", "ts": "2024-08-08T23:54:16.322Z", "price": 61800.3, "size": 0.006}
TRADE = {
    "e": "trade",
    "E": MOMENT + 3,
    "T": MOMENT,
    "s": "BTCUSDT",
    "t": 5266583935,
    "p": "61800.30",
    "q": "0.006",
    "X": "MARKET",
    "m": False,
}
AGG_TRADE = {
    "e": "aggTrade",
    "E": MOMENT + 3,
    "a": 16599292,
    "s": "CTKUSDT",
    "p": "1.01100",
    "q": "10",
    "f": 23961322,
    "l": 23961322,
    "T": MOMENT,
    "m": False,
}
TRADE_ROW = ("BTCUSDT", MOMENT, 61800.3, 0.006, 5266583935)
AGG_TRADE_ROW = ("CTKUSDT", MOMENT, 1.011, 10.0, 16599292)


def line(value: Any) -> bytes:
    return json.dumps(value).encode()


def only_tick(message: bytes | str, **options: Any) -> tuple[str, int, float, float, int]:
    decoded = Decoder(**options).decode(message)
    assert not decoded.rejected
    (batch,) = decoded.ticks
    assert len(batch) == 1
    columns = (batch.ts_ms, batch.price, batch.size, batch.trade_id)
    return (batch.symbol, *(column[0].item() for column in columns))


def reasons(*messages: bytes | str, **options: Any) -> list[str]:
    decoded = Decoder(**options).decode_lines(messages)
    assert not decoded.ticks
    return [refused.reason for refused in decoded.rejected]


def flat(decoded: Any) -> list[tuple[str, int, float, float, int]]:
    return [
        (batch.symbol, *row)
        for batch in decoded.ticks
        for row in zip(
            batch.ts_ms.tolist(),
            batch.price.tolist(),
            batch.size.tolist(),
            batch.trade_id.tolist(),
            strict=True,
        )
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (TICK, ("BTCUSDT", MOMENT, 61800.3, 0.006, NO_TRADE_ID)),
        (TRADE, TRADE_ROW),
        ({"stream": "btcusdt@trade", "data": TRADE}, TRADE_ROW),
        (AGG_TRADE, AGG_TRADE_ROW),
        ({"stream": "ctkusdt@aggTrade", "data": AGG_TRADE}, AGG_TRADE_ROW),
        ([TICK], ("BTCUSDT", MOMENT, 61800.3, 0.006, NO_TRADE_ID)),
        ({"data": [TRADE]}, TRADE_ROW),
        (
            {"pair": "ethusdt", "timestamp": MOMENT, "last": "2681.62", "quantity": "1", "id": 7},
            ("ETHUSDT", MOMENT, 2681.62, 1.0, 7),
        ),
        (
            {"instrument": "BTC-PERPETUAL", "time": MOMENT / 1000, "price": 5, "amount": 2},
            ("BTC-PERPETUAL", MOMENT, 5.0, 2.0, NO_TRADE_ID),
        ),
        (
            {"Symbol": "A", "Time": MOMENT, "Price": "5", "Volume": "2", "Trade_Id": "9"},
            ("A", MOMENT, 5.0, 2.0, 9),
        ),
        (
            {"type": "match", "product_id": "BTC-USD", "time": "2024-08-08T23:54:16.322Z"}
            | {"price": "5", "size": "2", "trade_id": 3},
            ("BTC-USD", MOMENT, 5.0, 2.0, 3),
        ),
        (
            {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [
                {"instId": "BTC-USDT", "tradeId": "130", "px": "5", "sz": "2", "ts": str(MOMENT)}
            ]},
            ("BTC-USDT", MOMENT, 5.0, 2.0, 130),
        ),
        (
            {"type": "trade", "data": [{"s": "AAPL", "p": 5, "v": 2, "t": MOMENT}]},
            ("AAPL", MOMENT, 5.0, 2.0, NO_TRADE_ID),
        ),
    ],
)  # fmt: skip
def test_every_common_shape_of_a_trade_is_read(message: Any, expected: tuple) -> None:
    assert only_tick(line(message)) == expected


def test_text_and_bytes_are_read_alike() -> None:
    assert only_tick(json.dumps(TICK)) == only_tick(line(TICK))


@pytest.mark.parametrize(
    "time",
    [
        MOMENT,
        MOMENT * 1_000,
        MOMENT * 1_000_000,
        str(MOMENT),
        MOMENT / 1_000,
        "1723161256.322",
        "1723161256322." + "0" * 30,
        "17231612563220000e-4",
        "1.723161256322e+12",
        "2024-08-08T23:54:16.322Z",
        "2024-08-08T23:54:16.322",
        "2024-08-08 23:54:16.322",
        "2024-08-09T01:54:16.322+02:00",
        "2024-08-08T23:54:16.322999999Z",
    ],
)
def test_a_time_is_read_in_any_unit_and_without_a_zone_as_utc(time: Any) -> None:
    assert only_tick(line(TICK | {"ts": time}))[1] == MOMENT


def test_seconds_are_told_from_milliseconds_by_their_size() -> None:
    assert only_tick(line(TICK | {"ts": MOMENT // 1_000}))[1] == MOMENT // 1_000 * 1_000


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_a_time_s_unit_is_told_up_to_the_borders_of_2000_and_2100(unit: int) -> None:
    first, end = FIRST_MS // 1_000 * unit, END_MS // 1_000 * unit
    assert only_tick(line(TICK | {"ts": first}))[1] == FIRST_MS
    assert only_tick(line(TICK | {"ts": end - 1}))[1] == (end - 1) * 1_000 // unit
    assert reasons(line(TICK | {"ts": first - 1})) == ["time"]
    assert reasons(line(TICK | {"ts": end})) == ["time"]


def test_a_fraction_of_a_second_never_rounds_a_time_out_of_its_century() -> None:
    assert only_tick(line(TICK | {"ts": 4_102_444_799.9999995}))[1] == END_MS - 1


@pytest.mark.parametrize(
    "time",
    [
        *("2024-08-08T23+01:00.322Z", "2024-08-08T235416.1.322Z", "2024-08-08123:54:16.322Z"),
        *("2024-08-08x23:54:16", "2024-08-08T23:54:16.Z", "20240808", "2024-08-08T23:54:16.3２2Z"),
    ],
)
def test_a_time_that_only_resembles_iso_is_refused_on_either_road(time: str) -> None:
    assert reasons(line(TICK | {"ts": time})) == ["time"]
    decoded = Decoder().decode_lines([line(TICK), line(TICK | {"ts": time})])
    assert [refused.reason for refused in decoded.rejected] == ["time"]


def test_times_of_digits_are_read_among_iso_times() -> None:
    decoded = Decoder().decode_lines([line(TICK), line(TICK | {"ts": str(MOMENT + 5)})])
    assert [row[1] for row in flat(decoded)] == [MOMENT, MOMENT + 5]


def test_a_trade_s_own_time_counts_and_the_event_s_only_where_there_is_no_other() -> None:
    assert only_tick(line(TRADE | {"E": MOMENT + 220}))[1] == MOMENT
    assert reasons(line(TRADE | {"T": None})) == ["time"]
    assert only_tick(line({key: TRADE[key] for key in "eEstpq"}))[1] == MOMENT + 3


@pytest.mark.parametrize("symbol", ["btcusdt", "BtcUsdt", "BTCUSDT"])
def test_a_symbol_is_taken_in_any_case(symbol: str) -> None:
    assert only_tick(line(TICK | {"symbol": symbol}))[0] == "BTCUSDT"


@pytest.mark.parametrize(
    "value",
    [
        *(
            "1_000",
            "１２",
            "١٢٣",
            " 1",
            "1 ",
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "1e400",
            "",
            "0x10",
        ),
        *(True, False, None, [1], {"a": 1}, 10**400, -1, "-1"),
    ],
)
@pytest.mark.parametrize("part", ["price", "size"])
def test_what_is_no_positive_finite_ascii_number_is_refused(part: str, value: Any) -> None:
    assert reasons(line(TICK | {part: value})) in ([part], ["json"])


@pytest.mark.parametrize(
    "price", ["1." + "0" * 90, "1e0", "10e-1", "0." + "0" * 90 + "1e91", "+1."]
)
def test_a_price_as_text_is_the_same_on_either_road(price: str) -> None:
    decoded = Decoder().decode_lines([line(TICK | {"price": "5"}), line(TICK | {"price": price})])
    assert [row[2] for row in flat(decoded)] == [5.0, 1.0]
    assert only_tick(line(TICK | {"price": price}))[2] == 1.0


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", "01", "1_000"])
def test_numbers_that_json_does_not_have_are_refused(text: str) -> None:
    message = json.dumps(TICK).replace("61800.3", text)
    assert reasons(message) == ["json"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": 0}, "price"),
        ({"price": 1e12}, "price"),
        ({"size": 0}, "size"),
        ({"size": 1e18}, "size"),
        ({"price": 0, "size": 0}, "zero-print"),
        ({"ts": 42}, "time"),
        ({"ts": "1999-12-31T23:59:59Z"}, "time"),
        ({"ts": "2100-01-01T00:00:00Z"}, "time"),
        ({"ts": "2024-02-30T00:00:00Z"}, "time"),
        ({"ts": None}, "time"),
        ({"ts": True}, "time"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": 5}, "symbol"),
        ({"symbol": "<img src=x onerror=alert(1)>"}, "symbol"),
        ({"symbol": "=cmd|' /C calc'!A0"}, "symbol"),
        ({"symbol": "../../etc/passwd"}, "symbol"),
        ({"symbol": "BTC\u202eUSD"}, "symbol"),
        ({"symbol": "A" * 65}, "symbol"),
        ({"symbol": "A\x00B"}, "symbol"),
        ({"symbol": "A" * 100_000}, "symbol"),
    ],
)
def test_a_fault_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    assert reasons(line(TICK | change)) == [reason]
    # And so on the fast road, behind a good line of the same layout.
    decoded = Decoder().decode_lines([line(TICK), line(TICK | change)])
    assert decoded.count == 1
    assert [refused.reason for refused in decoded.rejected] == [reason]


@pytest.mark.parametrize("missing", ["ts", "price", "size", "symbol"])
def test_a_missing_field_is_refused(missing: str) -> None:
    message = {name: value for name, value in TICK.items() if name != missing}
    reason = {"symbol": "symbol", "size": "no-size"}.get(missing, "schema")
    assert reasons(line(message)) == [reason]


def test_a_default_symbol_stands_for_a_missing_one_only() -> None:
    nameless = {name: value for name, value in TICK.items() if name != "symbol"}
    decoder = Decoder("ETHUSDT")
    decoded = decoder.decode_lines([line(nameless), line(TICK), line(nameless)])
    assert {batch.symbol: len(batch) for batch in decoded.ticks} == {"ETHUSDT": 2, "BTCUSDT": 1}


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b" ", b"{", b"\xff\xfe", b"\x00", b"nonsense", b'{"symbol":"BTCUSDT"', b'"\\ud800"'),
        *(b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000),
    ],
)
def test_what_is_no_json_is_refused(message: bytes) -> None:
    assert reasons(message) == ["json"]


@pytest.mark.parametrize(
    "message", [b"5", b"null", b'"a"', b"[]", b"{}", b"[1,2,3]", b"[[[[[[1]]]]]]"]
)
def test_json_of_something_else_is_refused_once(message: bytes) -> None:
    assert reasons(message) == ["schema"]


@pytest.mark.parametrize(
    "message",
    [
        {"result": None, "id": 1},
        {"result": ["btcusdt@aggTrade"], "id": 3},
        {"code": 2, "msg": "Invalid request", "id": 1},
        {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
        {"e": "serverShutdown", "E": MOMENT},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": MOMENT}},
        {"type": "heartbeat", "time": "2024-08-08T23:54:16Z"},
        {"type": "subscriptions", "channels": []},
        {"event": "subscribe", "arg": {"channel": "trades"}},
    ],
)
def test_a_control_frame_is_counted_as_such(message: Any) -> None:
    assert reasons(line(message)) == ["control"]


def test_errors_and_shutdowns_are_handed_on_as_notices() -> None:
    decoder = Decoder()
    (error,) = decoder.decode(line({"error": {"code": 2, "msg": "Invalid request"}})).notices
    assert (error.kind, error.text) == ("error", "Invalid request (code 2)")
    (end,) = decoder.decode(line({"stream": "!serverShutdown", "data": {}})).notices
    assert end.kind == "shutdown"


def test_zero_prints_and_insurance_prints_are_refused_and_their_ids_kept() -> None:
    zero = TRADE | {"p": "0", "q": "0", "X": "NA", "t": 17}
    insurance = TRADE | {"X": "INSURANCE_FUND", "t": 18}
    decoded = Decoder().decode_lines([line(TRADE), line(zero), line(insurance)])
    assert [refused.reason for refused in decoded.rejected] == ["zero-print", "insurance-print"]
    assert decoded.consumed == [("BTCUSDT", 17), ("BTCUSDT", 18)]
    assert decoded.count == 1


@pytest.mark.parametrize("trade_id", [None, "b1f0", -4, 2**63, 1.5, True, ""])
def test_an_id_that_is_no_whole_number_is_no_id(trade_id: Any) -> None:
    assert only_tick(line(TICK | {"id": trade_id}))[4] == NO_TRADE_ID


@pytest.mark.parametrize(
    ("trade_id", "read"),
    [
        *((0, 0), ("0017", 17), (2**63 - 1, 2**63 - 1), (str(2**63 - 1), 2**63 - 1), (7.0, 7)),
        *(("7.0", 7), ("7e0", 7), (2.0**53, 2**53), (1e18, NO_TRADE_ID), (2**63, NO_TRADE_ID)),
        *(("1" * 20, NO_TRADE_ID), ("1_7", NO_TRADE_ID), (" 7", NO_TRADE_ID), (-0.0, 0)),
    ],
)
def test_an_id_is_the_same_on_either_road(trade_id: Any, read: int) -> None:
    assert only_tick(line(TICK | {"id": trade_id}))[4] == read
    decoded = Decoder().decode_lines([line(TICK | {"id": 5}), line(TICK | {"id": trade_id})])
    assert [row[4] for row in flat(decoded)] == [5, read]


def test_the_id_of_an_event_is_its_own_and_neither_an_order_s_nor_a_time() -> None:
    spot = {name: value for name, value in TRADE.items() if name not in ("t", "X")}
    assert only_tick(line(spot | {"a": 88, "b": 99}))[4] == NO_TRADE_ID
    assert only_tick(line(AGG_TRADE | {"t": 88, "id": 99}))[4] == AGG_TRADE["a"]
    timeless = {name: value for name, value in TRADE.items() if name not in ("T", "E")}
    assert reasons(line(timeless | {"t": MOMENT * 1_000_000})) == ["schema"]


def test_a_range_of_trades_in_an_aggregate_is_no_gap() -> None:
    lines = [
        line(AGG_TRADE | {"a": number, "f": 50 * number, "l": 50 * number + 20})
        for number in (7, 8, 9)
    ]
    decoded = Decoder().decode_lines(lines)
    assert Continuity(strict=True).check(decoded.ticks, decoded.consumed) == []


def test_prints_that_are_no_trades_leave_no_gap_behind() -> None:
    kinds = ["MARKET", "NA", "INSURANCE_FUND", "MARKET", "NA", "MARKET"]
    frames = [line(TRADE | {"t": 10 + at, "X": kind}) for at, kind in enumerate(kinds)]
    for at, kind in ((1, "0"), (4, "0.0")):
        frames[at] = line(TRADE | {"t": 10 + at, "X": "NA", "p": kind, "q": "0"})
    decoder, watch = Decoder(), Continuity(strict=True)
    for batch in (frames, [line(TRADE | {"t": 17})]):
        decoded = decoder.decode_lines(batch)
        gaps = watch.check(decoded.ticks, decoded.consumed)
    assert [(gap.first_id, gap.last_id) for gap in gaps] == [(16, 16)]


@pytest.mark.parametrize("kind", ["ticker", "Ticker", "quote", "l2_book", "kline_1m", "candles"])
def test_what_says_that_it_is_no_trade_is_none(kind: str) -> None:
    quote = {"symbol": "BTCUSDT", "ts": MOMENT, "last": 5, "volume": 1e6}
    for name in ("type", "event", "channel"):
        assert reasons(line(quote | {name: kind})) == ["event"]
        assert reasons(line({name: kind, "data": [quote, quote]})) == ["event"]
        decoded = Decoder().decode_lines([line(quote | {name: "buy"}), line(quote | {name: kind})])
        assert (decoded.count, decoded.rejected[0].reason) == (1, "event")


def test_arrays_keep_the_order_of_arrival_within_a_symbol() -> None:
    ticks = [TICK | {"price": price} for price in (3, 1, 2)]
    decoded = Decoder().decode_lines([line(TICK), line(ticks), line(TICK | {"price": 9})])
    assert decoded.ticks[0].price.tolist() == [61800.3, 3.0, 1.0, 2.0, 9.0]


@pytest.mark.parametrize("form", ["[5, %s, null]", '{"data": [5, %s, null]}', "[[5], %s, []]"])
def test_a_stranger_in_an_array_hides_no_trade(form: str) -> None:
    decoded = Decoder().decode(form % json.dumps(TICK))
    assert (decoded.count, [one.reason for one in decoded.rejected]) == (1, ["schema"] * 2)


def test_a_number_too_large_for_any_type_spoils_its_own_trade_alone() -> None:
    bad = json.dumps(TICK).replace("61800.3", "1e400")
    decoded = Decoder().decode(f"[{json.dumps(TICK)}, {bad}, {json.dumps(TICK)}]")
    assert (decoded.count, [one.reason for one in decoded.rejected]) == (2, ["json"])


def test_symbols_are_grouped_into_one_batch_each() -> None:
    names = ["BTCUSDT", "ETHUSDT", "BTCUSDT", "SOLUSDT", "ethusdt"]
    decoded = Decoder().decode_lines([line(TICK | {"symbol": name}) for name in names])
    counts = [(batch.symbol, len(batch)) for batch in decoded.ticks]
    assert counts == [("BTCUSDT", 2), ("ETHUSDT", 2), ("SOLUSDT", 1)]


def test_a_message_of_several_lines_gives_each_of_them() -> None:
    decoded = Decoder().decode(line(TICK) + b"\r\n" + line(TICK) + b"\n\nnonsense")
    assert decoded.count == 2
    assert [refused.reason for refused in decoded.rejected] == ["json"]


def test_a_recorder_s_time_of_receipt_before_a_frame_is_passed_over() -> None:
    frame = line({"stream": "btcusdt@trade", "data": TRADE})
    assert only_tick(b"1723161255088176367 " + frame)[1] == MOMENT
    decoded = Decoder().decode(b"1723161255088176367 %b\n1723161255088176368 %b" % (frame, frame))
    assert (decoded.count, decoded.rejected) == (2, [])
    assert reasons(b"[1723161255088176367 " + line(TICK) + b"]") == ["json"]
    assert reasons(b"1723161255 " * 100_000 + frame) == ["json"]


@pytest.mark.parametrize(
    "message",
    [
        *(b" " * 1_000_000, b"\n" * 999_999 + b"x", b"1723161255" + b" " * 900_000 + b"x"),
        *(b"x\n" * 500_000, b"[{}" + b",{}" * 330_000 + b"]", b"[[]" + b",5" * 400_000 + b"]"),
        *(line(TICK | {"price": "1" * 990_000 + "x"}), line(TICK | {"ts": "1" * 990_000 + "x"})),
        *(
            line(TICK | {"id": "1" * 9, "price": "1" * 990_000}),
            line(TICK | {"symbol": "A" * 990_000}),
        ),
        *(b'{"a":' * 200_000, b'["' + b"\\u0041" * 160_000 + b'"]', b"[" + b"9" * 1_000_000 + b"]"),
    ],
)
def test_no_message_of_a_megabyte_holds_the_loop_up(message: bytes) -> None:
    began = time.thread_time()
    assert len(reasons(message)) == 1
    took, again = time.thread_time() - began, time.thread_time()
    reasons(message + message)  # twice as long takes about twice as long, not four times
    assert time.thread_time() - again < 8 * took + 0.05


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\x00b", "\x7fid", "\x7fsymbol", "", "\u2028"])
def test_a_key_that_no_layout_can_have_harms_nothing(key: str) -> None:
    odd = line(TICK | {key: 5})
    decoded = Decoder("ETHUSDT").decode_lines(
        [odd, odd, line({"data": TRADE, "stream": "x@trade"})]
    )
    assert (decoded.count, decoded.rejected) == (3, [])
    assert only_tick(odd)[4] == NO_TRADE_ID


@pytest.mark.parametrize("kind", [bytearray, memoryview, bytes.decode])
def test_a_message_may_be_any_kind_of_bytes_or_text(kind: Any) -> None:
    assert only_tick(kind(line(TICK))) == only_tick(line(TICK))
    assert reasons(kind(b"x\ny")) == ["json", "json"]
    assert reasons("\ud800{}") == ["json"]


def test_a_layout_is_learnt_again_after_many_that_came_once() -> None:
    decoder = Decoder()
    for number in range(60):
        decoder.decode(line(TICK | {f"field_{number}": 5}))
    assert decoder.decode_lines([line(TICK)] * 2_000).count == 2_000
    assert decoder._layouts[0].decode(line(TICK)).price == 61800.3


def test_unwanted_symbols_are_refused_as_unsubscribed() -> None:
    decoder = Decoder(symbols=["ETHUSDT"])
    assert [refused.reason for refused in decoder.decode(line(TICK)).rejected] == ["unsubscribed"]
    decoder.want(["BTCUSDT"])
    assert decoder.decode(line(TICK)).count == 1


def test_one_symbol_too_many_is_refused_and_the_others_go_on() -> None:
    decoder = Decoder(max_symbols=2)
    lines = [line(TICK | {"symbol": f"S{number % 3}"}) for number in range(6)]
    decoded = decoder.decode_lines(lines)
    assert [batch.symbol for batch in decoded.ticks] == ["S0", "S1"]
    assert [refused.reason for refused in decoded.rejected] == ["too-many-symbols"] * 2


def test_a_refusal_bears_its_line_and_how_it_began() -> None:
    decoded = Decoder().decode_lines([line(TICK), b"\x1b[31m" + b"x" * 900], [10, 12])
    (refused,) = decoded.rejected
    assert refused.line == 12
    assert refused.sample == "·[31m" + "x" * 195


def test_a_sample_holds_nothing_that_cannot_be_printed() -> None:
    assert sample("a\u202eb\x00c\n") == "a·b·c·"


def test_arrays_are_read_only() -> None:
    (batch,) = Decoder().decode(line(TICK)).ticks
    with pytest.raises(ValueError, match="read-only"):
        batch.price[0] = 1.0


def test_the_collector_s_recording_is_read_whole(market_data: Any) -> None:
    text = (market_data / "ticks" / "ticks_2024-08-09T00-00-00.029Z.ndjson").read_bytes()
    lines = text.split(b"\n")
    decoded = Decoder().decode_lines(lines)
    assert {batch.symbol: len(batch) for batch in decoded.ticks} == {
        "BTCUSDT": 21_313,
        "ETHUSDT": 14_076,
    }
    assert len(lines) == 35_389
    assert not decoded.rejected


def test_recorded_frames_equal_the_collector_s_lines(market_data: Any) -> None:
    raw = (market_data / "ticks" / "usdm_btcusdt_20240808.trade.log.gz").read_bytes()
    frames = [entry.partition(b" ")[2] for entry in gzip.decompress(raw).splitlines()]
    (batch,) = Decoder().decode_lines(frames).ticks
    text = (market_data / "ticks" / "ticks_2024-08-09T00-00-00.029Z.ndjson").read_bytes()
    collected = Decoder(symbols=["BTCUSDT"]).decode_lines(text.split(b"\n")).ticks[0]
    assert np.array_equal(batch.ts_ms, collected.ts_ms)
    assert np.array_equal(batch.price, collected.price)
    assert np.all(np.diff(batch.trade_id) == 1)


def test_every_kind_of_recorded_frame_is_a_trade_or_an_event(market_data: Any) -> None:
    for entry in (market_data / "frames" / "real_frames.jsonl").read_text().splitlines():
        frame = json.loads(entry)["frame"]
        decoded = Decoder().decode(json.dumps(frame))
        if frame["stream"].endswith(("@trade", "@aggTrade")):
            assert decoded.count == 1
            assert not decoded.rejected
        else:
            assert [refused.reason for refused in decoded.rejected] == ["event"]


NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(FIRST_MS, END_MS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["61800.30", "1_000", "nan", "1e999", "-0", "2024-08-08T23:54:16.322Z"]),
    st.lists(st.integers(), max_size=3),
)
NAMES = st.sampled_from(
    [
        *("symbol", "s", "pair", "ts", "timestamp", "time", "T", "E", "price", "p", "last"),
        *("size", "qty", "q", "v", "id", "t", "a", "e", "X", "m", "stream", "data"),
    ]
)
OBJECTS = st.recursive(
    st.dictionaries(NAMES, NASTY, max_size=8),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.fixed_dictionaries({"stream": NASTY, "data": inner})
    ),
    max_leaves=4,
)
NEAR_TICKS = st.builds(
    lambda base, changes: base | changes,
    st.sampled_from([TICK, TRADE, AGG_TRADE]),
    st.dictionaries(NAMES, NASTY, max_size=2),
)
MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.one_of(OBJECTS, NEAR_TICKS, st.lists(NEAR_TICKS, max_size=3)).map(msgspec.json.encode),
    st.builds(lambda obj, at: line(obj)[:at], NEAR_TICKS, st.integers(0, 120)),
)


@settings(max_examples=300, deadline=None)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=6))
@example(messages=[line(TICK), line([TICK, 5]), line(TRADE), line(AGG_TRADE)])
def test_any_bytes_give_valid_ticks_or_counted_refusals(messages: list[bytes]) -> None:
    decoded = Decoder().decode_lines(messages)
    assert decoded.count + len(decoded.rejected) >= len(messages)
    for symbol, ts_ms, price, size, trade_id in flat(decoded):
        assert SYMBOL_PATTERN.fullmatch(symbol)
        assert FIRST_MS <= ts_ms < END_MS
        assert math.isfinite(price)
        assert 0 < price < 1e12
        assert math.isfinite(size)
        assert size > 0
        assert trade_id >= NO_TRADE_ID
    for refused in decoded.rejected:
        assert refused.sample.isprintable()
        assert len(refused.sample) <= 200


@settings(max_examples=300, deadline=None)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=8))
@example(messages=[line(AGG_TRADE), line(AGG_TRADE | {"e": 0})])
@example(messages=[line(TRADE), line(TRADE | {"X": "NA"}), line(TRADE | {"p": 5})])
def test_the_fast_road_decides_nothing_otherwise_than_the_thorough_one(
    messages: list[bytes],
) -> None:
    together, recent = Decoder().decode_lines(messages), RecentTrades()
    alone = [Decoder(recent=recent).decode(message) for message in messages]
    assert sorted(flat(together)) == sorted(row for one in alone for row in flat(one))
    assert sorted(refused.reason for refused in together.rejected) == sorted(
        refused.reason for one in alone for refused in one.rejected
    )


# How many trades a row holds -------------------------------------------------------------------

REST_AGGREGATE = {name: AGG_TRADE[name] for name in ("a", "p", "q", "f", "l", "T", "m")}


def counted(*messages: Any, **options: Any) -> list[int]:
    decoded = Decoder(**options).decode_lines([line(one) for one in messages])
    assert not decoded.rejected
    return [count for batch in decoded.ticks for count in batch.trades.tolist()]


@pytest.mark.parametrize("aggregate", [AGG_TRADE, REST_AGGREGATE], ids=["stream", "rest"])
def test_an_aggregate_counts_as_the_trades_that_it_holds(aggregate: dict[str, Any]) -> None:
    held = [{**aggregate, "a": n, "f": 100 * n, "l": 100 * n + n} for n in range(1, 9)]
    assert counted(*held, default_symbol="CTKUSDT") == [n + 1 for n in range(1, 9)]


def test_a_trade_counts_as_one() -> None:
    assert counted(TRADE, TRADE, TRADE) == [1, 1, 1]


@pytest.mark.parametrize(
    ("first", "last"), [(7, 6), (0, 10**15), ("b", 9), (None, None), (-1, 5), (3.5, 9), (5, 2**63)]
)
@pytest.mark.parametrize("learnt", [0, 3])
def test_ids_that_make_no_sense_count_as_one_trade_by_either_road(
    first: Any, last: Any, learnt: int
) -> None:
    odd = {**AGG_TRADE, "f": first, "l": last}
    assert counted(*[AGG_TRADE] * learnt, odd) == [1] * (learnt + 1)


def test_an_aggregate_without_its_ids_counts_as_one_trade() -> None:
    bare = {name: value for name, value in AGG_TRADE.items() if name not in ("f", "l")}
    assert counted(bare, bare) == [1, 1]


def test_a_symbol_of_another_script_is_whole_and_its_latin_letters_are_capitals():
    decoded = Decoder().decode(line(TICK | {"symbol": "币安人生usdt"}))
    assert [ticks.symbol for ticks in decoded.ticks] == ["币安人生USDT"]
    assert decoded.rejected == []
