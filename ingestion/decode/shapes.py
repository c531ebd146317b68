"""The public trade streams that are read, each with an example as it comes on the wire.

Values are of the exchanges' own documentation. A new exchange is a line here; where its names,
its arrays or its channels are new, a line in the tables of `fields`, `arrays` or `kinds`.
"""

from __future__ import annotations

#: Shape -> a message, and the symbol and the number of trades that come out of it.
SHAPES: dict[str, tuple[str, str, int]] = {
    "Binance, Binance US trade": (
        '{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",'
        '"T":1672515782136,"m":true,"M":true}',
        "BNBBTC", 1,
    ),
    "Binance aggTrade, combined": (
        '{"stream":"bnbbtc@aggTrade","data":{"e":"aggTrade","E":1672515782136,"s":"BNBBTC",'
        '"a":12345,"p":"0.001","q":"100","f":100,"l":105,"T":1672515782136,"m":true,"M":true}}',
        "BNBBTC", 1,
    ),
    "Bybit publicTrade": (
        '{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":['
        '{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick",'
        '"i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,"seq":1783284617}]}',
        "BTCUSDT", 1,
    ),
    "OKX trades": (
        '{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT",'
        '"tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy",'
        '"ts":"1630048897897","count":"3","source":"0","seqId":1234}]}',
        "BTC-USDT", 1,
    ),
    "Coinbase Exchange match": (
        '{"type":"match","trade_id":10,"sequence":50,"maker_order_id":"ac928c66",'
        '"taker_order_id":"132fb6ae","time":"2014-11-07T08:19:27.028459Z","product_id":"BTC-USD",'
        '"size":"5.23512","price":"400.23","side":"sell"}',
        "BTC-USD", 1,
    ),
    "Coinbase Advanced market_trades": (
        '{"channel":"market_trades","client_id":"","timestamp":"2023-02-09T20:19:35.39625135Z",'
        '"sequence_num":0,"events":[{"type":"snapshot","trades":[{"trade_id":"000000001",'
        '"product_id":"ETH-USD","price":"1260.01","size":"0.3","side":"BUY",'
        '"time":"2019-08-14T20:42:27.265Z"},{"trade_id":"000000000","product_id":"ETH-USD",'
        '"price":"1260.00","size":"0.3","side":"BUY","time":"2019-08-14T20:42:26.265Z"}]}]}',
        "ETH-USD", 2,
    ),
    "Kraken v1 trade": (
        '[0,[["5541.20000","0.15850568","1534614057.321597","s","l",""],'
        '["6060.00000","0.02455000","1534614057.324998","b","l",""]],"trade","XBT/USD"]',
        "XBT/USD", 2,
    ),
    "Kraken v2 trade": (
        '{"channel":"trade","type":"snapshot","data":[{"symbol":"MATIC/USD","side":"sell",'
        '"price":0.5117,"qty":40.0,"ord_type":"market","trade_id":4665906,'
        '"timestamp":"2023-09-25T07:49:37.708706Z"}]}',
        "MATIC/USD", 1,
    ),
    "Deribit trades": (
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":'
        '"trades.BTC-PERPETUAL.100ms","data":[{"trade_seq":30289442,"trade_id":"48079269",'
        '"timestamp":1590484512188,"tick_direction":2,"price":8950.0,"mark_price":8948.9,'
        '"instrument_name":"BTC-PERPETUAL","index_price":8955.88,"direction":"sell",'
        '"amount":10.0}]}}',
        "BTC-PERPETUAL", 1,
    ),
    "Hyperliquid trades": (
        '{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"68898.0","sz":"0.26",'
        '"hash":"0x0","time":1762251899033,"tid":118906512037719,"users":["0xb","0xs"]}]}',
        "BTC", 1,
    ),
    "BitMEX trade": (
        '{"table":"trade","action":"partial","keys":[],"types":{},"filter":{"symbol":"XBTUSD"},'
        '"data":[{"timestamp":"2017-04-04T22:16:38.461Z","symbol":"XBTUSD","side":"Sell",'
        '"size":300000,"price":1150.3,"tickDirection":"PlusTick","trdMatchID":'
        '"48c83dec-b5b0-3e5c-8d2b-6a4f3e1b3a1e","grossValue":26079000000}]}',
        "XBTUSD", 1,
    ),
    "Gate spot.trades": (
        '{"time":1606292218,"time_ms":1606292218231,"channel":"spot.trades","event":"update",'
        '"result":{"id":309143071,"create_time":1606292218,"create_time_ms":'
        '"1606292218213.4578","side":"sell","currency_pair":"GT_USDT",'
        '"amount":"16.4700000000","price":"0.4705000000","range":"2390902-2390902"}}',
        "GT_USDT", 1,
    ),
    "Gate futures.trades": (
        '{"channel":"futures.trades","event":"update","time":1541503698,"time_ms":1541503698123,'
        '"result":[{"size":-108,"id":27753479,"create_time":1545136464,"create_time_ms":'
        '1545136464123,"price":"96.4","contract":"BTC_USD"}]}',
        "BTC_USD", 1,
    ),
    "Bitget v2 trade": (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"trade","instId":"BTCUSDT"},'
        '"data":[{"ts":"1695709835822","price":"26293.4","size":"0.0013","side":"buy",'
        '"tradeId":"1000000000"}],"ts":1695711090565}',
        "BTCUSDT", 1,
    ),
    "Bitget v1 trade": (
        '{"action":"update","arg":{"instType":"sp","channel":"trade","instId":"BTCUSDT"},'
        '"data":[["1632470889087","10","411.8","buy"],["1632470890087","11","2","sell"]]}',
        "BTCUSDT", 2,
    ),
    "KuCoin match": (
        '{"topic":"/market/match:BTC-USDT","type":"message","subject":"trade.l3match","data":{'
        '"makerOrderId":"671b5007389355000701b1d3","price":"67523","sequence":'
        '"11067996711960577","side":"buy","size":"0.003","symbol":"BTC-USDT",'
        '"takerOrderId":"671b50161777ff00074c168d","time":"1729843222921000000",'
        '"tradeId":"11067996711960577","type":"match"}}',
        "BTC-USDT", 1,
    ),
    "KuCoin futures execution": (
        '{"topic":"/contractMarket/execution:XBTUSDTM","type":"message","subject":"match",'
        '"sn":1794100537695,"data":{"symbol":"XBTUSDTM","sequence":1794100537695,"side":"buy",'
        '"size":2,"price":"90503.9","takerOrderId":"247822202957807616","tradeId":'
        '"1794100537695","ts":1731898619520000000}}',
        "XBTUSDTM", 1,
    ),
    "HTX trade.detail": (
        '{"ch":"market.btcusdt.trade.detail","ts":1630994963175,"tick":{"id":137005445109,'
        '"ts":1630994963173,"data":[{"id":137005445109359286410323766,"ts":1630994963173,'
        '"tradeId":102523573486,"amount":0.006754,"price":52648.62,"direction":"buy"}]}}',
        "BTCUSDT", 1,
    ),
    "Upbit trade": (
        '{"type":"trade","code":"KRW-BTC","timestamp":1730336862082,"trade_date":"2024-10-31",'
        '"trade_time":"01:07:42","trade_timestamp":1730336862047,"trade_price":100473000.0,'
        '"trade_volume":0.00014208,"ask_bid":"BID","prev_closing_price":100571000.0,'
        '"change":"FALL","change_price":98000.0,"sequential_id":17303368620470000,'
        '"best_ask_price":100473000,"best_ask_size":0.4,"stream_type":"REALTIME"}',
        "KRW-BTC", 1,
    ),
    "Upbit trade, short names": (
        '{"ty":"trade","cd":"KRW-BTC","tms":1730336862082,"td":"2024-10-31","ttm":"01:07:42",'
        '"ttms":1730336862047,"tp":100473000.0,"tv":0.00014208,"ab":"BID","pcp":100571000.0,'
        '"c":"FALL","cp":98000.0,"sid":17303368620470000,"st":"SNAPSHOT"}',
        "KRW-BTC", 1,
    ),
    "Gemini v1 marketdata": (
        '{"type":"update","eventId":5375547515,"timestamp":1547760288,"timestampms":'
        '1547760288001,"socket_sequence":15,"events":[{"type":"trade","tid":5375547515,'
        '"price":"3632.54","amount":"0.1362819142","makerSide":"ask"}]}',
        "", 1,
    ),
    "Gemini v2 trade": (
        '{"type":"trade","symbol":"BTCUSD","event_id":3575573053,"timestamp":1560976400428,'
        '"price":"9004.21000000","quantity":"0.09110000","side":"buy"}',
        "BTCUSD", 1,
    ),
    "Gemini v2 l2_updates, first": (
        '{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","9122.04","0.00121425"]],'
        '"trades":[{"type":"trade","symbol":"BTCUSD","eventid":169841458,"timestamp":'
        '1560976400428,"price":"9122.04","quantity":"0.0073173","side":"sell",'
        '"tid":2840140800042677}]}',
        "BTCUSD", 1,
    ),
    "Bitstamp live_trades": (
        '{"data":{"id":159377215,"timestamp":"1619439345","amount":0.01,"amount_str":'
        '"0.01000000","price":53904.2,"price_str":"53904.20","type":0,"microtimestamp":'
        '"1619439345023000","buy_order_id":1,"sell_order_id":2},"channel":'
        '"live_trades_btcusd","event":"trade"}',
        "BTCUSD", 1,
    ),
    "Bitfinex te": (
        '[17470,"te",[401597395,1574694478808,0.005,7245.3]]',
        "", 1,
    ),
    "Bitfinex snapshot": (
        '[17470,[[401597393,1574694475039,0.005,7244.9],[401597392,1574694470503,-0.01,7245.3]]]',
        "", 2,
    ),
    "Crypto.com trade": (
        '{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"BTC_USDT",'
        '"subscription":"trade.BTC_USDT","channel":"trade","data":[{"d":"2030407068",'
        '"t":1613581138462,"p":"51327.50","q":"0.000100","s":"SELL","i":"BTC_USDT"}]}}',
        "BTC_USDT", 1,
    ),
    "MEXC futures push.deal": (
        '{"symbol":"BTC_USDT","data":{"p":6866.5,"v":2096,"T":1,"O":3,"M":2,"t":1587442049632},'
        '"channel":"push.deal","ts":1587442022003}',
        "BTC_USDT", 1,
    ),
    "Finnhub trade": (
        '{"type":"trade","data":[{"s":"AAPL","p":7296.89,"t":1575526691134,"v":0.011467}]}',
        "AAPL", 1,
    ),
    "Polygon trade": (
        '[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],'
        '"t":1536036818784,"q":3681328}]',
        "MSFT", 1,
    ),
    "Alpaca trade": (
        '[{"T":"t","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"c":["@","I"],'
        '"t":"2021-02-22T15:51:44.208Z","z":"C"}]',
        "AAPL", 1,
    ),
    "MEXC spot deals": (
        '{"c":"spot@public.deals.v3.api@BTCUSDT","d":{"deals":[{"p":"20233.84","v":"0.001028",'
        '"S":1,"t":1661927587836}],"e":"spot@public.deals.v3.api"},"s":"BTCUSDT",'
        '"t":1661927587836}',
        "BTCUSDT", 1,
    ),
    "dYdX v4_trades": (
        '{"type":"channel_data","connection_id":"d7a2","message_id":4,"id":"BTC-USD",'
        '"channel":"v4_trades","version":"2.1.0","contents":{"trades":[{"id":"02f1a8b500000002",'
        '"size":"0.0001","price":"47894","side":"BUY","createdAt":"2024-02-23T22:12:00.214Z",'
        '"type":"LIMIT"}]}}',
        "BTC-USD", 1,
    ),
    "WhiteBIT trades_update": (
        '{"id":null,"method":"trades_update","params":["BTC_USDT",[{"id":41358530,'
        '"time":1580905394.70332,"price":"9293.6","amount":"0.01","type":"sell"}]]}',
        "BTC_USDT", 1,
    ),
    "Phemex trades_p": (
        '{"sequence":1188273,"symbol":"BTCUSDT","trades_p":[[1573717116484024300,"Buy",'
        '"8676.7","0.1"]],"type":"snapshot"}',
        "BTCUSDT", 1,
    ),
    "bitFlyer executions": (
        '{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":'
        '"lightning_executions_BTC_JPY","message":[{"id":39361,"side":"SELL","price":35100,'
        '"size":0.01,"exec_date":"2015-07-07T10:44:33.547Z","buy_child_order_acceptance_id":'
        '"JRF1","sell_child_order_acceptance_id":"JRF2"}]}}',
        "BTC_JPY", 1,
    ),
    "Bitso trades": (
        '{"type":"trades","book":"btc_mxn","payload":[{"i":72022,"a":"0.0035","r":"7190",'
        '"v":"25.16","mo":"0HM2","to":"yqrA","t":0,"x":1658777347000}]}',
        "BTC_MXN", 1,
    ),
    "Coincheck trades": (
        '[["1663318663","2357062","btc_jpy","2820896.0","5.0","sell","1193401","2078767",""]]',
        "BTC_JPY", 1,
    ),
    "BitMart spot/trade": (
        '{"table":"spot/trade","data":[{"price":"162.12","side":"buy","size":"11.085",'
        '"s_t":1542337219,"ms_t":1542337219120,"symbol":"ETH_USDT"}]}',
        "ETH_USDT", 1,
    ),
    "Aevo trades": (
        '{"channel":"trades:ETH-PERP","data":{"trade_id":"5bKM","instrument_name":"ETH-PERP",'
        '"side":"buy","price":"1800.5","amount":"0.2","created_timestamp":"1680000000123456789"}}',
        "ETH-PERP", 1,
    ),
    "Tiingo crypto": (
        '{"messageType":"A","service":"crypto_data","data":["T","evxbtc",'
        '"2019-01-30T18:03:40.195515+00:00","binance",405.0,9.631e-05]}',
        "EVXBTC", 1,
    ),
    "Tiingo IEX": (
        '{"messageType":"A","service":"iex","data":["T","2019-01-30T13:33:45.594808294-05:00",'
        '1548873225594808294,"wes",null,null,null,null,null,50.285,200,null,0,0,0,0]}',
        "WES", 1,
    ),
    "CryptoCompare trade": (
        '{"TYPE":"0","M":"Coinbase","FSYM":"BTC","TSYM":"USD","F":"1","ID":"80391121",'
        '"TS":1578581521,"Q":0.0015,"P":7937.85,"TOTAL":11.9,"RTS":1578581521}',
        "BTC-USD", 1,
    ),
    "Kraken futures trade": (
        '{"feed":"trade","product_id":"PI_XBTUSD","uid":"05af78ac-a774","side":"sell",'
        '"type":"fill","seq":653355,"time":1612266317519,"qty":15000,"price":34969.5}',
        "PI_XBTUSD", 1,
    ),
    "HitBTC v3 trades": (
        '{"ch":"trades","update":{"BTCUSDT":[{"t":1626861123552,"i":1555634969,"p":"30877.68",'
        '"q":"0.00006","s":"sell"}]}}',
        "BTCUSDT", 1,
    ),
    "HitBTC v3 trades, first": (
        '{"ch":"trades","snapshot":{"BTCUSDT":[{"t":1626861109494,"i":1555634968,"p":"30881.96",'
        '"q":"12.66828","s":"buy"},{"t":1626861109400,"i":1555634967,"p":"30881.90","q":"1",'
        '"s":"buy"}]}}',
        "BTCUSDT", 2,
    ),
    "Bithumb trade": (
        '{"type":"trade","code":"KRW-BTC","trade_price":489700,"trade_volume":1.2345,'
        '"ask_bid":"BID","prev_closing_price":484500,"change":"RISE","change_price":5200,'
        '"trade_date":"2024-09-10","trade_time":"09:16:17","trade_timestamp":1725927377174,'
        '"sequential_id":17259273771740000,"timestamp":1725927377287,"stream_type":"REALTIME"}',
        "KRW-BTC", 1,
    ),
    "LBank trade": (
        '{"trade":{"volume":0.0659,"amount":77.237436,"price":1172.04,"direction":"buy",'
        '"TS":"2022-06-16T17:02:27.083"},"SERVER":"V2","type":"trade","pair":"eth_usdt",'
        '"TS":"2022-06-16T17:02:27.086"}',
        "ETH_USDT", 1,
    ),
    "Databento trades": (
        '{"ts_recv":"1609160400000704060","hd":{"ts_event":"1609160400000429831","rtype":0,'
        '"publisher_id":1,"instrument_id":5482},"action":"T","side":"A","depth":0,"price":'
        '"3720250000000","size":5,"flags":128,"ts_in_delta":19251,"sequence":1170380}',
        "5482", 1,
    ),
    "Bitfinex v1 te": ('[5,"te","1234-BTCUSD",1443659698,236.42,0.49064538]', "", 1),
}  # fmt: skip
