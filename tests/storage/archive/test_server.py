"""An archive on PostgreSQL: what is its own, beside what it has in common with a file."""

from __future__ import annotations

import builtins
import signal
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from analytics.model import Ticks
from storage.archive.archive import SCHEMA_VERSION, Archive, ArchiveError, ArchiveInUse, store_at


@pytest.fixture
def url(postgres_server) -> str:
    return postgres_server.url()


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    opened = Archive.open(url)
    yield opened
    opened.close()


def ticks(count: int, first_id: int = 0) -> Ticks:
    ids = first_id + np.arange(count)
    return Ticks("BTCUSDT", 1_000 + ids, np.full(count, 5.0), np.full(count, 1.0), ids)


def query(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        result = connection.execute(statement)
        return result.fetchall() if result.description else []


def test_a_second_writer_is_refused(url: str, archive: Archive) -> None:
    with pytest.raises(ArchiveInUse, match="in use by another Spreadscope"):
        Archive.open(url)
    archive.close()
    Archive.open(url).close()


def test_messages_never_contain_the_password() -> None:
    store = store_at("postgresql://ada:secret@127.0.0.1:1/data?sslmode=disable")
    assert store.name == "postgresql://127.0.0.1:1/data"
    with pytest.raises(ArchiveError) as told:
        Archive.open(store)
    assert "secret" not in str(told.value)
    assert "cannot open the archive postgresql://127.0.0.1:1/data" in str(told.value)


def test_without_psycopg_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest):
        if name.startswith("psycopg"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ArchiveError, match=r"pip install 'psycopg\[binary\]'"):
        store_at("postgresql://host/data")


def test_the_tables_are_in_a_schema_of_their_own(url: str, archive: Archive) -> None:
    query(url, "CREATE TABLE public.blocks (mine int)")
    archive.append_ticks("live", ticks(10))
    assert query(url, "SELECT sum(n) FROM spreadscope.blocks") == [(10,)]
    assert query(url, "SELECT count(*) FROM public.blocks") == [(0,)]


def test_a_schema_of_another_version_is_renamed(url: str) -> None:
    archive = Archive.open(url)
    archive.save_rule({"id": "kept"})
    archive.close()
    query(url, "UPDATE spreadscope.meta SET value = '99'")
    archive = Archive.open(url)
    assert archive.warning is not None
    assert f"its schema version is 99, expected {SCHEMA_VERSION}" in archive.warning
    assert archive.rules() == []
    archive.close()
    names = query(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'spreadscope_foreign%'")
    assert query(url, f"SELECT id FROM {names[0][0]}.alert_rules") == [("kept",)]


def test_a_schema_without_a_table_is_renamed_as_damaged(url: str) -> None:
    Archive.open(url).close()
    query(url, "DROP TABLE spreadscope.deliveries")
    archive = Archive.open(url)
    assert archive.warning is not None
    assert "it is damaged (tables are missing)" in archive.warning
    assert archive.deliveries() == []
    archive.close()
    names = query(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'spreadscope_corrupt%'")
    assert len(names) == 1


def test_the_archive_reconnects_when_the_server_restarts(
    url: str, archive: Archive, postgres_server
) -> None:
    archive.append_ticks("live", ticks(10))
    archive.save_rule({"id": "a"})  # durable, and with it all that came before
    postgres_server.stop(signal.SIGQUIT)
    with pytest.raises(ArchiveError, match="archive"):
        archive.append_ticks("live", ticks(20))
    postgres_server.start()
    assert archive.append_ticks("live", ticks(20)) == 10
    with pytest.raises(ArchiveInUse):
        Archive.open(url)


HYPERTABLE = """
CREATE TABLE public.hypertables (relation text, chunk bigint);
CREATE FUNCTION public.create_hypertable(relation regclass, name, chunk_time_interval bigint)
RETURNS void LANGUAGE sql AS 'INSERT INTO public.hypertables VALUES ($1::text, $3)';
SET allow_system_table_mods = on;
INSERT INTO pg_extension
SELECT oid::bigint + 1, 'timescaledb', extowner, extnamespace, true, '2', NULL, NULL
FROM pg_extension WHERE extname = 'plpgsql';
"""


def test_the_blocks_are_a_hypertable_where_timescaledb_is_installed(url: str) -> None:
    """A stand-in for the extension: its name, and the one function that is asked of it."""
    query(url, HYPERTABLE)
    archive = Archive.open(url)
    assert query(url, "SELECT * FROM public.hypertables") == [("blocks", 86_400_000)]
    of_blocks = "SELECT count(*) FROM pg_indexes WHERE tablename = 'blocks'"
    assert query(url, f"{of_blocks} AND indexdef LIKE '%UNIQUE%'") == [(0,)]
    archive.append_ticks("live", ticks(10))
    assert sum(len(rows) for rows in archive.ticks("live", "BTCUSDT")) == 10
    archive.close()
