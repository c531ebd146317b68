"""What of an archive a user keeps by hand: saved views, the watchlist, scans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from storage.archive import records, scans, schema
from storage.archive.base import ArchiveBase

_LAST_LINK = "last_link"


class KeptByHand(ArchiveBase):
    """The calls of an archive for views, watched pairs and scans."""

    def save_views(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """Store views by their names, each in place of one that is there. JSON values only."""
        with self._write() as connection:
            for name, view in bodies.items():
                records.put_body(connection, schema.views, "name", name, records.encode(view))

    def rename_view(self, name: str, new_name: str) -> bool:
        """Store a view under another name, in the place that it has among the views and of one
        of the new name; False where there was none.
        """
        with self._write() as connection:
            if new_name != name:
                records.delete_named(connection, schema.views, "name", new_name)
            change = sa.update(schema.views).where(schema.views.c.name == name)
            return connection.execute(change.values(name=new_name)).rowcount > 0

    def set_last_link(self, link: str) -> None:
        """Store where a page was last."""
        with self._write(relaxed=True) as connection:
            records.put_note(connection, _LAST_LINK, link)

    def last_link(self) -> str | None:
        """Where a page was last, None where none was stored."""
        with self._read() as connection:
            return records.note(connection, _LAST_LINK)

    def delete_view(self, name: str) -> bool:
        """Delete a view; False where there was none."""
        with self._write() as connection:
            return records.delete_named(connection, schema.views, "name", name)

    def saved_views(self) -> dict[str, dict[str, Any]]:
        """Every view by name, in the order of first saving."""
        with self._read() as connection:
            return records.all_bodies(connection, schema.views, "name")

    def save_watched(self, pair: Mapping[str, Any]) -> None:
        """Store a pair of the watchlist, in place of one with its id. Needs a text `id`."""
        with self._write() as connection:
            name = records.required_field(pair, "id", str)
            records.put_body(connection, schema.watchlist, "id", name, records.encode(pair))

    def delete_watched(self, pair_id: str) -> bool:
        """Delete a pair of the watchlist; False where there was none."""
        with self._write() as connection:
            return records.delete_named(connection, schema.watchlist, "id", pair_id)

    def watched(self) -> list[dict[str, Any]]:
        """Every pair of the watchlist, in the order of first saving."""
        with self._read() as connection:
            return list(records.all_bodies(connection, schema.watchlist, "id").values())

    def save_scan(
        self, record: Mapping[str, Any], result: Mapping[str, Any] | None, most: int
    ) -> None:
        """Store a scan, and the result in place of that of the market's scan before; only the
        newest `most` scans of a market stay. record: with the texts `id` and `market`; both as
        JSON values.
        """
        with self._write() as connection:
            scans.save_scan(connection, record, result, most)

    def scans(self, most: int) -> list[dict[str, Any]]:
        """The newest `most` scans of each market, newest first: `record`, and `result`, None but
        for the newest of a market.
        """
        with self._read() as connection:
            return scans.kept_scans(connection, most)
