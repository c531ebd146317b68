"""A client for notebooks: what the HTTP interface of a running Spreadscope has, as pandas frames.

    from dashapp.client import connect
    desk = connect("http://127.0.0.1:8050")
    desk.bars("demo", "BTCUSDT", "1m")

It needs httpx and pandas, and nothing else of this project.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import httpx
import pandas as pd

TIMEOUT_S = 30.0
#: Seconds between two looks at a scan that runs, and pairs of an answer.
LOOK_S, PAGE = 0.5, 10_000


class RefusedError(ValueError):
    """The server refused: its sentence, and beside it status and what else it told."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = dict(body)
        super().__init__(str(body.get("error", f"HTTP {status}")))


def connect(
    url: str = "http://127.0.0.1:8050",
    token: str | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    transport: httpx.BaseTransport | None = None,
) -> Desk:
    """A client of the server at `url`. token: where the server asks for one.

    transport: other ways to it, for tests.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Desk(httpx.Client(base_url=url, headers=headers, timeout=timeout_s, transport=transport))


class Desk:
    """A running Spreadscope. Its methods raise RefusedError, and httpx.HTTPError without a server.

    Times are in a frame's index, as UTC. Parameters are those of the HTTP interface, by name.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def status(self) -> dict[str, Any]:
        """Markets, feeds, counters of the trust strip, versions, uptime."""
        return self._asked("GET", "/api/status")

    def symbols(self, market: str = "demo") -> list[str]:
        """The symbols of a market."""
        return list(self._asked("GET", f"/api/markets/{market}/symbols")["symbols"])

    def bars(
        self, market: str, symbol: str, timeframe: str = "1m", limit: int = 1_000
    ) -> pd.DataFrame:
        """The newest bars: open, high, low, close, volume, trades, vwap, gap by open time."""
        query = {"symbol": symbol, "timeframe": timeframe, "limit": limit}
        return _timed(self._asked("GET", f"/api/markets/{market}/bars", query)["bars"])

    def ticks(self, market: str, symbol: str, limit: int = 1_000) -> pd.DataFrame:
        """The newest ticks: price, size, trade_id, trades, outlier by exchange time."""
        query = {"symbol": symbol, "limit": limit}
        return _timed(self._asked("GET", f"/api/markets/{market}/ticks", query)["ticks"])

    def pair(self, market: str, y: str, x: str, **parameters: Any) -> pd.DataFrame:
        """Every series of a pair, a row an aligned bar; `attrs` has its fit and its figures.

        parameters: timeframe, limit, hedge, z_window and so on.
        """
        query = {"y": y, "x": x, **parameters}
        return _series(self._asked("GET", f"/api/markets/{market}/pair", query))

    def backtest(self, market: str, y: str, x: str, **parameters: Any) -> pd.DataFrame:
        """A back-test's series, a row a bar; `attrs` has `figures` and `trades`, a frame.

        parameters: those of the pair, and entry_z, exit_z, cost_bps and so on.
        """
        query = {"y": y, "x": x, **parameters}
        answer = self._asked("GET", f"/api/markets/{market}/backtest", query)
        frame = _series(answer)
        frame.attrs["trades"] = pd.DataFrame(answer["trades"])
        return frame

    def scan(
        self,
        market: str,
        *,
        rows: str = "survivors",
        wait_s: float = 600.0,
        told: Callable[[Mapping[str, Any]], None] | None = None,
        **parameters: Any,
    ) -> pd.DataFrame:
        """Scan a market for pairs: a row a pair, the best first; `attrs` has what else is told.

        rows: "survivors" of the adjustment, or "all" pairs. parameters: the scan's rules and its
        timeframe. told: hears of the progress. wait_s: seconds after which the scan is given up;
        it is deleted then, as after an interrupt. Raises TimeoutError.
        """
        scan = self._asked("POST", "/api/scans", body={"market": market, **parameters})
        path, deadline = f"/api/scans/{scan['id']}", time.monotonic() + wait_s
        try:
            while scan["state"] == "running":
                if told is not None:
                    told(scan)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the scan was not done after {wait_s:.0f} s")
                time.sleep(LOOK_S)
                scan = self._asked("GET", path, {"limit": 1})
        except BaseException:
            self._client.delete(path)
            raise
        if scan["state"] != "done":
            raise RefusedError(200, {**scan, "error": scan["error"] or "The scan was cancelled."})
        return self._scanned(path, rows)

    def _scanned(self, path: str, rows: str) -> pd.DataFrame:
        """The rows of a scan that is done, page by page."""
        pairs: list[Any] = []
        while True:
            scan = self._asked("GET", path, {"rows": rows, "offset": len(pairs), "limit": PAGE})
            result = scan.pop("result") or {"rows": []}
            page = result.pop("rows")
            pairs += page
            if len(page) < PAGE:
                break
        frame = pd.DataFrame(pairs)
        unknown = frame.columns[frame.isna().all()]
        frame[unknown] = frame[unknown].astype(float)
        frame.attrs.update(scan, **result)
        return frame

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        answer = self._client.request(method, path, params=_texts(query or {}), json=body)
        try:
            told = answer.json()
        except ValueError:
            told = {"error": answer.text[:200]}
        if answer.is_success and isinstance(told, dict):
            return told
        raise RefusedError(answer.status_code, told if isinstance(told, dict) else {})


def _texts(query: Mapping[str, Any]) -> dict[str, str]:
    """A query as the interface reads it: true and false in small letters, None as none."""
    return {
        name: str(value).lower() if isinstance(value, bool | None) else str(value)
        for name, value in query.items()
    }


def _timed(rows: list[Any]) -> pd.DataFrame:
    """Rows with `ts_ms` as a frame by time."""
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    times = pd.to_datetime(frame.pop("ts_ms"), unit="ms", utc=True)
    return frame.set_index(pd.DatetimeIndex(times, name="time"))


def _series(answer: dict[str, Any]) -> pd.DataFrame:
    frame = _timed(pd.DataFrame(answer.pop("series")).to_dict("records"))
    numbers = frame.select_dtypes("object").columns
    frame[numbers] = frame[numbers].apply(pd.to_numeric)
    frame.attrs.update(answer)
    return frame
