"""What shows: the Dash app over the runtime, on the server's own FastAPI instance."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dash import Dash
    from dash.types import RendererHooks
    from fastapi import FastAPI

    from dashapp.services.runtime import Runtime

logger = logging.getLogger(__name__)

#: Beside the package where it is installed, else in the checkout.
_INSTALLED = Path(__file__).resolve().parents[1] / "assets"
ASSETS = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "assets"

#: Functions of assets/clientside.js that Dash's renderer calls around each callback.
_HOOKS: RendererHooks = {
    "request_pre": "dash_clientside.spreadscope.requestPre",
    "request_post": "dash_clientside.spreadscope.requestPost",
    "callback_resolved": "dash_clientside.spreadscope.callbackResolved",
}

_INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <script src="/assets/boot.js"></script>
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""


def _on_error(error: Exception) -> None:
    logger.error("a callback failed", exc_info=error)


def create_app(runtime: Runtime, server: FastAPI) -> Dash:
    """Build the Dash app over `runtime` and mount it on `server`."""
    from dash import Dash

    from dashapp.ui.frame import layout, parameters, tab_title, trust_strip
    from dashapp.ui.pages import COMPARE, PAGES

    app = Dash(
        "spreadscope",
        server=server,  # type: ignore[arg-type]  # a FastAPI instance, which Dash accepts
        assets_folder=str(ASSETS),
        assets_ignore=r"boot\.js",
        index_string=_INDEX,
        title="Spreadscope",
        update_title="",
        suppress_callback_exceptions=True,
        add_log_handler=False,
        enable_mcp=False,
        hooks=_HOOKS,
        on_error=_on_error,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = lambda: layout.layout(runtime)
    layout.register(app)
    parameters.register(app, runtime)
    trust_strip.register(app, runtime)
    tab_title.register(app, runtime)
    for page in (*PAGES, COMPARE):
        page.register(app, runtime)
    return app
