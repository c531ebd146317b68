"""What Johansen's test says of a pair, in words and as a table."""

from __future__ import annotations

from analytics.cointegration import JohansenTest
from analytics.stationarity import FEW_ROWS
from dashapp.text.numbers import NONE, number, utc_time

Row = tuple[str, str, str, str]

JOHANSEN = "Johansen (trace, 95 %)"
LEG_ALONE = "but a leg looks stationary by itself"
LEGS_AWAITED = "testing the legs"


def rank_words(rank: int, series: int = 2) -> tuple[str, str]:
    """What a number of relations that Johansen's test finds says of a pair, and its tone.

    >>> rank_words(1), rank_words(0)[0]
    (('cointegrated: one relation', 'up'), 'not cointegrated: no relation')
    """
    if rank == 0:
        return "not cointegrated: no relation", "warn"
    if rank < series:
        return "cointegrated: one relation", "up"
    return "no unit root: each leg looks stationary by itself", "warn"


def johansen_verdict(
    test: JohansenTest | None, alone: bool | None, tested: bool = True
) -> tuple[str, str]:
    """What Johansen's test says at 95 %, and its tone; where its two forms differ, that too.

    alone: as `leg_alone`; a leg that looks stationary by itself counts as a relation here. tested:
    whether Engle-Granger tested the legs; of those that lie on a line but for what cannot be
    tested, this test finds a relation in the rest.
    """
    if test is None:
        return "is being computed", "muted"
    if test.result is None:
        return f"no test: {test.note}", "muted"
    trace, largest = test.result.rank(), max_eig_rank(test)
    words, tone = rank_words(trace)
    if trace != largest:
        return f"{words}; the maximum eigenvalue finds {largest}", "warn"
    if tone == "up" and not tested:
        return f"{words}, of legs that Engle-Granger cannot test", "muted"
    if tone != "up" or alone is False:
        return words, tone
    return (f"{words}, {LEG_ALONE}", "warn") if alone else (f"{words}, {LEGS_AWAITED}", "muted")


def max_eig_rank(test: JohansenTest, column: int = 1) -> int:
    """Number of relations that the maximum-eigenvalue test finds; column 1: at 95 %."""
    if test.result is None:
        return 0
    rejected = test.result.max_eig > test.result.max_eig_critical[:, column]
    return len(rejected) if rejected.all() else int(rejected.argmin())


def johansen_row(test: JohansenTest | None, alone: bool | None, tested: bool) -> Row:
    """The row of the test among a pair's figures."""
    words, tone = johansen_verdict(test, alone, tested)
    result = test.result if test is not None else None
    statistic = number(float(result.trace[0]), 2) if result is not None else NONE
    return (JOHANSEN, statistic, words, tone)


#: Confidence of the critical values of Johansen's test, in the order of its columns.
LEVELS = ("90 %", "95 %", "99 %")


def johansen_table(test: JohansenTest) -> list[tuple[str, ...]]:
    """Test and null, statistic, critical values at LEVELS, and the level at which it rejects.

    A row a rank and test, the trace tests first; none where there is no result.
    """
    result = test.result
    if result is None:
        return []
    forms = (
        ("Trace", result.trace, result.trace_critical),
        ("Max. eig.", result.max_eig, result.max_eig_critical),
    )
    rows = []
    for name, statistics, critical in forms:
        for rank, statistic in enumerate(statistics.tolist()):
            passed = [
                level
                for level, least in zip(LEVELS, critical[rank].tolist(), strict=True)
                if statistic > least
            ]
            null = f"{name}, r {'≤' if rank else '='} {rank}"
            cells = [number(value, 2) for value in (statistic, *critical[rank].tolist())]
            rows.append((null, *cells, passed[-1] if passed else ""))
    return rows


def johansen_about(test: JohansenTest) -> str:
    """Which bars, terms and lags the test is of.

    >>> johansen_about(JohansenTest(1_723_161_256_000, 900, 0, 1, None))
    'of 900 bars up to 2024-08-08 23:54:16 UTC, with a constant, 1 lagged difference'
    """
    terms: dict[int | str, str] = {
        -1: "without constant",
        0: "with a constant",
        1: "with a linear trend",
        "rc": "with a constant inside the relation",
    }
    lags = f"{test.lag_diff} lagged difference{'' if test.lag_diff == 1 else 's'}"
    until = f"of {test.rows:,} bars up to {utc_time(test.ts_ms)} UTC"
    scaled = ", scaled for few rows" if test.rows < FEW_ROWS else ""
    return f"{until}, {terms[test.det_order]}, {lags}{scaled}"
