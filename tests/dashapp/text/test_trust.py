"""The figures of the trust strip: what is known, what was lost and why."""

from __future__ import annotations

from dashapp.text.trust import LONGEST, trust_figures


def test_the_strip_leaves_out_what_is_not_known():
    assert trust_figures({"rate": 0.0, "age_s": None}) == [("0 ticks/s", "")]


def test_the_strip_warns_of_losses_with_their_last_reason():
    trust = {
        "rate": 212.3,
        "age_s": 0.14,
        "lag_p50_ms": 38.2,
        "lag_p99_ms": 121.0,
        "gaps": 0,
        "rejected": 4,
        "last_rejected": "price",
        "duplicate": 2,
        "late": 0,
        "dropped": 0,
        "carried_share": 0.25,
    }
    assert trust_figures(trust) == [
        ("212 ticks/s", ""),
        ("last 0.1 s", ""),
        ("lag 38/121 ms", ""),
        ("gaps 0", ""),
        ("duplicate 2", ""),
        ("rejected 4 (last: not a number above 0 and below 1e12)", "warn"),
        ("carried 25 %", "warn"),
    ]


def test_the_strip_tells_gaps_that_are_filled_from_those_that_are_open():
    trust = {"gaps": 3, "gaps_open": 0, "missing": 0, "backfilled": 2_500}
    assert trust_figures(trust) == [("gaps 3 (filled)", ""), ("backfilled 2,500", "")]
    trust = {"gaps": 3, "gaps_open": 1, "missing": 120}
    assert trust_figures(trust) == [("gaps 3 (1 open, 120 trades missing)", "warn")]
    assert trust_figures({"gaps": 0, "gaps_open": 0}) == [("gaps 0", "")]
    trust = {"gaps": 0, "gaps_open": 0, "numbered": False}
    assert trust_figures(trust) == [("gaps not known: no ids", "")]


def test_the_strip_says_when_this_clock_is_wrong():
    trust = {"lag_p50_ms": -3_200.0, "lag_p99_ms": -3_000.0, "skew_ms": 3_200.0}
    assert trust_figures(trust) == [
        ("lag -3200/-3000 ms", ""),
        ("this clock is 3.2 s behind the exchange", "warn"),
    ]


def test_the_strip_says_when_this_clock_was_set() -> None:
    assert trust_figures({"clock_jump_s": -3_600.4}) == [("this clock jumped by −3,600 s", "warn")]
    assert trust_figures({"clock_jump_s": None}) == []


def test_the_strip_tells_outliers_and_both_kinds_of_late_trades():
    trust = {"gaps": 0, "outliers": 2, "amended": 1_204, "late": 3, "rejected": 0}
    assert trust_figures(trust) == [
        ("gaps 0", ""),
        ("outliers 2", "warn"),
        ("late 1,204 (merged)", ""),
        ("late 3 (too old)", ""),
        ("rejected 0", ""),
    ]


def test_what_nobody_asked_for_is_no_fault_and_a_long_message_is_cut():
    trust = {"rejected": 5, "harmless": 5, "last_rejected": ""}
    assert trust_figures(trust) == [("rejected 0", "")]
    trust = {"rejected": 6, "harmless": 5, "last_rejected": "json: " + "x" * 190}
    ((text, tone),) = trust_figures(trust)
    assert text.startswith("rejected 1 (last: not JSON: xxx")
    assert (tone, text[-2:], len(text)) == ("warn", "…)", 19 + LONGEST)


def test_the_lag_of_a_recording_is_said_in_words():
    ((text, _),) = trust_figures({"lag_p50_ms": 7.2e10, "lag_p99_ms": 7.3e10})
    assert text.startswith("lag ")
    assert "ms" not in text
