"""The comparison: pairs of a link, what each came to, one span for all."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import pytest

from analytics.model import Listing, PairParams
from dashapp import ids
from dashapp.parameters.compared import MOST, ComparedPair, asked_for, from_text, to_text
from dashapp.parameters.pair import View, to_dict
from dashapp.ui.pages import compare
from dashapp.ui.pages.analytics import page as analytics_page
from dashapp.ui.polling import Tab

PAIR = ("BTCUSDT", "ETHUSDT")


def tab_of(*pairs, **view) -> Tab:
    shown = {"market": "demo", "symbols": (), "timeframe": "1s", "z_threshold": 2.0}
    view = View(**{**shown, "pair": PairParams(*PAIR, z_window=40), **view})
    return Tab(view, "dark", {"pairs": [list(pair) for pair in pairs], "strategy": None})


def rows_of(parts: dict) -> list[list[str]]:
    table = parts["figures"]["props"]["children"]
    return [
        [cell["props"]["children"] for cell in row["props"]["children"]]
        for row in table[2]["props"]["children"]
    ]


@pytest.mark.parametrize(
    "pairs",
    [
        [("BTC/USDT", "ETH-USDT"), ("^GSPC", "BRK.B")],
        [("币安人生USDT", "A:B=C"), ("É_1", "ß" * 64)],
        [("A" * 64, "B" * 64)],
        [("BTC/USDT", "ETH-USDT", (1e-05, -2.5, "log")), ("A", "B", (31.25, 0.0, "price"))],
    ],
)
def test_any_symbols_survive_a_link(pairs):
    compared = [ComparedPair(*pair) for pair in pairs]
    text = asked_for(f"?market=demo&pairs={to_text(compared)}&z_window=3")
    assert from_text(text) == (compared, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A", "pairs is 'A', expected two symbols with ~ between them"),
        ("A~B~C", "pairs is 'A~B~C'"),
        ("A~B~1~2", "pairs is 'A~B~1~2', expected two symbols with ~ between them"),
        ("A~B~~~log", "pairs is 'A~B~~~log'"),
        ("A~B~none~1~log", "pairs is 'A~B~none~1~log'"),
        ("A~B~1~nan~log", "alpha is 'nan', expected"),
        ("A~B~1~2~ln", "price_space is 'ln', expected"),
        ("A~<b>", "pairs is 'A~<b>'"),
        ("A~a", "y and x are both A, expected two different symbols"),
        ("A~B,C~D,E~F,G~H,I~J", "pairs has 5 pairs, expected 2 to 4: the first 4 are shown"),
    ],
)
def test_what_is_no_pair_is_named_and_the_others_stay(text, words):
    pairs, errors = from_text(f"{text},Y~X")
    assert words in "; ".join(map(str, errors)) or "6 pairs" in str(errors[0])
    assert ComparedPair("Y", "X") in pairs or len(pairs) == MOST


def test_a_link_without_pairs_compares_none():
    assert asked_for("?market=demo") is None
    assert from_text("") == ([], [])


async def test_each_pair_has_its_chart_its_figures_or_why_not(runtime):
    tab = tab_of(PAIR, PAIR[::-1], ("BTCUSDT", "NOPE"))
    parts = await compare.render(runtime, tab)
    charts = [parts[chart_id] for chart_id in compare.CHARTS[:3]]
    assert charts[0]["layout"]["title"]["text"] == "BTCUSDT / ETHUSDT"
    assert charts[1]["layout"]["title"]["text"] == "ETHUSDT / BTCUSDT"
    assert charts[0]["layout"]["xaxis"] == charts[1]["layout"]["xaxis"]
    assert charts[0]["layout"]["margin"] == charts[1]["layout"]["margin"]
    assert "no NOPE" in charts[2]["layout"]["annotations"][0]["text"]
    rows = rows_of(parts)
    assert [row[0] for row in rows] == ["BTCUSDT / ETHUSDT", "ETHUSDT / BTCUSDT", "BTCUSDT / NOPE"]
    assert rows[2][2] == "this market has no NOPE"
    hidden = [parts[compare.card_of(chart_id)] for chart_id in compare.CHARTS]
    assert hidden == [False, False, False, True]
    assert "1 pair not known" in str(parts["answer"])


async def once_tested(runtime, tab) -> dict:
    """What the page shows once the legs of its pairs were tested."""
    await compare.render(runtime, tab)
    await asyncio.gather(*runtime.johansen._tasks)
    return await compare.render(runtime, tab)


async def test_a_pair_has_the_verdict_of_its_own_page(runtime):
    tab = tab_of(PAIR)
    key = compare.key(runtime, tab)
    (row,) = rows_of(await once_tested(runtime, tab))
    assert compare.key(runtime, tab) != key, "the tests that come later are drawn"
    page = str((await analytics_page.render(runtime, tab))["figures"])
    assert "stationary by itself" in row[4]
    assert f"'{row[4]}'" in page


async def test_a_locked_hedge_is_that_of_the_panels_pair_alone(runtime, ticks_of):
    runtime.markets["demo"].append(ticks_of("SOLUSDT", seconds=600))
    others = [("SOLUSDT", "ETHUSDT"), ("BTCUSDT", "SOLUSDT")]
    held = PairParams(*PAIR, z_window=40, spread_mode="locked", beta=7.0, alpha=1.0)
    plain = await once_tested(runtime, tab_of(PAIR, *others))
    locked = await once_tested(runtime, tab_of(PAIR, *others, pair=held))
    assert rows_of(locked)[1:] == rows_of(plain)[1:]
    assert rows_of(locked)[0] != rows_of(plain)[0]


@pytest.mark.parametrize("panel", ["price", "log"])
@pytest.mark.parametrize(("scale", "line"), [("price", (7.0, 1.0)), ("log", (0.9, 4.0))])
async def test_a_pair_that_is_held_is_measured_by_its_own_line(runtime, panel, scale, line):
    held = (*PAIR, *line, scale)
    own = PairParams(
        *PAIR, z_window=40, price_space=scale, spread_mode="locked", beta=line[0], alpha=line[1]
    )
    plain = PairParams(*PAIR, z_window=40, price_space=panel)
    alone = await once_tested(runtime, tab_of(PAIR, pair=own))
    beside = await once_tested(runtime, tab_of(held, PAIR[::-1], pair=plain))
    assert rows_of(beside)[0] == rows_of(alone)[0]
    others = await once_tested(runtime, tab_of(PAIR, PAIR[::-1], pair=plain))
    assert rows_of(beside)[0] != rows_of(others)[0]
    assert rows_of(beside)[1] == rows_of(others)[1]


def test_a_pair_that_is_held_says_so_and_its_page_has_its_line():
    view = to_dict(tab_of().view)
    chips = compare.chips([[*PAIR, 7.0, 1.0, "log"], PAIR[::-1]], view)
    links = [chip.children[0] for chip in chips]
    assert [link.children for link in links] == [
        "BTCUSDT / ETHUSDT · locked β 7.000",
        "ETHUSDT / BTCUSDT",
    ]
    asked = parse_qs(links[0].href.partition("?")[2])
    given = [asked[name] for name in ("price_space", "spread_mode", "beta", "alpha")]
    assert given == [["log"], ["locked"], ["7"], ["1"]]
    assert "locked" not in links[1].href


def test_each_pair_leads_to_its_own_page_with_what_is_kept_for_it():
    held = PairParams(*PAIR, z_window=40, spread_mode="locked", beta=4.0, alpha=2.0)
    pairs = [PAIR, PAIR[::-1], ("A/B", "ETHUSDT")]
    chips = compare.chips(pairs, to_dict(tab_of(pair=held).view))
    links = [parse_qs(chip.children[0].href.partition("?")[2]) for chip in chips]
    assert [link.get("beta", [""])[0] for link in links] == ["4", "0.25", ""]
    assert [link.get("spread_mode", [""])[0] for link in links] == ["locked", "locked", ""]
    assert (links[2]["y"], links[2]["x"]) == (["A/B"], ["ETHUSDT"])
    assert {link["z_window"][0] for link in links} == {"40"}
    nothing_yet = to_dict(tab_of(market="live", pair=None).view)
    (chip,) = compare.chips([PAIR], nothing_yet)
    assert "market=live" in chip.children[0].href


@pytest.mark.parametrize(
    "odd",
    [
        ("A", "A"),
        ("A", "B", 1e300, 0.0, "log"),
        ("A", "B", 2.0),
        ("A", "B", None, None, "log"),
        ("<b>", "B"),
    ],
)
async def test_what_no_link_may_bear_is_left_out_of_the_page(runtime, odd):
    tab = tab_of(odd, PAIR)
    compare.key(runtime, tab)
    assert [row[0] for row in rows_of(await compare.render(runtime, tab))] == ["BTCUSDT / ETHUSDT"]
    assert len(compare.chips([odd, PAIR], to_dict(tab.view))) == 1


async def test_too_few_bars_are_said_of_the_pair_that_has_them(runtime, ticks_of):
    runtime.markets["demo"].append(ticks_of("NEWUSDT", seconds=20))
    parts = await compare.render(runtime, tab_of(PAIR, ("NEWUSDT", "ETHUSDT")))
    assert "needs" in rows_of(parts)[1][2]
    assert rows_of(parts)[0][1] != "–"


async def test_without_pairs_the_page_says_what_to_do(runtime):
    parts = await compare.render(runtime, tab_of())
    assert "add two below" in str(parts["answer"])
    assert [parts[compare.card_of(chart_id)] for chart_id in compare.CHARTS][:2] == [False, True]


async def test_the_picture_changes_with_each_of_its_legs(runtime, ticks_of):
    tab = tab_of(PAIR, ("ETHUSDT", "BTCUSDT"))
    before = compare.key(runtime, tab)
    assert compare.key(runtime, tab) == before
    start = 1_723_161_240_000 + 600_000
    runtime.markets["demo"].append(ticks_of("ETHUSDT", seconds=5, start_ms=start))
    assert compare.key(runtime, tab) != before


def test_a_pair_is_added_once():
    held = [list(PAIR)]
    assert compare.with_another(held, "A", "B") == ([*held, ["A", "B"]], "")
    assert compare.with_another(held, *PAIR)[1] == "BTCUSDT / ETHUSDT is there already"
    assert compare.with_another([[*PAIR, 1.5, 0.0, "log"]], *PAIR)[0] is None
    assert compare.with_another(held, "A", "A")[1] == "choose two different symbols"
    assert compare.with_another(held, "", None)[1] == "choose two different symbols"
    full = [["A", str(number)] for number in range(MOST)]
    assert "4 pairs are compared at most" in compare.with_another(full, "X", "Y")[1]


def test_the_layout_holds_the_pairs_of_its_link_and_says_what_is_wrong():
    page = str(compare.layout("dark", "?pairs=A~B,C"))
    assert "data=[['A', 'B']]" in page
    assert "pairs is 'C', expected two symbols" in page
    assert ids.COMPARED in page


async def test_the_break_even_has_the_funding_of_its_legs(runtime):
    plain = await compare.render(runtime, tab_of(PAIR))
    rates = {PAIR[0]: 50.0, PAIR[1]: 0.0}
    listings = {leg: Listing(leg, funding_rate=rate) for leg, rate in rates.items()}
    runtime.markets["demo"].listings = listings
    funded = await compare.render(runtime, tab_of(PAIR))
    assert rows_of(funded) != rows_of(plain)
