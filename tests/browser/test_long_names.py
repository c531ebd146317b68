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


#: The height of the strip's figures in wide letters, in their own again, and after they were
#: hidden, as without a connection; null if their words or their pair changed meanwhile.
MEASURED = """async () => {
  const line = document.querySelector('#trust-figures');
  const told = async (style) => {
    Object.assign(line.style, style);
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    return line.getBoundingClientRect().height;
  };
  let changed = false;
  const watch = new MutationObserver(() => { changed = true; });
  watch.observe(line, { childList: true, characterData: true, subtree: true });
  const pair = location.search;
  const heights = [await told({ letterSpacing: '20px' }), await told({ letterSpacing: '' })];
  await told({ display: 'none' });
  heights.push(await told({ display: '' }));
  watch.disconnect();
  return changed || location.search !== pair ? null : heights;
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
        heights: list = []

        def of_the_same_words() -> bool:
            heights[:] = tab.page.evaluate(MEASURED) or []
            return bool(heights)

        until_so(tab.page, of_the_same_words)
        wide, after, shown_again = heights
        assert wide == after == shown_again > 36
    finally:
        tab.page.context.close()
