"""The message that a server waits for: read from what somebody typed, and shown without secrets."""

from __future__ import annotations

import json
import re

from ingestion.url_guard import mask_url

MAX_LENGTH = 8_192
MAX_MESSAGES = 64

_SECRET_NAME = (
    r"[^\"]*(?:key|token|secret|signature|sign|passphrase|password|passwd|auth|jwt|sig|cred)[^\"]*"
)
_SECRET = re.compile(
    rf"(\"{_SECRET_NAME}\"\s*:\s*)(\"(?:[^\"\\]|\\.)*\"?|[-\d.eE+]+|\[[^\]]*\]?)", re.IGNORECASE
)
_LOGIN = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)


class SubscribeError(ValueError):
    """A message that cannot be sent. field, value and legal: of what was wrong."""

    def __init__(self, why: str, value: str = "") -> None:
        super().__init__(f"subscribe {why}")
        self.field = "subscribe"
        self.value = value
        self.legal = f"text or JSON of at most {MAX_LENGTH:,} characters, a line a message"


def messages_of(text: str) -> tuple[str, ...]:
    """The messages in a text: each line is one, JSON over several lines is one too.

    Raises SubscribeError in words for what cannot be sent.

    >>> messages_of('{"op": "subscribe",\\n "args": []}\\nping')
    ('{"op": "subscribe",\\n "args": []}', 'ping')
    >>> messages_of('[{"op":')
    Traceback (most recent call last):
    ingestion.stream.subscribe.SubscribeError: subscribe is no JSON from line 1 on: '[{"op":'
    """
    if len(text) > MAX_LENGTH:
        raise SubscribeError(f"has {len(text):,} characters, expected at most {MAX_LENGTH:,}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    odd = next((c for c in text if not c.isprintable() and c not in "\n\t"), None)
    if odd is not None:
        raise SubscribeError(f"holds a control character (U+{ord(odd):04X})")
    found: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if not line:
            at += 1
            continue
        end = at + 1 if line[0] not in "{[" else _json_end(lines, at)
        found.append("\n".join(lines[at:end]).strip())
        at = end
    if len(found) > MAX_MESSAGES:
        raise SubscribeError(f"holds {len(found)} messages, expected at most {MAX_MESSAGES}")
    return tuple(found)


def _json_end(lines: list[str], start: int) -> int:
    """Behind which line the JSON ends that begins at a line."""
    first = lines[start].strip()
    for end in range(start + 1, len(lines) + 1):
        if end > start + 1 and lines[end - 1].strip()[-1:] not in ("}", "]"):
            continue
        try:
            json.loads("\n".join(lines[start:end]))
        except (ValueError, RecursionError):
            continue
        return end
    raise SubscribeError(
        f"is no JSON from line {start + 1} on: {mask_message(first)[:60]!r}", first
    )


def mask_message(text: str) -> str:
    """A message without its secrets: keys, tokens, signatures, passphrases.

    >>> mask_message('{"apiKey":"abc","args":[{"passphrase":"x","instId":"BTC-USDT"}]}')
    '{"apiKey":"***","args":[{"passphrase":"***","instId":"BTC-USDT"}]}'
    """
    masked = _SECRET.sub(r'\1"***"', text)
    return mask_url(_LOGIN.sub(r"\1 ***", masked))
