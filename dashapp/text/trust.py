"""The figures of the trust strip, in words: rate, age and lag of a feed, and what it lost.

A figure is a segment (text, tone), as in `dashapp.text.answers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashapp.text.numbers import counted, duration, number, pct
from dashapp.text.pair import CARRIED_WARN, Segment
from ingestion.decode.reasons import REASONS

#: Counts that are usual at zero and show only above it.
_SELDOM = ("backfilled", "outliers", "duplicate", "amended", "late", "dropped")
#: Letters of a rejected message that the strip quotes.
LONGEST = 80
#: What is wrong with something else, in words.
_WORDS = ("archive", "redis", "memory", "history", "busy")
_WORDED = {"amended": "late {:,} (merged)", "late": "late {:,} (too old)"}


def trust_figures(trust: Mapping[str, Any]) -> list[Segment]:
    """The strip's figures: rate, age of the last tick, lag, and every count of what was lost.

    trust: any of the counters of `dashapp.services.feeds.health`, carried_share (0 to 1), and
    archive, redis, memory, history and busy (what is wrong with them, in words). What is absent,
    None or empty is left out, and so are the rejected messages that are no fault.
    """
    segments: list[Segment] = []
    rate, age = trust.get("rate"), trust.get("age_s")
    if rate is not None:
        segments.append((f"{rate:,.0f} ticks/s", ""))
    if age is not None:
        segments.append((f"last {age:.1f} s" if age < 60 else f"last {duration(age * 1e3)}", ""))
    median, tail = trust.get("lag_p50_ms"), trust.get("lag_p99_ms")
    if median is not None and tail is not None:
        segments.append((_lag(median, tail), ""))
    if trust.get("skew_ms") is not None:
        segments.append(
            (f"this clock is {trust['skew_ms'] / 1e3:.1f} s behind the exchange", "warn")
        )
    if trust.get("clock_jump_s") is not None:
        jump = number(trust["clock_jump_s"], 0, signed=True)
        segments.append((f"this clock jumped by {jump} s", "warn"))
    segments += [(trust[name], "warn") for name in _WORDS if trust.get(name)]
    for name in ("gaps", *_SELDOM, "rejected"):
        segments += _count(trust, name)
    if trust.get("carried_share") is not None:
        share = trust["carried_share"]
        tone = "warn" if share >= CARRIED_WARN else ""
        segments.append((f"carried {pct(share, 0, signed=False)}", tone))
    return segments


def beside_words(title: str, state: str) -> str:
    """Which feed runs beside a file or a replay, and what Start and Stop would do to it.

    >>> beside_words("Demo", "live"), beside_words("Live", "stopped")
    ('beside it: Demo, live; Stop ends that feed', 'no feed runs; Start begins one beside it')
    """
    if state == "stopped":
        return "no feed runs; Start begins one beside it"
    return f"beside it: {title}, {state}; Stop ends that feed"


def _lag(median: float, tail: float) -> str:
    """Lag from exchange to here; of a recording that is played it is years."""
    if tail < 60_000:
        return f"lag {median:.0f}/{tail:.0f} ms"
    return f"lag {duration(median)}"


def shortened(text: str) -> str:
    """A text from outside, no longer than a line has room for.

    >>> shortened("json: " + "x" * 100)[-3:]
    'xx…'
    """
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def rejection(text: str) -> str:
    """A rejected message in words. text: its reason, and how it began, as a market keeps it.

    >>> rejection("json: {oops"), rejection("future: BTCUSDT at 2031")
    ('not JSON: {oops', 'future: BTCUSDT at 2031')
    """
    reason, colon, sample = text.partition(": ")
    return f"{REASONS.get(reason, reason)}{colon}{sample}"


def _count(trust: Mapping[str, Any], name: str) -> list[Segment]:
    """A count; the ones that are usual at zero show only above it."""
    value = trust.get(name)
    if name == "rejected" and value is not None:
        value -= trust.get("harmless", 0)
    if value is None or (not value and name in _SELDOM):
        return []
    text = _WORDED.get(name, name + " {:,}").format(value)
    if name == "gaps" and not trust.get("numbered", True):
        return [("gaps not known: no ids", "")]
    if name == "gaps" and "gaps_open" in trust:
        if not trust["gaps_open"]:
            return [(f"{text} (filled)" if value else text, "")]
        missing = counted(trust.get("missing", 0), "trade")
        return [(f"{text} ({trust['gaps_open']:,} open, {missing} missing)", "warn")]
    if name == "rejected" and value and trust.get("last_rejected"):
        text += f" (last: {shortened(rejection(str(trust['last_rejected'])))})"
    doubtful = name in ("gaps", "outliers", "dropped", "rejected")
    return [(text, "warn" if value and doubtful else "")]
