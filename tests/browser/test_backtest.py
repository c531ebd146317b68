"""The Backtest page in a real browser: settings in the link, the sweep, walking forward."""

from __future__ import annotations

import pytest
from looks import lose_one, points, until, until_so, wait_for_points, wait_for_wiring

pytestmark = pytest.mark.browser


def says(page, what: str, where: str) -> None:
    """Wait until the words at `where` hold `what`."""
    until(
        page,
        "document.querySelector(given[0]).innerText.includes(given[1])",
        [where, what],
    )


def test_a_link_reproduces_the_settings_and_other_pages_keep_them(open_tab):
    page = open_tab("/backtest?entry_z=1.5&stop_z=none&hedge_mode=kalman&strategy_window=120")
    wait_for_points(page, "equity-chart", 50)
    assert page.input_value("#entry-z") == "1.5"
    assert page.input_value("#stop-z") == ""
    assert page.input_value("#hedge-mode") == "kalman"
    page.fill("#cost-bps", "0.5")
    until(page, "location.search.includes('cost_bps=0.5')")
    page.click("#tab-analytics")
    wait_for_points(page, "spread-chart", 100)
    until(page, "location.search.includes('entry_z=1.5')")
    page.click("#tab-backtest")
    wait_for_points(page, "equity-chart", 50)
    values = [
        page.input_value(f"#{control}")
        for control in ("entry-z", "backtest-hedge-window", "cost-bps")
    ]
    assert values == ["1.5", "120", "0.5"]


