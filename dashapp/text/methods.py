"""Sentences on what the choice of the hedge method, and of the order of the legs, does.

They say which trade each method asks for, and warn where methods, or the two orders of the
legs, ask for different ones. A signal is the side of the spread that a z-score asks for at the
threshold; a trade is that side with the sign of the method's beta.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from analytics.model import HedgeFit, PairSnapshot
from dashapp.text.numbers import NONE, number, price, ratio
from dashapp.text.pair import (
    LEGS_AGAINST,
    METHOD_WORDS,
    MODE_WORDS,
    Line,
    bars_ago,
    bars_since_fit,
    legs_warning,
    line_in_use,
    newest,
    trade_words,
)
from dashapp.text.tests import LOG_SIZE

#: How sentences name the line that is traded where it is none of the table's fits.
IN_USE = "the line in use"
#: How the filter of the table differs from the one in use and from the chart's.
OTHER_FILTERS = (
    "with the newest bar, which the line in use is without; the chart's path is one filter from "
    "the first bar on"
)
#: What an intercept in logarithms is shown with.
_LOG_ALPHA = 10 * LOG_SIZE


class Signal(NamedTuple):
    """What a z-score asks for. side: -1 short the spread, 1 long, 0 no trade, None where z is
    not known. beta: the hedge ratio, whose sign decides the side of X.
    """

    side: int | None
    beta: float

    def words(self, y: str, x: str) -> str:
        """The trade by its legs.

        >>> Signal(-1, 0.5).words("Y", "X"), Signal(0, 0.5).words("Y", "X")
        ('short Y / long X', 'no trade')
        """
        return "not known" if self.side is None else trade_words(self.side, self.beta, y, x)


@dataclass(frozen=True)
class MethodRow:
    """One hedge method as the table shows it: figures as text, what it asks for, its note.

    shown: whether the page's spread is of this fit.
    """

    method: str
    beta: str
    alpha: str
    r_squared: str
    z: str
    signal: Signal
    note: str = ""
    shown: bool = False


def side_of(z: float, threshold: float) -> int | None:
    """The side of the spread that a z-score asks for: -1 short, 1 long, 0 none.

    None where z is not known.

    >>> side_of(2.5, 2.0), side_of(-2.0, 2.0), side_of(1.0, 2.0), side_of(float("nan"), 2.0)
    (-1, 1, 0, None)
    """
    if not math.isfinite(z):
        return None
    return 0 if abs(z) < threshold else -1 if z > 0 else 1


def _signal(z: float, beta: float, threshold: float) -> Signal:
    """The signal of a z-score; not known where its beta is not."""
    return Signal(side_of(z, threshold) if math.isfinite(beta) else None, beta)


def _alpha(alpha: float, snapshot: PairSnapshot) -> str:
    """An intercept with the decimals of the Y leg's price; 0 where there is none."""
    if not alpha:
        return "0"
    logs = snapshot.params.price_space == "log"
    return price(alpha, _LOG_ALPHA if logs else newest(snapshot.price_y))


def shown_method(snapshot: PairSnapshot) -> str | None:
    """The method whose fit of now is in use; None where the line is an older one, or each bar has
    its own, or it is given.
    """
    now = snapshot.params.spread_mode == "view" and not bars_since_fit(snapshot)
    return snapshot.params.hedge if now else None


def _reading(snapshot: PairSnapshot, method: str) -> tuple[float, Line]:
    """The newest z by a method, and its line; of the one in use, as they were known."""
    if method == shown_method(snapshot):
        return newest(snapshot.z), line_in_use(snapshot)
    fit = snapshot.fits[method]
    line = Line(float(fit.beta), float(fit.alpha))
    return snapshot.method_z.get(method, math.nan), line


