"""The words of a trade, and the sentences on a pair's figures: spread, hedge, data.

A trade is worded in one place, `trade_words`, from its side of the spread and the sign of
beta. A row of figures is (label, value, verdict in words, tone), a segment (words, tone); tones
are those of `dashapp.text.answers`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.carry import Carry
from analytics.cointegration import JohansenTest
from analytics.estimates import MAX_TICKS, PairEstimates
from analytics.model import TIMEFRAMES, PairSnapshot
from analytics.spread import leg_signs
from dashapp.text.numbers import NONE, number, pct, price, ratio
from dashapp.text.tests import (
    Row,
    beyond_one,
    cointegration_rows,
    leg_alone,
    reversion_rows,
    spread_size,
)

Segment = tuple[str, str]

METHOD_WORDS = {
    "ols": "OLS",
    "huber": "Huber",
    "theil_sen": "Theil-Sen",
    "tls": "TLS",
    "kalman": "Kalman",
    "ratio": "ratio",
    "locked": "locked",
}
#: Share of carried-forward bars from which a verdict warns.
CARRIED_WARN = 0.2
#: |z| up to which a spread is where it belongs.
FAIR = 0.5
#: What a hedge ratio below zero means for who holds both legs.
LEGS_AGAINST = "β < 0: the legs move against each other"


class BreakEven(NamedTuple):
    """|z| from which the way back to the mean pays a round trip, NaN if not known.

    cost_bps: commission and slippage of a side and leg. funded: whether the funding of a
    half-life is in it.

    >>> BreakEven(1.14, 2.0).words
    'needs |z| > 1.1 to pay costs (2 bps a side and leg)'
    """

    z: float
    cost_bps: float
    funded: bool = False

    @property
    def words(self) -> str:
        """What it is, and at which cost."""
        funding = ", with funding" if self.funded else ""
        each = f"({self.cost_bps:g} bps a side and leg{funding})"
        return f"needs |z| > {number(self.z, 1)} to pay costs {each}"


def newest(values: npt.NDArray[np.float64]) -> float:
    """The last value of a series, NaN if it has none."""
    return float(values[-1]) if len(values) else math.nan


def sign_tone(value: float) -> str:
    """ "up" above zero, "down" below, "" at zero or unknown.

    >>> sign_tone(-0.1), sign_tone(0.0)
    ('down', '')
    """
    return "up" if value > 0 else "down" if value < 0 else ""


def trade_words(side: int, beta: float, y: str, x: str) -> str:
    """A position in the spread as the trade of its legs, by the signs of their positions.

    side: 1 long the spread, -1 short, 0 none. beta: the hedge ratio, whose sign decides the
    side of X. y, x: symbols. Raises ValueError where `leg_signs` does.

    >>> trade_words(-1, 0.5, "BTCUSDT", "ETHUSDT")
    'short BTCUSDT / long ETHUSDT'
    >>> trade_words(-1, -0.5, "BTCUSDT", "ETHUSDT")
    'short BTCUSDT / short ETHUSDT'
    """
    signs = zip(leg_signs(side, beta), (y, x), strict=True)
    legs = [f"{'long' if sign > 0 else 'short'} {symbol}" for sign, symbol in signs if sign]
    return " / ".join(legs) or "no trade"


def legs_warning(beta: float) -> str:
    """A warning where both legs are held on the same side, "" elsewhere.

    >>> legs_warning(-0.5), legs_warning(0.5)
    ('β < 0: the legs move against each other', '')
    """
    return LEGS_AGAINST if beta < 0 else ""


def trade_sentence(side: int, beta: float, y: str, x: str) -> str:
    """The words of a trade with the warning of its legs, where there is one line for both.

    >>> trade_sentence(1, -0.5, "A", "B")
    'long A / long B (β < 0: the legs move against each other)'
    """
    words = trade_words(side, beta, y, x)
    return _warned(words, beta) if side else words


def signal_sentence(told: Segment, beta: float) -> Segment:
    """A `signal` with the warning of its legs, where there is one line for both.

    >>> signal_sentence(signal(0.3, -0.5, ("A", "B"), 2.0), -0.5)
    ('inside ±2: no trade (β < 0: the legs move against each other)', 'warn')
    """
    words, tone = told
    return _warned(words, beta), "warn" if legs_warning(beta) else tone


def _warned(words: str, beta: float) -> str:
    warning = legs_warning(beta)
    return f"{words} ({warning})" if warning else words


def inside_costs(z: float, break_even: BreakEven | None) -> bool:
    """Whether the way back from z does not pay a round trip; False where that is not known.

    >>> inside_costs(-2.1, BreakEven(3.7, 2.0)), inside_costs(-2.1, None)
    (True, False)
    """
    return break_even is not None and abs(z) < break_even.z < math.inf


class Line(NamedTuple):
    """A line of a hedge: Y = beta X + alpha."""

    beta: float
    alpha: float


def line_in_use(snapshot: PairSnapshot) -> Line:
    """The line that the newest z-score rests on, as it was known at its bar: the one that is
    traded, worded, drawn and locked. Today's fit where none was known.
    """
    known = Line(newest(snapshot.known.beta), newest(snapshot.known.alpha))
    if all(map(math.isfinite, known)):
        return known
    return Line(float(snapshot.fit.beta), float(snapshot.fit.alpha))


def known_beta(snapshot: PairSnapshot) -> float:
    """The hedge ratio of `line_in_use`."""
    return line_in_use(snapshot).beta


def side_of_z(snapshot: PairSnapshot) -> int:
    """The side of the spread that the newest z speaks for: -1 short above 0, else 1 long."""
    return -1 if newest(snapshot.z) > 0 else 1


def _where(z: float, y: str) -> str:
    """Which way the Y leg is off, in words; within FAIR of the mean it is not off at all."""
    if abs(z) < FAIR:
        return "at fair value"
    return f"{y} {'rich' if z > 0 else 'cheap'}"


def stance(
    snapshot: PairSnapshot, threshold: float, break_even: BreakEven | None = None
) -> list[Segment]:
    """The z-score, which leg is rich, and the trade it asks for from |z| >= threshold on.

    break_even: below it there is no trade, for a round trip does not pay; None if not known.
    """
    z, params, beta = newest(snapshot.z), snapshot.params, known_beta(snapshot)
    if not math.isfinite(z):
        return [("z not known", "muted"), (snapshot.no_z, "muted")]
    words, signal_tone = signal(z, beta, (params.y, params.x), threshold, break_even)
    tone = signal_tone if signal_tone in ("up", "down") else ""
    segments: list[Segment] = [
        (f"z {number(z, 2, signed=True)}", tone),
        (_where(z, params.y), tone),
        (words, signal_tone),
    ]
    warning = legs_warning(beta)
    return [*segments, (warning, "warn")] if warning else segments


def signal(
    z: float,
    beta: float,
    legs: tuple[str, str],
    threshold: float,
    break_even: BreakEven | None = None,
) -> Segment:
    """The trade that a known z asks for, or why there is none, with its tone.

    legs: Y and X. break_even: see `stance`.

    >>> signal(2.4, 0.5, ("A", "B"), 2.0), signal(1.4, 0.5, ("A", "B"), 2.0)
    (('short A / long B', 'down'), ('inside ±2: no trade', 'muted'))
    """
    if abs(z) < threshold:
        return f"inside ±{threshold:g}: no trade", "muted"
    if break_even is not None and inside_costs(z, break_even):
        return f"beyond ±{threshold:g} but {break_even.words}: no trade", "warn"
    return trade_words(-1 if z > 0 else 1, beta, *legs), "down" if z > 0 else "up"


def _z_row(snapshot: PairSnapshot, threshold: float, break_even: BreakEven | None) -> Row:
    clauses = stance(snapshot, threshold, break_even)
    words = " · ".join(text for text, _ in clauses[1:])
    tone = "warn" if any(tone == "warn" for _, tone in clauses) else clauses[0][1]
    return ("z-score", number(newest(snapshot.z), 2, signed=True), words, tone)


def _now_rows(snapshot: PairSnapshot, estimates: PairEstimates | None) -> list[Row]:
    size = spread_size(snapshot)
    spread, mean, std, _ = snapshot.reading
    sigma = f"mean {price(mean, size, signed=True)}, σ {price(std, size)}"
    if bars_since_fit(snapshot):
        sigma = f"{sigma}, of the line in use; the chart is of today's fit"
    correlation = snapshot.correlation
    firm = (
        "strong" if abs(correlation) >= 0.7 else "moderate" if abs(correlation) >= 0.3 else "weak"
    )
    words = f"{firm} ({snapshot.params.corr_on}, {len(snapshot.traded_ms):,} bars in view)"
    known = math.isfinite(correlation)
    return [
        ("Spread", price(spread, size, signed=True), sigma, "muted"),
        (
            "Correlation",
            number(correlation, 2, signed=True),
            words if known else "not known",
            "warn" if known and firm == "weak" else "" if known else "muted",
        ),
        *_tick_rows(snapshot, estimates),
    ]


def _tick_rows(snapshot: PairSnapshot, estimates: PairEstimates | None) -> list[Row]:
    """The correlation on ticks, and a warning where a leg's prices bounce."""
    rows: list[Row] = []
    if estimates is not None and estimates.tick_correlation is not None:
        known = estimates.tick_correlation
        value = number(known, 2, signed=True)
        words = f"Hayashi-Yoshida, newest {MAX_TICKS:,} ticks a leg{beyond_one(known)}"
        rows.append(("Correlation on ticks", value, words, "muted"))
    legs = (snapshot.bounce_y, snapshot.bounce_x)
    if any(leg is not None and leg.matters() for leg in legs):
        shares = " / ".join(pct(leg.share, 0, signed=False) if leg else NONE for leg in legs)
        free = snapshot.bounce_free
        way_out = f"free of it from {free} on" if free else "no timeframe is free of it"
        words = f"of the variance at {snapshot.params.timeframe} looks like bounce: {way_out}"
        rows.append(("Bid-ask bounce (Y / X)", shares, words, "warn"))
    return rows


