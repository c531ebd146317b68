"""The history of pairs: what is watched, and by whom."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from analytics.alerts import parse_rule
from analytics.model import PairParams
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.markets import Markets
from dashapp.services.pair_history import MAX_WATCHED, PairHistory, pairs_of
from dashapp.services.startup import Kernels
from dashapp.ui.pages.shared import snapshot_of
from storage.market.market import Market

PAIR = PairParams("BTCUSDT", "ETHUSDT")


class RecordingWriter(ArchiveWriter):
    """A writer that has no archive and notes what it is to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = []

    def keep(self, write) -> None:
        self.writes.append(write)


def history_of(market: Market, now_s: list[float]) -> tuple[PairHistory, RecordingWriter]:
    markets, writer = Markets(market), RecordingWriter()
    alerts = AlertEngine(markets, Kernels(), writer)
    return PairHistory(markets, alerts, writer, clock=lambda: now_s[0]), writer


def live_market(ticks_of) -> Market:
    market = Market("live", "Live", "live", kept_as="live-x")
    for seed, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
        market.append(ticks_of(symbol, seed=seed))
    return market


async def test_a_pair_is_read_while_it_is_watched_and_no_longer(ticks_of):
    now_s, market = [0.0], live_market(ticks_of)
    history, writer = history_of(market, now_s)
    await history.step()
    assert writer.writes == []
    history.watch("live", PAIR)
    await history.step()
    await history.step()
    assert len(writer.writes) == 1, "each closed bar is read once"
    later = 1_723_161_240_000 + 600_000
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.append(ticks_of(symbol, 10, start_ms=later))
    now_s[0] = 59.0
    await history.step()
    assert len(writer.writes) == 2
    for symbol in ("BTCUSDT", "ETHUSDT"):
        market.append(ticks_of(symbol, 10, start_ms=later + 10_000))
    now_s[0] = 61.0
    await history.step()
    assert len(writer.writes) == 2, "nobody watches it any more"


async def test_how_far_a_pair_is_read_is_of_one_source(ticks_of):
    market = live_market(ticks_of)
    history, writer = history_of(market, [0.0])
    history.watch("live", PAIR)
    await history.step()
    market.kept_as = "live-y"
    await history.step()
    await history.step()
    assert len(writer.writes) == 2, "the same bar of another source is another"


async def test_only_so_many_pairs_are_watched_the_last_ones_and_those_of_the_live_market(ticks_of):
    history, writer = history_of(live_market(ticks_of), [0.0])
    history.watch("demo", PAIR)
    await history.step()
    assert writer.writes == []
    for window in range(50, 60):
        history.watch("live", replace(PAIR, z_window=window))
    await history.step()
    assert len(writer.writes) == MAX_WATCHED


async def test_a_market_that_is_not_kept_has_no_history(ticks_of):
    market = live_market(ticks_of)
    market.kept_as = ""
    history, writer = history_of(market, [0.0])
    history.watch("live", PAIR)
    await history.step()
    assert writer.writes == []


def test_the_pairs_of_armed_rules_are_watched_without_any_page():
    fields = {"market": "live", "metric": "z", "operator": ">", "threshold": 2.0}
    params = {"y": "BTCUSDT", "x": "ETHUSDT"}
    rule = parse_rule({"id": "r", **fields, "params": params})
    price = {"market": "live", "metric": "price", "operator": ">", "threshold": 2.0}
    others = (replace(rule, enabled=False), parse_rule({"id": "p", **price, "symbol": "A"}))
    assert pairs_of((rule, *others), "live") == [PAIR]
    assert pairs_of((rule,), "demo") == []


async def test_a_page_that_shows_a_pair_watches_it_and_an_analysis_does_not(runtime, ticks_of):
    runtime.markets["live"] = live_market(ticks_of)
    await runtime.analysis.snapshot("live", PAIR)
    assert list(runtime.pair_history._watched) == []
    view = SimpleNamespace(market="live", pair=PAIR)
    await snapshot_of(runtime, SimpleNamespace(view=view, until_ms=None))
    assert list(runtime.pair_history._watched) == [PAIR]
