"""A back-test on one page of HTML: figures, charts, parameters, and how to make it again.

It needs nothing beside it, asks for nothing from anywhere, and prints on A4. What its tables
round stands in full in its JSON, in the names of the HTTP interface.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from analytics.backtest import BacktestResult
from analytics.model import TIMEFRAMES
from dashapp.figures.axes import DAY_MS
from dashapp.figures.tearsheet import breakdown
from dashapp.figures.tearsheet.svg import (
    COLOURS,
    Line,
    bar_chart,
    histogram_chart,
    line_chart,
    points_chart,
)
from dashapp.parameters.table import BACKTEST, PAIR, Parameter
from dashapp.text.answers import plain
from dashapp.text.backtest import answer_of, figure_rows
from dashapp.text.numbers import NONE, counted, number, pct, utc_time

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
"""
_STYLE = """
@page { size: A4; margin: 12mm; }
* { box-sizing: border-box; }
html { color-scheme: light; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { max-width: 190mm; margin: 0 auto; padding: 16px; background: #fff; color: TEXT;
  font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 22px; } h2 { margin: 0 0 4px; font-size: 14px; }
p { margin: 0 0 4px; } .muted, small { color: MUTED; }
.answer { margin: 8px 0 12px; font-size: 16px; }
.mark { padding: 1px 8px; border: 1px solid SIMULATED; border-radius: 6px; color: SIMULATED;
  font-size: 12px; font-weight: 700; letter-spacing: .06em; }
section, figure { margin: 0 0 14px; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; font-size: 11px; }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 16px;
  align-items: start; break-inside: avoid; }
.key { display: inline-block; width: 16px; height: 2px; margin: 0 4px 3px 10px; }
table { width: 100%; border-collapse: collapse; font-size: 12px; }
th { font-weight: 400; color: MUTED; text-align: left; }
td, th { padding: 2px 8px 2px 0; border-bottom: 1px solid HAIRLINE; vertical-align: baseline; }
td.n, th.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
tr { break-inside: avoid; } .up { color: UP; } .down { color: DOWN; } .warn { color: WARN; }
code { font-size: 11px; overflow-wrap: anywhere; } .origin th { white-space: nowrap; }
caption { padding: 0; caption-side: top; text-align: left; }
@media print { body { max-width: none; padding: 0; } }
@media (max-width: 600px) { .two { grid-template-columns: minmax(0, 1fr); }
  td.n, th.n { white-space: normal; } figure { overflow-x: auto; }
  svg[viewBox^="0 0 720"] { min-width: 600px; } }
"""


@dataclass(frozen=True)
class TearSheet:
    """What the sheet is of. document: the back-test as the HTTP interface gives it, without its
    series. market: id, title and kind. sha256: of the bars. versions: of the program and its
    libraries, by name. made_at: UTC, as text. funding: what a long position in each leg pays a
    day, as a share of its worth; None where it is not known.
    """

    result: BacktestResult
    document: Mapping[str, Any]
    market: Mapping[str, str]
    sha256: str
    versions: Mapping[str, str]
    made_at: str
    funding: tuple[float, float] | None = None


def tear_sheet(sheet: TearSheet) -> str:
    """The whole file."""
    result, params = sheet.result, sheet.result.params
    name = f"{params.y} / {params.x}"
    title = f"Tear sheet: {name}, {params.timeframe}"
    return "".join(
        (
            _HEAD.format(title=escape(title), style=_style()),
            _head(sheet, name),
            _figures(sheet),
            _curves(result),
            _spells(result),
            *_periods(result),
            *_trades(result),
            _parameters(result),
            _origin(sheet),
            "</main>\n",
            _data(sheet),
            "</body>\n</html>\n",
        )
    )


def _style() -> str:
    style = _STYLE.strip()
    for name in ("TEXT", "MUTED", "SIMULATED", "HAIRLINE", "UP", "DOWN", "WARN"):
        style = style.replace(name, COLOURS[name.lower()])
    return style


