"""Alerts on their way to webhooks: through a stop, a kill and a restart, once each."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from analytics.alerts import AlertEvent
from analytics.model import FeedStatus, Ticks
from dashapp.services.alerts.engine import public_rule
from dashapp.services.alerts.history import AlertHistory, Record
from dashapp.services.alerts.outbox import MAX_AGE_MS, Outbox
from dashapp.services.alerts.webhook import Progress
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from storage.archive.archive import Archive
from tests.receiver import Receiver, listening
from tests.waiting import PATIENCE_S, until

PROJECT = Path(__file__).resolve().parents[4]
START_MS = 1_723_161_240_000
RULE = {"market": "live", "metric": "price", "operator": ">", "threshold": 100.0, "id": "above"}
RULE |= {"symbol": "BTCUSDT"}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Tries follow one another at once, until a test is patient."""
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (0.02,) * 5)


async def started(archive: Path | None) -> Runtime:
    """A runtime whose live market counts as live, without a feed."""
    made = Runtime(Settings(source="none", archive=archive and str(archive)))
    await made.start()
    made.markets.status = lambda _: FeedStatus("test", "live")
    return made


async def fire(runtime: Runtime, receiver: Receiver) -> Record:
    """Cross the threshold of a rule with a webhook, once."""
    runtime.alerts.add_rule({**RULE, "webhook": receiver.url})
    for number, price in enumerate((99.0, 101.0)):
        at_ms = START_MS + number * 1_000
        runtime.markets["live"].append(Ticks("BTCUSDT", [at_ms], [price], [1.0], [number]))
        await runtime.alerts.step()
    (record,) = runtime.alerts.history.records()
    return record


async def refused(archive: Path, receiver: Receiver) -> Runtime:
    """A runtime whose one alert was refused once by its webhook, and is pending."""
    runtime = await started(archive)
    record = await fire(runtime, receiver)
    await until(lambda: record.delivery == "pending: HTTP 500")
    return runtime


def kept(path: Path) -> list[dict]:
    archive = Archive.reader(path)
    rows = archive.deliveries()
    archive.close()
    return rows


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "kept.sqlite"


async def test_an_alert_reaches_its_webhook_with_no_browser_open():
    async with listening([500, 500, 200]) as receiver:
        runtime = await started(None)
        record = await fire(runtime, receiver)
        assert record.delivery == "pending"
        await until(lambda: record.delivery == "delivered after 3 tries")
        await runtime.stop()
    assert len(receiver.heard) == 3
    assert receiver.heard[0].document["id"] == record.event.id
    assert "s3cret" not in str([public_rule(rule) for rule in runtime.alerts.rules])


async def test_what_is_not_delivered_at_a_stop_is_delivered_after_the_next_start_once(
    path, monkeypatch
):
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (0.02, 60.0, 60.0))
    async with listening([500, 500, 200]) as receiver:
        first = await started(path)
        record = await fire(first, receiver)
        await until(lambda: record.delivery == "pending after 2 tries: HTTP 500")
        await first.stop()  # the next try would be in 60 s: it is not waited for
        assert record.delivery == "pending after 2 tries: HTTP 500"
        assert [row["tries"] for row in kept(path)] == [2]
        again = await started(path)
        (back,) = again.alerts.history.records()
        await until(lambda: back.delivery == "delivered after 3 tries")
        await again.stop()
        assert kept(path) == []
        third = await started(path)
        assert third.alerts.history.records()[0].delivery == "delivered after 3 tries"
        await asyncio.sleep(0.1)
        await third.stop()
    assert [post.status for post in receiver.heard] == [500, 500, 200]
    assert len({(post.headers["idempotency-key"], post.text) for post in receiver.heard}) == 1
    assert receiver.heard[0].headers["idempotency-key"] == receiver.heard[0].document["id"]


async def test_a_delivery_that_goes_on_is_given_up_when_its_patience_ends(path, monkeypatch):
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (0.02, 60.0, 0.02))
    async with listening([503]) as receiver:
        first = await started(path)
        record = await fire(first, receiver)
        await until(lambda: "after 2 tries" in record.delivery)
        await first.stop()
        again = await started(path)
        (back,) = again.alerts.history.records()
        await until(lambda: back.delivery == "given up after 4 tries: HTTP 503")
        await again.stop()
    assert len(receiver.heard) == 4
    assert kept(path) == []


