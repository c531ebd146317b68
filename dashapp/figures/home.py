"""The charts of Home: prices, volume, price against VWAP.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from analytics.model import TIMEFRAMES, Bars, FloatArray
from analytics.vwap import cumulative_vwap
from dashapp import ids
from dashapp.figures.axes import range_of, time_axis, value_axis, zero_line
from dashapp.figures.base import Figure, figure, line, safe, times, typed
from dashapp.figures.marks import Label, edge_labels, edge_margin, note, shading
from dashapp.figures.rows import rows_of
from dashapp.text.numbers import base, compact, decimals, number, pct, price, quote, span_digits
from dashapp.theme import series_colours, tokens

#: Symbols drawn at most in one chart.
MOST_SYMBOLS = 8
#: Candles and volume bars drawn at most, the newest: more are thinner than a pixel.
MOST_BARS = 1_500


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
    mode: "lines" or "candles". bars: symbol -> bars, at least one of them.
    """
    if mode == "candles":
        return _candles(next(iter(bars.values())), theme, uirevision)
    if len(bars) == 1:
        return _one_price(next(iter(bars.values())), theme, uirevision)
    return _changes(bars, theme, uirevision, legs)


def _price_title(symbol: str) -> str:
    return f"{safe(symbol, 16)} ({quote(symbol) or 'price'})"


def _one_price(bars: Bars, theme: str, uirevision: str) -> Figure:
    colour = tokens(theme)["leg_y"]
    rows = rows_of(bars.ts_ms, (bars.close,), TIMEFRAMES[bars.timeframe])
    (close,) = rows.columns
    last = float(bars.close[-1])
    ends, digits = range_of(close), decimals(last)
    labels = [Label(price(last), last, colour)]
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
    chosen = tokens(theme)
    bars = bars.tail(MOST_BARS)
    length = TIMEFRAMES[bars.timeframe]
    ts = bars.ts_ms.astype(np.float64)
    last = float(bars.close[-1])
    rising = bars.close[-1] >= bars.open[-1]
    ends, digits = range_of(bars.low, bars.high), decimals(last)
    labels = [Label(price(last), last, chosen["up" if rising else "down"])]
    candles = {
        "type": "candlestick",
        "x": typed(ts),
        "open": typed(bars.open),
        "high": typed(bars.high),
        "low": typed(bars.low),
        "close": typed(bars.close),
        "name": safe(bars.symbol, 20),
        "increasing": {"line": {"color": chosen["up"], "width": 1}, "fillcolor": chosen["surface"]},
        "decreasing": {"line": {"color": chosen["down"], "width": 1}, "fillcolor": chosen["down"]},
    }
    axis = time_axis(ts, theme, room_ms=length * 0.6)
    return figure(
        ids.PRICE_CHART,
        theme,
        [candles],
        x={**axis, "rangeslider": {"visible": False}},
        y=value_axis(_price_title(bars.symbol), theme, ends, digits),
        uirevision=f"{uirevision}|price",
        annotations=[note("hollow: up, filled: down", theme), *edge_labels(labels, ends)],
        margin=(72, edge_margin(labels, *map(price, ends))),
    )


def direct_names(symbols: Sequence[str]) -> dict[str, str]:
    """What a label at a line calls each symbol: its base where no other has the same one.

    >>> direct_names(["BTCEUR", "BTCUSD", "ETHUSD"])
    {'BTCEUR': 'BTCEUR', 'BTCUSD': 'BTCUSD', 'ETHUSD': 'ETH'}
    """
    short = {one: safe(base(one), 8) for one in symbols}
    uses = Counter(short.values())
    return {one: short[one] if uses[short[one]] == 1 else safe(one, 16) for one in symbols}


