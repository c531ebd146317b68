"""What columns are called, and what they mean: one table, where a new name is one more word.

The names of a meaning stand in the order of preference: where a header has several of them, the
first counts. Case, blanks, marks and what stands in brackets are no part of a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestion.decode.symbols import QUOTES, proper_symbol, word_set

#: Meaning -> names, as `canonical` has them.
NAMES: dict[str, str] = {
    "time": "opentime klineopentime snappedat timeperiodstart opendatetime timeopen openat "
    "starttime startat startedat start begin begins begintime candlebegintime candledatetimeutc "
    "windowstart periodstart bucket barstart tsms timestampms timems timestamp ts tickts unix "
    "unixtime unixtimestamp unixms epoch epochms tsevent participanttimestamp transacttime "
    "transacttimestamp tradetime tradetimestamp tradedat executedat executedtimestamp execdate "
    "filledtime filltime exectime createdtime createtimems createdat createtime exchangetimestamp "
    "exchangetime timeexchange microtimestamp eventtime datetime dateandtime datetimeutc "
    "timestamputc dateutc timeutc utctime utcdate utc gmttime gmtdate localtime "
    "localdatetime date time dt day tradedate tradingday dtyyyymmdd yyyymmdd datum datumzeit "
    "zeitstempel zeitpunkt zeit uhrzeit fecha fechahora data dataora horodatage heure tarih дата "
    "日期 时间 交易日期 成交时间 日時 日付 일자 날짜 t",
    "closetime": "closetime timeclose endtime timeperiodend closedat candleclosetime barend",
    "clock": "time timem clock uhrzeit zeit hora heure ora timeofday hhmmss hour minute 时间",
    "symbol": "symbol s sym symbolid symroot ticker tickersymbol instrument instrumentname "
    "instrumentid instid pair currencypair tradingpair productid marketsymbol contractcode "
    "securityid secid isin ric symbolname valor 合约 代码",
    "symbol_maybe": "name tic code stock stockcode tscode coin asset assetname contract market "
    "product security crypto currency book base underlying kürzel wertpapier activo simbolo "
    "título i t",
    "venue": "exchange venue exchangename exch mic",
    "event": "event eventtype exectype msgtype messagetype channel recordtype type e kind",
    "open": "open o mido midopen openmid openprice priceopen opening first eröffnung "
    "eröffnungskurs eröffn apertura abertura ouverture ouv otwarcie откр pxopen "
    "openingprice openprc 开盘 开盘价 始値 시가 openbid bidopen",
    "high": "high h midh midhigh highmid highprice pricehigh max hoch höchst höchstkurs tageshoch "
    "máximo máxima massimo plushaut haut högst najwyzszy najwyższy yüksek макс pxhigh askhi 最高 "
    "最高价 高値 고가 highbid bidhigh",
    "low": "low l midl midlow lowmid lowprice pricelow min tief tiefst tiefstkurs tagestief "
    "mínimo mínima minimo plusbas bas lägst najnizszy najniższy düşük мин pxlow bidlo 最低 最低价 "
    "安値 저가 lowbid bidlow",
    "close": "close c midc midclose closemid closeprice priceclose closelast closing closingprice "
    "latest last lastprice settle settlement schluss schlusskurs schluß kurs cierre chiusura "
    "clôture cloture dernier senast zuletzt último ultimo zamkniecie zamknięcie şimdi цена pxlast "
    "prc priceusd 收盘 收盘价 終値 종가 closebid bidclose value adjclose adjustedclose",
    "volume": "volume vol v basevolume volumebase basevol volumefrom volbase baseassetvolume "
    "basetokenvolume candleacctradevolume tradevolume tradedvolume volumen wolumen hacim umsatz "
    "stück volym volumetraded tottrdqty ttltrdqnty totaltradedquantity shares pxvolume объём "
    "成交量 出来高 거래량 tickvolume tickvol volumetick",
    "quote": "quotevolume quoteassetvolume quotevol volumequote volquote volumeto turnover "
    "volccy volccyquote filledvolume totalvolume quoteqty quotequantity quoteamount total cost "
    "funds notional foreignnotional grossvalue volumecurrency money valuetraded turnoverusd "
    "baseturnover usdvolume candleacctradeprice tottrdval 成交额",
    "trades": "trades count numberoftrades tradecount tradescount ntrades numtrades nooftrades n "
    "transactions tradesdone numberoftransactions",
    "vwap": "vwap vw weightedprice waprice averageprice wap",
    "price": "lastpx fillprice filledprice avgfilledprice execprice executedprice executionprice "
    "dealprice price p px tradeprice rate precio prix preis 价格 成交价",
    "size": "size qty quantity q sz executedquantity lastqty lastsize tradesize tradeqty execqty "
    "execsize filledamount amount baseamount baseqty basequantity sizebase amountbase filledqty "
    "lots menge cantidad 数量 s",
    "id": "tradeid aggtradeid aggregatetradeid agg tid dealid execid matchid trdmatchid id a i",
    "first": "firsttradeid firstid f",
    "last": "lasttradeid lastid l",
    "closed": "confirm isclosed isfinal closed complete isbarclosed x",
    "timeframe": "timeframe interval period per resolution",
}
OHLC = ("open", "high", "low", "close")
#: Columns that tell what rows are which are no trades: name -> what they are.
NO_TRADES: dict[str, str] = {
    **dict.fromkeys(
        word_set("bid ask bidprice askprice bestbid bestask bestbidprice bestaskprice bids asks"),
        "quotes or tickers (bid and ask)",
    ),
    **dict.fromkeys(
        word_set("issnapshot pricelevel newquantity level depth orderbook booklevel updateid"),
        "rows of an order book",
    ),
    **dict.fromkeys(
        word_set(
            "orderstatus timeinforce remaining remainingsize remainingqty remainingamount "
            "remainingquantity unfilled originalquantity"
        ),
        "orders or liquidations",
    ),
    **dict.fromkeys(
        word_set("fundingrate lastfundingrate openinterest sumopeninterest"),
        "funding rates or open interest",
    ),
}
#: What stands in a table of holdings, and what counts there how much is held.
_OF_HOLDINGS = word_set(
    "marketvalue marketval positionvalue portfoliovalue costbasis averagecost avgcost costshare "
    "costpershare weight portfolioweight unrealizedpnl unrealizedgain"
)
_HELD = word_set("shares quantity qty units position holdings sharesheld noofshares")
#: The name of a column that nobody reads.
LEFT_OUT = "ignore"
#: Heikin-Ashi bars, which are averages of bars.
_AVERAGE = re.compile(
    r"(ha|heikin[ _-]?ashi)[ _.-]*(open|high|low|close)"
    r"|(open|high|low|close)[ _.-]*[(\[]?(ha|heikin[ _-]?ashi)[)\]]?",
    re.IGNORECASE,
)
#: Words of files that hold no trades, though their columns may look like them.
NO_TRADE_FILES = re.compile(
    r"liquidation|forceorder|order_?book|bookticker|depth_?snapshot|incremental_book|book_snapshot",
    re.IGNORECASE,
)
#: Other data that stands beside prices: no symbols of a table of closes.
NO_SYMBOLS = word_set(
    "adjclose adjustedclose bid ask spread change changepct pct percent returns return dividends "
    "stocksplits splits capitalgains marketcap side percentage amount rate rsi macd signal sma ema "
    "ignore index unnamed0 level0 level id flags spread notional openint oi zscore ratio"
)
#: Indicators with the length of their window in the name, such as RSI14 or SMA_20.
_INDICATOR = re.compile(r"(rsi|[sewh]ma|ma|macd|atr|adx|cci|obv|mfi|roc|bb[ulm]?|vwap|std)\d{1,3}")

_LOOKUP = {
    meaning: {name: rank for rank, name in reversed(list(enumerate(names.split())))}
    for meaning, names in NAMES.items()
}
#: Currencies that are no money: base as often as quote, which a symbol alone tells.
_COINS = frozenset(("BTC", "XBT", "ETH", "BNB", "SOL"))
#: Characters of a name that are looked at.
_LONGEST = 200
_FIELDS = ("open", "high", "low", "close", "volume")


def canonical(name: str) -> str:
    """A name without case, blanks, marks and a number in front.

    >>> canonical(" <OPEN> "), canonical("1. open"), canonical("Gmt time"), canonical("Close/Last")
    ('open', 'open', 'gmttime', 'closelast')
    """
    bare = re.sub(r"^\d+[.)]\s*", "", name[:_LONGEST].strip().lower())
    return re.sub(r"[\W_]+", "", bare)


def rank(name: str, meaning: str) -> int | None:
    """How early a name stands among those of a meaning, None where it is none of them.

    >>> rank("Timestamp (UTC)", "time") is None, rank("Open (USD)", "open"), rank("Date", "open")
    (False, 0, None)
    >>> rank("S/N", "size"), rank("P/E", "price")
    (None, None)
    """
    names = _LOOKUP[meaning]
    first, mark, _ = re.split(r"([(/\[]|$)", name[:_LONGEST].strip("<> "), maxsplit=1)
    for spelling in (name, first) if mark != "/" or len(canonical(first)) > 1 else (name,):
        found = names.get(canonical(spelling))
        if found is not None:
            return found
    return None


def is_indicator(name: str) -> bool:
    """Whether a column beside prices is no symbol's: an indicator, a spread, an index.

    >>> is_indicator("RSI14"), is_indicator("SMA_200"), is_indicator("Z-Score"), is_indicator("KO")
    (True, True, True, False)
    """
    bare = canonical(name)
    return bare in NO_SYMBOLS or _INDICATOR.fullmatch(bare) is not None


def is_held(name: str, names: Sequence[str]) -> bool:
    """Whether a column of a table counts what is held, and not what traded.

    >>> is_held("Shares", ["Date", "Shares", "Market Value (USD)"]), is_held("Volume", ["Weight"])
    (True, False)
    """
    told = {canonical(part) for one in names for part in (one, re.split(r"[(/\[]", one)[0])}
    return canonical(name) in _HELD and bool(told & _OF_HOLDINGS)


def is_average(name: str) -> bool:
    """Whether a column is one of Heikin-Ashi bars.

    >>> is_average("HA_Open"), is_average("Close (HA)"), is_average("HAL"), is_average("Open")
    (True, True, False, False)
    """
    return _AVERAGE.fullmatch(name.strip()) is not None


def column_of(names: Sequence[str], meaning: str) -> int | None:
    """The position of the column that has a meaning, by the order of preference.

    >>> column_of(["unix", "date", "open"], "time"), column_of(["a", "b"], "time")
    (0, None)
    """
    found = columns_of(names, meaning)
    return found[0] if found else None


def columns_of(names: Sequence[str], meaning: str) -> list[int]:
    """The positions of all columns that may have a meaning, the best first."""
    ranked = (
        (rank(name, meaning), len(name) == 1 and name.isupper(), position)
        for position, name in enumerate(names)
    )
    return [position for _, _, position in sorted(one for one in ranked if one[0] is not None)]


def levels_of(name: str) -> tuple[str, str] | None:
    """The symbol and the field of a name that holds both, None for any other.

    >>> levels_of("('Close', 'AAPL')"), levels_of("AAPL.Open"), levels_of("Close_BTC-USD")
    (('AAPL', 'close'), ('AAPL', 'open'), ('BTC-USD', 'close'))
    >>> levels_of("close_time") is None
    True
    """
    quoted = re.findall(r"'([^']*)'", name) if name.startswith("(") else []
    if len(quoted) == 2:
        return symbol_and_field(quoted[0], quoted[1])
    for mark in "._ :|":
        for first, _, second in (name.partition(mark), name.rpartition(mark)):
            if first and second and any(part.isupper() for part in (first, second)):
                found = symbol_and_field(first, second)
                if found is not None:
                    return found
    return None


def symbol_and_field(first: str, second: str) -> tuple[str, str] | None:
    """Which of two words is the symbol and which the field.

    >>> symbol_and_field("Adj Close", "KO"), symbol_and_field("KO", "Volume")
    (('KO', 'adjclose'), ('KO', 'volume'))
    """
    for symbol, field in ((second, first), (first, second)):
        if canonical(field) in ("adjclose", "adjusted", "adjustedclose"):
            return (symbol, "adjclose") if proper_symbol(symbol) else None
        for meaning in _FIELDS:
            if rank(field, meaning) is not None and proper_symbol(symbol):
                return symbol, meaning
    return None


def currency_of_volume(name: str) -> str | None:
    """The currency that a column of volume is in, as its name says: "Volume USDT" -> "USDT".

    >>> currency_of_volume("Volume BTC"), currency_of_volume("Volume_(USD)")
    ('BTC', 'USD')
    >>> currency_of_volume("volume") is None
    True
    """
    found = re.fullmatch(r"vol(?:ume)?(?=[\W_])[\W_]*([a-z0-9]{2,10})[\W_]*", name.strip().lower())
    if found is None or rank(name, "quote") is not None:
        return None
    word = found[1].upper()
    return None if word in ("BASE", "QUOTE", "TRADED", "24H", "TICK") else word


def is_quote_currency(currency: str, symbol: str | None) -> bool:
    """Whether a volume in this currency is the quote volume of a symbol.

    >>> is_quote_currency("USD", "BTCUSD"), is_quote_currency("BTC", "BTCUSD")
    (True, False)
    >>> is_quote_currency("BTC", "ETHBTC"), is_quote_currency("BTC", None)
    (True, False)
    """
    if symbol is not None:
        bare = re.sub(r"[^A-Z0-9]", "", symbol.upper())
        if bare.startswith(currency):
            return False
        if bare.endswith(currency):
            return True
    return currency in QUOTES and currency not in _COINS
