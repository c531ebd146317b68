"""What processes hold and spend, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def ticks_spent(pid: int) -> int:
    """Processor time that a process spent in its own code, in clock ticks."""
    return int(_fields(pid)[11])


def descendants(pid: int) -> list[int]:
    """Every process that a process started, or that those started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_fields(int(entry.name))[1])
            except OSError:
                continue  # it has just ended
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def command(pid: int) -> str:
    """The command line of a process, "" once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the name, which may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
