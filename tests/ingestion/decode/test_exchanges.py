"""Public trade streams of the exchanges, as they come on the wire."""

from __future__ import annotations

import json

import pytest

from ingestion.decode.decoder import Decoder
from ingestion.decode.shapes import SHAPES

WITHOUT_IDS = (
    *("Bitget v1 trade", "Finnhub trade", "MEXC futures push.deal", "MEXC spot deals"),
    *("Phemex trades_p", "BitMart spot/trade", "Tiingo crypto", "Tiingo IEX"),
    *("LBank trade", "Databento trades"),
)
#: What stands beside trades in the same streams: one message each, and why it gives no tick.
OTHERS = {
    "Phemex trades, scaled": (
        '{"sequence":1167852,"symbol":"BTCUSD","trades":[[1573716998128563500,"Buy",86735000,56],'
        '[1573716995033683000,"Buy",86735000,52]],"type":"snapshot"}', "scaled"),
    "HitBTC order book": ('{"ch":"orderbook/full","update":{"ETHBTC":{"t":1626866578902,"s":27617'
                          '207,"a":[["0.060506","0"]],"b":[["0.060439","4.4095"]]}}}', "event"),
    "HitBTC subscription": ('{"result":{"ch":"trades","subscriptions":["BTCUSDT"]},"id":1}',
                            "control"),
    "LBank tick": ('{"SERVER":"V2","TS":"2024-06-02T00:40:21.527","pair":"btc_usdt","tick":{"dir":'
                   '"sell","high":67988.17,"latest":67668.93,"low":66928.53,"vol":1427.1578},'
                   '"type":"tick"}', "schema"),
    "Databento order": ('{"ts_recv":"2026-03-09T07:52:41.368148840Z","hd":{"ts_event":'
                        '"2026-03-09T07:52:41.367824437Z","rtype":160,"publisher_id":101,'
                        '"instrument_id":100},"action":"A","side":"B","price":"0.021200000",'
                        '"size":20,"order_id":"1","symbol":"AAA"}', "event"),
    "Databento clear": ('{"hd":{"ts_event":"2026-03-09T07:52:41.367824437Z","rtype":160},'
                        '"action":"R","side":"N","price":null,"size":0,"symbol":"AAA"}', "event"),
    "Binance depth": ('{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":1,"u":2,'
                      '"b":[["0.0024","10"]],"a":[["0.0026","100"]]}', "event"),
    "Bybit orderbook": ('{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1672304484978,'
                        '"data":{"s":"BTCUSDT","b":[["16493.50","0.006"]],"a":[],"u":1}}', "event"),
    "Bybit liquidation": ('{"topic":"allLiquidation.ROSEUSDT","type":"snapshot","ts":1739502303204,'
                          '"data":[{"T":1739502302929,"s":"ROSEUSDT","S":"Sell","v":"20000",'
                          '"p":"0.04499"}]}', "event"),
    "OKX books": ('{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{'
                  '"asks":[["8476.98","415","0","13"]],"bids":[],"ts":"1597026383085"}]}', "event"),
    "OKX tickers": ('{"arg":{"channel":"tickers","instId":"LTC-USDT"},"data":[{"instId":"LTC-USDT",'
                    '"last":"9999.99","lastSz":"0.1","vol24h":"2222","ts":"1597026383085"}]}',
                    "event"),
    "OKX liquidations": ('{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{'
                         '"details":[{"bkPx":"0.007","sz":"11","ts":"1692266434010"}],'
                         '"instId":"IOST-USDT-SWAP"}]}', "event"),
    "Coinbase ticker": ('{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD",'
                        '"price":"1285.22","open_24h":"1310.79","volume_24h":"245532.79",'
                        '"best_bid":"1285.04","side":"buy","time":"2022-10-19T23:28:22.061769Z",'
                        '"trade_id":370843401,"last_size":"11.4396987"}', "event"),
    "Coinbase received": ('{"type":"received","time":"2014-11-07T08:19:27.028459Z","product_id":'
                          '"BTC-USD","sequence":10,"order_id":"d50ec984","size":"1.34",'
                          '"price":"502.1","side":"buy","order_type":"limit"}', "event"),
    "Coinbase open": ('{"type":"open","time":"2014-11-07T08:19:27.028459Z","product_id":"BTC-USD",'
                      '"sequence":10,"order_id":"d50ec984","price":"200.2","remaining_size":"1",'
                      '"side":"sell"}', "event"),
    "Coinbase Advanced level2": ('{"channel":"l2_data","timestamp":"2023-02-09T20:32:50.714964Z",'
                                 '"sequence_num":0,"events":[{"type":"snapshot","product_id":'
                                 '"BTC-USD","updates":[{"side":"bid","event_time":'
                                 '"1970-01-01T00:00:00Z","price_level":"21921.73",'
                                 '"new_quantity":"0.06317902"}]}]}', "event"),
    "Kraken v1 book": ('[1234,{"a":[["5541.30000","2.50700000","1534614248.456738"]]},"book-10",'
                       '"XBT/USD"]', "event"),
    "Kraken v1 ohlc": ('[42,["1542057314.748456","1542057360.435743","3586.7","3586.7","3586.6",'
                       '"3586.6","3586.68894","0.03373000",2],"ohlc-5","XBT/USD"]', "event"),
    "Kraken v2 book": ('{"channel":"book","type":"update","data":[{"symbol":"MATIC/USD","bids":[{'
                       '"price":0.5657,"qty":1098.4}],"asks":[],"timestamp":'
                       '"2023-10-06T17:35:55.440295Z"}]}', "event"),
    "Deribit book": ('{"jsonrpc":"2.0","method":"subscription","params":{"channel":'
                     '"book.BTC-PERPETUAL.100ms","data":{"timestamp":1554373962454,'
                     '"instrument_name":"BTC-PERPETUAL","bids":[["new",5042.34,30]],"asks":[]}}}',
                     "event"),
    "Hyperliquid l2Book": ('{"channel":"l2Book","data":{"coin":"BTC","time":1762251899033,'
                           '"levels":[[{"px":"1","sz":"2","n":3}],[]]}}', "event"),
    "BitMEX orderBookL2": ('{"table":"orderBookL2_25","action":"update","data":[{"symbol":"XBTUSD",'
                           '"id":8799193300,"side":"Sell","size":491901,"price":8067.5,'
                           '"timestamp":"2025-11-04T10:24:59.033Z"}]}', "event"),
    "BitMEX tradeBin1m": ('{"table":"tradeBin1m","action":"insert","data":[{"timestamp":'
                          '"2025-11-04T10:25:00.000Z","symbol":"XBTUSD","open":1,"close":2,'
                          '"price":5,"volume":3}]}', "event"),
    "BitMEX liquidation": ('{"table":"liquidation","action":"insert","data":[{"orderID":"x",'
                           '"symbol":"XBTUSD","side":"Buy","price":1150.3,"leavesQty":5}]}',
                           "event"),
    "Gate order book": ('{"time":1606295412,"channel":"spot.order_book","event":"update","result":{'
                        '"t":1606295412123,"s":"BTC_USDT","bids":[["19079.55","0.0195"]],'
                        '"asks":[]}}', "event"),
    "Gate tickers": ('{"time":1669107766,"channel":"spot.tickers","event":"update","result":{'
                     '"currency_pair":"BTC_USDT","last":"15743.4","lowest_ask":"15744.4",'
                     '"base_volume":"9943","high_24h":"16104"}}', "event"),
    "Gate liquidations": ('{"channel":"futures.public_liquidates","event":"update","time":'
                          '1541505434,"result":[{"price":"215.1","size":"-124","time":1541486601,'
                          '"contract":"BTC_USD","time_ms":1541486601123}]}', "event"),
    "Bitget ticker": ('{"action":"snapshot","arg":{"instType":"SPOT","channel":"ticker","instId":'
                      '"BTCUSDT"},"data":[{"instId":"BTCUSDT","lastPr":"26507","open24h":"27006",'
                      '"ts":"1695709835822"}]}', "event"),
    "Kraken futures book": ('{"feed":"book","product_id":"PI_XBTUSD","side":"sell","seq":326094134,'
                            '"price":34981.0,"qty":5.0,"timestamp":1612269953629}', "event"),
    "OKX block trades": ('{"arg":{"channel":"public-block-trades","instId":"BTC-USD-SWAP"},'
                         '"data":[{"instId":"BTC-USD-SWAP","tradeId":"90167","px":"42000",'
                         '"sz":"100","side":"sell","ts":"1642670926504"}]}', "event"),
    "Coinbase rfq_match": ('{"type":"rfq_match","time":"2014-11-07T08:19:27.028459Z","trade_id":30,'
                           '"product_id":"BTC-USD","size":"5.2","price":"400.2","side":"sell"}',
                           "event"),
    "CCXT open order": ('{"timestamp":1612269953629,"symbol":"A/B","price":5,"amount":1,'
                        '"remaining":1,"status":"open"}', "event"),
    "liquidations in a list of trades": ('{"channel":"liquidations","trades":[{"id":"02f1",'
                                         '"size":"1","symbol":"A","price":"5","createdAt":'
                                         '"2024-02-23T22:12:00.214Z","type":"LIQUIDATED"}]}',
                                         "event"),
    "a liquidation of no channel": ('{"id":"02f1","size":"1","symbol":"A","price":"5","createdAt":'
                                    '"2024-02-23T22:12:00.214Z","type":"LIQUIDATED"}', "event"),
    "Binance force order": ('{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL",'
                            '"q":"0.014","p":"9910","ap":"9910","X":"FILLED","T":1568014460893}}',
                            "event"),
    "Tiingo quote": ('{"messageType":"A","service":"crypto_data","data":["Q","evxbtc",'
                     '"2019-01-30T18:03:40.195515+00:00","binance",405.0,9.6e-05,9.6e-05,1,2]}',
                     "event"),
    "KuCoin futures ticker": ('{"topic":"/contractMarket/ticker:XBTUSDTM","type":"message",'
                              '"subject":"ticker","data":{"symbol":"XBTUSDTM","side":"buy",'
                              '"size":2,"price":"86429.7","bestBidSize":112,"tradeId":"182",'
                              '"ts":1740642161735000000}}', "event"),
    "HTX depth": ('{"ch":"market.btcusdt.depth.step0","ts":1630983549503,"tick":{"bids":'
                  '[[52690.69,0.36281]],"asks":[],"version":1,"ts":1630983549500}}', "event"),
    "HTX kline": ('{"ch":"market.ethbtc.kline.1min","ts":1630981694370,"tick":{"id":1630981694,'
                  '"open":0.0749,"close":0.0749,"low":0.07,"high":0.08,"amount":1,"vol":2,'
                  '"count":3}}', "event"),
    "Upbit ticker": ('{"type":"ticker","code":"KRW-BTC","opening_price":1,"high_price":3,'
                     '"trade_price":2,"trade_volume":0.1,"trade_timestamp":1730336862047,'
                     '"acc_trade_volume_24h":5}', "event"),
    "Upbit orderbook": ('{"type":"orderbook","code":"KRW-BTC","timestamp":1746601573804,'
                        '"total_ask_size":4.79,"orderbook_units":[{"ask_price":1,"bid_price":1}]}',
                        "event"),
    "Gemini v1 change": ('{"type":"update","eventId":1,"timestampms":1547760288001,"events":[{'
                         '"type":"change","side":"bid","price":"3631.8","remaining":"0",'
                         '"delta":"-0.5","reason":"cancel"}]}', "event"),
    "Gemini v2 l2": ('{"type":"l2_updates","symbol":"BTCUSD","changes":[["sell","9160.20","0"]]}',
                     "event"),
    "Bitstamp orders": ('{"data":{"id":1,"order_type":1,"datetime":"1619439345","microtimestamp":'
                        '"1619439345023000","amount":0.1,"price":53904.2},"channel":'
                        '"live_orders_btcusd","event":"order_created"}', "event"),
    "Bitfinex funding": ('[337371,"fte",[133323543,1574694605000,-59.84,0.00023647,2]]', "event"),
    "Bitfinex ticker": ("[224555,[7616.5,31.89,7617.5,43.35,-550.8,-0.0674,7617.1,8314.7,8257.8,"
                        "7500]]", "event"),
    "Bitfinex book": ("[18529,[6099.6,1,-0.5]]", "event"),
    "Bitfinex heartbeat": ('[17470,"hb"]', "control"),
    "Coinbase heartbeats": ('{"channel":"heartbeats","timestamp":"2023-06-23T20:31:26.122969572Z",'
                            '"sequence_num":0,"events":[{"current_time":"2023-06-23","heartbeat_'
                            'counter":"3049"}]}', "control"),
    "Kraken status": ('{"channel":"status","type":"update","data":[{"version":"2.0.9","system":'
                      '"online","api_version":"v2","connection_id":12834}]}', "control"),
    "Gate answer": ('{"time":1606292218,"channel":"spot.trades","event":"subscribe","result":{'
                    '"status":"success"}}', "control"),
    "Kraken v2 answer": ('{"method":"subscribe","result":{"channel":"trade","snapshot":false,'
                         '"symbol":"BTC/USD"},"success":true}', "control"),
    "KuCoin welcome": ('{"id":"hQvf8jkno","type":"welcome"}', "control"),
    "HTX ping": ('{"ping":1492420473027}', "control"),
    "HTX answer": ('{"id":"id1","status":"ok","subbed":"market.btcusdt.trade.detail","ts":1}',
                   "control"),
    "Bitstamp answer": ('{"event":"bts:subscription_succeeded","channel":"live_trades_btcusd",'
                        '"data":{}}', "control"),
    "BitMEX welcome": ('{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0",'
                       '"timestamp":"2025-11-04T10:24:59.033Z","docs":"x"}', "control"),
    "Polygon quote": ('[{"ev":"Q","sym":"MSFT","bp":114.125,"bs":100,"ap":114.128,"as":160,'
                      '"t":1536036818784}]', "schema"),
    "Alpaca quote": ('[{"T":"q","S":"AMD","bp":87.66,"bs":1,"ap":87.68,"as":4,'
                     '"t":"2021-02-22T15:51:45.335Z"}]', "schema"),
    "a word": ("pong", "control"),
    "Upbit status": ('{"status":"UP"}', "control"),
}  # fmt: skip

