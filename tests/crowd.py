"""A crowd that says nothing: `python -m tests.crowd PORT COUNT [HEADS]`, until its input ends.

Of COUNT connections from five addresses half send half a head; HEADS more send 200 MB of one each.
It is a process of its own, so that what it costs is not taken for the server's slowness.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading


def connect(port: int, number: int) -> socket.socket:
    made = socket.socket()
    made.bind((f"127.0.0.{2 + number % 5}", 0))
    made.connect(("127.0.0.1", port))
    if number % 2:
        with contextlib.suppress(OSError):
            made.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
    return made


def send_head(port: int) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as made:
        made.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(200):
            made.sendall(b"a" * 1_000_000)


def main() -> None:
    port, count, heads = (int(text) for text in [*sys.argv[1:], "0"][:3])
    held = [connect(port, number) for number in range(count)]
    for _ in range(heads):
        threading.Thread(target=send_head, args=(port,), daemon=True).start()
    sys.stdout.write(f"{len(held)}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
