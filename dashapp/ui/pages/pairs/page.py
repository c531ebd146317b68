"""Pairs: the watchlist, and the scanner that says which pairs are worth watching."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from cachetools import LRUCache
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp import ids
from dashapp.figures.scan import funnel_figure, pvalue_figure
from dashapp.parameters.pair import from_dict
from dashapp.services.alerts.arming import arm
from dashapp.services.runtime import Runtime
from dashapp.services.scan.control import ScanJob
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.services.watchlist.readings import Read, read_all
from dashapp.text.numbers import pct
from dashapp.text.pair import Segment
from dashapp.text.scan import changed_words, found_words, missed_words
from dashapp.text.watchlist import watch_words
from dashapp.ui import polling
from dashapp.ui.clicks import clicked
from dashapp.ui.clientside import clientside
from dashapp.ui.components import chart, height_of, segments
from dashapp.ui.pages.pairs import form, results, watch
from dashapp.ui.pages.pairs.scans import THRESHOLD, params_of, reading_jobs, table_rows
from dashapp.ui.polling import LivePage, Tab

CHARTS = (ids.SCAN_FUNNEL, ids.PVALUE_HISTOGRAM)
#: Says to the browser that the panel holds the pair of a row, so that its page can open.
OPENED = "pairs-opened"
PRESS = "press Run: every pair is tested, and what survives is confirmed on bars it never saw"
#: Seconds between two readings of the survivors' z now.
READ_S = 2.0


def layout(theme: str, held: Mapping[str, Any] | None = None) -> Component:
    """The watchlist, the form, funnel and histogram, and the table of a scan."""
    blank = polling.empty_figures(CHARTS, theme)
    return html.Div(
        [
            watch.watch_card(),
            form.scan_card(held or form.as_held()),
            chart(ids.SCAN_FUNNEL, blank[ids.SCAN_FUNNEL]),
            chart(ids.PVALUE_HISTOGRAM, blank[ids.PVALUE_HISTOGRAM]),
            results.results_card(),
            *(dcc.Store(id=store) for store in (watch.PATCH, ids.PAIRS_COMMAND, form.SEEN, OPENED)),
        ],
        className="grid",
    )


class _Readings:
    """z now of the survivors of scans, shared by the tabs that look at them."""

    def __init__(self) -> None:
        self._kept: LRUCache[str, tuple[Any, float, dict[str, Read]]] = LRUCache(8)

    async def of(self, runtime: Runtime, job: ScanJob) -> dict[str, Read]:
        """By the place of each survivor; read anew when the market has moved, now and then."""
        market = runtime.markets.get(job.market)
        if market is None or not runtime.kernels.ready:
            return {}
        of, at_s, read = self._kept.get(job.id, ((), 0.0, {}))
        now_s, version = time.monotonic(), (market.serial, market.version)
        if of == version or now_s - at_s < READ_S:
            return read
        results = await asyncio.to_thread(read_all, reading_jobs(market, job), whole=True)
        read = {one.id: one for one in results}
        self._kept[job.id] = (version, now_s, read)
        return read


def _shown(runtime: Runtime, tab: Tab, job: ScanJob | None) -> dict[str, Any]:
    """What decides the charts and the table of a scan; a tab that has seen it is sent none."""
    market = runtime.markets.get(tab.options["market"] or "")
    return {
        "job": job.id if job else "",
        "version": job.version if job else 0,
        "theme": tab.theme,
        "every": bool(tab.options["every"]),
        "bars": market.version if market and job else 0,
        "rules": (runtime.alerts.version, len(runtime.watchlist)) if job else (),
    }


def _progress(
    job: ScanJob | None, done: ScanJob | None, asked: ScanJob | None, again: bool
) -> dict[str, Any]:
    """The bar, the sentence beside it, and whether there is nothing to cancel.

    asked: the scan that the tab itself began. again: whether the market is scanned again.
    """
    if job is not None:
        told: list[Segment] = [(f"{job.step}: {pct(job.progress, 0, signed=False)}", "")]
        if job.notice:
            told.append((job.notice, "warn"))
        share = max(1, round(100 * job.progress))
        return {"progress": str(share), "says": told, "idle": False}
    told = _ended_words(asked) + _done_words(done)
    return {"progress": "0", "says": told, "idle": not again}


def _ended_words(asked: ScanJob | None) -> list[Segment]:
    """Why the scan that the tab began has no result."""
    if asked is None or asked.state not in ("failed", "cancelled"):
        return []
    return [(asked.error, "down") if asked.error else ("the scan was cancelled", "warn")]


def _done_words(job: ScanJob | None) -> list[Segment]:
    """How the newest scan ended."""
    if job is None:
        return []
    told: list[Segment] = []
    if job.notice:
        told.append((job.notice, "warn"))
    if job.result is not None:
        told += found_words(job.result, job.timeframe)
        told.append((f"{job.took_ms / 1_000:,.1f} s", "muted"))
    return told + changed_words(job.new, job.left)


def _told(runtime: Runtime, tab: Tab, busy: ScanJob | None, done: ScanJob | None) -> dict[str, Any]:
    """What the form says beside its rules."""
    market = str(tab.options["market"] or "")
    asked, again = runtime.scans.job(str(tab.options["asked"])), runtime.scans.rescans(market)
    return {
        "reach": form.reach_of(runtime, market, form.rules_of(tab.options["rules"])),
        **_progress(busy, done, asked, again),
        "rescan": again,
    }


#: What the page asks of its controls, and the properties that it fills beside its charts.
_OPTIONS: dict[str, Any] = {
    "market": Input(form.MARKET, "value"),
    "rules": Input(ids.SCAN_RULES, "data"),
    "every": Input(results.EVERY, "value"),
    "asked": Input(form.ASKED, "data"),
    "seen": State(form.SEEN, "data"),
}
_VALUES = {
    "watch": Output(watch.PATCH, "data"),
    "seen": Output(form.SEEN, "data"),
    "reach": Output(form.REACH, "children"),
    "progress": Output(ids.SCAN_PROGRESS, "value"),
    "says": Output(form.SAYS, "children"),
    "idle": Output(ids.SCAN_CANCEL, "disabled"),
    "rescan": Output(form.RESCAN, "value"),
    "rows": Output(ids.SCAN_TABLE, "rowData"),
    "size": Output(ids.SCAN_TABLE, "style"),
    "empty": Output(results.EMPTY, "children"),
    "export": Output(results.EXPORT, "children"),
}


#: A tab is told what it has not seen yet, so that each of its pictures serves for one step alone.
PICTURES_BYTES = 8 * 1024**2


def _key(runtime: Runtime, tab: Tab) -> Any:
    """What the picture hangs on beside the tab."""
    market = tab.options["market"]
    asked = runtime.scans.job(str(tab.options["asked"]))
    body, job = runtime.markets.get(market or ""), runtime.scans.newest(market or "")
    busy = runtime.scans.running(market or "")
    return (
        runtime.watchlist.version,
        body and (body.serial, len(body.symbols)),
        busy and (busy.id, busy.version),
        asked and asked.state,
        runtime.scans.rescans(market or ""),
        str(_shown(runtime, tab, job)),
        runtime.kernels.ready,
    )


def make_page() -> LivePage:
    """The page's live part."""
    readings = _Readings()

    async def render(runtime: Runtime, tab: Tab) -> dict[str, Any]:
        market = str(tab.options["market"] or "")
        seen = tab.options["seen"] or {}
        job, busy = runtime.scans.newest(market), runtime.scans.running(market)
        shown, told = _shown(runtime, tab, job), _told(runtime, tab, busy, job)
        marks = {name: crc32(str(value).encode()) for name, value in told.items()}
        # Told when it changes, or the market: until then the switch is the choice for the next Run.
        marks["rescan"] = crc32(f"{market} {told['rescan']}".encode())
        parts: dict[str, Any] = {
            name: segments(value) if isinstance(value, list) else value
            for name, value in told.items()
            if (seen.get("told") or {}).get(name) != marks[name]
        }
        version = runtime.watchlist.version
        # A server that was started anew counts its versions from zero again.
        parts["seen"] = {
            "of": runtime.started_s,
            "market": market,
            "watch": version,
            "scan": shown,
            "told": marks,
        }
        since = int(seen["watch"]) if seen.get("of") == runtime.started_s else 0
        if since != runtime.watchlist.version or not since:
            parts["watch"] = watch.patch_of(runtime, since)
        if seen.get("scan") != _plain(shown):
            parts |= await _drawn(runtime, tab, job, seen.get("scan") or {})
        parts["answer"] = segments(_answer(runtime, job))
        return parts

    async def _drawn(
        runtime: Runtime, tab: Tab, job: ScanJob | None, before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The charts and the table of a scan; the charts only where it is another."""
        if job is None or job.result is None:
            empty = polling.empty_figures(CHARTS, tab.theme, PRESS)
            return {**empty, "rows": [], "empty": PRESS, "export": ""}
        read = await readings.of(runtime, job)
        every = bool(tab.options["every"])
        rows = table_rows(runtime, job, every, read)
        parts: dict[str, Any] = {
            "rows": rows,
            "size": height_of(len(rows)),
            "empty": "" if rows else f"nothing found; {missed_words(job.result, job.timeframe)}",
            "export": results.links(job),
        }
        drawn = (job.id, job.version, tab.theme)
        if drawn != tuple(before.get(name) for name in ("job", "version", "theme")):
            look = {"theme": tab.theme, "uirevision": job.id}
            parts[ids.SCAN_FUNNEL] = funnel_figure(job.result, **look)
            parts[ids.PVALUE_HISTOGRAM] = pvalue_figure(job.result, **look)
        return parts

    return LivePage(
        path="/pairs",
        charts=CHARTS,
        key=_key,
        render=render,
        values=_VALUES,
        options=_OPTIONS,
        pictures_bytes=PICTURES_BYTES,
    )


def _plain(shown: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from a browser: a tuple is a list there."""
    return {name: list(one) if isinstance(one, tuple) else one for name, one in shown.items()}


def _answer(runtime: Runtime, job: ScanJob | None) -> list[Segment]:
    """How the watched pairs stand, and what the newest scan found."""
    told = watch_words(runtime.watchlist.counts())
    if job is None or job.result is None:
        return [*told, ("nothing scanned yet", "muted")]
    return [*told, *found_words(job.result, job.timeframe)[:2]]


def pair_of(
    runtime: Runtime, command: Mapping[str, Any], seen: Mapping[str, Any] | None
) -> WatchedPair | None:
    """The pair of the row that a command names, None where it is gone."""
    if command.get("table") == ids.WATCH_TABLE:
        return runtime.watchlist.pair(str(command.get("id")))
    job = runtime.scans.job(str(((seen or {}).get("scan") or {}).get("job")))
    at = str(command.get("id"))
    if job is None or job.result is None or not at.isdigit() or int(at) >= len(job.result.rows):
        return None
    return WatchedPair(job.market, params_of(job.result.rows[int(at)], job.timeframe), THRESHOLD)


def done(runtime: Runtime, action: str, pair: WatchedPair) -> str:
    """Do what a key or a button asks for a pair; what was done, in words."""
    if action == "arm":
        return arm(runtime.alerts, pair.market, pair.params, pair.threshold).words
    return watch.toggle(runtime, pair)


def answer_to(
    runtime: Runtime, command: Mapping[str, Any], seen: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What a key, a button or a click on a row changes: words, the pair in view, what opens."""
    told: dict[str, Any] = {"says": no_update, "focus": no_update, "opened": no_update}
    pair, action = pair_of(runtime, command, seen), str(command.get("action"))
    beside = pair_of(runtime, command.get("beside") or {}, seen) if action == "compare" else pair
    if pair is None or beside is None:
        return {**told, "says": "this row is gone"}
    if action == "open":
        focus = {**watch.focus_of(pair), "at": command.get("at")}
        return {**told, "focus": focus, "opened": focus}
    if action == "compare":
        link, words = watch.comparison_of((beside, pair))
        return {**told, "says": words, "opened": {"link": link} if link else no_update}
    return {**told, "says": done(runtime, action, pair)}


def register(app: Dash, runtime: Runtime) -> None:
    """The live callback, the form, and what keys and buttons do."""
    polling.register(app, runtime, make_page())
    form.register(app, runtime)
    opened = (Output(OPENED, "storage_type"), Input(OPENED, "data"))
    clientside(app, "openPair", *opened, initial_call=False)
    clientside(app, "alsoHere", Output(results.SAYS, "children"), Input(watch.SAYS, "children"))
    clientside(app, "watchRows", Output(watch.PATCH, "storage_type"), Input(watch.PATCH, "data"))

    @app.callback(
        output={
            "says": Output(watch.SAYS, "children"),
            "focus": Output(ids.FOCUS, "data", allow_duplicate=True),
            "opened": Output(OPENED, "data"),
        },
        inputs={"command": Input(ids.PAIRS_COMMAND, "data")},
        state={"seen": State(form.SEEN, "data")},
        prevent_initial_call=True,
    )
    async def act(command: dict[str, Any] | None, seen: dict[str, Any] | None) -> dict[str, Any]:
        if not command:
            raise PreventUpdate
        return answer_to(runtime, command, seen)

    @app.callback(
        Output(watch.SAYS, "children", allow_duplicate=True),
        Input(watch.WATCH_HERE, "n_clicks"),
        Input(watch.ARM_ALL, "n_clicks"),
        Input(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    async def press(here: int | None, every: int | None, view: dict[str, Any] | None) -> Any:
        if clicked(watch.ARM_ALL):
            return watch.arm_all(runtime)
        shown = from_dict(view or {}) if view and clicked(watch.WATCH_HERE) else None
        if shown is None:
            raise PreventUpdate
        if shown.pair is None:
            return "this market has no pair to watch"
        return watch.watch(runtime, WatchedPair(shown.market, shown.pair, shown.z_threshold))
