"""Labels of pandas objects: found by name or refused by name, and times that fall are refused.

What is said of every function of a series is held by `test_laws`' registry; what takes labels of
symbols, or values a symbol, is listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics.alerts import AlertRule, would_have_fired
from analytics.arrays import by_name, check_times
from analytics.kalman import kalman_hedge
from analytics.model import ParameterError
from analytics.performance import bars_per_year
from analytics.scanner import ScanParams, scan_pairs
from analytics.spread import spread
from tests.analytics.test_indexes import TIMED
from tests.analytics.test_laws import ROWS, SERIES, Legs, assert_same, prices, run
from tests.analytics.universes import universe

#: Functions of trades or of instants, of which several may have one time.
TIED = {
    *("vwap", "cumulative_vwap", "rolling_vwap", "bounce", "roll_spread", "finest_without_bounce"),
    *("summarize", "hayashi_yoshida", "lead_lag", "max_drawdown", "drawdown_duration"),
}
#: Functions to which the order of the rows says nothing.
UNORDERED = {
    *("normal_quantiles", "adjust_pvalues", "sharpe_stderr", "sharpe", "sortino"),
    *("annual_volatility", "profit_factor", "hit_rate"),
}
#: What the registry gives no pandas object to.
PLAIN = {"cluster_symbols"}
LABELLED = [name for name in SERIES if name.split(".")[1] not in PLAIN | UNORDERED]
DAYS = pd.date_range("2024-01-01", periods=ROWS, freq="D")


def labelled(index: Any) -> Legs:
    legs = prices(13, ROWS)
    y, x, size = (pd.Series(values, index=index) for values in (legs.y, legs.x, legs.size))
    return Legs(y, x, size, legs.y_bars, legs.x_bars, legs.ticks)


def reordered(legs: Legs, rows: Any) -> Legs:
    return Legs(*(leg.iloc[rows] for leg in (legs.y, legs.x, legs.size)), *(legs.y_bars,) * 3)


KINDS = {
    "datetimes": DAYS,
    "with a zone": DAYS.tz_localize("Europe/Berlin"),
    "periods": DAYS.to_period("D"),
    "epoch milliseconds": pd.Index(1_700_000_000_000 + 60_000 * np.arange(ROWS)),
    "texts": DAYS.strftime("%Y-%m-%d"),
    "numbers of days": pd.Index(DAYS.strftime("%Y%m%d").astype(np.int64)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LABELLED)
def test_times_that_fall_are_refused_with_their_row(name, kind):
    legs = labelled(KINDS[kind])
    run(name, legs)
    with pytest.raises(ParameterError, match=r"\.index\[1\] is .*sort the rows by time"):
        run(name, reordered(legs, np.arange(ROWS)[::-1]))
    swapped = np.arange(ROWS)
    swapped[[80, 81]] = 81, 80
    with pytest.raises(ParameterError, match=r"\.index\[81\] is .*sort the rows by time"):
        run(name, reordered(legs, swapped))


@pytest.mark.parametrize("name", LABELLED)
def test_times_that_repeat_are_refused_where_a_row_is_a_bar(name):
    twice = DAYS[np.r_[0:100, 99, 101:ROWS]]
    if name.split(".")[1] in TIED:
        assert_same(run(name, labelled(twice)), run(name, labelled(DAYS)))
        return
    with pytest.raises(ParameterError, match=r"\.index\[100\] is '2024-04-09.*one row a time"):
        run(name, labelled(twice))


@pytest.mark.parametrize("name", [name for name in SERIES if name.split(".")[1] in UNORDERED])
def test_rows_may_have_any_order_where_it_says_nothing(name):
    """Then times give what the same rows give without labels."""
    twice = np.r_[0:100, 99, 101:ROWS]
    assert_same(run(name, labelled(DAYS[twice])), run(name, labelled(None)))
    back = np.arange(ROWS)[::-1]
    plain = reordered(labelled(None), back)
    assert_same(run(name, reordered(labelled(DAYS), back)), run(name, plain))


BERLIN = pd.date_range("2024-10-27", periods=4, freq="h", tz="Europe/Berlin")
FALLING = {
    "objects that are times": pd.Index(DAYS[::-1].to_pydatetime(), dtype=object),
    "objects that are epoch times": pd.Index(
        (1_700_000_000 - np.arange(ROWS)).tolist(), dtype=object
    ),
    "epoch times in floats": pd.Index(1.7e9 - np.arange(ROWS)),
    "epoch nanoseconds": pd.Index(1_700_000_000_000_000_000 - np.arange(ROWS)),
    "texts with a zone": DAYS[::-1].tz_localize("UTC").astype(str),
    "texts with minutes": DAYS[::-1].strftime("%Y-%m-%dT%H:%MZ"),
    "texts of two offsets": BERLIN[::-1].astype(str),
    "texts of hours' offsets": BERLIN[::-1].astype(str).str.slice(0, -3),
    "texts of days without dashes": DAYS[::-1].strftime("%Y%m%d"),
    "texts of days without dashes, as objects": DAYS[::-1].strftime("%Y%m%d").astype(object),
    "categories": pd.CategoricalIndex(DAYS[:3][::-1], categories=DAYS[:3][::-1]),
    "categories of texts": pd.CategoricalIndex(["2024-01-02", "2024-01-01"]),
    "dates": pd.Index(DAYS[::-1].date),
    "a date beside a timestamp": pd.Index([DAYS[1].date(), DAYS[0]], dtype=object),
    "objects of two zones": pd.Index([BERLIN[1], BERLIN[0].tz_convert("UTC")], dtype=object),
    "periods of two lengths": pd.Index([pd.Period("2024-02", "M"), pd.Period("2024-01-09", "D")]),
    "a period beside a date": pd.Index([pd.Period("2024-02", "M"), DAYS[0].date()]),
    "time spans": pd.Index([pd.Timedelta(2), pd.Timedelta(1)]),
    "objects that are time spans": pd.Index([pd.Timedelta(2), pd.Timedelta(1)], dtype=object),
}


@pytest.mark.parametrize("kind", FALLING)
def test_times_of_any_type_are_known_for_times(kind):
    words = r"^x\.index\[1\] is .*, expected a time after .*sort the rows by time"
    with pytest.raises(ParameterError, match=words):
        check_times("x", pd.Series(0.0, index=FALLING[kind]))
    check_times("x", pd.Series(0.0, index=FALLING[kind][::-1]))


@pytest.mark.parametrize(
    "times",
    [
        [DAYS[1].tz_localize("UTC"), DAYS[0], DAYS[2]],
        [DAYS[1].tz_localize("UTC"), DAYS[0].date()],
        ["2024-01-01", "2024-01-02T00:00Z"],
        ["2024-01-01T00:00+01:00", "2024-01-02T00:00"],
    ],
)
def test_labels_with_and_without_a_zone_are_refused_in_words(times):
    with pytest.raises(ParameterError, match="expected times that all have a time zone, or none"):
        check_times("x", pd.Series(0.0, index=pd.Index(times, dtype=object)))


def test_texts_of_two_offsets_that_rise_in_time_pass_though_their_texts_fall():
    check_times("x", pd.Series(0.0, index=["2024-10-27T02:30+02:00", "2024-10-27T02:00+01:00"]))
    with pytest.raises(ParameterError, match=r"^x\.index\[1\] is '2024-10-27T02:30\+02:00'"):
        check_times("x", pd.Series(0.0, index=["2024-10-27T02:00+01:00", "2024-10-27T02:30+02:00"]))


LEVELS = pd.MultiIndex.from_product([["B", "A"], DAYS[:3]])


@pytest.mark.parametrize(
    ("index", "row"),
    [
        (LEVELS[[2, 1, 0]], 1),
        (LEVELS[[0, 1, 2, 4, 3, 5]], 4),
        (LEVELS.swaplevel()[[1, 0]], 1),
        (LEVELS.swaplevel()[[1, 4, 0, 3]], 2),
        (LEVELS[[0, 1, 1]], 2),
    ],
)
def test_times_of_a_level_that_fall_where_the_other_labels_are_equal_are_refused(index, row):
    with pytest.raises(ParameterError, match=rf"^x\.index\[{row}\] is '2024.*sort the rows"):
        check_times("x", pd.Series(0.0, index=index))


def test_times_of_a_level_may_begin_anew_where_other_labels_do():
    for index in (LEVELS, LEVELS.swaplevel()[[0, 3, 1, 4, 2, 5]], LEVELS[[0, 3, 1, 4]]):
        check_times("x", pd.Series(0.0, index=index))
    check_times("x", pd.Series(0.0, index=LEVELS[[0, 1, 1]]), ties=True)


def test_an_epoch_time_that_is_missing_is_refused():
    times = pd.Index([1_700_000_000, None, 1_700_000_060], dtype="Int64")
    with pytest.raises(ParameterError, match=r"^x\.index\[1\] is '<NA>', expected a label"):
        check_times("x", pd.Series(0.0, index=times))


def test_texts_of_several_lengths_rise_as_their_times_do():
    times = ["2024-01-01T10:00+01:00", "2024-01-01T10:00:30+01:00", "2024-01-01T10:00:30.5+01:00"]
    check_times("x", pd.Series(0.0, index=times))
    with pytest.raises(ParameterError, match=r"^x\.index\[2\] is '2024-01-01T10:00:30\+01:00'"):
        check_times("x", pd.Series(0.0, index=[times[0], times[2], times[1]]))


def test_a_row_without_a_time_is_refused():
    index = DAYS.to_series().where(np.arange(ROWS) != 5).array
    with pytest.raises(ParameterError, match=r"^x\.index\[5\] is 'NaT', expected a label"):
        check_times("x", pd.Series(0.0, index=pd.DatetimeIndex(index)))


@pytest.mark.parametrize(
    "labels",
    [
        ["a", None, "b"],
        ["2024-01-01", None, "2024-01-02"],
        [0.5, float("nan"), 1.5],
        [DAYS[0].date(), None, DAYS[1].date()],
        [pd.Period("2024-01", "M"), None, pd.Period("2024-02", "M")],
        [True, None, False],
        [1_700_000_000, None, 1_700_000_060],
    ],
)
@pytest.mark.parametrize("kind", [None, object, "category"])
def test_a_row_without_a_label_is_refused(labels, kind):
    index = pd.Index(labels, dtype=kind)
    with pytest.raises(ParameterError, match=r"^x\.index\[1\] is '.*', expected a label: "):
        check_times("x", pd.Series(0.0, index=index))
    with pytest.raises(ParameterError, match=r"^x\.index\[0\] is '.*', expected a label: "):
        check_times("x", pd.Series(0.0, index=index[[1, 0, 2]]))


@pytest.mark.parametrize(
    "index",
    [
        np.arange(ROWS)[::-1],
        [f"bar {i}" for i in range(ROWS)][::-1],
        20_240_000 + np.arange(ROWS)[::-1],
        pd.Index(np.arange(ROWS)[::-1] / 2),
        5_000_000_001 - np.arange(ROWS),
        3_400_000_000 - np.arange(ROWS),
        7_000_000_000_000 - np.arange(ROWS),
        pd.Index([f"{i}" for i in range(ROWS + 1_000, 1_000, -1)]),
        pd.Index([f"{i}" for i in range(12_340_000 + ROWS, 12_340_000, -1)]),
        pd.MultiIndex.from_product([[2, 1], ["b", "a"]]),
        pd.Index([DAYS[1], "a"] * (ROWS // 2), dtype=object),
        pd.Index([b"b", b"a"]),
        pd.Index([np.inf, 20_240_101.0, 20_240_102.0]),
        pd.Index([2**70, 2**69]),
        pd.CategoricalIndex(["b", "a"]),
        pd.Index([("b", 1), ("a", 2)], tupleize_cols=False),
        pd.Index([], dtype=str),
        pd.Index([1 + 2j, 0j]),
        pd.Index([DAYS[1], pd.Timedelta(1)], dtype=object),
    ],
)
def test_labels_that_are_no_times_say_nothing_of_the_order(index):
    check_times("x", pd.Series(0.0, index=index))


def test_readings_of_an_alert_are_joined_and_their_times_rise():
    rule = AlertRule("r1", "demo", "price", ">", 100.0, symbol="A", cooldown_s=3)
    ts, values = pd.Series([0, 1_000, 9_000]), pd.Series([90.0, 101.0, 99.0])
    assert would_have_fired(rule, ts, values[::-1]).tolist() == [1]
    for times in ([0, 2_000, 1_000], [0, 1_000, 1_000]):
        with pytest.raises(ParameterError, match=r"^ts_ms\[2\] is 1000, expected a time after"):
            would_have_fired(rule, times, values)


@pytest.mark.parametrize("times", [[0, 120_000, 60_000], [0, 60_000, 60_000]])
def test_a_year_has_no_number_of_bars_whose_times_fall_or_repeat(times):
    with pytest.raises(ParameterError, match=r"^ts_ms\[2\] is 60000\.0, expected a time after"):
        bars_per_year(times, "1m")


# Values a symbol.

MADE = universe(3, 900, 6, planted=2)
CLOSES = pd.DataFrame(MADE.closes, pd.date_range("2024", periods=900, freq="min"), MADE.names)
TURNOVER = pd.DataFrame(1e3 * np.arange(1, 7) * np.ones((900, 1)), CLOSES.index, MADE.names)
FUNDING = pd.Series([0.0, 1e-3, 0.0, 0.0, 0.0, 1e-4], MADE.names)
RULES = ScanParams(bars=720, min_turnover=1_500.0, q=0.5, correction="bh")
STATE, COV = pd.Series([1.5, 2.0], ["beta", "alpha"]), np.array([[1.0, 0.5], [0.5, 2.0]])
COV = pd.DataFrame(COV, STATE.index, STATE.index)
BETA = pd.Series(np.arange(1.0, 7.0), MADE.names)


def scanned(closes: Any = CLOSES, turnover: Any = TURNOVER, funding: Any = FUNDING) -> Any:
    found = scan_pairs(closes, names=MADE.names, params=RULES, turnover=turnover, funding=funding)
    return [found.rows.every, found.rows.survived, found.dropped, [s.symbol for s in found.left]]


def shuffled_index(values: Any) -> Any:
    return values.iloc[np.random.default_rng(1).permutation(len(values))]


def shuffled_columns(values: Any) -> Any:
    return values.iloc[:, np.random.default_rng(2).permutation(values.shape[1])]


Case = tuple[Callable[[Any], Any], Any, Callable[[Any], Any], str]
#: A function of one labelled value, the value, what shuffles its labels, and its name.
CASES: dict[str, Case] = {
    "closes' columns": (lambda v: scanned(closes=v), CLOSES, shuffled_columns, "closes.columns"),
    "closes' rows": (lambda v: scanned(closes=v), CLOSES, shuffled_index, "closes.index"),
    "turnover's columns": (
        *(lambda v: scanned(turnover=v), TURNOVER, shuffled_columns, "turnover.columns"),
    ),
    "turnover's rows": (
        *(lambda v: scanned(turnover=v), TURNOVER, shuffled_index, "turnover.index"),
    ),
    "funding": (lambda v: scanned(funding=v), FUNDING, shuffled_index, "funding.index"),
    "slopes of a basket": (
        *(lambda v: spread(CLOSES["S0"], CLOSES, v), BETA, shuffled_index, "beta.index"),
    ),
    "first state of the filter": (
        lambda v: kalman_hedge(CLOSES["S0"], CLOSES["S1"], initial_state=v, initial_cov=COV),
        *(STATE, lambda v: v[::-1], "initial_state.index"),
    ),
    "its covariance": (
        lambda v: kalman_hedge(CLOSES["S0"], CLOSES["S1"], initial_cov=v),
        *(COV, lambda v: v[::-1], "initial_cov.index"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_shuffled_labels_give_the_same_answer_or_are_refused_by_name(name):
    call, value, shuffle, field = CASES[name]
    expected = call(value)
    try:
        found = call(shuffle(value))
    except ParameterError as error:
        assert error.field.startswith(field)  # noqa: PT017
        assert "times" not in name
    else:
        assert_same(found, expected)


def renamed(value: Any, field: str) -> Any:
    """The same value, one label of which is another."""
    axis = "columns" if field.endswith("columns") else "index"
    labels = list(getattr(value, axis))
    labels[0] = "another" if isinstance(labels[0], str) else labels[0] - pd.Timedelta(days=1)
    return value.set_axis(labels, axis=axis)


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in ("closes' rows", "funding")]
)
def test_a_label_that_is_missing_is_refused_by_name(name):
    call, value, _, field = CASES[name]
    with pytest.raises(ParameterError, match=f"^{field.replace('.', '[.]')} is"):
        call(renamed(value, field))


def test_funding_that_is_not_known_is_none_and_that_of_no_symbol_is_refused():
    known = FUNDING.drop("S1")
    assert_same(scanned(funding=known), scanned(funding=FUNDING.where(FUNDING.index != "S1", 0.0)))
    with pytest.raises(ParameterError, match=r"^funding\.index is"):
        scanned(funding=FUNDING.add_prefix("other "))


def test_funding_of_a_mistyped_symbol_is_refused_with_the_symbols():
    words = r"is \['S11', 'S55'\], expected labels of 'S1', 'S5', which have none; give NaN"
    with pytest.raises(ParameterError, match=rf"^funding\.index {words}"):
        scanned(funding=FUNDING.rename({"S1": "S11", "S5": "S55"}))
    more = pd.concat((FUNDING.where(FUNDING.index != "S1"), pd.Series([1.0], ["S11"])))
    assert_same(scanned(funding=more), scanned(funding=FUNDING.drop("S1")))


@pytest.mark.parametrize("lacks", [[], ["S1"]])
@pytest.mark.parametrize("shape", [lambda f: f.to_frame(), lambda f: f.to_frame().T])
def test_funding_in_a_frame_is_refused_with_its_shape(lacks, shape):
    words = r"^funding is \(.*\), expected shape \(6,\), a rate for each name"
    with pytest.raises(ParameterError, match=words):
        scanned(funding=shape(FUNDING.drop(lacks)))


def test_turnover_whose_rows_have_no_labels_goes_by_position():
    assert_same(scanned(turnover=TURNOVER.reset_index(drop=True)), scanned())
    with pytest.raises(ParameterError, match=r"^turnover is .*, expected shape"):
        scanned(turnover=TURNOVER.reset_index(drop=True)[:-1])


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("rows")])
def test_without_labels_values_go_by_position(name):
    call, value, _, _ = CASES[name]
    assert_same(call(value.to_numpy()), call(value))


def test_the_default_labels_of_pandas_go_by_position():
    plain = (pd.DataFrame(CLOSES.to_numpy()), pd.DataFrame(TURNOVER.to_numpy()))
    assert_same(scanned(*plain, pd.Series(FUNDING.to_numpy())), scanned())


def test_turnover_and_funding_may_know_more_than_closes():
    longer = pd.concat((TURNOVER.set_axis(TURNOVER.index - pd.Timedelta(days=9)), TURNOVER))
    more = pd.concat((pd.Series([1.0], ["Z"]), FUNDING))
    assert_same(scanned(turnover=longer.assign(Z=1.0), funding=more), scanned())


def test_reversed_closes_are_refused_with_the_row_and_its_times():
    words = r"^closes\.index\[1\] is '2024-01-01 14:58:00', expected a time .* 14:59:00"
    with pytest.raises(ParameterError, match=words):
        scanned(closes=CLOSES[::-1])
    twice = CLOSES.set_axis(CLOSES.index[np.r_[0:300, 299, 301:900]])
    with pytest.raises(ParameterError, match=r"^closes\.index\[300\] is"):
        scanned(closes=twice, turnover=TURNOVER.set_axis(twice.index))


def test_names_of_another_order_than_the_columns_are_found_by_name():
    order = [MADE.names[i] for i in (4, 0, 5, 1, 3, 2)]
    one = scan_pairs(CLOSES, names=order, params=RULES, turnover=TURNOVER)
    two = scan_pairs(CLOSES[order].to_numpy(), names=order, params=RULES, turnover=TURNOVER[order])
    assert_same([one.rows.every, one.rows.names], [two.rows.every, two.rows.names])


def test_names_whose_own_labels_fall_are_refused():
    names = pd.Series(MADE.names)
    assert scan_pairs(MADE.closes, names=names).rows.names == tuple(MADE.names)
    with pytest.raises(ParameterError, match=r"^names\.index is"):
        scan_pairs(MADE.closes, names=names[::-1])


def test_labels_that_repeat_are_refused_by_name():
    with pytest.raises(ParameterError, match=r"^f\.index is 'A', expected labels that differ"):
        by_name("f", pd.Series([1.0, 2.0, 3.0], ["A", "B", "A"]), ["A", "B"])


def test_the_tied_are_those_of_trades():
    assert {name.split(".")[1] for name in SERIES} >= TIED | TIMED
