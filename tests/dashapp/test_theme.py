"""The tokens: complete, readable, and the same values as the style sheet's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dashapp import theme

STYLE = Path(__file__).resolve().parents[2] / "assets" / "style.css"
TEXT_TOKENS = [name for name in theme.TOKENS["dark"] if name not in ("border", "hairline")]
GROUNDS = ("bg", "surface", "raised")


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast of two colours "#rrggbb", from 1 to 21; AA text needs 4.5."""
    dark, light = sorted(
        float(theme.luminance(*theme._channels(colour))) for colour in (first, second)
    )
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_and_white_is_the_largest():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_both_themes_have_the_same_tokens():
    assert theme.TOKENS["dark"].keys() == theme.TOKENS["light"].keys()


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize("token", [token for token in TEXT_TOKENS if token not in GROUNDS])
def test_every_colour_of_text_is_aa_on_page_and_card(name, token):
    colours = theme.TOKENS[name]
    for ground in ("bg", "surface"):
        assert contrast(colours[token], colours[ground]) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light"])
def test_hover_text_is_aa_on_its_label(name):
    colours = theme.TOKENS[name]
    assert contrast(colours["text"], colours["raised"]) >= 4.5
    assert contrast(colours["muted"], colours["raised"]) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light"])
def test_lines_of_other_symbols_are_aa_and_no_token(name):
    colours = theme.TOKENS[name]
    for colour in theme.OTHER_SERIES[name]:
        assert contrast(colour, colours["surface"]) >= 4.5
        assert colour not in colours.values()


@pytest.mark.parametrize("name", ["dark", "light"])
def test_a_number_in_any_cell_of_the_heatmap_is_aa_in_black_or_white(name):
    luminance = theme.luminance_of_scale(np.linspace(0.0, 1.0, 1_001), name)
    black, white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    letters = np.where(luminance < theme.BLACK_OR_WHITE, white, black)
    assert letters.min() >= 4.5


def test_the_diverging_scale_is_neutral_in_its_middle_and_ends_in_other_hues():
    for stops in theme.DIVERGING.values():
        low, middle, high = (theme._channels(stops[place][1]) for place in (0, 2, 4))
        assert max(middle) - min(middle) < 24
        assert low[0] > low[2]
        assert high[2] > high[0]


def test_the_style_sheet_holds_the_same_values():
    if not STYLE.is_file():
        pytest.skip("assets/style.css is absent")
    names = {"leg_y": "accent", "leg_x": "leg-x", "border": "line"}
    dark, light = re.findall(r"\{([^}]*--bg:[^}]*)\}", STYLE.read_text())[:2]
    for name, block in (("dark", dark), ("light", light)):
        sheet = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))
        for token, colour in theme.TOKENS[name].items():
            assert sheet[names.get(token, token)] == colour, (name, token)


@pytest.mark.parametrize("sheet", sorted(STYLE.parent.glob("*.css")), ids=lambda path: path.name)
def test_no_rule_asks_for_a_sibling_within_has(sheet):
    """`:has(+ ...)` and `:has(~ ...)` have the browser compute the style of the whole page anew
    whenever plotly.js measures a text: 40 % of all that the Analytics page cost."""
    assert not re.findall(r":has\(\s*[+~][^)]*\)", sheet.read_text())


def test_an_unknown_theme_is_named():
    with pytest.raises(ValueError, match="theme is 'sepia', expected one of dark, light"):
        theme.tokens("sepia")


def test_legs_keep_their_colours_whatever_the_order():
    colours = theme.series_colours(("A", "B", "C", "D"), ("C", "A"), "light")
    light = theme.TOKENS["light"]
    assert colours["C"] == light["leg_y"]
    assert colours["A"] == light["leg_x"]
    assert len(set(colours.values())) == 4


def test_the_shared_layout_is_built_once_a_theme():
    assert theme.chart_layout("dark") is theme.chart_layout("dark")
    assert theme.x_axis("light") is theme.x_axis("light")
