"""A second process that sends trades over one WebSocket, as fast as it is told.

    python firehose.py --rate 100000 --seconds 10 --format combined

It prints the port it listens on, then serves one connection after the other: 900 s of
history, then a calm stream of twenty messages a second until it reads a line `go`; then
the flood, by rate (messages a second; 0 for as many as the reader takes) and seconds. At
its end it prints what it sent, as JSON, and is silent until the next line `go`, then calm.
SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import socket
import sys
import threading
import time

import numpy as np

HISTORY_S = 900
HISTORY_A_SECOND = 2
BLOCK = 4_000
CALM_EVERY_S = 0.1
SYMBOLS = ("BTCUSDT", "ETHUSDT")
BASES = (61_800.0, 12_600.0)
AGG_TRADE = (
    '{"e":"aggTrade","E":TTTTTTTTTTTTT,"s":"SYMBOL","a":IIIIIIIIII,"p":"PPPPP.PP","q":"0.012",'
    '"f":IIIIIIIIII,"l":IIIIIIIIII,"T":TTTTTTTTTTTTT,"m":false}'
)
FORMATS = {
    "combined": '{"stream":"LOWER@aggTrade","data":' + AGG_TRADE + "}",
    "raw": AGG_TRADE,
    "plain": '{"symbol":"SYMBOL","ts":TTTTTTTTTTTTT,"price":PPPPP.PP,"size":0.012,"id":IIIIIIIIII}',
}
WIDTHS = {"I": 10, "T": 13, "P": 8}
_FOUR = np.array([list(b"%04d" % number) for number in range(10_000)], np.uint8)


class Writer:
    """Frames of trades, their ids counted per symbol, the prices a walk of a linked pair."""

    def __init__(self, shape: str) -> None:
        self.rng = np.random.default_rng(7)
        self.ids = np.full(len(SYMBOLS), 1_000_000_000)
        self.levels = np.zeros(2)
        self.sent = 0
        frames = [frame_of(FORMATS[shape], symbol) for symbol in SYMBOLS]
        self.width = len(frames[0])
        self.template = np.frombuffer(b"".join(frames), np.uint8)
        text = frames[0].decode("latin-1")
        self.places = {letter: runs(text, letter * width) for letter, width in WIDTHS.items()}

    def frames(self, times_ms: np.ndarray) -> bytes:
        """A message of each symbol for each of these times."""
        count = len(times_ms)
        cells = np.tile(self.template, count).reshape(count, len(SYMBOLS), self.width)
        steps = self.rng.normal(0.0, 0.4 / np.sqrt(1 + count), (count, 2)).cumsum(axis=0)
        common, own = (self.levels + steps).T
        self.levels = np.array([common[-1], 0.999 * own[-1]])
        for at in range(len(SYMBOLS)):
            price = BASES[at] * (1 + common * 1e-4) + (own if at else 0.0)
            ids = self.ids[at] + np.arange(count)
            self.ids[at] += count
            self._fill(cells[:, at], "I", ids)
            self._fill(cells[:, at], "T", times_ms)
            self._fill(cells[:, at], "P", np.round(price * 100).astype(np.int64))
        self.sent += count * len(SYMBOLS)
        return cells.tobytes()

    def _fill(self, cells: np.ndarray, letter: str, numbers: np.ndarray) -> None:
        digits = digits_of(numbers, WIDTHS[letter] - (letter == "P"))
        if letter == "P":
            digits = np.insert(digits, -2, ord("."), axis=1)
        for start in self.places[letter]:
            cells[:, start : start + WIDTHS[letter]] = digits


def digits_of(numbers: np.ndarray, width: int) -> np.ndarray:
    """ASCII digits, a row a number: the last four from a table, the others as they change."""
    rows = np.empty((len(numbers), width), np.uint8)
    for end in range(width, 0, -4):
        begin = max(end - 4, 0)
        rows[:, begin:end] = _FOUR[numbers % 10_000][:, 4 - (end - begin) :]
        numbers = numbers // 10_000
    return rows


def runs(text: str, word: str) -> list[int]:
    text = text.replace("PPPPP.PP", "P" * 8)
    found, at = [], text.find(word)
    while at >= 0:
        found.append(at)
        at = text.find(word, at + len(word))
    return found


def frame_of(template: str, symbol: str) -> bytes:
    data = template.replace("SYMBOL", symbol).replace("LOWER", symbol.lower()).encode()
    length = len(data)
    head = bytes([0x81, length]) if length < 126 else bytes([0x81, 126, length >> 8, length & 255])
    return head + data


def accept(listener: socket.socket) -> socket.socket:
    """A connection with its handshake done; pings are answered from then on."""
    connection, _ = listener.accept()
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65_536)
    (key,) = (
        line.split(b":", 1)[1].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    )
    answer = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n"
    )
    return connection


class Stream:
    """One connection: what is written is whole frames, so pongs fit between them."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        threading.Thread(target=self._answer_pings, daemon=True).start()

    def send(self, frames: bytes) -> None:
        with self.lock:
            self.connection.sendall(frames)

    def _answer_pings(self) -> None:
        data = b""
        while chunk := self._read():
            data += chunk
            while len(data) >= 6 and len(data) >= 6 + (data[1] & 0x7F):
                size = data[1] & 0x7F
                mask, body = data[2:6], data[6 : 6 + size]
                if data[0] == 0x89:
                    plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
                    self.send(b"\x8a" + bytes([size]) + plain)
                data = data[6 + size :]

    def _read(self) -> bytes:
        try:
            return self.connection.recv(65_536)
        except OSError:
            return b""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def serve(stream: Stream, writer: Writer, go: threading.Event, rate: int, seconds: float) -> None:
    begin = now_ms() - HISTORY_S * 1_000
    past = begin + np.arange(HISTORY_S * HISTORY_A_SECOND) * (1_000 // HISTORY_A_SECOND)
    for block in np.array_split(past, HISTORY_S):
        stream.send(writer.frames(block))
    while True:
        stream.send(writer.frames(np.array([now_ms()])))
        if go.wait(CALM_EVERY_S):
            go.clear()
            flood(stream, writer, rate, seconds)
            go.wait()
            go.clear()


def flood(stream: Stream, writer: Writer, rate: int, seconds: float) -> None:
    before, started = writer.sent, time.monotonic()
    block = BLOCK if not rate else max(rate // 400, 1)
    while (spent := time.monotonic() - started) < seconds:
        if rate and writer.sent - before >= spent * rate:
            time.sleep(0.001)
            continue
        stream.send(writer.frames(np.full(block // 2, now_ms())))
    spent = time.monotonic() - started
    say({"flood": writer.sent - before, "seconds": spent, "total": writer.sent})


def say(words: dict) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--format", choices=FORMATS, default="combined")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    go = threading.Event()
    threading.Thread(
        target=lambda: [go.set() for line in sys.stdin if line.strip() == "go"], daemon=True
    ).start()
    say({"port": listener.getsockname()[1]})
    while True:
        stream = Stream(accept(listener))
        try:
            serve(stream, Writer(options.format), go, options.rate, options.seconds)
        except OSError:
            stream.connection.close()


if __name__ == "__main__":
    main()
