"""A phone over a market whose symbols have 64 letters: no sentence widens a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_streams import opened, stream
from looks import until, until_so
from running_app import App, start, stop

NAMES = [f"{letter * 60}USDT" for letter in "AB"]
#: A page, and the sentence that names the pair there.
SAYING = {"/analytics": "#hedge-choice", "/backtest": "#sweep-says"}


#: The pair of the strip's figures and their height in wide letters, then in their own again.
MEASURED = """async () => {
  const line = document.querySelector('#trust-figures');
  const told = async (spacing) => {
    line.style.letterSpacing = spacing;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    return [line.dataset.subject, line.getBoundingClientRect().height];
  };
  return [...(await told('20px')), ...(await told('')).reverse()];
}"""


@pytest.fixture(scope="module")
def live() -> Iterator[App]:
    with stream(NAMES, 250.0, 2) as url:
        app = start("--source", url, "--symbols", ",".join(NAMES))
        yield app
        stop(app)


@pytest.mark.parametrize("path", SAYING)
def test_a_sentence_breaks_within_a_long_name(chromium, live, path):
    tab = opened(chromium, live.url, path, 380)
    try:
        until(tab.page, f"document.querySelector('{SAYING[path]}')?.innerText.length > 0")
        width = tab.page.eval_on_selector(  # the same each time, whatever the prices say
            SAYING[path],
            """(line, name) => {
              line.textContent = name + ' / ' + name;
              return document.documentElement.scrollWidth;
            }""",
            NAMES[0],
        )
        assert width == 380
    finally:
        tab.page.context.close()


def test_the_figures_of_the_strip_keep_the_lines_that_they_took(chromium, live):
    tab = opened(chromium, live.url, "/analytics", 380)
    try:
        until(tab.page, "document.querySelector('#trust-figures')?.dataset.subject")
        until(tab.page, f"location.search.includes('y={NAMES[0]}')")
        measured: list = []

        def of_one_pair() -> bool:  # another that comes into view meanwhile begins anew
            measured[:] = tab.page.evaluate(MEASURED)
            return measured[0] == measured[-1]

        until_so(tab.page, of_one_pair)
        _, wide, after, _ = measured
        assert wide == after > 36
    finally:
        tab.page.context.close()
