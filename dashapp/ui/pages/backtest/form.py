"""The form of a back-test's settings: filled from the link, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from analytics.backtest import BacktestParams
from dashapp import ids
from dashapp.parameters.backtest import USUAL, as_held, check, from_query, in_use, notices, to_query
from dashapp.parameters.pair import from_dict
from dashapp.parameters.table import BACKTEST
from dashapp.text.pair import Segment
from dashapp.ui.components import parameter_field


def fields(held: Mapping[str, str] | None) -> list[Component]:
    """A labelled control a rule. held: what they hold at first, None for the usual."""
    shown = _shown(held or as_held(USUAL))
    return [parameter_field(row, shown[name]) for name, row in BACKTEST.items()]


def _shown(held: Mapping[str, str]) -> dict[str, Any]:
    """What the controls hold of texts: that of a choice has its choices alone."""
    return {
        name: row.default
        if row.kind == "choice" and held[name] not in dict(row.choices)
        else held[name]
        for name, row in BACKTEST.items()
    }


def _meant(raw: Mapping[str, Any], store: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What the controls stand for: the texts of the tab's store where they show just those, though
    no control can hold a choice that there is not; else what they hold.
    """
    held = (store or {}).get("held")
    return held if held and dict(raw) == _shown(held) else raw


def controls(kind: Any) -> dict[str, Any]:
    """Input, State or Output of each rule's control, by name."""
    return {name: kind(row.control, "value") for name, row in BACKTEST.items()}


def kept(settings: BacktestParams) -> dict[str, Any]:
    """The settings as a tab's store keeps them, with their part of the link."""
    return {"held": as_held(settings), "query": to_query(settings)}


def linked(asked: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a link as a tab's store keeps them.

    Where some are wrong the form holds them as they were written, with the messages at their
    fields, and the usual ones are in use in their place.

    >>> wrong = linked(from_query("?entry_z=9&max_bars=10"))
    >>> wrong["held"]["entry_z"], wrong["query"], settings_of(wrong).entry_z
    ('9', 'max_bars=10', 2.0)
    """
    settings, refused = in_use(asked)
    return {**kept(settings), "held": dict(asked)} if refused else kept(settings)


def settings_of(store: Mapping[str, Any] | None) -> BacktestParams:
    """The settings that a tab's store keeps; the usual ones before it keeps any."""
    return used(store)[0]


def replaced(store: Mapping[str, Any] | None) -> list[Segment]:
    """Which of a link's settings gave way to the usual ones, for the head; none where all hold."""
    return used(store)[1]


def used(store: Mapping[str, Any] | None) -> tuple[BacktestParams, list[Segment]]:
    """What `settings_of` and `replaced` say of a store, of one reading of it."""
    settings, words = in_use((store or {}).get("held"))
    return settings, [(words.removesuffix("."), "warn")] if words else []


def held_by(store: Mapping[str, Any] | None, search: str | None) -> Mapping[str, str]:
    """What the form of a page that opens holds: the tab's settings, or those of its link."""
    return store["held"] if store else from_query(search or "")


def collected(
    raw: Mapping[str, Any],
    view: Mapping[str, Any] | None = None,
    store: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The tab's rules by what the controls hold, and the message under each of them.

    The rules stay as they are where a control is wrong; those of a link that was wrong itself are
    the usual ones in its place, and so they are while it is. view: the tab's own, over whose z
    window an entry is to be reached. store: the settings that it keeps.
    """
    pair = from_dict(view).pair if view else None
    window = pair.z_window if pair else None
    given = _meant(raw, store)
    settings, errors = check(given, window)
    told = notices(settings, window) if settings else errors
    strategy: Any = kept(settings) if settings else no_update
    if settings is None and replaced(store) and given is raw:
        strategy = linked({name: str(text or "") for name, text in raw.items()})
    return {
        "strategy": strategy,
        "messages": {name: told.get(name, "") for name in BACKTEST},
    }


def register(app: Dash) -> None:
    """The callbacks that keep the settings, from the link and from the form, and that say what is
    wrong with them.
    """

    @app.callback(
        Output(ids.STRATEGY, "data", allow_duplicate=True),
        Input(ids.URL, "search"),
        State(ids.STRATEGY, "data"),
        prevent_initial_call="initial_duplicate",
    )
    async def read_link(search: str | None, held: dict[str, Any] | None) -> Any:
        asked = from_query(search or "")
        if held and asked == as_held(USUAL):  # a tab was clicked: its link names no settings
            return no_update
        return linked(asked)

    @app.callback(
        Output(ids.STRATEGY, "data"),
        inputs={"raw": controls(Input)},
        state={"view": State(ids.VIEW, "data"), "store": State(ids.STRATEGY, "data")},
    )
    async def collect(
        raw: dict[str, Any], view: dict[str, Any] | None, store: dict[str, Any] | None
    ) -> Any:
        return collected(raw, view, store)["strategy"]

    # The messages follow the z window as well. They stand on this page alone, so that a view that
    # changes on another asks for none of them.
    @app.callback(
        output={
            name: Output(f"{row.control}-message", "children") for name, row in BACKTEST.items()
        },
        inputs={"raw": controls(Input), "view": Input(ids.VIEW, "data")},
        state={"store": State(ids.STRATEGY, "data")},
    )
    async def tell(
        raw: dict[str, Any], view: dict[str, Any] | None, store: dict[str, Any] | None
    ) -> dict[str, str]:
        return collected(raw, view, store)["messages"]
