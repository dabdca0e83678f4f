"""What staff know of a station that it does not tell: contact, parts, notes; writing it down."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from flask_login import current_user

from dashboard import data, station_data
from dashboard.auth import require_role
from dashboard.components import Child
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import COMMANDING, command_button, may_command, named
from dashboard.station_data import LONGEST_NOTE, NOTE_KINDS, Known

KINDS = {
    "note": mark("Note"), "host": mark("Site host"), "technician": mark("Technician"),
    "part": mark("Spare part"),
}  # fmt: skip


def layout(row: Row) -> Child:
    """Facts side by side, then the notes and the form."""
    form = [_form()] if may_command() else []
    return html.Div([html.Div(drawn(row), id="station-known"), *form], className="stack")


def drawn(row: Row) -> list[Child]:
    known = station_data.read_known(row)
    return [_strip(row, known), *([_notes(known.notes)] if known.notes else [])]


def _strip(row: Row, known: Known) -> Child:
    form = formatter()
    limit, power = row["grid_limit_w"], known.site_power_w
    grid = (
        t("{limit}, {power} used now", limit=form.kw(limit, 0), power=form.kw(power, 0))
        if limit
        else t("not known, {power} used now", power=form.kw(power, 0))
    )
    newest = next((note for note in known.notes if note["kind"] == "note"), None)
    parts = [
        (t("Site host"), _said(known, "host") or row["help_phone"] or UNKNOWN, ""),
        (t("Technician"), _said(known, "technician") or UNKNOWN, ""),
        (t("Grid limit"), grid if row["site_id"] else UNKNOWN, ""),
        (t("Spare part"), _said(known, "part") or UNKNOWN, ""),
        (t("Note"), newest["text"] if newest else t("none"), _by(newest)),
    ]
    cells = [
        html.Div([html.Div([label, html.Span(by)], className="faint"),
                  html.Div(words, className="known-words", title=words)])
        for label, words, by in parts
    ]  # fmt: skip
    label = named(t("Contact, parts, notes"))
    return html.Section(cells, className="panel known", **label)


def _said(known: Known, kind: str) -> str:
    row = known.contacts.get(kind)
    return row["text"] if row else ""


def _by(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row['author']} {formatter().since(row['at'], datetime.now(UTC))}"


def _notes(notes: list[Row]) -> Child:
    lines = [
        html.Li([html.Span([html.B(t(KINDS[note["kind"]])), " ", _by(note)], className="faint"),
                 html.P(note["text"])])
        for note in notes
    ]  # fmt: skip
    head = html.Summary(tn("{n} note", "{n} notes", len(notes)))
    return html.Details([head, html.Ul(lines, className="notes")], className="panel notes-panel",
                        open=False)  # fmt: skip


def _form() -> Child:
    kinds = [{"label": t(KINDS[kind]), "value": kind} for kind in NOTE_KINDS]
    choice = html.Div(
        dcc.RadioItems(kinds, "note", id="note-kind", className="seg", inline=True),
        className="choice", title=t("What it is about"),
    )  # fmt: skip
    field = dcc.Textarea(id="note-text", maxLength=LONGEST_NOTE, className="field note-field",
                         placeholder=t("Write a note, or a contact"), rows=1)  # fmt: skip
    send = command_button(t("Write down"), "check", "note-send")
    notice = html.Span(id="note-notice", role="status", className="mut")
    return html.Div([choice, field, send, notice], className="note-form")


def checked(kind: Any, text: Any) -> tuple[str, str]:
    """What may be written down, or "" for the text."""
    kind = kind if kind in NOTE_KINDS else "note"
    return kind, str(text or "").replace("\x00", "").strip()[:LONGEST_NOTE]


def register(staff: Dash) -> None:
    @staff.callback(
        Output("station-known", "children"),
        Output("note-text", "value"),
        Output("note-notice", "children"),
        Input("note-send", "n_clicks"),
        State("note-kind", "value"),
        State("note-text", "value"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def write(clicks: int, kind: Any, text: Any, station_id: str) -> tuple[Any, Any, Any]:
        found = data.read_station(station_id)
        kind, words = checked(kind, text)
        if not clicks or found is None:
            return no_update, no_update, no_update
        if not words:
            return no_update, no_update, t("There is nothing to write down.")
        station_data.add_note(station_id, kind, words, current_user.name, current_user.email)
        return drawn(found.row), "", ""
