"""The guard: who may ask, what may be sent, what every answer carries."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import ClassVar

import httpx
import pytest

from dashapp.settings import Settings
from dashapp.ui.callback_values import request_check
from dashapp.web import body_limits
from dashapp.web.body_limits import BODY_CAP, CALLBACK_PATH, UPLOAD_CAP, UPLOAD_PATH
from dashapp.web.guard import Guard, Policy, content_security_policy

HOST = "127.0.0.1:8050"
PAGE = {"content-type": "application/json"}


async def echo(scope, receive, send):
    """An application that says what it got."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "size": size,
    }
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


class OneCallback:
    """Of a Dash app what the check of its requests looks at."""

    callback_map: ClassVar = {
        "chart.figure": {"inputs": [{"id": "tick", "property": "n_intervals"}], "state": []}
    }


check = request_check(OneCallback())


@asynccontextmanager
async def browser(policy: Policy | None = None, **settings):
    guard = Guard(echo, policy or Policy.of(Settings(**settings)), check)
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield client


# --- Host ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", [HOST, "localhost:8050", "LOCALHOST:8050", "[::1]:8050"])
async def test_the_servers_own_names_are_answered(host):
    async with browser() as client:
        assert (await client.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8050",
        "127.0.0.1",
        "127.0.0.1:9999",
        "127.0.0.1:8050.evil.test",
        "127.0.0.1:8050@evil.test",
        "localhost.evil.test:8050",
        "",
        "[::1",
        "a b",
    ],
)
async def test_any_other_host_is_misdirected(host):
    async with browser() as client:
        answer = await client.get("/", headers={"host": host})
        assert answer.status_code == 421
        assert "127.0.0.1:8050" in answer.text
        assert (await client.post(CALLBACK_PATH, headers={"host": host})).status_code == 421


async def test_two_hosts_in_one_request_are_refused():
    async with browser() as client:
        answer = await client.get("/", headers=[("host", HOST), ("host", "evil.test")])
        assert answer.status_code == 421


async def test_port_80_need_not_be_said():
    async with browser(port=80) as client:
        assert (await client.get("/", headers={"host": "localhost"})).status_code == 200


async def test_a_server_bound_to_one_address_answers_to_it_alone():
    async with browser(host="192.168.1.5", token="t") as client:
        bearer = {"authorization": "Bearer t"}
        own = {"host": "192.168.1.5:8050", **bearer}
        assert (await client.get("/", headers=own)).status_code == 200
        assert (await client.get("/", headers={"host": HOST, **bearer})).status_code == 421


async def test_a_server_on_all_addresses_answers_to_any_name_with_the_token():
    async with browser(host="0.0.0.0", token="t") as client:
        known = {"host": "trading.example:8050", "authorization": "Bearer t"}
        assert (await client.get("/", headers=known)).status_code == 200
        assert (await client.get("/", headers={"host": "evil.test"})).status_code == 401


# --- other sites ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:8050"},
        {"origin": "null"},
        {"origin": "chrome-extension://127.0.0.1:8050"},
        {"origin": "http://127.0.0.1:8050.evil.test"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_what_another_site_sends_changes_nothing(method, headers):
    async with browser() as client:
        answer = await client.request(method, "/api/feed/stop", headers=headers)
        assert answer.status_code == 403
        assert "error" in answer.json()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": f"http://{HOST}"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_the_own_page_and_a_client_without_one_may_send(headers):
    async with browser() as client:
        assert (await client.post("/api/feed/stop", headers=headers)).status_code == 200


async def test_a_link_from_another_site_may_open_a_page():
    async with browser() as client:
        headers = {"sec-fetch-site": "cross-site", "origin": "http://evil.test"}
        assert (await client.get("/analytics", headers=headers)).status_code == 200


async def handshake(headers: dict[str, str], **settings) -> str:
    """What becomes of a socket: "reached" the application, or the first message sent."""
    sent = []

    async def application(scope, receive, send):
        sent.append("reached")

    async def send(message):
        sent.append(message["type"])

    guard = Guard(application, Policy.of(Settings(**settings)))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/_dash-ws-callback", "headers": raw}
    await guard(scope, None, send)
    return sent[0]


async def test_no_socket_opens_not_even_for_the_own_page():
    own = {"host": HOST, "origin": f"http://{HOST}"}
    assert await handshake(own) == "websocket.close"
    assert await handshake({**own, "origin": "http://evil.test"}) == "websocket.close"
    assert await handshake({"host": HOST}) == "websocket.close"
    assert await handshake({"host": "evil.test", "origin": "http://evil.test"}) == "websocket.close"
    assert await handshake(own, token="t") == "websocket.close"


# --- headers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"), [("/", {}), ("/api/status", {}), ("/", {"host": "evil.test"})]
)
async def test_every_answer_carries_the_security_headers(path, headers):
    async with browser() as client:
        answer = (await client.get(path, headers=headers)).headers
    assert "script-src 'self';" in answer["content-security-policy"]
    assert "frame-ancestors 'none'" in answer["content-security-policy"]
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["x-frame-options"] == "DENY"
    assert answer["referrer-policy"] == "no-referrer"
    assert answer["cross-origin-opener-policy"] == "same-origin"
    assert answer["cross-origin-resource-policy"] == "same-origin"
    assert answer["cache-control"] == "no-store"


