"""The seeds' design, to be measured against: a thread with websocket-client and json.loads
into a deque. It says when data flows, then, on a line `count`, how many messages came since
the last such line, in how many seconds of wall and of processor time.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque

import websocket


class Reader:
    def __init__(self, url: str) -> None:
        self.ticks: deque = deque(maxlen=200_000)
        self.count = 0
        socket = websocket.WebSocketApp(url, on_message=self.take)
        threading.Thread(target=socket.run_forever, daemon=True).start()

    def take(self, socket: websocket.WebSocketApp, message: str) -> None:
        self.ticks.append(json.loads(message))
        self.count += 1


def main() -> None:
    reader = Reader(sys.argv[1])
    while not reader.count:
        time.sleep(0.05)
    before, wall, processor = 0, time.perf_counter(), time.process_time()
    for _ in sys.stdin:
        now, wall_now, processor_now = reader.count, time.perf_counter(), time.process_time()
        line = {"count": now - before, "s": wall_now - wall, "cpu_s": processor_now - processor}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        before, wall, processor = now, wall_now, processor_now


if __name__ == "__main__":
    main()
