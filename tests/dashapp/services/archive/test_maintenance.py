"""What an open archive is looked after with: which time of day is trusted where old ticks go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dashapp.services.archive import maintenance
from dashapp.services.archive.maintenance import DAY_MS, Maintenance

NEWEST_MS = 1_723_161_240_000


class Watched:
    """An archive of which only what is pruned is looked at."""

    renewals = 0

    def __init__(self, newest_ms: int) -> None:
        self.newest_ms = lambda: newest_ms
        self.pruned: list[int] = []

    def lost(self) -> None: ...

    def problem(self) -> None: ...

    def merge(self) -> bool:
        return False

    def settle(self) -> None: ...

    def prune(self, before_ms: int) -> int:
        self.pruned.append(before_ms)
        return 0


@pytest.mark.parametrize(
    ("newest_ms", "ahead_days", "trusted"),
    [
        (NEWEST_MS, 0, [NEWEST_MS, NEWEST_MS + 10 * DAY_MS]),
        (NEWEST_MS, 400, [NEWEST_MS, NEWEST_MS + 10 * DAY_MS]),
        (NEWEST_MS, -5, [NEWEST_MS - 5 * DAY_MS, NEWEST_MS + 5 * DAY_MS]),
        (0, 0, [NEWEST_MS, NEWEST_MS + 10 * DAY_MS]),
    ],
    ids=["a right clock", "one that is ahead", "one that is behind", "nothing to go by"],
)
async def test_time_goes_on_from_the_newest_tick_whatever_the_clock_says(
    monkeypatch, newest_ms, ahead_days, trusted
):
    days = [0]
    clock = SimpleNamespace(
        monotonic=lambda: days[0] * 86_400.0,
        time_ns=lambda: (NEWEST_MS + (days[0] + ahead_days) * DAY_MS) * 1_000_000,
    )
    monkeypatch.setattr(maintenance, "time", clock)
    archive = Watched(newest_ms)
    looks_after = Maintenance(archive, 30, None)  # type: ignore[arg-type]
    for days[0] in (0, 10):
        await looks_after._step()
    assert archive.pruned == [time_ms - 30 * DAY_MS for time_ms in trusted]
