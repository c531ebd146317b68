"""The HTTP interface: every route in one table, its errors, and the page that documents it.

`mount` puts it on a FastAPI server. Errors are {"error": "..."}; an address under /api or
/export that there is not gets one too, not Dash's index page.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashapp.services.runtime import Runtime
from dashapp.web.routes import exports, markets, replay, status_feed_alerts, uploads
from dashapp.web.routing import Route, endpoint, error

ROUTES: tuple[Route, ...] = (
    *status_feed_alerts.ROUTES,
    *uploads.ROUTES,
    *replay.ROUTES,
    *markets.ROUTES,
    *exports.ROUTES,
)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spreadscope: HTTP interface</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b2129; background: #f5f7fa; }}
h2 {{ font: 600 1rem ui-monospace, monospace; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }}
pre {{ background: #eef2f6; padding: .75rem; overflow-x: auto; border-radius: 6px; }}
td {{ padding: .1rem 1rem .1rem 0; vertical-align: top; }} a {{ color: #0a5dc2; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e6edf3; background: #0d1117; }} pre {{ background: #1e2630; }}
  a {{ color: #5aa2ff; }} }}
</style>
</head>
<body>
<h1>Spreadscope: HTTP interface</h1>
<p>JSON unless an address ends otherwise; times are epoch milliseconds in UTC; a value that
does not exist yet is null. Errors are <code>{{"error": "..."}}</code> with 400, 404, 413 or
429; while there is not enough data, 400 also says <code>have</code> and <code>need</code>.
<a href="/">Back to the dashboard</a>.</p>
<pre>curl '{base}/api/markets/demo/bars?symbol=BTCUSDT&amp;timeframe=1m'
curl -T ticks.ndjson -X POST '{base}/api/upload?name=ticks.ndjson'

import pandas as pd, requests
url = "{base}/api/markets/demo"
symbols = requests.get(f"{{url}}/symbols").json()["symbols"]
bars = requests.get(f"{{url}}/bars", params={{"symbol": symbols[0], "limit": 500}}).json()["bars"]
bars = pd.DataFrame(bars).assign(time=lambda d: pd.to_datetime(d.ts_ms, unit="ms", utc=True))
pair = requests.get(f"{{url}}/pair", params={{"y": symbols[0], "x": symbols[1]}}).json()
z = pd.DataFrame(pair["series"]).set_index("ts_ms").z</pre>
{routes}
</body>
</html>
"""


def mount(server: FastAPI, runtime: Runtime) -> None:
    """Put every route on the server, then the answers for those there are not."""
    for route in ROUTES:
        methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
        _add(server, route.path, endpoint(runtime, route), methods)

    async def page(request: Request) -> Response:
        return HTMLResponse(_document(str(request.base_url).rstrip("/")))

    _add(server, "/api", page, ["GET", "HEAD"])
    for path in ("/api/{rest:path}", "/export/{rest:path}", "/export", "/healthz/{rest:path}"):
        _add(server, path, _nothing_here, _METHODS)
    server.add_exception_handler(HTTPException, _worded)


def _add(server: FastAPI, path: str, answer: Callable[..., Any], methods: list[str]) -> None:
    server.add_api_route(
        path, answer, methods=methods, include_in_schema=False, response_model=None
    )


async def _nothing_here(request: Request) -> Response:
    return error(HTTPStatus.NOT_FOUND, f"there is no {request.method} {request.url.path}; see /api")


async def _worded(request: Request, raised: Exception) -> Response:
    """The framework's own refusals (no such path or method), in our form."""
    status = HTTPStatus(getattr(raised, "status_code", 500))
    answer = error(status, str(getattr(raised, "detail", status.phrase)))
    answer.headers.update(getattr(raised, "headers", None) or {})
    return answer


def _document(base: str) -> str:
    return _PAGE.format(base=escape(base), routes="\n".join(map(_section, ROUTES)))


def _section(route: Route) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(one.text)}</td>"
        f"<td>{'' if one.default is None else _default(one.default)}</td></tr>"
        for name, one in route.parameters.items()
    )
    body = f"<p>Body: <code>{escape(route.body)}</code></p>" if route.body else ""
    table = f"<table>{rows}</table>" if rows else ""
    return f"<h2>{route.method} {escape(route.path)}</h2><p>{escape(route.text)}</p>{table}{body}"


def _default(value: object) -> str:
    if value is ...:
        return "required"
    return f"default {escape(str(value).lower() if isinstance(value, bool) else str(value))}"
