"""Parameter sweeps and walk-forwards as jobs: asked once, watched by any tab, cancelled by any."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.backtest import BacktestParams
from analytics.grid import AXES, make_grid
from analytics.model import Bars, NotReady, PairParams
from analytics.sweep import SweepResult, sweep
from analytics.walkforward import CHOICES, LEAST_TEST, LEAST_TRAIN, WalkForward, walk_forward
from dashapp.parameters.table import BACKTEST, PAIR

logger = logging.getLogger(__name__)

MAX_JOBS = 32
THREADS = 2
MAX_STEPS = 100
#: From, to and steps that an axis opens with.
SPANS: dict[str, tuple[float, float, int]] = {
    "entry_z": (1.0, 3.0, 9),
    "exit_z": (0.0, 0.9, 7),
    "stop_z": (2.5, 6.0, 8),
    "max_bars": (10, 200, 20),
    "cost_bps": (0, 10, 11),
    "slippage_bps": (0, 5, 11),
    "hedge_window": (50, 400, 8),
    "z_window": (20, 180, 9),
}
_WHOLE = ("max_bars", "hedge_window", "z_window")
#: What of a pair's parameters a back-test heeds, in words.
OF_PAIR: dict[str, str] = {
    "y": "Y leg",
    "x": "X leg",
    "timeframe": "timeframe",
    "hedge": "hedge method",
    "intercept": "intercept",
    "price_space": "price space",
    "limit": "bars in view",
    "min_trades": "least trades a bar",
    "min_volume": "least turnover a bar",
}
LABELS = {name: row.label for name, row in {**BACKTEST, "z_window": PAIR["z_window"]}.items()}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Axis:
    """A parameter and the values it takes: `steps` of them, evenly from low to high."""

    name: str
    low: float
    high: float
    steps: int

    @property
    def values(self) -> tuple[float, ...]:
        """Each value once; whole numbers where the parameter is one."""
        made = np.linspace(self.low, self.high, self.steps)
        if self.name in _WHOLE:
            return tuple(int(one) for one in np.unique(np.rint(made)))
        return tuple(float(f"{one:.6g}") for one in made)


def usual_axis(name: str) -> Axis:
    """The axis of a parameter before anybody changed it."""
    return Axis(name, *SPANS[name])


@dataclass(frozen=True)
class Walk:
    """How a walk-forward parts the bars, and the figure by which it chooses."""

    train_bars: int
    test_bars: int
    metric: str


@dataclass(frozen=True)
class Ask:
    """A question to a grid: of which market and pair, by which rules, over which axes.

    market: its id, and a number that tells a market made anew under its old id. walk: None for
    a sweep.
    """

    market: tuple[str, int]
    pair: PairParams
    settings: BacktestParams
    x: Axis
    y: Axis
    walk: Walk | None = None

    def fixed(self) -> dict[str, Any]:
        """What all cells have in common, by the words for it."""
        swept = {self.x.name, self.y.name}
        held = {words: getattr(self.pair, name) for name, words in OF_PAIR.items()}
        if self.settings.hedge_mode != "in-sample":
            del held[OF_PAIR["hedge"]]
        rules = {name: getattr(self.settings, name) for name in LABELS if name != "z_window"}
        rules["z_window"] = self.pair.z_window
        held |= {LABELS[name]: value for name, value in rules.items() if name not in swept}
        return {"market": self.market, **held}

    def changed(self, now: Ask) -> list[str]:
        """What all cells had in common and is not so any more, in words."""
        mine, theirs = self.fixed(), replace_axes(now, self).fixed()
        return [words for words in mine if mine[words] != theirs.get(words, mine[words])]


def replace_axes(ask: Ask, like: Ask) -> Ask:
    """The question with the axes of another."""
    return Ask(ask.market, ask.pair, ask.settings, like.x, like.y)


class GridJob:
    """One sweep or walk-forward. version goes up whenever there is something to show."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.number = next(_numbers)
        self.done, self.total = 0, 0
        self.version = 0
        self.result: SweepResult | WalkForward | None = None
        self.error = ""
        self._stop = False
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it still computes."""
        return self._task is not None and not self._task.done()

    @property
    def share(self) -> int:
        """Per cent done."""
        return round(100 * self.done / self.total) if self.total else 0

    @property
    def words(self) -> str:
        """Where it stands, for the page."""
        if self.error:
            return self.error
        what = "back-tests" if self.ask.walk is None else "parts"
        if self.running:
            return f"{self.done:,} of {self.total:,} {what}" if self.total else "starting"
        if self._stop and self.result is None:
            return f"cancelled after {self.done:,} of {self.total:,} {what}"
        return f"{self.total:,} back-tests done" if self.ask.walk is None else "done"

    def start(self, y: Bars, x: Bars) -> None:
        """Run on worker threads."""
        self._task = asyncio.create_task(self._run(y, x))

    async def wait(self) -> None:
        """Until it is done, cancelled or failed."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop after the part under way; nothing half-done is shown."""
        self._stop = True

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.version += 1

    def _compute(self, y: Bars, x: Bars) -> Any:
        ask = self.ask
        axes = (ask.x.name, ask.x.values, ask.y.name, ask.y.values)
        grid = make_grid(ask.pair, ask.settings, *axes)
        with ThreadPoolExecutor(THREADS, "grid") as pool:
            how: dict[str, Any] = {
                "progress": self._progress,
                "cancelled": lambda: self._stop,
                "run_all": pool.map,
            }
            if ask.walk is not None:
                how |= vars(ask.walk)
                return walk_forward(y, x, grid, **how)
            return sweep(y, x, grid, **how)

    async def _run(self, y: Bars, x: Bars) -> None:
        try:
            made = await asyncio.to_thread(self._compute, y, x)
        except ValueError as error:
            self.error = str(error)
        else:
            if isinstance(made, NotReady):
                self.error = "" if self._stop else made.reason
            elif isinstance(made, WalkForward) or not made.cancelled:
                self.result = made
        self.version += 1
        what = "parameter sweep" if self.ask.walk is None else "walk-forward"
        logger.info("%s of %s by %s: %s", what, self.ask.x.name, self.ask.y.name, self.words)


