"""The title of a market that files made."""

from __future__ import annotations


def title_of(first: str, files: int) -> str:
    """The title of a market of so many files. first: that of the first one alone.

    >>> title_of("a.csv", 1), title_of("a.csv", 3)
    ('a.csv', 'a.csv and 2 files')
    """
    others = files - 1
    return f"{first} and {others} file{'s' if others > 1 else ''}" if others else first
