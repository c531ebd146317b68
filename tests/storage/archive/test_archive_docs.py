"""docs/archive.md: what it shows runs as it stands and gives what was stored."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analytics.model import Ticks
from storage.archive.archive import Archive, ArchiveError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "archive.md"


def code_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def written(tmp_path: Path):
    """An archive that another process has open, and what is in it."""
    archive, ids = Archive.open(tmp_path / "a.sqlite"), np.arange(70_000)
    prices = np.random.default_rng(1).uniform(1, 2, len(ids))
    ticks = Ticks("BTCUSDT", 1_723_161_256_322 + ids, prices, prices, ids)
    archive.append_ticks("live-x", ticks)
    archive.append_readings("live-x", {"y": "A"}, [{"ts_ms": 1, "z": 2.0}])
    yield str(tmp_path / "a.sqlite"), ticks
    archive.close()


def test_the_example_with_the_project_reads_what_was_stored(written, capsys):
    path, ticks = written
    names: dict = {"path": path}
    exec(compile(code_blocks()[0], "docs", "exec"), names)
    assert capsys.readouterr().out == "live-x BTCUSDT ticks 70000\n"
    assert np.array_equal(names["frame"]["price"], ticks.price)
    assert str(names["frame"].index[0]) == "2024-08-08 23:54:16.322000+00:00"
    assert names["readings"]["z"].tolist() == [2.0]


def test_the_example_with_sql_alone_reads_what_was_stored(written):
    path, ticks = written
    names: dict = {"path": path, "market": "live-x", "symbol": "BTCUSDT"}
    exec(compile(code_blocks()[1], "docs", "exec"), names)
    assert np.array_equal(names["ticks"]["price"], ticks.price)
    assert np.array_equal(names["ticks"]["trade_id"], ticks.trade_id)


def test_a_reader_writes_nothing_and_makes_no_file(written, tmp_path):
    reader = Archive.reader(written[0])
    with pytest.raises(ArchiveError, match="opened for reading alone"):
        reader.save_rule({"id": "a"})
    reader.close()
    with pytest.raises(ArchiveError, match="there is no archive"):
        Archive.reader(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
