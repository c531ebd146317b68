"""The exchange's addresses and messages."""

from __future__ import annotations

import json

import pytest

from analytics.model import Gap
from ingestion.binance.wire import (
    VENUES,
    GapPages,
    checked_base,
    checked_symbols,
    stream_url,
    subscribe,
    unsubscribe,
)
from ingestion.decode.decoder import Decoder

FUTURES, SPOT = VENUES["binance-futures"], VENUES["binance-spot"]


def test_futures_trades_come_by_the_market_route_in_lower_case() -> None:
    assert stream_url(FUTURES, ["BTCUSDT", "ETHUSDT"]) == (
        "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"
    )


def test_spot_trades_come_by_the_combined_stream() -> None:
    assert stream_url(SPOT, ["BTCUSDT"]) == (
        "wss://stream.binance.com:9443/stream?streams=btcusdt@aggTrade"
    )


def test_names_of_other_scripts_are_percent_encoded_in_addresses_alone() -> None:
    encoded = "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@aggTrade"
    assert stream_url(FUTURES, ["币安人生USDT"]).endswith(f"?streams={encoded}")
    asked = json.loads(subscribe(FUTURES, ["币安人生USDT"], 1))
    assert asked["params"] == ["币安人生usdt@aggTrade"]
    pages = GapPages(FUTURES, Gap("币安人生USDT", 5, 6, 0, 9))
    assert pages.request().isascii()


@pytest.mark.parametrize("base", ["ws://127.0.0.1:9000", "ws://127.0.0.1:9000/"])
def test_another_base_takes_the_place_of_the_exchange(base: str) -> None:
    url = stream_url(FUTURES, ["BTCUSDT"], checked_base(base))
    assert url == "ws://127.0.0.1:9000/market/stream?streams=btcusdt@aggTrade"


def test_a_base_that_is_no_websocket_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a ws:// or wss:// URL"):
        checked_base("http://localhost/")


def test_symbols_are_taken_once_and_in_upper_case() -> None:
    assert checked_symbols(["btcusdt", "ETHUSDT", "BTCUSDT"], "x") == ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize(
    ("symbols", "words"),
    [
        ([], "needs at least one symbol, such as BTCUSDT"),
        (["BTC/USDT"], "expected letters and digits"),
        (["../../ws?x"], "expected letters and digits"),
    ],
)
def test_symbols_that_no_connection_takes_are_refused(symbols: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked_symbols(symbols, "binance-futures")


def test_symbols_are_added_and_taken_off_by_message() -> None:
    added = json.loads(subscribe(FUTURES, ["BTCUSDT", "ETHUSDT"], 3))
    assert added == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@aggTrade", "ethusdt@aggTrade"],
        "id": 3,
    }
    assert json.loads(unsubscribe(SPOT, ["BTCUSDT"], 4))["method"] == "UNSUBSCRIBE"


def test_the_documented_frame_of_today_is_a_trade() -> None:
    frame = {
        "stream": "btcusdt@aggTrade",
        "data": {
            **{"e": "aggTrade", "E": 1_780_000_000_123, "s": "BTCUSDT", "a": 5, "p": "42000.10"},
            **{"q": "0.5", "nq": "0.5", "f": 7, "l": 8, "T": 1_780_000_000_100, "m": False},
            "st": 1,
        },
    }
    decoder = Decoder()
    (batch,) = decoder.decode_lines([json.dumps(frame)] * 2).ticks
    assert batch.trade_id.tolist() == [5, 5]
    assert batch.ts_ms[0] == 1_780_000_000_100
