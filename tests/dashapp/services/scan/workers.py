"""What a worker process may run in a test: the real work, and what goes wrong with it."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path


def works(connection: Connection) -> None:
    from dashapp.services.scan.worker import serve

    serve(connection)


def dies(connection: Connection) -> None:
    """Killed at every task."""
    connection.poll(None)  # what comes need not be read, which would import everything
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(connection: Connection) -> None:
    """Killed at the first task of all, and well after that. SCAN_DIED: a file that says so."""
    mark = Path(os.environ["SCAN_DIED"])
    if mark.exists():
        works(connection)
    mark.touch()
    dies(connection)


def never_ends(connection: Connection) -> None:
    """Takes a task and does nothing with it."""
    connection.poll(None)
    threading.Event().wait()