#: Which line measures a bar, in the hedge modes that do not fit one on the view.
MODE_WORDS = {
    "rolling": "rolling: each bar by the line of the bars before it",
    "kalman": "Kalman: each bar by the filter of the bars before it",
    "locked": "locked: as given",
}


def each_bars_own(snapshot: PairSnapshot) -> bool:
    """Whether each bar is measured with a line of its own, so that one fit over the window is there
    for comparison.
    """
    return snapshot.params.spread_mode in ("rolling", "kalman")


def bars_ago(bars: int) -> str:
    """
    >>> bars_ago(1), bars_ago(1_200)
    ('1 bar ago', '1,200 bars ago')
    """
    return f"{bars:,} bar{'s' if bars != 1 else ''} ago"


def bars_since_fit(snapshot: PairSnapshot) -> int:
    """Bars of the clock since the line in use was fitted, where its method is fitted now and then;
    0 where it is of the newest bar.
    """
    fitted_ms, step_ms = snapshot.reading.fitted_ms, TIMEFRAMES[snapshot.params.timeframe]
    return 0 if fitted_ms is None else int(snapshot.traded_ms[-1] - fitted_ms) // step_ms


def refit_words(snapshot: PairSnapshot) -> str:
    """How old the line in use is, and what a fit of now has; "" where it is of the newest bar."""
    bars = bars_since_fit(snapshot)
    if not bars:
        return ""
    now = ratio(float(snapshot.fit.beta))
    return f"fitted {bars_ago(bars)}; a fit on all bars up to now has {now}"