#: An error as each exchange writes it, and the words that are shown.
ERRORS = {
    '{"event":"error","code":"60012","msg":"Invalid request","connId":"a4"}': "Invalid request",
    '{"success":false,"ret_msg":"handler not found","conn_id":"5","op":"subscribe"}': "handler not",
    '{"error":"Currency pair not supported X","method":"subscribe","success":false}': "not supp",
    '{"errorMessage":"Subscription depth","event":"subscriptionStatus","status":"error"}': "depth",
    '{"type":"error","message":"Failed to subscribe","reason":"X is no product"}': "is no product",
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params"}}': "Invalid params",
    '{"channel":"error","data":"Invalid subscription"}': "Invalid subscription",
    '{"status":400,"error":"Unknown table: x","meta":{},"request":{"op":"subscribe"}}': "Unknown",
    '{"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown pair"},'
    '"result":null}': "unknown pair",
    '{"id":"1","type":"error","code":404,"data":"topic /x is not found"}': "topic /x is not found",
    '{"id":"id1","status":"error","err-code":"bad-request","err-msg":"invalid topic","ts":1}':
        "invalid topic",
    '{"error":{"name":"INVALID_AUTH","message":"no auth"}}': "no auth",
    '{"event":"bts:error","channel":"","data":{"code":null,"message":"Bad subscription."}}':
        "Bad subscription.",
    '{"event":"error","msg":"symbol: invalid","code":10300}': "symbol: invalid (code 10300)",
}  # fmt: skip


