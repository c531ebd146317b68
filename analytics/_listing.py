"""What an exchange says of a symbol beside its trades.

`analytics.model` gives it to the rest of the house.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listing:
    """A symbol of an exchange: what it is, its sizes, and what holding it costs.

    status: "TRADING" where it can be traded now. contract_type: "SPOT", "PERPETUAL" and the
    like; underlying: of a contract with hours, whose they are (EQUITY). tick_size, lot_size,
    min_notional: least steps of price and quantity, and least worth of an order. turnover: of
    24 h in quote currency. mark_price: by which positions are valued. funding_rate: that long
    positions pay each funding_hours, as a share of their worth; next_funding_ms: when. What is
    not known is None.

    >>> Listing("BTCUSDT", funding_rate=1e-4, funding_hours=8.0).funding_per_day
    0.00030000000000000003
    """

    symbol: str
    status: str = "TRADING"
    contract_type: str = ""
    tick_size: float | None = None
    lot_size: float | None = None
    min_notional: float | None = None
    turnover: float | None = None
    mark_price: float | None = None
    funding_rate: float | None = None
    funding_hours: float = 8.0
    next_funding_ms: int | None = None
    underlying: str = ""

    @property
    def funding_per_day(self) -> float | None:
        """What a long position pays a day, as a share of its worth; None where not known."""
        return None if self.funding_rate is None else self.funding_rate * 24.0 / self.funding_hours
