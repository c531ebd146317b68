"""Rules that one click makes: |z| > threshold on a pair, and a rule copied to other pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from analytics.alerts import AlertRule, rule_to_dict
from analytics.model import PairParams
from dashapp.parameters.check import sentence
from dashapp.parameters.table import ALERT, PAIR
from dashapp.services.alerts.engine import AlertEngine

#: Seconds of market time in which a rule made with one click stays quiet after an alert.
COOLDOWN_S: float = ALERT["cooldown_s"].default


def z_rule(market: str, params: PairParams, threshold: float) -> dict[str, Any]:
    """The rule |z| > threshold on a pair, as the alert engine takes it."""
    return {
        "market": market,
        "metric": "z",
        "operator": "abs>",
        "threshold": threshold,
        "cooldown_s": COOLDOWN_S,
        "params": dict(vars(params)),
    }


class Armed(NamedTuple):
    """What became of an order to arm a rule, and the same in words."""

    state: Literal["armed", "there already", "refused"]
    words: str


def arm(alerts: AlertEngine, market: str, params: PairParams, threshold: float) -> Armed:
    """Arm the rule |z| > threshold on a pair."""
    words = f"{params.y} / {params.x}, |z| > {threshold:g}"
    wanted = ("z", "abs>", market, params, threshold)
    for rule in alerts.rules:
        if (rule.metric, rule.operator, rule.market, rule.params, rule.threshold) != wanted:
            continue
        if rule.enabled:
            return Armed("there already", "this rule is there already")
        alerts.set_enabled(rule.id, True)
        return Armed("armed", f"armed again: {words}")
    try:
        alerts.add_rule(z_rule(market, params, threshold))
    except ValueError as error:
        return Armed("refused", sentence(error, PAIR))
    return Armed("armed", f"armed: {words}")


@dataclass(frozen=True)
class Copied:
    """What became of a copy to many pairs: the rules that were added, of how many pairs the same
    was there already, and why it ended early, in words.
    """

    added: tuple[AlertRule, ...]
    there: int
    refused: str = ""

    @property
    def words(self) -> str:
        """What was done, in words.

        >>> Copied((), 2).words
        'added to no pair, there already on 2'
        """
        count = len(self.added)
        told = [f"added to {count:,} pair{'' if count == 1 else 's'}" if count else ""]
        told[0] = told[0] or "added to no pair"
        if self.there:
            told.append(f"there already on {self.there:,}")
        return ", ".join([*told, *filter(None, [self.refused])])


def copy_rule(alerts: AlertEngine, rule_id: str, pairs: Iterable[tuple[str, PairParams]]) -> Copied:
    """Copy a rule on a pair to other pairs, each by its market and parameters.

    Raises KeyError for no such rule, ValueError for one that is not on a pair; both in words.
    """
    rule = next((each for each in alerts.rules if each.id == rule_id), None)
    if rule is None:
        raise KeyError(f"there is no alert rule {rule_id!r}")
    if rule.params is None:
        raise ValueError(f"rule {rule_id} watches {rule.metric}, expected a rule on a pair")
    there = {_alike(each) for each in alerts.rules}
    added: list[AlertRule] = []
    already = 0
    for market, params in pairs:
        wanted = replace(rule, market=market, params=params)
        if _alike(wanted) in there:
            already += 1
            continue
        fields = {**rule_to_dict(wanted), "enabled": True}
        del fields["id"], fields["created_ms"]
        try:
            added.append(alerts.add_rule(fields))
        except ValueError as error:
            return Copied(tuple(added), already, str(error))
        there.add(_alike(wanted))
    return Copied(tuple(added), already)


def _alike(rule: AlertRule) -> AlertRule:
    """A rule without what tells it from another that does the same."""
    return replace(rule, id="", created_ms=0, enabled=True)
