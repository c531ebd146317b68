"""Who may import whom, and who may construct: the rules of the house, held."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("analytics", "ingestion", "storage", "dashapp")
MODULES = sorted(path for package in PACKAGES for path in (PROJECT / package).rglob("*.py"))
FIGURES = sorted((PROJECT / "dashapp" / "figures").glob("*.py"))

#: What lives on the loop and may only be made where the process is put together.
CONSTRUCTED = {
    "Runtime": {"dashapp/server.py"},
    "Dash": {"dashapp/ui/app.py"},
    "FastAPI": {"dashapp/server.py"},
    **{
        name: {"dashapp/services/runtime.py"}
        for name in (
            "ActivityLog",
            "AlertEngine",
            "Analyses",
            "ArchiveWriter",
            "FeedControl",
            "FileMarkets",
            "JohansenTests",
            "Kernels",
            "Markets",
            "PairHistory",
            "Recorder",
            "ReplayControl",
            "Restorer",
            "SavedViews",
        )
    },
    "UploadSession": {"dashapp/services/uploads/markets.py"},
    "Market": {
        "dashapp/services/runtime.py",
        "dashapp/services/feeds/control.py",
        "dashapp/services/uploads/markets.py",
        "dashapp/services/archive/restore.py",
        "dashapp/services/replay/control.py",
        "dashapp/services/startup.py",
        "dashapp/services/universe/demo.py",
        "dashapp/services/universe/exchange.py",
    },
    "make_feed": {"dashapp/services/feeds/control.py"},
    "Guard": {"dashapp/server.py"},
}
#: All that ingestion and storage take of analytics.
SHARED_ANALYTICS = {"analytics.model", "analytics.bars"}


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_the_contracts_of_pyproject_hold():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_places_for_it_construct_what_lives_on_the_loop(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            legal = CONSTRUCTED.get(node.func.id, {name_of(path)})
            assert name_of(path) in legal, f"line {node.lineno} constructs {node.func.id}"


@pytest.mark.parametrize("path", FIGURES, ids=name_of)
def test_figures_draw_and_nothing_else(path):
    roots = {one.split(".")[0] for one in imported(parsed(path))}
    assert not roots & {"storage", "ingestion", "asyncio", "fastapi"}
    assert not [one for one in roots if one == "dash" or one.startswith("dash_")]
    assert "dashapp.services.runtime" not in imported(parsed(path))


@pytest.mark.parametrize(
    "path",
    [one for one in MODULES if name_of(one).startswith(("ingestion/", "storage/"))],
    ids=name_of,
)
def test_ingestion_and_storage_take_of_analytics_the_vocabulary_and_the_bars_alone(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            taken = {node.module}
        elif isinstance(node, ast.Import):
            taken = {alias.name for alias in node.names}
        else:
            continue
        assert {one for one in taken if one.split(".")[0] == "analytics"} <= SHARED_ANALYTICS


@pytest.mark.parametrize(
    "path", [one for one in MODULES if name_of(one).startswith("analytics/")], ids=name_of
)
def test_analytics_has_no_clock_no_thread_no_log_and_no_files(path):
    banned = {"time", "asyncio", "threading", "logging", "os", "pathlib", "socket", "random"}
    assert not {one.split(".")[0] for one in imported(parsed(path))} & banned


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_starts_anything_when_it_is_imported(path):
    for node in parsed(path).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            raise AssertionError(f"line {node.lineno} of {name_of(path)} runs at import")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nobody_evaluates_text_or_unpickles(path):
    banned = {"eval", "exec", "compile", "__import__"}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in banned, f"line {node.lineno} calls {node.func.id}"
    assert not {"pickle", "shelve", "marshal", "joblib"} & imported(parsed(path))


def test_settings_alone_read_the_environment():
    readers = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    hand_it_on = {"dashapp/command.py", "dashapp/services/alerts/notify.py"}  # to a process
    assert readers - hand_it_on <= {"dashapp/settings/__init__.py"}


def test_the_root_of_dashapp_is_a_hall_and_not_a_corridor():
    assert len(list((PROJECT / "dashapp").glob("*.py"))) <= 10
