"""Code that numba compiled of other sources is not used."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analytics._compiled import sources

ROOT = Path(__file__).parents[2]
PYTHONS = {"cache", "lru_cache", "property", "classmethod", "staticmethod", "dataclass"}
ONE = """
import numba

@numba.njit(cache=True)
def one():
    return {value}
"""
CALLER = """
import numba
from analytics._kernels.one import one

@numba.njit(cache=True)
def caller():
    return one()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What keeps compiled code in order, beside two kernels, one of which calls the other; a
    third, in the folder above, does too.
    """
    kernels = tmp_path / "analytics" / "_kernels"
    kernels.mkdir(parents=True)
    (tmp_path / "analytics" / "__init__.py").touch()
    for name in ("_compiled.py", "_kernels/__init__.py"):
        shutil.copy(ROOT / "analytics" / name, tmp_path / "analytics" / name)
    (kernels / "caller.py").write_text(CALLER)
    (tmp_path / "analytics" / "above.py").write_text(CALLER)
    return tmp_path


def said(tree: Path, value: int) -> list[str]:
    """What both callers return where the called kernel returns `value`; hits of their caches."""
    (tree / "analytics" / "_kernels" / "one.py").write_text(ONE.format(value=value))
    code = (
        "from analytics._kernels.caller import caller as a;"
        "from analytics.above import caller as b;"
        "print(a(), b(), sum(map(len, (a.stats.cache_hits, b.stats.cache_hits))))"
    )
    environment = {name: text for name, text in os.environ.items() if "NUMBA" not in name}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


def compiles(function: ast.FunctionDef) -> bool:
    """Whether numba compiles a function: it has a decorator that is none of Python's own."""
    decorators = (ast.unparse(each).partition("(")[0] for each in function.decorator_list)
    return not PYTHONS.issuperset(decorators)


def outside(path: Path, known: set[str]) -> set[str]:
    """What the compiled functions of a file take from modules of analytics that are not known."""
    tree = ast.parse(path.read_text("utf-8"))
    taken = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("analytics")
        for alias in node.names
        if {node.module, f"{node.module}.{alias.name}"}.isdisjoint(known)
    }
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.decorator_list and compiles(node):
            used |= {
                part.id
                for line in node.body
                for part in ast.walk(line)
                if isinstance(part, ast.Name)
            }
    return used & set(taken)


def test_no_compiled_function_takes_anything_from_a_file_that_is_not_looked_at() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources()}
    assert {"analytics._kernels.backtest", "analytics.rolling"} <= set(modules)
    for path in modules.values():
        assert outside(path, set(modules)) == set(), path.name


def test_a_kernel_is_compiled_anew_where_one_that_it_calls_is_another(tree: Path) -> None:
    assert said(tree, 1) == ["1", "1", "0"]
    assert said(tree, 1) == ["1", "1", "2"], "what is as it was is read from the cache"
    assert said(tree, 2) == ["2", "2", "0"]
    assert said(tree, 2) == ["2", "2", "2"]
