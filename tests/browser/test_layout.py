"""What stands where, at three widths: nothing over other words, nothing cut, no empty room."""

from __future__ import annotations

import pytest
from looks import until, wait_for_points

#: Few bars, since every one is drawn twice a second.
PAIR = "market=demo&y=BTCUSDT&x=ETHUSDT&limit=400"
BOX = """(selector) => {
  const { left, right, top, bottom } = document.querySelector(selector).getBoundingClientRect();
  return { left, right, top, bottom };
}"""


def box(page, selector: str) -> dict[str, float]:
    page.wait_for_selector(selector, state="attached")  # a table comes with its own script
    return page.evaluate(BOX, selector)


def beside(page, *selectors: str) -> list[tuple[float, float]]:
    """Where parts begin, from the first of them on, wherever the page is scrolled to."""
    boxes = [box(page, selector) for selector in selectors]
    left, top = boxes[0]["left"], boxes[0]["top"]
    return [(round(one["left"] - left), round(one["top"] - top)) for one in boxes]


def apart(one: dict[str, float], other: dict[str, float]) -> bool:
    beside = one["right"] <= other["left"] or other["right"] <= one["left"]
    return beside or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]


@pytest.mark.parametrize("width", [1440, 1000, 768, 380])
def test_the_choices_of_the_heatmap_stand_beside_its_title(open_tab, width):
    page = open_tab(f"/correlation?{PAIR}", width=width, theme="light")
    wait_for_points(page, "correlation-heatmap", 9)
    title = box(page, "#correlation-heatmap .gtitle")
    choices = box(page, ".heat .chart-tools")
    assert apart(title, choices), (title, choices)
    card = box(page, ".card-box.heat")
    assert card["left"] <= choices["left"]
    assert choices["right"] <= card["right"]
    assert choices["bottom"] <= card["bottom"]
    cells = page.evaluate(
        """() => [...document.querySelectorAll('#correlation-heatmap .heatmap-label')]
          .map((one) => one.getBoundingClientRect().width)"""
    )
    area = box(page, "#correlation-heatmap .nsewdrag")
    symbols = page.evaluate(
        "() => document.querySelector('#correlation-heatmap .js-plotly-plot')"
        "._fullLayout.xaxis._categories.length"
    )
    assert max(cells) <= (area["right"] - area["left"]) / symbols


@pytest.mark.parametrize("width", [1440, 768, 380])
def test_what_stands_over_a_chart_is_inside_its_card(open_tab, width):
    page = open_tab(f"/analytics?{PAIR}", width=width)
    for chart in ("spread-chart", "zscore-chart", "hedge-scatter", "hedge-path-chart"):
        wait_for_points(page, chart, 100)
        card = box(page, f"#{chart}")
        words = page.evaluate(
            """(id) => [...document.querySelectorAll(`#${id} .annotation`)]
              .map((one) => { const { left, right } = one.getBoundingClientRect();
                              return { left, right }; })""",
            chart,
        )
        assert all(card["left"] <= one["left"] <= one["right"] <= card["right"] for one in words)
    tools = page.evaluate(
        """() => [...document.querySelectorAll('.card-head:has(.rehearsed) :is(button, label)')]
          .map((one) => one.getBoundingClientRect().left)"""
    )
    assert min(tools) <= box(page, ".card-head:has(.rehearsed) h2")["left"] + 1
    height = box(page, "#answer-line")  # a signal's words fit, so that no chart moves as it comes
    assert height["bottom"] - height["top"] <= {1440: 72, 768: 72, 380: 168}[width]


@pytest.mark.parametrize("width", [1440, 1200, 380])
def test_what_a_button_did_is_said_without_moving_one(open_tab, width):
    page = open_tab(f"/analytics?{PAIR}", width=width)
    wait_for_points(page, "spread-chart", 100)
    until(page, "document.querySelector('#alert-rehearsed').innerText.includes('would have')")
    buttons = (".card-head:has(.made)", "#watch-pair", "#alert-here", "#lock-hedge")
    before = beside(page, *buttons)
    try:
        page.click("#watch-pair")
        until(page, "document.querySelector('#alert-made').innerText.startsWith('watched')")
        assert beside(page, *buttons) == before
    finally:
        page.click("#watch-pair")  # as it was
        until(page, "document.querySelector('#alert-made').innerText.includes('no longer')")


def test_a_word_that_comes_into_a_phones_strip_moves_nothing(open_tab):
    page = open_tab(f"/analytics?{PAIR}", width=380)
    wait_for_points(page, "spread-chart", 100)
    heights = page.evaluate(
        """() => {
          const strip = document.querySelector('#trust-strip');
          const copy = strip.parentNode.insertBefore(strip.cloneNode(true), strip);
          const usual = '20 ticks/s · last 0.1 s · gaps 0 · rejected 0';
          const busy = ' · busy: refreshed every 0.75 s';
          const heights = ['', ' · carried 12 %', busy, `${busy} · carried 12 %`].map((more) => {
            copy.querySelector('#trust-figures').textContent = usual + more;
            return copy.getBoundingClientRect().height;
          });
          copy.remove();
          return heights;
        }"""
    )
    assert len(set(heights)) == 1, heights


def test_the_figures_of_a_phones_strip_stand_below_the_log(open_tab):
    page = open_tab("/", width=380)
    wait_for_points(page, "price-chart", 10)
    strip, figures = box(page, "#trust-strip"), box(page, "#trust-figures")
    log = box(page, "#feed-log-toggle")
    assert log["top"] < box(page, "#feed-status")["bottom"], "the log stands on the first line"
    assert log["bottom"] <= figures["top"]
    assert strip["bottom"] - figures["bottom"] < 12, "nothing stands below the figures"


