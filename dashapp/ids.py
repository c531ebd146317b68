"""Every component id, once. Layouts and callbacks import these; none spells an id."""

# frame
URL = "url"
MARKET = "market-select"
SOURCE_KIND = "source-kind"
SOURCE_URL = "source-url"
SYMBOLS = "symbol-select"
START = "start-button"
START_WORDS = "start-words"
STOP = "stop-button"
FEED_STATUS = "feed-status"
TRUST_STRIP = "trust-strip"
FEED_LOG_TOGGLE = "feed-log-toggle"
FEED_LOG = "feed-log"
FEED_LOG_LINES = "feed-log-lines"
FEED_LOG_CURSOR = "feed-log-cursor"
INTERVAL = "live-interval"
THEME_TOGGLE = "theme-toggle"
FREEZE_TOGGLE = "freeze-toggle"
HELP_TOGGLE = "help-toggle"
HELP = "help-dialog"
PANEL_TOGGLE = "panel-toggle"
PANEL = "side-panel"
PAGE = "page-content"
ANSWER = "answer-line"
TOASTS = "toasts"
ALERTS_BADGE = "alerts-badge"
FRAME_MESSAGE = "frame-message"

# the replay's bar and its launcher
REPLAY_TOGGLE = "replay-toggle"
REPLAY_SPEED = "replay-speed"
REPLAY_SEEK = "replay-seek-to"
REPLAY_END = "replay-end"
REPLAY_STATE = "replay-state"
REPLAY_START = "replay-start"
REPLAY_START_SPEED = "replay-start-speed"

# what a tab knows (dcc.Store)
VIEW = "view"
STRATEGY = "strategy"
SCAN_RULES = "scan-rules"
HEATMAP_OF = "heatmap-shown"
THEME = "theme"
FROZEN = "frozen"
FRAME_CURSOR = "frame-cursor"
KNOWN = "known-symbols"
FOCUS = "focus"
URL_WRITTEN = "url-written"
FIRED = "fired"
ATTENTION = "attention"
UPLOAD_RESULT = "upload-result"

# parameters of a pair
TIMEFRAME = "timeframe"
LEG_Y = "leg-y"
LEG_X = "leg-x"
SWAP = "swap-legs"
HEDGE_METHOD = "hedge-method"
INTERCEPT = "hedge-intercept"
HEDGE_WINDOW = "hedge-window"
SPREAD_MODE = "spread-mode"
LOCKED_BETA = "locked-beta"
LOCKED_ALPHA = "locked-alpha"
Z_WINDOW = "z-window"
CORR_WINDOW = "corr-window"
CORR_ON = "corr-on"
PRICE_SPACE = "price-space"
Z_THRESHOLD = "z-threshold"
ADF_TREND = "adf-trend"
LAG_METHOD = "lag-method"
MIN_TRADES = "min-trades"
MIN_VOLUME = "min-volume"
ADF_WINDOW = "adf-window"
LIMIT = "bars-in-view"

# Home
PRICE_CHART = "price-chart"
VOLUME_CHART = "volume-chart"
VWAP_CHART = "vwap-chart"
SUMMARY_CARDS = "summary-cards"

# Analytics
SPREAD_CHART = "spread-chart"
ZSCORE_CHART = "zscore-chart"
HEDGE_SCATTER = "hedge-scatter"
HEDGE_PATH_CHART = "hedge-path-chart"
ADF_CHART = "adf-chart"
PAIR_FIGURES = "pair-figures"
HEDGE_METHODS = "hedge-methods"
HEDGE_CHOICE = "hedge-choice"
JOHANSEN = "johansen-test"

# Pairs
WATCH_TABLE = "watch-table"
SCAN_FORM = "scan-form"
SCAN_RUN = "scan-run"
SCAN_CANCEL = "scan-cancel"
SCAN_PROGRESS = "scan-progress"
SCAN_FUNNEL = "scan-funnel"
PVALUE_HISTOGRAM = "pvalue-histogram"
SCAN_TABLE = "scan-table"
PAIRS_COMMAND = "pairs-command"

# Correlation
HEATMAP = "correlation-heatmap"
ROLLING_CORRELATION = "rolling-correlation-chart"
LEAD_LAG_CHART = "lead-lag-chart"

# Backtest
EQUITY_CHART = "equity-chart"
DRAWDOWN_CHART = "drawdown-chart"
BACKTEST_FIGURES = "backtest-figures"
TRADES_TABLE = "trades-table"
SWEEP_HEATMAP = "sweep-heatmap"
WALK_CHART = "walk-forward-chart"
FOLDS_TABLE = "folds-table"

# Alerts
RULES_TABLE = "rules-table"
ALERTS_TABLE = "alerts-table"
ALERT_SPREAD_CHART = "alert-spread-chart"
ALERT_ZSCORE_CHART = "alert-zscore-chart"

# Data
UPLOAD = "upload-data"
UPLOAD_REPORT = "upload-report"
UPLOAD_LATIN_1 = "upload-latin-1"
REMOVE = "remove-market"
REMOVE_BOX = "remove-market-box"
REMOVE_DIALOG = "remove-market-dialog"
REMOVE_WORDS = "remove-market-words"
REMOVE_KEEP = "remove-market-keep"
REMOVE_CONFIRM = "remove-market-confirm"
SUMMARY_TABLE = "summary-table"
TICKS_TABLE = "ticks-table"
BARS_TABLE = "bars-table"
ARCHIVE_TABLE = "archive-table"
DOWNLOAD_TICKS = "download-ticks"
DOWNLOAD_BARS = "download-bars"
DOWNLOAD_ANALYTICS = "download-analytics"
DOWNLOAD_SUMMARY = "download-summary"


def answer_of(path: str) -> str:
    """The id of a page's answer: of its own, for Dash wants all outputs in the layout or none.

    >>> answer_of("/analytics"), answer_of("/")
    ('answer-analytics', 'answer-home')
    """
    return f"answer-{path.strip('/') or 'home'}"


def cursor_of(path: str) -> str:
    """The id of the store in which a tab remembers what a page showed it last."""
    return f"cursor-{path.strip('/') or 'home'}"
