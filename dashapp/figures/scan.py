"""The charts of a scan: how many each step kept, and all p-values against chance.

theme: "dark" or "light". uirevision: zoom and pan are kept while it stays the same.
"""

from __future__ import annotations

import math

import numpy as np

from analytics.scanner import ScanResult
from dashapp import ids
from dashapp.figures.axes import value_axis
from dashapp.figures.base import Figure, figure, typed
from dashapp.figures.marks import note
from dashapp.text.scan import STEP_WORDS, left_words
from dashapp.theme import TEXT_SIZE, axis_title, rgba, tokens, x_axis
from dashapp.theme import y_axis as theme_y_axis

#: Bins of the histogram: twentieths of the p-values' hundredths.
BINS = 50


def funnel_figure(result: ScanResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """A bar a step with how many it kept; why the rest left stands in the hover.

    Lengths are by the logarithm, for a funnel goes from thousands to a few.
    """
    colours = tokens(theme)
    steps = [step for step in STEP_WORDS if step in result.funnel]
    kept = [int(result.funnel[step]) for step in steps]
    widths = np.array([math.log10(count + 1) for count in kept])
    why = [left_words(step, result.dropped) or "all were kept" for step in steps]
    fills = [rgba(colours["accent"], 0.55)] * (len(steps) - 1) + [colours["accent"]]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": typed(widths),
        "y": [STEP_WORDS[step] for step in steps],
        "text": [f"{count:,}" for count in kept],
        "textposition": "outside",
        "cliponaxis": False,
        "textfont": {"size": TEXT_SIZE, "color": colours["text"]},
        "marker": {"color": fills},
        "customdata": [[f"{count:,}", words] for count, words in zip(kept, why, strict=True)],
        "hovertemplate": "%{y}: %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    }
    reach = float(widths.max(initial=1.0)) * 1.12
    return figure(
        ids.SCAN_FUNNEL,
        theme,
        [bars],
        x={
            **x_axis(theme),
            "title": axis_title("How many, by powers of ten", theme),
            "showticklabels": False,
            "showspikes": False,
            "fixedrange": True,
            "autorangeoptions": {"minallowed": 0.0, "maxallowed": reach},
        },
        y={
            **{name: value for name, value in theme_y_axis(theme).items() if name != "nticks"},
            "title": axis_title("Step", theme),
            "autorange": "reversed",
            "showgrid": False,
            "fixedrange": True,
            "tickfont": {"size": TEXT_SIZE, "color": colours["text"]},
            "tickmode": "linear",
            "dtick": 1,
            "ticklabelstandoff": 6,
        },
        uirevision=uirevision,
        margin=(150, 56),
        hovermode="closest",
        dragmode=False,
        bargap=0.28,
    )


def pvalue_figure(result: ScanResult, *, theme: str = "dark", uirevision: str = "") -> Figure:
    """All p-values, with the flat line that chance would give; the part that the adjustment
    rejects is in accent.
    """
    colours = tokens(theme)
    counts = np.asarray(result.pvalue_counts, np.float64).reshape(BINS, -1).sum(axis=1)
    width = 1.0 / BINS
    chance = result.tested / BINS
    # the tests that the adjustment kept are those with the smallest p-values
    kept = np.clip(result.kept_tests - np.concatenate(([0.0], counts.cumsum()[:-1])), 0.0, counts)
    bars = [
        {
            "type": "bar",
            "x": typed(width * (np.arange(BINS) + 0.5)),
            "y": typed(values),
            "width": width * 0.92,
            "marker": {"color": colour},
            "hovertemplate": f"p about %{{x:.2f}}: %{{y:,.0f}} tests {words}<extra></extra>",
        }
        for values, colour, words in (
            (kept, colours["accent"], "kept"),
            (counts - kept, rgba(colours["muted"], 0.45), "not kept"),
        )
    ]
    top = max(float(counts.max(initial=0.0)), chance) * 1.08 or 1.0
    line = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": chance,
        "y1": chance,
        "line": {"color": colours["warn"], "width": 1.5, "dash": "dash"},
    }
    label = {
        "xref": "paper",
        "x": 1,
        "y": chance,
        "xanchor": "right",
        "yanchor": "bottom",
        "showarrow": False,
        "text": f"chance alone: {chance:,.0f} a bar",
        "font": {"size": TEXT_SIZE - 1, "color": colours["warn"]},
        "bgcolor": colours["surface"],
    }
    words = f"{result.tested:,} tests · accent: the {result.kept_tests:,} that the adjustment kept"
    return figure(
        ids.PVALUE_HISTOGRAM,
        theme,
        bars,
        x={
            **x_axis(theme),
            "title": axis_title("p-value (Engle-Granger, formation)", theme),
            "autorangeoptions": {"minallowed": 0.0, "maxallowed": 1.0},
            "showspikes": False,
        },
        y=value_axis("Tests", theme, (0.0, top), 0),
        uirevision=uirevision,
        shapes=[line],
        annotations=[note(words, theme), label],
        margin=(64, 24),
        hovermode="closest",
        bargap=0.08,
        barmode="stack",
    )
