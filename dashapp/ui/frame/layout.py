"""The frame around every page: header, tabs, trust strip, side panel, and the router."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashapp import ids
from dashapp.parameters.compared import asked_for
from dashapp.services.analysis.load import INTERVALS_MS
from dashapp.services.runtime import Runtime
from dashapp.text.states import FIRST_VISIT
from dashapp.ui import components
from dashapp.ui.frame import feed_log, panel, replay_bar, subscribe, tab_title, views
from dashapp.ui.pages import COMPARE, PAGES
from dashapp.ui.polling import theme_of
from ingestion.sources import NAMED
from ingestion.url_guard import mask_url

#: What a tab keeps of the forms of pages while another page is in view.
FORM_STORES = tuple(page.store for page in PAGES if page.store)

SOURCES = (
    *((kind.name, kind.label + " (simulated)" * kind.simulated) for kind in NAMED),
    ("url", "URL (ws, http, redis)"),
)

SHORTCUTS = (
    ("1 … 7", "open a page"),
    ("S", "swap the legs"),
    ("P", "show or hide the parameters"),
    ("T", "dark or light"),
    ("Space", "freeze the charts, or let them go on"),
    ("R", "reset the zoom and follow the newest bar"),
    ("K", "play or pause the replay"),
    ("Enter, A, W", "on a row of Pairs: open it, arm an alert, watch it"),
    ("X", "on two rows of Pairs: compare them"),
    ("Ctrl K", "find a symbol, a pair, a view or a page"),
    ("V", "saved views"),
    ("Z", "z and the pair in the tab's title, or not"),
    ("?", "this list"),
)


def source_kind(runtime: Runtime) -> str:
    """The kind of source that was started last, as the header's list names it."""
    source = subscribe.begun(runtime)[0]
    if "://" in source:
        return "url"
    return source if source in dict(SOURCES) else "demo"


def _brand() -> Component:
    mark = html.Span(className="brand-mark", **components.attributes(aria_hidden="true"))
    return html.A(
        [mark, html.Span("Spreadscope", className="brand-name")],
        href="/",
        className="brand",
        **components.attributes(aria_label="Spreadscope, home"),
    )


def _worded(sign: str, words: str, **more: Any) -> list[Component]:
    """A sign, and its words where there is room for them."""
    return [
        html.Span(f"{sign} ", **components.attributes(aria_hidden="true")),
        html.Span(words, className="words", **more),
    ]


def _market_control(runtime: Runtime) -> Component:
    markets = [(market.id, market.title) for market in runtime.markets.values()]
    return html.Div(
        [
            html.Label("Market", htmlFor=ids.MARKET, className="visually-hidden"),
            components.select(ids.MARKET, markets, runtime.default_market),
        ],
        className="head-market",
    )


def _source_control(runtime: Runtime) -> Component:
    kind = source_kind(runtime)
    address = dbc.Input(
        id=ids.SOURCE_URL,
        type="text",
        size="sm",
        value=mask_url(subscribe.begun(runtime)[0]) if kind == "url" else "",
        placeholder="wss://host/path",
        debounce=True,
        autocomplete="off",
    )
    return html.Div(
        [
            html.Label("Source", htmlFor=ids.SOURCE_KIND, className="visually-hidden"),
            components.select(ids.SOURCE_KIND, SOURCES, kind),
            html.Label("Stream address", htmlFor=ids.SOURCE_URL, className="visually-hidden"),
            address,
        ],
        className="head-source",
    )


def _symbols_control() -> Component:
    return html.Div(
        dcc.Dropdown(
            id=ids.SYMBOLS,
            multi=True,
            options=[],
            value=[],
            placeholder="Symbols",
            maxHeight=360,
            labels={"select_all": "Select all", "deselect_all": "Deselect all"},
        ),
        className="head-symbols",
        role="group",
        **components.attributes(aria_label="Symbols"),
    )