def _changes(
    bars: Mapping[str, Bars], theme: str, uirevision: str, legs: tuple[str, str] | None
) -> Figure:
    shown = dict(list(bars.items())[:MOST_SYMBOLS])
    colours = series_colours(tuple(shown), legs, theme)
    names = direct_names(tuple(shown))
    drawn: list[tuple[str, FloatArray, FloatArray, FloatArray]] = []
    for symbol, one in shown.items():
        close, change = one.close, 100.0 * (one.close / one.open[0] - 1.0)
        rows = rows_of(one.ts_ms, (change, close), TIMEFRAMES[one.timeframe])
        drawn.append((symbol, rows.ts, rows.columns[0], rows.columns[1]))
    ends = range_of(*(change for _, _, change, _ in drawn))
    digits = span_digits(*ends)
    data = [
        line(
            times(ts),
            change,
            safe(symbol, 20),
            colours[symbol],
            customdata=typed(close),
            hovertemplate=f"%{{y:+.{digits}f}} %  %{{customdata:,.{decimals(float(close[-1]))}f}}",
        )
        for symbol, ts, change, close in drawn
    ]
    labels = [
        Label(
            f"{names[symbol]} {number(float(change[-1]), digits, signed=True)} %",
            float(change[-1]),
            colours[symbol],
        )
        for symbol, _, change, _ in drawn
    ]
    longest = max(names.values(), key=len)
    span = np.array([min(ts[0] for _, ts, _, _ in drawn), max(ts[-1] for _, ts, _, _ in drawn)])
    hidden = len(bars) - len(shown)
    words = f"first {MOST_SYMBOLS} of {len(bars)} symbols" if hidden else "since the first open"
    return figure(
        ids.PRICE_CHART,
        theme,
        data,
        x=time_axis(span, theme),
        y=value_axis("Change (%)", theme, ends, digits, **zero_line(theme)),
        uirevision=f"{uirevision}|change",
        annotations=[note(words, theme), *edge_labels(labels, ends)],
        margin=(
            64,
            edge_margin(
                labels, *(f"{longest} {number(one, digits, signed=True)} %" for one in ends)
            ),
        ),
    )


def volume_figure(bars: Bars, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Volume of each bar, in the colour of a rising or a falling bar."""
    chosen, length = tokens(theme), TIMEFRAMES[bars.timeframe]
    bars = bars.tail(MOST_BARS)
    ts = bars.ts_ms.astype(np.float64)
    rising = bars.close >= bars.open
    _, high = range_of(bars.volume, pad=0.04)
    unit = base(bars.symbol)
    volumes = {
        "type": "bar",
        **times(ts),
        "y": typed(bars.volume),
        "width": length * 0.85,
        "name": "volume",
        "textposition": "none",
        "marker": {
            "color": [chosen["up"] if one else chosen["down"] for one in rising.tolist()],
            "line": {"width": 0},
        },
        "hovertemplate": "%{y:,.4~g} " + safe(unit, 12),
    }
    last = float(bars.volume[-1]) if len(bars) else math.nan
    labels = [Label(compact(last), last, chosen["up" if len(bars) and rising[-1] else "down"])]
    ends = (0.0, high)
    return figure(
        ids.VOLUME_CHART,
        theme,
        [volumes],
        x=time_axis(ts, theme, room_ms=length * 0.6),
        y=value_axis(f"Volume ({safe(unit, 12)})", theme, ends, 3),
        uirevision=uirevision,
        annotations=[
            note(f"{safe(bars.symbol, 16)}, {bars.timeframe} bars", theme),
            *edge_labels(labels, ends),
        ],
        margin=(64, edge_margin(labels, "12.34 M")),
    )


def vwap_figure(bars: Bars, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """Price against the volume-weighted average price since the start of the view."""
    chosen = tokens(theme)
    average = np.asarray(cumulative_vwap(bars.vwap, bars.volume), np.float64)
    rows = rows_of(bars.ts_ms, (bars.close, average), TIMEFRAMES[bars.timeframe])
    close, vwap = rows.columns
    ts, ends, digits = times(rows.ts), range_of(close, vwap), decimals(float(bars.close[-1]))
    last, last_vwap = float(bars.close[-1]), float(average[-1])
    above = last >= last_vwap
    data = [
        line(ts, vwap, "VWAP", chosen["text"], dash="dash", width=1),
        line(ts, close, safe(bars.symbol, 20), chosen["leg_y"]),
    ]
    labels = [Label(price(last), last, chosen["leg_y"])]
    words = f"{safe(bars.symbol, 12)}: no volume, no VWAP"
    if math.isfinite(last_vwap):
        labels.append(Label(f"VWAP<br>{price(last_vwap)}", last_vwap, chosen["text"], 2, False))
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
