"""Sentences on pairs side by side: the head of a comparison, and a row of figures a pair."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from analytics.model import NotReady, PairSnapshot
from dashapp.text.numbers import NONE, counted, number, ratio
from dashapp.text.pair import BreakEven, Segment, inside_costs, known_beta, newest, stance
from dashapp.text.tests import half_life_brief, relation_verdict

HEADS = ("Pair", "z", "Signal", "Half-life", "Cointegration", "β", "Correlation", "Pays from |z|")


class ComparedRow(NamedTuple):
    """A pair's figures as texts, in the order of HEADS; tones of signal and cointegration."""

    cells: tuple[str, ...]
    signal_tone: str = ""
    test_tone: str = ""


def pair_words(y: str, x: str) -> str:
    """A pair's name.

    >>> pair_words("BTCUSDT", "ETHUSDT")
    'BTCUSDT / ETHUSDT'
    """
    return f"{y} / {x}"


def compared_row(
    snapshot: PairSnapshot, threshold: float, even: BreakEven, alone: bool | None
) -> ComparedRow:
    """What a comparison says of one pair. alone: whether a leg looks stationary by itself, None
    while the legs are being tested.
    """
    params = snapshot.params
    head, *clauses = stance(snapshot, threshold, even)
    verdict, _, test_tone = relation_verdict(snapshot, alone)
    pays = number(even.z, 1) if math.isfinite(even.z) else NONE
    tones = {tone for _, tone in clauses}
    cells = (
        pair_words(params.y, params.x),
        number(newest(snapshot.z), 2, signed=True),
        " · ".join(words for words, _ in clauses),
        half_life_brief(snapshot, alone)[0],
        verdict,
        ratio(known_beta(snapshot)),
        number(snapshot.correlation, 2, signed=True),
        pays,
    )
    return ComparedRow(cells, "warn" if "warn" in tones else head[1], test_tone)


def missing_row(y: str, x: str, words: str) -> ComparedRow:
    """A pair of which nothing is known, and why."""
    empty = (NONE,) * (len(HEADS) - 3)
    return ComparedRow((pair_words(y, x), NONE, words, *empty), "warn")


def compare_answer(
    found: Mapping[tuple[str, str], PairSnapshot | NotReady | str],
    threshold: float,
    evens: Mapping[tuple[str, str], BreakEven],
) -> list[Segment]:
    """The pairs, the one furthest from its mean first, and how many cannot be shown.

    found: by legs, a pair's snapshot, or why there is none.
    """
    known = {
        legs: newest(each.z)
        for legs, each in found.items()
        if isinstance(each, PairSnapshot) and math.isfinite(newest(each.z))
    }
    segments: list[Segment] = []
    for legs in sorted(known, key=lambda one: -abs(known[one])):
        z = known[legs]
        beyond = abs(z) >= threshold and not inside_costs(z, evens.get(legs))
        tone = ("down" if z > 0 else "up") if beyond else ""
        segments.append((f"{pair_words(*legs)} z {number(z, 2, signed=True)}", tone))
    missing = len(found) - len(known)
    if missing:
        segments.append((f"{counted(missing, 'pair')} not known", "warn"))
    return segments or [("no pair to compare: add two below", "muted")]
