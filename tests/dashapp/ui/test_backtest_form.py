"""The form of a back-test's rules: what it keeps, what it refuses, what it holds at first."""

from __future__ import annotations

import json

from dash import no_update
from plotly.utils import PlotlyJSONEncoder

from analytics.backtest import BacktestParams
from analytics.model import PairParams
from dashapp.parameters.backtest import USUAL, as_held
from dashapp.parameters.pair import View, to_dict
from dashapp.parameters.table import BACKTEST
from dashapp.ui.pages.backtest import form


def held(**changes: str) -> dict[str, str]:
    return {**as_held(USUAL), **changes}


def test_a_legal_form_is_kept_with_its_link_and_no_field_has_a_message():
    made = form.collected(held(hedge_window="10,000"))
    assert form.settings_of(made["strategy"]) == BacktestParams(hedge_window=10_000)
    assert made["strategy"]["query"] == "strategy_window=10000"
    assert made["messages"] == dict.fromkeys(BACKTEST, "")


def test_a_wrong_field_has_its_message_and_the_rules_stay():
    made = form.collected(held(cost_bps="1,5"))
    assert made["strategy"] is no_update
    assert made["messages"]["cost_bps"] == "1,5 has a decimal comma: write 1.5"
    assert [name for name, words in made["messages"].items() if words] == ["cost_bps"]


def test_the_form_shows_what_a_link_asks_for_and_the_default_of_a_choice_that_is_none():
    asked = form.held_by(None, "?entry_z=1,5&hedge_mode=magic&stop_z=none")
    fields = [field.to_plotly_json() for field in form.fields(asked)]
    text = json.dumps(fields, cls=PlotlyJSONEncoder)
    assert '"value": "1,5"' in text
    assert "magic" not in text
    assert form.fields(asked)[list(BACKTEST).index("hedge_mode")].children[1].value == "rolling"
    for row in BACKTEST.values():
        assert f'"id": "{row.control}"' in text
        assert json.dumps(row.label) in text


def test_a_link_whose_rules_do_not_go_together_stands_in_the_form_with_its_messages():
    """Though the tab has stored it before the form is made."""
    search = "?entry_z=9&stop_z=3&max_bars=10"
    store = form.linked(form.from_query(search))
    assert form.held_by(store, search) == held(entry_z="9", stop_z="3", max_bars="10")
    told = form.collected(form.held_by(store, search))["messages"]
    assert [name for name, words in told.items() if words] == ["stop_z"]
    assert form.settings_of(store) == BacktestParams(stop_z=3.0, max_bars=10)
    assert store["query"] == "stop_z=3&max_bars=10"
    ((words, tone),) = form.replaced(store)
    assert words.endswith("Shown with the usual Entry |z| (2)")
    assert tone == "warn"
    assert not form.replaced(form.linked(held()))
    assert not form.replaced(None)
    legal = form.linked(form.from_query("?entry_z=1.5"))
    assert form.settings_of(legal) == BacktestParams(entry_z=1.5)
    assert legal["query"] == "entry_z=1.5"


def test_a_choice_of_a_link_that_there_is_not_is_told_until_another_is_made():
    """Its control holds the usual one, which is no choice of anybody."""
    store = form.linked(form.from_query("?sides=foo&max_bars=10"))
    shown = held(max_bars="10")
    made = form.collected(shown, None, store)
    assert made["strategy"] is no_update
    assert made["messages"]["sides"].startswith("foo: expected one of")
    assert form.replaced(store)[0][0].endswith("Shown with the usual Sides (Both)")
    again = form.collected({**shown, "sides": "long"}, None, store)
    assert form.settings_of(again["strategy"]) == BacktestParams(max_bars=10, sides="long")
    assert not any(again["messages"].values())


def test_what_is_typed_beside_a_wrong_rule_of_a_link_is_used():
    """Its field would show 7, the result use 2, and nothing say so."""
    store = form.linked(form.from_query("?entry_z=9"))
    made = form.collected(held(entry_z="9", cost_bps="7"), None, store)
    assert form.settings_of(made["strategy"]) == BacktestParams(cost_bps=7.0)
    assert form.replaced(made["strategy"])
    both = form.collected(held(entry_z="9", cost_bps="x"), None, made["strategy"])
    assert form.settings_of(both["strategy"]) == USUAL
    assert "Fee" in form.replaced(both["strategy"])[0][0]
    assert [name for name, words in both["messages"].items() if words] == ["cost_bps"]
    mended = form.collected(held(cost_bps="7"), None, both["strategy"])
    assert not form.replaced(mended["strategy"])


def test_an_entry_that_the_pairs_window_never_reaches_has_its_message_and_the_rules_stay():
    view = to_dict(View("demo", (), "1s", 1.0, PairParams("A", "B", z_window=5)))
    made = form.collected(held(), view)
    assert made["strategy"] is no_update
    words = "2: expected at most 1.78, the largest |z| of z window (5)"
    assert made["messages"]["entry_z"] == words
    reached = form.collected(held(entry_z="1.7"), view)
    assert form.settings_of(reached["strategy"]).entry_z == 1.7
    assert reached["messages"]["stop_z"].startswith("never stops: 4: expected at most 1.78")
    assert form.collected(held(), None)["messages"] == dict.fromkeys(BACKTEST, "")
