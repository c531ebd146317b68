"""A receiver of webhooks on loopback, which answers as it is told and remembers what it heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Post:
    """A request that came. status: what was answered, None before that."""

    method: str
    headers: dict[str, str]
    text: str
    status: int | None = None

    @property
    def document(self) -> dict:
        return json.loads(self.text)


class Receiver:
    """An HTTP server on a free port. answers: one a request, the last for ever."""

    def __init__(self, answers: list[int], delay_s: float = 0.0) -> None:
        self.answers, self.delay_s = answers, delay_s
        self.heard: list[Post] = []
        self.url = ""

    def answered(self, status: int) -> list[Post]:
        """The requests that got this answer."""
        return [post for post in self.heard if post.status == status]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        text = (await reader.readexactly(int(headers["content-length"]))).decode()
        place = len(self.heard)
        self.heard.append(Post(first.split()[0], headers, text))
        await asyncio.sleep(self.delay_s)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.heard[place] = Post(first.split()[0], headers, text, status)
        extra = "Location: http://169.254.169.254/\r\n" if status == 302 else ""
        answer = f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(answers: list[int], delay_s: float = 0.0) -> AsyncIterator[Receiver]:
    """A receiver that listens; its URL holds a secret."""
    made = Receiver(answers, delay_s)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=s3cret"
    try:
        yield made
    finally:
        server.close()
