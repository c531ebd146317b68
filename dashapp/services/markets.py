"""The markets of the application by id, and what fills each of them."""

from __future__ import annotations

from typing import Protocol

from analytics.model import FeedStatus
from storage.market.market import Market

_NO_SOURCE = FeedStatus("none", "stopped", "no source was started")


class Filler(Protocol):
    """What fills a market: a feed, or a replay."""

    @property
    def status(self) -> FeedStatus:
        """What it does now."""


class Markets(dict[str, Market]):
    """Every market by its id. fillers: what fills a market, by its id.

    >>> markets = Markets(Market("demo", "Demo", "demo"))
    >>> markets.known("demo").title, markets.status("demo").detail
    ('Demo', 'no source was started')
    """

    def __init__(self, *markets: Market) -> None:
        super().__init__((market.id, market) for market in markets)
        self.fillers: dict[str, Filler] = {}

    def known(self, market_id: str) -> Market:
        """The market of this id. Raises KeyError in words."""
        market = self.get(market_id)
        if market is None:
            raise KeyError(f"there is no market {market_id!r}, only: {', '.join(self)}")
        return market

    def status(self, market_id: str) -> FeedStatus:
        """What the feed or the replay of a market does; an uploaded file has none."""
        market = self.get(market_id)
        if market is None:
            return FeedStatus("none", "stopped", "there is no such market")
        if market.kind == "upload":
            return FeedStatus(market.title, "stopped", "uploaded file")
        filler = self.fillers.get(market_id)
        return _NO_SOURCE if filler is None else filler.status