def _run_buttons() -> Component:
    start = dbc.Button(
        _worded("▶", "Start", id=ids.START_WORDS),
        id=ids.START,
        size="sm",
        color="primary",
        title="Start",
    )
    stop = components.button(ids.STOP, _worded("■", "Stop"), title="Stop")
    return html.Div([start, stop], className="head-run")


def _icon(button_id: str, sign: Any, words: str) -> Component:
    return html.Button(
        sign,
        id=button_id,
        className="icon-button",
        title=words,
        **components.attributes(aria_label=words),
    )


def header(runtime: Runtime) -> Component:
    """Brand, market, source, symbols, Start and Stop; views, palette, theme, freeze and help."""
    icons = html.Div(
        [
            _icon(ids.PALETTE_TOGGLE, _worded("⌕", "Find"), "Find a symbol, pair, view or page"),
            _icon(ids.VIEWS_MENU, _worded("☆", "Views"), "Saved views (V)"),
            _icon(ids.TITLE_TOGGLE, "z", "z and the pair in the tab's title (Z)"),
            _icon(ids.FREEZE_TOGGLE, "❚❚", "Freeze the charts (Space)"),
            _icon(ids.THEME_TOGGLE, "◐", "Dark or light (T)"),
            _icon(ids.HELP_TOGGLE, "?", "Keyboard shortcuts (?)"),
        ],
        className="head-icons",
    )
    controls = [
        _market_control(runtime),
        _source_control(runtime),
        _symbols_control(),
        _run_buttons(),
    ]
    stream = subscribe.row(runtime)
    return html.Header([_brand(), *controls, icons, stream], className="head")


def tabs() -> Component:
    """A link a page, and the handle of the side panel."""
    links = [
        dbc.NavLink(
            [page.title, html.Span(id=ids.ALERTS_BADGE, className="badge-count")]
            if page.path == "/alerts"
            else page.title,
            href=page.path,
            active="exact",
            id=f"tab-{page.name}",
        )
        for page in PAGES
    ]
    handle = html.Button(
        _worded("☰", "Parameters"),
        id=ids.PANEL_TOGGLE,
        className="panel-toggle",
        title="Parameters (P)",
        **components.attributes(aria_controls=ids.PANEL, aria_expanded="false"),
    )
    return html.Nav([html.Div(links, className="tabs"), handle], className="tab-row")


def strip() -> Component:
    """The trust strip; the frame's callback fills its parts."""
    return html.Section(
        [
            html.Span(id="simulated-mark"),
            html.Span(id="feed-dot", className="dot", **components.attributes(aria_hidden="true")),
            html.Span(
                id=ids.FEED_STATUS,
                className="feed-status",
                **components.attributes(aria_live="polite"),
            ),
            html.Span("no connection to the server, trying again", className="offline-mark"),
            html.Span("no answer from the server: these figures are old", className="late-mark"),
            html.Span(id="trust-figures", className="trust-figures"),
            html.Span(id="feed-beside", className="feed-beside"),
            feed_log.button(),
            html.Strong(id="window-pair"),
            html.Button(
                "Follow",
                id="follow-toggle",
                className="log-button",
                title="Show the pair of the window that is worked in",
                **components.attributes(aria_pressed="false"),
            ),
            html.Span(id="paused-mark", className="paused-mark"),
        ],
        id=ids.TRUST_STRIP,
        className="trust-strip",
        **components.attributes(aria_label="Data trust"),
    )


def _first_visit() -> Component:
    """What to do first, in a browser that was never here; assets/boot.js shows and closes it."""
    close = components.button("first-visit-close", "Close")
    lines = html.Ul([html.Li(line) for line in FIRST_VISIT])
    label = components.attributes(aria_label="First steps")
    return html.Section([lines, close], id="first-visit", className="first-visit", **label)


def _help() -> Component:
    rows = [html.Tr([html.Td(html.Kbd(keys)), html.Td(words)]) for keys, words in SHORTCUTS]
    table = html.Table(html.Tbody(rows), className="shortcuts")
    return components.dialog(ids.HELP, "Keyboard shortcuts", dbc.ModalBody(table))


