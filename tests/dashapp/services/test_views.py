"""Saved views: names, links, their bounds, and how an archive brings them back."""

from __future__ import annotations

import asyncio

import pytest

from analytics.model import ParameterError
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.views import LEFT_S, MAX_VIEWS, SavedViews, view_link, view_name
from dashapp.settings import Settings
from storage.archive.archive import Archive
from tests.dashapp.services.quiet_runtime import started

LINK = "/analytics?market=demo&y=BTCUSDT&x=ETHUSDT&z_window=90"


@pytest.fixture
def views() -> SavedViews:
    return SavedViews(ArchiveWriter())


def named(views: SavedViews) -> list[tuple[str, str]]:
    return [(view.name, view.link) for view in views]


@pytest.mark.parametrize(
    "name",
    ["β vs. γ", "朝のペア", "<img src=x onerror=alert(1)>", "=1+1", "a" * 64, "🙂 " * 20 + "🙂"],
)
def test_a_name_may_have_any_letters(name):
    assert view_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 65, "two\nlines", "nul\0", "half\ud800", 5, None]
)
def test_a_name_that_cannot_be_kept_is_refused_with_what_is_legal(name):
    with pytest.raises(ParameterError) as refused:
        view_name(name)
    assert refused.value.field == "name"
    assert "1 to 64 letters" in str(refused.value)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "/\\evil.example",
        "javascript:alert(1)",
        "analytics",
        "/analytics?y=a\r\nSet-Cookie: x",
        "/../etc",
        "/" + "x" * 8_001,
        None,
    ],
)
def test_a_link_leads_to_a_page_of_this_app_alone(link):
    with pytest.raises(ParameterError) as refused:
        view_link(link)
    assert refused.value.field == "link"


def test_a_link_keeps_every_symbol_and_loses_what_is_the_windows():
    link = "/analytics?pairs=BRK.B~%5EGSPC%2CA%2FB%3AC~%E5%B8%81&bare=1&follow=1&chart=z&token=t"
    assert view_link(link) == "/analytics?pairs=BRK.B~%5EGSPC%2CA%2FB%3AC~%E5%B8%81"
    assert view_link("/") == "/"


def test_views_are_saved_replaced_renamed_and_deleted(views):
    views.save("one", "/")
    views.save("two", LINK)
    views.save("one", "/backtest")
    assert named(views) == [("one", "/backtest"), ("two", LINK)]
    views.save("three", "/alerts", old_name="one")
    assert named(views) == [("three", "/alerts"), ("two", LINK)]
    views.save("two", "/data", old_name="three")
    assert named(views) == [("two", "/data")]
    with pytest.raises(KeyError, match="there is no saved view 'gone'"):
        views.save("x", "/", old_name="gone")
    assert views.delete("two")
    assert not views.delete("two")


def test_there_is_room_for_so_many_and_a_full_list_says_so(views):
    views.add({"name": f"v{number}", "link": "/"} for number in range(MAX_VIEWS))
    views.save("v0", LINK)
    with pytest.raises(ParameterError, match="the list has 201 views, expected at most 200"):
        views.save("more", "/")
    with pytest.raises(ParameterError, match="at most 200"):
        views.add([{"name": "v1", "link": "/"}, {"name": "more", "link": "/"}])
    assert len(views) == MAX_VIEWS
    assert next(iter(views)).link == LINK


def test_of_views_that_are_imported_all_are_taken_or_none(views):
    with pytest.raises(ParameterError, match=r"link of view 2 is 'http://x', expected a page"):
        views.add([{"name": "a", "link": "/"}, {"name": "b", "link": "http://x"}])
    assert len(views) == 0


def test_the_app_opens_where_it_was_left_once_no_page_is_open():
    now = [0.0]
    views = SavedViews(ArchiveWriter(), clock=lambda: now[0])
    assert views.opens_at is None
    views.leave_at(LINK)
    assert views.opens_at is None
    now[0] = LEFT_S + 1
    assert views.opens_at == LINK
    views.note_open()
    assert views.opens_at is None


def test_where_a_page_is_now_goes_before_where_one_was_in_an_earlier_run():
    views = SavedViews(ArchiveWriter())
    views.leave_at("/alerts")
    views.restore(({}, LINK))
    assert views.last_link == "/alerts"


async def test_an_archive_brings_the_views_and_the_last_link_back(tmp_path):
    path = tmp_path / "a.sqlite"
    settings = Settings(source="none", archive=str(path))
    async with started(settings) as runtime:
        runtime.views.save("<b>朝</b>", LINK)
        runtime.views.save("gone", "/")
        runtime.views.save("kept", "/", old_name="gone")
        runtime.views.delete("nothing")
        runtime.views.leave_at(LINK)
    async with started(settings) as runtime:
        assert named(runtime.views) == [("<b>朝</b>", LINK), ("kept", "/")]
        assert runtime.views.opens_at == LINK


async def test_a_view_of_another_version_in_the_archive_is_left_out(tmp_path, caplog):
    path = tmp_path / "a.sqlite"
    archive = Archive.open(path)
    archive.save_views({"old": {"z": 2}, "far": {"link": "//evil", "saved_ms": 1}})
    archive.close()
    async with started(Settings(source="none", archive=str(path))) as runtime:
        assert named(runtime.views) == []
    assert caplog.text.count("a view that cannot be used") == 2


async def test_an_archive_that_begins_anew_gets_the_views_again(tmp_path):
    path = tmp_path / "a.sqlite"
    async with started(Settings(source="none", archive=str(path))) as runtime:
        runtime.views.save("mine", LINK)
        runtime.views.leave_at("/data")
        writer = runtime.recorder.writer
        await writer.flush()
        archive = writer.opened()
        await asyncio.to_thread(archive.delete_view, "mine")
        await asyncio.to_thread(archive.set_last_link, "/")
        for shelf in writer.shelves:
            shelf.keep_again()
        await writer.flush()
        assert list(archive.saved_views()) == ["mine"]
        assert archive.last_link() == "/data"
