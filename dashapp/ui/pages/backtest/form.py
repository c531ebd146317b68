"""The form of a back-test's settings: filled from the link, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from analytics.backtest import BacktestParams
from dashapp import ids
from dashapp.parameters.backtest import RULES, USUAL, Rule, as_held, check, from_query, to_query
from dashapp.ui.components import field, number, select


def _control(rule: Rule, held: Mapping[str, str]) -> Component:
    if rule.kind == "choice":
        known = dict(rule.words)
        chosen = held[rule.name] if held[rule.name] in known else getattr(USUAL, rule.name)
        return select(rule.control, rule.words, chosen)
    return number(rule.control, held[rule.name], "none" if rule.optional else "")


def fields(held: Mapping[str, str] | None) -> list[Component]:
    """A labelled control a setting. held: what they hold at first, None for the usual."""
    shown = held or as_held(USUAL)
    return [
        field(rule.label, _control(rule, shown), rule.control, hint=rule.hint) for rule in RULES
    ]


def controls(kind: Any) -> dict[str, Any]:
    """Input, State or Output of each setting's control, by name."""
    return {rule.name: kind(rule.control, "value") for rule in RULES}


def kept(settings: BacktestParams) -> dict[str, Any]:
    """The settings as a tab's store keeps them, with their part of the link."""
    return {"held": as_held(settings), "query": to_query(settings)}


def settings_of(store: Mapping[str, Any] | None) -> BacktestParams:
    """The settings that a tab's store keeps; the usual ones before it keeps any."""
    settings, _ = check((store or {}).get("held") or as_held(USUAL))
    return settings or USUAL


def held_by(store: Mapping[str, Any] | None, search: str | None) -> Mapping[str, str]:
    """What the form of a page that opens holds: the tab's settings, or those of its link."""
    return store["held"] if store else from_query(search or "")


def register(app: Dash) -> None:
    """The two callbacks that keep the settings: from the link, and from the form."""

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
        return kept(check(asked)[0] or USUAL)

    @app.callback(
        output={
            "strategy": Output(ids.STRATEGY, "data"),
            "messages": {
                rule.name: Output(f"{rule.control}-message", "children") for rule in RULES
            },
        },
        inputs={"raw": controls(Input)},
    )
    async def collect(raw: dict[str, Any]) -> dict[str, Any]:
        settings, errors = check(raw)
        return {
            "strategy": kept(settings) if settings else no_update,
            "messages": {rule.name: errors.get(rule.name, "") for rule in RULES},
        }
