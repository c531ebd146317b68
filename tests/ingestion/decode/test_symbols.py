"""The symbol that a file's name tells."""

from __future__ import annotations

import pytest

from ingestion.decode.symbols import symbol_of_file


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAPL-1d", "AAPL"),
        ("AAPL-2024-01-01_to_2024-06-30", "AAPL"),
        ("AAPL 5 mins", "AAPL"),
        ("AAPL US Equity", "AAPL"),
        ("BATS_AAPL, 1D", "AAPL"),
        ("MSFT-yfinance", "MSFT"),
        ("stock_KO", "KO"),
        ("tickers-KO", "KO"),
        ("data-SHEL", "SHEL"),
        ("coinbase-ETH-USD-1m", "ETH-USD"),
        ("BTC-USDT-SWAP-trades-2024-01-01", "BTC-USDT-SWAP"),
        # What is a part of a symbol stays, and a word that stands alone is one.
        ("BRK-B", "BRK-B"),
        ("BRK-B-1m", "BRK-B"),
        ("BTC-PERP-1h", "BTC-PERP"),
        ("COIN-USD", "COIN-USD"),
        ("DAX-40", "DAX-40"),
        ("BTC-31JAN25", "BTC-31JAN25"),
        ("F-1d", "F"),
        ("ALL-1d", "ALL"),
        ("OPEN", "OPEN"),
        ("TO", "TO"),
        ("ES-H25", "ES-H25"),
        ("ES-M5", "ES-M5"),
        ("DYDX-USD", "DYDX-USD"),
        ("DYDX-PERP", "DYDX-PERP"),
        ("GATE-USDT", "GATE-USDT"),
        ("DATA-USD", "DATA-USD"),
        ("TIME-USDT", "TIME-USDT"),
        ("NASDAQ-100", "NASDAQ-100"),
        ("TRADE-DESK", "TRADE-DESK"),
    ],
)
def test_what_stands_beside_a_symbol_is_no_part_of_it(name, symbol):
    assert symbol_of_file(f"{name}.csv") == symbol
