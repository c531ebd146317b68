"""How the watched pairs stand, in one line."""

from __future__ import annotations

from collections.abc import Mapping

from dashapp.text.numbers import counted
from dashapp.text.pair import Segment

_STATES = (
    ("alert", "in alert", "down"),
    ("beyond", "beyond", "warn"),
    ("inside", "inside", "muted"),
    ("silent", "silent", "warn"),
    ("not enough data", "without enough data", "muted"),
    ("no z-score", "without a z-score", "muted"),
)


def watch_words(counts: Mapping[str, int]) -> list[Segment]:
    """How many pairs are watched, and in which state. counts: pairs by state.

    >>> [words for words, _ in watch_words({"inside": 3, "alert": 1})]
    ['4 pairs watched', '1 in alert', '3 inside']
    """
    total = sum(counts.values())
    if not total:
        return [("no pair is watched", "muted")]
    told: list[Segment] = [(f"{counted(total, 'pair')} watched", "")]
    for state, words, tone in _STATES:
        if counts.get(state):
            told.append((f"{counts[state]:,} {words}", tone))
    return told
