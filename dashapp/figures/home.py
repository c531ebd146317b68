"""The charts of Home: prices, volume, price against VWAP.

Every chart is over the bars that it is given: the page gives all of them one span. Where those
are too many to be told apart, neighbours are drawn as one. theme: "dark" or "light".
uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analytics.model import TIMEFRAMES, Bars, FloatArray
from analytics.vwap import cumulative_vwap
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.bars import drawn_bars
from dashapp.figures.base import Figure, figure, line, safe, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, shading
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import (
    base,
    compact,
    decimals,
    number,
    pct,
    price,
    quote,
    span_digits,
    start_time,
)
from dashapp.theme import series_colours, tokens

#: Symbols drawn at most in one chart.
MOST_SYMBOLS = 8


def price_figure(
    bars: Mapping[str, Bars],
    *,
    mode: str = "lines",
    theme: str = "dark",
    uirevision: str = "",
    legs: tuple[str, str] | None = None,
) -> Figure:
    """Prices of the symbols: candles of the first, one line, or several lines that compare.

    Several lines show each symbol's change since the open of its first bar, for their prices
    do not share a scale; the hover tells the price. legs: (Y, X), whose colours are theirs.
    mode: "lines" or "candles". bars: symbol -> bars of one span, at least one of them each.
    """
    if mode == "candles":
        return _candles(next(iter(bars.values())), theme, uirevision)
    if len(bars) == 1:
        return _one_price(next(iter(bars.values())), theme, uirevision, legs)
    return _changes(bars, theme, uirevision, legs)


def _price_title(symbol: str) -> str:
    return f"{safe(symbol, 16)} ({quote(symbol) or 'price'})"


def _one_price(bars: Bars, theme: str, uirevision: str, legs: tuple[str, str] | None) -> Figure:
    colour = series_colours((bars.symbol,), legs, theme)[bars.symbol]
    rows = rows_of(bars.ts_ms, (bars.close,), TIMEFRAMES[bars.timeframe])
    (close,) = rows.columns
    last = float(bars.close[-1])
    ends, digits = range_of(close), decimals(last)
    labels = [Label(price(last), last, colour, of=safe(bars.symbol, 20), digits=digits)]
    return figure(
        ids.PRICE_CHART,
        theme,
        [line(times(rows.ts), close, safe(bars.symbol, 20), colour)],
        x=time_axis(rows.ts, theme),
        y=value_axis(_price_title(bars.symbol), theme, ends, digits),
        uirevision=f"{uirevision}|price",
        shapes=shading(rows.stretches, theme),
        annotations=edge_labels(labels, ends),
        margin=(72, edge_margin(labels, *map(price, ends))),
    )


def _candles(bars: Bars, theme: str, uirevision: str) -> Figure:
    colours = tokens(theme)
    drawn, step_ms, words = drawn_bars(bars)
    ts = drawn.ts_ms.astype(np.float64)
    last = float(drawn.close[-1])
    rising = drawn.close[-1] >= drawn.open[-1]
    ends, digits = range_of(drawn.low, drawn.high), decimals(last)
    labels = [Label(price(last), last, colours["up" if rising else "down"])]
    up, down = colours["up"], colours["down"]
    candles = {
        "type": "candlestick",
        "x": typed(ts),
        "open": typed(drawn.open),
        "high": typed(drawn.high),
        "low": typed(drawn.low),
        "close": typed(drawn.close),
        "name": safe(bars.symbol, 20),
        "increasing": {"line": {"color": up, "width": 1}, "fillcolor": colours["surface"]},
        "decreasing": {"line": {"color": down, "width": 1}, "fillcolor": down},
    }
    axis = time_axis(ts, theme, room_ms=step_ms * 0.6)
    return figure(
        ids.PRICE_CHART,
        theme,
        [candles],
        x={**axis, "rangeslider": {"visible": False}},
        y=value_axis(_price_title(bars.symbol), theme, ends, digits),
        uirevision=f"{uirevision}|price",
        annotations=[
            note(f"{words} · hollow: up, filled: down", theme),
            *edge_labels(labels, ends),
        ],
        margin=(72, edge_margin(labels, *map(price, ends))),
    )


def direct_names(symbols: Sequence[str]) -> dict[str, str]:
    """What a label at a line calls each symbol: its base where no other has the same one.

    >>> direct_names(["BTCEUR", "BTCUSD", "ETHUSD"])
    {'BTCEUR': 'BTCEUR', 'BTCUSD': 'BTCUSD', 'ETHUSD': 'ETH'}
    """
    short = {symbol: safe(base(symbol), 8) for symbol in symbols}
    uses = Counter(short.values())
    return {symbol: name if uses[name] == 1 else safe(symbol, 16) for symbol, name in short.items()}


class _Change(NamedTuple):
    """A symbol's line: times, change in per cent since its first open, and price."""

    symbol: str
    ts: FloatArray
    change: FloatArray
    close: FloatArray


def _change(symbol: str, bars: Bars) -> _Change:
    change = 100.0 * (bars.close / bars.open[0] - 1.0)
    rows = rows_of(bars.ts_ms, (change, bars.close), TIMEFRAMES[bars.timeframe])
    return _Change(symbol, rows.ts, *rows.columns)


def _change_words(lines: Sequence[_Change], symbols: int) -> str:
    """From when the lines are compared, and how many of the symbols they are."""
    first = min(float(drawn.ts[0]) for drawn in lines)
    last = max(float(drawn.ts[-1]) for drawn in lines)
    since = f"since {start_time(first, last)} UTC"
    return f"{since} · first {len(lines)} of {symbols} symbols" if len(lines) < symbols else since


