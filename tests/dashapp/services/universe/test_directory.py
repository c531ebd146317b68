"""What an exchange lists: how often it is asked, and how long it is left alone."""

from __future__ import annotations

from dashapp.services.universe.directory import INFO_S, RETRY_S, Exchange
from ingestion.binance.wire import VENUES

INFO = b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}'


class Asked:
    """Stands in for an exchange's requests: it answers, or refuses the connection."""

    def __init__(self) -> None:
        self.count, self.refuses = 0, True

    async def get(self, path: str, weight: int) -> bytes:
        self.count += 1
        if self.refuses:
            raise ConnectionRefusedError
        return INFO


async def test_an_exchange_that_does_not_answer_is_left_alone_for_a_while() -> None:
    now_s, rest = [0.0], Asked()
    exchange = Exchange(VENUES["binance-spot"], rest, lambda: now_s[0])  # type: ignore[arg-type]

    async def asked_at(*seconds: float) -> int:
        for now_s[0] in seconds:
            await exchange.refresh(funding=False)
        return rest.count

    assert await asked_at(0.0, 0.0, RETRY_S - 1.0) == 1
    assert "connection refused" in exchange.problem
    rest.refuses = False
    assert await asked_at(RETRY_S, RETRY_S, INFO_S) == 2
    assert (exchange.problem, list(exchange.listings)) == ("", ["BTCUSDT"])
    assert await asked_at(RETRY_S + INFO_S) == 3
