"""Sentences on uploaded markets: what goes and what stays when one is removed."""

from __future__ import annotations

from collections.abc import Sequence

from dashapp.text.numbers import counted

#: Symbols of a market that are named; the others are counted.
NAMED = 12


def what_goes(
    title: str, symbols: Sequence[str], rows: int, kept: bool, of_live: bool = False
) -> str:
    """What removing a market takes away, and what stays. kept: whether the archive has a copy
    that is of this market alone. of_live: it is a copy of what the archive recorded live.

    >>> what_goes("btc.csv", ["BTC"], 1_200, False)
    'btc.csv: BTC, 1,200 rows. The archive has no copy. The file on your disk stays as it is.'
    """
    named = ", ".join(symbols[:NAMED])
    more = len(symbols) - NAMED
    named += f" and {more:,} more" if more > 0 else ""
    disk = "The file on your disk stays as it is."
    head = f"{title}: {named}, {counted(rows, 'row')}."
    if of_live:
        return f"{head} It leaves this session; what the archive recorded stays."
    if not kept:
        return f"{head} The archive has no copy. {disk}"
    return (
        f"{head} Forget here: it leaves this session, the archive keeps its copy, and it is back "
        "with the next start. Delete from the archive: that copy goes too, when this session "
        f"ends. {disk}"
    )


def removed_words(title: str, kept: bool, deleted: bool) -> str:
    """What was removed, and until when that can be undone.

    >>> removed_words("btc.csv", True, True)
    'btc.csv was removed; its copy in the archive goes when this session ends'
    """
    if deleted:
        return f"{title} was removed; its copy in the archive goes when this session ends"
    stays = "; the archive keeps its copy" if kept else ""
    return f"{title} was removed from this session{stays}"
