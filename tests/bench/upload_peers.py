"""What an upload is measured against, one run a process: seconds, and rows, on a line.

python upload_peers.py polars|duckdb|pandas|pandas_csv FILE
"""

from __future__ import annotations

import json
import sys
import time


def polars(path: str) -> int:
    import polars

    return polars.scan_ndjson(path).collect().height


def duckdb(path: str) -> int:
    import duckdb

    base = duckdb.connect()
    base.execute("create table ticks as select * from read_json_auto(?)", [path])
    return base.execute("select count(*) from ticks").fetchone()[0]


def pandas(path: str) -> int:
    import pandas

    with open(path, "rb") as file:
        frame = pandas.DataFrame([json.loads(line) for line in file])
    frame["ts"] = pandas.to_datetime(frame["ts"])
    return bars_of(frame)


def pandas_csv(path: str) -> int:
    """A headerless dump: time, price, size; or id, price, size, quote, time, flag."""
    import pandas

    names = ["ts", "price", "size"]
    with open(path) as file:
        first = file.readline().split(",")
    if len(first) > 3:
        names = ["id", "price", "size", "quote", "ts", "flag"]
    dated = ["ts"] if "T" in first[0] else False
    frame = pandas.read_csv(path, header=None, names=names, parse_dates=dated)
    if not dated:
        frame["ts"] = pandas.to_datetime(frame["ts"], unit="ms")
    return bars_of(frame, by=None)


def bars_of(frame, by: str | None = "symbol") -> int:
    frame = frame.set_index("ts")
    for timeframe in ("1s", "1min", "5min"):
        grouped = (frame if by is None else frame.groupby(by)).resample(timeframe)
        grouped["price"].ohlc()
        grouped["size"].sum()
    return len(frame)


def main() -> None:
    peers = {"polars": polars, "duckdb": duckdb, "pandas": pandas, "pandas_csv": pandas_csv}
    read = peers[sys.argv[1]]
    __import__(sys.argv[1].partition("_")[0])
    began = time.perf_counter()
    rows = read(sys.argv[2])
    sys.stdout.write(json.dumps({"s": time.perf_counter() - began, "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
