"""Charts as SVG: lines, bars and points, drawn without a script, sharp at every size.

Sizes are in px of a plot 720 wide, which the page scales. Colours are those of the light theme:
the sheet is printed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from analytics.model import FloatArray, IntArray
from dashapp.figures.axes import DAY_MS, nice_range
from dashapp.figures.rows import thinned
from dashapp.text.numbers import number
from dashapp.theme import LIGHT, tokens

COLOURS = tokens(LIGHT)
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 10, 26
#: Px under a plot whose horizontal axis bears its unit.
DEEP = 42
#: Px that a bar is wide at most.
WIDEST = 64.0
#: Points of a line that are drawn; of more the lowest and the highest of each stretch stay.
MOST_POINTS = 1_600
_STEPS_MS = (
    *(1_000, 5_000, 15_000, 30_000, 60_000, 300_000, 900_000, 1_800_000, 3_600_000),
    *(10_800_000, 21_600_000, 43_200_000, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 14 * DAY_MS),
    *(30 * DAY_MS, 91 * DAY_MS, 182 * DAY_MS, 365 * DAY_MS),
)


@dataclass(frozen=True)
class Frame:
    """The plot: its size in px, and what stands at its edges. bottom: px under the plot."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    bottom: int = BOTTOM

    def across(self, value: float) -> float:
        """Px from the left of a value on the horizontal axis."""
        low, high = self.x
        return LEFT + (value - low) / (high - low) * (self.width - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Px from the top of a value on the vertical axis."""
        low, high = self.y
        return TOP + (high - value) / (high - low) * (self.height - TOP - self.bottom)


@dataclass(frozen=True)
class Line:
    """A series over time. fill: the area to zero is filled."""

    name: str
    values: FloatArray
    colour: str
    fill: bool = False


def _px(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "muted") -> str:
    look = f'fill="{COLOURS[colour]}" text-anchor="{anchor}"'
    return f'<text x="{_px(x)}" y="{_px(y)}" {look}>{escape(words)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    ends = f'x1="{_px(x1)}" y1="{_px(y1)}" x2="{_px(x2)}" y2="{_px(y2)}"'
    return f'<line {ends} stroke="{colour}" stroke-width="1"/>'


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values from low to high.

    >>> ticks(-0.13, 0.42, 4)
    [0.0, 0.2, 0.4]
    """
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.99)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _digits(values: Sequence[float]) -> int:
    """Decimals that tell ticks apart."""
    step = min(np.diff(values), default=1.0)
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 2


def time_ticks(first_ms: float, last_ms: float) -> list[tuple[float, str]]:
    """Times on the hour, the day or so, with their words in UTC."""
    span = last_ms - first_ms
    step = next((each for each in _STEPS_MS if span / each <= 7), _STEPS_MS[-1])
    form = "%H:%M:%S" if step < 60_000 else "%H:%M" if span < DAY_MS else "%-d %b %H:%M"
    form = form if step < DAY_MS else "%-d %b" if span < 330 * DAY_MS else "%b %Y"
    marks = np.arange(math.ceil(first_ms / step) * step, last_ms + 1, step)
    return [(float(at), datetime.fromtimestamp(at / 1_000, UTC).strftime(form)) for at in marks]


def _with_zero(values: FloatArray) -> tuple[float, float]:
    """A rounded range that holds every value and zero."""
    return nice_range(float(values.min(initial=0.0)), float(values.max(initial=0.0)))


def _grid(frame: Frame, unit: str) -> str:
    """Horizontal hairlines with their values, zero stronger; the unit above them."""
    values = ticks(*frame.y)
    digits, parts = _digits(values), []
    for value in values:
        y = frame.down(value)
        colour = COLOURS["border" if value == 0 else "hairline"]
        parts.append(_rule(LEFT, y, frame.width - RIGHT, y, colour))
        parts.append(_text(LEFT - 6, y + 4, number(value, digits), "end"))
    middle = (frame.height - frame.bottom + TOP) / 2
    turned = f'transform="rotate(-90 11 {_px(middle)})"'
    parts.append(
        f'<text x="11" y="{_px(middle)}" {turned} text-anchor="middle" '
        f'fill="{COLOURS["muted"]}">{escape(unit)}</text>'
    )
    return "".join(parts)


def _across_labels(frame: Frame, marks: Sequence[tuple[float, str]]) -> str:
    """Words under the plot, kept inside it at both ends."""
    parts = []
    for at, words in marks:
        half = 3.2 * len(words)
        x = min(max(frame.across(at), LEFT + half - 24), frame.width - half)
        parts.append(_text(x, frame.height - frame.bottom + 18, words))
    return "".join(parts)


def _unit_below(frame: Frame, unit: str) -> str:
    return _text((LEFT + frame.width - RIGHT) / 2, frame.height - 5, unit)