def symbols_of(message: str, default: str | None = "TYPED") -> dict[str, int]:
    decoded = Decoder(default).decode(message)
    assert not decoded.rejected
    return {batch.symbol: len(batch) for batch in decoded.ticks}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_public_trade_of_each_exchange_is_read(shape: str) -> None:
    message, symbol, count = SHAPES[shape]
    assert symbols_of(message) == {symbol or "TYPED": count}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_sent_again_is_counted_once(shape: str) -> None:
    if shape in WITHOUT_IDS:
        pytest.skip("an update without ids is always new; see the snapshot below")
    message, _, count = SHAPES[shape]
    decoder = Decoder("TYPED")
    first, again = decoder.decode(message), decoder.decode(message)
    numbered = all((batch.trade_id >= 0).all() for batch in first.ticks)
    if numbered:  # the market knows a number that it had before
        assert [batch.trade_id.tolist() for batch in again.ticks] == [
            batch.trade_id.tolist() for batch in first.ticks
        ]
    else:
        assert [one.reason for one in again.rejected] == ["duplicate"] * count
        assert not again.ticks


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_trade_gives_no_tick(name: str) -> None:
    message, reason = OTHERS[name]
    decoded = Decoder("TYPED").decode(message)
    assert not decoded.ticks
    assert {one.reason for one in decoded.rejected} == {reason}