async def test_a_rule_that_is_deleted_changes_nothing_for_what_it_caused(path, monkeypatch):
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (60.0,))
    async with listening([500, 200]) as receiver:
        first = await refused(path, receiver)
        first.alerts.delete_rule("above")
        await first.stop()
        again = await started(path)
        assert again.alerts.rules == ()
        (back,) = again.alerts.history.records()
        await until(lambda: back.delivery == "delivered after 2 tries")
        await again.stop()
    assert len(receiver.answered(200)) == 1


async def test_a_history_that_is_cleared_leaves_no_delivery_behind(path, monkeypatch):
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (60.0,))
    async with listening([500, 200]) as receiver:
        first = await refused(path, receiver)
        first.alerts.clear_events()
        await first.stop()
        again = await started(path)
        await until(lambda: len(receiver.answered(200)) == 1)
        await again.stop()
    assert kept(path) == []
    assert again.alerts.history.records() == []


async def test_without_an_archive_a_stop_is_quick_and_says_what_is_lost(caplog):
    async with listening([200], delay_s=600) as receiver:
        runtime = await started(None)
        await fire(runtime, receiver)
        await until(lambda: receiver.heard)
        await asyncio.wait_for(runtime.stop(), PATIENCE_S)  # and not for the answer
    assert "1 alerts are not delivered to their webhooks" in caplog.text


async def test_an_archive_that_begins_anew_gets_the_alerts_in_order_and_what_is_under_way(
    path, monkeypatch
):
    monkeypatch.setattr("dashapp.services.alerts.outbox.WAITS_S", (60.0,))
    async with listening([500]) as receiver:
        runtime, writes = await refused(path, receiver), []
        alerts = runtime.alerts
        alerts.history.add([replace(event(number), ts_ms=START_MS) for number in (1, 2, 3)], {}, {})
        monkeypatch.setattr(runtime.recorder.writer, "keep", writes.append)
        alerts.keep_again()
        monkeypatch.undo()
        await runtime.stop()
    anew = Archive.open(path.with_name("anew.sqlite"))
    for write in writes:
        write(anew)
    (row,) = anew.deliveries()
    assert (row["id"], row["tries"], row["url"]) == (anew.events()[0]["id"], 1, receiver.url)
    assert [one["id"] for one in anew.events()][1:] == ["e3", "e2", "e1"]
    assert [one["id"] for one in anew.rules()] == list(anew.rule_states()) == ["above"]
    anew.close()


def writer_to(writes: list) -> SimpleNamespace:
    """A writer of an archive that notes what it is to write."""
    return SimpleNamespace(keep=writes.append)


def event(number: int) -> AlertEvent:
    return AlertEvent(f"e{number}", "r", number, "demo", ("A",), "price", ">", 1.0, 2.0, "said")


async def test_what_is_older_than_a_day_is_given_up_and_the_history_says_so():
    history, done = AlertHistory(), []
    history.add([event(1), event(2)], {}, {})
    async with listening([200]) as receiver:
        made = Outbox(history, writer_to(done))
        now_ms = int(time.time() * 1_000)
        row = {"url": receiver.url, "body": "{}", "tries": 3}
        ages_ms = {"e1": MAX_AGE_MS + 60_000, "e2": MAX_AGE_MS - 60_000}
        made.restore([{"id": of, "created_ms": now_ms - age, **row} for of, age in ages_ms.items()])
        assert history.find("e1").delivery == "given up after 3 tries: older than a day"
        await until(lambda: history.find("e2").delivery == "delivered after 4 tries")
    assert len(receiver.heard) == 1
    assert len(done) == 2


async def test_a_delivery_under_way_knows_how_often_it_was_tried():
    history = AlertHistory()
    history.add([event(1)], {}, {})
    async with listening([500, 500, 500, 500, 500, 200]) as receiver:
        made = Outbox(history, writer_to([]))
        made.send([{"id": "e1", "url": receiver.url, "body": "{}", "created_ms": 1, "tries": 0}])
        await until(lambda: [row["tries"] for row in made.deliveries()] == [2])
        await until(lambda: not made.deliveries())
        await made.stop()


