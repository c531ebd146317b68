"""Which test holds which fault: every fault of the transport and of the content has one.

A scenario is a fault that the stand-in for the exchange knows by name, and that the real feed
lives through in test_scenarios; a test is told by its file and name. Numbers are those by
which the faults are known to the project's requirements: 1 to 17 the transport, 18 to 28 the
content of messages, and what of 29 to 34, the page, is a feed's affair.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.exchange_faults import NAMES
from tests.ingestion.scenarios import UNSEEN

TESTS = Path(__file__).parents[2]
SCENARIOS = (*NAMES, *UNSEEN)

#: Number -> what it is, its scenarios, its tests.
TABLE: dict[int, tuple[str, str, tuple[str, ...]]] = {
    1: (
        "closed 1000, 1001, 1011, 1012; shutdown announced",
        "close1000 close1001 close1011 close1012 shutdown",
        (
            "ingestion/stream/test_feed_connections.py::test_the_feed_outlives_a_fault_and_says_what_it_was",
            "ingestion/stream/test_feed_connections.py::test_the_backoff_is_forgotten_only_after_stable_data",
            "ingestion/stream/test_feed_exchange.py::test_a_shutdown_that_is_announced_reconnects_at_once",
        ),
    ),
    2: (
        "lost without a word, reset, half a frame",
        "close1006 rst halfframe",
        ("ingestion/stream/test_frames.py::test_half_a_frame_at_the_end_is_no_message",),
    ),
    3: (
        "refused by policy",
        "close1008",
        (
            "ingestion/stream/test_feed_connections.py::test_a_policy_close_is_left_alone_for_a_minute",
        ),
    ),
    4: (
        "the limit of 24 hours",
        "age24h",
        (
            "ingestion/stream/test_feed_faults.py::"
            "test_a_connection_is_renewed_before_24_hours_by_overlap_with_its_ids_continuous",
            "ingestion/stream/test_feed_exchange.py::"
            "test_a_connection_is_renewed_before_its_limit_without_a_missing_id",
            "ingestion/stream/test_feed_exchange.py::test_a_connection_whose_successor_cannot_be_opened_is_kept",
        ),
    ),
    5: (
        "half-open",
        "stall",
        (
            "ingestion/stream/test_feed_connections.py::test_a_dead_connection_is_found_by_its_pings",
        ),
    ),
    6: (
        "pongs but no data",
        "stallpong",
        (
            "ingestion/stream/test_scenarios.py::test_pongs_without_data_are_a_state_of_their_own",
            "ingestion/stream/test_scenarios.py::"
            "test_pongs_without_data_are_found_within_15_s_with_production_timers",
            "ingestion/stream/test_feed_connections.py::test_one_silent_symbol_forces_one_new_connection_and_is_named",
        ),
    ),
    7: (
        "a slow handshake",
        "slowhs",
        (
            "ingestion/stream/test_feed_connections.py::test_a_handshake_without_an_answer_is_given_up",
        ),
    ),
    8: (
        "no such host, nothing listens",
        "dns refused",
        (
            "ingestion/stream/test_feed_faults.py::"
            "test_a_host_that_does_not_exist_is_tried_again_and_named",
            "ingestion/stream/test_feed_connections.py::test_a_port_where_nothing_listens_is_named_so",
        ),
    ),
    9: (
        "a certificate that cannot be trusted, no TLS at all",
        "",
        (
            "ingestion/stream/test_feed_faults.py::"
            "test_a_certificate_that_nobody_signed_is_the_user_s_to_mend",
            "ingestion/stream/test_feed_connections.py::test_tls_to_a_server_without_it_is_the_user_s_to_mend",
        ),
    ),
    10: (
        "too many requests",
        "http429 http418",
        ("ingestion/stream/test_feed_connections.py::test_a_refusal_is_explained_and_obeyed",),
    ),
    11: (
        "forbidden, not for this region",
        "http403 http451",
        ("ingestion/stream/test_feed_connections.py::test_a_refusal_is_explained_and_obeyed",),
    ),
    12: ("trouble of the server", "http500 http503", ()),
    13: (
        "accepts and closes",
        "instantclose",
        (
            "ingestion/stream/test_scenarios.py::"
            "test_a_server_that_accepts_and_closes_is_met_at_most_60_times_in_5_minutes",
        ),
    ),
    14: (
        "a wrong accept, garbage, no UTF-8, a reserved code, a mask",
        "badaccept garbage badutf8 reserved masked",
        (
            "ingestion/stream/test_frames.py::test_a_violation_ends_the_connection_behind_what_came_before",
        ),
    ),
    15: (
        "messages too big, a compressed bomb",
        "big bomb onlybig",
        (
            "ingestion/stream/test_frames.py::test_a_message_of_the_greatest_length_is_taken",
            "ingestion/stream/test_limits.py::"
            "test_a_message_over_the_limit_is_one_received_and_one_rejected",
            "ingestion/stream/test_limits.py::"
            "test_a_server_that_sends_nothing_but_such_messages_is_met_less_and_less_often",
        ),
    ),
    16: (
        "redirects",
        "redirect",
        ("ingestion/stream/test_feed_connections.py::test_a_redirect_is_never_followed",),
    ),
    17: (
        "a clock that jumps",
        "clockjump",
        (
            "ingestion/stream/test_feed_faults.py::"
            "test_timers_do_not_heed_a_clock_that_jumps_and_the_strip_says_so",
        ),
    ),
    18: (
        "no JSON",
        "dirty",
        (
            "ingestion/decode/test_decoder.py::test_what_is_no_json_is_refused",
            "ingestion/stream/test_feed.py::test_bad_messages_are_handed_on_and_do_not_end_the_connection",
        ),
    ),
    19: (
        "control frames",
        "dirty",
        (
            "ingestion/decode/test_decoder.py::test_a_control_frame_is_counted_as_such",
            "ingestion/decode/test_decoder.py::test_errors_and_shutdowns_are_handed_on_as_notices",
        ),
    ),
    20: (
        "numbers that are none",
        "dirty",
        (
            "ingestion/decode/test_decoder.py::test_what_is_no_positive_finite_ascii_number_is_refused",
            "ingestion/decode/test_decoder.py::test_numbers_that_json_does_not_have_are_refused",
        ),
    ),
    21: (
        "prices and sizes that cannot be",
        "dirty",
        (
            "ingestion/decode/test_decoder.py::test_a_fault_is_refused_with_its_reason",
            "ingestion/decode/test_decoder.py::"
            "test_zero_prints_and_insurance_prints_are_refused_and_their_ids_kept",
            "dashapp/services/test_validity.py::test_a_feed",
        ),
    ),
    22: (
        "a price that jumps",
        "outlier",
        (
            "storage/market/test_outliers.py::"
            "test_a_price_is_judged_by_the_median_of_the_hundred_before_it_under_any_chunking",
            "dashapp/services/alerts/test_unconfirmed.py::test_one_outlier_fires_nothing_and_the_next_one_does",
        ),
    ),
    23: (
        "times in any unit",
        "",
        (
            "ingestion/decode/test_decoder.py::test_a_time_is_read_in_any_unit_and_without_a_zone_as_utc",
        ),
    ),
    24: (
        "times ahead of this clock",
        "dirty",
        (
            "ingestion/stream/test_scenarios.py::"
            "test_trades_of_the_future_are_quarantined_and_leave_no_gap",
            "dashapp/services/test_runtime.py::test_a_clock_that_is_behind_the_exchange_is_shown",
        ),
    ),
    25: (
        "trades twice, and late",
        "duplicate reorder",
        (
            "storage/market/test_market.py::test_a_tick_that_arrives_twice_is_stored_once",
            "storage/market/test_market.py::"
            "test_late_and_early_ticks_that_amend_a_bar_are_counted_beside_the_sum",
        ),
    ),
    26: (
        "gaps in ids",
        "holes",
        (
            "ingestion/binance/test_backfill.py::test_a_fault_that_passes_is_waited_out",
            "ingestion/binance/test_backfill.py::test_pages_that_leave_trades_out_are_asked_for_again",
            "ingestion/binance/test_backfill.py::test_rows_that_were_not_asked_for_are_refused_and_counted",
            "ingestion/test_replay_cuts.py::"
            "test_without_backfill_the_gaps_are_counted_and_the_bars_they_touch_flagged",
            "dashapp/web/test_api.py::test_what_a_gap_touches_is_flagged_in_bars_exports_and_pairs",
        ),
    ),
    27: (
        "symbols unknown, endless, hostile, too many",
        "dirty",
        (
            "ingestion/decode/test_decoder.py::test_unwanted_symbols_are_refused_as_unsubscribed",
            "ingestion/decode/test_decoder.py::test_one_symbol_too_many_is_refused_and_the_others_go_on",
            "storage/market/test_market.py::test_a_symbol_over_the_bound_is_rejected",
        ),
    ),
    28: (
        "a flood",
        "flood",
        (
            "ingestion/stream/test_feed.py::test_a_flood_is_delivered_whole_and_in_order",
            "ingestion/stream/test_frames.py::test_a_full_inbox_holds_the_socket_back_until_it_is_taken",
            "bench/test_bench_feed.py::test_a_hundred_thousand_a_second_and_the_page_keeps_up",
        ),
    ),
    30: (
        "a server that was started anew",
        "",
        ("browser/test_page_recovery.py::test_an_open_tab_recovers_when_the_server_comes_back",),
    ),
    34: (
        "start and stop without end",
        "",
        (
            "ingestion/stream/test_feed.py::test_hammering_start_and_stop_leaks_nothing",
            "dashapp/services/test_runtime.py::"
            "test_a_new_source_has_a_new_live_market_and_the_old_one_still_says_nothing",
        ),
    ),
}


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in tree.body if isinstance(one, functions))


def test_every_fault_of_transport_and_content_is_listed() -> None:
    assert set(range(1, 29)) <= set(TABLE)
    held = {name for _, scenarios, _ in TABLE.values() for name in scenarios.split()}
    assert held == set(SCENARIOS), "every scenario is some fault's, and every name a scenario"


@pytest.mark.parametrize("number", TABLE)
def test_each_fault_has_a_scenario_or_a_test_that_exists(number: int) -> None:
    _, scenarios, tests = TABLE[number]
    assert scenarios or tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in functions_of(file), test
