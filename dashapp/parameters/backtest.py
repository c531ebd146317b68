"""The rules of a back-test as the page's controls and its link hold them.

Checked field by field, so that a message can stand under the field that is wrong; the last
legal rules stay in use meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from analytics.backtest import BacktestParams
from analytics.model import PairParams, ParameterError
from analytics.spread import check_reachable
from dashapp.parameters import link
from dashapp.parameters.check import (
    message,
    messages,
    read_all,
    read_or_default,
    replaced_words,
    usual_where_wrong,
)
from dashapp.parameters.table import BACKTEST, PAIR

USUAL = BacktestParams()


def backtest_params(mapping: Mapping[str, Any]) -> BacktestParams:
    """The rules that texts or values by the names of BacktestParams describe; others are ignored.

    An absent name has its default. Raises ParameterError for the first field that is wrong.

    >>> backtest_params({"entry_z": "1.5", "stop_z": "none", "max_bars": "1,000"}).max_bars
    1000
    """
    return BacktestParams(**{name: read_or_default(row, mapping) for name, row in BACKTEST.items()})


def check(
    raw: Mapping[str, Any], z_window: int | None = None
) -> tuple[BacktestParams | None, dict[str, str]]:
    """The rules that the controls hold, or which of them are wrong, and how.

    raw: name -> what the control holds. z_window: of the pair, over which no |z| is above
    `largest_z`; None where there is no pair. Returns (rules, {}) or (None, {name: message}).

    >>> check({**as_held(USUAL), "exit_z": "3"})
    (None, {'exit_z': '3: expected from 0 to below the entry (2)'})
    >>> check(as_held(USUAL), 5)[1]["entry_z"]
    '2: expected at most 1.78, the largest |z| of z window (5)'
    """
    values, errors = read_all(BACKTEST.values(), raw)
    if errors:
        return None, messages(errors, BACKTEST)
    try:
        rules = BacktestParams(**values)
    except ParameterError as error:
        return None, {error.field: message(error, BACKTEST)}
    words = "" if z_window is None else _unreachable("entry_z", rules.entry_z, z_window)
    return (None, {"entry_z": words}) if words else (rules, {})


def in_use(held: Mapping[str, Any] | None) -> tuple[BacktestParams, str]:
    """The rules that a tab uses: those it holds, the usual ones where they are wrong or where it
    holds none; and what gave way, and why, in words, "" where nothing did.

    >>> rules, words = in_use(from_query("?entry_z=9&stop_z=3&max_bars=10"))
    >>> rules.entry_z, rules.stop_z, rules.max_bars
    (2.0, 3.0, 10)
    >>> words
    'Stop |z|: 3: expected above the entry (9) up to 1000. Shown with the usual Entry |z| (2).'
    """
    if not held:
        return USUAL, ""
    rules, _ = check(held)
    if rules is not None:
        return rules, ""
    rules, refused = usual_where_wrong(held, as_held(USUAL), check)
    return rules or USUAL, replaced_words(refused, BACKTEST)


def notices(rules: BacktestParams, z_window: int | None) -> dict[str, str]:
    """What is to be said of legal rules, by name: a stop that no |z| reaches stops nothing.

    >>> notices(USUAL, 12)["stop_z"]
    'never stops: 4: expected at most 3.17, the largest |z| of z window (12), or none'
    >>> notices(USUAL, 60)
    {}
    """
    if rules.stop_z is None or z_window is None:
        return {}
    words = _unreachable("stop_z", rules.stop_z, z_window)
    return {"stop_z": f"never stops: {words}, or none"} if words else {}


def _unreachable(name: str, level: float, z_window: int) -> str:
    """Why no |z| over a window reaches a level, and what does; "" where one may."""
    try:
        check_reachable(name, level, z_window)
    except ParameterError as error:
        return message(error, PAIR)
    return ""


def as_held(rules: BacktestParams) -> dict[str, str]:
    """The rules as the controls hold them.

    >>> as_held(BacktestParams(stop_z=None))["stop_z"], as_held(USUAL)["entry_z"]
    ('', '2')
    """
    return {name: row.control_value(getattr(rules, name)) for name, row in BACKTEST.items()}


def to_query(rules: BacktestParams) -> str:
    """What of the rules differs from the usual ones, for the link.

    >>> to_query(BacktestParams(entry_z=1.5, stop_z=None, hedge_window=300))
    'entry_z=1.5&stop_z=none&strategy_window=300'
    """
    return link.to_query(vars(rules), BACKTEST.values())


def export_query(pair: PairParams, rules: BacktestParams) -> str:
    """The query by which HTTP makes the back-test of a pair: every parameter by its name there.

    The window of the rolling hedge has a name of its own beside the pair's, as in a link.

    >>> export_query(PairParams("BRK.B", "^GSPC", "1d"), USUAL)[:42]
    'y=BRK.B&x=%5EGSPC&timeframe=1d&limit=1000&'
    """
    texts = {name: row.text(getattr(pair, name)) for name, row in PAIR.items()}
    texts |= {row.link_name: row.text(getattr(rules, row.name)) for row in BACKTEST.values()}
    return urlencode(texts)


def from_query(search: str) -> dict[str, str]:
    """What the controls hold for a link: what it sets, and the usual rules for the rest.

    Rules that are wrong stay as they were written: their field says what is legal.

    >>> from_query("?market=demo&entry_z=1.5&stop_z=none")["stop_z"]
    ''
    """
    texts = link.from_query(search, BACKTEST.values())
    held = as_held(USUAL)
    for name, text in texts.items():
        row = BACKTEST[name]
        held[name] = "" if row.optional and text.lower() in row.none else text
    return held
