"""Symbols: their proper form, and the one that a file's name tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analytics.model import SYMBOL_PATTERN


def word_set(text: str) -> frozenset[str]:
    """The words of a text.

    >>> sorted(word_set("bid ask"))
    ['ask', 'bid']
    """
    return frozenset(text.split())


#: Currencies in which the other leg of a symbol is quoted, as its name ends.
QUOTES = (
    *("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI", "USD", "EUR", "GBP", "JPY", "TRY"),
    *("BRL", "AUD", "CAD", "CHF", "KRW", "BTC", "XBT", "ETH", "BNB", "SOL"),
)
EXCHANGES = word_set(
    "ascendex binance binanceus bingx bitfinex bitflyer bitget bithumb bitmex bitstamp bittrex "
    "btcmarkets bybit cexio coinbase cryptocom deribit dydx ftx gateio gate gdax gemini hitbtc "
    "htx huobi hyperliquid itbit kraken kucoin lbank mexc mtgox okcoin okex okx phemex poloniex "
    "upbit whitebit"
)
#: What stands in the names of files beside a symbol.
NOISE = word_set(
    "adj adjusted aggtrades agg all ascii ask bar bars bid book candle candles candlestick "
    "candlesticks chart close closes cm coin coinm csv daily dat data database dataset day df "
    "download eod excel export file f feather final full fut future futures historical history "
    "hist hour hourly interval intraday json kline klines last line linear log market minute "
    "minutely minutes monthly ndjson new ohlc ohlcv output own pandas parquet perp perpetual "
    "premium price prices public quote raw records recent rest results sample spot test tick "
    "tickdata ticks time timeseries trade trades trading um unnamed index usdm utc weekly year"
)
#: Words that are noise beside a word that is none, and symbols where they stand alone.
WEAK_NOISE = word_set(
    "de us uk en eu fr es it cp1252 latin1 utf8 utf16 bom crlf semicolon s m h d w nasdaq nyse "
    "amex arca lse xetra euronext asx tsx nse bse moex oanda fxcm forexcom capitalcom pepperstone "
    "saxo tvc cboe cme cbot comex nymex ice eurex sgx hkex tse krx fx histdata com bats equity "
    "comdty curncy stock stocks ticker tickers yahoo yfinance stooq tiingo alphavantage quandl "
    "min mins hours days to from"
)
#: Words of NOISE that are part of a symbol where they follow it after a hyphen.
_CONTRACTS = word_set("coin fut future futures perp perpetual spot index cm um")
#: Words that stand before a symbol and a hyphen, beside exchanges.
_BEFORE = word_set(
    "data ticker tickers stock stocks prices trades ohlcv ohlc candles klines history"
)
#: So short a part is a class of shares sooner than a word.
_CLASS = 3
UPLOAD = "UPLOAD"
MAX_SYMBOL = 64

_TIMEFRAME = re.compile(
    r"\d+(s|sec|secs|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|w|wk|mo)|[smhdw]\d+|mn1", re.I
)
_ENDINGS = re.compile(
    r"(\.(csv|tsv|tab|txt|dat|asc|prn|md|json|ndjson|jsonl|log|parquet|pq|feather|arrow|gz|zip|xz|bz2|zst))+$",
    re.I,
)
#: A pair of two parts, such as BTC-USDT, ETH_BTC or BTC-USDT-SWAP.
_PAIR = re.compile(
    rf"(?<![A-Z0-9])([A-Z0-9]{{2,12}})[-_]({'|'.join(QUOTES)})((?:[-_](?:SWAP|PERP|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])))?)"
    r"(?![A-Z0-9])",
    re.I,
)


def proper_symbol(text: str) -> str | None:
    """The symbol with its Latin letters in upper case, None for what is no symbol.

    >>> proper_symbol("btc/usdt"), proper_symbol("^gspc"), proper_symbol("币安人生usdt")
    ('BTC/USDT', '^GSPC', '币安人生USDT')
    >>> proper_symbol("<b>"), proper_symbol("=A1"), proper_symbol("A" * 65)
    (None, None, None)
    """
    if len(text) > MAX_SYMBOL:
        return None
    if text.isascii():
        name = text.upper()
    else:
        name = "".join(letter.upper() if letter.isascii() else letter for letter in text)
    return name if SYMBOL_PATTERN.fullmatch(name) else None


def bare_name(symbol: str) -> str:
    """A symbol without the marks in which exchanges differ, to compare two by.

    >>> bare_name("BTC-USDT"), bare_name("XBT/USD"), bare_name("tBTCUSD")
    ('BTCUSDT', 'BTCUSD', 'BTCUSD')
    """
    if len(symbol) > 4 and symbol[0] == "t" and symbol[1:].isupper():
        symbol = symbol[1:]
    bare = re.sub(r"[-_/:.]", "", symbol).upper()
    return f"BTC{bare[3:]}" if bare.startswith("XBT") else bare


def symbol_in_name(name: str) -> str | None:
    """The part of a file's name that is a pair of currencies, None if there is none.

    >>> symbol_in_name("coinbase_btcusd_1m_20180404-05.csv"), symbol_in_name("BTC-USDT_1m.csv")
    ('BTCUSD', 'BTC-USDT')
    >>> symbol_in_name("bitstampUSD.csv"), symbol_in_name("BTCUSD_PERP-trades-2025-01-17.csv")
    ('BTCUSD', 'BTCUSD_PERP')
    """
    stem = stem_of(name)
    for pair in _PAIR.finditer(stem):
        if pair[1].lower() not in EXCHANGES | NOISE and not pair[1].isdigit():
            return pair[0].upper()
    inverse = re.search(r"(?<![A-Z0-9])[A-Z]{2,10}USD_PERP(?![A-Z0-9])", stem)
    if inverse is not None:
        return inverse[0]
    for part in re.split(r"[^A-Za-z0-9]+", stem):
        part = re.sub(r"(?<=[A-Za-z])(\d{4}|1|5|15|30|60|240|10080|43200)$", "", part)
        symbol = part.upper()
        for quote in QUOTES:
            base = symbol.removesuffix(quote)
            if base != symbol and base.lower() in EXCHANGES:
                return f"BTC{quote}"
            if base != symbol and 2 <= len(base) <= 12 and not base.isdigit():
                return symbol
    return None


def symbol_of_file(name: str) -> str:
    """The symbol to give to a file that names none: its name without exchange, timeframe, noise.

    >>> symbol_of_file("KO_5min_2025.csv"), symbol_of_file("../my prices (2).csv")
    ('KO', 'MY')
    >>> symbol_of_file("HistoricalData_1691.csv"), symbol_of_file("prices.csv")
    ('HISTORICALDATA_1691', 'PRICES')
    >>> [symbol_of_file(f"{name}.csv") for name in ("KO-1d-2025-01-31", "BRK-B", "DAX-40")]
    ['KO', 'BRK-B', 'DAX-40']
    """
    known = symbol_in_name(name)
    if known is not None:
        return known
    stem = stem_of(name)
    words = [word for word in re.split(r"[^\w.^=-]+|_", stem) if word.strip(".-=")]
    words = [_without_noise(word) for word in words]
    telling = [word for word in words if not _is_noise(word)]
    telling = [word for word in telling if word.lower() not in WEAK_NOISE] or telling
    letters = [word for word in telling if any(map(str.isalpha, word))]
    cleaned = "_".join(telling if letters else words)
    return proper_symbol(cleaned.strip(".-_=")[:MAX_SYMBOL].strip(".-_=")) or UPLOAD


def names_nothing(name: str) -> bool:
    """Whether a file's name holds nothing but noise, such as ticks_2024.csv.

    >>> names_nothing("ticks_2024-08-08.ndjson"), names_nothing("KO_1m.csv")
    (True, False)
    """
    if symbol_in_name(name) is not None:
        return False
    return all(_is_noise(word) for word in re.split(r"[\W_]+", stem_of(name)) if word)


def exchange_in_name(name: str) -> str | None:
    """The exchange that a file's name tells.

    >>> exchange_in_name("Binance_BTCUSDT_1m.csv"), exchange_in_name("BTCUSDT.csv")
    ('BINANCE', None)
    """
    for word in re.split(r"[\W_]+", stem_of(name)):
        if word.lower() in EXCHANGES:
            return word.upper()
    return None


def stem_of(name: str) -> str:
    """A file's name without folders and endings.

    >>> stem_of("C:/data/ticks.ndjson.gz")
    'ticks'
    """
    return _ENDINGS.sub("", re.split(r"[/\\]", name)[-1])


def _without_noise(word: str) -> str:
    """A word whose parts stand between hyphens, without those around it that name no symbol.

    A number alone may be part of a name, such as DAX-40: it goes where a date, a timeframe or a
    word goes. What kind of contract it is stays, as in BTC-PERP.
    """
    parts = word.split("-")
    if parts[0].lower() in EXCHANGES | _BEFORE and _name_something(parts[1:]):
        del parts[0]
    kept = len(parts)
    while kept > 1 and _is_after(parts[kept - 1]):
        kept -= 1
    if all(part.isdigit() and len(part) <= 2 for part in parts[kept:]):
        kept = len(parts)
    return "-".join(parts[:kept])


def _name_something(parts: Sequence[str]) -> bool:
    """Whether parts name what is traded: a quote alone, a contract or a number do not."""
    others = [
        part
        for part in parts
        if not (part.isdigit() or part.lower() in _CONTRACTS or _is_noise(part))
    ]
    quotes = sum(part.upper() in QUOTES for part in others)
    return len(others) > quotes or quotes > 1


def _is_after(part: str) -> bool:
    """Whether a part of a word says what follows a symbol; H25 and M5 may be months of futures."""
    bare = part.lower()
    weak = bare in WEAK_NOISE and len(bare) > _CLASS
    month = re.fullmatch(r"[a-z]\d+", bare) is not None
    return (weak or _is_noise(bare)) and bare not in _CONTRACTS and not month


def _is_noise(word: str) -> bool:
    bare = word.lower()
    return (
        bare in NOISE
        or bare in EXCHANGES
        or _TIMEFRAME.fullmatch(bare) is not None
        or re.fullmatch(r"(19|20)\d\d([.-]?\d\d)*|\d{8,}|\d{1,2}", bare) is not None
    )