def test_tables_are_as_tall_as_what_they_hold(open_tab, app):
    page = open_tab("/pairs")
    page.wait_for_selector("#watch-empty:not([hidden])")
    watched = box(page, "#watch-table")
    assert watched["bottom"] == watched["top"], "an empty watchlist is a sentence"
    page.goto(app.url + "/alerts?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "alert-zscore-chart", 50)
    page.fill("#rule-threshold", "7")
    page.click("#rule-add")
    page.wait_for_selector("#rules-table .ag-center-cols-container [role=row]")
    until(page, "document.querySelector('#rules-table').getBoundingClientRect().height <= 90")
    page.locator("#rules-table .ag-checkbox-input").first.click()
    page.click("#rule-delete")


def test_the_rows_of_a_table_are_drawn_anew_in_turns_but_for_the_one_in_use(open_tab):
    page = open_tab("/data?market=demo")
    until(page, "location.search.includes('y=BTCUSDT')")  # until then the page may begin anew
    rows = "#summary-table .ag-center-cols-container .ag-row"
    until(  # in one step: between two a row may be drawn anew
        page,
        """(() => {
          [window.used] = document.querySelectorAll(given);
          const cell = window.used.querySelector('.ag-cell');
          cell.focus();
          return document.activeElement === cell;
        })()""",
        rows,
    )
    for _ in range(2):  # the one in use has had its turn after two rounds, whoever began the first
        until(page, "(window.before = [...document.querySelectorAll(given)]).length > 1", rows)
        until(page, "window.before.every((row) => row === window.used || !row.isConnected)")
    assert page.evaluate("window.before.length > 1 && window.used.isConnected")


def test_sorts_and_the_capital_stand_in_the_link(open_tab):
    page = open_tab(f"/data?{PAIR}")
    rows = "#summary-table .ag-center-cols-container [role=row]"
    page.wait_for_selector(rows)
    for _ in range(2):
        page.locator("#summary-table .ag-header-cell-text", has_text="Last").click()
    until(page, "location.search.includes('sort=summary-table.last.desc')")
    page.reload()
    page.wait_for_selector(rows)
    header = "#summary-table .ag-header-cell[col-id=last]"
    page.wait_for_selector(f"{header}[aria-sort=descending]")
    page.click("#tab-analytics")
    wait_for_points(page, "zscore-chart", 100)
    page.fill("#capital", "2500")
    until(page, "location.search.includes('capital=2500')")
    until(page, "document.querySelector('#pair-figures').innerText.includes('for 2,500 USDT')")
    link = page.url
    assert "sort=summary-table.last.desc" in link
    page.close()
    other = open_tab(link.partition("/analytics")[1] + link.partition("/analytics")[2])
    wait_for_points(other, "zscore-chart", 100)
    assert other.input_value("#capital") == "2500"
    until(other, "document.querySelector('#pair-figures').innerText.includes('for 2,500 USDT')")


def test_what_a_walk_forward_chose_is_seen_whole(open_tab):
    page = open_tab("/backtest?market=demo&y=BTCUSDT&x=ETHUSDT")
    wait_for_points(page, "sweep-heatmap", 9)
    page.get_by_role("button", name="Walk forward", exact=True).click()
    chosen = "#folds-table .ag-center-cols-container .ag-cell[col-id=chosen]"
    page.wait_for_selector(chosen)
    until(page, f"document.querySelector('{chosen}').innerText.includes('Entry ')")
    cut = page.evaluate(
        "(cells) => [...document.querySelectorAll(cells)]"
        ".filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)",
        chosen,
    )
    assert cut == []


def test_the_palette_arms_and_watches_the_pair_in_view_by_the_keyboard(open_tab):
    page = open_tab(f"/analytics?{PAIR}&z_threshold=6")
    wait_for_points(page, "zscore-chart", 100)
    for typed, said in (("arm", "armed"), ("watch", "watched"), ("watch", "no longer")):
        page.keyboard.press("Control+k")
        page.wait_for_selector("#palette-input:focus")
        page.keyboard.type(typed)
        until(page, "document.querySelector('#palette-0').innerText.includes('this pair')")
        page.keyboard.press("Enter")
        until(page, f"document.querySelector('#alert-made').innerText.includes('{said}')")


def test_a_heatmap_that_goes_on_beyond_the_edge_fades_there_until_it_is_scrolled_to(open_tab):
    page = open_tab(f"/backtest?{PAIR}", width=380)
    page.wait_for_selector("#sweep-heatmap", state="attached")
    card = "document.querySelector('.card-box.chart:has(#sweep-heatmap)')"
    fading = f"parseFloat(getComputedStyle({card}).getPropertyValue('--more'))"
    until(page, f"{card}.scrollWidth > {card}.clientWidth && {fading} > 40")
    page.evaluate(f"{card}.scrollLeft = {card}.scrollWidth")
    until(page, f"{fading} === 0")
    page.set_viewport_size({"width": 1440, "height": 900})
    until(page, f"getComputedStyle({card}).maskImage === 'none'")


def test_no_line_ends_within_a_figure_on_a_phone(open_tab):
    page = open_tab(f"/backtest?{PAIR}", width=380)
    page.wait_for_selector("#backtest-figures td.figures")
    lines = """() => [...document.querySelectorAll('#backtest-figures td.figures')]
      .filter((cell) => /^[^(]+\\s[%×]$|±/.test(cell.textContent))
      .map((cell) => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        return new Set([...text.getClientRects()].map((box) => Math.round(box.top))).size;
      })"""
    seen = page.evaluate(lines)
    assert len(seen) > 4
    assert set(seen) == {1}
