"""A locked hedge is that of its own pair, by whatever way another comes into view."""

from __future__ import annotations

import pytest
from looks import until, wait_for_points
from running_app import start, stop

LOCKED = "market=demo&y=BTCUSDT&x=ETHUSDT&spread_mode=locked&beta=20&alpha=5"
#: Keeps every link that the page writes.
KEEP_LINKS = """() => {
  const real = history.replaceState.bind(history);
  window.links = [];
  history.replaceState = (state, title, link) => {
    window.links.push(String(link));
    return real(state, title, link);
  };
}"""
OTHER = "!location.search.includes('x=ETHUSDT') || !location.search.includes('y=BTCUSDT')"


def by_the_panel(page) -> None:
    page.select_option("#leg-x", "SOLUSDT")


def by_the_palette(page) -> None:
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette-input:focus")
    page.keyboard.type("sol avax")
    until(page, "document.querySelector('#palette-0').innerText.includes('SOLUSDT / AVAXUSDT')")
    page.keyboard.press("Enter")


def by_the_heatmap(page) -> None:
    page.click("#tab-correlation")
    wait_for_points(page, "correlation-heatmap", 9)
    places = page.evaluate(
        """() => {
          const plot = document.querySelector('#correlation-heatmap .js-plotly-plot');
          const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
          const { xaxis, yaxis } = plot._fullLayout;
          const [x, y] = [xaxis, yaxis].map((axis, at) =>
            axis.c2p(axis._categories.indexOf(at ? 'SOLUSDT' : 'AVAXUSDT')));
          return [box.left + x, box.top + y];
        }"""
    )
    page.mouse.click(*places)


def by_a_chip(page) -> None:
    page.goto(page.url + "&pairs=BTCUSDT~ETHUSDT,SOLUSDT~AVAXUSDT")
    wait_for_points(page, "compare-chart-2", 100)
    page.click(".chip-link >> text=SOLUSDT")


def by_the_palette_over_a_comparison(page) -> None:
    page.goto(page.url + "&pairs=BTCUSDT~ETHUSDT")
    wait_for_points(page, "compare-chart-1", 100)
    by_the_palette(page)


@pytest.mark.parametrize(
    "way",
    [by_the_panel, by_the_palette, by_the_heatmap, by_a_chip, by_the_palette_over_a_comparison],
)
def test_another_pair_has_its_own_hedge(open_tab, way):
    page = open_tab(f"/analytics?{LOCKED}")
    wait_for_points(page, "zscore-chart", 100)
    page.evaluate(KEEP_LINKS)
    way(page)
    until(
        page,
        f"({OTHER}) && location.pathname === '/analytics' && !location.search.includes('pairs=')",
    )
    wait_for_points(page, "zscore-chart", 100)
    written = [*page.evaluate("window.links || []"), page.url]
    others = [one for one in written if "x=ETHUSDT" not in one or "y=BTCUSDT" not in one]
    assert others
    assert not any("beta" in one or "alpha" in one or "locked" in one for one in others), others
    assert page.input_value("#spread-mode") == "view"


def test_a_swap_of_a_locked_hedge_is_the_same_line_and_a_link_keeps_its_own(open_tab):
    page = open_tab(f"/analytics?{LOCKED}")
    wait_for_points(page, "zscore-chart", 100)
    page.reload()
    wait_for_points(page, "zscore-chart", 100)
    for part in LOCKED.split("&"):
        assert part in page.url
    page.evaluate(KEEP_LINKS)
    page.keyboard.press("s")
    until(
        page,
        "location.search.includes('y=ETHUSDT&x=BTCUSDT&spread_mode=locked&beta=0.05&alpha=-0.25')",
    )
    swapped = [one for one in page.evaluate("window.links") if "y=ETHUSDT" in one]
    assert all("beta=0.05" in one for one in swapped), swapped
    page.keyboard.press("s")
    until(
        page, "location.search.includes('y=BTCUSDT&x=ETHUSDT&spread_mode=locked&beta=20&alpha=5')"
    )


@pytest.fixture(scope="module")
def own_app():
    """An app of its own: what is replayed is the same in every tab."""
    running = start()
    yield running
    stop(running)


def test_a_replay_of_its_market_keeps_a_locked_hedge_and_so_does_the_way_back(open_tab, own_app):
    page = open_tab(f"/data?{LOCKED}", url=own_app.url)
    until(page, "location.search.includes('spread_mode=locked')")
    page.evaluate(KEEP_LINKS)
    page.click("#replay-start")
    until(page, "location.search.includes('market=replay')")
    page.click("#tab-analytics")
    wait_for_points(page, "spread-chart", 30)
    page.select_option("#market-select", "demo")
    until(page, "location.search.includes('market=demo')")
    wait_for_points(page, "zscore-chart", 100)
    written = [*page.evaluate("window.links"), page.url]
    assert len(written) > 2
    for part in LOCKED.split("&")[1:]:
        assert all(part in one for one in written), (part, written)
    assert page.input_value("#spread-mode") == "locked"