def _error_words(snapshot: PairSnapshot) -> str:
    """The standard error of β that allows for autocorrelation, or why there is none."""
    if snapshot.params.spread_mode != "view":
        return MODE_WORDS[snapshot.params.spread_mode]
    if not math.isfinite(float(snapshot.fit.beta_stderr)):
        return ""
    if snapshot.beta_stderr is None:
        tested = snapshot.engle_granger is not None
        why = "the residual is not stationary" if tested else "the residual was not tested"
        return f"no standard error: {why}"
    return f"± {ratio(snapshot.beta_stderr)} standard error (Newey-West)"


def _hedge_rows(snapshot: PairSnapshot) -> list[Row]:
    fit, params, line = snapshot.fit, snapshot.params, line_in_use(snapshot)
    scale = 0.01 if params.price_space == "log" else newest(snapshot.price_y)
    warnings = [words for words in (legs_warning(line.beta), fit.note) if words]
    told = [*warnings, refit_words(snapshot), _error_words(snapshot)]
    tone = "warn" if warnings else "muted"
    good = math.isfinite(fit.r_squared) and fit.r_squared >= 0.5
    r_words = f"{fit.n:,} bars" if good else f"low: X explains little of Y, {fit.n:,} bars"
    if each_bars_own(snapshot):
        name = METHOD_WORDS.get(fit.method, fit.method)
        r_words = f"of one {name} fit over the window, for comparison; {r_words}"
    r_label = "R² of the fit" if params.intercept else "R² (uncentred)"
    return [
        ("Hedge ratio (β)", ratio(line.beta), "; ".join(filter(None, told)), tone),
        ("Intercept (α)", price(line.alpha, scale), "" if params.intercept else "off", "muted"),
        (r_label, number(fit.r_squared, 3), r_words, "muted" if good else "warn"),
    ]


