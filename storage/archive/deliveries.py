"""The archive's table of deliveries: alerts on their way to a webhook.

Every function takes a connection that is inside a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from storage.archive.records import required_field
from storage.archive.schema import deliveries, insert_into

_KINDS = {"id": str, "url": str, "body": str, "created_ms": int, "tries": int}


def delivery_rows(mappings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Deliveries as rows of the table. Raises ValueError for one without a required field."""
    return [
        {name: required_field(row, name, kind) for name, kind in _KINDS.items()} for row in mappings
    ]


def add_deliveries(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the deliveries whose ids are not there yet."""
    for row in rows:
        change = insert_into(connection, deliveries).values(row)
        connection.execute(change.on_conflict_do_nothing(index_elements=["id"]))


def all_deliveries(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every delivery, oldest first."""
    query = sa.select(deliveries).order_by(deliveries.c.created_ms, deliveries.c.id)
    return [dict(row) for row in connection.execute(query).mappings().all()]


def count_tries(connection: sa.Connection, delivery_id: str, tries: int) -> None:
    """Store how often a delivery was tried; nothing where it is not there."""
    change = sa.update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(change.values(tries=tries))
