"""A crowd in the trust strip: the longer interval, for all alike, and its words."""

from __future__ import annotations

from dashapp.services.analysis.load import LONG_MS
from dashapp.ui.frame import trust_strip


def test_a_crowd_lengthens_the_interval_and_the_strip_says_so(runtime, monkeypatch):
    load, now = runtime.analysis.results.load, 0.0
    load._second = 0.0
    monkeypatch.setattr(load, "_clock", lambda: now)
    usual = trust_strip._strip(runtime, "demo")
    assert usual["interval"] == 500
    assert "busy" not in str(usual["figures"])
    for _ in range(2):
        load.waited(2 * LONG_MS)
        now += 1.0
        strip = trust_strip._strip(runtime, "demo")
    assert strip["interval"] == 1_500
    assert "busy: refreshed every 1.5 s" in str(strip["figures"])