def _stores(runtime: Runtime) -> list[Component]:
    return [
        dcc.Location(id=ids.URL, refresh="callback-nav"),
        dcc.Store(id=ids.VIEW),
        *(dcc.Store(id=store) for store in FORM_STORES),
        dcc.Store(id=ids.FOCUS),
        dcc.Store(id=ids.KNOWN),
        dcc.Store(id=ids.KNOWN_TOLD),
        dcc.Store(id=ids.FROZEN, data=False),
        dcc.Store(id=ids.FRAME_CURSOR),
        dcc.Store(id=ids.URL_WRITTEN),
        dcc.Store(id=ids.NOT_HERE),
        dcc.Store(id=ids.HEEDED),
        dcc.Store(id=ids.FIRED),
        dcc.Store(id=ids.ATTENTION),
        dcc.Store(id=ids.UPLOAD_RESULT),
        dcc.Store(id=ids.THEME, storage_type="local", data="dark"),
        dcc.Interval(id=ids.INTERVAL, interval=INTERVALS_MS[0]),
        *tab_title.stores(),
    ]


def layout(runtime: Runtime) -> Component:
    """The whole document, once a page load."""
    main = html.Div(
        [panel.panel(), html.Main(id=ids.PAGE, className="page", tabIndex="-1")],
        className="body",
    )
    return html.Div(
        [
            *_stores(runtime),
            html.A("Skip to the page", href=f"#{ids.PAGE}", className="skip-link"),
            header(runtime),
            tabs(),
            strip(),
            *replay_bar.bar(),
            html.Div(id=ids.FRAME_MESSAGE, className="frame-message", role="alert"),
            html.Div(id=ids.VIEW_MESSAGE, className="frame-message", role="alert"),
            _first_visit(),
            main,
            html.Div(
                id=ids.TOASTS, className="toasts", **components.attributes(aria_live="polite")
            ),
            _help(),
            *feed_log.drawer(),
            *views.dialogs(),
        ],
        className="frame",
    )


def page_tools(path: str) -> Component:
    """What a page's head offers beside the ranges: a window of its own, a comparison."""
    compare = html.Button(
        "Compare", id="compare-link", className="range-button", title="Beside other pairs"
    )
    window = html.Button(
        "↗",
        className="range-button window-button",
        title="This page in a window of its own, without the frame",
        **components.attributes(aria_label="This page in a window of its own"),
    )
    tools = [compare, window] if path == "/analytics" else [window]
    return html.Div(tools, className="page-tools")


def page_for(pathname: str | None, search: str | None = None) -> Any:
    """The page at a path, None where there is none. search: pairs in it are compared."""
    path = (pathname or "/").rstrip("/") or "/"
    if path == "/analytics" and asked_for(search) is not None:
        return COMPARE
    return next((page for page in PAGES if page.path == path), None)


def register(app: Dash) -> None:
    """The router: only the page in view is in the document, so only it is computed."""

    @app.callback(
        output=Output(ids.PAGE, "children"),
        inputs={"pathname": Input(ids.URL, "pathname")},
        state={
            "theme": State(ids.THEME, "data"),
            "kept": {store: State(store, "data") for store in FORM_STORES},
            "search": State(ids.URL, "search"),
        },
    )
    async def route(
        pathname: str | None,
        theme: str | None,
        kept: dict[str, Any],
        search: str | None,
    ) -> Any:
        page = page_for(pathname, search)
        if page is None:
            return html.P(f"There is no page at {pathname}.", className="answer")
        settings = [page.held(kept.get(page.store), search)] if page.held else []
        ranges = page.path not in ("/data", "/pairs")
        return [
            dcc.Store(id=ids.cursor_of(page.path)),
            html.H1(page.title, className="visually-hidden"),
            components.answer_line(page.path, ranges, page_tools(page.path)),
            page.layout(theme_of(theme), *settings),
        ]
