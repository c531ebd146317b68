"""The title of a market that files made."""

from __future__ import annotations


class FilesTitle(str):
    """The title of a market of several files, which knows what it is made of.

    first: the title of the market of the first file alone. files: how many made the market.

    >>> FilesTitle("a.csv", 1), FilesTitle("a.csv", 3)
    ('a.csv', 'a.csv and 2 files')
    """

    first: str
    files: int

    def __new__(cls, first: str, files: int) -> FilesTitle:
        others = files - 1
        words = f" and {others} file{'s' if others > 1 else ''}" if others else ""
        title = super().__new__(cls, f"{first}{words}")
        title.first, title.files = first, files
        return title


def with_another(title: str) -> FilesTitle:
    """The title once one more file has joined.

    >>> with_another(with_another("a.csv")).files
    3
    """
    if isinstance(title, FilesTitle):
        return FilesTitle(title.first, title.files + 1)
    return FilesTitle(title, 2)
