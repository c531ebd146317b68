"""Sentences on alerts: how many there were today, and what became of a rule's."""

from __future__ import annotations

from collections.abc import Mapping

from analytics.alerts import METRICS
from dashapp.text.numbers import counted


def today_words(counts: Mapping[str, int]) -> str:
    """How many alerts fired today. counts: by metric.

    >>> today_words({"z": 5, "price": 1}), today_words({})
    ('5 z alerts today · 1 price alert today', 'none today')
    """
    words = [
        f"{counted(count, f'{METRICS[metric].label} alert')} today"
        for metric, count in counts.items()
        if count
    ]
    return " · ".join(words) or "none today"