def _picture(frame: Frame, title: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {frame.width} {frame.height}"'
    return f'<svg {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def line_chart(
    title: str, ts_ms: IntArray, lines: Sequence[Line], unit: str, height: int = 210
) -> str:
    """Series over time, shape (n,) each; a value that is not known is a gap."""
    known = np.concatenate([line.values[np.isfinite(line.values)] for line in lines])
    ends = _with_zero(known)
    last = float(ts_ms[-1]) if ts_ms[-1] > ts_ms[0] else float(ts_ms[0]) + 1
    frame = Frame(720, height, (float(ts_ms[0]), last), ends)
    parts = [_grid(frame, unit), _across_labels(frame, time_ticks(*frame.x))]
    parts += [_drawn(frame, ts_ms, line) for line in lines]
    return _picture(frame, title, parts)


def _drawn(frame: Frame, ts_ms: IntArray, line: Line) -> str:
    keep = thinned(line.values, MOST_POINTS)
    times, values = (ts_ms, line.values) if keep is None else (ts_ms[keep], line.values[keep])
    known = np.isfinite(values)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False)).tolist()
    path, area, zero = [], [], frame.down(0.0)
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        points = [
            f"{_px(frame.across(at))} {_px(frame.down(value))}"
            for at, value in zip(
                times[first:after].tolist(), values[first:after].tolist(), strict=True
            )
        ]
        path.append("M" + "L".join(points))
        left, right = (_px(frame.across(float(times[place]))) for place in (first, after - 1))
        area.append(f"M{left} {_px(zero)}L{'L'.join(points)}L{right} {_px(zero)}Z")
    shape = f'<path d="{"".join(area)}" fill="{line.colour}" fill-opacity=".15"/>'
    stroke = f'fill="none" stroke="{line.colour}" stroke-width="1.3" stroke-linejoin="round"'
    return f'{shape if line.fill else ""}<path d="{"".join(path)}" {stroke}/>'


def bar_chart(
    title: str,
    names: Sequence[str],
    values: FloatArray,
    unit: str,
) -> str:
    """A bar a name, from zero; gains and losses in their colours."""
    width, height = 720, 190
    frame = Frame(width, height, (0.0, float(max(len(names), 1))), _with_zero(values))
    each = (width - LEFT - RIGHT) / max(len(names), 1)
    wide = min(each * 0.76, WIDEST)
    parts = [_grid(frame, unit)]
    for place, value in enumerate(values.tolist()):
        colour = COLOURS["up" if value >= 0 else "down"]
        top, foot = sorted((frame.down(value), frame.down(0.0)))
        left = frame.across(place + 0.5) - wide / 2
        box = f'x="{_px(left)}" y="{_px(top)}" width="{_px(wide)}"'
        parts.append(f'<rect {box} height="{_px(max(foot - top, 0.0))}" fill="{colour}"/>')
    longest = max((len(name) for name in names), default=1)
    every = max(1, math.ceil(longest * 6.6 / each))
    marks = [(place + 0.5, name) for place, name in enumerate(names)][::every]
    parts.append(_across_labels(frame, marks))
    return _picture(frame, title, parts)


def histogram_chart(
    title: str, edges: FloatArray, counts: IntArray, unit: str, width: int = 350
) -> str:
    """Counts between edges; the axis is in `unit`."""
    ends = (0.0, float(max(counts.max(initial=1), 1)) * 1.08)
    frame = Frame(width, 200, (float(edges[0]), float(edges[-1])), ends, DEEP)
    parts = [_grid(frame, "trades")]
    for low, high, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        left, right, top = frame.across(low), frame.across(high), frame.down(count)
        box = f'x="{_px(left + 0.5)}" y="{_px(top)}" width="{_px(max(right - left - 1, 0.6))}"'
        height = frame.down(0.0) - top
        parts.append(f'<rect {box} height="{_px(height)}" fill="{COLOURS["accent"]}"/>')
    values = ticks(*frame.x, about=4)
    digits = _digits(values)
    marks = [(value, number(value, digits)) for value in values]
    if frame.x[0] < 0 < frame.x[1]:
        zero = frame.across(0.0)
        parts.append(_rule(zero, TOP, zero, frame.height - frame.bottom, COLOURS["border"]))
    parts += [_across_labels(frame, marks), _unit_below(frame, unit)]
    return _picture(frame, title, parts)


def points_chart(
    title: str, x: FloatArray, y: FloatArray, colour: str, units: tuple[str, str], width: int = 350
) -> str:
    """A point a trade. units: of the horizontal and the vertical axis."""
    frame = Frame(width, 220, _with_zero(x), _with_zero(y), DEEP)
    values = ticks(*frame.x, about=4)
    marks = [(value, number(value, _digits(values))) for value in values]
    zero = frame.across(0.0)
    parts = [_grid(frame, units[1]), _across_labels(frame, marks)]
    parts.append(_rule(zero, TOP, zero, frame.height - frame.bottom, COLOURS["border"]))
    for across, down in zip(x.tolist(), y.tolist(), strict=True):
        place = f'cx="{_px(frame.across(across))}" cy="{_px(frame.down(down))}"'
        parts.append(f'<circle {place} r="2.4" fill="{colour}" fill-opacity=".6"/>')
    parts.append(_unit_below(frame, units[0]))
    return _picture(frame, title, parts)
