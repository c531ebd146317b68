"""What the choice of the hedge method, and of the order of the legs, does to the signal: in words.

A signal is the side of the trade that a z-score asks for at the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analytics.model import HedgeFit, PairSnapshot
from dashapp.text.numbers import number, price, ratio
from dashapp.text.pair import METHOD_WORDS, newest, trade_words
from dashapp.text.tests import LOG_SIZE

#: What an intercept in logarithms is shown with.
_LOG_ALPHA = 10 * LOG_SIZE


@dataclass(frozen=True)
class MethodRow:
    """One hedge method as the table shows it: figures as text, what it asks for, its note.

    side: -1 short the spread, 1 long, 0 no trade, None where z is not known. shown: whether
    the page's spread is of this fit.
    """

    method: str
    beta: str
    alpha: str
    r_squared: str
    stderr: str
    z: str
    side: int | None
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


def side_words(side: int | None, snapshot: PairSnapshot) -> str:
    """The trade of a side by its legs."""
    if side is None:
        return "not known"
    return trade_words(side, snapshot.params) if side else "no trade"


def _alpha(alpha: float, snapshot: PairSnapshot) -> str:
    """An intercept with the decimals of the Y leg's price; 0 where there is none."""
    if not alpha:
        return "0"
    logs = snapshot.params.price_space == "log"
    return price(alpha, _LOG_ALPHA if logs else newest(snapshot.price_y))


def _z(snapshot: PairSnapshot, method: str) -> float:
    """The newest z by a method's fit; of the chosen one that which the page shows."""
    if method == snapshot.params.hedge:
        return newest(snapshot.z)
    return snapshot.method_z.get(method, math.nan)


def _row(snapshot: PairSnapshot, method: str, fit: HedgeFit, threshold: float) -> MethodRow:
    z = _z(snapshot, method)
    return MethodRow(
        METHOD_WORDS.get(method, method),
        ratio(float(fit.beta)),
        _alpha(fit.alpha, snapshot),
        number(fit.r_squared, 3),
        ratio(float(fit.beta_stderr)),
        number(z, 2, signed=True),
        side_of(z, threshold),
        fit.note,
        method == snapshot.params.hedge,
    )


def _swapped_row(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """The chosen method's fit of X on Y, turned into Y per X so that it can be compared."""
    fit = snapshot.swapped
    if fit is None:
        return []
    beta = float(fit.beta)
    turned = 1.0 / beta if beta else math.nan
    legs = f"{snapshot.params.x} fitted on {snapshot.params.y}"
    notes = [f"{legs}: {ratio(beta)}, shown as 1/β and −α/β", fit.note]
    name = METHOD_WORDS.get(snapshot.params.hedge, snapshot.params.hedge)
    return [
        MethodRow(
            f"{name}, legs swapped",
            ratio(turned),
            _alpha(-fit.alpha * turned, snapshot),
            number(fit.r_squared, 3),
            ratio(math.nan),
            number(snapshot.swapped_z, 2, signed=True),
            side_of(snapshot.swapped_z, threshold),
            "; ".join(filter(None, notes)),
        )
    ]


def method_rows(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """A row a hedge method, then the chosen one's with the legs swapped."""
    made = [_row(snapshot, method, fit, threshold) for method, fit in snapshot.fits.items()]
    return made + _swapped_row(snapshot, threshold)


def z_span(snapshot: PairSnapshot) -> str:
    """From where to where the choice of the method takes z, and where swapped legs put it."""
    low, high = (number(one, 2, signed=True) for one in snapshot.z_range)
    words = f"z {low} to {high} by method" if low != high else f"z {low} by every method"
    if math.isfinite(snapshot.swapped_z):
        words = f"{words}, {number(snapshot.swapped_z, 2, signed=True)} with the legs swapped"
    return words


def _named(names: Iterable[str]) -> str:
    """
    >>> _named(["OLS"]), _named(["OLS", "TLS", "ratio"])
    ('OLS', 'OLS, TLS and ratio')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _sides(snapshot: PairSnapshot, threshold: float) -> dict[int, list[str]]:
    """Methods by the side that their z asks for; those whose z is known."""
    made: dict[int, list[str]] = {}
    for method in snapshot.fits:
        side = side_of(_z(snapshot, method), threshold)
        if side is not None:
            made.setdefault(side, []).append(METHOD_WORDS.get(method, method))
    return made


def _both_orders(snapshot: PairSnapshot, threshold: float) -> tuple[int | None, int | None]:
    """The side as the legs are, and with the legs swapped."""
    return side_of(newest(snapshot.z), threshold), side_of(snapshot.swapped_z, threshold)


def signal_depends_on(snapshot: PairSnapshot, threshold: float) -> tuple[str, ...]:
    """What the signal hangs on besides the pair: "the method", "the order of the legs"."""
    found = ["the method"] if len(_sides(snapshot, threshold)) > 1 else []
    here, swapped = _both_orders(snapshot, threshold)
    if here is not None and swapped is not None and here != swapped:
        found.append("the order of the legs")
    return tuple(found)


def choice_warning(snapshot: PairSnapshot, threshold: float) -> str:
    """Where the signal depends on the method or on the order of the legs, sentences that say
    so; "" where it does not.
    """
    told = []
    for one in signal_depends_on(snapshot, threshold):
        if one == "the method":
            parts = [
                f"{side_words(side, snapshot)} by {_named(names)}"
                for side, names in _sides(snapshot, threshold).items()
            ]
        else:
            here, swapped = _both_orders(snapshot, threshold)
            parts = [
                f"{side_words(here, snapshot)} as they are",
                f"{side_words(swapped, snapshot)} with the legs swapped",
            ]
        told.append(f"The signal depends on {one}: {'; '.join(parts)}.")
    return " ".join(told)


def choice_words(snapshot: PairSnapshot, threshold: float) -> tuple[str, str]:
    """The sentence over the table of methods, and its tone."""
    warning = choice_warning(snapshot, threshold)
    if warning:
        return f"{warning} Newest {z_span(snapshot)}.", "warn"
    side = side_of(newest(snapshot.z), threshold)
    if side is None:
        return "No z-score is known yet.", "muted"
    agreed = f"Every method, and either order of the legs: {side_words(side, snapshot)}"
    return f"{agreed} at ±{threshold:g}. Newest {z_span(snapshot)}.", "muted"
