"""Every pair of a universe, tested honestly: false ones bounded, survivors confirmed.

A scan makes its choice on the first two thirds of the rows and confirms it on the last third,
which the choice never saw. Of independent pairs 5 % have p < 0.05, so p-values are adjusted for
the number of all tests before anything else is looked at. The work is cut into blocks for any
mapper (`map`, a pool's, a cluster's): how they are cut, and by whom they are done, does not change
a bit of the result.

Sources: Engle and Granger (1987), Econometrica 55(2); Benjamini and Yekutieli (2001), Annals of
Statistics 29(4); Brown, Durbin and Evans (1975), J. Royal Statistical Society B 37(2); Sarmento
and Horta (2020), Expert Systems with Applications 158.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analytics._detectable import detectable_half_life
from analytics._scan_formation import Candidates, Formed, formed, pair_tester, run_tests
from analytics._scan_judge import judge_of
from analytics._scan_rows import (
    EVERY_FIELDS,
    FIELDS,
    SURVIVOR_FIELDS,
    ScanResult,
    ScanRow,
    ScanRows,
    no_rows,
)
from analytics._scan_types import (
    BOUNCING,
    CANDIDATES,
    CORRECTIONS,
    SCAN_RANGES,
    SCAN_WHOLE_RANGES,
    STEPS,
    SURVIVED,
    SYMBOL_REASONS,
    VERDICTS,
    ScanParams,
    Stretch,
    SymbolLeft,
)
from analytics._scan_universe import Universe, universe
from analytics._sweep_work import Mapper, run_here
from analytics.arrays import by_name, numbers
from analytics.model import FloatArray, IntArray, ParameterError, frozen
from analytics.selection import LEAST_RETURNS, cluster_symbols

__all__ = [
    "BOUNCING",
    "CANDIDATES",
    "CORRECTIONS",
    "EVERY_FIELDS",
    "FIELDS",
    "SCAN_RANGES",
    "SCAN_WHOLE_RANGES",
    "STEPS",
    "SURVIVED",
    "SURVIVOR_FIELDS",
    "SYMBOL_REASONS",
    "VERDICTS",
    "Mapper",
    "Progress",
    "ScanParams",
    "ScanResult",
    "ScanRow",
    "ScanRows",
    "Stretch",
    "SymbolLeft",
    "detectable_half_life",
    "scan_pairs",
]

#: Survivors that are judged in one go.
_JUDGED = 25
#: Shares of a scan's progress: tests, then the judging of survivors.
_TESTS = 0.9
_BINS = 100

Progress = Callable[[str, float], None]


def scan_pairs(
    closes: Any,
    *,
    names: Sequence[str],
    params: ScanParams | None = None,
    turnover: Any = None,
    funding: Any = None,
    run_all: Mapper = run_here,
    progress: Progress | None = None,
) -> ScanResult:
    """Test every pair of a universe on one stretch, and confirm what is found on the next.

    closes: prices above 0, shape (n, m), a row a bar and a column a symbol, NaN where a symbol
    did not trade. names: of the symbols, which differ. params: the rules, ScanParams() where None.
    turnover: of each bar in quote currency, shape (n, m). funding: what a bar costs who is long,
    as a fraction, shape (m,); 0 where it is None or NaN, or without a label if each is of a name.
    Labels are found by the names, those of turnover's rows by closes' index; 0, 1, ... by position.
    run_all: maps blocks over threads, processes or machines. progress: is told step and share.

    1. Universe: symbols that traded often enough in both stretches, with enough turnover, that
       move, and whose returns do not bounce. 2. Candidates: all pairs, or those of one cluster.
    3. Formation: Engle-Granger in both orders on log prices, on the rows in which both traded,
       with the lags of Akaike's criterion; all p-values adjusted together. 4. Filters of the
       spread. 5. Confirmation, with slope, level, mean and sigma as they were: Dickey-Fuller
       without terms, the net result of the z strategy, no break of the CUSUM of squares.

    Statistics and p-values are those of `analytics.cointegration.engle_granger`. Symbols too
    short for a scan leave, with how many rows they have and need: no rows are an empty result.
    Raises ParameterError, a ValueError, for a price that is not above 0, names that repeat or do
    not fit, turnover and funding of another shape or labels, and times that fall or repeat.

    >>> rng = np.random.default_rng(7)
    >>> logs = np.cumsum(0.01 * rng.standard_normal((900, 5)), axis=0)
    >>> for t in range(900):
    ...     spread = 0.7 * spread + 0.01 * rng.standard_normal() if t else 0.0
    ...     logs[t, 4] = 0.8 * logs[t, 0] + spread
    >>> found = scan_pairs(100 * np.exp(logs), names=list("ABCDE"))
    >>> [(row.y, row.x, round(row.beta, 1)) for row in found.confirmed], found.tested
    ([('E', 'A', 0.8)], 20)
    >>> found.funnel["formation"], found.dropped["not significant"]
    (1, 9)
    """
    rules = ScanParams() if params is None else params
    told = progress or _silent
    told("choosing symbols", 0.0)
    world = universe(closes, names, rules, turnover)
    rates = _funding(funding, world.names)
    labels = _clusters(world, rules)
    every = len(world.kept) * (len(world.kept) - 1) // 2
    choice, counts, below = _formation(world, rules, labels, run_all, told)
    tested = int(counts.sum())
    rows = _judged(world, rules, choice, rates, run_all, told)
    funnel = _funnel(rows, len(world.names), len(world.kept), every)
    return ScanResult(
        rows=rows,
        tested=tested,
        expected_by_chance=tested * rules.q,
        below_alpha=below,
        kept_tests=choice.kept_tests,
        detectable_half_life=_reach(world, rules, tested),
        funnel=funnel,
        dropped=_dropped(world, rows, every),
        formation=world.formation,
        confirmation=world.confirmation,
        params=rules,
        left=world.left,
        pvalue_counts=counts,
        clusters=_labelled(world, labels),
        detectable_if_all=_reach(world, rules, 2 * every),
    )


def _silent(step: str, share: float) -> None:
    """Tell nobody."""


def _funding(funding: Any, names: tuple[str, ...]) -> FloatArray:
    """The rate of each symbol, 0 where it is not known."""
    m = len(names)
    if funding is None:
        return np.zeros(m)
    if getattr(funding, "ndim", 1) == 1:
        funding = by_name("funding", funding, names, some=True)
    rates = numbers("funding", funding)
    if rates.shape != (m,):
        raise ParameterError("funding", rates.shape, f"shape ({m},), a rate for each name")
    return np.nan_to_num(rates, nan=0.0)


def _reach(world: Universe, rules: ScanParams, tests: int) -> float:
    """What could have been found by so many tests."""
    bars = world.formation.bars
    if not (tests and bars):
        return 0.0
    return detectable_half_life(bars, tests, rules.correction, rules.q)


def _clusters(world: Universe, rules: ScanParams) -> IntArray | None:
    """The cluster of each kept symbol, by the formation's returns; None where all pairs are
    candidates, -1 for all where there are too few symbols for clusters.
    """
    if rules.candidates != "clusters":
        return None
    if len(world.kept) < max(3, rules.min_samples) or world.formation.bars <= LEAST_RETURNS:
        return np.full(len(world.kept), -1)
    rows = slice(world.formation.start, world.formation.stop)
    returns = np.diff(world.logs[world.kept, rows], axis=1).T
    return cluster_symbols(returns, n_components=rules.n_components, min_samples=rules.min_samples)


def _labelled(world: Universe, labels: IntArray | None) -> dict[str, int]:
    if labels is None:
        return {}
    pairs = zip(world.kept.tolist(), labels.tolist(), strict=True)
    return {world.names[number]: label for number, label in pairs}


def _formation(
    world: Universe, rules: ScanParams, labels: IntArray | None, run_all: Mapper, told: Progress
) -> tuple[Formed, IntArray, int]:
    """Every candidate tested: the choice, the p-values in each hundredth, how many are below q.

    labels: the cluster of each kept symbol; None where all pairs are candidates.
    """
    candidates = Candidates(world.kept, labels)
    step = f"testing {len(candidates.pairs):,} pairs"
    told(step, 0.0)
    tester = pair_tester(world, rules, candidates)
    tests = run_tests(tester, run_all, lambda share: told(step, _TESTS * share))
    below = int(np.count_nonzero(tests.pvalue < rules.q))
    return formed(candidates.pairs, tests, rules), _histogram(tests.pvalue), below


def _histogram(pvalues: FloatArray) -> IntArray:
    """How many p-values are in each hundredth."""
    counts = np.zeros(_BINS, np.int64)
    flat = pvalues.reshape(-1)
    for start in range(0, len(flat), 1_000_000):
        part = flat[start : start + 1_000_000]
        bins = np.minimum(part[~np.isnan(part)] * _BINS, _BINS - 1).astype(np.int64)
        counts += np.bincount(bins, minlength=_BINS)
    return frozen(counts, np.int64)


def _judged(
    world: Universe,
    rules: ScanParams,
    choice: Formed,
    rates: FloatArray,
    run_all: Mapper,
    told: Progress,
) -> ScanRows:
    """Every pair with its verdict, the best first."""
    if not len(choice.y):
        return no_rows(world.names)
    with np.errstate(invalid="ignore"):
        survived = (choice.adjusted <= rules.q) & np.isfinite(choice.statistic)
    verdict = np.full(len(survived), VERDICTS.index("not significant"), np.int8)
    verdict[np.isnan(choice.pvalue)] = VERDICTS.index("too few common bars")
    verdict[np.isneginf(choice.statistic)] = VERDICTS.index("collinear")
    numbers_of = np.flatnonzero(survived)
    figures = np.empty((len(SURVIVOR_FIELDS), len(numbers_of)))
    legs, betas = np.array([choice.y[numbers_of], choice.x[numbers_of]]), choice.beta[numbers_of]
    judge, survivors = judge_of(world, rules, rates, legs, betas)
    parts = [tuple(survivors[at : at + _JUDGED]) for at in range(0, len(survivors), _JUDGED)]
    at = 0
    for part in run_all(judge, parts):
        for found, columns in part:
            verdict[numbers_of[at]] = found
            figures[:, at] = columns
            at += 1
        step = f"judging {len(survivors):,} survivors"
        told(step, _TESTS + (1.0 - _TESTS) * at / len(survivors))
    return _sorted(world, choice, verdict, survived, figures)


def _sorted(
    world: Universe, choice: Formed, verdict: Any, survived: Any, figures: FloatArray
) -> ScanRows:
    """The rows by verdict, adjusted p-value and p-value; equals in the order of the names."""
    # adjusted p-values rise with p-values: these alone give the order of both
    order = _by_pvalue(choice)
    group = np.where(survived, 0, len(VERDICTS)).astype(np.int8) + verdict
    order = order[np.argsort(group[order], kind="stable")]
    places = np.cumsum(survived)[order[: figures.shape[1]]] - 1
    span = world.formation.bars
    columns = (choice.statistic, choice.pvalue, choice.adjusted, choice.beta)
    every = np.empty((len(columns) + 1, len(order)))
    for row, column in enumerate(columns):
        np.take(column, order, out=every[row], mode="clip")  # "raise" would copy once more
    every[-1] = choice.rows[order] / span
    return ScanRows(
        names=world.names,
        y=_fixed(choice.y[order]),
        x=_fixed(choice.x[order]),
        verdict=_fixed(verdict[order]),
        second=_fixed(choice.second[order].view(np.int8)),
        every=every,
        survived=np.ascontiguousarray(figures[:, places]),
    )


def _fixed(column: Any) -> Any:
    """An array of our own, read-only from now on; `frozen` would copy it once more."""
    column.flags.writeable = False
    return column


def _by_pvalue(choice: Formed) -> IntArray:
    """Pairs by p-value, then statistic, then as they came: one key at a time, since millions of
    pairs have few equal p-values.
    """
    # The place of each stands in the last bits of its p-value: whole numbers sort many times
    # faster than places by a column, and p-values from 0 up sort as their bits do.
    count = len(choice.pvalue)
    places = np.uint64((1 << count.bit_length()) - 1)
    keys = choice.pvalue.view(np.uint64) & ~places
    keys |= np.arange(count, dtype=np.uint64)
    keys.sort()
    order = (keys & places).astype(np.int64)
    keys &= ~places
    same = np.append(keys[1:] == keys[:-1], False)
    same[count - np.count_nonzero(np.isnan(choice.pvalue)) :] = True  # the missing come last
    same[1:] |= same[:-1]
    equal = np.flatnonzero(same)
    tied = np.sort(order[equal])
    order[equal] = tied[np.lexsort((choice.statistic[tied], choice.pvalue[tied]))]
    return order


def _funnel(rows: ScanRows, symbols: int, kept: int, every: int) -> dict[str, int]:
    verdicts = np.bincount(rows.verdict, minlength=len(VERDICTS)) if len(rows) else _NO_VERDICTS
    confirmed, filtered = int(verdicts[0]), int(verdicts[_FILTERS].sum())
    kept_pairs = (every, len(rows), rows.survivors, rows.survivors - filtered, confirmed)
    return dict(zip(STEPS, (symbols, kept, *kept_pairs), strict=True))


_NO_VERDICTS = np.zeros(len(VERDICTS), np.int64)
#: Verdicts of the filters.
_FILTERS = slice(VERDICTS.index("beta not above 0"), VERDICTS.index("not significant"))


def _dropped(world: Universe, rows: ScanRows, every: int) -> dict[str, int]:
    """How many symbols and pairs left for each reason."""
    reasons = Counter(left.reason for left in world.left)
    if every > len(rows):
        reasons["not in one cluster"] = every - len(rows)
    for number, count in enumerate(np.bincount(rows.verdict) if len(rows) else ()):
        if number and count:
            reasons[VERDICTS[number]] = int(count)
    return dict(reasons)
