"""What charts are made of: arrays, safe text, calm ranges, drawn rows, marks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dashapp.figures import axes, base, marks, rows
from dashapp.figures.scan import pvalue_figure
from tests.dashapp.figures.samples import scanned
from tests.dashapp.figures.written import values_of

SECOND = 1_000


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.5, np.nan], "f8"),
        (np.array([1, 2], np.int64), "f8"),
        (np.array([1, 2], np.int32), "i4"),
        (np.array([True, False]), "u1"),
        (np.array([1.5], np.float32), "f4"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), "f8"),
        (np.empty(0), "f8"),
        (np.arange(6.0)[::2], "f8"),
    ],
)
def test_a_typed_array_reads_back_as_it_was(values, dtype):
    spec = base.typed(values)
    assert spec.to_plotly_json()["dtype"] == dtype
    np.testing.assert_array_equal(values_of(spec), np.asarray(values))


def test_arrays_are_equal_where_the_browser_gets_the_same():
    values = np.array([1.0, np.nan, 0.0])
    assert base.typed(values) == base.typed(values.copy())
    for other in (values[:2], -values, values.astype(np.float32), values.reshape(1, 3)):
        assert base.typed(values) != base.typed(other)
    assert base.typed(values) != values.tolist()


def test_an_area_is_made_where_it_is_sent_and_equal_where_its_lines_are():
    made = []
    low, high = np.array([1.0, np.nan]), np.array([2.0, 3.0])

    def outline(one, other):
        made.append(True)
        return np.concatenate([one, other])

    area = base.Area((low, high), outline)
    assert area == base.Area((low.copy(), high.copy()), outline)
    assert area != base.Area((low, high + 1.0), outline)
    assert area != base.typed(low)
    assert not made
    np.testing.assert_array_equal(values_of(area), [1.0, np.nan, 2.0, 3.0])


@pytest.mark.parametrize(
    "text",
    ['<a href="https://x">y</a>', "<b>x</b>", "&lt;script&gt;", "a\u202ebc\x00\n", "<" * 500],
)
def test_text_from_outside_holds_no_markup(text):
    for shown in (base.safe(text), base.wrapped(text)):
        bare = shown.replace("<br>", "")
        assert "<" not in bare
        assert ">" not in bare
        assert bare.isprintable()
        assert len(bare) <= 5 * 80 * len("&lt;")


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
@example(0.0, 5e-324)
@example(0.0, -2.225073858507203e-309)
@example(1e-300, -1e-300)
@example(1e-299, 1e-299 + 1e-301)
def test_a_nice_range_holds_its_values_and_wastes_little(first, second):
    low, high = sorted((first, second))
    bottom, top = axes.nice_range(low, high)
    assert bottom < top
    assert bottom <= low
    assert high <= top
    if high - low > max(1e-6 * max(abs(low), abs(high)), 1e-300):
        assert top - bottom <= 1.4 * (high - low)


def test_a_nice_range_stays_while_the_values_move_a_little():
    ranges = {axes.nice_range(-2.0 - shift / 1_000, 2.5) for shift in range(100)}
    assert len(ranges) <= 2


def test_a_range_of_nothing_known_is_still_a_range():
    assert axes.range_of(np.array([np.nan, np.inf]), np.empty(0)) == (0.0, 1.0)
    assert axes.range_of(np.array([np.nan, np.inf, 3.0, 5.0]), pad=0.0) == (3.0, 5.0)


def test_a_time_axis_says_utc_and_its_day_and_follows_the_newest_bar():
    ts = 1_723_161_256_000.0 + 1_000 * np.arange(120)
    axis = axes.time_axis(ts, "dark")
    assert axis["title"]["text"] == "Time (UTC), 8 Aug 2024"
    assert axis["autorangeoptions"] == {"minallowed": ts[0], "maxallowed": ts[-1]}
    assert "range" not in axis
    longer = axes.time_axis(ts + 3_600_000 * np.linspace(0, 9_000, 120), "dark")
    assert longer["title"]["text"] == "Time (UTC), 8 Aug 2024 to 18 Aug 2025"
    assert axes.time_axis(np.empty(0), "dark")["autorangeoptions"] == {}


def test_evenly_spaced_times_travel_as_start_and_step():
    ts = 1_000.0 * np.arange(5)
    assert base.times(ts) == {"x0": 0.0, "dx": 1_000.0}
    assert values_of(base.times(ts[[0, 1, 3]])["x"]).tolist() == [0.0, 1_000.0, 3_000.0]
    assert values_of(base.times(ts[:1])["x"]).tolist() == [0.0]


def test_a_long_view_keeps_the_extremes_of_every_stretch():
    values = np.random.default_rng(3).normal(size=30_000)
    values[12_345] = 40.0
    values[100:400] = np.nan
    keep = rows.thinned(values, most=1_000)
    assert len(keep) <= 1_002
    assert 12_345 in keep
    assert keep[0] == 0
    assert keep[-1] == 29_999
    assert (np.diff(keep) > 0).all()
    assert np.nanmin(values[keep]) == np.nanmin(values)


def test_a_short_view_is_drawn_whole():
    assert rows.thinned(np.arange(10.0), most=10) is None


def test_a_gap_breaks_the_line_and_is_shaded():
    ts = np.array([0, 1, 2, 3, 60, 61, 62]) * SECOND
    drawn = rows.rows_of(ts, (np.arange(7.0),), SECOND)
    np.testing.assert_array_equal(drawn.columns[0], [0, 1, 2, 3, np.nan, 4, 5, 6])
    assert (np.diff(drawn.ts) > 0).all()
    assert drawn.stretches.tolist() == [[3_500.0, 59_500.0]]


def test_a_second_without_a_trade_is_no_gap():
    ts = np.array([0, 1, 3, 4, 6, 7]) * SECOND
    drawn = rows.rows_of(ts, (np.arange(6.0),), SECOND)
    assert len(drawn.ts) == 6
    assert len(drawn.stretches) == 0


def test_carried_rows_are_drawn_and_shaded_in_merged_runs():
    carried = np.array([0, 1, 1, 0, 0, 1, 0], bool)
    drawn = rows.rows_of(np.arange(7) * SECOND, (np.arange(7.0),), SECOND, carried)
    assert np.isfinite(drawn.columns[0]).all()
    assert drawn.stretches.tolist() == [[500.0, 2_500.0], [4_500.0, 5_500.0]]


@given(st.lists(st.booleans(), min_size=3, max_size=600))
def test_shaded_stretches_are_ordered_and_cover_the_carried_rows_and_no_others(flags):
    carried = np.array(flags)
    ts = np.arange(len(flags)) * SECOND
    drawn = rows.rows_of(ts, (), SECOND, carried)
    first, last = drawn.stretches[:, 0], drawn.stretches[:, 1]
    assert (first[1:] > last[:-1]).all()
    covered = [bool(((first <= at) & (at <= last)).any()) for at in ts]
    assert covered == flags


def test_any_number_of_stretches_is_one_shape_that_joins_none():
    stretches = np.stack([4_000.0 * np.arange(200) + 500, 4_000.0 * np.arange(200) + 1_500], axis=1)
    (shape,) = marks.shading(stretches, "dark")
    assert shape["path"].startswith("M500,0V1H1500V0ZM4500,0V1H5500V0ZM8500,0")
    assert shape["path"].count("Z") == 200
    assert marks.shading(np.empty((0, 2)), "dark") == []


def test_a_line_is_named_in_its_hover_even_where_it_is_alone():
    trace = base.line({}, [1.0], "z", "#ffffff")
    assert (trace["name"], trace["hoverinfo"]) == ("z", "all")
    assert base.line({}, [1.0], "z", "#ffffff", hoverinfo="skip")["hoverinfo"] == "skip"


def test_gaps_survive_thinning():
    ts = np.arange(12_000) * SECOND
    ts[7_000:] += 600 * SECOND
    drawn = rows.rows_of(ts, (np.sin(np.arange(12_000.0)),), SECOND)
    holes = np.flatnonzero(np.isnan(drawn.columns[0]))
    assert len(holes) == 1
    assert 6_999 * SECOND < drawn.ts[holes[0]] < 7_600 * SECOND
    assert drawn.stretches.tolist() == [[6_999_500.0, 7_599_500.0]]


def test_labels_at_the_edge_never_overlap():
    labels = [marks.Label(str(n), 0.5 + n / 1_000, "#ffffff") for n in range(6)]
    labelled = marks.edge_labels(labels, (0.0, 1.0))
    places = [label["y"] * marks._PLOT_HEIGHT + label["yshift"] for label in labelled]
    assert (np.diff(places) >= marks._LABEL_HEIGHT - 0.2).all()
    assert max(places) <= marks._PLOT_HEIGHT
    assert min(places) >= 0


def test_labels_that_crowd_stand_around_the_middle_of_what_they_name():
    labels = [marks.Label(str(n), 0.5, "#ffffff") for n in range(4)] + [
        marks.Label("far", 0.95, "#ffffff")
    ]
    labelled = marks.edge_labels(labels, (0.0, 1.0))
    shifts = [label["yshift"] for label in labelled]
    assert shifts[:4] == [-22.5, -7.5, 7.5, 22.5]
    assert shifts[4] == 0.0


def test_labels_out_of_range_stand_at_the_edge_and_unknown_ones_nowhere():
    labels = [marks.Label("far", 9.0, "#ffffff"), marks.Label("none", float("nan"), "#ffffff")]
    labelled = marks.edge_labels(labels, (0.0, 1.0))
    assert [label["y"] for label in labelled] == [1.0]


@dataclass(frozen=True)
class Event:
    ts_ms: int
    operator: str
    value: float
    metric: str = "z"
    text: str = "z > 2 <b>now</b>"


def test_alerts_stand_at_their_own_time_and_point_the_way_they_crossed():
    ts = np.arange(10) * SECOND
    events = [
        Event(2_000, ">", 2.2),
        Event(4_400, "<", -2.1),
        Event(6_000, "abs>", -2.3),
        Event(99_000, ">", 3.0),
    ]
    (markers,) = marks.alert_markers(events, ts, np.arange(10.0), "z", "dark")
    assert values_of(markers["x"]).tolist() == [2_000.0, 4_400.0, 6_000.0]
    assert values_of(markers["y"]).tolist() == [2.2, -2.1, -2.3]
    assert markers["marker"]["symbol"] == ["triangle-up", "triangle-down", "triangle-down"]
    assert "<b>" not in markers["text"][0]
    (on_spread,) = marks.alert_markers(events, ts, np.arange(10.0), "spread", "dark")
    assert values_of(on_spread["y"]).tolist() == [2.0, 4.0, 6.0]


def test_alerts_out_of_view_draw_nothing():
    assert marks.alert_markers([Event(-5, ">", 2.0)], np.arange(3), np.ones(3), "z", "dark") == []
    assert marks.alert_markers([], np.arange(3), np.ones(3), "z", "dark") == []


def test_the_histogram_of_a_scan_has_as_many_tests_in_accent_as_the_adjustment_kept():
    scan = replace(scanned(), kept_tests=1)
    assert scan.pvalue_counts[0] > 1, "a part of a bar"
    kept, others = (values_of(bar["y"]) for bar in pvalue_figure(scan)["data"])
    assert kept[0] == kept.sum() == 1
    assert kept.sum() + others.sum() == scan.tested
