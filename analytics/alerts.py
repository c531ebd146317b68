"""Alert rules: when a reading crosses a threshold, said once.

Pure: rules and readings go in, events and a new state come out. A rule fires when its
condition becomes true, not while it stays true and not within its cooldown. What counts
as becoming true:

- the first reading of a rule, when it is already true: whoever sets a rule wants to hear
  at once that the market is already there;
- a true reading after a false one. A reading that is NaN or infinite (a warm-up, a gap)
  is neither: it does not fire and does not re-arm. With a hysteresis a condition that was
  true stays so until the value has come back by that much.

A crossing inside the cooldown is counted as suppressed and is not made up for later; the
condition must become false and true again. The cooldown runs on the market's clock
(`Reading.at_ms`), so a replay at any speed fires exactly as the live market did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics._alert_rules import (
    COOLDOWN_RANGE,
    METRICS,
    MOMENTS,
    OPERATORS,
    AlertRule,
    Metric,
    check_rule,
    parse_rule,
    rule_to_dict,
)
from analytics.arrays import aligned, check_times
from analytics.model import IntArray, ParameterError

__all__ = [
    "COOLDOWN_RANGE",
    "METRICS",
    "MOMENTS",
    "OPERATORS",
    "AlertEvent",
    "AlertRule",
    "AlertState",
    "Metric",
    "Reading",
    "RuleState",
    "check_rule",
    "describe",
    "evaluate",
    "is_outward",
    "parse_rule",
    "rule_to_dict",
    "would_have_fired",
]

#: Decimals in texts; those of what is not named here go by its size.
_DIGITS = {"z": 2, "correlation": 2, "adf_pvalue": 3, "engle_granger_pvalue": 3, "feed_silent": 1}
_OF_THE_RULE = ("market", "symbols", "metric", "operator", "threshold")


@dataclass(frozen=True)
class Reading:
    """A value of what rules with this key watch.

    ts_ms: open time of the bar it belongs to. at_ms: the market's clock when it was taken
    (the newest tick's exchange time), None for ts_ms. paused: the feed is silent, so the
    value is stale; it neither fires nor re-arms, and its rules show as paused. beta: hedge
    ratio that a pair's z-score rests on, NaN where it is not known.
    """

    key: tuple[Any, ...]
    ts_ms: int
    value: float
    at_ms: int | None = None
    paused: bool = False
    beta: float = math.nan


#: Words of a trade, from the side of the spread (1 or -1), beta, and the symbols Y and X.
TradeWords = Callable[[int, float, str, str], str]


@dataclass(frozen=True)
class AlertEvent:
    """An alert that fired. ts_ms: the bar's own time. text: the alert in words.

    id: made of rule, time and count, so one crossing seen twice has one id.
    """

    id: str
    rule_id: str
    ts_ms: int
    market: str
    symbols: tuple[str, ...]
    metric: str
    operator: str
    threshold: float
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class RuleState:
    """What is remembered of a rule between readings.

    active: its condition was true at the last finite reading. fired_at_ms: market time of
    its last event. last_ts_ms: bar of the last reading taken. spent: a `once` rule that has
    fired; cleared when the rule is seen disabled, or by `AlertState.renew`.
    """

    active: bool = False
    fired: int = 0
    suppressed: int = 0
    fired_at_ms: int | None = None
    last_ts_ms: int | None = None
    paused: bool = False
    spent: bool = False


@dataclass(frozen=True)
class AlertState:
    """The states of all rules, by rule id. Start from `AlertState()`."""

    rules: Mapping[str, RuleState] = field(default_factory=dict)

    @property
    def spent(self) -> frozenset[str]:
        """Ids of the `once` rules that have fired and should now be saved as disabled."""
        return frozenset(rule_id for rule_id, state in self.rules.items() if state.spent)

    def renew(self, rule_id: str) -> AlertState:
        """The state with a `once` rule ready to fire again when its condition becomes true."""
        known = self.rules.get(rule_id, RuleState())
        return AlertState({**self.rules, rule_id: replace(known, spent=False)})

    def begin(self, rule_ids: Iterable[str]) -> AlertState:
        """The state with these rules as if their market had just begun; only the counts stay."""
        fired = {one: self.rules.get(one, RuleState()).fired for one in rule_ids}
        fresh = {rule_id: RuleState(fired=count) for rule_id, count in fired.items()}
        return AlertState({**self.rules, **fresh})


def _step(
    rule: AlertRule, state: RuleState, ts_ms: int, at_ms: int, value: float
) -> tuple[RuleState, bool]:
    """The state after one reading, and whether it fires. The one place that decides."""
    if not math.isfinite(value) or (rule.on == "close" and ts_ms == state.last_ts_ms):
        return state, False
    true = rule.still_holds(value) if state.active else rule.holds(value)
    becomes_true = true and not state.active and not (rule.once and state.spent)
    fires = becomes_true and not _cooling(rule, state, at_ms)
    if fires:
        spent = state.spent or rule.once
        return RuleState(True, state.fired + 1, state.suppressed, at_ms, ts_ms, False, spent), True
    if true == state.active and ts_ms == state.last_ts_ms:
        return state, False
    suppressed = state.suppressed + becomes_true
    return replace(state, active=true, suppressed=suppressed, last_ts_ms=ts_ms), False


def _cooling(rule: AlertRule, state: RuleState, at_ms: int) -> bool:
    """Whether the cooldown of the last event still runs. Going back in time ends it."""
    if state.fired_at_ms is None or at_ms < state.fired_at_ms:
        return False
    return at_ms - state.fired_at_ms < rule.cooldown_s * 1_000


def evaluate(
    rules: Sequence[AlertRule],
    readings: Iterable[Reading],
    state: AlertState,
    trade_words: TradeWords | None = None,
) -> tuple[list[AlertEvent], AlertState]:
    """The events that the readings cause, in order of readings, and the state after them.

    A disabled rule keeps its state and does nothing; the state of a rule that is not among
    `rules` any more is forgotten. Readings that no rule watches are passed over. The caller
    saves the rules in `state.spent` as disabled. trade_words: see `describe`.

    >>> rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="BTCUSDT")
    >>> prices = [99.0, 101.0, 102.0, 98.0, 103.0]
    >>> readings = [Reading(rule.key, second * 1000, p) for second, p in enumerate(prices)]
    >>> events, state = evaluate([rule], readings, AlertState())
    >>> [event.text for event in events]
    ['price 101.00 > 100: BTCUSDT', 'price 103.00 > 100: BTCUSDT']
    """
    states: dict[str, RuleState] = {}
    watching: dict[tuple[Any, ...], list[AlertRule]] = {}
    for rule in rules:
        known = state.rules.get(rule.id, RuleState())
        if rule.enabled:
            watching.setdefault(rule.key, []).append(rule)
        elif known.spent:
            known = replace(known, spent=False)
        states[rule.id] = known
    events = []
    for reading in readings:
        for rule in watching.get(reading.key, ()):
            before = states[rule.id]
            if reading.paused != before.paused:
                before = states[rule.id] = replace(before, paused=reading.paused)
            if reading.paused:
                continue
            at_ms = reading.ts_ms if reading.at_ms is None else reading.at_ms
            states[rule.id], fires = _step(rule, before, reading.ts_ms, at_ms, reading.value)
            if fires:
                text = describe(rule, reading.value, reading.beta, trade_words)
                events.append(_event(rule, reading, states[rule.id].fired, text))
    return events, AlertState(states)


def would_have_fired(
    rule: AlertRule,
    ts_ms: npt.ArrayLike,
    values: npt.ArrayLike,
    from_ms: int | None = None,
) -> IntArray:
    """Indices of the readings at which a new rule would have fired, ascending.

    ts_ms, values: shape (n,), one reading a bar, the newest last; NaN where there is none.
    The same logic as `evaluate`, whether or not the rule is enabled. from_ms: only what fires
    from that time on is told; the readings before it decide whether the condition is new there,
    so that a view which slides on keeps its marks. A `once` rule fires once from there on.

    Raises ValueError when the two are not equally long, or times fall or repeat. Series whose
    indexes differ are joined on them.

    >>> rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="BTCUSDT", cooldown_s=3)
    >>> would_have_fired(rule, [0, 1000, 2000, 3000], [101.0, 99.0, 101.0, 99.0]).tolist()
    [0]
    """
    ts_ms, values = aligned(("ts_ms", "values"), (ts_ms, values))
    check_times("values", values)
    times = np.asarray(ts_ms, dtype=np.int64)
    numbers = np.asarray(values, dtype=np.float64)
    if times.shape != numbers.shape or times.ndim != 1:
        raise ValueError(f"values has shape {numbers.shape}, expected that of ts_ms {times.shape}")
    if (falls := np.diff(times) <= 0).any():
        row = int(np.argmax(falls)) + 1
        legal = f"a time after {times[row - 1]}, that of the reading before"
        raise ParameterError(f"ts_ms[{row}]", int(times[row]), legal)
    every, state = replace(rule, once=False), RuleState()
    hits = []
    for index, (ts, value) in enumerate(zip(times.tolist(), numbers.tolist(), strict=True)):
        state, fires = _step(every, state, ts, ts, value)
        if fires and (from_ms is None or ts >= from_ms):
            hits.append(index)
            if rule.once:
                break
    return np.array(hits, dtype=np.int64)


def _event(rule: AlertRule, reading: Reading, count: int, text: str) -> AlertEvent:
    same = {name: getattr(rule, name) for name in _OF_THE_RULE}
    event_id = f"{rule.id}:{reading.ts_ms}:{count}"
    return AlertEvent(event_id, rule.id, reading.ts_ms, value=reading.value, text=text, **same)


def describe(
    rule: AlertRule,
    value: float,
    beta: float = math.nan,
    trade_words: TradeWords | None = None,
) -> str:
    """The alert in words.

    beta: hedge ratio that a z-score rests on. trade_words: words the trade that a z-score
    beyond its threshold suggests; without it, or without beta, the alert names no trade.

    >>> from analytics.model import PairParams
    >>> pair = PairParams("BTCUSDT", "ETHUSDT")
    >>> rule = AlertRule("r", "demo", "z", "abs>", 2.0, params=pair)
    >>> describe(rule, -2.31)
    'z −2.31, |z| > 2: BTCUSDT cheap against ETHUSDT'
    >>> describe(rule, -2.31, 0.5, lambda side, beta, y, x: f"buy {y}, sell {x}")
    'z −2.31, |z| > 2: BTCUSDT cheap, buy BTCUSDT, sell ETHUSDT'
    """
    label = METRICS[rule.metric].label
    size = f", |{label}|" if rule.operator.startswith("abs") else ""
    condition = f"{size} {rule.operator[-1]} {_minus(f'{rule.threshold:,.10g}')}"
    return f"{label} {_shown(rule, value)}{condition}: {_subject(rule, value, beta, trade_words)}"


def _shown(rule: AlertRule, value: float) -> str:
    """A reading in the digits of its metric; prices and spreads in those of their size.

    >>> _shown(AlertRule("r", "demo", "price", ">", 60_000.0, symbol="BTCUSDT"), 61_800.1234)
    '61,800.12'
    """
    if rule.metric.endswith("_pvalue") and value < 0.001:
        return "under 0.001"
    digits = _DIGITS.get(rule.metric)
    if digits is None:
        digits = _digits_of_size(max(abs(value), abs(rule.threshold)))
    value = round(value, digits) + 0.0  # no minus before a zero
    sign = "+" if value and "abs>" in METRICS[rule.metric].operators else ""
    return _minus(f"{value:{sign},.{digits}f}")


def _digits_of_size(size: float) -> int:
    """How many decimals a number of this size takes: 2 from 100 on, else five digits in all."""
    if not size or size >= 100:
        return 2
    return min(4 - math.floor(math.log10(size)), 10)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def is_outward(operator: str, value: float) -> bool:
    """Whether a reading that meets a condition is away from 0 by it, as a trade's signal is.

    >>> is_outward("abs>", -2.1), is_outward("<", -2.1), is_outward("<", 0.3)
    (True, True, False)
    """
    return operator == "abs>" or operator == (">" if value > 0 else "<")


def _subject(rule: AlertRule, value: float, beta: float, trade_words: TradeWords | None) -> str:
    """Whom the alert is about; for a z-score beyond its threshold, what to do about it."""
    if rule.params is None:
        return rule.symbol or f"market {rule.market}"
    y, x = rule.params.y, rule.params.x
    if rule.metric != "z" or not is_outward(rule.operator, value):
        return f"{y} / {x}"
    stands, side = ("rich", -1) if value > 0 else ("cheap", 1)
    if trade_words is None or not math.isfinite(beta):
        return f"{y} {stands} against {x}"
    return f"{y} {stands}, {trade_words(side, beta, y, x)}"
