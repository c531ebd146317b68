"""Sentences on alerts: how many there were today, and what became of a rule's."""

from __future__ import annotations

from collections.abc import Mapping

from analytics.alerts import METRICS, AlertEvent, AlertRule
from analytics.outcomes import Outcome
from dashapp.text.numbers import NONE, counted, utc_time


def condition_words(rule: AlertRule, threshold: bool = True) -> str:
    """What a rule waits for, without its subject.

    >>> from analytics.model import PairParams
    >>> pair = PairParams("A", "B")
    >>> condition_words(AlertRule("r", "demo", "z", "abs>", 2.5, params=pair))
    '|z| > 2.5'
    """
    label = METRICS[rule.metric].label
    size = f"|{label}|" if rule.operator.startswith("abs") else label
    words = f"{size} {rule.operator[-1]}"
    level = f"{rule.threshold:,.10g}".replace("-", "−")
    return f"{words} {level}" if threshold else words


def today_words(counts: Mapping[str, int]) -> str:
    """How many alerts of a market fired today. counts: by metric.

    >>> today_words({"z": 5, "price": 1}), today_words({})
    ('5 z alerts today · 1 price alert today', 'none today in this market')
    """
    words = [
        f"{counted(count, f'{METRICS[metric].label} alert')} today"
        for metric, count in counts.items()
        if count
    ]
    return " · ".join(words) or "none today in this market"


def last_words(event: AlertEvent) -> str:
    """An alert in words with the time of its bar, which of a replay is long ago.

    >>> last_words(AlertEvent("e", "r", 0, "demo", ("A",), "price", ">", 1.0, 2.0, "A price 2"))
    'A price 2, bar of 1970-01-01 00:00:00 UTC'
    """
    return f"{event.text}, bar of {utc_time(event.ts_ms)} UTC"


def became(outcome: Outcome | None, followed: bool, suggests: bool) -> str:
    """What became of an alert, in words.

    followed: whether more can be learned of it. suggests: whether it suggests a trade at all.

    >>> became(None, True, True), became(Outcome(12, -2.6, -8.0, 3.1, 12, True), False, True)
    ('too early', 'back to 0 after 12 bars')
    """
    if outcome is None and followed:
        return "too early"
    if outcome is None:
        return "unknown: data no longer held" if suggests else NONE
    if outcome.bars is not None:
        return f"back to 0 after {counted(outcome.bars, 'bar')}"
    rest = "" if outcome.done else " so far" if followed else ", then its data went"
    return f"not back after {counted(outcome.followed, 'bar')}{rest}"