def _carry_rows(snapshot: PairSnapshot, carry: Carry | None) -> list[Row]:
    """What holding the pair costs a day, for the side that the newest z speaks for."""
    if carry is None:
        return []
    side = side_of_z(snapshot)
    name, other = ("short", "long") if side < 0 else ("long", "short")
    paid = carry.paid(side) * 1e4
    verb, counter = ("pays", "receives") if paid > 0 else ("receives", "pays")
    words = f"{name} the spread {verb} it, {other} {counter}; at the rates of now"
    tone = "warn" if paid > 0 else "muted"
    return [("Funding a day", f"{number(-paid, 2, signed=True)} bps", words, tone)]


def _data_rows(snapshot: PairSnapshot) -> list[Row]:
    share, dropped = snapshot.carried_share, snapshot.rows_dropped
    tone = "warn" if share >= CARRIED_WARN else "muted"
    filtered = f"{dropped:,} dropped by the activity filter" if dropped else "none dropped"
    rows: list[Row] = [
        ("Bars in view", f"{len(snapshot):,}", filtered, "warn" if dropped else "muted"),
        ("Carried forward", pct(share, 1, signed=False), "bars in which a leg did not trade", tone),
    ]
    return rows + [("Note", "", note, "") for note in snapshot.notes if not _said(note)]


def _said(note: str) -> bool:
    """Whether a row says already what a note says: the filter's, and that of the hedge."""
    return note.endswith("by the activity filter.") or note.startswith("Hedge ratio: ")


def pair_figures(
    snapshot: PairSnapshot,
    threshold: float = 2.0,
    break_even: BreakEven | None = None,
    johansen: JohansenTest | None = None,
    estimates: PairEstimates | None = None,
    carry: Carry | None = None,
) -> list[Row]:
    """The figures of a pair. threshold, break_even: see `stance`. johansen, estimates: None
    while they are being computed. carry: None where the funding of a leg is not known.

    The plain ADF of an estimated spread is labelled indicative: its p-value is too small,
    for beta was fitted to make it so; the verdict is Engle-Granger's.
    """
    alone = leg_alone(estimates, johansen)
    return [
        _z_row(snapshot, threshold, break_even),
        *_now_rows(snapshot, estimates),
        *_hedge_rows(snapshot),
        *_carry_rows(snapshot, carry),
        *cointegration_rows(snapshot, johansen, estimates),
        *reversion_rows(snapshot, alone),
        *_data_rows(snapshot),
    ]
