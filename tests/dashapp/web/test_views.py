"""Saved views over HTTP, and the redirect to where the app was left."""

from __future__ import annotations

import pytest

from dashapp.services.views import LEFT_S
from storage.archive.archive import Archive
from tests.dashapp.web.test_api import refused

LINK = "/analytics?market=demo&y=BTCUSDT&x=ETHUSDT"


async def put(client, **body):
    return (await client.put("/api/views", json=body)).json()


async def listed(client) -> list[tuple[str, str]]:
    views = (await client.get("/api/views")).json()["views"]
    return [(view["name"], view["link"]) for view in views]


async def test_views_are_saved_listed_renamed_and_deleted(client):
    saved = await put(client, name="mañana", link=LINK)
    assert (saved["name"], saved["link"]) == ("mañana", LINK)
    await put(client, name="<b>", link="/alerts")
    await put(client, name="later", link=LINK, old_name="mañana")
    assert await listed(client) == [("later", LINK), ("<b>", "/alerts")]
    answer = await client.delete("/api/views", params={"name": "<b>"})
    assert answer.json() == {"deleted": "<b>"}
    assert await listed(client) == [("later", LINK)]
    assert "no saved view '<b>'" in await refused(client, 404, "/api/views?name=%3Cb%3E", "DELETE")


async def test_what_was_answered_is_in_the_archive(client, runtime, tmp_path):
    path, writer = str(tmp_path / "kept.sqlite"), runtime.recorder.writer
    await writer.open(path, runtime.alerts, 1)
    reader = Archive.reader(path)
    await put(client, name="a", link=LINK)
    assert list(reader.saved_views()) == ["a"]
    await client.delete("/api/views", params={"name": "a"})
    assert list(reader.saved_views()) == []
    reader.close()
    await writer.close()


async def test_what_was_exported_is_imported(client):
    await put(client, name="a", link=LINK)
    await put(client, name="b", link="/data")
    exported = await client.get("/api/views")
    before = await listed(client)
    for name in ("a", "b"):
        await client.delete("/api/views", params={"name": name})
    answer = await client.post("/api/views/import", content=exported.content)
    assert answer.json() == {"imported": 2}
    assert await listed(client) == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{not json", "the body is wrong: JSON is malformed"),
        (b"\xff\xfe", "the body is wrong"),
        (b"[]", "the body is wrong: it is [], expected an object"),
        (b"{}", "views is missing"),
        (b'{"views": 5}', "views is 5, expected a list"),
        (b'{"views": [{"name": "a"}]}', "views.0.link is missing"),
        (b'{"views": [{"name": "", "link": "/"}]}', "name of view 1 is '', expected 1 to 64"),
        (b'{"views": [{"name": "a", "link": "//x"}]}', "link of view 1 is '//x', expected a page"),
        (b'{"views": [], "colour": 1}', "there is no field 'colour'"),
    ],
)
async def test_a_file_that_is_no_export_is_refused_in_words(client, body, words):
    assert words in await refused(client, 400, "/api/views/import", "POST", content=body)
    assert await listed(client) == []


async def test_a_view_that_is_wrong_is_refused_in_words(client):
    for body, words in [
        ({"name": "a" * 65, "link": "/"}, "expected 1 to 64 letters"),
        ({"name": "a", "link": "javascript:alert(1)"}, "expected a page and its query"),
        ({"name": "a"}, "link is missing"),
        ({"name": 5, "link": "/"}, "name is 5, expected text"),
    ]:
        assert words in await refused(client, 400, "/api/views", "PUT", json=body)
    missing = {"name": "a", "link": "/", "old_name": "gone"}
    assert "'gone'" in await refused(client, 404, "/api/views", "PUT", json=missing)


async def test_the_bare_address_leads_to_where_the_app_was_left(client, runtime):
    assert (await client.get("/")).status_code == 200
    await client.put("/api/views/last", json={"link": LINK + "&bare=1"})
    assert (await client.get("/")).status_code == 200  # a page is open
    runtime.views._clock = lambda: runtime.views._open_s + LEFT_S + 1
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, LINK)
    assert (await client.get("/?market=demo")).status_code == 200
    assert (await client.get("/data")).status_code == 200
    assert (await client.get("/api/views")).json()["last"] == LINK
