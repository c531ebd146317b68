"""The HTTP interface: rules of alerts, and what fired."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

import pytest

from analytics.alerts import METRICS, AlertRule
from analytics.model import FeedStatus
from analytics.outcomes import Outcome
from tests.dashapp.web.test_api import RULE, refused


async def test_rules_are_added_listed_and_deleted(client):
    added = (await client.post("/api/alerts/rules", json=RULE)).json()["rule"]
    assert added["params"]["z_window"] == 60
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    assert [one["id"] for one in listed] == [added["id"]]
    assert listed[0]["paused"] is False
    assert (listed[0]["state"], listed[0]["waits_for"]) == ("armed", "")
    url = f"/api/alerts/rules?id={added['id']}"
    assert (await client.delete(url)).json() == {"deleted": added["id"]}
    await refused(client, 404, url, "DELETE")
    await refused(client, 400, "/api/alerts/rules", "DELETE")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metric": "mood"}, "metric is 'mood'"),
        ({"threshold": "2"}, "threshold is '2'"),
        ({"market": "nowhere"}, "market is 'nowhere'"),
        ({"params": {"y": "A", "x": "A"}}, "y and x are both A"),
        ({"formula": "1+1"}, "rule has 'formula'"),
    ],
)
async def test_a_wrong_rule_is_refused_by_its_field(client, changed, words):
    body = {**RULE, **changed}
    assert words in await refused(client, 400, "/api/alerts/rules", "POST", json=body)


async def test_what_fired_can_be_asked_for_by_market_and_time(client, runtime):
    runtime.alerts.add_rule({**RULE, "threshold": 0.0})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    await runtime.alerts.step()
    fired = (await client.get("/api/alerts?market=demo")).json()["alerts"]
    assert len(fired) == 1
    assert fired[0]["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert (await client.get("/api/alerts?market=live")).json() == {"alerts": []}
    later = f"/api/alerts?since={fired[0]['ts_ms'] + 1}"
    assert (await client.get(later)).json() == {"alerts": []}
    table = (await client.get("/export/demo/alerts.csv")).text.splitlines()
    assert len(table) == 2
    assert "BTCUSDT / ETHUSDT" in table[1]
    assert len((await client.get("/export/live/alerts.csv")).text.splitlines()) == 1
    everywhere = await client.get("/export/alerts.csv")
    assert everywhere.text.splitlines() == table
    assert "all-markets_alerts.csv" in everywhere.headers["content-disposition"]
    assert (await client.get("/export/alerts.parquet")).status_code == 404


async def test_the_export_of_alerts_tells_what_became_of_each(client, runtime):
    runtime.alerts.add_rule({**RULE, "threshold": 0.0})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    await runtime.alerts.step()
    record = runtime.alerts.history.records()[0]
    record.outcome = Outcome(7, -2.5, -3.25, 1.5, 7, True)
    record.delivery = "delivered at try 3"
    table = io.StringIO((await client.get("/export/demo/alerts.csv")).text)
    row = next(csv.DictReader(table))
    assert [row[one] for one in ("bars", "worst_z", "worst_bps", "net_bps", "delivery")] == [
        "7",
        "-2.5",
        "-3.25",
        "1.5",
        "delivered at try 3",
    ]
    record.outcome = None
    table = io.StringIO((await client.get("/export/demo/alerts.csv")).text)
    assert next(csv.DictReader(table))["net_bps"] == ""


async def test_the_documentation_names_every_field_of_a_rule_and_every_metric(client):
    words = (await client.get("/api")).text
    for one in (*METRICS, *(field.name for field in fields(AlertRule))):
        assert one == "created_ms" or one in words


async def test_the_newest_alerts_are_given_up_to_a_limit_and_of_markets_there_are(client, runtime):
    for symbol in ("BTCUSDT", "ETHUSDT"):
        watched = {"metric": "price", "operator": ">", "threshold": 1.0, "symbol": symbol}
        runtime.alerts.add_rule({"market": "demo", **watched})
    runtime.markets.status = lambda _: FeedStatus("demo", "live")
    fired = await runtime.alerts.step()
    newest = (await client.get("/api/alerts?limit=1")).json()["alerts"]
    assert [one["id"] for one in newest] == [fired[-1].id]
    await refused(client, 400, "/api/alerts?limit=0")
    await refused(client, 400, "/api/alerts?limit=10001")
    words = await refused(client, 404, "/api/alerts?market=nowhere")
    assert words == "there is no market 'nowhere', only: demo, live, demo-universe"
    del runtime.markets["demo"]
    assert len((await client.get("/api/alerts?market=demo")).json()["alerts"]) == 2, "history stays"
    later = await client.get("/api/alerts?market=demo&since=4000000000000")
    assert later.json() == {"alerts": []}


async def test_a_rule_that_cannot_be_evaluated_says_what_it_waits_for(client, runtime):
    for body in (RULE, {**RULE, "params": {"y": "BTCUSDT", "x": "NOSUCH"}}):
        assert (await client.post("/api/alerts/rules", json=body)).status_code == 200
    runtime.alerts.set_enabled(runtime.alerts.rules[0].id, False)
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    told = [(one["state"], one["waits_for"]) for one in listed]
    assert told == [("off", ""), ("waiting", "no symbol NOSUCH yet")]
    del runtime.markets["demo"]
    listed = (await client.get("/api/alerts/rules")).json()["rules"]
    assert listed[1]["waits_for"] == "market demo is gone"
