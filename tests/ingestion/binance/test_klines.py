"""The exchange's bars: what is read of them, and what is no bar."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ingestion.binance import klines
from ingestion.binance.klines import KlineIntake
from ingestion.binance.listings import read_info, unknown, with_funding, with_hours, with_turnover
from ingestion.binance.wire import VENUES

OPENED = 1_780_000_020_000
GOOD = [OPENED, "1.5", "2.5", "1.25", "2.0", "4", OPENED + 59_999, "8", 5, "0", "0", "0"]


def row(**changes) -> list:
    names = ("opened", "open", "high", "low", "close", "volume", "ends", "turnover", "trades")
    made = list(GOOD)
    for name, value in changes.items():
        made[names.index(name)] = value
    return made


def read(*rows):
    return klines.read(json.dumps(list(rows)).encode(), "BTCUSDT", "1m")


def test_a_bar_has_its_prices_volume_trades_and_vwap():
    bars = read(GOOD).bars
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1.5, 2.5, 1.25, 2.0)
    assert (bars.volume[0], bars.trades[0], bars.vwap[0]) == (4.0, 5, 2.0)


def test_a_minute_without_trades_is_no_bar_and_no_fault():
    page = read(GOOD, row(opened=OPENED + 60_000, volume="0", turnover="0", trades=0))
    assert (len(page.bars), page.rows, page.rejected) == (1, 2, [])
    assert len(read().bars) == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"open": "NaN"}, {"high": "Infinity"}, {"low": "-1"}, {"low": "0"}, {"close": "9"},
        {"high": "1.4"}, {"volume": "-1"}, {"trades": -1}, {"trades": "5"}, {"opened": "1"},
        {"opened": OPENED + 1}, {"turnover": "x"}, {"open": None}, {"volume": "1e400"},
        {"opened": 60_000 * 10**20}, {"opened": -60_000}, {"trades": 10**20},
        {"opened": -60_000 * 10**20}, {"trades": -(10**20)}, {"close": 10**400},
    ],
)  # fmt: skip
def test_what_is_no_bar_is_counted_and_the_rest_is_read(bad):
    good = row(opened=OPENED + 60_000)
    page = read(row(**bad), good)
    assert [refused.reason for refused in page.rejected] == ["kline"]
    assert page.bars.ts_ms.tolist() == [OPENED + 60_000]


def test_rows_in_any_order_are_ascending_and_once():
    later = row(opened=OPENED + 60_000)
    assert read(later, GOOD, later).bars.ts_ms.tolist() == [OPENED, OPENED + 60_000]


@pytest.mark.parametrize("body", [b"{}", b"no json", b"null", b'{"code":-1}'])
def test_what_is_no_list_of_bars_is_an_error_in_words(body):
    with pytest.raises(ValueError, match="the answer is no"):
        klines.read(body, "BTCUSDT", "1m")
    assert klines.read(b"[[], 5, null]", "BTCUSDT", "1m").rows == 3


def event(closed: bool, **changes) -> bytes:
    bar = {"t": OPENED, "i": "1m", "o": "1.5", "h": "2.5", "l": "1.25", "c": "2.0", "v": "4"}
    bar |= {"q": "8", "n": 5, "x": closed} | changes
    return json.dumps({"stream": "x", "data": {"e": "kline", "s": "BTCUSDT", "k": bar}}).encode()


def test_a_stream_delivers_closed_bars_and_hears_those_in_progress():
    made = KlineIntake("1m").take([event(False), event(True)])
    (bars,) = made.ticks
    assert (bars.symbol, bars.ts_ms.tolist(), bars.close.tolist()) == ("BTCUSDT", [OPENED], [2.0])
    assert KlineIntake("1m").take([event(False)]).heard == {"BTCUSDT"}
    assert KlineIntake("1m").take([event(False)]).ticks == []


def test_a_stream_s_dirt_is_counted():
    dirt = [b"no", b"[]", b"{}", event(True, o="NaN"), event(True, i="5m")]
    reasons = [refused.reason for refused in KlineIntake("1m").take(dirt).rejected]
    assert reasons == ["json", "json", "control", "kline", "kline"]
    shutdown = b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'
    assert [one.kind for one in KlineIntake("1m").take([shutdown]).notices] == ["shutdown"]


def test_lists_with_holes_give_what_they_have():
    listed = read_info(
        json.dumps({"symbols": [{"symbol": "AUSDT"}, 5, {"symbol": "<b>"}]}).encode()
    )
    assert list(listed) == ["AUSDT"]
    listed = with_turnover(listed, b'[{"symbol":"AUSDT","quoteVolume":"x"}]')
    listed = with_funding(listed, b'[{"symbol":"AUSDT","lastFundingRate":"0.0001"}, null]')
    listed = with_hours(listed, b'[{"symbol":"AUSDT","fundingIntervalHours":4}]')
    one = listed["AUSDT"]
    assert (one.turnover, one.funding_rate, one.funding_hours) == (None, 1e-4, 4.0)
    for body in (b"no", b"[]", b"{}"):
        with pytest.raises(ValueError, match=r"exchangeInfo|no JSON"):
            read_info(body)
    assert unknown(["AUSDT"], listed, "Here") == "Here does not trade AUSDT now: its status is "


def test_requests_cost_what_the_exchange_says():
    futures, spot = VENUES["binance-futures"], VENUES["binance-spot"]
    asked, weight = klines.path(futures, "币安人生USDT", "1h", 0, 3_600_000 * 498)
    assert asked.isascii()
    assert asked.endswith("&limit=499")
    assert weight == 2
    assert klines.path(spot, "BTCUSDT", "1s", 0, 10**9)[1] == 2
    assert np.isclose(klines.most(futures), 1_500)
