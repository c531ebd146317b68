"""What the answers look like: the models that the OpenAPI document describes.

The answers themselves are encoded directly (`dashapp.web.answers`): nothing validates rows on
the loop. That they are what is described here, the tests hold.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from analytics.alerts import AlertEvent, AlertRule
from analytics.backtest import BacktestFigures, BacktestParams, TrackRecord
from analytics.bounce import Bounce
from analytics.cointegration import JohansenResult
from analytics.estimates import PairEstimates
from analytics.model import (
    CointegrationResult,
    FeedStatus,
    HedgeFit,
    OUFit,
    PairParams,
    UnitRootResult,
)
from analytics.outcomes import Outcome
from analytics.stationarity import HalfLifeInterval
from dashapp.services.alerts.webhook import DeliveryState
from dashapp.services.replay.control import ReplayPosition
from dashapp.text.backtest import WordedTrade
from dashapp.web.json_types import Answer, Json, json_type
from ingestion.files.report import UploadReport

_AlertEvent: Any = json_type(AlertEvent)
_AlertRule: Any = json_type(AlertRule)
_JohansenResult: Any = json_type(JohansenResult)


class ErrorAnswer(BaseModel):
    """What is wrong, in one sentence; some refusals tell more beside it."""

    error: str
    have: int = Field(0, description="while there is not enough data: how much there is")
    need: int = Field(0, description="and how much it takes")
    report: Any = Field(None, description="of an upload that was refused: as in its answer")


class Health(Answer):
    status: str


class CallbackTimes(Answer):
    """Of one page's live callback, in ms."""

    n: int
    median: float
    max: float


class MarketStatus(Answer):
    """A market: what feeds it, and the counters of the trust strip.

    received = accepted + rejected + duplicate + late + dropped.
    """

    title: str
    kind: str
    origin: str
    version: int = Field(description="goes up with everything that comes")
    symbols: list[str]
    timeframes: list[str]
    feed: Json[FeedStatus]
    simulated: bool
    rate: float = Field(description="ticks a second, over the last 5 s")
    age_s: float | None = Field(description="since a tick came, null before the first")
    lag_p50_ms: float | None = Field(description="from the exchange to here")
    lag_p99_ms: float | None
    skew_ms: float | None = Field(description="how far this clock is behind; null within 2 s")
    clock_jump_s: float | None
    gaps: int
    gaps_open: int = Field(description="gaps that are not filled")
    missing: int = Field(description="trades in the open gaps")
    numbered: bool = Field(description="whether trades have ids: without, no gap is known")
    backfilled: int
    outliers: int
    received: int
    accepted: int
    amended: int
    rejected: int
    rejected_by_reason: dict[str, int]
    harmless: int = Field(description="rejected, but no fault")
    last_rejected: str
    duplicate: int
    late: int
    dropped: int
    archive: str = Field(description="what is wrong with the archive")
    redis: str = Field(description="what is wrong with Redis")


class Status(Answer):
    name: str
    version: str
    versions: dict[str, str] = Field(description="of Python and the libraries")
    uptime_s: float
    kernels_ready: bool = Field(description="whether the statistics are compiled")
    default_market: str
    markets: dict[str, MarketStatus]
    computed: dict[str, int] = Field(description="analyses that were computed, by kind")
    callback_ms: dict[str, CallbackTimes]


class ExchangeSymbol(Answer):
    symbol: str
    status: str
    contract_type: str
    tick_size: float | None
    lot_size: float | None
    min_notional: float | None
    turnover: float | None = Field(description="of 24 h, in quote currency")
    mark_price: float | None
    funding_rate: float | None = Field(description="that long positions pay each funding_hours")
    funding_hours: float
    next_funding_ms: int | None
    underlying: str = Field(description="whose hours a contract keeps; empty for round the clock")


class ExchangeSymbols(Answer):
    source: str
    problem: str = Field(description="why the list is not fresh")
    symbols: list[ExchangeSymbol] = Field(description="the most traded first")


class Feed(Answer):
    market: str = Field(description="the market that the feed fills, or filled last")
    feed: Json[FeedStatus]


class AlertRecord(_AlertEvent):
    """An alert that fired, the pair it was about, and what became of it."""

    params: Json[PairParams] | None
    outcome: Json[Outcome] | None
    delivery: str = Field(description="how far its webhook is, in words")
    delivery_state: DeliveryState | None = Field(description="null without a webhook")
    kept_as: str = Field(description="its market's name in the archive")


class Alerts(Answer):
    alerts: list[AlertRecord]


class RuleStatus(_AlertRule):
    """An alert rule and what it does now."""

    paused: bool
    state: Literal["armed", "off", "paused", "waiting"] = Field(
        description="paused: the feed is silent; waiting: its market lacks something, or it can "
        "never fire"
    )
    waits_for: str = Field(
        description="what a waiting rule's market lacks, or why it can never fire, in words"
    )


class Rules(Answer):
    rules: list[RuleStatus]


class AddedRule(Answer):
    rule: Json[AlertRule]


class Deleted(Answer):
    deleted: str


class Symbols(Answer):
    market: str
    symbols: list[str] = Field(description="in the order of their first tick")
    timeframes: list[str]


class Bar(Answer):
    ts_ms: int = Field(description="when it opens")
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None = Field(description="null where the source does not count them")
    vwap: float
    gap: bool = Field(description="trades of it are missing")
    kline: bool = Field(description="the exchange's own bar, not made of ticks")


class MarketBars(Answer):
    market: str
    symbol: str
    timeframe: str
    bars: list[Bar]


