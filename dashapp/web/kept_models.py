"""Models of what a user keeps by hand: the watchlist and saved views."""

from __future__ import annotations

from pydantic import Field

from analytics.model import PairParams
from dashapp.services.watchlist.rows import WatchState
from dashapp.web.json_types import Answer, Json


class WatchedRow(Answer):
    """A watched pair and where it stands; null where that is not known yet."""

    id: str
    market: str
    params: Json[PairParams]
    z_threshold: float
    state: WatchState
    reason: str = Field(
        description="why there is not enough data or no z-score; of an alert, which rules are in it"
    )
    z: float | None = Field(description="at the newest bar, in two decimals, as line")
    ts_ms: int | None = Field(description="when that bar opens")
    side: str | None = Field(
        description="the trade that z asks for, or why there is none; with a warning where its "
        "legs move against each other"
    )
    half_life: float | None = Field(description="in bars")
    half_life_ms: int | None
    half_life_sure: bool | None = Field(
        description="whether its 90 % interval has an upper end: false where the spread cannot be "
        "told from a random walk; null without an interval"
    )
    break_even: float | None = Field(description="|z| from which a round trip pays")
    carried: float | None = Field(description="share of rows on which a leg did not trade")
    armed: int | None = Field(description="enabled alert rules on just this pair")
    fired: int | None = Field(description="its alerts that are held")
    returned: int | None = Field(description="of them, after how many z came back to 0")
    hit_rate: float | None = Field(description="share that earned, of those that are over")
    net_bps: float | None = Field(description="their mean result after costs")
    worst_bps: float | None = Field(description="the lowest mark of any of them")
    became: str | None = Field(description="the same in words")
    line: list[float | None] = Field(description="z at the newest closed bars, as known then")


class Watchlist(Answer):
    pairs: list[WatchedRow]


class CopiedRule(Answer):
    added: list[str] = Field(description="ids of the new rules")
    there_already: int
    refused: str = Field(description="why it ended early, in words")


class SavedView(Answer):
    """A link to a page under a name."""

    name: str
    link: str = Field(description="a page and its query")
    saved_ms: int


class Views(Answer):
    views: list[SavedView]
    last: str | None = Field(description="where a page was last: there the app opens, once left")
    kept: bool = Field(description="whether there is an archive that keeps them")


class ImportedViews(Answer):
    imported: int


class LastLink(Answer):
    last: str
