"""Our own exports come back: what they say of each tick, and what they cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.model import Bars, Ticks
from ingestion.files.errors import UploadError
from ingestion.files.reader import UploadReader
from storage.export.parquet import parquet_rows
from storage.export.tables import series_table, ticks_table
from storage.export.text import csv_rows, json_rows

WRITERS = {"csv": csv_rows, "json": json_rows, "parquet": parquet_rows}
COUNT = 200
TICKS = Ticks(
    "BTCUSDT",
    np.arange(COUNT) * 250 + 1_762_251_900_000,
    np.arange(COUNT) + 100.5,
    np.full(COUNT, 2.0),
    np.arange(COUNT) + 7,
    np.arange(COUNT) % 12 + 1,
)


def read(name: str, content: bytes) -> list[Ticks | Bars]:
    reader = UploadReader(name)
    return reader.feed(content) + reader.finish()


@pytest.mark.parametrize("ending", WRITERS)
def test_the_trades_of_an_aggregate_come_back(ending: str) -> None:
    content = b"".join(WRITERS[ending]([ticks_table(TICKS)]))
    batches = read(f"ticks.{ending}", content)
    assert all(isinstance(batch, Ticks) for batch in batches)
    for name in ("ts_ms", "price", "size", "trade_id", "trades"):
        found = np.concatenate([getattr(batch, name) for batch in batches])
        assert found.tolist() == getattr(TICKS, name).tolist(), name


@pytest.mark.parametrize("ending", WRITERS)
def test_a_pair_s_analysis_is_refused_by_its_name(ending: str) -> None:
    series = {name: np.arange(9.0) for name in ("price_y", "price_x", "spread", "z", "corr")}
    content = b"".join(WRITERS[ending]([series_table(TICKS.ts_ms[:9], series)]))
    with pytest.raises(UploadError, match="a pair's analysis as this app exports it"):
        read(f"pair.{ending}", content)