class Tick(Answer):
    ts_ms: int = Field(description="exchange time")
    price: float
    size: float
    trade_id: int | None
    trades: int = Field(description="how many an aggregate holds, 1 for a trade of its own")
    outlier: bool = Field(description="off the median of the hundred before it by more than 20 %")


class MarketTicks(Answer):
    market: str
    symbol: str
    ticks: list[Tick]


class Johansen(_JohansenResult):
    """Johansen's test of the legs: a row a rank, critical values at 90, 95 and 99 %."""

    ts_ms: int = Field(description="the newest bar it is of")
    rows: int
    det_order: int | Literal["rc"] = Field(description="the deterministic terms; rc: restricted")
    lag_diff: int
    rank: dict[str, int] = Field(description="by confidence: 90%, 95%, 99%")


class PairFigures(Answer):
    bars: int
    rows_dropped: int
    carried_share: float = Field(description="share of rows on which a leg did not trade")
    z: float | None
    z_by_method: dict[str, float | None]
    z_low: float | None
    z_high: float | None
    z_swapped: float | None = Field(description="of X on Y, turned: above 0 Y is rich")
    spread: float | None = Field(
        description="by the line that z rests on, as mean and std: z is (spread - mean) / std"
    )
    mean: float | None
    std: float | None
    fitted_ms: int | None = Field(
        description="the bar up to which that line was fitted; null: it is the newest bar's own"
    )
    correlation: float | None
    half_life: float | None = Field(description="in bars")
    half_life_ms: float | None
    half_life_interval: Json[HalfLifeInterval] | None = Field(description="90 %, in bars")
    beta_stderr: float | None = Field(description="for autocorrelated residuals; null: none")
    bounce_y: Json[Bounce] | None = Field(description="Roll's estimate, as bounce_x")
    bounce_x: Json[Bounce] | None
    bounce_free: str | None = Field(description="finest timeframe without bounce that matters")
    hurst: float | None
    ou: Json[OUFit] | None = Field(description="with a bar as the unit of time")
    adf: Json[UnitRootResult] | None = Field(description="of the spread, indicative")
    engle_granger: Json[CointegrationResult] | None
    johansen: Johansen | None
    estimates: Json[PairEstimates] | None = Field(description="of the legs, and of their ticks")


class PairSeries(Answer):
    """One value an aligned bar; null in the warm-up."""

    ts_ms: list[int]
    price_y: list[float | None]
    price_x: list[float | None]
    carried: list[bool] = Field(description="a leg did not trade in the bar")
    gap: list[bool] = Field(description="trades of the bar are missing")
    spread: list[float | None]
    mean: list[float | None]
    std: list[float | None]
    z: list[float | None] = Field(description="as it was known at the bar's close")
    fit_z: list[float | None] = Field(
        description="of today's fit, in the modes rolling and kalman of each bar's own line, as "
        "spread, mean and std"
    )
    corr: list[float | None]
    known_beta: list[float | None] = Field(description="of the line that measures z")
    known_alpha: list[float | None]
    rolling_beta: list[float | None] = Field(description="as known at each bar, as kalman_beta")
    rolling_alpha: list[float | None]
    kalman_beta: list[float | None]
    kalman_alpha: list[float | None]


class AdfLine(Answer):
    ts_ms: list[int]
    pvalue: list[float | None]


class Pair(Answer):
    """A pair's snapshot. What is not known, or not yet, is null."""

    market: str
    params: Json[PairParams]
    fit: Json[HedgeFit] = Field(
        description="on all rows of the window up to now; z rests on the newest known_beta"
    )
    fits: dict[str, Json[HedgeFit]] = Field(description="by method")
    swapped: Json[HedgeFit] | None = Field(description="the fit of X on Y")
    figures: PairFigures
    path_rows: int = Field(description="the window of the rolling hedge")
    series: PairSeries
    adf_line: AdfLine = Field(description="the rolling ADF p-value of the spread, indicative")
    notes: list[str]


class Correlation(Answer):
    """Correlation of returns between every two symbols, over bars in which both traded."""

    market: str
    timeframe: str
    symbols: list[str]
    matrix: list[list[float | None]]
    counts: list[list[int]] = Field(description="how many returns each rests on")
    first_ts_ms: int
    last_ts_ms: int


class BacktestSeries(Answer):
    """One value a bar; null in the warm-up."""

    ts_ms: list[int]
    equity: list[float | None]
    gross_equity: list[float | None]
    drawdown: list[float | None]
    position: list[int]
    hedge: list[float | None]
    spread: list[float | None]
    z: list[float | None]
    break_even_z: list[float | None]
    carried: list[bool]


class Backtest(Answer):
    """The z-score strategy on a pair. A signal fills at the open of each leg's next bar."""

    market: str
    params: Json[PairParams]
    settings: Json[BacktestParams]
    label: str = Field(description="which hedge was used")
    in_sample: bool
    periods_per_year: float
    rows_dropped: int
    figures: Json[BacktestFigures]
    captured: float | None = Field(description="share of |z| sigma that target exits earned")
    funding: float | None = Field(
        description="what it would have cost the trades at the rates of now, the sum of their "
        "shares of gross exposure, not in the equity; below 0: received; null: not known"
    )
    record: Json[TrackRecord] | None = Field(description="how far the Sharpe can be trusted")
    trades: list[Json[WordedTrade]]
    series: BacktestSeries


class Uploaded(Answer):
    market: str
    report: Json[UploadReport]


class UploadProgress(Answer):
    id: str
    name: str
    bytes: int
    rows: int
    rejected: int


class Uploads(Answer):
    uploads: list[UploadProgress]


class Replay(Answer):
    market: str = Field(description="the market that the replay plays into")
    replay: Json[ReplayPosition] | None = Field(description="null before the first")
