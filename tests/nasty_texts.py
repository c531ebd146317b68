"""Texts from outside that are made to cost time, and whether a cost grows as its text does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

#: Pieces that are repeated up to a length: each stands for a way in which patterns go wrong.
PIECES = (
    *("a", "0", " ", ".", "/", "@", "?", "=", "&", ",", "-", "_", ":", "\\", "\x00", "é", "'"),
    *("?token", "?key&", "://", "://a@", "a@", "a.", "0,", "1 ", "1_", "a/", "/a", "http://a?b=c&"),
    *(
        "metadata.",
        "token=",
        "[",
        "{",
        '{"a":',
        '["',
        '"a",',
        "1e",
        "+1",
        "BTC-USDT_",
        "1m_",
        "%0d",
    ),
    *("=1+1", "<b>", "\u202e", "１", "data:", "\r\n", "\t", "127.0.0.1:", "btcusdt@trade/", ";"),
)
#: What a text begins and ends with around the pieces.
FRAMES = (("", ""), ("http://", "!"), ("0", "\x00"), ("a?", "="))

SMALL_S = 0.004
#: Four times the text may cost so many times as much; squares would cost sixteen times.
MOST_GROWTH = 8.0


def nasty(piece: str, length: int, frame: tuple[str, str] = ("", "")) -> str:
    """A text of this length."""
    before, after = frame
    room = max(length - len(before) - len(after), 0)
    return before + (piece * (room // len(piece) + 1))[:room] + after


def growth(work: Callable[[str], object], text_of: Callable[[int], str], length: int) -> float:
    """How many times as much a text costs as one of a quarter; 1 where it costs next to nothing.

    The least of several looks, and a growth that three of them show, so that whatever else this
    machine does counts for nothing.
    """
    for size in (length // 16, length // 4):  # a cube would cost minutes at the whole length
        if _cost(work, text_of(4 * size)) > SMALL_S:
            small, large = text_of(size), text_of(4 * size)
            looks = (_least(work, large) / _least(work, small) for _ in range(3))
            if all((grown := look) >= MOST_GROWTH for look in looks):
                return grown
    return 1.0


def _least(work: Callable[[str], object], text: str) -> float:
    return min(_cost(work, text) for _ in range(3))


def _cost(work: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    with contextlib.suppress(ValueError, KeyError, TypeError):
        work(text)
    return time.thread_time() - started
