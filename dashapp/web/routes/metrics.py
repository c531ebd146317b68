"""Metrics, in the text form that Prometheus reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response

from dashapp.services.runtime import Runtime
from dashapp.web.deps import RuntimeDep
from dashapp.web.router import Router

router = Router(tags=["status"])

_FORM = "text/plain; version=0.0.4; charset=utf-8"
_QUANTILES = (0.5, 0.9, 0.99, 1.0)
#: The trust strip's figures that are counted up, and those that go up and down, with their words.
_COUNTERS = {
    "received": "messages of trades that came",
    "accepted": "ticks that were taken in",
    "rejected": "messages that were no valid tick",
    "duplicate": "ticks that were there already",
    "late": "ticks that were too old to keep",
    "dropped": "ticks that found no room",
    "amended": "late ticks that amended their bar",
    "backfilled": "ticks that filled a gap",
    "outliers": "ticks far off those before",
    "gaps": "gaps in the ids of trades",
}
_GAUGES = {
    "rate": "ticks a second, over the last 5 s",
    "age_s": "seconds since a tick came",
    "lag_p50_ms": "from the exchange to here, median",
    "lag_p99_ms": "from the exchange to here, 99th percentile",
    "gaps_open": "gaps that are not filled",
    "missing": "trades in the open gaps",
}

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(runtime: RuntimeDep) -> Response:
    """The trust counters of each market, callback times, loop lag and queues, for Prometheus."""
    return Response("\n".join(_lines(runtime)) + "\n", media_type=_FORM)


def _lines(runtime: Runtime) -> Iterable[str]:
    watch = runtime.loop_watch
    yield from _metric(
        "uptime_seconds", "gauge", "since the start", [({}, time.monotonic() - runtime.started_s)]
    )
    yield from _metric(
        "loop_lag_ms", "summary", "how late the event loop is", _quantiles(watch.lags_ms, {})
    )
    yield from _metric(
        "loop_lag_worst_ms", "gauge", "the same since the start", [({}, watch.worst_ms)]
    )
    tasks = float(len(asyncio.all_tasks()))
    yield from _metric("tasks", "gauge", "tasks of the event loop", [({}, tasks)])
    memory = [
        ({"of": "ticks and bars"}, runtime.memory.used_mb),
        ({"of": "budget"}, float(runtime.memory.budget_mb)),
    ]
    yield from _metric("memory_mb", "gauge", "what all markets hold, and may hold", memory)
    spent = [
        sample
        for path, times in runtime.callback_ms.items()
        for sample in _quantiles(times, {"page": path})
    ]
    yield from _metric("callback_ms", "summary", "time of a page's live callback", spent)
    computed = [({"kind": kind}, float(count)) for kind, count in runtime.analysis.computed.items()]
    yield from _metric("computed_total", "counter", "analyses that were computed", computed)
    yield from _metric("queue", "gauge", "what waits", _queues(runtime))
    trust: dict[str, Mapping[str, Any]] = {
        name: runtime.feeds.trust(name) for name in runtime.markets
    }
    for names, kind, end in ((_COUNTERS, "counter", "_total"), (_GAUGES, "gauge", "")):
        for name, words in names.items():
            samples = [
                ({"market": market}, float(figures[name]))
                for market, figures in trust.items()
                if figures.get(name) is not None
            ]
            yield from _metric(f"market_{name}{end}", kind, words, samples)


def _queues(runtime: Runtime) -> list[Sample]:
    waiting = runtime.recorder.writer.pending
    lengths = {
        "archive ticks": waiting.ticks,
        "archive writes": len(waiting.writes),
        "alerts to deliver": runtime.alerts.waiting_deliveries,
        "uploads": len(runtime.uploads.sessions),
    }
    return [({"of": name}, float(length)) for name, length in lengths.items()]


def _quantiles(values: Iterable[float], labels: Labels) -> list[Sample]:
    ordered = sorted(values)
    if not ordered:
        return []
    return [
        (
            {**labels, "quantile": f"{share:g}"},
            ordered[min(int(share * len(ordered)), len(ordered) - 1)],
        )
        for share in _QUANTILES
    ]


def _metric(name: str, kind: str, words: str, samples: Sequence[Sample]) -> Iterable[str]:
    """A metric's lines; none without a sample.

    >>> list(_metric("queue", "gauge", "what waits", [({"of": 'a"b'}, 2.0)]))[-1]
    'spreadscope_queue{of="a\\\\"b"} 2'
    """
    if not samples:
        return
    yield f"# HELP spreadscope_{name} {words}"
    yield f"# TYPE spreadscope_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"spreadscope_{name}{f'{{{inside}}}' if inside else ''} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
