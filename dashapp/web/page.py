"""The page at /api: the OpenAPI document as plain HTML, without a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: HTTP interface</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b2129; background: #f5f7fa; }}
h3 {{ font: 600 1rem ui-monospace, monospace; margin: 2rem 0 .25rem; overflow-wrap: anywhere; }}
pre {{ background: #eef2f6; padding: .75rem; overflow-x: auto; border-radius: 6px; }}
h2 {{ text-transform: capitalize; }} h4 {{ margin: .5rem 0; }} a {{ color: #0a5dc2; }}
table {{ display: block; overflow-x: auto; }}
td {{ padding: .1rem 1rem .1rem 0; vertical-align: top; }} td p {{ margin: 0 0 .25rem; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e6edf3; background: #0d1117; }} pre {{ background: #1e2630; }}
  a {{ color: #5aa2ff; }} }}
</style>
</head>
<body>
<h1>{title}: HTTP interface</h1>
<p>{about} For programs: <a href="/api/openapi.json">openapi.json</a>.
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
{sections}
</body>
</html>
"""


def document_page(document: Mapping[str, Any], base: str) -> str:
    """The page of an OpenAPI document, with examples for the server at `base`."""
    models = document["components"]["schemas"]
    tags: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            section = _section(f"{method.upper()} {path}", operation, models)
            tags.setdefault(operation["tags"][0], []).append(section)
    return _PAGE.format(
        title=escape(document["info"]["title"]),
        about=escape(document["info"]["description"]),
        base=escape(base),
        sections="\n".join(
            f"<h2>{escape(tag)}</h2>\n" + "\n".join(parts) for tag, parts in tags.items()
        ),
    )


def _section(head: str, operation: Schema, models: Schema) -> str:
    parameters = [
        (each["name"], {**each["schema"], **_words(each)}, each.get("required", False))
        for each in operation.get("parameters", ())
    ]
    parts = [f"<h3>{escape(head)}</h3>{_text(operation)}", _inputs(parameters)]
    if "requestBody" in operation:
        body = operation["requestBody"]
        parts.append(f"<h4>Body</h4>{_text(body)}")
        model = _model(_schema(body), models)
        if model is not None:
            required = model.get("required", ())
            fields = [(name, each, name in required) for name, each in model["properties"].items()]
            parts.append(_text(model) + _inputs(fields))
    answer = _answer(_schema(operation["responses"]["200"]), models)
    if answer:
        parts.append(f"<details><summary>Answer</summary>{answer}</details>")
    return "".join(parts)


def _text(described: Schema) -> str:
    paragraphs = escape(described.get("description", "")).split("\n\n")
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph)


def _words(described: Schema) -> dict[str, str]:
    return {"description": described["description"]} if "description" in described else {}


def _schema(content: Schema) -> Schema:
    media: Schema = next(iter(content.get("content", {}).values()), {})
    schema: Schema = media.get("schema", {})
    return schema


def _inputs(fields: Iterable[tuple[str, Schema, bool]]) -> str:
    """What is sent: name, what is legal, what it means, and its default."""
    return _table(
        (name, _legal(schema), _text(schema), _default(schema, required))
        for name, schema, required in fields
    )


def _answer(schema: Schema, models: Schema) -> str:
    """What is answered: the fields of the model that a schema names, and of those in it."""
    model = _model(schema, models)
    if model is None:
        return ""
    return _text(model) + _table(
        (name, _legal(each), _text(each) + _answer(each, models))
        for name, each in model["properties"].items()
    )


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    """A table of a name, a type, and cells that are HTML."""
    lines = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for name, kind, *cells in rows
    ]
    return f"<table>{''.join(lines)}</table>" if lines else ""


def _default(schema: Schema, required: bool) -> str:
    value = schema.get("default")
    if required or value in (None, []):
        return "required" if required else ""
    return f"default {escape(str(value).lower() if isinstance(value, bool) else str(value))}"


def _legal(schema: Schema) -> str:
    """What a schema allows, in words; that it may be null, where it is more than that.

    >>> _legal({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9000}, {"type": "null"}]})
    'integer 1 to 9,000 or null'
    """
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_legal, schema["anyOf"])))
    words = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if words:
        return ", ".join(map(str, words))
    kind = str(schema.get("type", "object" if "$ref" in schema else "any"))
    if kind == "array":
        return f"list of {_legal(schema['items'])}"
    if "minimum" in schema:
        return f"{kind} {schema['minimum']:,.17g} to {schema['maximum']:,.17g}"
    return kind


def _model(schema: Schema, models: Schema) -> Schema | None:
    """The model that a schema is, or is a list, a mapping or one alternative of."""
    if "$ref" in schema:
        model: Schema = models[schema["$ref"].rpartition("/")[2]]
        return model if "properties" in model else None
    inner = (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ()))
    found = (_model(each, models) for each in inner if isinstance(each, Mapping))
    return next((model for model in found if model is not None), None)
