"""The one table of parameters: complete, consistent, and the only list there is."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from analytics.alerts import METRICS, AlertRule, parse_rule
from analytics.backtest import BacktestParams
from analytics.grid import AXES
from analytics.model import PAIR_RANGES, PairParams
from dashapp.parameters.check import read
from dashapp.parameters.table import (
    ALERT,
    BACKTEST,
    PAIR,
    SWEEP,
    SWEPT,
    VIEW,
    WALK_FORWARD,
)

PROJECT = Path(__file__).parents[3]
ROWS = (*VIEW, *BACKTEST.values(), *SWEEP.values(), *WALK_FORWARD.values(), *ALERT.values())
DEFAULTS = {**vars(PairParams("Y", "X")), "y": None, "x": None}


def test_every_field_of_a_pair_and_of_a_back_test_is_one_row_with_its_default():
    assert set(PAIR) == {field.name for field in fields(PairParams)}
    assert {name: row.default for name, row in PAIR.items()} == DEFAULTS
    assert {name: row.default for name, row in BACKTEST.items()} == vars(BacktestParams())


def test_the_limits_of_a_row_are_those_of_the_analytics():
    for name, limits in PAIR_RANGES.items():
        assert PAIR[name].limits == limits
        for legal in limits:
            PairParams("Y", "X", **{name: legal})
    for name, row in BACKTEST.items():
        for legal in row.limits or ():
            whole = row.kind == "whole"
            BacktestParams(**{name: int(legal) if whole else legal})


def test_a_control_belongs_to_one_row_and_a_link_name_as_well():
    controls = [row.control for row in ROWS]
    assert len(controls) == len(set(controls))
    links = [row.link_name for row in (*VIEW, *BACKTEST.values())]
    assert len(links) == len(set(links))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.control)
def test_a_default_is_legal_and_its_control_holds_what_reads_as_it(row):
    if row.kind != "symbol":
        assert read(row, row.control_value(row.default)) == row.default
        assert read(row, row.text(row.default)) == row.default or row.default is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.control)
def test_every_choice_is_legal_and_has_words(row):
    assert bool(row.choices) == (row.kind == "choice")
    for text, words in row.choices:
        assert words
        assert row.text(read(row, text)) == text


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        (PAIR["hedge_window"], ("all", "none", "ALL", "")),
        (PAIR["lag_method"], ("fixed", "none")),
        (BACKTEST["stop_z"], ("none", "None", "")),
        (BACKTEST["max_bars"], ("none", "")),
        (ALERT["hysteresis"], ("none", " ")),
        (ALERT["webhook"], ("none", "")),
    ],
    ids=lambda value: getattr(value, "control", None),
)
def test_none_has_the_words_that_it_always_had(row, texts):
    for text in texts:
        assert read(row, text) is None
    assert {row.control for row in ROWS if row.optional} == {
        "hedge-window", "locked-beta", "locked-alpha", "lag-method",
        "stop-z", "max-bars", "rule-hysteresis", "rule-webhook",
    }  # fmt: skip


def test_what_can_lie_on_an_axis_has_a_span_that_is_legal():
    assert list(SWEPT) == list(AXES)
    for name, row in SWEPT.items():
        low, high, steps = row.span
        assert low < high
        assert steps >= 2
        for end in (low, high):
            assert read(row, end) == end, name


def test_the_form_of_a_rule_knows_every_metric_and_makes_a_rule():
    assert [text for text, _ in ALERT["metric"].choices] == list(METRICS)
    assert set(ALERT) <= {field.name for field in fields(AlertRule)}
    given = {name: row.default for name, row in ALERT.items()}
    given |= {"params": PairParams("A", "B"), "id": "form", "market": "demo"}
    assert parse_rule(given).cooldown_s == ALERT["cooldown_s"].default


def literals(path: Path) -> set[str]:
    """The texts in a module, but for its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {value for value in values if isinstance(value, str)}


UI = sorted((PROJECT / "dashapp" / "ui").rglob("*.py"))
LABELS = {row.label for row in (*VIEW, *BACKTEST.values(), *ALERT.values()) if " " in row.label}
CHOICES = {words for row in ROWS for text, words in row.choices if words != text and " " in words}


@pytest.mark.parametrize("path", UI, ids=lambda path: path.stem)
def test_no_page_repeats_a_label_or_the_words_of_a_choice(path):
    assert not literals(path) & (LABELS | CHOICES)


#: Calls that cut a sentence, or look into one.
CUTS = {"partition", "rpartition", "split", "rsplit", "startswith", "endswith", "removeprefix"}


def cut_sentences(source: str) -> list[str]:
    """Where the words of an error, or of a delivery, are taken apart."""
    places = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            subject = ast.unparse(node.func.value)
            told = "str(error" in subject or subject.endswith((".delivery", "words", "message"))
            if node.func.attr in CUTS and told:
                places.append(ast.unparse(node))
        if isinstance(node, ast.Compare) and any(
            isinstance(operator, ast.In | ast.NotIn) and "str(error" in ast.unparse(against)
            for operator, against in zip(node.ops, node.comparators, strict=True)
        ):
            places.append(ast.unparse(node))
    return places


@pytest.mark.parametrize(
    "cut",
    [
        "name, _, words = str(error).partition(' is ')",
        "name = words.split(' ', 1)[0]",
        "pending = record.delivery.startswith('pending')",
        "again = 'timeout' in str(error)",
    ],
)
def test_a_sentence_that_is_cut_is_noticed(cut):
    assert cut_sentences(cut)


@pytest.mark.parametrize(
    "path",
    sorted((PROJECT / "dashapp").rglob("*.py")),
    ids=lambda path: path.relative_to(PROJECT).as_posix(),
)
def test_nothing_cuts_a_sentence_to_find_a_field_or_a_state(path):
    assert cut_sentences(path.read_text(encoding="utf-8")) == []
