"""Files of vendors that could be taken for something else: read as they are meant, or refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from ingestion.files.errors import QuestionOpen, UploadError
from tests.ingestion.files.test_forms import (
    CLOSE,
    MOMENTS,
    OHLCV,
    OPEN,
    START_MS,
    VOLUME,
    WALL,
    bars,
    check_bars,
    read,
    text_of,
)

NEW_YORK = timezone(timedelta(hours=-5))


def local(form: str, step_ms: int = 60_000) -> list[tuple[Any, ...]]:
    """Rows of bars with the clock of New York."""
    return [
        (datetime.fromtimestamp(row[0] / 1_000, NEW_YORK).strftime(form), *row[1:])
        for row in bars(step_ms=step_ms)
    ]


# --- times and zones ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        *("%Y%m%d  %H:%M:%S", "%Y-%m-%dt%H:%M:%Sz", "%a %b %d %H:%M:%S %Y", "%Y%m%d-%H:%M:%S"),
        *("%a %b %d %H:%M:%S UTC %Y", "%Y-%m-%dT%H:%M:%S+00:00[UTC]", "%Y-%m-%d %H:%M:%S UTC"),
    ],
)
def test_times_are_read_as_platforms_write_them(form):
    check_bars(read(text_of(f"time,{OHLCV}", bars(form))))


@pytest.mark.parametrize(
    "form",
    [
        *(f"{WALL} America/New_York", f"{WALL} US/Eastern", f"{WALL} EST", f"{WALL} -05:00"),
        *("%Y%m%d %H:%M:%S US/Eastern", "%Y-%m-%dT%H:%M:%S-05:00[America/New_York]"),
        "%a %b %d %H:%M:%S EST %Y",
    ],
)
def test_a_zone_behind_the_time_counts(form):
    check_bars(read(text_of(f"time,{OHLCV}", local(form))))


def test_a_zone_that_nobody_knows_is_no_time():
    with pytest.raises(UploadError, match="not a time between"):
        read(text_of(f"time,{OHLCV}", local(f"{WALL} Mars/Base")))


@pytest.mark.parametrize("name", ["America/New_York", "EST"])
def test_a_zone_in_a_column_of_its_own_or_in_the_header_counts(name):
    rows = [(row[0], name, *row[1:]) for row in local(WALL)]
    check_bars(read(text_of(f"time,timezone,{OHLCV}", rows)))
    check_bars(read(text_of(f"time ({name}),{OHLCV}", local(WALL))))


def test_zones_that_differ_from_row_to_row_are_refused():
    rows = [(row[0], ("UTC", "CET")[at % 2], *row[1:]) for at, row in enumerate(bars(WALL))]
    with pytest.raises(UploadError, match="'tz' names several zones: CET, UTC"):
        read(text_of(f"time,tz,{OHLCV}", rows))


@pytest.mark.parametrize("form", ["%y-%m-%d", "%y/%m/%d"])
def test_a_year_of_two_digits_in_front_is_refused(form):
    with pytest.raises(UploadError, match="the year has two digits"):
        read(text_of(f"Date,{OHLCV}", bars(form, 86_400_000)), "KO.csv")


def test_an_hour_beside_the_date_is_an_hour_and_a_minute_beside_it_is_not_dropped():
    rows = [(*row[0].split(), *row[1:]) for row in bars("%Y-%m-%d %-H", 3_600_000)]
    check_bars(read(text_of(f"Date,Hour,{OHLCV}", rows)), "1h")
    rows = [(*row[0].split(), *row[1:]) for row in bars("%Y-%m-%d %-H %-M", 420_000)]
    with pytest.raises(UploadError, match="several rows have the same time"):
        read(text_of(f"Date,Hour,Minute,{OHLCV}", rows))


# --- which column is what ----------------------------------------------------------------------


def test_the_beginning_of_a_bar_counts_and_not_its_first_trade():
    rows = [(row[0], row[0] + 1_013, *row[1:]) for row in bars()]
    found = read(text_of(f"time_period_start,time_open,{OHLCV}", rows))
    assert found.column("ts_ms")[0] == START_MS


def test_upbit_s_candles_keep_all_prices_and_the_base_volume():
    names = ("market", "candle_date_time_utc", "candle_date_time_kst", "opening_price",
             "high_price", "low_price", "trade_price", "timestamp", "candle_acc_trade_price",
             "candle_acc_trade_volume")  # fmt: skip
    rows = [
        ("KRW-BTC", at[0], "2025-01-17T09:00:00", *row[1:5], row[0] + 59_000, row[4] * 9, row[5])
        for at, row in zip(bars("%Y-%m-%dT%H:%M:%S"), bars(), strict=True)
    ]
    content = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
    found = read(content, "candles.json")
    check_bars(found, symbol="KRW-BTC")
    assert found.column("volume") == VOLUME.tolist()


@pytest.mark.parametrize(
    ("header", "symbol"),
    [
        ("T,t,o,h,l,c,v", "KO"),  # Polygon's grouped days
        ("sym_root,date,o,h,l,c,v", "KO"),
        ("symbol_id,time,o,h,l,c,v", "KO"),
    ],
)
def test_a_symbol_s_column_has_the_name_that_vendors_give_it(header, symbol):
    rows = [(name, *row) for row in bars() for name in (symbol, "PEP")]
    found = read(text_of(header, rows), "data.csv")
    assert set(found.rows) == {symbol, "PEP"}


def test_two_columns_that_name_the_same_symbols_are_no_question():
    rows = [(name, row[0], *row[1:], f"INE0{name}") for row in bars() for name in ("TCS", "INFY")]
    found = read(text_of("SYMBOL,DATE,OPEN,HIGH,LOW,CLOSE,TOTTRDQTY,ISIN", rows), "bhav.csv")
    assert set(found.rows) == {"TCS", "INFY"}
    assert found.column("volume", "TCS") == VOLUME.tolist()


def test_the_side_is_no_symbol():
    trades = [
        {"s": "BUY" if at % 2 else "SELL", "p": "5.5", "q": "1", "t": ms, "i": "BTCUSD-PERP",
         "d": str(at)} for at, ms in enumerate(MOMENTS)
    ]  # fmt: skip
    found = read(json.dumps({"code": 0, "result": {"data": trades}}), "trades.json")
    assert list(found.rows) == ["BTCUSD-PERP"]


def test_sizes_may_be_called_s_as_alpaca_does():
    trades = [{"t": ms * 10**6, "x": "V", "p": 5.5, "s": at + 1, "c": ["@"], "i": at, "z": "C"}
              for at, ms in enumerate(MOMENTS)]  # fmt: skip
    found = read(json.dumps({"trades": {"AAPL": trades}, "next_page_token": None}), "x.json")
    assert found.column("size", "AAPL") == list(range(1, 41))


def test_a_side_called_s_and_an_id_called_i_are_neither_size_nor_symbol():
    rows = [(ms, 5.5, at + 1, ("buy", "sell")[at % 2], f"20f43950-{at}-5b31")
            for at, ms in enumerate(MOMENTS)]  # fmt: skip
    found = read(text_of("t,p,v,s,i", rows), "BTCUSDT.csv")
    assert found.column("size", "BTCUSDT") == list(range(1, 41))
    rows = [(ms, "A", 5, 1, "insert") for ms in MOMENTS]  # how BitMEX marks its trades
    assert read(text_of("timestamp,symbol,price,size,action", rows)).report.accepted == 40


def test_gate_s_sellers_are_trades_too():
    trades = [{"id": at, "create_time": ms // 1_000, "create_time_ms": ms / 1_000,
               "contract": "BTC_USDT", "size": -3 if at % 2 else 2, "price": "5.5"}
              for at, ms in enumerate(MOMENTS)]  # fmt: skip
    for content in (
        json.dumps(trades),
        text_of(",".join(trades[0]), [tuple(one.values()) for one in trades]),
    ):
        assert sorted(set(read(content, "x.json").column("size", "BTC_USDT"))) == [2, 3]


def test_the_columns_of_nasdaq_data_link_are_named_in_objects():
    columns = [{"name": name, "type": "x"} for name in ("ticker", "date", *OHLCV.split(","))]
    rows = [["KO", *row] for row in bars("%Y-%m-%d", 86_400_000)]
    found = read(json.dumps({"datatable": {"data": rows, "columns": columns}}), "x.json")
    check_bars(found, "1d", "KO")


def test_candles_of_a_mark_price_have_no_volume():
    rows = [[str(row[0]), *map(str, row[1:5]), "1"] for row in bars()]
    found = read(json.dumps({"code": "0", "data": rows}), "mark.json")
    check_bars(found)
    assert np.isnan(found.column("volume")).all()


def test_words_of_an_export_are_no_symbols():
    content = text_of(f"timestamp,{OHLCV}", bars())
    for name in ("intraday_1min_IBM.csv", "daily_adjusted_IBM.csv", "IBM_eod.dat", "IBM.prn"):
        assert list(read(content, name).rows) == ["IBM"]


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        ("time,symbol,price,size,status", ("A", 5, 1, "NEW|CANCELED|FILLED"), "are orders"),
        ("time,symbol,price,size,action", ("A", 5, 1, "add|cancel|modify"), "are orders"),
        ("ts_event,action,side,price,size", ("A|C|T", "B", 5, 1), "are orders"),
        ("time,symbol,side,shares,price,msg_type", ("A", "B", 1, 5, "A|E|X|D"), "are orders"),
        ("time,symbol,price,size,liquidation", ("A", 5, 1, "true"), "are liquidations"),
        ("time,price,size", (5, "2|-2"), "below 0"),
        ("time,KO,PEP", ("0.01|-0.02", "0.02|-0.01"), "returns, changes or spreads"),
        ("time,TICKER,PERMNO,RET", ("KO", "14593|14594", "0.01|0.02"), "no column is known as"),
        ("ts_event,rtype,publisher_id,price,size", (0, 2, "100070000000", 5), "billionths"),
    ],
)
def test_rows_that_only_look_like_prices_are_refused_by_what_they_say(header, cells, words):
    choices = [str(cell).split("|") for cell in cells]
    rows = [(ms, *(one[at % len(one)] for one in choices)) for at, ms in enumerate(MOMENTS)]
    with pytest.raises(UploadError, match=words):
        read(text_of(header, rows), "x.csv")


def test_a_liquidation_among_trades_whose_types_are_told_is_a_trade():
    types = ["LIMIT", "LIQUIDATED", "DELEVERAGED", "LIMIT"]
    rows = [(ms, at + 1, 1, types[at % 4]) for at, ms in enumerate(MOMENTS)]
    found = read(text_of("createdAt,price,size,type", rows))
    assert (found.report.accepted, found.report.rejected) == (len(rows), {})
    names = ("createdAt", "price", "size", "type")
    trades = [dict(zip(names, row, strict=True)) for row in rows]
    found = read(json.dumps({"trades": trades}, indent=1), "BTC-USD.json")
    assert (found.report.accepted, found.report.rejected) == (len(rows), {})


def test_a_file_of_liquidations_is_refused_whatever_their_type_is_called():
    rows = [(ms, at + 1, 1, "LIQUIDATED") for at, ms in enumerate(MOMENTS)]
    with pytest.raises(UploadError, match="40 rows: an event that is no trade"):
        read(text_of("createdAt,price,size,type", rows))


def test_bars_of_several_timeframes_in_one_file_are_refused():
    rows = [("1m", *row) for row in bars()] + [("5m", *row) for row in bars(step_ms=300_000)]
    with pytest.raises(UploadError, match="several timeframes: 1m, 5m"):
        read(text_of(f"interval,open_time,{OHLCV}", rows))


def test_indicators_beside_closes_are_no_symbols():
    rows = [(row[0], row[4], row[4] * 2, 0.5, 51, 100.5) for row in bars()]
    found = read(text_of("Date,KO,PEP,ZSCORE,RSI14,SMA_200", rows), "closes.csv")
    assert list(found.rows) == ["KO", "PEP"]


@pytest.mark.parametrize(
    "header",
    [
        "일자,시가,고가,저가,종가,거래량",
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
        "Дата,Откр.,Макс.,Мин.,Цена,Объём",
        "Data,Abertura,Máxima,Mínima,Último,Vol.",
        "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME",
    ],
)
def test_headers_of_other_languages_are_no_symbols(header):
    found = read(text_of(header, bars("%Y-%m-%d", 86_400_000)), "KO.csv")
    assert list(found.rows) == ["KO"]
    check_bars(found, "1d")
    assert found.column("open") == OPEN.tolist()
    assert found.column("close") == CLOSE.tolist()
    assert datetime.fromtimestamp(found.column("ts_ms")[0] / 1_000, UTC).day == 17


# --- rows that share a time, cells between blanks, numbers in bulk -------------------------------


def test_bars_of_one_time_with_other_prices_are_refused_with_their_lines():
    rows = [
        (row[0], "NIFTY", strike, *(cell + strike for cell in row[1:5]), 5)
        for row in bars("%Y-%m-%d", 86_400_000)
        for strike in (1, 2)
    ]
    with pytest.raises(UploadError, match="rows 2 and 3 are both of 2025-01-17 00:00:00") as told:
        read(text_of(f"Date,Symbol,Strike,{OHLCV}", rows), "options.csv")
    assert "a column that tells them apart" in told.value.missing
    twice = [row for row in bars() for _ in "ab"]
    assert read(text_of(f"time,{OHLCV}", twice)).report.rejected == {"duplicate-bar": 40}


def test_exchanges_beside_one_another_are_asked_for_where_no_symbol_is_named():
    rows = [(row[0], name, *row[1:]) for row in bars() for name in ("kraken", "okx")]
    content = text_of(f"time,exchange,{OHLCV}", rows)
    with pytest.raises(QuestionOpen, match="which column is the symbol"):
        read(content)
    assert set(read(content, columns="exchange").rows) == {"KRAKEN", "OKX"}


@pytest.mark.parametrize("mark", [" ", "   "])
def test_cells_may_stand_between_blanks_below_a_header(mark):
    rows = [(*row[0].split(), *row[1:]) for row in bars(WALL)]
    check_bars(read(text_of(f"date time {OHLCV.replace(',', ' ')}".replace(" ", mark), rows, mark)))
    with pytest.raises(UploadError, match="no row and no header"):
        read(text_of("", rows, mark))


@pytest.mark.parametrize("mark", [",", " "])
def test_row_names_of_r_have_no_name_in_the_header(mark):
    header = mark.join(f'"KO.{name}"' for name in ("Open", "High", "Low", "Close", "Volume"))
    rows = [(f'"{row[0]}"', *row[1:]) for row in bars("%Y-%m-%d", 86_400_000)]
    check_bars(read(text_of(header, rows, mark), "x.txt"), "1d", "KO")


def test_clocks_of_digits_alone_are_told_by_what_can_be_no_hour():
    rows = [("20250117", int(row[0]), *row[1:]) for row in bars("%H%M%S")]
    check_bars(read(text_of(f"Date,Time,{OHLCV}", rows)))
    rows = [("20250117", int(row[0]), *row[1:]) for row in bars("%H%M", 300_000)]
    check_bars(read(text_of(f"Date,Time,{OHLCV}", rows)), "5m")


def test_a_volume_in_thousands_or_in_the_quote_currency_is_not_taken():
    for name, words in (("Volume (in thousands)", "thousands"), ("Volume (USDT)", "quote")):
        found = read(text_of(f"time,open,high,low,close,{name}", bars()))
        assert np.isnan(found.column("volume")).all()
        assert any(words in note for note in found.report.notes)


def test_a_point_stands_for_no_value_as_fred_writes_it():
    rows = [(row[0], row[4] if at % 5 else ".") for at, row in enumerate(bars())]
    assert read(text_of("DATE,SP500", rows), "SP500.csv").report.accepted == 32


@pytest.mark.parametrize("order", [(0, 4, 1, 2, 3, 5), (0, 4, 2, 3, 1, 5)])
def test_a_close_in_front_of_its_open_is_no_known_order(order):
    rows = [tuple(row[at] for at in order) for row in bars()]
    for content in (rows, rows[::-1]):
        with pytest.raises(UploadError, match="in the order of no known dump"):
            read(text_of("", content))


# --- zones that stand elsewhere, and columns that stand twice ------------------------------------


@pytest.mark.parametrize(
    "header", ["Time (ET)", "Time (New York)", "Eastern time", "time (UTC-5)", "Date (GMT-05:00)"]
)
def test_a_header_tells_the_zone_by_a_city_letters_or_hours(header):
    check_bars(read(text_of(f"{header},{OHLCV}", local(WALL))))


def test_the_small_word_and_of_french_is_no_zone():
    for header in ("Date et heure", "DATE ET HEURE"):
        found = read(text_of(f"{header},{OHLCV}", bars(WALL)))
        assert found.column("ts_ms")[0] == START_MS


def test_a_zone_above_the_header_is_asked_about():
    content = "All times are in EST\n" + text_of(f"time,{OHLCV}", local(WALL))
    with pytest.raises(QuestionOpen, match="a line above the header names the zone -05:00"):
        read(content)
    check_bars(read(content, timezone="-05:00"))
    days = "All times are in EST\n" + text_of(f"time,{OHLCV}", bars("%Y-%m-%d", 86_400_000))
    check_bars(read(days), "1d")


def test_the_zone_beside_the_rows_of_a_reply_counts_for_clocks():
    names = ("1. open", "2. high", "3. low", "4. close", "5. volume")

    def reply(rows: list[tuple[Any, ...]]) -> str:
        about = {"2. Symbol": "KO", "6. Time Zone": "US/Eastern"}
        series = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
        return json.dumps({"Meta Data": about, "Time Series": series})

    check_bars(read(reply(local(WALL)), "x.json"), symbol="KO")
    check_bars(read(reply(bars("%Y-%m-%d", 86_400_000)), "x.json"), "1d", "KO")


def test_the_zone_of_the_exchange_is_asked_about():
    names = ("datetime", *OHLCV.split(","))
    rows = [dict(zip(names, row, strict=True)) for row in local(WALL)]
    meta = {"symbol": "KO", "exchange_timezone": "America/New_York"}
    content = json.dumps({"meta": meta, "values": rows})
    with pytest.raises(QuestionOpen, match="names the zone America/New_York"):
        read(content, "x.json")
    check_bars(read(content, "x.json", timezone="America/New_York"), symbol="KO")


@pytest.mark.parametrize("header", ["Date,KO,Date,PEP", "Date,Close,Open,Close.1", "Date,p,q,Date"])
def test_a_column_that_stands_twice_is_refused(header):
    rows = [(row[0], row[4], row[0] + 86_400_000, row[3]) for row in bars(step_ms=86_400_000)]
    with pytest.raises(UploadError, match="stands twice, and the two differ"):
        read(text_of(header, rows), "x.csv")


def test_orders_are_no_trades_whatever_they_are_called():
    events = [{"e": "forceOrder", "E": ms, "o": {"s": "A", "q": "1", "p": "5", "T": ms}}
              for ms in MOMENTS]  # fmt: skip
    orders = [{"id": str(ms), "timestamp": ms, "symbol": "A/B", "side": "buy", "price": 5,
               "amount": 1, "remaining": 1, "status": "open"} for ms in MOMENTS]  # fmt: skip
    for content in ("\n".join(map(json.dumps, events)), json.dumps(orders)):
        with pytest.raises(UploadError, match=r"none of .* rows is market data"):
            read(content, "x.json")
    rows = [(ms, "A/B", 5, 1, ("open", "closed")[at % 2]) for at, ms in enumerate(MOMENTS)]
    with pytest.raises(UploadError, match="are orders"):
        read(text_of("time,symbol,price,amount,status", rows), "x.csv")


def test_bars_of_days_may_have_the_last_bid_and_ask_beside_them():
    rows = [(row[0], 99.9, 100.1, *row[1:]) for row in bars("%Y-%m-%d", 86_400_000)]
    check_bars(read(text_of(f"Date,Bid,Ask,{OHLCV}", rows), "KO.csv"), "1d")
    hours = [(*row[0].split(), 99.9, 100.1, *row[1:]) for row in bars("%Y-%m-%d %H", 3_600_000)]
    minutes = [(row[0], 99.9, 100.1, *row[1:]) for row in bars()]
    for header, rows in (("time,bid,ask", minutes), ("date,hour,bid,ask", hours)):
        with pytest.raises(UploadError, match="quotes or tickers"):
            read(text_of(f"{header},{OHLCV}", rows))
