"""Code that numba compiled of other sources is not used."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashapp.services import startup  # noqa: F401 - loads all that has compiled functions
from dashapp.services.compiled_code import kernels, sources

ROOT = Path(__file__).parents[3]
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
    """Two kernels, one of which calls the other; a third, in the folder above, does too."""
    kernels = tmp_path / "analytics" / "_kernels"
    kernels.mkdir(parents=True)
    (kernels / "caller.py").write_text(CALLER)
    shutil.copy(ROOT / "dashapp" / "services" / "compiled_code.py", tmp_path)
    (tmp_path / "analytics" / "above.py").write_text(CALLER)
    return tmp_path


def said(tree: Path, value: int, **settings: str) -> list[str]:
    """What both callers return where the called kernel returns `value`; hits of their caches.

    settings: numba's, as variables of the environment.
    """
    (tree / "analytics" / "_kernels" / "one.py").write_text(ONE.format(value=value))
    code = (
        "from analytics._kernels.caller import caller as a;"
        "from analytics.above import caller as b;"
        "import compiled_code; compiled_code.forget_stale_code();"
        "print(a(), b(), sum(map(len, (a.stats.cache_hits, b.stats.cache_hits))))"
    )
    environment = {name: text for name, text in os.environ.items() if "NUMBA" not in name}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **settings},
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
    """What the compiled functions of a file take from modules of ours that are not known."""
    tree = ast.parse(path.read_text("utf-8"))
    taken = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] in ("analytics", "ingestion", "storage")
        for alias in node.names
        if {node.module, f"{node.module}.{alias.name}"}.isdisjoint(known)
    }
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.decorator_list and compiles(node):
            names = (part for line in node.body for part in ast.walk(line))
            used |= {part.id for part in names if isinstance(part, ast.Name)}
    return used & taken


def test_no_compiled_function_takes_anything_from_a_file_that_is_not_looked_at() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources(kernels())
    }
    assert {
        "analytics._kernels.backtest",
        "analytics._kernels.half_life_table",
        "analytics.rolling",
        "ingestion.files.line_values",
    } <= set(modules)
    for path in modules.values():
        assert outside(path, set(modules)) == set(), path.name


def test_a_kernel_is_compiled_anew_where_one_that_it_calls_is_another(tree: Path) -> None:
    assert said(tree, 1) == ["1", "1", "0"]
    assert said(tree, 1) == ["1", "1", "2"], "what is as it was is read from the cache"
    assert said(tree, 2) == ["2", "2", "0"]
    assert said(tree, 2) == ["2", "2", "2"]


def test_what_is_compiled_for_another_processor_is_removed(tree: Path) -> None:
    said(tree, 1)
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"}
    assert said(tree, 1, **other) == ["1", "1", "0"]
    assert said(tree, 1, **other) == ["1", "1", "2"]
    assert said(tree, 1) == ["1", "1", "0"], "an index of both would say that there is some"


def test_packages_in_an_archive_start(tree: Path) -> None:
    said(tree, 1)
    archive = shutil.make_archive(str(tree / "packed"), "zip", tree, "analytics")
    shutil.rmtree(tree / "analytics")
    code = (
        "from analytics._kernels.caller import caller;"
        "import compiled_code; compiled_code.forget_stale_code(); print(caller())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": archive, "NUMBA_CACHE_DIR": str(tree / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("1\n", "")
