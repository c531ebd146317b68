"""Which button a callback was called for."""

from __future__ import annotations

from dash import ctx


def clicked(button: str) -> bool:
    """Whether a callback was called for a click on this button.

    Dash makes a callback wait for its inputs, not for its states, while other callbacks still
    fill them: a button that is to act on what was typed right before it takes the tab's view and
    strategy as inputs, heeds no other call than a click, and one call may tell of both.
    """
    return f"{button}.n_clicks" in ctx.triggered_prop_ids