@pytest.mark.parametrize("message", ERRORS)
def test_an_error_is_read_in_words(message: str) -> None:
    decoded = Decoder().decode(message)
    assert not decoded.ticks
    (notice,) = (one for one in decoded.notices if one.kind == "error")
    assert ERRORS[message] in notice.text


def test_sizes_of_sellers_are_above_zero() -> None:
    (batch,) = Decoder().decode(SHAPES["Gate futures.trades"][0]).ticks
    assert batch.size.tolist() == [108.0]
    (batch,) = Decoder("X").decode(SHAPES["Bitfinex snapshot"][0]).ticks
    assert batch.size.tolist() == [0.01, 0.005]


def test_a_negative_size_of_any_other_source_is_refused() -> None:
    message = '{"symbol":"A","ts":1723161256322,"price":5,"size":-1}'
    assert [one.reason for one in Decoder().decode(message).rejected] == ["size"]


def test_the_past_comes_oldest_first() -> None:
    for shape in ("Coinbase Advanced market_trades", "Bitfinex snapshot"):
        (batch,) = Decoder("X").decode(SHAPES[shape][0]).ticks
        assert (batch.ts_ms[1:] > batch.ts_ms[:-1]).all()


def test_a_channel_of_numbers_has_the_symbol_of_its_answer() -> None:
    decoder = Decoder()
    decoder.decode('{"event":"subscribed","channel":"trades","chanId":7,"symbol":"tBTCUSD",'
                   '"pair":"BTCUSD"}')  # fmt: skip
    decoder.decode('{"event":"subscribed","channel":"book","chanId":8,"pair":"BTCUSD"}')
    (batch,) = decoder.decode('[7,"te",[401597395,1574694478808,0.005,7245.3]]').ticks
    assert (batch.symbol, batch.trade_id.tolist()) == ("BTCUSD", [401597395])
    book = decoder.decode("[8,[[401597393,1574694475039,0.005,7244.9]]]")
    assert [one.reason for one in book.rejected] == ["event"]
    assert not book.ticks


