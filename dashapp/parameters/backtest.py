"""The settings of a back-test as the page's controls and its link hold them.

Checked field by field, so that a message can stand under the field that is wrong; the last
legal settings stay in use meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from analytics.backtest import HEDGE_MODES, SIDES, BacktestParams


@dataclass(frozen=True)
class Rule:
    """One setting: its name in BacktestParams and in a link, its control and its words.

    kind: "number", "whole" or "choice" (of `words`: value and label). optional: empty is none.
    """

    name: str
    control: str
    label: str
    hint: str = ""
    kind: str = "number"
    optional: bool = False
    words: tuple[tuple[str, str], ...] = ()
    query: str = ""

    @property
    def link_name(self) -> str:
        """What a link calls it."""
        return self.query or self.name


_MODE_WORDS = {"rolling": "Rolling OLS", "kalman": "Kalman", "in-sample": "Fixed, in-sample"}
_SIDE_WORDS = {"both": "Both", "long": "Long the spread", "short": "Short the spread"}
USUAL = BacktestParams()
RULES: tuple[Rule, ...] = (
    Rule("entry_z", "entry-z", "Entry |z|"),
    Rule("exit_z", "exit-z", "Exit |z|"),
    Rule("stop_z", "stop-z", "Stop |z|", optional=True),
    Rule("max_bars", "max-bars", "Time stop", "bars", "whole", optional=True),
    Rule("cost_bps", "cost-bps", "Cost", "bps a leg"),
    Rule("slippage_bps", "slippage-bps", "Slippage", "bps"),
    Rule(
        "hedge_mode",
        "hedge-mode",
        "Hedge",
        kind="choice",
        words=tuple((one, _MODE_WORDS[one]) for one in HEDGE_MODES),
    ),
    Rule(
        "hedge_window",
        "backtest-hedge-window",
        "Hedge bars",
        kind="whole",
        query="strategy_window",
    ),
    Rule(
        "sides",
        "backtest-sides",
        "Sides",
        kind="choice",
        words=tuple((one, _SIDE_WORDS[one]) for one in SIDES),
    ),
)
LABELS = {rule.name: rule.label for rule in RULES} | {"z_window": "z window"}
_NONE = "none"


def _value(rule: Rule, raw: Any) -> Any:
    """A setting from what its control holds. Raises ValueError in words for its field."""
    text = "" if raw is None else str(raw).strip()
    if rule.kind == "choice":
        if text not in dict(rule.words):
            raise ValueError(f"{text or 'empty'}: none of {', '.join(dict(rule.words))}")
        return text
    if rule.optional and text.lower() in ("", _NONE):
        return None
    try:
        number = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        raise ValueError(f"{text or 'empty'}: expected a number") from None
    return int(number) if rule.kind == "whole" and number.is_integer() else number


def check(raw: Mapping[str, Any]) -> tuple[BacktestParams | None, dict[str, str]]:
    """The settings that the controls hold, or which of them are wrong, and how.

    raw: name -> what the control holds. Returns (settings, {}) or (None, {name: message}).

    >>> check({rule.name: getattr(USUAL, rule.name) for rule in RULES} | {"exit_z": "3"})
    (None, {'exit_z': '3.0, expected from 0 to below the entry (2.0)'})
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for rule in RULES:
        try:
            values[rule.name] = _value(rule, raw.get(rule.name))
        except ValueError as error:
            errors[rule.name] = str(error)
    if errors:
        return None, errors
    try:
        return BacktestParams(**values), {}
    except ValueError as error:
        name, _, message = str(error).partition(" is ")
        return None, {name: message.replace("entry_z", "the entry")}


def as_held(settings: BacktestParams) -> dict[str, str]:
    """The settings as the controls hold them.

    >>> as_held(BacktestParams(stop_z=None))["stop_z"], as_held(USUAL)["entry_z"]
    ('', '2')
    """
    values = {rule.name: getattr(settings, rule.name) for rule in RULES}
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:g}"


def to_query(settings: BacktestParams) -> str:
    """What of the settings differs from the usual ones, for the link.

    >>> to_query(BacktestParams(entry_z=1.5, stop_z=None, hedge_window=300))
    'entry_z=1.5&stop_z=none&strategy_window=300'
    """
    held, usual = as_held(settings), as_held(USUAL)
    return urlencode(
        [
            (rule.link_name, held[rule.name] or _NONE)
            for rule in RULES
            if held[rule.name] != usual[rule.name]
        ]
    )


def from_query(search: str) -> dict[str, str]:
    """What the controls hold for a link: what it sets, and the usual settings for the rest.

    Settings that are wrong stay as they were written: their field says what is legal.

    >>> from_query("?market=demo&entry_z=1.5&stop_z=none")["stop_z"]
    ''
    """
    asked = {name: values[-1] for name, values in parse_qs(search.lstrip("?")).items()}
    made = as_held(USUAL)
    for rule in RULES:
        if rule.link_name in asked:
            text = asked[rule.link_name][:40]
            made[rule.name] = "" if rule.optional and text.lower() == _NONE else text
    return made