def _section(title: str, content: str, about: str = "") -> str:
    words = f"<p class='muted'>{escape(about)}</p>" if about else ""
    return f"<section><h2>{escape(title)}</h2>{words}{content}</section>\n"


def _head(sheet: TearSheet, name: str) -> str:
    result = sheet.result
    first, last = (utc_time(float(result.ts_ms[place])) for place in (0, -1))
    mark = {"demo": "SIMULATED", "replay": "REPLAY"}.get(sheet.market["kind"], "")
    shown = f' <span class="mark">{mark}</span>' if mark else ""
    about = (
        f"{sheet.market['title']} · bars of {result.params.timeframe} · {first} to {last} UTC · "
        f"{counted(len(result.ts_ms), 'bar')} · {result.label}"
    )
    return (
        f"<header><h1>{escape(name)}{shown}</h1><p class='muted'>{escape(about)}</p>"
        f"<p class='answer'>{escape(plain(answer_of(result)))}</p></header>\n"
    )


def _rows(rows: Iterable[tuple[str, str, str, str]]) -> str:
    return "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td class='n'>{escape(value)}</td>"
        f"<td class='{'muted' if tone in ('', 'muted') else tone}'>{escape(words)}</td></tr>"
        for label, value, words, tone in rows
    )


def _figures(sheet: TearSheet) -> str:
    rows = figure_rows(sheet.result, sheet.funding)
    half = (len(rows) + 1) // 2
    tables = "".join(f"<table>{_rows(part)}</table>" for part in (rows[:half], rows[half:]))
    return _section("Figures", f"<div class='two'>{tables}</div>")


def _figure(title: str, picture: str, about: str = "") -> str:
    words = f" <small>{about}</small>" if about else ""
    return f"<figure><h2>{escape(title)}{words}</h2>{picture}</figure>\n"


def _key(colour: str, words: str) -> str:
    return f'<span class="key" style="background:{colour}"></span>{escape(words)}'


def _curves(result: BacktestResult) -> str:
    net, gross = 100.0 * (result.equity - 1.0), 100.0 * (result.gross_equity - 1.0)
    lines = [Line("gross", gross, COLOURS["muted"]), Line("net", net, COLOURS["accent"])]
    keys = _key(COLOURS["accent"], "net") + _key(COLOURS["muted"], "gross")
    fall = [Line("drawdown", 100.0 * result.drawdown, COLOURS["down"], fill=True)]
    return _figure(
        "Equity", line_chart("Equity", result.ts_ms, lines, "return, %"), keys
    ) + _figure("Drawdown", line_chart("Drawdown", result.ts_ms, fall, "below the peak, %", 150))


def _spells(result: BacktestResult) -> str:
    spells = breakdown.drawdowns(result.ts_ms, result.equity)
    if not spells:
        return ""
    heads = ("Depth", "Peak (UTC)", "Lowest (UTC)", "Reached again (UTC)", "Bars below")
    head = "".join(f"<th class='n' scope='col'>{name}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td class='n'>{escape(cell)}</td>"
            for cell in (
                pct(spell.depth),
                utc_time(spell.start_ms),
                utc_time(spell.lowest_ms),
                NONE if spell.end_ms is None else utc_time(spell.end_ms),
                f"{spell.bars:,}",
            )
        )
        + "</tr>"
        for spell in spells
    )
    return _section("Deepest drawdowns", f"<table><tr>{head}</tr>{body}</table>")


def _periods(result: BacktestResult) -> list[str]:
    """Profit and loss by month, and by hour where the bars are shorter than a day."""
    unit = "% of the start"
    names, months = breakdown.by_month(result.ts_ms, result.equity)
    about = "UTC; the bars add up to the net return"
    parts = [_figure("P&L by month", bar_chart("P&L by month", names, 100 * months, unit), about)]
    if TIMEFRAMES[result.params.timeframe] < DAY_MS:
        hours = breakdown.by_hour(result.ts_ms, result.equity)
        clock = [f"{hour:02d}" for hour in range(24)]
        chart = bar_chart("P&L by hour of the day", clock, 100 * hours, unit)
        parts.append(_figure("P&L by hour of the day", chart, about))
    return parts


