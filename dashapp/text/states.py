"""Sentences on why a chart or a table shows nothing: what is so, why, and what changes it."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.model import FeedStatus, NotReady
from dashapp.text.numbers import duration

LOADING = "loading"
NO_TRADES = "no trades"
NO_RULES = "no rules: add one above"
SELECT_RULE = "select a rule first"
NO_ALERTS = "no alerts yet: a rule that fires is listed here"
NO_FOLDS = "no stretches yet: press Walk forward"
NO_SYMBOLS = "no symbols"
NO_TICKS = "no ticks"
NO_BARS = "no bars"
ARCHIVE_EMPTY = "archive empty"

#: What to do first, for who was never here.
FIRST_VISIT = (
    "The demo is simulated: pick a source and press Start, or drop a file on the page.",
    "Analytics: drag the threshold on the z chart; a button at the figures arms an alert.",
    "Backtest: what that threshold would have earned. Press ? for the keys.",
)

#: States of a feed that may still bring a symbol.
COMING = frozenset(("connecting", "live", "silent", "reconnecting"))
_WITHOUT_DATA = {
    "stopped": "no feed runs: press Start above, or drop a file on this page",
    "connecting": "connecting",
    "live": "connected, waiting for the first trade",
    "silent": "connected, and nothing comes",
}


def no_market(name: str) -> str:
    """A link names a market that is not there.

    >>> no_market("nope")
    "This link names a market 'nope' that does not exist. Choose one in the header."
    """
    return f"This link names a market '{name}' that does not exist. Choose one in the header."


def no_symbol(names: Sequence[str], market: str) -> str:
    """A link names legs that its market does not have.

    >>> no_symbol(["XYZ"], "Demo")
    "This link names a symbol 'XYZ' that Demo does not have. Choose the legs under Parameters."
    """
    named = " and ".join(f"'{name}'" for name in names)
    noun = "a symbol" if len(names) == 1 else "symbols"
    return (
        f"This link names {noun} {named} that {market} does not have. "
        "Choose the legs under Parameters."
    )


def awaited(names: Sequence[str]) -> str:
    """A link names legs that a feed which runs has not brought yet.

    >>> awaited(["PEPEUSDT"])
    'waiting for the first trade of PEPEUSDT: the feed has brought none yet'
    """
    trade = "trade" if len(names) == 1 else "trades"
    return f"waiting for the first {trade} of {' and '.join(names)}: the feed has brought none yet"


def no_data(status: FeedStatus) -> str:
    """Why a market is empty, and what fills it. status: of its feed.

    >>> no_data(FeedStatus("live", "failed", "the server refuses this address (403)"))
    'no data: the server refuses this address (403); change the source, then press Start'
    >>> no_data(FeedStatus("live", "connecting", ""))
    'no data yet: connecting'
    """
    if status.state == "failed":
        return f"no data: {status.detail or 'failed'}; change the source, then press Start"
    if status.state == "reconnecting":
        return f"no data yet: {status.detail or 'reconnecting'}; it is tried again by itself"
    return f"no data yet: {_WITHOUT_DATA.get(status.state, status.detail or status.state)}"


def too_few(reason: NotReady, step_ms: float = 0, shorter: Sequence[str] = ()) -> str:
    """What is missing, when it will be there, and which controls ask for less.

    step_ms: time from bar to bar of a market that grows, 0 for one that does not.

    >>> too_few(NotReady("needs 60 bars, has 12", 12, 60), 1_000, ["z window"])
    'needs 60 bars, has 12: wait about 48 s, or lower z window'
    >>> too_few(NotReady("needs 261 bars, has 240", 240, 261), 0, ["Hedge bars", "z window"])
    'needs 261 bars, has 240: lower Hedge bars or z window'
    """
    missing = reason.need - reason.have
    if missing <= 0:
        return reason.reason
    ways = [f"wait about {duration(missing * step_ms)}"] if step_ms else []
    ways += [f"lower {' or '.join(shorter)}"] if shorter else []
    return f"{reason.reason}: {', or '.join(ways)}" if ways else reason.reason


def raise_limit(reason: NotReady, limit: int) -> str:
    """More bars are needed than the view may hold.

    >>> raise_limit(NotReady("needs 261 bars, has 100", 100, 261), 100)
    'needs 261 bars, has 100: raise Bars in view (100)'
    """
    return f"{reason.reason}: raise Bars in view ({limit:,})"


def link_words(wrong: Sequence[str]) -> str:
    """What of a link's values is not legal, "" where all are.

    >>> link_words(["z window: abc: expected a whole number from 2 to 5000"])
    'In this link, z window: abc: expected a whole number from 2 to 5000. The usual value is used.'
    """
    if not wrong:
        return ""
    used = "The usual value is used." if len(wrong) == 1 else "The usual values are used."
    return f"In this link, {'; '.join(wrong)}. {used}"
