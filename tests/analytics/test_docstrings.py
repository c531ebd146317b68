"""Every public function of the analytics says what it computes, of what, and from where.

The functions are those that test_laws finds by walking the package, so none escapes. The
examples run with the doctests; here it is held that there is one, and what stands beside.
"""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests.analytics.test_laws import FUNCTIONS, REGISTRY

#: Modules whose figures are this product's own definitions: no book has them. Their module's
#: or function's words define them.
OWN = {"alerts", "backtest", "bars", "outcomes", "pair", "readings", "sweep", "watching"}
#: Functions of values that are checked already: they have nothing to refuse.
REFUSE_NOTHING = {
    "alerts.describe",
    "alerts.evaluate",
    "alerts.is_outward",
    "alerts.rule_to_dict",
    "bars.usual_step",
    "readings.readings_between",
    "watching.view_readings",
}
SERIES = [name for name, entry in REGISTRY.items() if entry.series and name in FUNCTIONS]
CITED = [name for name in FUNCTIONS if name.split(".")[0] not in OWN]

UNIT = re.compile(
    r"\bunits?\b|fraction|quote currency|\bbars?\b|_ms|-1 to 1|0 to 1|p-value|p is|statistic", re.I
)


def words(name: str) -> str:
    """A function's docstring and its module's."""
    module = importlib.import_module(f"analytics.{name.split('.')[0]}")
    return f"{inspect.getdoc(FUNCTIONS[name]) or ''}\n{inspect.getdoc(module) or ''}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_begins_with_a_sentence_and_has_an_example(name):
    own = inspect.getdoc(FUNCTIONS[name]) or ""
    first = own.split("\n\n")[0]
    assert len(first) > 10
    assert first.rstrip().endswith((".", ":")) or "." in first
    assert ">>> " in own


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in REFUSE_NOTHING])
def test_it_says_what_it_refuses(name):
    assert "ValueError" in words(name)


@pytest.mark.parametrize("name", SERIES)
def test_it_gives_shapes_and_units_of_its_series(name):
    said = words(name)
    assert re.search(r"\((n|m|k|p|window)(, \w+)?,?\)", said), "no shape such as (n,)"
    assert UNIT.search(said), "no unit"


@pytest.mark.parametrize("name", CITED)
def test_it_names_its_source(name):
    said = words(name)
    assert re.search(r"\b(1[89]|20)\d\d\b", said), "no source with its year"


def test_what_is_exempt_is_still_there():
    assert set(FUNCTIONS) >= REFUSE_NOTHING
    assert {name.split(".")[0] for name in FUNCTIONS} >= OWN
