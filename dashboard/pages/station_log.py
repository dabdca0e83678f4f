"""The OCPP messages of a station: filters, plain words, raw JSON, copy."""

import json
from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from dashboard import data
from dashboard.auth import require_role
from dashboard.components import Child, Column, button, empty_state, panel, table
from dashboard.i18n import formatter, t
from dashboard.messages import plain_words
from dashboard.pages.frame import named

DIRECTIONS = ("", "in", "out")
FLAGS = ("errors", "heartbeats")


def layout(station_id: str, parts: dict[str, Any]) -> Child:
    """The panel with its filters; `direction` and `action` may stand in the address."""
    direction = parts.get("direction", "")
    wanted = data.MessageFilter(
        direction if direction in DIRECTIONS else "", action=str(parts.get("action", ""))
    )
    counts = data.count_messages(station_id)
    form = formatter()
    sub = t("{n} in 24 hours", n=form.number(counts["messages"]))
    again = button(t("Refresh"), "restart", kind="ghost", id="log-refresh")
    return panel(
        t("Messages"),
        _filters(wanted, counts),
        html.Div(rows(station_id, wanted), id="log-rows"),
        dcc.Store(id="log-tick"),  # assets/staff/station.js: something happened here
        sub=sub,
        right=[_search(wanted), again],
        id="log",
    )


def _filters(wanted: data.MessageFilter, counts: data.Row) -> Child:
    hidden = t("Hide heartbeats, {n}", n=formatter().number(counts["heartbeats"]))
    directions = dcc.RadioItems(
        [{"label": t("Both directions"), "value": ""},
         {"label": t("From station"), "value": "in"},
         {"label": t("To station"), "value": "out"}],
        wanted.direction, id="log-direction", className="seg", inline=True,
    )  # fmt: skip
    flags = dcc.Checklist(
        [{"label": t("Errors only"), "value": "errors"}, {"label": hidden, "value": "heartbeats"}],
        ["heartbeats"], id="log-flags", className="checks", inline=True,
    )  # fmt: skip
    choices = [
        html.Div(directions, className="choice", title=t("Which messages")),
        html.Div(flags, className="choice", title=t("Which messages")),
    ]
    return html.Div(choices, className="filters")


def _search(wanted: data.MessageFilter) -> Child:
    return dcc.Input(
        wanted.action, id="log-action", type="search", debounce=0.3,
        placeholder=t("Message"), className="field",
    )  # fmt: skip


def rows(station_id: str, wanted: data.MessageFilter) -> Child:
    """The newest frames that match; each opens to its raw JSON."""
    found = data.read_messages(station_id, wanted)
    columns = [Column(t("Time")), Column(""), Column(t("Message")),
               Column(t("In plain words"), "ell"), Column(t("Answer"), "num")]  # fmt: skip
    nothing = empty_state(t("No messages match"), t("Messages are kept for 30 days."))
    return table(t("Messages"), columns, [_row(row) for row in found], empty=nothing)


def _row(row: data.Row) -> list[Child]:
    form = formatter()
    arrow, label = ("\u2192", t("from station")) if row["direction"] == "in" else (
        "\u2190", t("to station"))  # fmt: skip
    milliseconds = row["answer_ms"]
    took = "\u2013" if milliseconds is None else f"{form.number(milliseconds)}\u00a0ms"
    at = row["received_at"]
    clock = f"{form.time(at, seconds=True)}.{at.microsecond // 1000:03}"
    return [
        html.Span(clock, className="mono small", title=form.stamp(at)),
        html.Span(arrow, title=label, role="img", **named(label)),
        html.Span(row["action"] or "\u2013", className="mono small"),
        _frame(row),
        html.Span(row["error_code"] or took, className="down" if row["error_code"] else "faint"),
    ]


def _frame(row: data.Row) -> Child:
    words = plain_words(row["action"], row["frame"], row["answer"], formatter())
    shown = words or html.Span(row["frame"] or "", className="mut small")
    summary = html.Summary(shown, title=words)
    texts = [text for text in (row["frame"], row["answer"]) if text]
    raw = "\n\n".join(pretty(text) for text in texts)
    copy = button(t("Copy"), "copy", kind="ghost copy")
    return html.Details([summary, html.Div([copy, html.Pre(raw, className="mono raw")])])


def pretty(text: str) -> str:
    """JSON with line breaks; what is no JSON stands as it came."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def register(staff: Dash) -> None:
    """The filters draw the rows anew."""

    @staff.callback(
        Output("log-rows", "children"),
        Input("log-direction", "value"),
        Input("log-flags", "value"),
        Input("log-action", "value"),
        Input("log-refresh", "n_clicks"),
        Input("log-tick", "data"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def filtered(
        direction: str, flags: list[str], action: str, _clicks: int, _tick: int, station_id: str
    ) -> Child:
        wanted = data.MessageFilter(
            direction if direction in DIRECTIONS else "",
            "errors" in (flags or []),
            "heartbeats" in (flags or []),
            (action or "")[:100],
        )
        return rows(station_id, wanted)