def _trades(result: BacktestResult) -> list[str]:
    """How the closed trades are spread, how long they took, how far they went on the way."""
    trades = [trade for trade in result.trades if trade.exit_reason != "open"]
    if not trades:
        none = "no closed trade" if result.trades else "no trades"
        return [_section("Trades", f"<p>{none}</p>")]
    net = np.array([trade.net for trade in trades]) * 1e4
    bars = np.array([trade.bars for trade in trades], np.float64)
    adverse, favourable = (far[: len(trades)] for far in breakdown.excursions(result))
    left = ", one open left out" if len(trades) < len(result.trades) else ""
    middle = f"median {number(float(np.median(net)), 1, signed=True)} bps{left}"
    long = f"median {number(float(np.median(bars)), 0)} bars{left}"
    spread = histogram_chart("Net result of the trades", *breakdown.histogram(net), "net, bps")
    took = histogram_chart("Duration of the trades", *breakdown.histogram(bars), "bars held")
    against = points_chart(
        "Net result by largest adverse excursion", adverse * 1e4, net, COLOURS["down"],
        ("adverse, bps", "net, bps"),
    )  # fmt: skip
    towards = points_chart(
        "Net result by largest favourable excursion", favourable * 1e4, net, COLOURS["up"],
        ("favourable, bps", "net, bps"),
    )  # fmt: skip
    pairs = (
        (_figure("Distribution of trades", spread, middle), _figure("Duration", took, long)),
        (
            _figure("Adverse excursion", against, "at closes, before costs"),
            _figure("Favourable excursion", towards, "at closes, before costs"),
        ),
    )
    return [f"<div class='two'>{left}{right}</div>\n" for left, right in pairs]


def _values(rows: Iterable[Parameter], of: object) -> list[tuple[str, str]]:
    texts = []
    for row in rows:
        value = row.text(getattr(of, row.name))
        texts.append((row.title, dict(row.choices).get(value, value)))
    return texts


def _parameters(result: BacktestResult) -> str:
    """Every parameter of the pair and of the strategy."""
    halves = (_values(BACKTEST.values(), result.settings), _values(PAIR.values(), result.params))
    tables = "".join(
        f"<table><caption class='muted'>{caption}</caption>{_named(rows)}</table>"
        for caption, rows in zip(("Strategy", "Pair"), halves, strict=True)
    )
    return _section("Parameters", f"<div class='two'>{tables}</div>")


def _named(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td class='n'>{escape(text)}</td></tr>"
        for label, text in rows
    )


def _origin(sheet: TearSheet) -> str:
    """What it takes to make the sheet again, and to see that the data are the same."""
    versions = ", ".join(f"{name} {version}" for name, version in sheet.versions.items())
    rows = (
        ("Market", f"{sheet.market['title']} ({sheet.market['id']})"),
        ("Made", f"{sheet.made_at} UTC"),
        ("Versions", versions),
    )
    about = "SHA-256 of the bars of both legs, column by column: "
    hashed = f"<p>{escape(about)}<code>{escape(sheet.sha256)}</code></p>"
    plain_rows = "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td>{escape(text)}</td></tr>"
        for label, text in rows
    )
    return _section("Origin", f"<table class='origin'>{plain_rows}</table>{hashed}")


def _data(sheet: TearSheet) -> str:
    """All figures in full, and the trades, for a program that reads the sheet."""
    document = {
        **sheet.document,
        "sha256": sheet.sha256,
        "versions": dict(sheet.versions),
        "made_at": sheet.made_at,
    }
    text = json.dumps(document, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="tearsheet-data">{text}</script>\n'