async def test_files_with_a_fingerprint_may_be_kept():
    async with browser() as client:
        for path in ("/assets/style.css", "/_dash-component-suites/dash/x.js"):
            assert "cache-control" not in (await client.get(path)).headers


def test_inline_scripts_run_by_their_hash_alone():
    policy = content_security_policy(["'sha256-a'", "'sha256-b'"])
    assert "script-src 'self' 'sha256-a' 'sha256-b';" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "unsafe-eval" not in policy


# --- bodies -------------------------------------------------------------------------------


async def pieces(size: int, piece: int = 1 << 18):
    for _ in range(size // piece):
        yield bytes(piece)


async def test_a_body_that_says_it_is_too_large_is_refused_unread():
    async with browser() as client:
        answer = await client.post("/api/feed/start", content=bytes(BODY_CAP + 1))
        assert answer.status_code == 413
        assert answer.json() == {"error": "the body is larger than 4 MiB"}


@pytest.mark.parametrize("path", ["/api/feed/start", CALLBACK_PATH, "/anything"])
async def test_a_body_that_grows_too_large_is_refused_while_it_comes(path):
    async with browser() as client:
        answer = await client.post(path, content=pieces(BODY_CAP + (1 << 18)), headers=PAGE)
        assert answer.status_code == 413


async def test_a_body_of_the_legal_size_arrives_whole():
    async with browser() as client:
        answer = await client.post("/api/feed/start", content=pieces(BODY_CAP))
        assert answer.json()["size"] == BODY_CAP


async def test_an_upload_streams_past_the_cap_of_other_bodies():
    async with browser() as client:
        answer = await client.post(UPLOAD_PATH, content=pieces(3 * BODY_CAP))
        assert answer.json()["size"] == 3 * BODY_CAP
        length = {"content-length": str(UPLOAD_CAP + 1)}
        assert (await client.post(UPLOAD_PATH, headers=length)).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "99 9", "9" * 5_000])
async def test_a_length_that_is_no_number_is_refused(length):
    async with browser() as client:
        request = client.build_request("POST", "/api/feed/stop")
        request.headers["content-length"] = length.encode().decode("latin-1")
        assert (await client.send(request)).status_code == 400


@pytest.mark.parametrize("path", ["/api/feed/start", CALLBACK_PATH])
async def test_a_body_that_never_ends_is_given_up(monkeypatch, path):
    monkeypatch.setattr(body_limits, "BODY_TIMEOUT_S", 0.05)

    async def slow():
        yield b"{"
        await asyncio.sleep(30)

    async with browser() as client:
        assert (await client.post(path, content=slow(), headers=PAGE)).status_code == 408


async def test_a_body_sent_with_get_is_bounded_too():
    async with browser() as client:
        answer = await client.request("GET", "/", content=bytes(BODY_CAP + 1))
        assert answer.status_code == 413


GOOD = {
    "output": "chart.figure",
    "outputs": {"id": "chart", "property": "figure"},
    "inputs": [{"id": "tick", "property": "n_intervals", "value": 3}],
    "changedPropIds": ["tick.n_intervals"],
}
SHAPES = [
    b"",
    b"null",
    b"[]",
    b"3",
    b'"x"',
    b"{}",
    b"{",
    b"\xff\xfe",
    b"[" * 100_000,
    *[
        json.dumps({**GOOD, name: wrong}).encode()
        for name, wrong in [
            ("output", None),
            ("output", 3),
            ("output", "no.such"),
            ("output", ["chart.figure"]),
            ("outputs", None),
            ("outputs", "chart"),
            ("inputs", None),
            ("inputs", {}),
            ("inputs", [None]),
            ("inputs", [3]),
            ("inputs", [{}]),
            ("inputs", [{"id": "tick"}]),
            ("inputs", [{"id": None, "property": "n"}]),
            ("inputs", []),
            ("inputs", GOOD["inputs"] * 2),
            ("state", [{"id": "a", "property": "b"}]),
            ("state", "x"),
            ("changedPropIds", 5),
            ("changedPropIds", [5]),
        ]
    ],
]


