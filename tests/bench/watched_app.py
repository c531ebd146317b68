"""The app whose loop looks at its lag every 2 ms, for the benchmark of uploads; /metrics tells of
the looks since it was read before.

python watched_app.py --port N ...
"""

from __future__ import annotations

import runpy
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
#: Seconds between two looks.
PERIOD_S = 0.002


class ToldOnce(deque):
    """Looks that are forgotten once they are read."""

    def __iter__(self) -> Iterator[float]:
        held = [*super().__iter__()]
        self.clear()
        return iter(held)


def main() -> None:
    sys.path.insert(0, str(PROJECT))
    from dashapp.services import loop_watch

    loop_watch.PERIOD_S, loop_watch.REMEMBERED = PERIOD_S, 1 << 20
    loop_watch.deque = ToldOnce  # type: ignore[attr-defined]
    sys.argv[0] = "app.py"
    runpy.run_path(str(PROJECT / "app.py"), run_name="__main__")


if __name__ == "__main__":
    main()
