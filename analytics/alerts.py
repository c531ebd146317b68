"""Alert rules: when a reading crosses a threshold, said once.

Pure: rules and readings go in, events and a new state come out. A rule fires when its
condition becomes true, not while it stays true and not within its cooldown. What counts
as becoming true:

- the first reading of a rule, when it is already true: whoever sets a rule wants to hear
  at once that the market is already there;
- a true reading after a false one. A reading that is NaN or infinite (a warm-up, a gap)
  is neither: it does not fire and does not re-arm.

A crossing inside the cooldown is counted as suppressed and is not made up for later; the
condition must become false and true again. The cooldown runs on the market's clock
(`Reading.at_ms`), so a replay at any speed fires exactly as the live market did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.model import SYMBOL_PATTERN, IntArray, PairParams


class Metric(NamedTuple):
    """What a rule can watch: its name in texts, its subject, legal operators and thresholds."""

    label: str
    subject: str
    operators: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf


_EITHER_SIDE = (">", "<", "abs>", "abs<")

#: Every metric a rule can watch. One more line here is one more metric; `subject` is
#: "pair" (needs params), "symbol" (needs symbol) or "market" (symbol is optional).
METRICS: dict[str, Metric] = {
    "z": Metric("z", "pair", _EITHER_SIDE),
    "spread": Metric("spread", "pair", _EITHER_SIDE),
    "correlation": Metric("correlation", "pair", _EITHER_SIDE, -1.0, 1.0),
    "adf_pvalue": Metric("ADF p-value", "pair", (">", "<"), 0.0, 1.0),
    "price": Metric("price", "symbol", (">", "<"), 0.0),
    "volume": Metric("volume", "symbol", (">", "<"), 0.0),
    "feed_silent": Metric("seconds of silence", "market", (">",), 0.0),
}
#: Evaluated on every reading, or only on the readings of closed bars.
MOMENTS: tuple[str, ...] = ("update", "close")
_OF_THE_RULE = ("market", "symbols", "metric", "operator", "threshold")
_TEXT_LIMIT = 64
_LARGEST = 1e300


@dataclass(frozen=True)
class AlertRule:
    """A condition on one metric of one market.

    params: the pair, for the metrics of a pair; symbol: for price and volume (and, if
    wanted, for feed_silent, whose value and threshold are seconds). threshold: in the
    metric's own units. cooldown_s: seconds of market time after an event in which the rule
    stays quiet. once: fires a single time (see `RuleState.spent`). on: "update" or "close".
    """

    id: str
    market: str
    metric: str
    operator: str
    threshold: float
    params: PairParams | None = None
    symbol: str | None = None
    cooldown_s: float = 0.0
    once: bool = False
    on: str = "update"
    enabled: bool = True
    created_ms: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What the rule reads: rules with equal keys share their readings.

        >>> AlertRule("r", "demo", "price", ">", 1.0, symbol="BTCUSDT").key
        ('demo', 'price', 'BTCUSDT', 'update')
        """
        return (self.market, self.metric, self.params or self.symbol, self.on)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols concerned, Y leg first; empty for a rule on the whole market."""
        if self.params is not None:
            return (self.params.y, self.params.x)
        return (self.symbol,) if self.symbol else ()

    def holds(self, value: float) -> bool:
        """Whether the condition is true of a finite value. Equality never is."""
        size = abs(value) if self.operator.startswith("abs") else value
        return size > self.threshold if self.operator.endswith(">") else size < self.threshold


@dataclass(frozen=True)
class Reading:
    """A value of what rules with this key watch.

    ts_ms: open time of the bar it belongs to. at_ms: the market's clock when it was taken
    (the newest tick's exchange time), None for ts_ms. paused: the feed is silent, so the
    value is stale; it neither fires nor re-arms, and its rules show as paused.
    """

    key: tuple[Any, ...]
    ts_ms: int
    value: float
    at_ms: int | None = None
    paused: bool = False


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


def _step(
    rule: AlertRule, state: RuleState, ts_ms: int, at_ms: int, value: float
) -> tuple[RuleState, bool]:
    """The state after one reading, and whether it fires. The one place that decides."""
    if not math.isfinite(value) or (rule.on == "close" and ts_ms == state.last_ts_ms):
        return state, False
    true = rule.holds(value)
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
    rules: Sequence[AlertRule], readings: Iterable[Reading], state: AlertState
) -> tuple[list[AlertEvent], AlertState]:
    """The events that the readings cause, in order of readings, and the state after them.

    A disabled rule keeps its state and does nothing; the state of a rule that is not among
    `rules` any more is forgotten. Readings that no rule watches are passed over. The caller
    saves the rules in `state.spent` as disabled.

    >>> rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="BTCUSDT")
    >>> prices = [99.0, 101.0, 102.0, 98.0, 103.0]
    >>> readings = [Reading(rule.key, second * 1000, p) for second, p in enumerate(prices)]
    >>> events, state = evaluate([rule], readings, AlertState())
    >>> [event.text for event in events]
    ['price 101 > 100.0: BTCUSDT', 'price 103 > 100.0: BTCUSDT']
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
                events.append(_event(rule, reading, states[rule.id].fired))
    return events, AlertState(states)


