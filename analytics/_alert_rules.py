"""What an alert rule is, and how one is read from plain values. Public in `analytics.alerts`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from analytics._checks import check_choice
from analytics._known_lines import needed_rows
from analytics.model import (
    SYMBOL_PATTERN,
    OrderError,
    PairParams,
    ParameterError,
    UnexpectedError,
    UnknownFieldError,
    WithheldError,
)
from analytics.readings import check_view
from analytics.spread import check_reachable, largest_z
from analytics.stationarity import TEST_ROWS


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
    "engle_granger_pvalue": Metric("Engle-Granger p-value", "pair", (">", "<"), 0.0, 1.0),
    "price": Metric("price", "symbol", (">", "<"), 0.0),
    "volume": Metric("volume", "symbol", (">", "<"), 0.0),
    "feed_silent": Metric("seconds of silence", "market", (">",), 0.0),
}
#: Every comparison, of the value or of its size.
OPERATORS: tuple[str, ...] = ("abs>", "abs<", ">", "<")
#: Legal range of a rule's cooldown, in seconds.
COOLDOWN_RANGE: tuple[float, float] = (0.0, 31_536_000.0)
#: Evaluated on every reading, or only on the readings of closed bars.
MOMENTS: tuple[str, ...] = ("update", "close")
_TEXT_LIMIT = 64
_URL_LIMIT = 2_048
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}://.", re.ASCII)
_LARGEST = 1e300


@dataclass(frozen=True)
class AlertRule:
    """A condition on one metric of one market.

    params: the pair, for the metrics of a pair; symbol: for price and volume (and, if
    wanted, for feed_silent, whose value and threshold are seconds). threshold: in the
    metric's own units. cooldown_s: seconds of market time after an event in which the rule
    stays quiet. once: fires a single time (see `RuleState.spent`). on: "update" or "close".
    hysteresis: how far, in the metric's units, a value must come back across the threshold
    before the condition counts as false again. webhook: the URL that hears of each alert, or an
    address of Apprise. snoozed_until_ms: the clock time until which it stays quiet, 0 for none;
    whoever evaluates has the clock.
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
    hysteresis: float = 0.0
    webhook: str | None = None
    snoozed_until_ms: int = 0

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
        return self._beyond(value, self.threshold)

    def still_holds(self, value: float) -> bool:
        """Whether a condition that was true counts as true, until beyond the hysteresis.

        >>> rule = AlertRule("r", "demo", "price", ">", 10.0, symbol="A", hysteresis=1.0)
        >>> rule.holds(9.5), rule.still_holds(9.5), rule.still_holds(9.0)
        (False, True, False)
        """
        above = self.operator.endswith(">")
        return self._beyond(
            value, self.threshold + (-self.hysteresis if above else self.hysteresis)
        )

    def _beyond(self, value: float, threshold: float) -> bool:
        size = abs(value) if self.operator.startswith("abs") else value
        return size > threshold if self.operator.endswith(">") else size < threshold


def rule_to_dict(rule: AlertRule) -> dict[str, Any]:
    """The rule as plain values for JSON; `parse_rule` gives the rule back.

    >>> rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="BTCUSDT")
    >>> parse_rule(rule_to_dict(rule)) == rule
    True
    """
    return asdict(rule)


def parse_rule(mapping: Mapping[str, Any]) -> AlertRule:
    """An AlertRule from plain values, as they come from a form, JSON or the archive.

    Needs id, market, metric, operator, threshold, and params (PairParams' fields) or symbol
    as the metric asks; the others have the defaults of AlertRule.

    Raises ParameterError, a ValueError that carries the field, its value and what is legal.

    >>> rule = parse_rule({"id": "r1", "market": "demo", "metric": "z", "operator": "abs>",
    ...                    "threshold": 2, "params": {"y": "BTCUSDT", "x": "ETHUSDT"}})
    >>> rule.threshold, parse_rule(rule_to_dict(rule)) == rule
    (2.0, True)
    """
    if not isinstance(mapping, Mapping):
        raise ParameterError("rule", mapping, "an object of fields")
    _known_fields("rule", mapping, AlertRule)
    metric = _one_of("metric", mapping.get("metric"), tuple(METRICS))
    spec = METRICS[metric]
    operator = _one_of("operator", mapping.get("operator"), spec.operators)
    low = 0.0 if operator.startswith("abs") else spec.low
    threshold = _number("threshold", mapping.get("threshold"), low, spec.high)
    params, symbol = _parse_subject(mapping, metric, spec.subject)
    if metric == "z" and params is not None:
        _check_z(operator, threshold, params.z_window)
    has_bars = spec.subject != "market"  # a feed that is silent closes none
    return AlertRule(
        id=_text("id", mapping.get("id")),
        market=_text("market", mapping.get("market")),
        metric=metric,
        operator=operator,
        threshold=threshold,
        params=params,
        symbol=symbol,
        cooldown_s=_number("cooldown_s", mapping.get("cooldown_s", 0.0), *COOLDOWN_RANGE),
        once=_flag("once", mapping.get("once", False)),
        on=_one_of("on", mapping.get("on", "update"), MOMENTS if has_bars else ("update",)),
        enabled=_flag("enabled", mapping.get("enabled", True)),
        created_ms=int(_number("created_ms", mapping.get("created_ms", 0), 0.0, 2.0**53)),
        hysteresis=_number(
            "hysteresis",
            mapping.get("hysteresis", 0.0),
            0.0,
            threshold - low if operator.endswith(">") else spec.high - threshold,
        ),
        webhook=_webhook(mapping.get("webhook")),
        snoozed_until_ms=int(
            _number("snoozed_until_ms", mapping.get("snoozed_until_ms", 0), 0.0, 2.0**53)
        ),
    )


