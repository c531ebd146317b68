"""The documents agree with the tree: links, paths, names, options and folders that they state."""

from __future__ import annotations

import importlib
import re
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from dashapp.settings import VERSION, Settings, parse

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("analytics", "ingestion", "storage", "dashapp")
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
ROOTS = (*PACKAGES, "assets", "docs", "tests")


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def text_of(path: Path) -> str:
    """A document without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


@cache
def anchors_of(path: Path) -> frozenset[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(heading.strip().replace(" ", "-") for heading in plain)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(path):
    for target in LINK.findall(text_of(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors_of(file), f"{target} names no heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_path_of_the_tree_that_is_named_exists(path):
    for word in CODE.findall(text_of(path)):
        if re.fullmatch(rf"({'|'.join(ROOTS)})/[\w./-]*", word):
            assert (PROJECT / word).exists(), f"there is no {word}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_dotted_name_of_the_packages_can_be_imported(path):
    for word in CODE.findall(text_of(path)):
        if not re.fullmatch(rf"({'|'.join(PACKAGES)})(\.\w+)+", word):
            continue
        parts = word.split(".")
        for count in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:count]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[count:]:
                found = getattr(found, attribute)
            break


def options_of_help(capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    listed = re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    return set(listed) - {"--help", "--version"}


def options_of_readme() -> dict[str, str]:
    """The options that the README's table lists, with the default that it states."""
    rows = re.findall(
        r"^\| (`--[^|]+`) \|([^|]*)\|",
        (PROJECT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {
        option: default.strip().strip("`")
        for names, default in rows
        for option in re.findall(r"--[a-z-]+", names)
    }


def test_the_table_of_options_lists_what_help_lists(capsys):
    assert set(options_of_readme()) == options_of_help(capsys)


def test_the_table_of_options_states_the_defaults():
    defaults = {f"--{one.name.replace('_', '-')}": one.default for one in fields(Settings)}
    for option, stated in options_of_readme().items():
        if option not in ("--archive", "--symbols"):  # decided by the system and by the source
            assert stated == str(defaults.get(option) or ""), option


def test_readme_names_every_page():
    from dashapp.ui.pages import PAGES

    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    titles = re.findall(r"^\| \*\*(\w+)\*\* \|", readme, re.MULTILINE)
    assert titles == [page.title for page in PAGES]


def folders_of_tree() -> list[str]:
    """The folders that the tree in docs/architecture.md draws, by their indentation."""
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = FENCE.findall(text[text.index("## The house") :])[0]
    folders, above = [], list[str]()
    for indent, name in re.findall(r"^( *)([\w.]+)/(?:\s|$)", tree, re.MULTILINE):
        above = [*above[: len(indent) // 2], name]
        folders.append("/".join(above))
    return folders


def test_the_tree_of_the_architecture_names_only_folders_that_exist():
    missing = [one for one in folders_of_tree() if not (PROJECT / one).is_dir()]
    assert not missing


def test_the_tree_of_the_architecture_names_every_package():
    packages = {
        name_of(init.parent) for root in PACKAGES for init in (PROJECT / root).rglob("__init__.py")
    }
    assert packages <= set(folders_of_tree())


def test_the_index_of_decisions_lists_every_record_in_order():
    folder = PROJECT / "docs" / "decisions"
    records = sorted(one.name for one in folder.glob("*.md") if one.name != "README.md")
    listed = re.findall(
        r"^(\d+)\. \[.+\]\((.+)\)$", (folder / "README.md").read_text(), re.MULTILINE
    )
    assert [name for _, name in listed] == records
    for place, (number, name) in enumerate(listed, 1):
        assert int(number) == int(name[:4]) == place
        assert (folder / name).read_text(encoding="utf-8").startswith(f"# {place}. ")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_line_of_a_document_ends_in_a_space(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if line != line.rstrip()] == []


def test_one_version_is_built_said_and_noted():
    """What is built, what the program says of itself, and the newest release of the changelog."""
    built = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    noted = re.findall(r"^## (\d\S*), \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert built["project"]["version"] == VERSION == noted[0]
