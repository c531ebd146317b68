"""The tokens of the look, and the chart template that is built from them once a theme.

assets/style.css holds the same values as custom properties. Everything here is plain
data: a figure takes `chart_layout(theme)` as it is and adds what is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

DARK, LIGHT = "dark", "light"

TOKENS: dict[str, dict[str, str]] = {
    DARK: {
        "bg": "#0d1117",
        "surface": "#151b23",
        "raised": "#1e2630",
        "border": "#36424f",
        "hairline": "#232c37",
        "text": "#e6edf3",
        "muted": "#9aa7b4",
        "accent": "#5aa2ff",
        "leg_y": "#5aa2ff",
        "leg_x": "#f2a93b",
        "spread": "#c29bff",
        "z": "#2fd3bd",
        "up": "#2fbf9b",
        "down": "#ff6b6b",
        "warn": "#f2a93b",
        "simulated": "#c29bff",
    },
    LIGHT: {
        "bg": "#f5f7fa",
        "surface": "#ffffff",
        "raised": "#eef2f6",
        "border": "#8c97a3",
        "hairline": "#dde3ea",
        "text": "#1b2129",
        "muted": "#556270",
        "accent": "#0a5dc2",
        "leg_y": "#0a5dc2",
        "leg_x": "#a85a00",
        "spread": "#7339c4",
        "z": "#0b6e66",
        "up": "#0b7359",
        "down": "#c0262d",
        "warn": "#8f5200",
        "simulated": "#7339c4",
    },
}

#: Colours of the symbols that are no leg of the pair in view. None of them is a token, so
#: that no line is taken for a leg, a spread or a z-score.
OTHER_SERIES: dict[str, tuple[str, ...]] = {
    DARK: ("#f08cc0", "#b7c95a", "#7fc8e8", "#d9a78c", "#a9b4e0", "#8fbf8f"),
    LIGHT: ("#a82a72", "#5d6b00", "#00647d", "#7d4a2e", "#4a55a2", "#3a6b3a"),
}

#: From -1 over a neutral 0 to 1: orange to blue, told apart in every common colour blindness.
DIVERGING: dict[str, tuple[tuple[float, str], ...]] = {
    DARK: (
        (0.0, "#f08a3c"),
        (0.25, "#8a5230"),
        (0.5, "#1e2630"),
        (0.75, "#2c5b94"),
        (1.0, "#5aa2ff"),
    ),
    LIGHT: (
        (0.0, "#b35806"),
        (0.25, "#f1b678"),
        (0.5, "#f5f7fa"),
        (0.75, "#86b3e6"),
        (1.0, "#0a5dc2"),
    ),
}

#: Below this luminance white text reads better than black; either then has 4.5 or more.
BLACK_OR_WHITE = 0.1791

FONT_FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
TITLE_SIZE, TEXT_SIZE = 14, 12

#: What `dcc.Graph(config=...)` takes: the mode bar shows on hover with four buttons.
GRAPH_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "responsive": True,
    "showTips": False,
    "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}


def tokens(theme: str) -> Mapping[str, str]:
    """The tokens of "dark" or "light".

    Raises ValueError for any other theme.

    >>> tokens("light")["surface"]
    '#ffffff'
    """
    if theme not in TOKENS:
        raise ValueError(f"theme is {theme!r}, expected one of {', '.join(TOKENS)}")
    return TOKENS[theme]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@cache
def rgba(colour: str, alpha: float) -> str:
    """A token's colour at an opacity from 0 to 1.

    >>> rgba("#0d1117", 0.15)
    'rgba(13,17,23,0.15)'
    """
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{alpha:g})"


def luminance(red: Any, green: Any, blue: Any) -> Any:
    """WCAG 2 relative luminance of channels from 0 to 255: numbers, or arrays of one shape."""
    shares = [np.asarray(channel, np.float64) / 255 for channel in (red, green, blue)]
    linear = [np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4) for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def luminance_of_scale(shares: npt.NDArray[np.float64], theme: str) -> npt.NDArray[np.float64]:
    """Luminance of the diverging scale at each share of its way, 0 to 1; NaN stays NaN."""
    places = [place for place, _ in DIVERGING[theme]]
    stops = np.array([_channels(colour) for _, colour in DIVERGING[theme]], np.float64)
    return luminance(*(np.interp(shares, places, stops[:, channel]) for channel in range(3)))


def series_colours(
    symbols: tuple[str, ...], legs: tuple[str, str] | None, theme: str
) -> dict[str, str]:
    """A colour for each symbol: the legs' own, the others' in order; fixed while `symbols` is.

    Without legs the first two symbols take the legs' colours.

    >>> series_colours(("A", "B"), ("B", "A"), "dark")
    {'A': '#f2a93b', 'B': '#5aa2ff'}
    """
    colours = tokens(theme)
    y, x = legs or (*symbols, "", "")[:2]
    others = OTHER_SERIES[theme]
    by_symbol: dict[str, str] = {}
    for symbol in symbols:
        if symbol in (y, x):
            by_symbol[symbol] = colours["leg_y" if symbol == y else "leg_x"]
        else:
            used = sum(earlier not in (y, x) for earlier in by_symbol)
            by_symbol[symbol] = others[used % len(others)]
    return by_symbol


@cache
def _axis(theme: str) -> dict[str, Any]:
    colours = tokens(theme)
    return {
        "automargin": True,
        "showline": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": TEXT_SIZE - 1, "color": colours["muted"]},
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": colours["muted"],
    }


def axis_title(text: str, theme: str, standoff: int = 6) -> dict[str, Any]:
    """The title of an axis, in muted text."""
    font = {"size": TEXT_SIZE - 1, "color": tokens(theme)["muted"]}
    return {"text": text, "standoff": standoff, "font": font}


@cache
def x_axis(theme: str) -> dict[str, Any]:
    """What all horizontal axes share. Never change it in place: copy with `{**x_axis(...)}`."""
    return {**_axis(theme), "showgrid": False, "tickangle": 0, "ticklabelstandoff": 5, "nticks": 7}


@cache
def y_axis(theme: str) -> dict[str, Any]:
    """What all vertical axes share: a hairline grid and no more than six ticks."""
    grid = {"showgrid": True, "gridcolor": tokens(theme)["hairline"], "gridwidth": 1}
    return {**_axis(theme), **grid, "showspikes": False, "nticks": 6}


@cache
def chart_layout(theme: str) -> dict[str, Any]:
    """What all charts share. Never change it in place: copy with `{**chart_layout(...)}`.

    The paper is the card's own surface, not transparent: spikes are outlined in it, and a
    saved PNG stays readable.
    """
    colours = tokens(theme)
    return {
        "autosize": True,
        "paper_bgcolor": colours["surface"],
        "plot_bgcolor": colours["surface"],
        "font": {"family": FONT_FAMILY, "size": TEXT_SIZE, "color": colours["text"]},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverdistance": 12,
        "spikedistance": -1,
        "dragmode": "zoom",
        "hoverlabel": {
            "bgcolor": colours["raised"],
            "bordercolor": colours["border"],
            "font": {"family": FONT_FAMILY, "size": TEXT_SIZE, "color": colours["text"]},
            "namelength": 24,
        },
        "modebar": {
            "orientation": "h",
            "bgcolor": colours["surface"],
            "color": colours["muted"],
            "activecolor": colours["accent"],
        },
    }