def _changes(
    bars: Mapping[str, Bars], theme: str, uirevision: str, legs: tuple[str, str] | None
) -> Figure:
    lines = [_change(symbol, bars[symbol]) for symbol in list(bars)[:MOST_SYMBOLS]]
    symbols = [drawn.symbol for drawn in lines]
    colours, names = series_colours(tuple(symbols), legs, theme), direct_names(symbols)
    ends = range_of(*(drawn.change for drawn in lines))
    digits = span_digits(*ends)
    data = [
        line(
            times(drawn.ts),
            drawn.change,
            safe(drawn.symbol, 20),
            colours[drawn.symbol],
            customdata=typed(drawn.close),
            hovertemplate=f"%{{y}} %  %{{customdata:,.{decimals(float(drawn.close[-1]))}f}}",
        )
        for drawn in lines
    ]
    labels = [
        Label(
            f"{names[drawn.symbol]} {number(float(drawn.change[-1]), digits, signed=True)} %",
            float(drawn.change[-1]),
            colours[drawn.symbol],
            of=safe(drawn.symbol, 20),
            words=f"{names[drawn.symbol]} {{}} %",
            digits=digits,
            signed=True,
        )
        for drawn in lines
    ]
    longest = max(names.values(), key=len)
    widest = [f"{longest} {number(end, digits, signed=True)} %" for end in ends]
    span = np.array([min(drawn.ts[0] for drawn in lines), max(drawn.ts[-1] for drawn in lines)])
    return figure(
        ids.PRICE_CHART,
        theme,
        data,
        x=time_axis(span, theme),
        y=value_axis(
            "Change (%)", theme, ends, digits, **zero_line(theme), hoverformat=f"+.{digits}f"
        ),
        uirevision=f"{uirevision}|change",
        annotations=[note(_change_words(lines, len(bars)), theme), *edge_labels(labels, ends)],
        margin=(64, edge_margin(labels, *widest)),
    )


def volume_figure(bars: Bars, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Volume of each bar, in the colour of a rising or a falling bar."""
    colours = tokens(theme)
    drawn, step_ms, words = drawn_bars(bars)
    ts = drawn.ts_ms.astype(np.float64)
    rising = drawn.close >= drawn.open
    _, high = range_of(drawn.volume, pad=0.04)
    unit = base(bars.symbol)
    volumes = {
        "type": "bar",
        **times(ts),
        "y": typed(drawn.volume),
        "width": step_ms * 0.85,
        "name": "volume",
        "textposition": "none",
        "marker": {
            "color": [colours["up"] if up else colours["down"] for up in rising.tolist()],
            "line": {"width": 0},
        },
        "hovertemplate": "%{y:,.4~g} " + safe(unit, 12),
    }
    last = float(drawn.volume[-1]) if len(drawn) else math.nan
    tone = "up" if len(drawn) and rising[-1] else "down"
    labels = [Label(compact(last), last, colours[tone])]
    ends = (0.0, high)
    return figure(
        ids.VOLUME_CHART,
        theme,
        [volumes],
        x=time_axis(ts, theme, room_ms=step_ms * 0.6),
        y=value_axis(f"Volume ({safe(unit, 12)})", theme, ends, 3),
        uirevision=uirevision,
        meta={"keep": [0]},
        annotations=[
            note(f"{safe(bars.symbol, 16)}, {words}", theme),
            *edge_labels(labels, ends),
        ],
        margin=(64, edge_margin(labels, "12.34 M")),
    )


def vwap_figure(
    bars: Bars,
    *,
    theme: str = "dark",
    uirevision: str = "",
    legs: tuple[str, str] | None = None,
) -> Figure:
    """Price against the volume-weighted average price since the start of the view. legs: as for
    `price_figure`, where the symbol has the same colour when it is the first.
    """
    colours = tokens(theme)
    colour = series_colours((bars.symbol,), legs, theme)[bars.symbol]
    average = np.asarray(cumulative_vwap(bars.vwap, bars.volume), np.float64)
    rows = rows_of(bars.ts_ms, (bars.close, average), TIMEFRAMES[bars.timeframe])
    close, vwap = rows.columns
    ts, ends, digits = times(rows.ts), range_of(close, vwap), decimals(float(bars.close[-1]))
    last, last_vwap = float(bars.close[-1]), float(average[-1])
    above = last >= last_vwap
    data = [
        line(ts, vwap, "VWAP", colours["text"], dash="dash", width=1),
        line(ts, close, safe(bars.symbol, 20), colour),
    ]
    labels = [Label(price(last), last, colour, of=safe(bars.symbol, 20), digits=digits)]
    words = f"{safe(bars.symbol, 12)}: no volume, no VWAP"
    if math.isfinite(last_vwap):
        labels.append(
            Label(
                f"VWAP<br>{price(last_vwap)}",
                last_vwap,
                colours["text"],
                2,
                False,
                "VWAP",
                "VWAP<br>{}",
                digits,
            )
        )
        gap = pct(abs(last / last_vwap - 1.0), signed=False)
        words = f"{safe(bars.symbol, 12)} {gap} {'above' if above else 'below'} VWAP"
    return figure(
        ids.VWAP_CHART,
        theme,
        data,
        x=time_axis(rows.ts, theme),
        y=value_axis(_price_title(bars.symbol), theme, ends, digits),
        uirevision=uirevision,
        shapes=shading(rows.stretches, theme),
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(72, edge_margin(labels, *map(price, ends))),
    )
