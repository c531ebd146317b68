"""Text from outside: whatever it is, up to its limit, it costs what its length costs.

What is here runs on the loop, where one text must not hold up everybody, or reads files.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pytest
from starlette.datastructures import Headers

from analytics.alerts import parse_rule
from analytics.model import is_timeframe
from dashapp.parameters import backtest, check, link, numbers, pair, table
from dashapp.services.archive.recorder import key_of
from dashapp.settings import UsageError, parse
from dashapp.web import body_limits, guard
from dashapp.web.errors import shown
from dashapp.web.routes.uploads import key
from ingestion.binance import wire
from ingestion.decode import pieces, symbols
from ingestion.decode.decoder import Decoder, sample
from ingestion.decode.times import parse_time
from ingestion.files import columns, line_template, names, text_table, time_reading, timeforms
from ingestion.files import numbers as file_numbers
from ingestion.files.reader import UploadReader
from ingestion.redis import checked_redis
from ingestion.sources import kind_of, source_of
from ingestion.stream.failures import explain, explain_status
from ingestion.url_guard import MAX_URL, check_url, mask_url
from storage.export.text import neutralise
from tests.nasty_texts import FRAMES, MOST_GROWTH, PIECES, growth, nasty

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ("analytics", "ingestion", "storage", "dashapp")
#: The longest body, header, line of a file, and cell that are looked at.
BODY, HEAD, LINE, CELL = 1 << 15, 1 << 15, 1 << 12, 1 << 12


class Entry(NamedTuple):
    """Where text comes in. length: of the longest that gets there."""

    work: Callable[[str], object]
    length: int


def _rule(**fields: Any) -> object:
    basic = {"id": "r", "market": "demo", "metric": "price", "operator": ">", "threshold": 1.0}
    return parse_rule({**basic, "symbol": "BTCUSDT", **fields})


def _usage(*argv: str) -> object:
    try:
        return parse(argv, {})
    except UsageError as error:
        return error


def _upload(text: str, name: str = "ticks.csv") -> object:
    reader = UploadReader(name)
    reader.feed(text.encode("utf-8", "replace"))
    return reader.finish()


def _query(text: str) -> object:
    return guard.Guard(_nothing, guard.Policy(None, "t" * 16))._admitted(
        {"type": "http", "method": "GET", "path": "/", "query_string": text.encode("utf-8")},
        Headers({}),
    )


async def _nothing(*_: object) -> None:
    """An application."""


ENTRIES = {
    "a URL as it is shown": Entry(mask_url, BODY),
    "a URL": Entry(check_url, 4 * MAX_URL),
    "a host": Entry(lambda text: check_url(f"ws://{text}/"), MAX_URL),
    "user and password": Entry(lambda text: check_url(f"ws://{text}@host/"), MAX_URL),
    "a Redis URL": Entry(checked_redis, BODY),
    "the query of a Redis URL": Entry(lambda text: checked_redis(f"redis://h/0?{text}"), MAX_URL),
    "a source": Entry(source_of, BODY),
    "the kind of a source": Entry(kind_of, BODY),
    "a source's name in the archive": Entry(lambda text: key_of(f"wss://{text}"), BODY),
    "the exchange's base": Entry(wire.checked_base, BODY),
    "the exchange's symbols": Entry(lambda text: wire.checked_symbols([text], "binance"), BODY),
    "a rule's market": Entry(lambda text: _rule(market=text), BODY),
    "a rule's symbol": Entry(lambda text: _rule(symbol=text), BODY),
    "a rule's webhook": Entry(lambda text: _rule(webhook=f"https://{text}"), BODY),
    "a rule's metric": Entry(lambda text: _rule(metric=text), BODY),
    "a rule's field": Entry(lambda text: _rule(**{text: 1}), BODY),
    "a symbol": Entry(symbols.proper_symbol, BODY),
    "a file's name": Entry(symbols.symbol_of_file, 4_096),
    "a symbol in a file's name": Entry(symbols.symbol_in_name, 4_096),
    "noise in a file's name": Entry(symbols.names_nothing, 4_096),
    "an exchange in a file's name": Entry(symbols.exchange_in_name, 4_096),
    "an upload's id": Entry(lambda text: key("id", text), BODY),
    "a timeframe": Entry(is_timeframe, BODY),
    "a number": Entry(numbers.parse_number, BODY),
    "a number with a comma": Entry(numbers.with_decimal_point, BODY),
    "a choice": Entry(lambda text: check.read(table.PAIR["hedge"], text), BODY),
    "a switch": Entry(lambda text: check.read(table.PAIR["intercept"], text), BODY),
    "a leg": Entry(lambda text: check.read(table.PAIR["y"], text), BODY),
    "a text": Entry(lambda text: check.read(table.ALERT["webhook"], text), BODY),
    "a link to a pair": Entry(pair.from_query, HEAD),
    "a link to a back-test": Entry(backtest.from_query, HEAD),
    "all of a link": Entry(link.all_texts, HEAD),
    "a value that an error quotes": Entry(shown, BODY),
    "an error of a field": Entry(lambda text: check.messages(check.read_all(
        table.PAIR.values(), dict.fromkeys(table.PAIR, text))[1], table.PAIR), BODY),
    "a Host header": Entry(lambda text: guard._HOST.fullmatch(text.lower()), HEAD),
    "an Origin header": Entry(lambda text: guard._same_host(text, "host:8050"), HEAD),
    "a Cookie header": Entry(lambda text: guard._cookie(Headers({"cookie": text}), "a"), HEAD),
    "a Content-Length header": Entry(
        lambda text: body_limits.declared_too_large("/api/upload", text), HEAD),
    "a query with a token": Entry(_query, HEAD),
    "a Retry-After header": Entry(lambda text: explain_status(429, text), HEAD),
    "an error of the network": Entry(lambda text: explain(OSError(text)), BODY),
    "a message of a stream": Entry(lambda text: Decoder().decode(text.encode("utf-8")), BODY),
    "a trade's symbol": Entry(lambda text: Decoder().decode(msgspec.json.encode(
        {"s": text, "T": 1_723_161_256_322, "p": "5.0", "q": "1"})), BODY),
    "a trade's time": Entry(parse_time, BODY),
    "a trade's price": Entry(lambda text: Decoder().decode(msgspec.json.encode(
        {"s": "A", "T": 1_723_161_256_322, "p": text, "q": "1"})), BODY),
    "several messages in a frame": Entry(lambda text: pieces.pieces(text.encode("utf-8")), BODY),
    "a sample of a message": Entry(sample, BODY),
    "a file": Entry(_upload, LINE),
    "a file of JSON": Entry(lambda text: _upload('{"symbol":"A","price":' + text, "a.json"), LINE),
    "a file's header": Entry(lambda text: _upload(f"time,price,{text}\n1,2,3\n"), LINE),
    "a line of a file": Entry(lambda text: line_template.learn(
        b'{"s":"A","T":1723161256322,"p":"5","q":"1",' + text.encode("utf-8"), None), LINE),
    "a row of a table": Entry(lambda text: text_table.split_row(text, ","), LINE),
    "a column's name": Entry(lambda text: names.rank(text, "price"), CELL),
    "two levels of names": Entry(names.levels_of, CELL),
    "a currency in a column's name": Entry(names.currency_of_volume, CELL),
    "a cell that may be a time": Entry(timeforms.form_of, CELL),
    "a cell that may be a clock": Entry(columns._is_clock, CELL),
    "a cell with a zone": Entry(lambda text: time_reading.order_question([text]), CELL),
    "a cell that may be a number": Entry(
        lambda text: file_numbers.style_of([f"{text},5"], ";"), CELL),
    "cells of numbers": Entry(lambda text: file_numbers.floats(pa.array([text])), CELL),
    "a text cell of an export": Entry(neutralise, BODY),
    "an argument of the command": Entry(lambda text: _usage("--source", text), BODY),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_text_costs_what_its_length_costs(entry: Entry) -> None:
    for piece in PIECES:
        for frame in FRAMES[:2]:
            grown = growth(entry.work, lambda n, p=piece, f=frame: nasty(p, n, f), entry.length)
            assert grown < MOST_GROWTH, (piece, frame)


@pytest.mark.soak
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_two_hundred_texts_cost_what_their_lengths_cost(entry: Entry) -> None:
    for piece in PIECES:
        for frame in FRAMES:
            grown = growth(entry.work, lambda n, p=piece, f=frame: nasty(p, n, f), entry.length)
            assert grown < MOST_GROWTH, (piece, frame)


class Use(NamedTuple):
    """A regular expression and how it is used: the method of `re`."""

    pattern: re.Pattern[Any]
    method: str

    def __call__(self, text: str) -> object:
        given: Any = text.encode("utf-8") if isinstance(self.pattern.pattern, bytes) else text
        if self.method == "sub":
            return self.pattern.sub(given[:0], given)
        found = getattr(self.pattern, self.method)(given)
        return list(found) if self.method == "finditer" else found


METHODS = ("fullmatch", "match", "search", "sub", "split", "findall", "finditer")


def _uses() -> Iterator[tuple[str, Use]]:
    """Every regular expression of the packages that a name of its module holds, and its uses."""
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            source = path.read_text()
            if "import re\n" not in source and "PATTERN" not in source:
                continue
            module = importlib.import_module(
                ".".join(path.relative_to(PROJECT).with_suffix("").parts)
            )
            for call in ast.walk(ast.parse(source)):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                    continue
                method, holder = call.func.attr, call.func.value
                if method not in METHODS or not isinstance(holder, ast.Name):
                    continue
                pattern = getattr(module, holder.id, None)
                if pattern is re and isinstance(call.args[0], ast.Constant):
                    pattern = re.compile(call.args[0].value)
                if isinstance(pattern, re.Pattern):
                    yield f"{path.stem}:{call.lineno}", Use(pattern, method)


USES = dict(_uses())


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_regular_expression_takes_time_as_its_text_is_long(use: Use) -> None:
    """Of a cell or a name, which is at most so long; a longer text is cut before."""
    words = [word for word in re.findall(r"[A-Za-z]{2,}", str(use.pattern.pattern)) if word][:8]
    for piece in (*PIECES[:24], *words):
        for frame in FRAMES[:2]:
            grown = growth(use, lambda n, p=piece, f=frame: nasty(p, n, f), 4_096)
            assert grown < MOST_GROWTH, (use.pattern.pattern, piece, frame)