def test_te_and_tu_of_the_first_interface_are_one_trade() -> None:
    decoder = Decoder("X")
    assert decoder.decode('[5,"te","1234-BTCUSD",1443659698,236.42,0.49]').count == 1
    again = decoder.decode('[5,"tu","1234-BTCUSD",15254529,1443659698,236.42,0.49]')
    assert [one.reason for one in again.rejected] == ["duplicate"]


def test_okx_counts_the_trades_of_an_aggregate() -> None:
    (batch,) = Decoder().decode(SHAPES["OKX trades"][0]).ticks
    assert batch.trades.tolist() == [3]


def test_an_id_is_known_though_a_trade_without_its_symbol_has_names_in_two_spellings() -> None:
    about = {"arg": {"instType": "SPOT", "channel": "trade", "instId": "BTCUSDT"}}
    row = {"ts": "1695709835822", "price": "26293.4", "size": "0.0013", "tradeId": "1000000000"}
    (batch,) = Decoder().decode(json.dumps({"action": "update", "data": [row]} | about)).ticks
    assert batch.trade_id.tolist() == [1_000_000_000]


def test_rows_without_ids_are_known_in_a_later_snapshot_alone() -> None:
    rows = [["1632470889087", "10", "411.8", "buy"]]
    about = {"arg": {"instType": "sp", "channel": "trade", "instId": "BTCUSDT"}, "data": rows}
    update, snapshot = (json.dumps({"action": kind} | about) for kind in ("update", "snapshot"))
    decoder = Decoder()
    counts = [decoder.decode(one).count for one in (update, update, snapshot, update)]
    assert counts == [1, 1, 0, 1]


