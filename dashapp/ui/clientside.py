"""Callbacks that the browser answers by itself, with a function of assets/clientside.js."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash


def clientside(app: Dash, function: str, *places: Any, initial_call: bool = True) -> None:
    """Register `dash_clientside.spreadscope.<function>`.

    places: its Outputs, Inputs and States. initial_call: whether it runs when its page appears.
    """
    app.clientside_callback(
        ClientsideFunction("spreadscope", function),
        *places,
        prevent_initial_call=not initial_call,
    )
