"""Ticks in pieces of one numbering each, by what a market knows of the newest."""

from __future__ import annotations

import pytest

from analytics.model import Ticks
from storage.market.numbering import Numbering


def some_ticks(*ids: int) -> Ticks:
    return Ticks("X", range(len(ids)), [5.0] * len(ids), [1.0] * len(ids), ids)


@pytest.mark.parametrize(
    ("numberings", "pieces"),
    [
        ([[7, 8, -1]], [[7, 8, -1]]),
        ([[-1, -1]], [[-1, -1]]),
        ([[900, 901], [1, -1, 2]], [[900, 901], [1, -1, 2]]),
        ([[1, 2], [900, 901]], [[1, 2], [900, 901]]),
        ([[7, 8], [-1, 7, 8]], [[7, 8, -1], [7, 8]]),
        ([[7, 8], [900], [7, 9]], [[7, 8, 900], [7, 9]]),
        ([[900], [7], [8]], [[900, 7], [8]]),
        ([[900, 901], []], [[900, 901], []]),
    ],
)
def test_the_newest_numbering_is_a_piece_of_its_own(numberings, pieces):
    numbering = Numbering()
    for place, ids in enumerate(numberings):
        if place:
            numbering.forget("X")
        numbering.fresh(some_ticks(*ids))
    kept = Ticks.concat([some_ticks(*ids) for ids in numberings])
    assert [piece.trade_id.tolist() for piece in numbering.pieces(kept)] == pieces
