"""What a server is sent after connecting, and what is said to it later."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
from websockets.asyncio.server import ServerConnection

from ingestion.feed import HttpFeed, StreamFeed, make_feed
from ingestion.stream.dialogue import MAX_INFLATED, Dialogue, answer_to, inflated
from ingestion.stream.hosts import HOSTS, host_of, subscription_for
from ingestion.stream.subscribe import MAX_LENGTH, SubscribeError, mask_message, messages_of
from tests.ingestion.stream.feed_server import FAST, Taken, hush, running, server, tick
from tests.waiting import until

ASKED = '{"op":"subscribe","args":["trade"]}'


async def test_the_message_is_sent_after_each_connection() -> None:
    heard: list[str | bytes] = []

    async def exchange(connection: ServerConnection) -> None:
        heard.append(await connection.recv())
        await connection.send(tick(len(heard)))
        if len(heard) == 1:
            await connection.close(1001)
        await connection.wait_closed()

    taken = Taken()
    async with (
        server(exchange, exchange) as url,
        running(StreamFeed(url, taken, subscribe=ASKED, timers=FAST)),
    ):
        await until(lambda: taken.count == 2)
    assert heard == [ASKED, ASKED]


async def test_each_line_is_a_message_and_pings_are_answered() -> None:
    heard: list[str | bytes] = []

    async def exchange(connection: ServerConnection) -> None:
        heard.append(await connection.recv())
        heard.append(await connection.recv())
        await connection.send(gzip.compress(b'{"ping":1492420473027}'))
        heard.append(await connection.recv())
        await connection.send(gzip.compress(tick().encode()))
        await connection.wait_closed()

    taken = Taken()
    async with (
        server(exchange) as url,
        running(StreamFeed(url, taken, subscribe='hello\n{"a":\n1}', timers=FAST)),
    ):
        await until(lambda: taken.count == 1)
    assert heard == ["hello", '{"a":\n1}', '{"pong":1492420473027}']
    assert [one.reason for one in taken.rejected] == ["control"]


async def test_a_silent_server_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.stream.supervisor.QUIET_S", 0.0)
    async with server(hush) as url:
        async with running(StreamFeed(url, Taken(), timers=FAST)) as feed:
            await until(lambda: "does it wait for a subscribe message?" in feed.status.detail)
        async with running(StreamFeed(url, Taken(), subscribe="hi", timers=FAST)) as feed:
            await until(lambda: "the subscribe message was sent" in feed.status.detail)


async def test_an_error_that_the_server_answers_is_shown_without_secrets() -> None:
    async def exchange(connection: ServerConnection) -> None:
        await connection.send(
            '{"event":"error","code":"60012","msg":"no {\\"token\\":\\"s3cret\\"}"}'
        )
        await connection.wait_closed()

    async with (
        server(exchange) as url,
        running(StreamFeed(url, Taken(), timers=FAST)) as feed,
    ):
        await until(lambda: "the server answers: no" in feed.status.detail)
        shown = feed.status.detail + str(feed.events)
    assert "60012" in shown
    assert "s3cret" not in shown


async def test_secrets_of_a_message_reach_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = '{"op":"login","args":[{"apiKey":"k3y","passphrase":"p4ss","sign":"s1gn"}]}'

    async def exchange(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())
        await connection.wait_closed()

    async with (
        server(exchange) as url,
        running(StreamFeed(url, Taken(), subscribe=asked, timers=FAST)) as feed,
    ):
        await until(lambda: "none is a trade" in feed.status.detail)
        ours = [one for one in caplog.records if one.name != "websockets.server"]
        shown = str(feed.status) + str(feed.events)
        shown += " ".join(one.getMessage() for one in ours)
    assert "sends after connecting" in shown
    assert not any(secret in shown for secret in ("k3y", "p4ss", "s1gn"))


async def test_a_typed_symbol_names_trades_that_bear_none() -> None:
    async def exchange(connection: ServerConnection) -> None:
        await connection.send('{"ts":1723161256322,"price":5,"size":1}')
        await connection.wait_closed()

    taken = Taken()
    async with server(exchange) as url:
        async with running(StreamFeed(url, taken, ["BTCUSD"], timers=FAST)):
            await until(lambda: taken.count == 1)
        assert taken.ticks[0].symbol == "BTCUSD"
        async with running(StreamFeed(f"{url}v1/marketdata/ETHUSD", taken, timers=FAST)):
            await until(lambda: taken.count == 2)
    assert taken.ticks[1].symbol == "ETHUSD"


async def test_trades_that_a_new_connection_repeats_are_counted_as_duplicates() -> None:
    def trades(*numbers: int) -> str:
        about = {"T": 1_723_161_256_322, "s": "BTCUSDT", "v": "1", "p": "5"}
        rows = [about | {"i": f"id-{number}"} for number in numbers]
        return json.dumps({"topic": "publicTrade.BTCUSDT", "data": rows})

    async def first(connection: ServerConnection) -> None:
        await connection.send(trades(1, 2, 3))
        await connection.close(1001)

    async def second(connection: ServerConnection) -> None:
        await connection.send(trades(2, 3, 4))
        await connection.wait_closed()

    taken = Taken()
    async with server(first, second) as url, running(StreamFeed(url, taken, timers=FAST)):
        await until(lambda: taken.count + len(taken.rejected) == 6)
    assert taken.count == 4
    assert [one.reason for one in taken.rejected] == ["duplicate"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * (MAX_LENGTH + 1), "has 8,193 characters, expected at most 8,192"),
        ("a\x00b", "holds a control character (U+0000)"),
        ('ok\n{"op":', "is no JSON from line 2 on"),
        ("\n".join("x" * 65), "holds 65 messages, expected at most 64"),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(SubscribeError) as caught:
        messages_of(text)
    assert words in str(caught.value)
    assert caught.value.field == "subscribe"
    assert caught.value.legal


def test_http_takes_no_message() -> None:
    for source in ("http://localhost:9/", "demo", "redis://localhost"):
        with pytest.raises(SubscribeError, match="is for ws:// and wss:// addresses"):
            make_feed(source, [], print, subscribe="hello")
    assert isinstance(make_feed("http://localhost:9/", [], print, subscribe=""), HttpFeed)


@pytest.mark.parametrize("ending", HOSTS)
def test_each_known_host_has_messages_that_can_be_sent(ending: str) -> None:
    for host in HOSTS[ending]:
        url = f"wss://{ending}{host.path}"
        found = host_of(url)
        assert found is host
        asked = subscription_for(url, ["BTC-USDT", "ETH-USDT"])
        assert all(json.loads(message) for message in messages_of(asked))
        assert all(name in asked.upper().replace("-", "") for name in ("BTCUSDT", "ETHUSDT"))
        assert bool(host.ping) == (host.ping_s > 0)


def test_secrets_are_masked_however_they_are_written() -> None:
    text = '{"args":[{"apiKey":"a","timestamp":1,"sign":"b\\"c"},{"listenKey": 12}],"auth":["x"]}'
    assert mask_message(text) == (
        '{"args":[{"apiKey":"***","timestamp":1,"sign":"***"},{"listenKey": "***"}],"auth":"***"}'
    )
    assert mask_message("Bearer abc.def?token=x") == "Bearer ***?token=***"


def test_pings_are_sent_when_they_are_due() -> None:
    dialogue = Dialogue((), "ping", 20.0)
    dialogue.opened(100.0)
    sent = [dialogue.due(at, []) for at in (119.9, 120.0, 121.0, 140.0)]
    assert sent == [[], [b"ping"], [], [b"ping"]]


@pytest.mark.parametrize(
    ("asks", "answer"),
    [
        (b"ping", b"pong"),
        (b" PING ", b"PONG"),
        (b'{"ping":7}', b'{"pong":7}'),
        (b'{"op":"ping","ping":1}', b'{"pong":1}'),
        (
            b'{"id":3,"method":"public/heartbeat"}',
            b'{"id":3,"method":"public/respond-heartbeat"}',
        ),
        (
            b'{"method":"heartbeat","params":{"type":"test_request"}}',
            b'{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}',
        ),
    ],
)
def test_who_asks_among_trades_is_answered_alone(asks: bytes, answer: bytes) -> None:
    trades = [b'{"s":"BTCUSDT","p":"5.0","q":"1","T":%d}' % at for at in range(3)]
    dialogue = Dialogue()
    assert dialogue.due(0.0, [*trades, asks, *trades]) == [answer]
    named = [b'{"s":"PINGUSDT","p":"5.0","q":"1","T":3}']
    assert dialogue.due(0.0, trades) == dialogue.due(0.0, named) == dialogue.due(0.0, []) == []


def test_a_bomb_is_handed_on_as_it_came() -> None:
    bomb = gzip.compress(b"x" * (MAX_INFLATED + 1))
    assert inflated(bomb) == bomb
    assert inflated(b"\x1f\x8b torn") == b"\x1f\x8b torn"
    assert answer_to(b'{"ping":' + b"1" * 300 + b"}") is None
