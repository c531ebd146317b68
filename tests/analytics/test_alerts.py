"""Alerts: an alert arrives once, when its condition becomes true."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.alerts import (
    METRICS,
    AlertRule,
    AlertState,
    Reading,
    RuleState,
    check_rule,
    describe,
    evaluate,
    parse_rule,
    rule_to_dict,
    would_have_fired,
)
from analytics.model import PairParams, ParameterError

PAIR = PairParams("BTCUSDT", "ETHUSDT")


def z_rule(**changes: Any) -> AlertRule:
    return replace(AlertRule("r1", "demo", "z", "abs>", 2.0, params=PAIR), **changes)


def fired_at(rule: AlertRule, values: list[float], step_ms: int = 1_000) -> list[int]:
    """Indices of the readings that fired when they come one by one."""
    state, hits = AlertState(), []
    for index, value in enumerate(values):
        events, state = evaluate([rule], [Reading(rule.key, index * step_ms, value)], state)
        hits += [index] * len(events)
    return hits


def test_a_rule_fires_when_it_becomes_true_and_not_while_it_stays_true() -> None:
    assert fired_at(z_rule(), [0.0, 2.5, 2.6, 1.9, 2.1, -2.5]) == [1, 4]


def test_a_rule_that_is_true_for_a_thousand_readings_fires_once() -> None:
    assert fired_at(z_rule(), [3.0] * 1_000) == [0]


def test_a_rule_already_true_at_its_first_reading_says_so() -> None:
    assert fired_at(z_rule(), [2.5, 2.5]) == [0]


def test_equality_with_the_threshold_is_not_beyond_it() -> None:
    assert fired_at(z_rule(), [2.0, -2.0]) == []
    assert fired_at(z_rule(operator="abs<"), [2.0, 1.99]) == [1]


@pytest.mark.parametrize(
    ("operator", "expected"), [(">", [1]), ("<", [2]), ("abs>", [1]), ("abs<", [0, 3])]
)
def test_each_operator_means_what_it_says(operator: str, expected: list[int]) -> None:
    threshold = -2.0 if operator == "<" else 2.0
    rule = z_rule(operator=operator, threshold=threshold)
    assert fired_at(rule, [0.0, 2.5, -2.5, 1.0]) == expected


def test_a_missing_reading_neither_fires_nor_rearms() -> None:
    nan, inf = math.nan, math.inf
    assert fired_at(z_rule(), [nan, 2.5, nan, 2.5, inf, 2.5, -inf]) == [1]
    assert fired_at(z_rule(), [nan, 1.0, nan, 2.5]) == [3]


def test_crossings_inside_the_cooldown_are_suppressed_and_not_made_up_for() -> None:
    rule = z_rule(cooldown_s=4.0)
    flicker = [3.0, 0.0] * 6
    assert fired_at(rule, flicker) == [0, 4, 8]
    assert fired_at(rule, [3.0, 0.0, 3.0, 3.0, 3.0, 3.0, 3.0]) == [0]


def test_suppressed_crossings_are_counted() -> None:
    rule = z_rule(cooldown_s=60.0)
    readings = [Reading(rule.key, i * 1_000, z) for i, z in enumerate([3.0, 0.0] * 5)]
    events, state = evaluate([rule], readings, AlertState())
    assert len(events) == 1
    assert state.rules["r1"].suppressed == 4


def test_the_cooldown_runs_on_the_market_clock_not_on_the_bar_time() -> None:
    rule = z_rule(cooldown_s=10.0)
    readings = [
        Reading(rule.key, 60_000, value, at_ms=at)
        for at, value in [(60_100, 3.0), (65_000, 0.0), (69_000, 3.0), (70_000, 0.0), (70_100, 3.0)]
    ]
    events, _ = evaluate([rule], readings, AlertState())
    assert [event.id for event in events] == ["r1:60000:1", "r1:60000:2"]


def test_a_replay_that_seeks_back_is_not_silenced_by_the_old_cooldown() -> None:
    rule = z_rule(cooldown_s=3_600.0)
    times = [(1_000_000, 3.0), (1_001_000, 0.0), (5_000, 3.0)]
    events, _ = evaluate([rule], [Reading(rule.key, t, z) for t, z in times], AlertState())
    assert [event.ts_ms for event in events] == [1_000_000, 5_000]


def test_a_closed_bar_is_read_once_however_often_it_is_delivered() -> None:
    for moment, expected in (("close", 1), ("update", 2)):
        rule = z_rule(on=moment)
        readings = [Reading(rule.key, 0, z) for z in (3.0, 0.0, 3.0)]
        assert len(evaluate([rule], readings, AlertState())[0]) == expected


def test_rules_on_closed_bars_do_not_see_the_readings_of_updates() -> None:
    closed, update = z_rule(on="close"), z_rule(id="r2")
    events, _ = evaluate([closed, update], [Reading(update.key, 0, 3.0)], AlertState())
    assert [event.rule_id for event in events] == ["r2"]


def test_a_disabled_rule_keeps_its_state() -> None:
    rule = z_rule()
    state = evaluate([rule], [Reading(rule.key, 0, 3.0)], AlertState())[1]
    off = replace(rule, enabled=False)
    events, state = evaluate([off], [Reading(rule.key, 1_000, 0.0)], state)
    assert events == []
    assert state.rules["r1"] == RuleState(True, 1, 0, 0, 0)
    assert evaluate([rule], [Reading(rule.key, 2_000, 3.0)], state)[0] == []


def test_a_rule_that_fires_once_is_spent_until_it_is_renewed_or_disabled_and_enabled() -> None:
    rule = z_rule(once=True)
    readings = [Reading(rule.key, i * 1_000, z) for i, z in enumerate([3.0, 0.0, 3.0, 0.0])]
    events, state = evaluate([rule], readings, AlertState())
    assert len(events) == 1
    assert state.spent == {"r1"}
    assert evaluate([rule], readings, state)[0] == []
    assert len(evaluate([rule], readings, state.renew("r1"))[0]) == 1
    state = evaluate([replace(rule, enabled=False)], [], state)[1]
    assert state.spent == frozenset()
    assert len(evaluate([rule], readings, state)[0]) == 1


def test_the_state_of_a_deleted_rule_is_forgotten() -> None:
    rule = z_rule()
    state = evaluate([rule], [Reading(rule.key, 0, 3.0)], AlertState())[1]
    assert evaluate([], [], state)[1].rules == {}


def test_a_silent_feed_pauses_its_rules_visibly() -> None:
    rule = z_rule()
    state = evaluate([rule], [Reading(rule.key, 0, 0.0)], AlertState())[1]
    events, state = evaluate([rule], [Reading(rule.key, 1_000, 3.0, paused=True)], state)
    assert events == []
    assert state.rules["r1"].paused
    assert not evaluate([rule], [Reading(rule.key, 1_000, math.nan)], state)[1].rules["r1"].paused
    events, state = evaluate([rule], [Reading(rule.key, 2_000, 3.0)], state)
    assert len(events) == 1
    assert not state.rules["r1"].paused


def test_evaluating_changes_nothing_that_was_given() -> None:
    rule, state = z_rule(), AlertState({"r1": RuleState()})
    evaluate([rule], [Reading(rule.key, 0, 3.0)], state)
    assert state == AlertState({"r1": RuleState()})


def test_rules_that_watch_the_same_thing_share_their_readings() -> None:
    two, three = z_rule(), z_rule(id="r2", threshold=3.0)
    assert two.key == three.key
    events, _ = evaluate([two, three], [Reading(two.key, 7_000, 2.5)], AlertState())
    assert [(event.rule_id, event.ts_ms) for event in events] == [("r1", 7_000)]


values = st.lists(
    st.sampled_from([0.0, 1.0, 2.0, 2.5, -2.5, 3.0, math.nan, math.inf]), min_size=1, max_size=60
)


@settings(max_examples=80, deadline=None)
@given(
    zs=values,
    operator=st.sampled_from([">", "<", "abs>", "abs<"]),
    cooldown=st.integers(0, 9),
    once=st.booleans(),
    chunk=st.integers(1, 20),
)
def test_chunks_rehearsal_and_a_plain_loop_agree(
    zs: list[float], operator: str, cooldown: int, once: bool, chunk: int
) -> None:
    rule = z_rule(operator=operator, cooldown_s=float(cooldown), once=once)
    state, live = AlertState(), []
    for start in range(0, len(zs), chunk):
        part = range(start, min(start + chunk, len(zs)))
        events, state = evaluate([rule], [Reading(rule.key, i * 1_000, zs[i]) for i in part], state)
        live += [event.ts_ms // 1_000 for event in events]
    expected, was_true, last = [], False, None
    for second, z in enumerate(zs):
        if math.isnan(z) or math.isinf(z):
            continue
        now_true = {">": z > 2, "<": z < 2, "abs>": abs(z) > 2, "abs<": abs(z) < 2}[operator]
        quiet = last is not None and (once or second - last < cooldown)
        if now_true and not was_true and not quiet:
            expected.append(second)
            last = second
        was_true = now_true
    assert live == expected
    times = np.arange(len(zs)) * 1_000
    assert would_have_fired(rule, times, zs).tolist() == expected


def test_a_rehearsal_needs_a_value_for_each_time() -> None:
    with pytest.raises(ValueError, match=r"values has shape \(1,\), expected that of ts_ms \(2,\)"):
        would_have_fired(z_rule(), [0, 1], [3.0])


@pytest.mark.parametrize(
    ("metric", "operator", "threshold", "value", "text"),
    [
        ("z", ">", 2.0, 2.314, "z +2.31 > 2: BTCUSDT rich against ETHUSDT"),
        ("z", "<", -2.0, -2.314, "z −2.31 < −2: BTCUSDT cheap against ETHUSDT"),
        ("z", "<", 0.5, 0.4, "z +0.40 < 0.5: BTCUSDT / ETHUSDT"),
        ("z", "abs<", 0.5, 0.4, "z +0.40, |z| < 0.5: BTCUSDT / ETHUSDT"),
        ("z", "<", 0.5, -0.001, "z 0.00 < 0.5: BTCUSDT cheap against ETHUSDT"),
        ("spread", ">", 10.0, 12.254321, "spread +12.254 > 10: BTCUSDT / ETHUSDT"),
        ("spread", "<", -250.0, -1312.54321, "spread −1,312.54 < −250: BTCUSDT / ETHUSDT"),
        ("spread", ">", 0.001, 0.00123456, "spread +0.0012346 > 0.001: BTCUSDT / ETHUSDT"),
        ("correlation", "<", 0.5, -0.41234, "correlation −0.41 < 0.5: BTCUSDT / ETHUSDT"),
        ("correlation", "<", 0.5, 0.41, "correlation +0.41 < 0.5: BTCUSDT / ETHUSDT"),
        ("adf_pvalue", "<", 0.05, 0.03217, "ADF p-value 0.032 < 0.05: BTCUSDT / ETHUSDT"),
        ("adf_pvalue", "<", 0.05, 1e-9, "ADF p-value under 0.001 < 0.05: BTCUSDT / ETHUSDT"),
    ],
)
def test_an_alert_speaks_in_words(
    metric: str, operator: str, threshold: float, value: float, text: str
) -> None:
    rule = z_rule(metric=metric, operator=operator, threshold=threshold)
    assert describe(rule, value) == text


def test_an_alert_names_the_trade_in_the_words_that_it_is_given() -> None:
    def words(side: int, beta: float, y: str, x: str) -> str:
        return f"{side} of {y} and {x} at {beta}"

    rich = Reading(z_rule().key, 0, 2.314, beta=0.5)
    (event,), _ = evaluate([z_rule()], [rich], AlertState(), words)
    assert event.text == "z +2.31, |z| > 2: BTCUSDT rich, -1 of BTCUSDT and ETHUSDT at 0.5"
    assert describe(z_rule(), -2.314, -0.5, words).endswith("1 of BTCUSDT and ETHUSDT at -0.5")
    inside = z_rule(operator="abs<", threshold=0.5)
    assert describe(inside, 0.4, 0.5, words) == "z +0.40, |z| < 0.5: BTCUSDT / ETHUSDT"


def test_an_alert_whose_beta_is_not_known_names_no_trade() -> None:
    def words(side: int, beta: float, y: str, x: str) -> str:
        raise AssertionError("there is no trade to word")

    event = evaluate([z_rule()], [Reading(z_rule().key, 0, 2.314)], AlertState(), words)[0][0]
    assert event.text == "z +2.31, |z| > 2: BTCUSDT rich against ETHUSDT"


def test_alerts_on_a_symbol_or_a_market_name_it() -> None:
    price = AlertRule("r", "live", "price", ">", 67_000.0, symbol="BTCUSDT")
    assert describe(price, 67_000.5) == "price 67,000.50 > 67,000: BTCUSDT"
    small = AlertRule("r", "live", "price", "<", 0.05, symbol="DOGEUSDT")
    assert describe(small, 0.0491234567) == "price 0.049123 < 0.05: DOGEUSDT"
    volume = AlertRule("r", "live", "volume", ">", 1_000.0, symbol="BTCUSDT")
    assert describe(volume, 1_234.56789) == "volume 1,234.57 > 1,000: BTCUSDT"
    silent = AlertRule("r", "live", "feed_silent", ">", 10.0)
    assert describe(silent, 12.34) == "seconds of silence 12.3 > 10: market live"
    assert silent.symbols == ()


def test_a_rule_survives_json() -> None:
    for rule in (
        z_rule(cooldown_s=60.0, once=True, on="close", enabled=False, created_ms=1_700_000_000_000),
        AlertRule("r2", "live", "price", "<", 1.5, symbol="ETHUSDT"),
        AlertRule("r3", "live", "feed_silent", ">", 30.0),
    ):
        assert parse_rule(json.loads(json.dumps(rule_to_dict(rule)))) == rule


GOOD: dict[str, Any] = {
    "id": "r1",
    "market": "demo",
    "metric": "z",
    "operator": "abs>",
    "threshold": 2,
    "params": {"y": "BTCUSDT", "x": "ETHUSDT"},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": ""}, "id is '', expected text of 1 to 64 printable characters"),
        ({"id": 7}, "id is 7,"),
        ({"id": "a\nb"}, r"id is 'a\\nb', expected text"),
        ({"market": None}, "market is None,"),
        ({"metric": "zz"}, "metric is 'zz', expected one of z, spread,"),
        ({"metric": ["z"]}, r"metric is \['z'\],"),
        ({"operator": "=="}, "operator is '==', expected one of >, <, abs>, abs<"),
        ({"threshold": "2"}, "threshold is '2', expected a number"),
        ({"threshold": True}, "threshold is True,"),
        ({"threshold": math.nan}, "threshold is nan,"),
        ({"threshold": 10**400}, "threshold is 1"),
        ({"threshold": -1}, "threshold is -1, expected a number of at least 0"),
        ({"metric": "correlation", "threshold": 1.5}, "threshold is 1.5, .* from 0 to 1"),
        ({"threshold": 8}, "threshold is 8.*at most 7.61, the largest .z. of z_window .60"),
        ({"operator": ">", "threshold": 8}, "at most 7.61"),
        ({"operator": "<", "threshold": -8}, "threshold is -8.*at least -7.61, the smallest z of"),
        ({"cooldown_s": -1}, "cooldown_s is -1, expected a number from 0 to"),
        ({"once": "yes"}, "once is 'yes', expected true or false"),
        ({"on": "tick"}, "on is 'tick', expected one of update, close"),
        (
            {"metric": "feed_silent", "operator": ">", "params": None, "on": "close"},
            "on is 'close', expected one of update",
        ),
        ({"enabled": 1}, "enabled is 1,"),
        ({"created_ms": -5}, "created_ms is -5,"),
        ({"params": None}, "params is None, expected the fields of a pair"),
        ({"params": {"y": "BTCUSDT"}}, "params.x is None, expected one like BTCUSDT"),
        ({"params": {"y": "<b>", "x": "ETHUSDT"}}, "params.y is '<b>'"),
        ({"params": {"y": "A", "x": "B", "colour": 1}}, "params has 'colour', expected only y, x"),
        ({"params": {"y": "A", "x": "B", "z_window": 1}}, "z_window is 1, expected"),
        ({"params": {"y": "A", "x": "B", "intercept": "no"}}, "params.intercept is 'no'"),
        ({"symbol": "BTCUSDT"}, "symbol is 'BTCUSDT', expected none for the metric z"),
        ({"metric": "price", "operator": ">"}, "params is given, expected none for .* price"),
        ({"metric": "price", "operator": ">", "params": None}, "symbol is None, expected one like"),
        ({"colour": "red"}, "rule has 'colour', expected only id, market,"),
    ],
)
def test_a_bad_rule_is_refused_with_the_field_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule({**GOOD, **changes})


@pytest.mark.parametrize(("operator", "threshold"), [("abs<", 8), ("<", 8), ("<", -7.6)])
def test_a_threshold_that_z_reaches_from_beyond_is_legal(operator: str, threshold: float) -> None:
    assert parse_rule({**GOOD, "operator": operator, "threshold": threshold}).threshold == threshold


@pytest.mark.parametrize("field", ["id", "market", "metric", "operator", "threshold", "params"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        parse_rule({name: value for name, value in GOOD.items() if name != field})


def test_a_rule_that_was_stored_before_the_turnover_filter_asks_for_none() -> None:
    older = {name: value for name, value in asdict(PAIR).items() if name != "min_volume"}
    rule = parse_rule({**GOOD, "params": older})
    assert rule.params == PAIR
    assert rule.params.min_volume == 0.0


def test_a_rule_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="rule is 3, expected an object"):
        parse_rule(3)  # type: ignore[arg-type]


def test_every_metric_can_be_parsed_with_each_of_its_operators() -> None:
    for name, metric in METRICS.items():
        subject = {"params": GOOD["params"] if metric.subject == "pair" else None}
        if metric.subject == "symbol":
            subject["symbol"] = "BTCUSDT"
        for operator in metric.operators:
            mapping = {**GOOD, **subject, "metric": name, "operator": operator, "threshold": 0.5}
            assert parse_rule(mapping).operator == operator


@pytest.mark.parametrize(
    ("metric", "operator", "never", "just"),
    [
        ("correlation", ">", 1.0, 0.99),
        ("correlation", "<", -1.0, -0.99),
        ("correlation", "abs>", 1.0, 0.99),
        ("adf_pvalue", ">", 1.0, 0.99),
        ("adf_pvalue", "<", 0.0, 0.01),
        ("engle_granger_pvalue", "<", 0.0, 0.01),
        ("spread", "abs<", 0.0, 0.01),
        ("price", "<", 0.0, 0.01),
        ("volume", "<", 0.0, 0.01),
    ],
)
def test_a_threshold_that_the_metric_never_crosses_is_refused(metric, operator, never, just):
    on = {"symbol": "A"} if METRICS[metric].subject == "symbol" else {"params": PAIR}
    rule = AlertRule("r", "demo", metric, operator, never, **on)
    with pytest.raises(ParameterError, match="expected a number") as refused:
        check_rule(rule)
    assert refused.value.field == "threshold"
    assert parse_rule(rule_to_dict(rule)) == rule, "one that was kept stays"
    check_rule(replace(rule, threshold=just))


def test_a_p_value_of_more_rows_than_are_in_view_is_refused():
    pair = replace(PAIR, adf_window=1_200)
    with pytest.raises(
        ParameterError, match=r"adf_window is 1200, expected at most limit \(1000\)"
    ):
        check_rule(AlertRule("r", "demo", "adf_pvalue", "<", 0.05, pair))
    check_rule(z_rule(params=pair))


@pytest.mark.parametrize(
    ("metric", "pair", "field"),
    [
        ("correlation", {"limit": 100, "corr_window": 101}, "corr_window"),
        ("engle_granger_pvalue", {"limit": 59, "z_window": 30}, "limit"),
        ("adf_pvalue", {"limit": 377, "spread_mode": "rolling"}, "limit"),
    ],
)
def test_a_rule_whose_metric_is_never_there_is_refused(metric, pair, field):
    rule = AlertRule("r", "demo", metric, "<", 0.05, params=PairParams("A", "B", **pair))
    with pytest.raises(ParameterError, match=f"^{field} is"):
        check_rule(rule)
    enough = {**pair, "limit": pair["limit"] + 1}
    check_rule(replace(rule, params=PairParams("A", "B", **enough)))
