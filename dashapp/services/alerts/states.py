"""What is remembered of rules across a restart, so that no crossing fires twice.

A state is kept whenever its condition turns or it fires, in the transaction that keeps the
alert itself: after a kill either both are there or neither is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from analytics.alerts import AlertState, RuleState

logger = logging.getLogger(__name__)


def turned(before: AlertState, after: AlertState) -> dict[str, dict[str, Any]]:
    """The states that an archive must keep after an evaluation, as plain values.

    >>> old, new = AlertState(), AlertState({"r1": RuleState(active=True, fired=1)})
    >>> list(turned(old, new)), list(turned(new, new))
    (['r1'], [])
    """
    return {
        rule_id: asdict(state)
        for rule_id, state in after.rules.items()
        if _telling(state) != _telling(before.rules.get(rule_id, RuleState()))
    }


def _telling(state: RuleState) -> tuple[bool, int, bool]:
    return state.active, state.fired, state.spent


def restored(kept: Mapping[str, Mapping[str, Any]]) -> AlertState:
    """The states that an archive kept.

    >>> restored({"r1": {"active": True, "fired": 2}}).rules["r1"].fired
    2
    """
    states = {}
    for rule_id, fields in kept.items():
        try:
            states[rule_id] = replace(RuleState(), **{**fields, "paused": False})
        except TypeError as error:
            logger.warning("the archive holds a rule's state that cannot be used: %s", error)
    return AlertState(states)