def test_trades_of_one_message_that_say_the_same_are_all_counted() -> None:
    cells = ["5541.2", "0.1", "1534614057.321597", "s", "l", ""]
    decoder = Decoder()
    message = json.dumps([0, [cells, cells], "trade", "XBT/USD"])
    assert [decoder.decode(message).count for _ in "ab"] == [2, 0]


def test_a_symbol_that_was_typed_names_those_written_otherwise() -> None:
    decoder = Decoder(symbols=["BTCUSDT"])
    (batch,) = decoder.decode(SHAPES["OKX trades"][0]).ticks
    assert batch.symbol == "BTCUSDT"
    refused = decoder.decode(SHAPES["Gate spot.trades"][0]).rejected
    assert [one.reason for one in refused] == ["unsubscribed"]


TRADE = {"symbol": "BTCUSDT", "price": 5, "size": 1, "ts": 1_737_072_000_000, "id": 7}


@pytest.mark.parametrize("kind", ["block_trade", "BLOCK-TRADE", "rfq", "liquidation"])
def test_a_forced_trade_is_none_whatever_came_before(kind: str) -> None:
    decoder = Decoder()
    for at, (word, count) in enumerate([("trade", 1), ("trade", 1), (kind, 0), ("trade", 1)]):
        message = json.dumps({"type": word, **TRADE, "id": at})
        assert decoder.decode(message.encode()).count == count, word


DYDX = {"id": "02f1", "size": "1", "price": "5", "side": "BUY", "createdAt": "2024-02-23T22:12:00Z"}


def test_a_liquidation_among_the_trades_of_a_channel_is_a_trade() -> None:
    types = ["LIMIT", "LIQUIDATED", "DELEVERAGED", "MARKET", "LIQUIDATED"]
    rows = [{**DYDX, "id": f"02f{at}", "type": kind} for at, kind in enumerate(types)]
    frame = {"type": "channel_data", "id": "BTC-USD", "channel": "v4_trades"}
    for message in (
        {**frame, "contents": {"trades": rows}},
        {"trades": [{"symbol": "BTC-USD", **row} for row in rows]},
    ):
        out = Decoder("BTC-USD").decode(json.dumps(message).encode())
        assert (out.count, out.rejected) == (5, [])
    decoder = Decoder()
    for row in [*rows, *({**row, "id": f"again-{row['id']}"} for row in rows)]:
        message = {"channel": "v4_trades", "symbol": "BTC-USD", **row}
        assert decoder.decode(json.dumps(message).encode()).count == 1


@pytest.mark.parametrize("channel", ["push.personal.order.deal", "order.deals", "orders/trades"])
def test_deals_of_one_s_own_are_no_trades_of_the_market(channel: str) -> None:
    for message in ({"channel": channel, **TRADE}, {"channel": channel, "data": TRADE}):
        out = Decoder().decode(json.dumps(message).encode())
        assert (out.count, [one.reason for one in out.rejected]) == (0, ["event"])


