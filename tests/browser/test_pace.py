"""When a page asks again, by a clock that the test moves: nothing here waits."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "assets" / "pace.js"

#: A page of one interval with a clock of the test's own. `later` lets time go by; what is drawn
#: keeps every timer waiting, as a browser that is at work does.
PAGE = """() => {
  let now = 1_000_000;
  const timers = [];
  let numbers = 0;
  performance.now = () => now;
  window.setTimeout = (go, wait) => {
    timers.push({ at: now + Math.max(0, wait || 0), go, id: ++numbers });
    return numbers;
  };
  window.clearTimeout = (id) => {
    const place = timers.findIndex((timer) => timer.id === id);
    if (place >= 0) timers.splice(place, 1);
  };
  window.setInterval = (go, wait) => {
    const again = () => { go(); window.setTimeout(again, wait); };
    return window.setTimeout(again, wait);
  };
  const props = { interval: 500, n_intervals: 0, disabled: false };
  const ticks = [];
  window.spreadscope = { laidOut: () => ({ props }) };
  window.dash_clientside = {
    set_props: (id, news) => {
      if (news.n_intervals > props.n_intervals) ticks.push(now - 1_000_000);
      Object.assign(props, news);
    },
  };
  const inputs = [{ id: "live-interval", property: "n_intervals" }];
  const call = (output) => ({ inputs: [inputs], output });
  const hide = (hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  };
  window.clock = {
    hide,
    inputs,
    props,
    ticks,
    ask: (call) => window.spreadscopePace.sent(call),
    call,
    answer: (payload, error) =>
      window.dash_clientside.spreadscope.callbackResolved(
        { inputs: [inputs], output: payload.output },
        { payload: error ? undefined : payload, error },
      ),
    draw: (span) => { now += span; },
    later: (span) => {
      const end = now + span;
      for (;;) {
        timers.sort((one, other) => one.at - other.at);
        if (!timers.length || timers[0].at > end) break;
        const { at, go } = timers.shift();
        now = Math.max(now, at);
        go();
      }
      now = Math.max(now, end);
    },
  };
}"""


@pytest.fixture
def page(window):
    """The script on a page of its own."""
    opened = window.new_page()
    opened.evaluate(PAGE)
    opened.add_script_tag(path=SCRIPT)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("answered", "drawn", "ticks"),
    [
        (25, 150, [500]),  # an interval after it asked
        (25, 280, [585]),  # the browser rests for as long as it drew
        (25, 800, [1_325]),  # an interval at most
        (400, 20, [800]),  # the server is left alone for as long as it took
        (900, 20, [1_400]),
    ],
)
def test_a_page_asks_once_an_interval_and_later_where_that_is_too_much(
    page, answered, drawn, ticks
):
    asked = """([answered, drawn]) => {
      const call = clock.call("page");
      clock.ask(call);
      clock.later(answered);
      const off = clock.props.disabled;
      clock.answer(call);
      clock.draw(drawn);
      clock.later(3_000);
      return [off, clock.props.disabled, clock.ticks];
    }"""
    assert page.evaluate(asked, [answered, drawn]) == [True, False, ticks]


def test_of_several_calls_the_last_answer_lets_it_ask_again(page):
    asked = """() => {
      const calls = ["page", "strip"].map(clock.call);
      calls.forEach(clock.ask);
      clock.later(20);
      clock.answer(calls[1]);
      clock.later(680);
      const early = [...clock.ticks];
      clock.answer(calls[0]);
      clock.later(3_000);
      return [early, clock.ticks];
    }"""
    assert page.evaluate(asked) == [[], [1_200]]


@pytest.mark.parametrize("took", [100, 30])
def test_what_is_asked_beside_the_interval_counts_from_then(page, took):
    asked = """(took) => {
      const [first, second] = ["page", "page"].map(clock.call);
      clock.ask(first);
      clock.later(20);
      clock.answer(first);
      clock.later(400);
      clock.ask(second);  // a parameter was changed
      clock.later(took);
      clock.answer(second);
      clock.later(1_000);
      return clock.ticks;
    }"""
    assert page.evaluate(asked, took) == [920]


@pytest.mark.parametrize(("most", "ticks"), [(-1, [500]), (0, []), (7, []), (8, [500])])
def test_an_interval_that_was_switched_off_stays_off(page, most, ticks):
    asked = """(most) => {
      clock.props.n_intervals = 7;
      const call = clock.call("title");
      clock.ask(call);
      clock.props.max_intervals = most;
      clock.later(20);
      clock.answer(call);
      clock.later(3_000);
      return [clock.props.disabled, clock.ticks];
    }"""
    assert page.evaluate(asked, most) == [False, ticks]


@pytest.mark.parametrize(("waited", "late"), [(4_500, False), (6_500, True)])
def test_figures_are_old_while_an_answer_is_awaited_for_long(page, waited, late):
    asked = """(waited) => {
      const call = clock.call("page");
      const classes = () => [...document.body.classList].join(" ");
      clock.ask(call);
      clock.later(waited);
      const waiting = classes();
      clock.answer(call);
      return [waiting, classes(), clock.ticks];
    }"""
    assert page.evaluate(asked, waited) == ["late" if late else "", "", []]


def test_without_an_answer_it_asks_again_a_second_later(page):
    asked = """() => {
      const call = clock.call("page");
      clock.ask(call);
      clock.later(20);
      clock.answer(call, new Error("Failed to fetch"));
      clock.later(3_000);
      return [document.body.classList.contains("offline"), clock.ticks];
    }"""
    assert page.evaluate(asked) == [True, [1_020]]


@pytest.mark.parametrize("interval", [500, 1_000])
def test_a_page_that_nobody_sees_asks_seldom_and_at_once_when_it_is_seen(page, interval):
    """More seldom still where all are told to ask less often."""
    asked = """(interval) => {
      clock.props.interval = interval;
      const asks = (seen) => {
        const call = clock.call("page");
        clock.ask(call);
        clock.later(25);
        clock.answer(call);
        clock.later(2 * interval);
        if (seen) clock.hide(false);
        clock.later(6 * interval);
      };
      clock.hide(true);
      asks(false);
      const unseen = clock.ticks.splice(0);
      asks(true);
      return [unseen, clock.ticks];
    }"""
    assert page.evaluate(asked, interval) == [[4 * interval], [10 * interval + 50]]


def test_a_page_that_is_seen_again_waits_for_the_answer_that_is_on_its_way(page):
    asked = """() => {
      clock.hide(true);
      const calls = ["page", "strip"].map(clock.call);
      calls.forEach(clock.ask);
      clock.later(20);
      clock.answer(calls[0]);
      clock.hide(false);
      clock.later(680);
      const early = [...clock.ticks];
      clock.answer(calls[1]);
      clock.later(3_000);
      return [early, clock.ticks];
    }"""
    assert page.evaluate(asked) == [[], [1_200]]


def test_the_title_of_a_tab_that_nobody_sees_goes_on(page):
    asked = """() => {
      clock.inputs[0].id = "title-interval";
      clock.hide(true);
      const call = clock.call("title");
      clock.ask(call);
      clock.later(25);
      clock.answer(call);
      clock.later(3_000);
      return clock.ticks;
    }"""
    assert page.evaluate(asked) == [500]