def would_have_fired(rule: AlertRule, ts_ms: npt.ArrayLike, values: npt.ArrayLike) -> IntArray:
    """Indices of the readings at which a new rule would have fired, ascending.

    ts_ms, values: shape (n,), one reading a bar, the newest last; NaN where there is none.
    The same logic as `evaluate`, whether or not the rule is enabled.

    Raises ValueError when the two are not equally long.

    >>> rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="BTCUSDT", cooldown_s=3)
    >>> would_have_fired(rule, [0, 1000, 2000, 3000], [101.0, 99.0, 101.0, 99.0]).tolist()
    [0]
    """
    times = np.asarray(ts_ms, dtype=np.int64)
    numbers = np.asarray(values, dtype=np.float64)
    if times.shape != numbers.shape or times.ndim != 1:
        raise ValueError(f"values has shape {numbers.shape}, expected that of ts_ms {times.shape}")
    state = RuleState()
    hits = []
    for index, (ts, value) in enumerate(zip(times.tolist(), numbers.tolist(), strict=True)):
        state, fires = _step(rule, state, ts, ts, value)
        if fires:
            hits.append(index)
    return np.array(hits, dtype=np.int64)


def _event(rule: AlertRule, reading: Reading, count: int) -> AlertEvent:
    same = {name: getattr(rule, name) for name in _OF_THE_RULE}
    event_id = f"{rule.id}:{reading.ts_ms}:{count}"
    text = describe(rule, reading.value)
    return AlertEvent(event_id, rule.id, reading.ts_ms, value=reading.value, text=text, **same)


def describe(rule: AlertRule, value: float) -> str:
    """The alert in words.

    >>> pair = PairParams("BTCUSDT", "ETHUSDT")
    >>> describe(AlertRule("r", "demo", "z", "abs>", 2.0, params=pair), -2.31)
    'z -2.31, |z| > 2.0: BTCUSDT cheap, long BTCUSDT / short ETHUSDT'
    """
    label = METRICS[rule.metric].label
    sign = "+" if "abs>" in METRICS[rule.metric].operators else ""
    shown = f"{value:{sign},.2f}" if rule.metric == "z" else f"{value:{sign},.10g}"
    size = f", |{label}|" if rule.operator.startswith("abs") else ""
    return f"{label} {shown}{size} {rule.operator[-1]} {rule.threshold:,}: {_subject(rule, value)}"


def _subject(rule: AlertRule, value: float) -> str:
    """Whom the alert is about; for a z-score beyond its threshold, what to do about it."""
    if rule.params is None:
        return rule.symbol or f"market {rule.market}"
    y, x = rule.params.y, rule.params.x
    outward = rule.operator == "abs>" or rule.operator == (">" if value > 0 else "<")
    if rule.metric != "z" or not outward:
        return f"{y} / {x}"
    return f"{y} rich, short {y} / long {x}" if value > 0 else f"{y} cheap, long {y} / short {x}"


def rule_to_dict(rule: AlertRule) -> dict[str, Any]:
    """The rule as plain values for JSON; `parse_rule` gives the rule back."""
    return asdict(rule)


