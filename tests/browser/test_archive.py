"""The archive's card in a real browser: what an earlier run kept is listed, loaded, deleted."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect
from running_app import start, stop

from analytics.model import Ticks
from storage.archive.archive import Archive

ROW = "#archive-table .ag-center-cols-container .ag-row"


@pytest.fixture
def kept(tmp_path):
    """The app on an archive with two symbols of a live market, which no feed fills."""
    path, ids = tmp_path / "a.sqlite", np.arange(5_000)
    archive = Archive.open(path)
    archive.put_market("live-x", "Live: X")
    for symbol, seed in (("BTCUSDT", 1), ("ETHUSDT", 2)):
        prices = 100 + np.random.default_rng(seed).normal(0, 0.1, len(ids)).cumsum()
        times = 1_723_161_256_000 + 200 * ids
        archive.append_ticks("live-x", Ticks(symbol, times, prices, np.ones(len(ids)), ids))
    archive.close()
    app = start("--archive", str(path), "--source", "none", "--keep-days", "0")
    yield app
    stop(app)


def test_what_an_earlier_run_kept_is_listed_loaded_and_deleted(kept, open_tab):
    page = open_tab("/data", url=kept.url)
    rows, says = page.locator(ROW), page.locator("#archive-says")
    expect(rows).to_have_count(2)
    expect(page.locator("#archive-status")).to_contain_text("a.sqlite · 0.")
    page.locator("#archive-load").click()
    expect(says).to_have_text("select a row of the table first")
    rows.nth(1).click()
    page.locator("#archive-load").click()
    expect(says).to_have_text("Live: X is loaded")
    expect(page.locator("#answer-line")).to_contain_text("Live: X, as kept · 2 symbols")
    page.locator("#archive-delete").click()
    question = page.locator("#archive-question")
    expect(question).to_contain_text("ETHUSDT of Live: X has 5,000 rows here")
    page.locator("#archive-keep").click()
    expect(question).to_be_hidden()
    expect(rows).to_have_count(2)

    phone = open_tab("/data", url=kept.url, width=380, height=800, theme="light")
    expect(phone.locator(ROW)).to_have_count(2)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 380
    phone.locator(ROW).nth(1).click()
    phone.locator("#archive-delete").click()
    phone.locator("#archive-delete-symbol").click()
    expect(phone.locator("#archive-says")).to_contain_text("deleted from the archive: 5,000 rows")
    expect(phone.locator(ROW)).to_have_count(1)
