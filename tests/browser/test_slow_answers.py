"""A server that answers late: what was clicked, typed or asked for meanwhile is not lost."""

from __future__ import annotations

import json

from looks import last, lose_one, until, until_another, until_so, wait_for_points

#: Holds the answers to the requests that say `what`, until `release` is called.
HOLD = """
(what) => {
  const real = window.fetch;
  window.held = [];
  window.fetch = async (address, asked) => {
    const answer = await real(address, asked);
    if (asked && String(asked.body).includes(what)) await new Promise((go) => window.held.push(go));
    return answer;
  };
}
"""

#: Answers the requests that say `what` later than the next tick of their interval.
DELAY = """
(what) => {
  const real = window.fetch;
  window.fetch = async (address, asked) => {
    const late = asked && String(asked.body).includes(what);
    if (late) await new Promise((go) => setTimeout(go, 1500));
    return real(address, asked);
  };
}
"""


#: Answers the next request that says `what` with a body that never comes to its end.
BREAK_ONE = """
(what) => {
  const real = window.fetch;
  window.fetch = async (address, asked) => {
    if (!asked || !String(asked.body).includes(what)) return real(address, asked);
    window.fetch = real;
    const headers = { "Content-Type": "application/json" };
    return new Response(new ReadableStream({}), { status: 200, headers });
  };
}
"""


def test_a_click_is_not_lost_when_the_page_asks_anew_before_its_answer(open_tab):
    page = open_tab("/data?market=demo&y=BTCUSDT&x=ETHUSDT", may_lose_the_server=True)
    page.wait_for_selector("#leg-x", state="attached")
    until(page, "document.querySelector('#leg-x').value === 'ETHUSDT'")
    page.evaluate(HOLD, '"focus.data"')
    page.keyboard.press("s")
    until(page, "window.held.length > 0")
    page.select_option("#source-kind", "url")
    until(page, "document.querySelector('#leg-y').value === 'ETHUSDT'")
    assert page.input_value("#leg-x") == "BTCUSDT"
    page.evaluate("window.held.forEach((go) => go())")

    lost = lose_one(page, '"focus.data"')
    page.keyboard.press("s")
    until_so(page, lambda: lost)
    until(page, "document.querySelector('#leg-y').value === 'BTCUSDT'")


def test_a_page_and_its_frame_go_on_while_one_answer_is_awaited(open_tab):
    page = open_tab("/backtest?market=demo&y=BTCUSDT&x=ETHUSDT&limit=400")
    wait_for_points(page, "equity-chart", 50)
    page.evaluate(HOLD, '"check-look-ahead.n_clicks"')
    page.click("#check-look-ahead")
    until(page, "window.held.length > 0")
    ticks = "(dash_component_api.getLayout('live-interval').props.n_intervals || 0)"
    asked = page.evaluate(ticks)
    until(page, f"{ticks} > {asked} + 3")
    until_another(page, "equity-chart", last(page, "equity-chart"))
    page.evaluate("window.held.forEach((go) => go())")
    page.wait_for_selector("#look-ahead-verdict.tone-up")


def test_a_page_goes_on_whose_answers_take_longer_than_a_tick_or_break_off(open_tab):
    page = open_tab("/analytics?market=demo&y=BTCUSDT&x=ETHUSDT&limit=400")
    wait_for_points(page, "zscore-chart", 100)
    # A hedge is locked for the view that it was measured in, and for no other.
    told = "dash_clientside.spreadscope.lockHedge(1, { of: 'A' }, { query: 'B' })"
    assert page.evaluate(f"{told} === dash_clientside.no_update")
    page.evaluate("window.spreadscopePace.patienceMs = 1000")
    page.evaluate(BREAK_ONE, '"spread-chart')
    page.wait_for_selector(".offline-mark >> visible=true")
    until_another(page, "zscore-chart", last(page, "zscore-chart"))
    page.wait_for_selector(".offline-mark", state="hidden")
    page.evaluate("window.spreadscopePace.patienceMs = 15000")

    page.evaluate(DELAY, '"live-interval"')
    for _ in range(6):  # each change is asked about while an answer is on its way
        with page.expect_request("**/_dash-update-component*"):
            page.keyboard.press("t")
    until_another(page, "zscore-chart", last(page, "zscore-chart"))
    until_another(page, "zscore-chart", last(page, "zscore-chart"))
    page.evaluate(DELAY, '"title-words.data"')
    page.keyboard.press("z")
    until(page, "document.title.includes('BTCUSDT / ETHUSDT')")


def test_start_sends_the_message_that_the_field_shows(open_tab):
    page, sent = open_tab("/?market=demo&y=BTCUSDT&x=ETHUSDT"), []

    def keep_starts(route) -> None:
        asked = json.loads(route.request.post_data or "{}")
        if not {"start-button.n_clicks", "stop-button.n_clicks"} & set(asked["changedPropIds"]):
            return route.continue_()
        given = {one["id"]: one.get("value") for one in asked["inputs"] + asked["state"]}
        sent.append((asked["changedPropIds"], given["subscribe"]))
        return route.fulfill(status=204)

    page.wait_for_selector("#leg-x", state="attached")
    page.route("**/_dash-update-component*", keep_starts)
    page.select_option("#source-kind", "url")
    page.evaluate(HOLD, '"subscribe-filled"')
    page.fill("#source-url", "wss://ws.okx.com:8443/ws/v5/public")
    page.fill("#source-symbols", "BTC-USDT")
    page.click("#start-button")
    page.click("#stop-button")
    until(page, "window.held.length > 0")
    page.evaluate("() => setInterval(() => window.held.splice(0).forEach((go) => go()), 50)")
    until(page, "document.querySelector('#subscribe').value.includes('BTC-USDT')")
    until_so(page, lambda: sent)
    changed, message = sent.pop()
    assert message == page.input_value("#subscribe")
    # Both clicks waited for the message, and one call tells of both.
    assert {"start-button.n_clicks", "stop-button.n_clicks"} <= set(changed)
    page.fill("#subscribe", '{"op":"hello"}')
    page.click("#start-button")
    until_so(page, lambda: sent)
    assert sent.pop()[1] == '{"op":"hello"}'


def test_tables_are_loading_until_their_first_answer(open_tab, app):
    app.forget_rules()  # of other tests on this app
    page = open_tab("/")
    wait_for_points(page, "price-chart", 10)
    page.evaluate(HOLD, "rowData")
    tables = {
        "data": ("summary-table", "bars-table", "ticks-table", "archive-table"),
        "backtest": ("trades-table", "folds-table"),
        "pairs": ("scan-table",),
        "alerts": ("rules-table", "alerts-table"),
    }
    for name, held in tables.items():
        page.click(f"#tab-{name}")
        for table in held:
            overlay = f"#{table} .ag-overlay"
            until(page, f"document.querySelector('{overlay}')?.innerText.trim() === 'loading'")
        if name == "pairs":
            assert page.inner_text("#watch-empty") == "loading"
