"""The link: what of the parameters differs from their defaults, as the query of an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

from dashapp.parameters.numbers import LONGEST
from dashapp.parameters.table import BACKTEST, VIEW, Parameter

#: Every parameter that a link bears, by its name there.
#: Those of a scan beside them: `dashapp.parameters.scan`.
LINKED: dict[str, Parameter] = {row.link_name: row for row in (*VIEW, *BACKTEST.values())}


def to_query(
    values: Mapping[str, Any],
    parameters: Iterable[Parameter],
    head: Iterable[tuple[str, str]] = (),
) -> str:
    """The query that sets the values which differ from their defaults.

    values: by the parameters' names; absent ones are left out. head: what stands before them.

    >>> to_query({"z_window": 90, "intercept": False, "limit": 1_000}, VIEW)
    'intercept=false&z_window=90'
    """
    pairs = [
        (parameter.link_name, parameter.text(values[parameter.name]))
        for parameter in parameters
        if parameter.name in values and values[parameter.name] != parameter.default
    ]
    return urlencode([*head, *((name, text) for name, text in pairs if text)])


def from_query(search: str, parameters: Iterable[Parameter] = ()) -> dict[str, str]:
    """What a query sets of the parameters: text by their names, cut where it is long, unread.

    >>> from_query("?market=demo&z_window=90&strategy_window=300", BACKTEST.values())
    {'hedge_window': '300'}
    """
    texts = all_texts(search)
    return {
        parameter.name: texts[parameter.link_name][:LONGEST]
        for parameter in parameters
        if parameter.link_name in texts
    }


def all_texts(search: str) -> dict[str, str]:
    """Every name of a query with the last text that it is given."""
    return {name: texts[-1] for name, texts in parse_qs(search.lstrip("?")).items()}
