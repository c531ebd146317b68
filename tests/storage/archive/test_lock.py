"""The lock beside an archive's file: who is kept out, and what is said of who holds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.archive.lock import FileLock
from storage.archive.store import ArchiveInUse


def test_who_is_kept_out_is_told_of_the_process_that_holds_the_lock_now(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.with_name("a.sqlite.lock").write_text("9" * 15)  # of one that ended long ago
    held, refused = FileLock(path), FileLock(path)
    held.acquire()
    with pytest.raises(ArchiveInUse) as told:
        refused.acquire()
    held.release()
    assert str(told.value).endswith(f"(process {os.getpid()})")
