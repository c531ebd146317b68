"""Words side by side, and figures in a table's cells."""

from __future__ import annotations

from dashapp.ui.components import number_column, segments


def text_of(part) -> str:
    """What is read of an element and of all that is in it."""
    if isinstance(part, str):
        return part
    children = part["props"]["children"]
    return "".join(map(text_of, children if isinstance(children, list) else [children]))


def test_the_point_between_two_parts_is_of_the_part_before_it():
    parts = segments([("z +2.31", "down"), ("A rich", ""), ("short A", "warn")])
    assert [text_of(part) for part in parts] == [
        "z +2.31\u00a0·",
        " ",
        "A rich\u00a0·",
        " ",
        "short A",
    ]
    assert parts[0]["props"]["children"][0]["props"]["className"] == "tone-down"
    assert parts[-1]["props"]["className"] == "tone-warn"
    assert segments([]) == []


def test_a_column_writes_its_figures_by_the_function_that_knows_no_minus_zero():
    for decimals in ("+.2f", ".0%"):
        written = number_column("z", "z", decimals)["valueFormatter"]["function"]
        assert f"figure(d3.format('{decimals}')(params.value))" in written
