"""Who may import whom, and who may construct: the rules of the house, held."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("analytics", "ingestion", "storage", "dashapp")
MODULES = sorted(path for package in PACKAGES for path in (PROJECT / package).rglob("*.py"))
FIGURES = sorted((PROJECT / "dashapp" / "figures").glob("*.py"))

#: What lives on the loop and may only be made where the process is put together.
CONSTRUCTED = {
    "Runtime": {"dashapp/server.py"},
    "Dash": {"dashapp/__init__.py"},
    "FastAPI": {"dashapp/server.py"},
    "AlertEngine": {"dashapp/runtime.py"},
    "Analyses": {"dashapp/runtime.py"},
    "FeedControl": {"dashapp/runtime.py"},
    "ReplayControl": {"dashapp/runtime.py"},
    "Keeper": {"dashapp/runtime.py"},
    "FileMarkets": {"dashapp/runtime.py"},
    "UploadSession": {"dashapp/file_markets.py"},
    "Market": {
        "dashapp/runtime.py",
        "dashapp/feed_control.py",
        "dashapp/file_markets.py",
        "dashapp/recorder.py",
        "dashapp/replays.py",
        "dashapp/warmup.py",
    },
    "make_feed": {"dashapp/feed_control.py"},
    "Guard": {"dashapp/server.py"},
}
#: Modules of dashapp that know nothing of Dash.
WITHOUT_DASH = (
    "settings",
    "runtime",
    "feed_control",
    "file_markets",
    "uploads",
    "upload_routes",
    "allocator",
    "analyses",
    "summary",
    "strategy",
    "sweeps",
    "alert_engine",
    "alert_history",
    "alert_states",
    "ranking",
    "rehearsals",
    "alert_readings",
    "alert_followup",
    "webhooks",
    "deliveries",
    "rounds",
    "closed_bars",
    "doubt",
    "replays",
    "replay_routes",
    "stretches",
    "dataset_command",
    "export_rows",
    "export_stream",
    "versions",
    "keeper",
    "pending",
    "file_tape",
    "archive_upkeep",
    "pair_log",
    "recorder",
    "flow_log",
    "trust",
    "warmup",
    "guard",
    "bodies",
    "query",
    "calls",
    "resources",
    "actions",
    "exports",
    "api",
    "numerals",
    "evidence",
    "johansen",
    "choices",
    "verdicts",
    "words",
    "ids",
    "theme",
    "view",
)
#: Modules of dashapp that make the pages and the server, and so know Dash.
WITH_DASH = (
    "__init__",
    "components",
    "controls",
    "feed_head",
    "feed_log",
    "frame",
    "layout",
    "live",
    "news",
    "replay_bar",
    "server",
)
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


@pytest.mark.parametrize("name", WITHOUT_DASH)
def test_what_runs_behind_the_pages_knows_no_dash(name):
    found = imported(parsed(PROJECT / "dashapp" / f"{name}.py"))
    assert not [one for one in found if one == "dash" or one.startswith(("dash.", "dash_"))]


def test_every_module_of_dashapp_is_said_to_know_dash_or_not():
    listed = [*WITHOUT_DASH, *WITH_DASH]
    assert sorted(listed) == sorted(path.stem for path in (PROJECT / "dashapp").glob("*.py"))


@pytest.mark.parametrize("path", FIGURES, ids=name_of)
def test_figures_draw_and_nothing_else(path):
    roots = {one.split(".")[0] for one in imported(parsed(path))}
    assert not roots & {"storage", "ingestion", "asyncio", "fastapi"}
    assert not [one for one in roots if one == "dash" or one.startswith("dash_")]
    assert "dashapp.services.runtime" not in imported(parsed(path))


@pytest.mark.parametrize(
    "path", [one for one in MODULES if one.parent.name in ("ingestion", "storage")], ids=name_of
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


def test_the_contract_on_analytics_names_every_module_that_is_not_shared():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if "only the vocabulary and the bars" in one["name"]]
    found = {f"analytics.{path.stem}" for path in (PROJECT / "analytics").glob("*.py")}
    shared = SHARED_ANALYTICS | {
        "analytics.__init__",
        "analytics._columns",
        "analytics._kernels.barfold",
    }
    assert set(contract["forbidden_modules"]) == {"dashapp"} | found - shared


@pytest.mark.parametrize(
    "path", [one for one in MODULES if one.parent.name == "analytics"], ids=name_of
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
    assert readers <= {"dashapp/settings.py"}
