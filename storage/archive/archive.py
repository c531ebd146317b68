"""The archive: ticks, bars, rules, alerts and readings that outlive the process.

One SQLite file (`storage.archive.file`), or a PostgreSQL server by URL
(`storage.archive.server`), with the same tables (`storage.archive.schema`), through SQLAlchemy
Core. Ticks and bars are stored in blocks of columns (`storage.archive.blocks`,
`storage.archive.series`), the rest one row each (`storage.archive.records`).

There is one writer: writes of this process queue on a lock, and each is one transaction. When a
call returns, rules, alerts and views survive a power failure, and ticks and bars survive a killed
process. The calls block and may come from any thread: an asyncio program makes them through
`asyncio.to_thread`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from analytics.model import Bars, Ticks
from storage.archive import deliveries as delivery_table
from storage.archive import records, schema
from storage.archive.file import SqliteStore
from storage.archive.kept import KeptByHand
from storage.archive.reader import Stretch, read
from storage.archive.records import MarketRecord, StoredSeries
from storage.archive.schema import SCHEMA_VERSION
from storage.archive.server import PostgresStore
from storage.archive.store import ArchiveError, ArchiveInUse, Store

__all__ = [
    "SCHEMA_VERSION",
    "Archive",
    "ArchiveError",
    "ArchiveInUse",
    "MarketRecord",
    "StoredSeries",
    "store_at",
]

#: A market and ticks of it; or a market and a symbol of it whose trades are numbered anew.
Arrival = tuple[str, Ticks | str]


def store_at(place: str | os.PathLike[str], address: Callable[[], str] | None = None) -> Store:
    """The database at a path or a postgresql:// URL, not opened yet. Raises ArchiveError.

    address: gives the address of a server's host; the system's own look-up for None.
    """
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://")):
        return PostgresStore(place.replace("postgres://", "postgresql://", 1), address)
    return SqliteStore(Path(place))


class Archive(KeptByHand):
    """An open archive, by `Archive.open`, or read-only by `Archive.reader`."""

    @classmethod
    def open(cls, place: str | os.PathLike[str] | Store) -> Archive:
        """Open the archive at a path or a URL; it and its folder are created where absent.

        Raises ArchiveInUse where another Spreadscope writes to it, ArchiveError where the
        path cannot be used (a folder, no permission, no server). A file that cannot be read
        as an archive is set aside and replaced.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Archive.open(Path(folder) / "archive.sqlite")
        ...     archive.save_rule({"id": "r1", "threshold": 2.0})
        ...     ticks = Ticks("BTCUSDT", [5, 9], [7.0, 8.0], [1.0, 1.0], [1, 2])
        ...     print(archive.append_ticks("live", ticks), archive.append_ticks("live", ticks))
        ...     print(archive.rules(), [len(rows) for rows in archive.ticks("live", "BTCUSDT")])
        ...     archive.close()
        2 0
        [{'id': 'r1', 'threshold': 2.0}] [2]
        """
        store = store_at(place) if isinstance(place, str | os.PathLike) else place
        try:
            archive = cls(store, store.open())
            archive._delete_incomplete()
        except ArchiveError:
            store.close()
            raise
        return archive

    @classmethod
    def reader(cls, place: str | os.PathLike[str]) -> Archive:
        """Open an existing archive read-only, beside the app that writes to it.

        Raises ArchiveError where there is none, or one of another version.
        """
        store = store_at(place)
        if isinstance(store, SqliteStore) and not store.path.is_file():
            raise ArchiveError(f"there is no archive {store.where}")
        archive = cls(store, read_only=True)
        try:
            with archive._read() as connection:
                version = schema.version(connection)
            if version != str(SCHEMA_VERSION):
                raise ArchiveError(
                    f"cannot read the archive {store.name}: its schema version is {version}, "
                    f"expected {SCHEMA_VERSION}"
                )
        except ArchiveError:
            archive.close()
            raise
        return archive

    def _delete_incomplete(self) -> None:
        """Delete markets whose file was not read to its end."""
        with self._read() as connection:
            incomplete_markets = records.incomplete_markets(connection)
        for market in incomplete_markets:
            self.delete(market)

    # --- ticks and bars ----------------------------------------------------------------

    def append_ticks(self, market: str, ticks: Ticks) -> int:
        """Store ticks but those whose ids are stored already; how many were stored."""
        return self.append([(market, ticks)])

    def append(self, arrivals: Sequence[Arrival]) -> int:
        """Store batches of ticks in one transaction, as `append_ticks` would one by one.

        A text in place of ticks is a symbol whose trades are numbered anew from there on.
        """
        stored = 0
        with self._write(relaxed=True) as connection:
            for market, ticks in arrivals:
                if isinstance(ticks, str):
                    self._series.renumber(connection, market, ticks)
                elif len(ticks):
                    stored += self._series.append_ticks(connection, market, ticks)
        return stored

    def append_bars(self, market: str, bars: Bars) -> None:
        """Store bars; each replaces a stored bar of the same time."""
        with self._write(relaxed=True) as connection:
            self._series.append_bars(connection, market, bars)

    def ticks(
        self, market: str, symbol: str, start_ms: int | None = None, end_ms: int | None = None
    ) -> Iterator[Ticks]:
        """The ticks of a symbol with start_ms <= ts_ms < end_ms, in the order in which they
        were stored, in chunks of at most 65,536. Nothing for what is not there.
        """
        for _, rows in self.numbered_ticks(market, symbol, start_ms, end_ms):
            yield rows

    def numbered_ticks(
        self,
        market: str,
        symbol: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        newest: int | None = None,
    ) -> Iterator[tuple[int, Ticks]]:
        """As `ticks`, each chunk with its numbering: where it goes up, ids begin anew.

        newest: of the newest so many rows only (a few more, for blocks are not cut).
        """
        first_row = 0
        if newest is not None:
            with self._read() as connection:
                first_row = records.place_from_end(connection, market, symbol, newest)
        stretch = Stretch(market, "ticks", symbol, "", start_ms, end_ms, first_row)
        for numbering, rows in read(self._read, stretch, self._note_damage):
            assert isinstance(rows, Ticks)
            yield numbering, rows

    def bars(
        self,
        market: str,
        symbol: str,
        timeframe: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> Iterator[Bars]:
        """The bars of a symbol with start_ms <= ts_ms < end_ms, ascending, in chunks."""
        stretch = Stretch(market, "bars", symbol, timeframe, start_ms, end_ms)
        for _, rows in read(self._read, stretch, self._note_damage):
            assert isinstance(rows, Bars)
            yield rows

    def contents(self) -> list[StoredSeries]:
        """Every series, by market and in the order in which its symbols came."""
        with self._read() as connection:
            return records.stored_series(connection)

    def merge(self) -> bool:
        """Merge one run of small blocks; False where there is none. Call it until then."""
        with self._write(relaxed=True) as connection:
            return self._series.merge(connection)

    # --- markets -------------------------------------------------------------------------

    def put_market(
        self,
        market: str,
        title: str,
        kind: str = "live",
        loading: bool = False,
        made_of: tuple[str, int] | None = None,
    ) -> None:
        """Store a market's title and kind (live or upload). loading: its file is being read;
        the next start deletes it unless that has come to its end. made_of: the title of the first
        file that made it, and how many did.
        """
        with self._write(relaxed=True) as connection:
            records.put_market(connection, market, title, kind, loading)
            if made_of is not None:
                body = records.encode({"first": made_of[0], "files": made_of[1]})
                records.put_note(connection, records.files_note(market), body)

    def files(self, market: str) -> tuple[str, int] | None:
        """Of which files a market is: the title of the first one and how many; None if unknown."""
        with self._read() as connection:
            body = records.note(connection, records.files_note(market))
        made_of = None if body is None else json.loads(body)
        return None if made_of is None else (str(made_of["first"]), int(made_of["files"]))

    def markets(self) -> list[MarketRecord]:
        """Markets that are complete, oldest first."""
        with self._read() as connection:
            return records.complete_markets(connection)

    def delete(self, market: str, symbol: str | None = None) -> int:
        """Delete a market, or one symbol of it; how many ticks and bars were deleted."""
        with self._write() as connection:
            self._series.reset()
            return records.delete_market(connection, market, symbol)

    def newest_ms(self) -> int:
        """When the newest tick of a live market came, 0 for none: by this computer's clock or the
        exchange's, whichever was behind.
        """
        with self._read() as connection:
            return records.newest_ms(connection)

    def prune(self, before_ms: int) -> int:
        """Delete ticks of live markets, and readings, stored before a time; how many ticks.

        The time of storing counts, not the ticks' own times: a recording of last year that was
        played today stays. A block is deleted when the newest of its rows is old enough.
        """
        with self._write() as connection:
            return records.prune(connection, before_ms)

    # --- rules and alerts ------------------------------------------------------------------

    def save_rule(self, rule: Mapping[str, Any]) -> None:
        """Store a rule, in place of one with its id. Needs a text `id`; JSON values only."""
        with self._write() as connection:
            records.save_rule(connection, rule)

    def delete_rule(self, rule_id: str) -> bool:
        """Delete a rule; False where there was none. Its alerts stay."""
        with self._write() as connection:
            records.delete_named(connection, schema.rule_states, "id", rule_id)
            return records.delete_named(connection, schema.rules, "id", rule_id)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, in the order of first saving."""
        with self._read() as connection:
            return records.all_rules(connection)

    def add_events(
        self,
        events: Sequence[Mapping[str, Any]],
        states: Mapping[str, Mapping[str, Any]] | None = None,
        deliveries: Sequence[Mapping[str, Any]] = (),
    ) -> int:
        """Add alerts to the history, in one transaction; how many were new.

        Each needs a text `id`, an integer `ts_ms` and a text `market`. An alert whose id is
        there already stays as it is, so the same batch may be given twice. states: states of
        rules, by their ids, stored in the same transaction. deliveries: one for each alert that
        a webhook must take, with id, url, body, created_ms and tries.
        """
        rows, waiting = records.event_rows(events), delivery_table.delivery_rows(deliveries)
        with self._write(relaxed=not rows and not waiting) as connection:
            delivery_table.add_deliveries(connection, waiting)
            for rule_id, state in (states or {}).items():
                body = records.encode(state)
                records.put_body(connection, schema.rule_states, "id", rule_id, body)
            return records.add_events(connection, rows)

    def update_event(self, event: Mapping[str, Any]) -> bool:
        """Replace the alert with the same id; False where there is none."""
        with self._write() as connection:
            return records.update_event(connection, event)

    def deliveries(self) -> list[dict[str, Any]]:
        """The deliveries that have not ended, oldest first."""
        with self._read() as connection:
            return delivery_table.all_deliveries(connection)

    def count_tries(self, delivery_id: str, tries: int) -> None:
        """Store how often a delivery was tried; nothing where it is not there."""
        with self._write(relaxed=True) as connection:
            delivery_table.count_tries(connection, delivery_id, tries)

    def end_delivery(self, delivery_id: str, event: Mapping[str, Any] | None) -> None:
        """Delete a delivery, and in the same transaction replace its alert (None for none) as
        `update_event` does.
        """
        with self._write() as connection:
            records.delete_named(connection, schema.deliveries, "id", delivery_id)
            if event is not None:
                records.update_event(connection, event)

    def rule_states(self) -> dict[str, dict[str, Any]]:
        """The states of rules that `add_events` stored, by their ids."""
        with self._read() as connection:
            return records.all_bodies(connection, schema.rule_states, "id")

    def events(
        self, market: str | None = None, since_ms: int = 0, limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """The newest `limit` alerts of a market (None: of all) from `since_ms` on, newest first."""
        with self._read() as connection:
            return records.newest_events(connection, market, since_ms, limit)

    def clear_events(self) -> int:
        """Delete every alert; how many. Rules stay."""
        with self._write() as connection:
            return connection.execute(sa.delete(schema.events)).rowcount

    # --- readings ----------------------------------------------------------------------------

    def append_readings(
        self, market: str, params: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> int:
        """Add readings of a pair at closed bars; how many were new.

        params: the pair's parameters, as JSON values. rows: each with `ts_ms` and the figures
        hedge_ratio, spread, z, correlation, adf_pvalue, of which any may be None or NaN.
        """
        with self._write(relaxed=True) as connection:
            return records.append_readings(connection, market, params, rows)

    def readings(self, market: str, since_ms: int = 0) -> list[dict[str, Any]]:
        """Readings of the pairs of a market, oldest first: `params`, `ts_ms` and figures."""
        with self._read() as connection:
            return records.read_readings(connection, market, since_ms)