class GridJobs:
    """The newest jobs by their number, and those that no one had to ask for."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[int, GridJob] = OrderedDict()
        self._unasked: OrderedDict[Hashable, int] = OrderedDict()

    def get(self, number: Any) -> GridJob | None:
        """The job of this number, None once it is forgotten."""
        return self._jobs.get(number)

    def add(self, job: GridJob) -> GridJob:
        """Keep a job; the oldest beyond MAX_JOBS are cancelled and forgotten."""
        self._jobs[job.number] = job
        while len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)[1].cancel()
        return job

    def unasked(self, ask: Ask) -> GridJob | None:
        """The job that a page opened with for this question, if there is one yet."""
        return self._jobs.get(self._unasked.get(ask, -1))

    def add_unasked(self, job: GridJob) -> GridJob:
        """Keep a job under its question, for every page that opens with it."""
        self._unasked[job.ask] = job.number
        while len(self._unasked) > MAX_JOBS:
            self._unasked.popitem(last=False)
        return self.add(job)


def check_axes(raw: Mapping[str, Any]) -> tuple[tuple[Axis, Axis] | None, dict[str, str]]:
    """Two axes from what the controls hold, or which of those are wrong, and how.

    raw: "x" and "y", the parameters, and "x_low", "x_high", "x_steps" and so on.

    >>> held = {"x": "entry_z", "x_low": 1, "x_high": 3, "x_steps": 3, "y": "exit_z"}
    >>> check_axes(held | {"y_low": "a", "y_high": "3", "y_steps": 500})[1]
    {'y_low': 'a: expected a number', 'y_steps': '500: expected 2 to 100'}
    """
    errors: dict[str, str] = {}
    made = []
    for axis in ("x", "y"):
        name = raw.get(axis)
        if name not in AXES:
            errors[axis] = f"{name}: none of the parameters"
            continue
        values = {}
        for part in ("low", "high", "steps"):
            try:
                values[part] = float(str(raw.get(f"{axis}_{part}")).strip())
            except ValueError:
                errors[f"{axis}_{part}"] = (
                    f"{raw.get(f'{axis}_{part}') or 'empty'}: expected a number"
                )
        steps = values.get("steps", 2.0)
        if not 2 <= steps <= MAX_STEPS or steps % 1:
            errors[f"{axis}_steps"] = f"{raw.get(f'{axis}_steps')}: expected 2 to {MAX_STEPS}"
        elif len(values) == 3 and not values["low"] < values["high"] < 1e9:
            errors[f"{axis}_high"] = f"{values['high']:g}: expected more than {values['low']:g}"
        elif len(values) == 3:
            made.append(Axis(name, values["low"], values["high"], int(steps)))
    if raw.get("x") == raw.get("y"):
        errors["y"] = "the same as across"
    return (None, errors) if errors else ((made[0], made[1]), {})


def check_walk(raw: Mapping[str, Any], metric: str) -> tuple[Walk | None, dict[str, str]]:
    """The stretches of a walk-forward from what the controls hold, or what is wrong with them."""
    errors: dict[str, str] = {}
    values: dict[str, int] = {}
    for name, low in (("train_bars", LEAST_TRAIN), ("test_bars", LEAST_TEST)):
        text = str(raw.get(name) or "").strip()
        if not text.isascii() or not text.isdecimal() or not low <= int(text[:9]) <= 1_000_000:
            errors[name] = f"{text or 'empty'}: expected a whole number from {low}"
        else:
            values[name] = int(text)
    chosen = metric if metric in CHOICES else CHOICES[0]
    return (None, errors) if errors else (Walk(**values, metric=chosen), {})
