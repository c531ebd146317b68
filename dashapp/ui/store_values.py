"""What the stores of the pages and the properties of their components hold, by kind.

`dashapp.ui.callback_values` holds every request of a page against it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from dashapp import ids

Theme = Literal["dark", "light"]
Scalar = str | int | float | bool | None


class _Rule(msgspec.Struct):
    """A row of the table of rules."""

    id: str


class _Holding(msgspec.Struct):
    """A row of the archive's table."""

    market: str
    symbol: str
    title: str
    kind: str = ""
    rows: int = 0


class _Choice(msgspec.Struct):
    label: str
    value: str


class _Question(msgspec.Struct):
    parameter: str
    text: str
    choices: list[_Choice] = []
    free: bool = False


class _NotUtf8(msgspec.Struct):
    line: int
    position: int
    byte: int
    latin_1: str


class _Report(msgspec.Struct):
    """What the page shows of an upload's report."""

    rejected: dict[str, int] = {}
    rows: int = 0
    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    replaced: int = 0
    symbols: list[str] = []
    notes: list[str] = []
    problem: str | None = None
    nameless: bool = False
    first_lines: dict[str, list[int]] = {}
    not_utf8: _NotUtf8 | None = None


class _Result(msgspec.Struct):
    name: str = ""
    error: str | None = None
    question: _Question | None = None
    report: _Report = msgspec.field(default_factory=_Report)


class _Changed(msgspec.Struct):
    id: str
    enabled: bool


class _Change(msgspec.Struct):
    data: _Changed


class _Strategy(msgspec.Struct):
    held: dict[str, Scalar]
    query: str = ""


class _Rules(msgspec.Struct):
    """The rules of a scan, by what the form's controls hold."""

    held: dict[str, Scalar]
    query: str = ""


class _ScanSeen(msgspec.Struct):
    """What decides the charts and the table of a scan."""

    job: str = ""
    version: int = 0
    theme: str = ""
    every: bool = False
    bars: int = 0
    rules: list[int] = []


class _PairsSeen(msgspec.Struct):
    """What a tab has of the Pairs page."""

    of: float
    watch: int
    market: str = ""
    scan: _ScanSeen = msgspec.field(default_factory=_ScanSeen)
    told: dict[str, int] = {}


class _Compared(msgspec.Struct, array_like=True):
    """A pair of a comparison, with its line where it is held."""

    y: str
    x: str
    beta: float = 0.0
    alpha: float = 0.0
    price_space: str = ""


class _Place(msgspec.Struct):
    """A row of a table."""

    table: str
    id: str | None = None


class _Command(msgspec.Struct):
    """What a key or a click asks of a row. beside: the row that it is compared with."""

    action: Literal["open", "arm", "watch", "compare"]
    table: str
    id: str | None = None
    beside: _Place | None = None
    at: float | None = None


class _Frozen(msgspec.Struct):
    market: str | None = None
    until_ms: float | None = None


class _Known(msgspec.Struct):
    market: str | None = None
    symbols: list[str] = []
    asked: Any = None


class _Attention(msgspec.Struct):
    hidden: bool = False
    read: str | float | None = None


#: A chart's id, or the short name of something: see `dashapp.ui.pictures.digest`.
Name = Annotated[str, msgspec.Meta(max_length=64)]


class Cursor(msgspec.Struct):
    key: Name
    asked: Name
    shapes: Annotated[dict[Name, Name], msgspec.Meta(max_length=32)]
    picture: Name | None = None


class _Strip(msgspec.Struct):
    sent: dict[str, str] = {}
    seen: str | None = None
    unread: int = 0
    read: str | float | None = None
    toasted: tuple[int, float] | None = None


class _Position(msgspec.Struct):
    position: float


class _Cell(msgspec.Struct):
    row: float
    column: float


class _Job(msgspec.Struct):
    number: int = 0


class _Jobs(msgspec.Struct):
    theme: Theme
    sweep: _Job | None = None
    walk: _Job | None = None
    used: dict[str, float] = {}
    gone: bool = False


class _Heeded(msgspec.Struct):
    search: str | None = None
    focus: dict[str, Scalar | list[str]] | None = None
    market: str | None = None
    data: str | None = None
    legs: tuple[str, str] | None = None
    server: float | None = None
    over: str | None = None


#: What the stores of the pages and the rows of their tables hold. A view is judged by its parser.
STORES: dict[str, Any] = {
    f"{ids.THEME}.data": str | None,
    f"{ids.STRATEGY}.data": _Strategy | None,
    f"{ids.FOCUS}.data": dict[str, Scalar | list[str]] | None,
    f"{ids.KNOWN}.data": _Known | None,
    f"{ids.FROZEN}.data": bool | _Frozen | None,
    f"{ids.ATTENTION}.data": _Attention | None,
    f"{ids.FRAME_CURSOR}.data": _Strip | None,
    f"{ids.FEED_LOG_CURSOR}.data": list[Scalar] | None,
    f"{ids.REPLAY_SEEK}.data": _Position | None,
    f"{ids.SYMBOLS}.value": list[str] | None,
    f"{ids.SYMBOLS}.options": list[dict[str, str]] | None,
    "sweep-asked.data": int | None,
    "walk-asked.data": int | None,
    "sweep-state.data": _Jobs | None,
    "sweep-pick.data": _Cell | None,
    f"{ids.RULES_TABLE}.cellValueChanged": list[_Change] | None,
    f"{ids.RULES_TABLE}.selectedRows": list[_Rule] | None,
    f"{ids.ARCHIVE_TABLE}.selectedRows": list[_Holding] | None,
    f"{ids.ARCHIVE_TABLE}.rowData": list[_Holding] | None,
    f"{ids.UPLOAD_RESULT}.data": list[_Result] | None,
    f"{ids.NOT_HERE}.data": dict[str, str] | None,
    f"{ids.HEEDED}.data": _Heeded | None,
    f"{ids.SCAN_RULES}.data": _Rules | None,
    f"{ids.PAIRS_COMMAND}.data": _Command | None,
    "pairs-seen.data": _PairsSeen | None,
    f"{ids.COMPARED}.data": list[_Compared] | None,
    f"{ids.REMOVE_ASKED}.data": str | None,
    **dict.fromkeys(
        (
            *(f"{ids.MARKET}.value", f"{ids.SOURCE_KIND}.value", f"{ids.SOURCE_URL}.value"),
            *(f"{ids.SOURCE_SYMBOLS}.value", f"{ids.SUBSCRIBE}.value"),
            *(f"archive-{name}.value" for name in ("from", "to", "what", "form")),
            *("archive-says.children", "archive-status.children", "scan-market.value"),
            *("compare-y.value", "compare-x.value", "heatmap-of.value", "price-mode.value"),
            *(f"{ids.HEATMAP_OF}.data", f"{ids.TITLE_WORDS}.data", f"{ids.SUBSCRIBE_FILLED}.data"),
            *("scan-asked.data", "scan-filled.data", f"{ids.CAPITAL_KEPT}.data"),
        ),
        str | None,
    ),
    **dict.fromkeys(
        (f"{name}.value" for name in ("scan-rescan", "scan-every", "show-distribution")),
        bool | None,
    ),
    "capital.value": str | float | None,
    f"{ids.REPLAY_SPEED}.value": float | str,
    f"{ids.REPLAY_START_SPEED}.value": float | str,
}
