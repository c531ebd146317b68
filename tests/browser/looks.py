"""What the tests read off a page: the points that plotly.js really drew."""

from __future__ import annotations

from collections.abc import Callable

POINTS = """
(id) => {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  if (!plot || !plot._fullData) return [];
  return plot._fullData.map((trace) => {
    const column = trace.z || trace.y || trace.close || trace.x || [];
    const flat = Array.from(column).flatMap((one) => (one && one.length ? Array.from(one) : [one]));
    return flat.filter((one) => one !== null && Number.isFinite(Number(one))).length;
  });
}
"""

LAST = """
(id) => {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  const ends = plot._fullData
    .filter((trace) => (trace.mode === "lines" || trace.close) && trace.fill !== "toself")
    .map((trace) => {
      const values = Array.from(trace.y || trace.close);
      const place = values.length - 1;
      const time = trace.x ? trace.x[place] : Number(new Date(trace.x0)) + place * trace.dx;
      return [Number(new Date(time)), values[place]];
    })
    .filter(([time]) => Number.isFinite(time));
  return ends.sort((one, other) => one[0] - other[0]).map((end) => end.join("|")).pop() || "";
}
"""


def points(page, chart_id: str) -> int:
    """How many finite points the chart shows, over all its traces."""
    return sum(page.evaluate(POINTS, chart_id))


def wait_for_points(page, chart_id: str, least: int = 1) -> None:
    """Wait until the chart shows at least so many points."""
    page.wait_for_function(
        f"([id, least]) => ({POINTS})(id).reduce((sum, one) => sum + one, 0) >= least",
        arg=[chart_id, least],
    )


def wait_for_wiring(page, chart_id: str) -> None:
    """Wait until the page would hear of a zoom of the chart."""
    until(page, f"document.querySelector('#{chart_id} [data-linked][data-sighted]')")


def last(page, chart_id: str) -> str:
    """The newest point of the chart's lines, as text: its time and its value; "" for none."""
    return page.evaluate(LAST, chart_id)


def until_another(page, chart_id: str, before: str) -> None:
    """Wait until the newest point of the chart's lines is another than it was."""
    page.wait_for_function(
        f"([id, before]) => ({LAST})(id) !== before", arg=[chart_id, before], timeout=60_000
    )


def settled(page, chart_id: str) -> str:
    """The newest point of a chart that stands still: the same at two looks 1.5 s apart."""
    shown = last(page, chart_id)
    while True:
        page.wait_for_timeout(1_500)
        before, shown = shown, last(page, chart_id)
        if shown == before:
            return shown


def hide(page, hidden: bool = True) -> None:
    """Let a page know that nobody sees it, as of a tab behind others, or that somebody does."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def until_so(page, condition: Callable[[], object]) -> None:
    """Wait until a condition of this process's own holds, for as long as the test may take."""
    while not condition():
        page.wait_for_timeout(100)


def focus_cell(page, selector: str) -> None:
    """Put the keyboard on a table's cell, which a table that is drawn anew takes from one."""
    until_so(
        page,
        lambda: page.locator(selector).first.evaluate(
            "cell => { cell.focus(); return document.activeElement === cell; }"
        ),
    )


def lose_one(page, what: str) -> list:
    """Let the next call that says `what` fail in the network; a list that holds it once it has."""
    lost: list = []

    def meet(route) -> None:
        if not lost and what in (route.request.post_data or ""):
            lost.append(route)
            route.abort("failed")
        else:
            route.continue_()

    page.route("**/_dash-update-component*", meet)
    return lost


def until(page, condition: str, given: object = None) -> None:
    """Wait until a JavaScript condition holds, as a function: the page forbids eval.

    The condition may use `given`. One that reads a property of what is not on the page, since it
    is still to come or is drawn anew, does not hold yet.
    """
    page.wait_for_function(
        f"""(given) => {{
          try {{
            return ({condition});
          }} catch (problem) {{
            if (!(problem instanceof TypeError)) throw problem;
            return false;
          }}
        }}""",
        arg=given,
    )
