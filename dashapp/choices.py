"""What the choice of the hedge method, and of the order of the legs, does to the signal: in words.

A signal is the side of the trade that a z-score asks for at the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analytics.model import HedgeFit, PairSnapshot
from dashapp.evidence import LOG_SIZE
from dashapp.numerals import number, price, ratio
from dashapp.verdicts import METHOD_WORDS, newest, trade_words

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


def _row(snapshot: PairSnapshot, method: str, fit: HedgeFit, threshold: float) -> MethodRow:
    shown = method == snapshot.params.hedge
    z = newest(snapshot.z) if shown else snapshot.method_z.get(method, math.nan)
    scale = _LOG_ALPHA if snapshot.params.price_space == "log" else newest(snapshot.price_y)
    return MethodRow(
        METHOD_WORDS.get(method, method),
        ratio(float(fit.beta)),
        price(fit.alpha, scale),
        number(fit.r_squared, 3),
        ratio(float(fit.beta_stderr)),
        number(z, 2, signed=True),
        side_of(z, threshold),
        fit.note,
        shown,
    )


def _swapped_row(snapshot: PairSnapshot, threshold: float) -> list[MethodRow]:
    """The chosen method's fit of X on Y, turned into Y per X so that it can be compared."""
    fit = snapshot.swapped
    if fit is None:
        return []
    beta = float(fit.beta)
    turned = 1.0 / beta if beta else math.nan
    scale = _LOG_ALPHA if snapshot.params.price_space == "log" else newest(snapshot.price_y)
    legs = f"{snapshot.params.x} fitted on {snapshot.params.y}"
    notes = [f"{legs}: {ratio(beta)}, shown as 1/β and −α/β", fit.note]
    name = METHOD_WORDS.get(snapshot.params.hedge, snapshot.params.hedge)
    return [
        MethodRow(
            f"{name}, legs swapped",
            ratio(turned),
            price(-fit.alpha * turned, scale),
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


def choice_warning(snapshot: PairSnapshot, threshold: float) -> str:
    """Where the signal depends on the method or on the order of the legs, a sentence that says
    so; "" where it does not.
    """
    rows = method_rows(snapshot, threshold)
    methods = [row for row in rows[: len(snapshot.fits)] if row.side is not None]
    sides: dict[int, list[str]] = {}
    for row in methods:
        sides.setdefault(row.side or 0, []).append(row.method)
    told = []
    if len(sides) > 1:
        by = "; ".join(
            f"{side_words(side, snapshot)} by {_named(names)}" for side, names in sides.items()
        )
        told.append(f"The signal depends on the method: {by}.")
    swapped = side_of(snapshot.swapped_z, threshold)
    chosen = side_of(newest(snapshot.z), threshold)
    if None not in (swapped, chosen) and swapped != chosen:
        told.append(
            f"The signal depends on the order of the legs: {side_words(chosen, snapshot)} as "
            f"they are, {side_words(swapped, snapshot)} with the legs swapped."
        )
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
