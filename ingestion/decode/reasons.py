"""What each reason of a rejected row or message means, in words."""

from __future__ import annotations

from analytics.model import SYMBOL_WORDS

REASONS = {
    "columns": "not as many cells as the header has",
    "control": "a message about the stream, no trade",
    "duplicate": "a trade that came before, by its id",
    "duplicate-bar": "a bar at a time that the file had before",
    "encoding": "not UTF-8 text",
    "event": "an event that is no trade, such as a quote, an order or a candle",
    "insurance-print": "no trade of the market",
    "json": "not JSON",
    "line-length": "a line of more than 1 MB",
    "no-size": "a price without a size: the size is missing",
    "ohlc": "high below, or low above, open or close",
    "preamble": "stands above the header",
    "price": "not a number above 0 and below 1e12",
    "quote": "a quote that is not closed",
    "repeated-hour": "a local time of the hour that the clock repeats at the end of summer time, "
    "and no row tells which of the two",
    "scaled": "prices as whole numbers, whose scale the message does not tell: Phemex has prices "
    "as they are in its channel trades_p",
    "schema": "no time, price or size in it",
    "size": "not a number above 0",
    "symbol": f"no symbol, or not {SYMBOL_WORDS}",
    "symbols": "more symbols than a market takes",
    "ticker": "a ticker, no trade: its volume is that of 24 h",
    "time": "not a time between 2000 and 2100",
    "time-grid": "not at the start of a bar",
    "timeframe": "a bar of another timeframe than the one that was asked for",
    "too-many-symbols": "more than 1,000 symbols",
    "unfinished-bar": "a bar that was still in progress",
    "volume": "not a number of at least 0",
    "zero-print": "a print of price 0, which is no trade",
}
