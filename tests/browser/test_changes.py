"""What assets/changes.js makes of what the server sent is the picture that the server has."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashapp.figures.pair import spread_figure, zscore_figure
from dashapp.ui.pictures import Pictures, figure_parts
from tests.dashapp.figures.samples import snapshot

SCRIPT = Path(__file__).parents[2] / "assets" / "changes.js"
#: The patch that the script makes, and where there is a base for each of its paths.
PATCH = "([held, parts]) => window.spreadscopeChanges.patch(held, parts).operations"


def moved(pair, new_rows: int):
    """The same pair with new bars at its end, another fit, and the oldest bars gone."""
    slope = np.linspace(-0.01, 0.01, len(pair))
    pair = replace(pair, spread=pair.spread + slope, fit_z=pair.z + slope / 8)
    rows = slice(new_rows, None)
    columns = ("ts_ms", "price_y", "price_x", "carried", "spread", "mean", "std", "z", "fit_z")
    return replace(pair, **{name: getattr(pair, name)[rows] for name in columns})


def array_of(spec) -> np.ndarray:
    return np.frombuffer(base64.b64decode(spec["bdata"]), spec["dtype"])


def applied(figure, operations):
    for operation in operations:
        *path, last = operation["location"]
        part = figure
        for step in path:
            part = part[step]
        part[last] = operation["params"]["value"]
    return figure


@pytest.mark.parametrize("draw", [spread_figure, zscore_figure])
@pytest.mark.parametrize("new_rows", [0, 2])
def test_a_picture_told_in_parts_is_whole_again(chromium, draw, new_rows):
    whole = snapshot(600)
    whole = replace(whole, fit_z=whole.z)
    first = replace(
        whole,
        **{
            name: getattr(whole, name)[: 600 - new_rows]
            for name in (
                "ts_ms",
                "price_y",
                "price_x",
                "carried",
                "spread",
                "mean",
                "std",
                "z",
                "fit_z",
            )
        },
    )
    before, after = draw(first), draw(moved(whole, new_rows))
    pictures = Pictures()
    old, new = (
        pictures.put("view", "key", {"chart": figure}, {}).charts["chart"][1]
        for figure in (before, after)
    )
    parts = figure_parts(new, old)["parts"]
    told = json.dumps(parts)
    assert len(told) < len(json.dumps(after)) / 2
    page = chromium.new_page()
    page.add_script_tag(path=SCRIPT)
    operations = page.evaluate(PATCH, [json.loads(json.dumps(before)), json.loads(told)])
    page.close()
    made = applied(json.loads(json.dumps(before)), operations)
    for one, other in zip(made["data"], after["data"], strict=True):
        for name in ("x", "y", "customdata"):
            if name in other:
                atol = 1e-3 if other["name"] == "band" else 0.0
                np.testing.assert_allclose(
                    array_of(one[name]), array_of(other[name]), rtol=0, atol=atol
                )
    assert made["layout"] == json.loads(json.dumps(after["layout"]))
