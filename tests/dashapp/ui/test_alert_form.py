"""The form of an alert rule: read by the table, refused at the field that is wrong."""

from __future__ import annotations

import contextlib
import inspect
import json

import pytest
from fastapi import FastAPI
from plotly.utils import PlotlyJSONEncoder

from analytics.alerts import METRICS, parse_rule
from analytics.model import PairParams
from dashapp.parameters.pair import View, to_dict
from dashapp.parameters.table import ALERT
from dashapp.services.alerts.arming import arm
from dashapp.services.runtime import Runtime
from dashapp.settings import Settings
from dashapp.ui.app import create_app
from dashapp.ui.pages.alerts import form
from ingestion.url_guard import UrlRefusedError

PAIR = PairParams("BTCUSDT", "ETHUSDT")
VIEW = View("demo", ("SOLUSDT",), "1s", 2.0, PAIR)
ALONE = View("demo", ("SOLUSDT",), "1s", 2.0, None)
HELD = {name: row.control_value(row.default) for name, row in ALERT.items()}


def test_the_form_as_it_opens_is_a_rule_on_the_pair_in_view():
    fields, errors = form.check(VIEW, HELD, True)
    assert errors == {}
    rule = parse_rule({"id": "form", **fields})
    assert (rule.market, rule.params, rule.threshold, rule.cooldown_s) == ("demo", PAIR, 2.0, 60.0)
    assert (rule.hysteresis, rule.webhook, rule.once) == (0.0, None, False)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_watched_on_its_own_subject(metric):
    operator = METRICS[metric].operators[0]
    threshold = {"z": "2"}.get(metric, "0.5" if METRICS[metric].high == 1.0 else "20,000")
    raw = {**HELD, "metric": metric, "operator": operator, "threshold": threshold}
    fields, errors = form.check(VIEW, raw, True)
    assert errors == {}
    subject = METRICS[metric].subject
    assert ("params" in fields, "symbol" in fields) == (subject == "pair", subject == "symbol")
    assert fields.get("symbol", "BTCUSDT") == "BTCUSDT"


def test_a_symbol_is_watched_where_there_is_no_pair():
    raw = {**HELD, "metric": "price", "operator": ">"}
    assert form.check(ALONE, raw, True)[0]["symbol"] == "SOLUSDT"
    assert form.check(ALONE, HELD, True) == (None, {form.WHOLE: "this market has no pair to watch"})


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"threshold": "2,5"}, {"threshold": "2,5 has a decimal comma: write 2.5"}),
        ({"threshold": ""}, {"threshold": "empty: expected a number"}),
        ({"threshold": "1_0"}, {"threshold": "1_0: expected a number"}),
        ({"threshold": "-1"}, {"threshold": "-1: expected a number of at least 0"}),
        ({"hysteresis": "3"}, {"hysteresis": "3: expected a number from 0 to 2"}),
        ({"cooldown_s": "-1"}, {"cooldown_s": "-1: expected a number from 0 to 31,536,000"}),
        ({"metric": "luck"}, {"metric": "luck: expected one of " + ", ".join(METRICS)}),
        (
            {"metric": "price", "operator": "abs>"},
            {"operator": "abs>: expected one of >, <"},
        ),
        (
            {"metric": "feed_silent", "operator": ">", "on": "close"},
            {"on": "close: expected one of update"},
        ),
        (
            {"threshold": "a", "cooldown_s": "b"},
            {
                "threshold": "a: expected a number",
                "cooldown_s": "b: expected a number from 0 to 31,536,000",
            },
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_field(changes, errors):
    assert form.check(VIEW, {**HELD, **changes}, True) == (None, errors)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://key@host/x", "reaches no service: refused"),
        ("https://" + "x" * 2_048, "expected a URL that begins with http:// or https://"),
        ("http://169.254.169.254/", "169.254.169.254"),
        ("http://a b/", "URL holds blanks"),
    ],
)
def test_an_address_that_no_webhook_may_have_is_told_at_its_field(url, words):
    fields, errors = form.check(VIEW, {**HELD, "webhook": url}, True)
    assert fields is None
    assert words in errors["webhook"]
    assert "key@" not in errors["webhook"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hook", "http://192.168.1.7/hook"])
def test_a_private_address_is_refused_where_other_machines_reach_the_server(url):
    raw = {**HELD, "webhook": url}
    assert form.check(VIEW, raw, True)[0]["webhook"] == url
    fields, errors = form.check(VIEW, raw, False)
    assert fields is None
    assert list(errors) == ["webhook"]
    assert "127.0.0.1" in errors["webhook"] or "192.168.1.7" in errors["webhook"]


@pytest.mark.parametrize(("options", "told"), [({}, True), ({"allow_local": True}, False)])
async def test_the_form_judges_a_webhook_as_the_alert_engine_does(monkeypatch, options, told):
    monkeypatch.setattr(form, "clicked", lambda _: False)
    settings = Settings(source="none", archive=None, host="0.0.0.0", token="t" * 16, **options)
    runtime = Runtime(settings)
    app = create_app(runtime, FastAPI())
    key = next(name for name in app.callback_map if f"{ALERT['webhook'].control}-message" in name)
    answer = inspect.unwrap(app.callback_map[key]["callback"])
    raw = {**HELD, "webhook": "http://127.0.0.1:9/hook"}
    found = await answer(None, raw, {**to_dict(VIEW), "query": ""})
    assert bool(found["messages"]["webhook"]) == told
    fields = {"market": "demo", "metric": "feed_silent", "operator": ">", "threshold": 5.0}
    refused = pytest.raises(UrlRefusedError) if told else contextlib.nullcontext()
    with refused:
        runtime.alerts.add_rule({**fields, "webhook": raw["webhook"]})


@pytest.mark.parametrize("url", [None, "", "  "])
def test_a_rule_without_an_address_has_no_webhook(url):
    assert "webhook" not in form.check(VIEW, {**HELD, "webhook": url}, True)[0]


def test_every_field_of_the_form_is_a_row_with_room_for_its_message():
    text = json.dumps(form.layout().to_plotly_json(), cls=PlotlyJSONEncoder)
    for row in ALERT.values():
        assert f'"id": "{row.control}"' in text
        assert json.dumps(row.label) in text
        assert (f'"id": "{row.control}-message"' in text) == (row.kind != "switch")


def test_a_rule_that_a_pair_can_never_fire_is_refused_in_the_words_of_its_fields(runtime):
    pair = PairParams("BTCUSDT", "ETHUSDT", spread_mode="rolling", limit=200)
    armed = arm(runtime.alerts, "demo", pair, 2.0)
    assert armed.words == (
        "Bars in view: 200: expected at least 260: the hedge takes 200 rows before those of "
        "z window (60)"
    )
    assert not runtime.alerts.rules
