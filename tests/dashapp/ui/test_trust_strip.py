"""The strip's state in words."""

from __future__ import annotations

import pytest

from analytics.model import FeedStatus
from dashapp.ui.frame.trust_strip import _status


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (FeedStatus("x", "live"), "live"),
        (FeedStatus("x", "live", "no data for X"), "live · no data for X"),
        (FeedStatus("x", "reconnecting", "lost (1006)", 2.3), "reconnecting in 3 s · lost (1006)"),
        (FeedStatus("x", "failed", "HTTP 451", 299.2), "failed · HTTP 451 · tries again in 300 s"),
        (FeedStatus("x", "silent", "no data", 0.4), "silent · no data · tries again in 1 s"),
    ],
)
def test_a_state_is_told_with_its_reason_and_what_comes_next(status, words):
    assert _status(status) == words
