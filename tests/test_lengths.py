"""Functions and modules stay short enough to be read at a look."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_imports import MODULES, name_of, parsed

#: Lines of a function with its docstring and what stands inside it, and of a module.
LONGEST_FUNCTION, LONGEST_MODULE = 70, 400


def too_long(tree: ast.AST, most: int) -> list[str]:
    """The functions of more lines, with how many they have."""
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions]
    return [f"{name}: {lines} lines" for name, lines in lengths if lines > most]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_function_and_no_module_is_too_long(path: Path) -> None:
    assert too_long(parsed(path), LONGEST_FUNCTION) == []
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_the_docstring_and_inner_functions_count() -> None:
    inner = "\n".join(["def f():", '    """Sentence."""', *["    x = 1"] * 68])
    assert too_long(ast.parse(inner), 70) == []
    assert too_long(ast.parse(inner + "\n    return x"), 70) == ["f: 71 lines"]
    outer = "def g():\n" + "\n".join(f"    {line}" for line in inner.splitlines())
    assert too_long(ast.parse(outer), 70) == ["g: 71 lines"]