def test_a_feed_is_a_kind_where_krakens_futures_say_it_and_else_a_name() -> None:
    for feed, count in (("bookmap", 1), ("iex", 1), ("book", 0), ("ticker_lite", 0)):
        message = {"feed": feed, **TRADE}
        assert Decoder().decode(json.dumps(message).encode()).count == count, feed


def test_the_time_of_a_trade_goes_before_that_of_its_record() -> None:
    for name in ("ts", "timestamp", "time"):
        plain = {key: value for key, value in TRADE.items() if key != "ts"}
        for made in ("createTime", "created_at", "createdAt"):
            message = {made: 1_737_071_000_000, **plain, name: TRADE["ts"]}
            (ticks,) = Decoder().decode(json.dumps(message).encode()).ticks
            assert ticks.ts_ms.tolist() == [TRADE["ts"]]


def test_a_uid_is_that_of_a_user_but_for_krakens_futures() -> None:
    plain = {key: value for key, value in TRADE.items() if key != "id"}
    for uid in (777, "user-7"):
        decoder = Decoder()
        messages = [{**plain, "ts": TRADE["ts"] + at, "uid": uid} for at in range(9)]
        found = [decoder.decode(json.dumps(one).encode()).ticks for one in messages]
        assert [one[0].trade_id.tolist() for one in found] == [[-1]] * 9
    same = {"feed": "trade", **plain, "uid": 777}
    (ticks,) = Decoder().decode(json.dumps(same).encode()).ticks
    assert ticks.trade_id.tolist() == [777]


def test_te_and_tu_of_the_second_interface_are_one_trade() -> None:
    decoder = Decoder("X")
    te, tu = (f'[17470,"{kind}",[401597395,1574694478808,0.005,7245.3]]' for kind in ("te", "tu"))
    assert decoder.decode(te).count == 1
    again = decoder.decode(tu)
    assert (again.count, [one.reason for one in again.rejected]) == (0, ["duplicate"])
    assert Decoder("X").decode(tu).count == 1


def test_lbank_tells_the_clock_of_china_and_the_turnover_beside_the_size() -> None:
    (batch,) = Decoder().decode(SHAPES["LBank trade"][0]).ticks
    # 17:02:27.083 in China.
    assert batch.ts_ms.tolist() == [1_655_370_147_083]
    assert batch.size.tolist() == [0.0659]


def test_trades_of_several_symbols_stand_in_one_message_of_hitbtc() -> None:
    trade = {"t": 1626861109494, "i": 7, "p": "5", "q": "2", "s": "buy"}
    message = json.dumps({"ch": "trades", "update": {"A": [trade], "B": [trade, trade | {"i": 8}]}})
    found = {one.symbol: one.trade_id.tolist() for one in Decoder().decode(message).ticks}
    assert found == {"A": [7], "B": [7, 8]}


@pytest.mark.parametrize(("price", "told"), [("3720250000000", 3720.25), (3720.25, 3720.25),
                                             ("3720.250000000", 3720.25), (3720, 3720.0),
                                             ("5", 5e-9)])  # fmt: skip
def test_prices_of_databento_are_billionths_unless_they_have_a_point(price, told) -> None:
    record = json.loads(SHAPES["Databento trades"][0]) | {"price": price, "symbol": "ESH1"}
    (batch,) = Decoder().decode(json.dumps(record)).ticks
    assert (batch.symbol, batch.price.tolist()) == ("ESH1", [told])
    assert batch.ts_ms.tolist() == [1_609_160_400_000]


def test_a_price_that_databento_does_not_know_is_none() -> None:
    record = json.loads(SHAPES["Databento trades"][0]) | {"price": f"{2**63 - 1}"}
    assert [one.reason for one in Decoder().decode(json.dumps(record)).rejected] == ["price"]
