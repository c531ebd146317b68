"""A control, a link and HTTP give one value, or one refusal, for every text."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.backtest import BacktestParams
from analytics.model import PairParams, ParameterError
from dashapp.parameters import backtest, pair
from dashapp.parameters.check import message
from dashapp.parameters.numbers import LONGEST
from dashapp.parameters.table import BACKTEST, PAIR, VIEW

LEGS = {"y": "BTCUSDT", "x": "ETHUSDT"}
Answer = tuple[str, Any]

numbers = st.one_of(
    st.integers(-10, 10**7).map(str),
    st.integers(-10, 10**7).map("{:,}".format),
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.floats(0, 1e6).map("{:,.2f}".format),
    st.floats(0, 1e4).map("{:.1f}".format).map(lambda text: text.replace(".", ",")),
    st.floats(0, 1e6).map("{:e}".format),
)
texts = st.one_of(
    numbers,
    st.text("0123456789.,eE+-_ ", min_size=1, max_size=14),
    st.text(min_size=1, max_size=LONGEST),
    st.sampled_from([text for row in (*VIEW, *BACKTEST.values()) for text, _ in row.choices]),
    st.sampled_from(["none", "NONE", "all", "fixed", "true", "False", "yes", "0", "1"]),
).filter(lambda text: text.strip())


def examples(test: Any) -> Any:
    """The spellings by which the readers of before differed, each in a run of every parameter."""
    for text in ("10,000", "1,000", "0,5", "1,5", "10,00", "2e4", "1_000", "１００", "nan", "60.0"):
        test = example(text)(test)
    return test


def by_view(raw: dict[str, Any], name: str) -> Answer:
    """What a view makes of the values that controls hold, or the message under the field."""
    view, errors = pair.check("demo", [], {**LEGS, **raw}, LEGS.values())
    if view is None:
        return "refused", errors
    return "value", getattr(view.pair if name in PAIR else view, name)


def by_rules(raw: dict[str, Any], name: str) -> Answer:
    """What the back-test's form makes of the values that its controls hold."""
    rules, errors = backtest.check({**backtest.as_held(backtest.USUAL), **raw})
    return ("value", getattr(rules, name)) if rules else ("refused", errors)


def by_http(read: Any, mapping: dict[str, Any], name: str, rows: Any) -> Answer:
    """What HTTP makes of a query, its refusal worded as under a field."""
    try:
        return "value", getattr(read(mapping), name)
    except ParameterError as error:
        return "refused", {error.field: message(error, rows)}


@pytest.mark.parametrize("name", [row.name for row in VIEW if row.kind != "symbol"])
@examples
@given(text=texts)
def test_a_parameter_of_the_view_is_read_alike_everywhere(name, text):
    by_control = by_view({name: text}, name)
    link_name = next(row.link_name for row in VIEW if row.name == name)
    by_link = by_view(pair.from_query("?" + urlencode({link_name: text})), name)
    assert by_control == by_link
    if name in PAIR:
        assert by_control == by_http(pair.pair_params, {**LEGS, name: text}, name, PAIR)


@pytest.mark.parametrize("name", BACKTEST)
@examples
@given(text=texts)
def test_a_rule_of_the_back_test_is_read_alike_everywhere(name, text):
    by_control = by_rules({name: text}, name)
    link = "?" + urlencode({BACKTEST[name].link_name: text})
    by_link = by_rules(backtest.from_query(link), name)
    assert by_control == by_link
    assert by_control == by_http(backtest.backtest_params, {name: text}, name, BACKTEST)


@given(st.text(min_size=LONGEST + 1, max_size=200), st.sampled_from(VIEW))
def test_a_text_that_is_too_long_is_refused_everywhere(text, row):
    if row.name in LEGS or len(text.strip()) <= LONGEST:
        return
    link = "?" + urlencode({row.link_name: text})
    assert by_view({row.name: text}, row.name)[0] == "refused"
    assert by_view(pair.from_query(link), row.name)[0] == "refused"


@pytest.mark.parametrize("name", [*PAIR, *BACKTEST])
@pytest.mark.parametrize("wrong", [[], {}, [1], {"a": 1}, b"1", 1j, object])
def test_a_value_of_no_kind_is_refused_with_its_field(name, wrong):
    read = pair.pair_params if name in PAIR else backtest.backtest_params
    with pytest.raises(ParameterError) as refused:
        read({**LEGS, name: wrong})
    assert refused.value.field == name


@pytest.mark.parametrize(
    "rules", [BacktestParams(), BacktestParams(1.5, 0.25, None, 90, hedge_mode="kalman")]
)
def test_rules_that_were_read_are_read_as_themselves(rules):
    assert backtest.backtest_params(vars(rules)) == rules


@pytest.mark.parametrize(
    "params",
    [
        PairParams(**LEGS),
        PairParams(**LEGS, lag_method=None, hedge_window=99, intercept=False),
        PairParams(**LEGS, spread_mode="locked", beta=-1.5, alpha=20_000.0),
    ],
)
def test_a_pair_that_was_read_is_read_as_itself(params):
    assert pair.pair_params(vars(params)) == params


def test_a_pair_without_a_leg_is_refused_and_other_names_are_not_its_business():
    with pytest.raises(ParameterError, match=r"^x is missing, expected a symbol"):
        pair.pair_params({"y": "BTCUSDT"})
    assert pair.pair_params({**LEGS, "entry_z": "many"}) == PairParams(**LEGS)
