"""The pieces that every page is put together from. Markup only: nothing computes here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from dashapp import ids
from dashapp.parameters.table import Parameter
from dashapp.text.states import LOADING
from dashapp.theme import GRAPH_CONFIG


def attributes(**values: str) -> dict[str, Any]:
    """HTML attributes with hyphens, as Dash takes them.

    >>> attributes(aria_label="Range")
    {'aria-label': 'Range'}
    """
    return {name.replace("_", "-"): value for name, value in values.items()}


#: A number's decimals follow the size of its instrument's price, or its column's amounts.
BY_SIZE, BY_AMOUNT = "by size", "by amount"
#: The field of a row that holds how many, and the px that such figures need.
_DECIMALS_IN = {BY_SIZE: ("decimals", 116), BY_AMOUNT: ("amount_decimals", 112)}


def chart(
    chart_id: str, figure: dict[str, Any], size: str = "", tools: Component | None = None
) -> Component:
    """A chart in its card. size: "" for a column, "wide" for a row, "third", "tall", "hero".

    tools: controls at its upper right.
    """
    picture = {"filename": f"spreadscope-{chart_id}", "format": "png", "scale": 2}
    config: Any = {**GRAPH_CONFIG, "toImageButtonOptions": picture}
    graph = dcc.Graph(id=chart_id, figure=figure, config=config, className="graph")
    content = [graph] if tools is None else [graph, html.Div(tools, className="chart-tools")]
    return html.Section(content, className=f"card-box chart {size}".strip())


#: A cell of words that takes as many lines as they need.
WRAPPED = {"wrapText": True, "autoHeight": True}
#: The stretches of time that the range buttons show: their words, and seconds (0: all).
RANGES = (("1 min", 60), ("5 min", 300), ("15 min", 900), ("1 h", 3_600), ("All", 0))


def answer_line(path: str, ranges: bool, tools: Component | None = None) -> Component:
    """The page's finding in one sentence; its page fills it. ranges: with buttons of time.

    tools: what stands under these.
    """
    finding = html.P(html.Span(id=ids.answer_of(path)), id=ids.ANSWER, className="answer")
    buttons = [
        html.Button(
            words,
            className="range-button",
            **attributes(data_seconds=str(seconds), aria_pressed=str(not seconds).lower()),
        )
        for words, seconds in RANGES
        if ranges
    ]
    times = html.Div(
        [html.Span("Show last", className="ranges-label"), *buttons],
        className="ranges",
        role="group",
        **attributes(aria_label="Show last"),
    )
    parts = [part for part in (times if ranges else None, tools) if part is not None]
    return html.Div([finding, html.Div(parts, className="page-side")], className="page-head")


def segments(parts: Iterable[tuple[str, str]]) -> list[Any]:
    """Words as spans, each in the tone that it carries ("", up, down, warn, muted ...).

    A line may end with the point between two parts, and never begin with it: the point is of the
    part before it, which a line holds whole.
    """
    told = list(parts)
    spans: list[Any] = []
    for place, (text, tone) in enumerate(told, 1):
        toned = {"className": f"tone-{tone}"} if tone else {}
        words = element("Span", text, **toned)
        if place < len(told):
            point = element("Span", "\u00a0·", className="tone-muted")
            spans += [element("Span", [words, point]), " "]
        else:
            spans.append(words)
    return spans


def element(kind: str, children: Any, **props: Any) -> dict[str, Any]:
    """An HTML element as Dash sends it: a tenth of the time of an object where there are many.

    >>> element("Td", "0.31", className="figures")["type"]
    'Td'
    """
    properties = {"children": children, **props}
    return {"type": kind, "namespace": "dash_html_components", "props": properties}


class Fixed(dict[str, Any]):
    """An element without Dash's components in it, which nobody changes: one that says the same as
    before may be the very same object, and needs no look inside.
    """


def card(title: str, children: Any, *, tools: Any = None, extra: str = "") -> Component:
    """A titled box; tools sit at the right of its title."""
    head = html.Header([html.H2(title), html.Div(tools, className="tools")], className="card-head")
    body = children if isinstance(children, list) else [children]
    return html.Section([head, *body], className=f"card-box {extra}".strip())


def dialog(
    dialog_id: str,
    title: str,
    body: Component,
    answers: Sequence[Component] = (),
    *,
    must_answer: bool = False,
) -> Component:
    """A closed dialog that bears its title as its name; answers: the buttons at its foot.

    must_answer: without a cross at its head, beside the answers.
    """
    title_id = f"{dialog_id}-title"
    head = dbc.ModalHeader(dbc.ModalTitle(title, id=title_id), close_button=not must_answer)
    foot = [dbc.ModalFooter(list(answers))] if answers else []
    return dbc.Modal([head, body, *foot], id=dialog_id, labelledby=title_id, is_open=False)


def scrolling(part_id: str, label: str) -> Component:
    """A room for a table that scrolls inside itself, by keyboard too."""
    return html.Div(
        id=part_id,
        className="scroll-x",
        tabIndex="0",
        role="region",
        **attributes(aria_label=label),
    )


def field(
    label: str, control: Component, control_id: str, *, hint: str = "", extra: str = ""
) -> Component:
    """A labelled control with room for its message below."""
    return html.Div(
        [
            html.Label([label, html.Small(hint)] if hint else label, htmlFor=control_id),
            control,
            message_line(control_id),
        ],
        className=f"field {extra}".strip(),
    )


def select(control_id: str, options: Sequence[tuple[str, str]], value: str | None) -> Component:
    """A native select: (value, words) pairs. Quick, keyboard-reachable, at home on a phone."""
    return dbc.Select(
        id=control_id,
        options=[{"value": key, "label": words} for key, words in options],
        value=value,
        size="sm",
    )


def text_input(control_id: str, value: str, placeholder: str = "", **props: Any) -> Component:
    """A field that reports what was typed once the typing rests for 300 ms."""
    return dbc.Input(
        id=control_id,
        type="text",
        value=value,
        placeholder=placeholder,
        debounce=300,
        size="sm",
        autocomplete="off",
        **props,
    )


def number(control_id: str, text: str, placeholder: str = "") -> Component:
    """A field for a number, with the keys for one on a phone. text: what stands for it."""
    return text_input(control_id, text, placeholder, inputmode="decimal")


def parameter_control(parameter: Parameter, value: Any) -> Component:
    """The control of a parameter of the table.

    value: what it holds at first, a value of the parameter or the text that was typed.
    """
    control_id, content = parameter.control, parameter.control_value(value)
    if parameter.kind == "switch":
        return dbc.Switch(id=control_id, value=content, label=parameter.label)
    if parameter.kind in ("choice", "symbol"):
        return select(control_id, parameter.choices, content or None)
    if parameter.kind == "text":
        return text_input(control_id, content, parameter.empty)
    return number(control_id, content, parameter.empty)


def parameter_field(parameter: Parameter, value: Any, extra: str = "") -> Component:
    """The labelled control of a parameter, with room for its message below. extra: classes."""
    control, control_id = parameter_control(parameter, value), parameter.control
    if parameter.kind != "switch":
        return field(parameter.label, control, control_id, hint=parameter.hint, extra=extra)
    return html.Div([control, message_line(control_id)], className=f"field {extra}".strip())


def message_line(control_id: str) -> Component:
    """Where the message about a control stands."""
    return html.Div(id=f"{control_id}-message", className="field-message", role="alert")


def button(button_id: str, words: Any, **props: Any) -> Component:
    """A small button with an outline. words: a text, or the parts of one."""
    look = {"size": "sm", "color": "secondary", "outline": True}
    return dbc.Button(words, id=button_id, **{**look, **props})


def download(control_id: str, words: str, href: str | None = None) -> Component:
    """A link that downloads a streamed export; dead without an address, which its page keeps."""
    look = "btn btn-sm btn-outline-secondary"
    return html.A(words, id=control_id, href=href, download="", className=look)


def table(
    table_id: str,
    columns: Sequence[dict[str, Any]],
    *,
    row_id: str = "id",
    height: str = "20rem",
    selectable: bool = False,
    single_row: bool = False,
    extra: str = "",
    empty: str = "no rows",
) -> Component:
    """An AG Grid in the theme's colours; rows are told apart by their field `row_id`.

    extra: classes beside the theme's.

    selectable: rows can be selected by their boxes. single_row: one row can, by a click on it.
    empty: what stands in a table without rows, which is no taller than that. Before its first
    rows, or the answer that there are none, it is loading.
    """
    several = {"mode": "multiRow"}
    single = {"mode": "singleRow", "enableClickSelection": True, "checkboxes": False}
    selection = single if single_row else several
    return dag.AgGrid(
        id=table_id,
        columnDefs=list(columns),
        getRowId=f"params.data.{row_id}",
        defaultColDef={
            "sortable": True,
            "filter": True,
            "resizable": True,
            "minWidth": 96,
            "wrapHeaderText": True,
            "autoHeaderHeight": True,
        },
        columnSize="responsiveSizeToFit",
        dashGridOptions={
            "animateRows": False,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "rowHeight": 30,
            "headerHeight": 34,
            "suppressCellFocus": False,
            **({"rowSelection": selection} if selectable or single_row else {}),
            "localeText": {"noRowsToShow": empty, "loadingOoo": LOADING},
        },
        className=f"ag-theme-spreadscope {extra}".strip(),
        style={"height": height, "width": "100%"},
    )


#: px of a row of a table, of what stands around its rows, and of the tallest table.
_ROW, _FRAME, _MOST_HEIGHT = 30, 56, 480


def height_of(rows: int) -> dict[str, str]:
    """The style of a table that is as tall as its rows, and scrolls inside itself from there on.

    >>> height_of(3)["height"], height_of(900)["height"]
    ('146px', '480px')
    """
    return {"height": f"{min(_ROW * rows + _FRAME, _MOST_HEIGHT)}px", "width": "100%"}


def text_column(name: str, title: str, **more: Any) -> dict[str, Any]:
    """A column of words."""
    return {"field": name, "headerName": title, **more}


def number_column(name: str, title: str, decimals: str = "", **more: Any) -> dict[str, Any]:
    """A right-aligned column of figures.

    decimals: a d3 format such as ",.2f", or BY_SIZE or BY_AMOUNT for as many decimals as the
    row's field `decimals` or `amount_decimals` says.
    """
    column: dict[str, Any] = {
        "field": name,
        "headerName": title,
        "type": "rightAligned",
        "cellClass": "figures",
        "comparator": {"function": "emptyLast"},
        **more,
    }
    if decimals in _DECIMALS_IN:
        name, width = _DECIMALS_IN[decimals]
        column.setdefault("minWidth", width)
        shown = f"d3.format(',.' + params.data.{name} + 'f')(params.value)"
        column["valueFormatter"] = {"function": f"params.value == null ? '–' : figure({shown})"}
    elif decimals:
        shown = f"d3.format('{decimals}')(params.value)"
        column["valueFormatter"] = {"function": f"params.value == null ? '–' : figure({shown})"}
    return column


def estimate_column(name: str, title: str, error: str, **more: Any) -> dict[str, Any]:
    """A column of ratios with their standard errors, where the row has one in the field `error`."""
    shown = f"estimate(params.value, params.data.{error})"
    formatted = {"function": f"params.value == null ? '–' : {shown}"}
    return {**number_column(name, title, **more), "valueFormatter": formatted}


def time_column(name: str, title: str, year: bool = False, **more: Any) -> dict[str, Any]:
    """A column of times, epoch ms, in UTC; they sort as times. year: whether they may be of
    different years.
    """
    shown = f"d3.utcFormat('%-d %b{' %Y' if year else ''} %H:%M:%S')(params.value)"
    look = {
        "width": 172 if year else 136,
        "minWidth": 168 if year else 132,
        "cellClass": "figures",
        "type": "rightAligned",
    }
    formatted = {"function": f"params.value == null ? '–' : {shown}"}
    return {"field": name, "headerName": title, "valueFormatter": formatted, **look, **more}


def row_detail(part_id: str) -> Component:
    """What stands below a table of the row that is chosen: its `details`, label and words."""
    return html.Div(id=part_id, className="row-detail", role="status")


def known(value: float) -> float | None:
    """A number as a cell takes it, None where it is not known.

    >>> known(1.5), known(math.nan)
    (1.5, None)
    """
    return value if math.isfinite(value) else None


def figures_table(rows: Iterable[tuple[str, str, str, str]]) -> dict[str, Any]:
    """Label, value, verdict in words and its tone, a row each: for the eye, not for sorting."""
    return element(
        "Table", element("Tbody", [_figures_row(*row) for row in rows]), className="figures-table"
    )


#: The space between a number and its unit, and those around the sign of an error.
_OF_ONE_FIGURE = re.compile(r"(?<=\d) (?=[^\W\d]|[%×±])|(?<=±) ")


def unbroken(value: str) -> str:
    """A figure that no line ends within: its spaces do not break.

    >>> unbroken("+0.47 %"), unbroken("122 ± 206"), unbroken("21 bars (21 s)")
    ('+0.47\\xa0%', '122\\xa0±\\xa0206', '21\\xa0bars (21\\xa0s)')
    """
    return _OF_ONE_FIGURE.sub("\N{NO-BREAK SPACE}", value)


@lru_cache(maxsize=4_096)
def _figures_row(label: str, value: str, verdict: str, tone: str) -> Fixed:
    """Kept: most rows say at a refresh what they said before."""
    cells = [
        element("Th", label, scope="row"),
        element("Td", unbroken(value), className="figures"),
        element("Td", verdict, className=f"tone-{tone}" if tone else ""),
    ]
    return Fixed(element("Tr", cells))