@pytest.mark.parametrize("pending", [Progress("pending"), Progress("pending", 2, "HTTP 500")])
async def test_an_alert_of_whose_delivery_nothing_is_kept_does_not_stay_pending(pending):
    history = AlertHistory()
    for record in history.add([event(1), event(2)], {}, {}):
        record.show(pending if record.event.id == "e1" else Progress("delivered"))
    Outbox(history, writer_to([])).restore([])
    assert [record.delivery for record in history.records()] == [
        "delivered",
        "given up: the program ended",
    ]


async def test_the_state_of_a_delivery_is_kept_and_never_read_out_of_its_words():
    history = AlertHistory()
    for record in history.add([event(1), event(2)], {}, {}):
        record.show(Progress("pending" if record.event.id == "e1" else "given up"))
    documents = [record.document() | {"delivery": "en route"} for record in history.records()]
    again = AlertHistory()
    again.restore(documents, {})
    Outbox(again, writer_to([])).restore([])
    assert [record.delivery for record in again.records()] == [
        "en route",
        "given up: the program ended",
    ]


async def test_a_long_history_is_not_searched_for_each_alert_that_ended_meanwhile(monkeypatch):
    history, kept_now = AlertHistory(), []
    for record in history.add([event(number) for number in range(600)], {}, {}):
        record.show(Progress("pending"))
    monkeypatch.setattr(history, "find", lambda of: pytest.fail(f"searched for {of}"))
    rows = [{"id": f"e{one}", "url": "", "body": "", "created_ms": 0, "tries": 1} for one in (1, 2)]
    Outbox(history, writer_to(kept_now)).restore(rows)
    told = [record.delivery for record in history.records()]
    assert told.count("given up: older than a day") == 2
    assert told.count("given up: the program ended") == 598
    assert len(kept_now) == 600


def process(path: Path, log: Path) -> subprocess.Popen:
    command = [sys.executable, "app.py", "--port", "0", "--source", "demo", "--archive", str(path)]
    with log.open("ab") as told:
        return subprocess.Popen(command, cwd=PROJECT, stderr=told, stdout=subprocess.DEVNULL)


def address(log: Path) -> str:
    """Where the process serves, as its log says it; "" before."""
    told = [line for line in log.read_text().splitlines() if " serving http" in line]
    return told[-1].split(" serving ")[1].split(" ")[0] if told else ""


async def served(log: Path) -> str:
    """Where the process serves, once it answers."""
    await until(lambda: address(log), 30)
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            try:
                await client.get(f"{address(log)}/healthz")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    return address(log)


async def ended(where: str) -> dict:
    """The one alert of a process, once it says how its delivery ended: after the answer."""
    deadline = time.monotonic() + 10
    async with httpx.AsyncClient() as client:
        while True:
            (told,) = (await client.get(f"{where}/api/alerts")).json()["alerts"]
            if not told["delivery"].startswith("pending") or time.monotonic() > deadline:
                return told
            await asyncio.sleep(0.02)


async def test_an_alert_that_a_kill_interrupts_is_delivered_once_by_the_next_process(path, caplog):
    caplog.set_level(logging.ERROR, "asyncio")
    log = path.with_name("log")
    rule = {**RULE, "market": "demo", "threshold": 1.0, "once": True}
    async with listening([500]) as receiver:
        first = process(path, log)
        try:
            where = await served(log)
            async with httpx.AsyncClient() as client:
                rule["webhook"] = receiver.url
                answer = await client.post(f"{where}/api/alerts/rules", json=rule)
                assert answer.status_code == 200, answer.text
            await until(lambda: len(receiver.heard) >= 2, 30)
            # Right after a try: one that the kill meets would be answered for the dead process.
            await until(lambda: any(row["tries"] == 3 for row in kept(path)), 30)
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        log.write_text("")
        receiver.answers = [200]
        again = process(path, log)
        try:
            where = await served(log)
            await until(lambda: receiver.answered(200), 30)
            told = await ended(where)
        finally:
            again.send_signal(signal.SIGTERM)
            assert again.wait(10) == 0
    assert len(receiver.answered(200)) == 1
    assert {post.headers["idempotency-key"] for post in receiver.heard} == {told["id"]}
    assert told["delivery"].startswith("delivered after ")
    assert kept(path) == []