def check_rule(rule: AlertRule) -> None:
    """Refuse a rule that can never fire: whose metric is never there, or never gets so far.

    Raises ParameterError, a ValueError. `parse_rule` takes such a rule, since one that was kept
    stays as it is.

    >>> legs = PairParams("A", "B")
    >>> try:
    ...     check_rule(AlertRule("r", "demo", "correlation", ">", 1.0, legs))
    ... except ValueError as error:
    ...     print(error)
    threshold is 1.0, expected a number below 1, the largest correlation
    """
    params, spec = rule.params, METRICS[rule.metric]
    if params is not None:
        check_view(params)
        _check_rows(rule.metric, params)
    sized = rule.operator.startswith("abs")
    label = f"size of {spec.label}" if sized else spec.label
    low = 0.0 if sized else spec.low
    if rule.operator.endswith(">") and rule.threshold >= spec.high:
        legal = f"a number below {spec.high:g}, the largest {label}"
        raise ParameterError("threshold", rule.threshold, legal)
    if rule.operator.endswith("<") and rule.threshold <= low:
        legal = f"a number above {low:g}, the least {label}"
        raise ParameterError("threshold", rule.threshold, legal)


def _check_rows(metric: str, params: PairParams) -> None:
    """Refuse a pair whose view never holds the rows that a metric of it rests on.

    Nobody can say so of one with an activity filter: what it reads goes back as far as bars do.
    """
    limit = params.limit
    if metric == "engle_granger_pvalue" and limit < TEST_ROWS:
        raise ParameterError("limit", limit, f"at least {TEST_ROWS}, which the test needs")
    if metric == "adf_pvalue" and params.adf_window > limit:
        raise OrderError("adf_window", params.adf_window, "at most {}", "limit", limit)
    if params.filtered:
        return
    if metric == "correlation" and params.corr_window > limit:
        raise OrderError("corr_window", params.corr_window, "at most {}", "limit", limit)
    most = limit + 2 - needed_rows(params)
    moves = params.spread_mode in ("rolling", "kalman")
    if metric == "adf_pvalue" and moves and params.adf_window > most:
        rows = limit + params.adf_window - most
        words = f"at least {rows:,}: the hedge and the z window take rows before those of {{}}"
        raise OrderError("limit", limit, words, "adf_window", params.adf_window)


def _check_z(operator: str, threshold: float, window: int) -> None:
    """Refuse a z-score that the window never reaches, of a rule that fires beyond it."""
    if operator.endswith(">"):
        check_reachable("threshold", threshold, window)
    elif operator == "<" and threshold < 0.0 and -threshold > largest_z(window):
        rule = f"at least {-math.floor(largest_z(window) * 100) / 100:g}, the smallest z of {{}}"
        raise OrderError("threshold", threshold, rule, "z_window", window)


def _webhook(value: Any) -> str | None:
    """The URL as it came: whoever posts to it judges its host. None for none."""
    if value is None or value == "":
        return None
    legal = isinstance(value, str) and _ADDRESS.match(value) is not None
    if not legal or len(value) > _URL_LIMIT:
        words = (
            "a URL that begins with http:// or https://, or an address of Apprise, and has at "
            f"most {_URL_LIMIT:,} characters"
        )
        raise WithheldError("webhook", value, words)
    return str(value)


def _parse_subject(
    mapping: Mapping[str, Any], metric: str, subject: str
) -> tuple[PairParams | None, str | None]:
    """The pair or the symbol that the metric needs; the other one must be absent."""
    params, symbol = mapping.get("params"), mapping.get("symbol")
    if subject == "pair":
        if symbol is not None:
            raise ParameterError("symbol", symbol, f"none for the metric {metric}")
        return _parse_params(params), None
    if params is not None:
        raise UnexpectedError("params", params, f"none for the metric {metric}")
    if symbol is None and subject == "market":
        return None, None
    if not isinstance(symbol, str) or not SYMBOL_PATTERN.fullmatch(symbol):
        raise ParameterError("symbol", symbol, "one like BTCUSDT")
    return None, symbol


def _parse_params(params: Any) -> PairParams:
    if isinstance(params, PairParams):
        return params
    if not isinstance(params, Mapping):
        raise ParameterError("params", params, "the fields of a pair: y, x, ...")
    _known_fields("params", params, PairParams)
    for leg in ("y", "x"):
        if not isinstance(params.get(leg), str) or not SYMBOL_PATTERN.fullmatch(params[leg]):
            raise ParameterError(f"params.{leg}", params.get(leg), "one like BTCUSDT")
    _flag("params.intercept", params.get("intercept", True))
    return PairParams(**params)


def _known_fields(name: str, mapping: Mapping[str, Any], kind: type) -> None:
    legal = [each.name for each in fields(kind)]
    for key in mapping:
        if key not in legal:
            raise UnknownFieldError(name, key, ", ".join(legal))


def _one_of(name: str, value: Any, legal: tuple[str, ...]) -> str:
    check_choice(name, value, legal)
    return str(value)


def _text(name: str, value: Any) -> str:
    legal = isinstance(value, str) and 0 < len(value) <= _TEXT_LIMIT and value.isprintable()
    if not legal:
        raise ParameterError(name, value, f"text of 1 to {_TEXT_LIMIT} printable characters")
    return str(value)


def _number(name: str, value: Any, low: float, high: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not max(low, -_LARGEST) <= value <= min(high, _LARGEST):
        bounds = f"from {low:,.10g} to {high:,.10g}" if math.isfinite(low) else "that is finite"
        if math.isinf(high) and math.isfinite(low):
            bounds = f"of at least {low:,.10g}"
        raise ParameterError(name, value, f"a number {bounds}")
    return float(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ParameterError(name, value, "true or false")
    return value