def parse_rule(mapping: Mapping[str, Any]) -> AlertRule:
    """An AlertRule from plain values, as they come from a form, JSON or the archive.

    Needs id, market, metric, operator, threshold, and params (PairParams' fields) or symbol
    as the metric asks; the others have the defaults of AlertRule.

    Raises ValueError naming the field, its value and what is legal.

    >>> rule = parse_rule({"id": "r1", "market": "demo", "metric": "z", "operator": "abs>",
    ...                    "threshold": 2, "params": {"y": "BTCUSDT", "x": "ETHUSDT"}})
    >>> rule.threshold, parse_rule(rule_to_dict(rule)) == rule
    (2.0, True)
    """
    if not isinstance(mapping, Mapping):
        raise ValueError(f"rule is {mapping!r}, expected an object of fields")
    _known_fields("rule", mapping, AlertRule)
    metric = _one_of("metric", mapping.get("metric"), tuple(METRICS))
    spec = METRICS[metric]
    operator = _one_of("operator", mapping.get("operator"), spec.operators)
    low = 0.0 if operator.startswith("abs") else spec.low
    params, symbol = _parse_subject(mapping, metric, spec.subject)
    return AlertRule(
        id=_text("id", mapping.get("id")),
        market=_text("market", mapping.get("market")),
        metric=metric,
        operator=operator,
        threshold=_number("threshold", mapping.get("threshold"), low, spec.high),
        params=params,
        symbol=symbol,
        cooldown_s=_number("cooldown_s", mapping.get("cooldown_s", 0.0), 0.0, 31_536_000.0),
        once=_flag("once", mapping.get("once", False)),
        on=_one_of("on", mapping.get("on", "update"), MOMENTS),
        enabled=_flag("enabled", mapping.get("enabled", True)),
        created_ms=int(_number("created_ms", mapping.get("created_ms", 0), 0.0, 2.0**53)),
    )


def _parse_subject(
    mapping: Mapping[str, Any], metric: str, subject: str
) -> tuple[PairParams | None, str | None]:
    """The pair or the symbol that the metric needs; the other one must be absent."""
    params, symbol = mapping.get("params"), mapping.get("symbol")
    if subject == "pair":
        if symbol is not None:
            raise ValueError(f"symbol is {symbol!r}, expected none for the metric {metric}")
        return _parse_params(params), None
    if params is not None:
        raise ValueError(f"params is given, expected none for the metric {metric}")
    if symbol is None and subject == "market":
        return None, None
    if not isinstance(symbol, str) or not SYMBOL_PATTERN.fullmatch(symbol):
        raise ValueError(f"symbol is {symbol!r}, expected one like BTCUSDT")
    return None, symbol


def _parse_params(params: Any) -> PairParams:
    if isinstance(params, PairParams):
        return params
    if not isinstance(params, Mapping):
        raise ValueError(f"params is {params!r}, expected the fields of a pair: y, x, ...")
    _known_fields("params", params, PairParams)
    for leg in ("y", "x"):
        if not isinstance(params.get(leg), str) or not SYMBOL_PATTERN.fullmatch(params[leg]):
            raise ValueError(f"params.{leg} is {params.get(leg)!r}, expected one like BTCUSDT")
    _flag("params.intercept", params.get("intercept", True))
    return PairParams(**params)


def _known_fields(name: str, mapping: Mapping[str, Any], kind: type) -> None:
    legal = [each.name for each in fields(kind)]
    for key in mapping:
        if key not in legal:
            raise ValueError(f"{name} has {key!r}, expected only {', '.join(legal)}")


def _one_of(name: str, value: Any, legal: tuple[str, ...]) -> str:
    if value not in legal:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(legal)}")
    return str(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LIMIT:
        raise ValueError(f"{name} is {value!r}, expected text of 1 to {_TEXT_LIMIT} characters")
    return value


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not max(low, -_LARGEST) <= value <= min(high, _LARGEST):
        bounds = f"from {low:g} to {high:g}" if math.isfinite(low) else "that is finite"
        raise ValueError(f"{name} is {value!r}, expected a number {bounds}")
    return float(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected true or false")
    return value
