"""What a scan says: what it could find, what it found, and why the rest left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analytics.model import TIMEFRAMES
from analytics.scanner import ScanParams, ScanResult, ScanRow, detectable_half_life
from dashapp.text.numbers import bar_span, counted, number
from dashapp.text.pair import Segment

#: The steps of a funnel, as it names them.
STEP_WORDS: dict[str, str] = {
    "symbols": "Symbols",
    "universe": "Traded enough",
    "pairs": "Pairs of them",
    "candidates": "Tested",
    "formation": "Kept by the adjustment",
    "filters": "Passed the filters",
    "confirmation": "Confirmed",
}
#: At which step each reason to leave counts.
LEFT_AT: dict[str, str] = {
    "too few traded bars": "universe",
    "too little turnover": "universe",
    "no variance": "universe",
    "returns bounce": "universe",
    "no cluster": "candidates",
    "other cluster": "candidates",
    "too few common bars": "formation",
    "collinear": "formation",
    "not significant": "formation",
    "beta not above 0": "filters",
    "half-life out of range": "filters",
    "too few crossings": "filters",
    "Hurst exponent too high": "filters",
    "sigma below costs": "filters",
}
_MOST_NAMED = 4


def reach_words(bars: float, timeframe: str) -> str:
    """A detectable half-life, as the slowest relation that can be found."""
    if not bars > 0.0:
        return "nothing could be told from chance"
    return f"nothing slower than {bar_span(bars, timeframe)}"


def form_reach(params: ScanParams, timeframe: str, symbols: int, held_bars: int) -> list[Segment]:
    """What a scan of these rules could find at all, as one types.

    symbols: of the market. held_bars: newest bars that it has.
    """
    if symbols < 2:
        return [(f"a scan takes a universe: this market has {counted(symbols, 'symbol')}", "warn")]
    n = min(params.bars, held_bars)
    formation = params.stretches(n)[0].bars
    tests = symbols * (symbols - 1)
    told: list[Segment] = [
        (f"{counted(tests // 2, 'pair')} of {symbols:,} symbols, {counted(tests, 'test')}", ""),
        (f"{tests * params.q:,.0f} of them below p = {params.q:g} by chance alone", "muted"),
    ]
    if held_bars < params.bars:
        told.append((f"the market has {held_bars:,} of {params.bars:,} bars", "warn"))
    reach = 0.0
    if formation:
        reach = detectable_half_life(formation, tests, params.correction, params.q)
    words = f"half-lives up to {bar_span(reach, timeframe)} can be found"
    if not reach > 0.0:
        words = f"with {formation:,} bars of formation nothing can be told from chance"
    told.append((words, "" if reach > 0.0 else "warn"))
    if params.candidates == "clusters":
        told.append(("clusters make fewer tests, which reaches further", "muted"))
    return told


def step_ms(row: ScanRow, timeframe: str) -> float:
    """Mean time from one bar in which both legs traded to the next, of which its half-life is."""
    return TIMEFRAMES[timeframe] / row.traded_share


def _life(row: ScanRow, timeframe: str) -> str:
    return bar_span(row.half_life, timeframe, step_ms(row, timeframe))


def found_words(result: ScanResult, timeframe: str) -> list[Segment]:
    """What a scan found; where nothing, what could have been."""
    count = len(result.confirmed)
    tested = f"{counted(result.tested, 'test')}"
    if count:
        best = result.confirmed[0]
        told: list[Segment] = [
            (f"{counted(count, 'pair')} confirmed", "up"),
            (f"best {best.y} / {best.x}, half-life {_life(best, timeframe)}", ""),
        ]
    else:
        told = [("nothing found", "warn"), (missed_words(result, timeframe), "")]
    kept, pairs = int(result.funnel.get("formation", 0)), counted(len(result.rows), "pair")
    told.append((f"{kept:,} of {pairs} kept by the adjustment for {tested}", "muted"))
    chance = f"{result.below_alpha:,} below p = {result.params.q:g}, "
    told.append((f"{chance}{result.expected_by_chance:,.0f} by chance alone", "muted"))
    if count:
        reach = reach_words(result.detectable_half_life, timeframe)
        told.append((f"{reach} could have been found", "muted"))
    return told


def missed_words(result: ScanResult, timeframe: str) -> str:
    """What a scan without a find could have found.

    The state of an empty table, and of the sentence.
    """
    bars = result.formation.bars
    reach = reach_words(result.detectable_half_life, timeframe)
    words = f"with {bars:,} bars of formation {reach}"
    if result.detectable_half_life > 0.0:
        words += " could have been"
    further = result.detectable_half_life - result.detectable_if_all
    if result.params.candidates == "clusters" and further > 0.05:
        words += (
            f"; of all pairs nothing slower than {bar_span(result.detectable_if_all, timeframe)}"
        )
    return words


def changed_words(new: Sequence[tuple[str, str]], left: Sequence[tuple[str, str]]) -> list[Segment]:
    """Which confirmed pairs the scan before had not, and which of its are gone."""
    told: list[Segment] = []
    if new:
        told.append((f"new since the last scan: {_names(new)}", "up"))
    if left:
        told.append((f"left since the last scan: {_names(left)}", "warn"))
    return told


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(f"{y} / {x}" for y, x in pairs[:_MOST_NAMED])
    more = len(pairs) - _MOST_NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


def left_words(step: str, dropped: Mapping[str, int]) -> str:
    """Why so many left before a step of the funnel, one reason a line; "" where none did."""
    lines = [f"{reason}: {count:,}" for reason, count in _left_at(step, dropped)]
    return "<br>".join(lines)


def _left_at(step: str, dropped: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    for reason, count in sorted(dropped.items(), key=lambda each: -each[1]):
        at = LEFT_AT.get(reason, "confirmation" if reason.startswith("not confirmed") else "")
        if at == step and count:
            yield reason, count


def confirmed_words(row: ScanRow) -> str:
    """What the confirmation said of a pair that came so far, in words."""
    if not row.confirm_trades:
        return row.verdict
    net = f"{number(row.confirm_net_bps, 0, signed=True)} bps"
    return f"{net}, {counted(row.confirm_trades, 'trade')}"


def drift_words(row: ScanRow) -> float:
    """How far beta has moved from the formation to the confirmation, as a share of it."""
    return row.confirm_beta / row.beta - 1.0 if row.beta else float("nan")
