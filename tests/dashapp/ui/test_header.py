"""The header's feed: what a click on Start and on Stop does."""

from __future__ import annotations

from dash import no_update

from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.ui.frame import header

DEMO = {"kind": "demo", "url": None, "symbols": [], "typed": None, "subscribe": None}


async def test_start_and_stop_that_are_told_together_are_both_heeded() -> None:
    runtime = Runtime(Settings(source="none"))
    told = await header.heed(runtime, 1, True, DEMO)
    assert told["focus"] == {"market": "demo", "at": 1}
    assert runtime.feeds.started
    assert runtime.markets.status("demo").state == "stopped"


async def test_start_says_what_is_wrong_and_stop_is_heeded_all_the_same() -> None:
    runtime = Runtime(Settings(source="none"))
    await header.heed(runtime, 1, False, DEMO)
    assert runtime.markets.status("demo").state != "stopped"
    told = await header.heed(runtime, 2, True, {**DEMO, "kind": "url"})
    assert told["message"].startswith("type an address")
    assert told["focus"] is no_update
    assert runtime.markets.status("demo").state == "stopped"
