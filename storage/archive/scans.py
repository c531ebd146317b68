"""Scans in the archive: a record of each, and the newest result of a market.

Every function takes a connection that is inside a transaction of the caller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from storage.archive.records import encode, required_field
from storage.archive.schema import scans


def save_scan(
    connection: sa.Connection,
    record: Mapping[str, Any],
    result: Mapping[str, Any] | None,
    most: int,
) -> None:
    """Store a scan in place of one with its id; the results before, and what is beyond the
    newest `most` of its market, are let go.
    """
    name = required_field(record, "id", str)
    market = required_field(record, "market", str)
    connection.execute(sa.delete(scans).where(scans.c.id == name))
    of_market = scans.c.market == market
    connection.execute(sa.update(scans).where(of_market, scans.c.result != "").values(result=""))
    row = {"id": name, "market": market, "record": encode(record)}
    row["result"] = "" if result is None else encode(result)
    connection.execute(sa.insert(scans).values(row))
    newest = sa.select(scans.c.seq).where(of_market).order_by(scans.c.seq.desc()).limit(most)
    connection.execute(sa.delete(scans).where(of_market, scans.c.seq.not_in(newest)))


def kept_scans(connection: sa.Connection, most: int) -> list[dict[str, Any]]:
    """The scans of every market, newest first, each with its result or None."""
    query = sa.select(scans.c.market, scans.c.record, scans.c.result)
    rows = connection.execute(query.order_by(scans.c.seq.desc())).all()
    found, counts = [], dict[str, int]()
    for market, record, result in rows:
        counts[market] = counts.get(market, 0) + 1
        if counts[market] <= most:
            kept = json.loads(result) if result else None
            found.append({"record": json.loads(record), "result": kept})
    return found