def _row(snapshot: PairSnapshot, method: str, fit: HedgeFit, threshold: float) -> MethodRow:
    z, line = _reading(snapshot, method)
    shown = method == shown_method(snapshot)
    filters = method == "kalman" and snapshot.params.spread_mode == "kalman"
    notes = (fit.note, OTHER_FILTERS if filters else "")
    return MethodRow(
        METHOD_WORDS.get(method, method),
        ratio(line.beta),
        _alpha(line.alpha, snapshot),
        number(fit.r_squared, 3),
        number(z, 2, signed=True),
        _signal(z, line.beta, threshold),
        "; ".join(filter(None, notes)),
        shown,
    )


def _row_in_use(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """The line in use where it is none of the fits, which stand below it for comparison."""
    if shown_method(snapshot) is not None:
        return []
    z, line = newest(snapshot.z), line_in_use(snapshot)
    rows = max((fit.n for fit in snapshot.fits.values()), default=0)
    below = f"below, one fit a method over the newest {rows:,} bars, for comparison"
    return [
        MethodRow(
            "In use",
            ratio(line.beta),
            _alpha(line.alpha, snapshot),
            NONE,
            number(z, 2, signed=True),
            _signal(z, line.beta, threshold),
            f"{_line_words(snapshot)}; {below}",
            True,
        )
    ]


def _line_words(snapshot: PairSnapshot) -> str:
    """What the line in use is, where it is none of the fits of now."""
    mode, bars = snapshot.params.spread_mode, bars_since_fit(snapshot)
    if mode != "view":
        return MODE_WORDS[mode]
    name = METHOD_WORDS[snapshot.params.hedge]
    return f"{name}, fitted {bars_ago(bars)} and kept until the next fit"


def _swapped_beta(fit: HedgeFit) -> float:
    """The hedge ratio of a fit of X on Y, turned into Y per X."""
    beta = float(fit.beta)
    return 1.0 / beta if beta else math.nan


def _swapped_row(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """The chosen method's fit of X on Y, turned into Y per X so that it can be compared."""
    fit = snapshot.swapped
    if fit is None:
        return []
    turned = _swapped_beta(fit)
    legs = f"{snapshot.params.x} fitted on {snapshot.params.y}"
    notes = [f"{legs}: {ratio(float(fit.beta))}, shown as 1/β and −α/β", fit.note]
    name = METHOD_WORDS.get(snapshot.params.hedge, snapshot.params.hedge)
    return [
        MethodRow(
            f"{name}, legs swapped",
            ratio(turned),
            _alpha(-fit.alpha * turned, snapshot),
            number(fit.r_squared, 3),
            number(snapshot.swapped_z, 2, signed=True),
            _signal(snapshot.swapped_z, turned, threshold),
            "; ".join(filter(None, notes)),
        )
    ]


def method_rows(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """The line in use where it is no method's fit, a row a hedge method, then the chosen one's with
    the legs swapped.
    """
    rows = [_row(snapshot, method, fit, threshold) for method, fit in snapshot.fits.items()]
    return [*_row_in_use(snapshot, threshold), *rows, *_swapped_row(snapshot, threshold)]


def z_span(snapshot: PairSnapshot) -> str:
    """The newest z: by the line in use where it is no method's, from where to where the choice of
    the method takes it, and where swapped legs put it.
    """
    low, high = (number(z, 2, signed=True) for z in snapshot.z_range)
    words = f"{low} to {high} by method" if low != high else f"{low} by every method"
    if shown_method(snapshot) is None:
        words = f"{number(newest(snapshot.z), 2, signed=True)} by {IN_USE}, {words}"
    words = f"z {words}"
    if math.isfinite(snapshot.swapped_z):
        words = f"{words}, {number(snapshot.swapped_z, 2, signed=True)} with the legs swapped"
    return words


def _listed(names: Iterable[str]) -> str:
    """
    >>> _listed(["OLS"]), _listed(["OLS", "TLS", "ratio"])
    ('OLS', 'OLS, TLS and ratio')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _methods_by_trade(snapshot: PairSnapshot, threshold: float) -> dict[str, list[str]]:
    """The words of each trade that a method's z asks for, with the methods that ask for it, and the
    line in use where it is no method's.
    """
    by_trade: dict[str, list[str]] = {}
    readings = {
        METHOD_WORDS.get(method, method): _reading(snapshot, method) for method in snapshot.fits
    }
    if shown_method(snapshot) is None:
        readings = {IN_USE: (newest(snapshot.z), line_in_use(snapshot)), **readings}
    for name, (z, line) in readings.items():
        signal = _signal(z, line.beta, threshold)
        if signal.side is not None:
            words = signal.words(snapshot.params.y, snapshot.params.x)
            by_trade.setdefault(words, []).append(name)
    return by_trade


def _trades_by_order(snapshot: PairSnapshot, threshold: float) -> tuple[str, str] | None:
    """The words of the trade by the chosen method as the legs are, and with the legs swapped; None
    where one of the two is not known.
    """
    method = snapshot.params.hedge
    if snapshot.swapped is None or method not in snapshot.fits:
        return None
    z, line = _reading(snapshot, method)
    here = _signal(z, line.beta, threshold)
    turned = _signal(snapshot.swapped_z, _swapped_beta(snapshot.swapped), threshold)
    if here.side is None or turned.side is None:
        return None
    legs = (snapshot.params.y, snapshot.params.x)
    return here.words(*legs), turned.words(*legs)


def signal_depends_on(snapshot: PairSnapshot, threshold: float) -> tuple[str, ...]:
    """What the signal hangs on besides the pair: "method", "leg order"."""
    choices = ["method"] if len(_methods_by_trade(snapshot, threshold)) > 1 else []
    orders = _trades_by_order(snapshot, threshold)
    if orders is not None and orders[0] != orders[1]:
        choices.append("leg order")
    return tuple(choices)


def choice_warning(snapshot: PairSnapshot, threshold: float) -> str:
    """Where the signal depends on the method or on the order of the legs, sentences that say
    so; "" where it does not.
    """
    sentences = []
    by_trade = _methods_by_trade(snapshot, threshold)
    if len(by_trade) > 1:
        parts = [f"{words} by {_listed(names)}" for words, names in by_trade.items()]
        sentences.append(f"The signal depends on the method: {'; '.join(parts)}.")
    orders = _trades_by_order(snapshot, threshold)
    if orders is not None and orders[0] != orders[1]:
        parts = [f"{orders[0]} as they are", f"{orders[1]} with the legs swapped"]
        sentences.append(f"The signal depends on the order of the legs: {'; '.join(parts)}.")
    return " ".join(sentences)


def choice_words(snapshot: PairSnapshot, threshold: float) -> tuple[str, str]:
    """The sentence over the table of methods, and its tone."""
    against = _against_words(snapshot)
    warning = choice_warning(snapshot, threshold)
    if warning:
        return f"{warning} Newest {z_span(snapshot)}.{against}", "warn"
    signal = _signal(newest(snapshot.z), line_in_use(snapshot).beta, threshold)
    if signal.side is None:
        return "No z-score is known yet.", "muted"
    words = signal.words(snapshot.params.y, snapshot.params.x)
    agreed = f"Every method, and either order of the legs: {words}"
    tone = "warn" if against else "muted"
    return f"{agreed} at ±{threshold:g}. Newest {z_span(snapshot)}.{against}", tone


def _against_words(snapshot: PairSnapshot) -> str:
    """A sentence that names the lines by which both legs are held on one side; "" for none."""
    lines = {METHOD_WORDS.get(name, name): _reading(snapshot, name)[1] for name in snapshot.fits}
    if shown_method(snapshot) is None:
        lines = {IN_USE: line_in_use(snapshot), **lines}
    names = [name for name, line in lines.items() if legs_warning(line.beta)]
    return f" By {_listed(names)} {LEGS_AGAINST}." if names else ""
