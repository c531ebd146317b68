"""A PostgreSQL server of the tests' own: on a socket in a folder of its own, gone with them."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

START_S = 180.0


def programs() -> Path | None:
    """The folder of the server's programs; they are not on the PATH of Debian."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    on_path = shutil.which("initdb")
    return Path(found[-1]).parent if found else Path(on_path).parent if on_path else None


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._folder = folder
        self._count = 0
        self._shared = ""
        self._user: dict[str, str | int] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            self._user = {"user": owner.pw_uid, "group": owner.pw_gid}
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "spreadscope", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._user,
        )

    def start(self) -> None:
        options = ["listen_addresses=", f"unix_socket_directories={self._folder}", "fsync=off"]
        flags = [part for option in options for part in ("-c", option)]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", self._data, *flags],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._user,
            )
        deadline = time.monotonic() + START_S
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self._folder)]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline, "the PostgreSQL server did not start"
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGINT) -> None:
        self._process.send_signal(how)
        self._process.wait(timeout=20)

    def emptied(self) -> str:
        """The URL of a database that all share, without the archive of whoever had it before."""
        import psycopg

        if not self._shared:
            self._shared = self.url()
        with psycopg.connect(self._shared, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS spreadscope CASCADE")
        return self._shared

    def url(self) -> str:
        """The URL of a new, empty database."""
        self._count += 1
        name = f"archive_{self._count}"
        self._run("createdb", "-h", str(self._folder), "-U", "spreadscope", name)
        return f"postgresql://spreadscope@/{name}?host={self._folder}"


def running() -> Postgres:
    """A server that runs; a skip, or where everything is required a failure, without one."""
    if programs() is None:
        words = "PostgreSQL is not installed"
        if os.environ.get("SPREADSCOPE_REQUIRE_ALL"):
            pytest.fail(f"{words}, and this run requires it")
        pytest.skip(words)
    return Postgres(Path(tempfile.mkdtemp(prefix="ss-pg-")))


def remove(server: Postgres) -> None:
    """Stop a server and delete what it left."""
    server.stop()
    shutil.rmtree(server._folder)
