"""The watchlist: pairs of any market that are read twice a second, whether or not one looks.

Incremental: a pair is read when a price of its legs changed, and only its row moves. What a tab
does not have yet is told by versions, so that a refresh carries what changed and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from analytics.model import NotReady, PairParams
from analytics.pair import snapshot_bars
from analytics.readings import check_view
from analytics.standing import Standing
from dashapp.services.alerts.arming import Copied, copy_rule
from dashapp.services.alerts.closed_bars import closed_at, newest_ms
from dashapp.services.alerts.engine import AlertEngine
from dashapp.services.alerts.readings import waits_for_symbols
from dashapp.services.alerts.totals import AlertTotals, alert_totals
from dashapp.services.analysis.cache import COMPILING, newest_bars
from dashapp.services.archive.writer import ArchiveWriter
from dashapp.services.funding import funding_of
from dashapp.services.markets import Markets
from dashapp.services.periodic import rounds
from dashapp.services.startup import Kernels
from dashapp.services.watchlist.pair import WatchedPair
from dashapp.services.watchlist.readings import COST_BPS, Job, Read, known, read_all
from dashapp.services.watchlist.rows import WatchRow, WatchState
from dashapp.text.alerts import condition_words
from dashapp.text.pair import BreakEven, signal, signal_sentence
from storage.archive.archive import Archive
from storage.market.market import Market

logger = logging.getLogger(__name__)

PERIOD_S = 0.5
MAX_WATCHED = 200
#: Seconds between two sums over the history of alerts.
TOTALS_S = 2.0
#: Kinds of markets that a feed fills, which may fall silent.
_FED = ("live", "demo")
_NO_READING: dict[str, Any] = {"z": None, "ts_ms": None, "side": "", "tone": "muted"}

#: What is slow of a pair of which nothing is known.
_NOT_STANDING: dict[str, None] = dict.fromkeys(
    ("half_life", "half_life_ms", "half_life_sure", "break_even", "carried")
)


@dataclass(eq=False)
class _Watched:
    """A row and what was read for it: of which versions of its legs (serial of the market, then
    one each), up to which closed bar. short: why its bars give no z, in words, "" where that is
    not known yet; refused: not for want of bars. lack: what its market lacks. due: whether what
    is slow is out of date, slow_s: when it was read last.
    """

    row: WatchRow
    seen: tuple[int, ...] = ()
    z: float = math.nan
    beta: float = math.nan
    short: str = ""
    refused: bool = False
    after_ms: int | None = None
    closed_ms: int = -1
    due: bool = True
    slow_s: float = 0.0
    silent: bool = False
    lack: str = ""
    rules: tuple[str, ...] = field(default=())

    def forget(self, version: int) -> None:
        """Another body of data has come: what was read of the one before says nothing."""
        self.z, self.after_ms, self.due, self.short = math.nan, None, True, ""
        self.refused = False
        self.row.begin_line(version)
        self.row.put(version, **_NOT_STANDING)


@dataclass(frozen=True)
class Changes:
    """What a tab does not have yet. version: what it has then. pairs: the ids of all pairs in
    their order, None where the tab has them; rows: of new pairs all, of others what changed.
    """

    version: int
    pairs: tuple[str, ...] | None
    rows: list[dict[str, Any]]


class Watchlist:
    """At most MAX_WATCHED pairs. version: goes up with everything that changes a row.

    look: hears of each market of which a pair is watched, for one that is made at the first look.
    """

    def __init__(
        self,
        markets: Markets,
        kernels: Kernels,
        alerts: AlertEngine,
        writer: ArchiveWriter,
        look: Callable[[str], None] = lambda market_id: None,
    ) -> None:
        self.version = 0
        self._listed = 0
        self._markets = markets
        self._kernels = kernels
        self._alerts = alerts
        self._writer = writer
        self._look = look
        self._watched: dict[str, _Watched] = {}
        self._totals_of = (-1, 0.0)
        self._rules_of = -1
        self._stepping = asyncio.Lock()
        writer.shelves.append(self)

    def __len__(self) -> int:
        return len(self._watched)

    @property
    def pairs(self) -> tuple[WatchedPair, ...]:
        """Every watched pair, in the order in which they came."""
        return tuple(each.row.pair for each in self._watched.values())

    def find(self, market: str, params: PairParams) -> WatchedPair | None:
        """The watched pair of a market with just these parameters, None where it is not."""
        watched = self._watched.get(WatchedPair(market, params, 0.0).id)
        return None if watched is None else watched.row.pair

    def pair(self, pair_id: str) -> WatchedPair | None:
        """The watched pair of an id."""
        watched = self._watched.get(pair_id)
        return None if watched is None else watched.row.pair

    # --- the archive -----------------------------------------------------------------

    def read(self, archive: Archive) -> list[dict[str, Any]]:
        """What an archive has of it; in a worker thread."""
        return archive.watched()

    def restore(self, kept: Iterable[Mapping[str, Any]]) -> None:
        """Take over what an archive kept."""
        for fields in kept:
            try:
                pair = WatchedPair.of(fields)
            except ValueError as error:
                logger.warning("the archive holds a watched pair that cannot be used: %s", error)
                continue
            if len(self._watched) < MAX_WATCHED:
                self._take(pair)

    def keep_again(self) -> None:
        """Hand every pair to a new archive, which may not have it."""
        for pair in self.pairs:
            self._writer.keep(partial(Archive.save_watched, pair=pair.document()))

    # --- what is watched -------------------------------------------------------------

    def put(self, pair: WatchedPair) -> WatchedPair:
        """Watch a pair; one that is watched gets the threshold of this one.

        Raises KeyError for a market that is not there, ValueError where the list is full and for
        a pair whose view never holds enough rows; all in words.
        """
        check_view(pair.params)
        self._markets.known(pair.market)
        if pair.id not in self._watched and len(self._watched) >= MAX_WATCHED:
            raise ValueError(f"{MAX_WATCHED} pairs are watched already, leave one out first")
        self._take(pair)
        self._writer.keep(partial(Archive.save_watched, pair=pair.document()))
        return pair

    def remove(self, pair_id: str) -> bool:
        """Watch a pair no more; False where none of this id is watched."""
        if self._watched.pop(pair_id, None) is None:
            return False
        self.version += 1
        self._listed = self.version
        self._writer.keep(lambda archive: archive.delete_watched(pair_id))
        return True

    def copy_rule(self, rule_id: str) -> Copied:
        """Copy an alert rule on a pair to every watched pair. Raises as `arming.copy_rule`."""
        return copy_rule(self._alerts, rule_id, [(one.market, one.params) for one in self.pairs])

    def _take(self, pair: WatchedPair) -> None:
        self.version += 1
        before = self._watched.get(pair.id)
        if before is not None and before.row.pair == pair:
            return
        self._listed = self.version
        self._look(pair.market)
        self._watched[pair.id] = _Watched(WatchRow(pair, self.version))
        self._rules_of, self._totals_of = -1, (-1, 0.0)

    # --- what is shown ---------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Every row with all that is known of it."""
        return [watched.row.whole() for watched in self._watched.values()]

    def changes(self, since: int) -> Changes:
        """What came after a version that `changes` gave; all of it for 0."""
        rows = [watched.row for watched in self._watched.values() if watched.row.version > since]
        listed = tuple(self._watched) if self._listed > since or not since else None
        told = [row.whole() if row.came > since else row.since(since) for row in rows]
        return Changes(self.version, listed, told)

    def counts(self) -> dict[str, int]:
        """How many pairs are in each state that any is in."""
        counted: dict[str, int] = {}
        for watched in self._watched.values():
            state: WatchState = watched.row.values["state"] or "not enough data"
            counted[state] = counted.get(state, 0) + 1
        return counted

    # --- reading ---------------------------------------------------------------------

    async def run(self) -> None:
        """Read for ever."""
        await rounds(self.step, PERIOD_S, "the watchlist")

    async def step(self) -> None:
        """Read what changed since the last step, and say what became of the alerts."""
        async with self._stepping:
            if not self._watched:
                return
            await self._sum_alerts()
            self._find_rules()
            jobs = self._collect()
            read = await asyncio.to_thread(read_all, jobs) if jobs else []
            version = self.version + 1
            moved = [self._taken(result, version) for result in read]
            moved += [self._judged(watched, version) for watched in self._watched.values()]
            if any(moved):
                self.version = version

    def _collect(self) -> list[Job]:
        """The pairs whose legs have new data, or whose turn has come."""
        jobs: list[Job] = []
        clock = cache(newest_ms)
        states = cache(lambda market_id: self._markets.status(market_id).state)
        offered = cache(lambda market: market.timeframes)
        bars = cache(newest_bars)
        for watched in self._watched.values():
            pair = watched.row.pair
            market = self._markets.get(pair.market)
            watched.lack = self._lack(market, pair, () if market is None else offered(market))
            watched.silent = bool(market and market.kind in _FED and states(market.id) != "live")
            if market is None or watched.lack:
                continue
            versions = (market.serial, *map(market.symbol_version, pair.symbols))
            if versions == watched.seen and not watched.due:
                continue
            if watched.seen and watched.seen[0] != market.serial:
                watched.forget(self.version + 1)
            watched.seen = versions
            newest = max(clock(market, (symbol,)) for symbol in pair.symbols)
            closed_ms = closed_at(market, newest, pair.params.timeframe)
            watched.due |= closed_ms != watched.closed_ms
            watched.closed_ms = closed_ms
            count, frame = snapshot_bars(pair.params), pair.params.timeframe
            y, x = (bars(market, leg, frame, count) for leg in pair.symbols)
            if len(y) and len(x):
                after_ms, due = watched.after_ms, watched.due
                funding = funding_of(market, *pair.symbols)
                jobs.append(Job(pair.id, pair.params, y, x, closed_ms, after_ms, due, funding))
        # Who waited longest for what is slow comes first.
        return sorted(jobs, key=lambda job: self._watched[job.id].slow_s)

    def _lack(self, market: Market | None, pair: WatchedPair, timeframes: tuple[str, ...]) -> str:
        """What a market lacks of a pair, "" for nothing. timeframes: that it has."""
        if market is None:
            return f"market {pair.market} is gone"
        if not self._kernels.ready:
            return COMPILING.reason
        if all(map(market.symbol_version, pair.symbols)) and pair.params.timeframe in timeframes:
            return ""  # as nearly always
        return waits_for_symbols(market, pair.symbols, pair.params)

    def _taken(self, read: Read, version: int) -> bool:
        """Take in what was read; whether the row moved."""
        watched = self._watched.get(read.id)
        market = None if watched is None else self._markets.get(watched.row.pair.market)
        if watched is None or market is None or watched.seen[:1] != (market.serial,):
            return False  # left out, or the market was made anew meanwhile
        watched.z, watched.beta = read.z, read.beta
        row, known_z = watched.row, math.isfinite(read.z)
        if known_z:
            watched.short = ""
        moved = row.put(version, z=known(read.z, 2), ts_ms=read.ts_ms)
        if read.done_ms is not None:
            watched.after_ms = read.done_ms
            moved |= row.append(version, [known(value, 2) for value in read.line])
        if read.slow is not None:
            watched.due, watched.slow_s = False, time.monotonic()
            moved |= self._stands(watched, read.slow, read.lack, version)
        elif not (known_z or watched.short):
            watched.due = True  # to find out why
        return moved

    def _stands(
        self, watched: _Watched, slow: Standing | NotReady, lack: NotReady | None, version: int
    ) -> bool:
        """Take in what is slow, and why there is no z."""
        lack = slow if isinstance(slow, NotReady) else lack
        watched.short = "" if lack is None else watched.row.pair.unreadable or lack.reason
        watched.refused = lack is not None and lack.have >= lack.need > 0
        if isinstance(slow, NotReady):
            return watched.row.put(version, **_NOT_STANDING)
        life, high = slow.half_life, slow.half_life_high
        return watched.row.put(
            version,
            half_life=None if life is None else known(life, 1),
            half_life_ms=None if life is None else round(life * slow.step_ms),
            half_life_sure=None if math.isnan(high) else math.isfinite(high),
            break_even=known(slow.break_even, 2),
            carried=known(slow.carried_share, 3),
        )

    def _judged(self, watched: _Watched, version: int) -> bool:
        """What the reading says, in a state and in words; whether either is another."""
        row, pair, z = watched.row, watched.row.pair, watched.z
        if watched.lack or not math.isfinite(z):
            reason = watched.lack or watched.short or "not read yet"
            refused = watched.refused and not watched.lack
            lacks: WatchState = "no z-score" if refused else "not enough data"
            return row.put(version, state=lacks, reason=reason, **_NO_READING)
        even = row.values["break_even"]
        break_even = None if even is None else BreakEven(even, COST_BPS)
        told = signal(z, watched.beta, pair.symbols, pair.threshold, break_even)
        side, tone = signal_sentence(told, watched.beta)
        fires = list(filter(self._alerts.active, watched.rules))
        beyond = abs(z) >= pair.threshold
        state: WatchState = "alert" if fires else "beyond" if beyond else "inside"
        if watched.silent:
            state = "silent"
        armed = len(watched.rules)
        reason = self._fires_words(fires) if state == "alert" else ""
        return row.put(version, state=state, reason=reason, side=side, tone=tone, armed=armed)

    def _fires_words(self, fires: Collection[str]) -> str:
        """Which rules are in alert, which may have another threshold than the row."""
        rules = (rule for rule in self._alerts.rules if rule.id in fires)
        return f"in alert: {', '.join(map(condition_words, rules))}"

    def _find_rules(self) -> None:
        """Which armed rules are on each pair."""
        if self._rules_of == self._alerts.version:
            return
        self._rules_of = self._alerts.version
        rules: dict[Hashable, list[str]] = {}
        for rule in self._alerts.rules:
            if rule.params is not None and rule.enabled:
                rules.setdefault((rule.market, rule.params), []).append(rule.id)
        for watched in self._watched.values():
            pair = watched.row.pair
            watched.rules = tuple(rules.get((pair.market, pair.params), ()))

    async def _sum_alerts(self) -> None:
        """What became of the alerts of each pair; now and then, off the loop."""
        history, (of, at_s) = self._alerts.history, self._totals_of
        if of == history.version or time.monotonic() - at_s < TOTALS_S:
            return
        self._totals_of = (history.version, time.monotonic())
        totals = await asyncio.to_thread(alert_totals, history.records())
        version, moved = self.version + 1, False
        for watched in self._watched.values():
            pair = watched.row.pair
            of_pair = totals.get((pair.market, pair.params), AlertTotals())
            moved |= watched.row.put(
                version,
                fired=of_pair.fired,
                returned=of_pair.returned,
                hit_rate=known(of_pair.hit_rate, 3),
                net_bps=known(of_pair.mean_net_bps, 1),
                worst_bps=known(of_pair.worst_bps, 1),
                became=of_pair.words,
            )
        if moved:
            self.version = version
