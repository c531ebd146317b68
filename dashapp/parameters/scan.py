"""The rules of a scan as the page's form and its link hold them.

Checked field by field, so that a message can stand under the field that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics.model import TIMEFRAMES, ParameterError
from analytics.scanner import CANDIDATES, ScanParams
from dashapp.parameters import link
from dashapp.parameters.check import message, messages, read_all
from dashapp.parameters.parameter import Kind, Parameter

_USUAL = ScanParams()


def _rule(name: str, label: str, kind: Kind, **more: Any) -> Parameter:
    """A field of ScanParams with its default there; its control and link have a name of their
    own, for a back-test has the same costs.
    """
    more = {"default": getattr(_USUAL, name), "link": f"scan_{name}", **more}
    return Parameter(name, label, kind, f"scan-{name.replace('_', '-')}", **more)


#: The form, in its order: the timeframe, then fields of ScanParams.
SCAN: dict[str, Parameter] = {
    row.name: row
    for row in (
        Parameter(
            "timeframe", "Timeframe", "choice", "scan-timeframe", "1h",
            choices=tuple((name, name) for name in TIMEFRAMES), link="scan_timeframe",
        ),
        _rule("bars", "Bars", "whole", limits=(90, 20_000), hint="newest"),
        _rule(
            "candidates", "Candidates", "choice",
            choices=tuple(zip(CANDIDATES, ("All pairs", "Inside clusters"), strict=True)),
        ),
        _rule(
            "correction", "Adjustment", "choice",
            choices=(("by", "Benjamini-Yekutieli"), ("bh", "Benjamini-Hochberg")),
        ),
        _rule("q", "False share (q)", "number", limits=(1e-6, 0.5)),
        _rule("cost_bps", "Cost", "number", limits=(0.0, 1_000.0), hint="bps a leg"),
    )
}  # fmt: skip


def check(raw: Mapping[str, Any]) -> tuple[tuple[ScanParams, str] | None, dict[str, str]]:
    """The rules and the timeframe that the controls hold, or which of them are wrong, and how.

    Returns ((rules, timeframe), {}) or (None, {name: message}).

    >>> check({"bars": "720"})[0][0].bars, check({"bars": "7"})[1]
    (720, {'bars': '7: expected a whole number from 90 to 20000'})
    """
    values, errors = read_all(SCAN.values(), raw)
    if errors:
        return None, messages(errors, SCAN)
    timeframe = values.pop("timeframe")
    try:
        return (ScanParams(**values), timeframe), {}
    except ParameterError as error:
        return None, {error.field: message(error, SCAN)}


def as_held(search: str = "") -> dict[str, Any]:
    """What the controls hold at first: what a link says, the defaults for the rest.

    >>> as_held("?scan_bars=720")["bars"], as_held()["timeframe"]
    ('720', '1h')
    """
    asked = link.from_query(search, SCAN.values())
    held = {name: row.control_value(asked.get(name, row.default)) for name, row in SCAN.items()}
    for name, row in SCAN.items():
        if row.kind == "choice" and held[name] not in dict(row.choices):
            held[name] = row.default
    return held


def to_query(rules: ScanParams, timeframe: str) -> str:
    """What of the rules differs from the usual ones, for the link.

    >>> to_query(ScanParams(bars=720), "1h")
    'scan_bars=720'
    """
    values = {name: getattr(rules, name, timeframe) for name in SCAN}
    return link.to_query(values, SCAN.values())
