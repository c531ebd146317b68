"""The one table of parameters: what the controls, the link and HTTP know of each.

A new parameter is one line here, beside its field in `PairParams` or `BacktestParams`: its
control, its place in the link and its reading follow from the line. Defaults and limits come
from the analytics where they stand there.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from analytics.alerts import COOLDOWN_RANGE, MOMENTS, OPERATORS
from analytics.alerts import METRICS as ALERT_METRICS
from analytics.backtest import COST_RANGES, HEDGE_MODES, SIDES, WHOLE_RANGES, BacktestParams
from analytics.grid import AXES
from analytics.model import (
    HEDGE_METHODS,
    LAG_METHODS,
    LOCKED_RANGE,
    MIN_VOLUME_RANGE,
    PAIR_RANGES,
    SPREAD_MODES,
    TIMEFRAMES,
    TRENDS,
    CorrelationBasis,
    PairParams,
    PriceSpace,
    is_timeframe,
)
from analytics.walkforward import CHOICES, LEAST_TEST, LEAST_TRAIN
from dashapp import ids
from dashapp.parameters.parameter import Kind
from dashapp.parameters.parameter import Parameter as Parameter


def _choices(legal: tuple[str, ...], words: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((text, words.get(text, text)) for text in legal)


_PAIR_DEFAULTS = PairParams("Y", "X")
_RULES = BacktestParams()
_MAX_BARS = 1_000_000


def _pair(name: str, label: str, kind: Kind, control: str, group: str, **more: Any) -> Parameter:
    """A field of PairParams, with the default and the limits that it has there."""
    more = {"default": getattr(_PAIR_DEFAULTS, name), "limits": PAIR_RANGES.get(name), **more}
    return Parameter(name, label, kind, control, group=group, **more)


def _rule(name: str, label: str, kind: Kind, control: str, **more: Any) -> Parameter:
    """A field of BacktestParams, with the default and the limits that it has there."""
    limits = {**WHOLE_RANGES, **COST_RANGES}.get(name)
    return Parameter(name, label, kind, control, getattr(_RULES, name), limits, **more)


#: What the side panel sets, in its order: the parameters of a pair, and the threshold of |z|.
VIEW: tuple[Parameter, ...] = (
    _pair("y", "Y leg", "symbol", ids.LEG_Y, "Pair", default=None, about="Y leg"),
    _pair("x", "X leg", "symbol", ids.LEG_X, "Pair", default=None, about="X leg"),
    _pair(
        "timeframe", "Timeframe", "choice", ids.TIMEFRAME, "Pair",
        choices=_choices(tuple(TIMEFRAMES), {}), also=is_timeframe,
        about="length of a bar; a market of a file has its file's, such as 3m",
    ),
    _pair(
        "limit", "Bars in view", "whole", ids.LIMIT, "Pair",
        hint="newest", about="newest aligned bars in view",
    ),
    _pair(
        "hedge", "Hedge ratio (β)", "choice", ids.HEDGE_METHOD, "Hedge",
        choices=_choices(
            HEDGE_METHODS,
            {
                "ols": "OLS",
                "huber": "Huber (robust)",
                "theil_sen": "Theil-Sen (median slope)",
                "tls": "Total least squares",
                "kalman": "Kalman filter",
                "ratio": "Price ratio",
            },
        ),
        about="how the hedge ratio is fitted",
    ),
    _pair(
        "intercept", "With intercept (α)", "switch", ids.INTERCEPT, "Hedge",
        about="fit with an intercept",
    ),
    _pair(
        "price_space", "Price scale", "choice", ids.PRICE_SPACE, "Hedge",
        choices=_choices(get_args(PriceSpace), {"price": "Price", "log": "Log price"}),
        about="prices, or their logarithms",
    ),
    _pair(
        "hedge_window", "Hedge window", "whole", ids.HEDGE_WINDOW, "Hedge",
        optional=True, none=("all", "none"), hint="bars", empty="all in view",
        about="bars of the hedge fit; all: those in view",
    ),
    _pair(
        "spread_mode", "Hedge mode", "choice", ids.SPREAD_MODE, "Hedge",
        choices=_choices(
            SPREAD_MODES,
            {
                "view": "Fitted on the view",
                "rolling": "Rolling, a bar before",
                "kalman": "Kalman, a bar before",
                "locked": "Locked",
            },
        ),
        about="which line measures the spread; locked: beta and alpha as given",
    ),
    _pair(
        "beta", "Locked β", "number", ids.LOCKED_BETA, "Hedge",
        optional=True, limits=LOCKED_RANGE, empty="none", about="hedge ratio of the mode locked",
    ),
    _pair(
        "alpha", "Locked α", "number", ids.LOCKED_ALPHA, "Hedge",
        optional=True, limits=LOCKED_RANGE, empty="0", about="level of the mode locked; none: 0",
    ),
    _pair(
        "z_window", "z window", "whole", ids.Z_WINDOW, "Windows",
        hint="bars", span=(20, 180, 9), about="bars of the z-score",
    ),
    Parameter(
        "z_threshold", "z threshold", "number", ids.Z_THRESHOLD, 2.0, (0.1, 20.0),
        group="Windows", about="|z| from which there is a trade",
    ),
    _pair(
        "corr_window", "Correlation window", "whole", ids.CORR_WINDOW, "Windows",
        hint="bars", about="bars of the rolling correlation",
    ),
    _pair(
        "corr_on", "Correlation of", "choice", ids.CORR_ON, "Windows",
        choices=_choices(get_args(CorrelationBasis), {"returns": "Returns", "prices": "Prices"}),
        about="what is correlated",
    ),
    _pair(
        "trend", "ADF trend", "choice", ids.ADF_TREND, "Tests",
        choices=_choices(
            TRENDS,
            {"n": "None", "c": "Constant", "ct": "Constant, trend", "ctt": "Constant, trend²"},
        ),
        about="terms of the ADF test",
    ),
    _pair(
        "lag_method", "ADF lags by", "choice", ids.LAG_METHOD, "Tests",
        optional=True, none=("fixed", "none"),
        choices=_choices(
            (*LAG_METHODS, "fixed"),
            {"aic": "AIC", "bic": "BIC", "t-stat": "t-statistic", "fixed": "Fixed (maximum)"},
        ),
        about="how the lags of the ADF test are chosen",
    ),
    _pair(
        "adf_window", "ADF window", "whole", ids.ADF_WINDOW, "Tests",
        hint="bars", about="bars of each ADF test",
    ),
    _pair(
        "min_trades", "Min trades per bar", "whole", ids.MIN_TRADES, "Tests",
        about="least trades a bar, per leg",
    ),
    _pair(
        "min_volume", "Min turnover per bar", "number", ids.MIN_VOLUME, "Tests",
        limits=MIN_VOLUME_RANGE, hint="quote",
        about="least turnover a bar, per leg: volume x vwap, in quote currency",
    ),
)  # fmt: skip

_OF_PAIR = {field.name for field in fields(PairParams)}
#: The fields of PairParams.
PAIR: dict[str, Parameter] = {row.name: row for row in VIEW if row.name in _OF_PAIR}

#: The fields of BacktestParams. The thresholds bound one another: BacktestParams judges them.
BACKTEST: dict[str, Parameter] = {
    row.name: row
    for row in (
        _rule(
            "entry_z", "Entry |z|", "number", "entry-z",
            noun="the entry", span=(1.0, 3.0, 9), about="|z| at which a position opens",
        ),
        _rule(
            "exit_z", "Exit |z|", "number", "exit-z",
            span=(0.0, 0.9, 7), about="|z| at which it closes",
        ),
        _rule(
            "stop_z", "Stop |z|", "number", "stop-z",
            optional=True, empty="none", span=(2.5, 6.0, 8), about="|z| that stops it; none",
        ),
        _rule(
            "max_bars", "Time stop", "whole", "max-bars",
            optional=True, empty="none", hint="bars", span=(10, 200, 20),
            about="time stop in bars, those in which a leg did not trade too; none",
        ),
        _rule(
            "cost_bps", "Fee", "number", "cost-bps",
            hint="bps per side and leg", span=(0, 10, 11),
            about="commission in bps, per side and leg",
        ),
        _rule(
            "slippage_bps", "Slippage", "number", "slippage-bps",
            hint="bps", span=(0, 5, 11), about="slippage in bps, per side and leg",
        ),
        _rule(
            "hedge_mode", "Hedge", "choice", "hedge-mode",
            choices=_choices(
                HEDGE_MODES,
                {"rolling": "Rolling OLS", "kalman": "Kalman", "in-sample": "Fixed, in-sample"},
            ),
            about="what of the hedge is known when",
        ),
        _rule(
            "hedge_window", "Hedge bars", "whole", "backtest-hedge-window",
            link="strategy_window", span=(50, 400, 8), about="bars of the rolling hedge",
        ),
        _rule(
            "sides", "Sides", "choice", "backtest-sides",
            choices=_choices(
                SIDES, {"both": "Both", "long": "Long the spread", "short": "Short the spread"}
            ),
            about="sides of the spread that are traded",
        ),
    )
}  # fmt: skip

#: What can lie on an axis of a sweep.
SWEPT: dict[str, Parameter] = {name: BACKTEST.get(name) or PAIR[name] for name in AXES}
MAX_STEPS = 100


def _axis(axis: str, label: str, swept: Parameter) -> tuple[Parameter, ...]:
    low, high, steps = swept.span or (None, None, None)
    choices = tuple((name, row.title) for name, row in SWEPT.items())
    return (
        Parameter(axis, label, "choice", f"sweep-{axis}", swept.name, choices=choices),
        Parameter(f"{axis}_low", "from", "number", f"sweep-{axis}-low", low, noun="the start"),
        Parameter(f"{axis}_high", "to", "number", f"sweep-{axis}-high", high),
        Parameter(f"{axis}_steps", "steps", "whole", f"sweep-{axis}-steps", steps, (2, MAX_STEPS)),
    )


#: The two axes of a sweep.
SWEEP: dict[str, Parameter] = {
    row.name: row
    for row in (
        *_axis("x", "Across", BACKTEST["entry_z"]),
        *_axis("y", "Down", BACKTEST["exit_z"]),
    )
}

#: The stretches of a walk-forward, and the figure by which it chooses.
WALK_FORWARD: dict[str, Parameter] = {
    row.name: row
    for row in (
        Parameter(
            "train_bars", "Train bars", "whole", "walk-train", 300, (LEAST_TRAIN, _MAX_BARS),
            hint="bars",
        ),
        Parameter(
            "test_bars", "Test bars", "whole", "walk-test", 100, (LEAST_TEST, _MAX_BARS),
            hint="bars",
        ),
        Parameter(
            "metric", "Show", "choice", "sweep-metric", CHOICES[0], choices=_choices(CHOICES, {}),
        ),
    )
}  # fmt: skip

#: The form of an alert rule, by the fields of AlertRule. What a metric allows, its rule says.
ALERT: dict[str, Parameter] = {
    row.name: row
    for row in (
        Parameter(
            "metric", "When", "choice", "rule-metric", "z",
            choices=_choices(
                tuple(ALERT_METRICS),
                {
                    "z": "z-score of the pair",
                    "spread": "Spread of the pair",
                    "correlation": "Correlation of the pair",
                    "adf_pvalue": "ADF p-value of the spread",
                    "engle_granger_pvalue": "Engle-Granger p-value",
                    "price": "Price of the Y leg",
                    "volume": "Volume of the Y leg",
                    "feed_silent": "Seconds without data",
                },
            ),
        ),
        Parameter(
            "operator", "Condition", "choice", "rule-operator", "abs>",
            choices=_choices(OPERATORS, {"abs>": "|value| >", "abs<": "|value| <"}),
        ),
        Parameter("threshold", "Threshold", "number", "rule-threshold", 2.0),
        Parameter(
            "hysteresis", "Re-arm when back by", "number", "rule-hysteresis", 0.0,
            optional=True,
        ),
        Parameter(
            "cooldown_s", "Cooldown", "number", "rule-cooldown", 60.0, COOLDOWN_RANGE, hint="s",
        ),
        Parameter(
            "on", "Evaluate", "choice", "rule-moment", "update",
            choices=_choices(MOMENTS, {"update": "On every update", "close": "On closed bars"}),
        ),
        Parameter(
            "webhook", "Webhook", "text", "rule-webhook",
            optional=True, hint="optional", empty="https://…",
        ),
        Parameter("once", "Fire once", "switch", "rule-once", False),
    )
}  # fmt: skip
