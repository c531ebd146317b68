"""The watchlist over HTTP."""

from __future__ import annotations

from tests.dashapp.web.test_api import PAIR, RULE, refused

URL = "/api/watchlist"


async def test_a_pair_is_watched_once_and_left_out(client, runtime):
    body = {"market": "demo", "params": PAIR, "z_threshold": 2.5}
    first = (await client.put(URL, json=body)).json()
    assert (first["z_threshold"], first["state"]) == (2.5, "not enough data")
    again = (await client.put(URL, json={**body, "z_threshold": 3})).json()
    assert (again["id"], again["z_threshold"]) == (first["id"], 3.0)
    runtime.markets.fillers["demo"] = None
    runtime.markets.status = lambda _: type("S", (), {"state": "live"})
    await runtime.watchlist.step()
    (row,) = (await client.get(URL)).json()["pairs"]
    assert row["z"] is not None
    assert row["params"]["z_window"] == 60
    assert row["state"] in ("inside", "beyond")
    gone = await client.delete(f"{URL}?id={row['id']}")
    assert gone.json() == {"deleted": row["id"]}
    assert (await client.get(URL)).json() == {"pairs": []}
    words = await refused(client, 404, f"{URL}?id={row['id']}", "DELETE")
    assert words == f"there is no watched pair {row['id']!r}"


async def test_what_is_no_pair_is_refused_in_words(client):
    for body, status, words in (
        ({"params": PAIR}, 400, "market is missing"),
        ({"market": "moon", "params": PAIR}, 404, "there is no market 'moon'"),
        ({"market": "demo", "params": {**PAIR, "z_window": 1}}, 400, "z_window is 1"),
        ({"market": "demo", "params": PAIR, "z_threshold": -1}, 400, "z_threshold is -1"),
        ({"market": "demo", "params": PAIR, "colour": 1}, 400, "pair has 'colour', expected only"),
        ({"market": "demo", "params": {**PAIR, "tf": 1}}, 400, "params has 'tf', expected only y"),
    ):
        assert (await refused(client, status, URL, "PUT", json=body)).startswith(words)


async def test_a_rule_is_copied_to_every_watched_pair(client, runtime):
    for window in (30, 40):
        body = {"market": "demo", "params": {**PAIR, "z_window": window}}
        assert (await client.put(URL, json=body)).status_code == 200
    rule = runtime.alerts.add_rule({**RULE, "id": "mine"})
    copied = (await client.post(f"{URL}/rules", json={"rule": "mine"})).json()
    assert (len(copied["added"]), copied["there_already"], copied["refused"]) == (2, 0, "")
    copies = [each for each in runtime.alerts.rules if each.id in copied["added"]]
    assert {each.params.z_window for each in copies} == {30, 40}
    assert {each.threshold for each in copies} == {rule.threshold}
    assert "no alert rule" in await refused(
        client, 404, f"{URL}/rules", "POST", json={"rule": "r9"}
    )
