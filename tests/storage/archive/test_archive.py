"""Rules and alerts in the archive: they outlive the process, in either kind of database."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.archive.archive import Archive, ArchiveError


def event(number: int, market: str = "demo", **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "ts_ms": number * 1_000, "market": market, **more}


def delivery(of: str, created_ms: int = 5) -> dict[str, Any]:
    fields = {"url": "http://localhost/", "body": '{"id": 1}', "tries": 0}
    return {"id": of, "created_ms": created_ms, **fields}


def test_a_delivery_is_stored_with_its_alert_until_it_ends(archive: Archive) -> None:
    archive.add_events([event(1), event(2)], deliveries=[delivery("e2", 9), delivery("e1")])
    archive.add_events([event(1)], deliveries=[delivery("e1", 7)])
    archive.count_tries("e2", 3)
    archive.count_tries("gone", 3)
    assert archive.deliveries() == [delivery("e1"), {**delivery("e2", 9), "tries": 3}]
    archive.end_delivery("e2", event(2, delivery="delivered"))
    archive.end_delivery("e2", None)
    archive.end_delivery("gone", event(9))
    assert archive.deliveries() == [delivery("e1")]
    assert archive.events() == [event(2, delivery="delivered"), event(1)]


def test_a_delivery_without_a_required_field_stores_no_alert_either(archive: Archive) -> None:
    with pytest.raises(ValueError, match="tries is None, expected int"):
        archive.add_events([event(1)], deliveries=[{**delivery("e1"), "tries": None}])
    assert (archive.events(), archive.deliveries()) == ([], [])


def test_rules_survive_a_restart_in_the_order_they_were_saved(place: str) -> None:
    first = Archive.open(place)
    for rule_id in ("b", "a", "c"):
        first.save_rule({"id": rule_id, "threshold": 2.0, "params": {"y": "A", "x": "B"}})
    first.close()
    again = Archive.open(place)
    assert [rule["id"] for rule in again.rules()] == ["b", "a", "c"]
    assert again.rules()[0]["params"] == {"y": "A", "x": "B"}
    assert again.warning is None
    again.close()


def test_saving_a_rule_again_replaces_it_in_its_place(archive: Archive) -> None:
    archive.save_rule({"id": "a", "threshold": 2.0})
    archive.save_rule({"id": "b", "threshold": 2.0})
    archive.save_rule({"id": "a", "threshold": 3.0})
    assert archive.rules() == [{"id": "a", "threshold": 3.0}, {"id": "b", "threshold": 2.0}]


def test_deleting_a_rule_says_whether_there_was_one(archive: Archive) -> None:
    archive.save_rule({"id": "a"})
    assert archive.delete_rule("a")
    assert not archive.delete_rule("a")
    assert archive.rules() == []


def test_the_newest_events_come_first_and_the_limit_keeps_them(archive: Archive) -> None:
    assert archive.add_events([event(n) for n in (3, 1, 2)]) == 3
    assert [e["id"] for e in archive.events()] == ["e3", "e2", "e1"]
    assert [e["id"] for e in archive.events(limit=2)] == ["e3", "e2"]
    assert archive.events(limit=0) == []


def test_events_are_filtered_by_market_and_time(archive: Archive) -> None:
    archive.add_events([event(1), event(2, "live"), event(3, "live")])
    assert [e["id"] for e in archive.events("live")] == ["e3", "e2"]
    assert [e["id"] for e in archive.events("live", since_ms=3_000)] == ["e3"]
    assert archive.events("upload-1") == []


def test_the_same_event_is_stored_once(archive: Archive) -> None:
    assert archive.add_events([event(1, value=2.5), event(1, value=9.9)]) == 1
    assert archive.add_events([event(1), event(2)]) == 1
    assert archive.events()[-1]["value"] == 2.5


def test_clearing_the_history_leaves_the_rules(archive: Archive) -> None:
    archive.save_rule({"id": "a"})
    archive.add_events([event(1), event(2)])
    assert archive.clear_events() == 2
    assert archive.events() == []
    assert len(archive.rules()) == 1


def test_a_batch_with_an_invalid_event_stores_nothing(archive: Archive) -> None:
    with pytest.raises(ValueError, match="ts_ms is '5', expected int"):
        archive.add_events([event(1), {**event(2), "ts_ms": "5"}])
    with pytest.raises(ValueError, match="market is None, expected str"):
        archive.add_events([{"id": "e", "ts_ms": 1}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        archive.add_events([event(3), event(4, value=float("nan"))])
    assert archive.events() == []


def test_a_value_that_no_database_can_hold_is_a_value_error(archive: Archive) -> None:
    with pytest.raises(ValueError, match="the archive cannot hold this"):
        archive.add_events([{**event(1), "ts_ms": 1 << 70}])
    archive.add_events([event(1)])
    assert len(archive.events()) == 1


def test_a_rule_without_an_id_is_refused(archive: Archive) -> None:
    with pytest.raises(ValueError, match="id is None, expected str"):
        archive.save_rule({"threshold": 2.0})


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
#: PostgreSQL holds no NUL in a text; JSON has its own way of writing one.
names = st.characters(exclude_characters="\0")
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(fields=st.dictionaries(st.text(), plain, max_size=4), rule_id=st.text(names))
def test_any_json_value_is_read_as_it_was_stored(
    archive: Archive, fields: dict, rule_id: str
) -> None:
    rule = {**fields, "id": rule_id}
    try:
        json.dumps(rule, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    archive.save_rule(rule)
    assert rule in archive.rules()
    archive.delete_rule(rule_id)
    assert archive.rules() == []


def test_closing_twice_is_harmless_and_a_closed_archive_says_so(place: str) -> None:
    archive = Archive.open(place)
    archive.close()
    archive.close()
    for use in (archive.rules, archive.clear_events):
        with pytest.raises(ArchiveError, match=r"the archive .* is closed"):
            use()


def test_threads_write_one_after_the_other_and_lose_nothing(archive: Archive) -> None:
    def work(offset: int) -> None:
        for number in range(20):
            archive.add_events([event(offset + number)])
            archive.events(limit=1)

    threads = [threading.Thread(target=work, args=(100 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archive.events()) == 80


async def test_it_can_be_used_from_an_event_loop(archive: Archive) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(archive.add_events, [event(number)]) for number in range(10))
    )
    assert len(await asyncio.to_thread(archive.events)) == 10


def test_an_archive_of_before_gets_the_tables_that_came_later(place):
    archive = Archive.open(place)
    archive.save_rule({"id": "r1"})
    with archive._write() as connection:
        connection.exec_driver_sql("DROP TABLE watchlist")
        connection.exec_driver_sql("DROP TABLE scans")
    archive.close()
    again = Archive.open(place)
    assert again.warning is None
    assert again.rules() == [{"id": "r1"}]
    again.save_watched({"id": "w1", "market": "demo"})
    again.save_watched({"id": "w2", "market": "live"})
    again.save_watched({"id": "w1", "market": "live"})
    assert again.watched() == [{"id": "w1", "market": "live"}, {"id": "w2", "market": "live"}]
    assert again.delete_watched("w1")
    assert not again.delete_watched("w1")
    assert again.scans(5) == []
    again.close()


def test_scans_are_kept_with_the_newest_result_of_each_market(archive: Archive) -> None:
    for number in range(4):
        archive.save_scan({"id": f"a{number}", "market": "a"}, {"tested": number}, most=3)
    archive.save_scan({"id": "b0", "market": "b"}, None, most=3)
    kept = archive.scans(3)
    assert [row["record"]["id"] for row in kept] == ["b0", "a3", "a2", "a1"]
    assert [row["result"] for row in kept] == [None, {"tested": 3}, None, None]
    archive.save_scan({"id": "a3", "market": "a"}, {"tested": 9}, most=3)
    assert [row["result"] for row in archive.scans(1)] == [{"tested": 9}, None]
    with pytest.raises(ValueError, match="market is None, expected str"):
        archive.save_scan({"id": "c"}, None, most=3)


def test_what_is_kept_by_hand_goes_on_in_the_archive_that_replaces_a_damaged_one(tmp_path) -> None:
    archive = Archive.open(tmp_path / "a.sqlite")
    archive.save_rule({"id": "r1"})
    archive.save_views({"morning": {"link": "/"}})
    archive.save_watched({"id": "p1"})
    archive.add_events([event(1)], {"r1": {"fired": 1}}, [delivery("e1")])
    archive.put_market("live-x", "Live: X")
    archive.begin_anew("it is damaged")
    assert archive.rules() == [{"id": "r1"}]
    assert archive.saved_views() == {"morning": {"link": "/"}}
    assert archive.watched() == [{"id": "p1"}]
    assert (archive.events(), archive.deliveries()) == ([event(1)], [delivery("e1")])
    assert archive.rule_states() == {"r1": {"fired": 1}}
    assert [one.title for one in archive.markets()] == ["Live: X"]
    archive.close()