def test_a_wrong_setting_is_told_at_its_field_and_the_last_picture_stays(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT&entry_z=9&stop_z=3")
    wait_for_points(page, "spread-chart", 100)
    page.click("#tab-backtest")
    says(page, "expected above the entry (9)", "#stop-z-message")
    says(page, "Shown with the usual Entry |z| (2)", "#answer-line")
    page.fill("#entry-z", "2")
    wait_for_points(page, "equity-chart", 50)
    until(page, "document.querySelector('#stop-z-message').innerText === ''")
    page.fill("#exit-z", "3")
    says(page, "expected from 0 to below the entry", "#exit-z-message")
    assert points(page, "equity-chart") > 50
    page.fill("#exit-z", "0.5")
    until(page, "document.querySelector('#exit-z-message').innerText === ''")
    until(page, "location.search.includes('exit_z=0.5')")


def test_a_number_with_commas_keeps_its_size_and_a_decimal_comma_is_refused(open_tab):
    page = open_tab("/backtest?max_bars=1,000")
    wait_for_points(page, "equity-chart", 50)
    assert page.input_value("#max-bars") == "1,000"
    page.fill("#cost-bps", "1,5")
    says(page, "1,5 has a decimal comma: write 1.5", "#cost-bps-message")
    page.fill("#cost-bps", "1.5")
    until(page, "location.search.includes('cost_bps=1.5')")
    assert "max_bars=1000" in page.url
    page.fill("#backtest-hedge-window", "10,000")
    until(page, "location.search.includes('strategy_window=10000')")
    page.fill("#walk-train", "0,5")
    page.click("#walk-run")
    says(page, "0,5 has a decimal comma: write 0.5", "#walk-train-message")


def test_a_click_on_a_cell_applies_it_and_the_sweep_says_when_it_is_stale(open_tab):
    page = open_tab("/backtest")
    wait_for_points(page, "sweep-heatmap", 20)
    page.select_option("#sweep-y", "z_window")
    until(page, "document.querySelector('#sweep-y-low').value === '20'")
    page.fill("#sweep-x-steps", "5")
    page.fill("#sweep-y-steps", "3")
    page.wait_for_timeout(400)
    page.click("#sweep-run")
    says(page, "15 back-tests done", "#sweep-says")
    page.locator("#sweep-heatmap").scroll_into_view_if_needed()
    box = page.locator("#sweep-heatmap .nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    until(page, "document.querySelector('#entry-z').value === '3'")
    until(page, "document.querySelector('#z-window').value === '20'")
    assert "stale" not in page.inner_text("#sweep-says")
    page.fill("#stop-z", "5")
    says(page, "stale: Stop |z| changed since", "#sweep-says")


def test_walking_forward_shows_what_was_earned_out_of_sample(open_tab):
    page = open_tab("/backtest")
    wait_for_points(page, "equity-chart", 50)
    page.fill("#walk-train", "200")
    page.fill("#walk-test", "20")
    page.wait_for_timeout(400)
    page.fill("#walk-test", "5")
    page.wait_for_timeout(400)
    page.click("#walk-run")
    says(page, "expected a whole number from 10", "#walk-test-message")
    page.fill("#walk-test", "50")
    page.wait_for_timeout(400)
    page.click("#walk-run")
    says(page, "with hindsight", "#walk-says")
    wait_for_points(page, "walk-forward-chart", 100)
    page.wait_for_selector("#folds-table .ag-center-cols-container .ag-row")
    says(page, " ± ", "#folds-table")
    assert page.inner_text("#walk-test-message") == ""


#: Holds the answers to the presses of both cards until `release` is called.
HOLD = r"""
() => {
  const real = window.fetch;
  window.held = [];
  window.fetch = async (address, asked) => {
    const answer = await real(address, asked);
    const press = asked && /"changedPropIds":\[[^\]]*-run\.n_clicks"/.test(String(asked.body));
    if (press) await new Promise((go) => window.held.push(go));
    return answer;
  };
  window.release = () => {
    window.fetch = real;
    window.held.forEach((go) => go());
  };
}
"""


def small_forms(page) -> None:
    """Fill in a sweep of 15 cells and a walk-forward of few bars."""
    wait_for_points(page, "sweep-heatmap", 20)
    page.fill("#sweep-x-steps", "5")
    page.fill("#sweep-y-steps", "3")
    page.fill("#walk-train", "200")
    page.fill("#walk-test", "50")
    until(page, "dash_component_api.getLayout('walk-test').props.value === '50'")


@pytest.mark.parametrize("presses", [("#sweep-run", "#walk-run"), ("#walk-run", "#sweep-run")])
def test_a_sweep_and_a_walk_forward_within_one_answer_are_both_shown(open_tab, presses):
    page = open_tab("/backtest")
    small_forms(page)
    page.evaluate(HOLD)
    for count, button in enumerate(presses, 1):
        page.click(button)
        until(page, f"window.held.length === {count}")
    page.evaluate("window.release()")
    says(page, "15 back-tests done", "#sweep-says")
    says(page, "with hindsight", "#walk-says")


def test_a_walk_forward_is_cancelled_by_its_own_button(open_tab):
    page = open_tab("/backtest")
    small_forms(page)
    for axis, name in (("x", "hedge_window"), ("y", "z_window")):
        page.select_option(f"#sweep-{axis}", name)
        until(page, f"Number(document.querySelector('#sweep-{axis}-low').value) >= 10")
        page.fill(f"#sweep-{axis}-steps", "100")
        until(page, f"dash_component_api.getLayout('sweep-{axis}-steps').props.value === '100'")
    assert page.is_disabled("#walk-cancel")
    page.click("#walk-run")
    page.click("#sweep-run")
    page.click("#walk-cancel")  # waits until there is something to cancel
    says(page, "cancelled after", "#walk-says")
    until(page, "document.querySelector('#walk-cancel').disabled")
    says(page, "10,000 back-tests done", "#sweep-says")


def test_a_page_that_was_left_and_opened_anew_heeds_its_first_press(open_tab):
    page = open_tab("/backtest")
    for _ in range(2):
        small_forms(page)
        page.click("#sweep-run")
        says(page, "15 back-tests done", "#sweep-says")
        page.click("#tab-home")
        page.wait_for_selector("#sweep-heatmap", state="detached")
        page.click("#tab-backtest")


@pytest.mark.parametrize(("mode", "tone"), [("rolling", "tone-up"), ("in-sample", "tone-warn")])
def test_the_check_for_look_ahead_answers_in_words(open_tab, mode, tone):
    page = open_tab(f"/backtest?hedge_mode={mode}", may_lose_the_server=True)
    wait_for_points(page, "equity-chart", 50)
    lost = lose_one(page, '"check-look-ahead.n_clicks"')
    page.click("#check-look-ahead")
    until_so(page, lambda: lost)
    page.click("#check-look-ahead")
    page.wait_for_selector(f"#look-ahead-verdict.{tone}")
    assert "none changed" in page.inner_text("#look-ahead-verdict")
    page.keyboard.press("s")  # of another pair nothing was checked
    page.wait_for_selector("#look-ahead-verdict:empty", state="attached")


def test_each_click_on_a_trade_zooms_to_it(open_tab):
    page = open_tab("/backtest?market=demo&y=BTCUSDT&x=ETHUSDT&limit=400&entry_z=1.2&z_window=30")
    plot = "document.querySelector('#equity-chart .js-plotly-plot')"
    row = page.locator("#trades-table .ag-center-cols-container [role=row] [col-id=entry_z]").first

    def click_zooms() -> None:
        wait_for_points(page, "equity-chart", 50)
        wait_for_wiring(page, "equity-chart")
        until(page, f"{plot}._fullLayout.xaxis.autorange")
        row.click()
        until(page, f"!{plot}._fullLayout.xaxis.autorange")

    wait_for_points(page, "equity-chart", 50)
    page.keyboard.press(" ")  # held: the rows stay where they are
    click_zooms()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("r")
    click_zooms()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("r")
    page.click("#tab-home")
    page.wait_for_selector("#equity-chart", state="detached")
    page.click("#tab-backtest")
    click_zooms()