@pytest.mark.parametrize("body", SHAPES)
async def test_what_is_no_callback_request_is_told_so(body):
    async with browser() as client:
        answer = await client.post(CALLBACK_PATH, content=body, headers=PAGE)
        assert answer.status_code == 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_callback_request_says_that_it_is_json(kind):
    headers = {} if kind is None else {"content-type": kind}
    async with browser() as client:
        body = json.dumps(GOOD).encode()
        answer = await client.post(CALLBACK_PATH, content=body, headers=headers)
        assert answer.status_code == 400


async def test_a_callback_request_passes():
    async with browser() as client:
        answer = await client.post(CALLBACK_PATH, json=GOOD)
        assert answer.json()["size"] > 100


# --- the token ------------------------------------------------------------------------------


async def test_without_the_token_nothing_but_health_is_told():
    async with browser(token="s3cret") as client:
        for path in ("/", "/api/status", "/assets/style.css", "/export/demo/ticks.csv"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        for header in ("Bearer wrong", "Bearer", "Bearer s3cret2", "Basic s3cret", ""):
            answer = await client.get("/", headers={"authorization": header})
            assert answer.status_code == 401
        assert (await client.get("/?token=wrong")).status_code == 401
        assert (await client.get("/healthz")).status_code == 200


async def test_a_script_sends_the_token_as_a_header():
    async with browser(token="s3cret") as client:
        answer = await client.get("/api/status", headers={"authorization": "Bearer s3cret"})
        assert answer.status_code == 200


async def test_a_page_gives_the_token_once_and_keeps_a_cookie_that_is_not_it():
    async with browser(token="s3cret") as client:
        first = await client.get("/analytics?y=A&token=s3cret&x=B")
        assert first.status_code == 303
        assert first.headers["location"] == "/analytics?y=A&x=B"
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "s3cret" not in cookie
        assert (await client.get("/analytics?y=A&x=B")).status_code == 200
        assert (await client.get("/api/status")).status_code == 200


async def test_the_token_is_taken_out_of_the_query_of_a_script():
    async with browser(token="s3cret") as client:
        answer = await client.get("/api/status?limit=5&token=s3cret")
        assert answer.json()["query"] == "limit=5"


async def test_the_redirect_stays_on_this_server():
    async with browser(token="s3cret") as client:
        answer = await client.get(f"http://{HOST}//evil.test/?token=s3cret")
        assert answer.headers["location"] == "/evil.test/"


async def test_a_cookie_of_another_token_opens_nothing():
    async with browser(token="first") as client:
        await client.get("/?token=first")
        cookies = dict(client.cookies)
    async with browser(token="second") as client:
        client.cookies.update(cookies)
        assert (await client.get("/")).status_code == 401


async def test_the_token_does_not_excuse_another_site():
    async with browser(token="s3cret") as client:
        headers = {"authorization": "Bearer s3cret", "origin": "http://evil.test"}
        assert (await client.post("/api/feed/stop", headers=headers)).status_code == 403


async def test_wrong_tokens_have_to_wait_longer_and_longer_and_the_right_one_too():
    async with browser(token="s3cret-s3cret-s3cret") as client:
        wrong = {"Authorization": "Bearer wrong"}
        for _ in range(4):
            assert (await client.get("/api/status", headers=wrong)).status_code == 401
        for _ in range(3):
            answer = await client.get("/api/status", headers=wrong)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 2
        right = {"Authorization": "Bearer s3cret-s3cret-s3cret"}
        assert (await client.get("/api/status", headers=right)).status_code == 429
        assert (await client.get("/?token=s3cret-s3cret-s3cret")).status_code == 429
        assert (await client.get("/healthz?token=s3cret-s3cret-s3cret")).status_code == 200
        assert "set-cookie" not in (await client.get("/healthz?token=s3cret-s3cret-s3cret")).headers


async def test_a_browser_with_the_cookie_does_not_wait_for_what_others_guess():
    async with browser(token="s3cret-s3cret-s3cret") as client:
        await client.get("/?token=s3cret-s3cret-s3cret")
        kept = dict(client.cookies)
        client.cookies.clear()
        for _ in range(9):
            await client.get("/healthz?token=wrong")
        assert (await client.get("/?token=wrong")).status_code == 429
        client.cookies.update(kept)
        assert (await client.get("/api/status")).status_code != 429
