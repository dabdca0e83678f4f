"""The handover: what the next shift must know, on one page that can be printed and is kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from flask_login import current_user

from dashboard import shifts
from dashboard.auth import require_role
from dashboard.components import (
    Child,
    avatar,
    button,
    empty_state,
    error_state,
    glyph,
    link,
    panel,
)
from dashboard.data import Row
from dashboard.digits import BIGINT, whole
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages import incident_words as words
from dashboard.pages.frame import (
    COMMANDING,
    Page,
    frame,
    live_stamp,
    may_command,
    spacer,
    title,
)
from dashboard.pages.reliability_exclude import subject_words
from dashboard.shifts import Shift

NOTES = 3  # of an open incident, the newest


def layout(id: str = "", **_parts: Any) -> Child:  # noqa: A002 - the address says id
    """`id`: a handover as it was given; else the list as it stands now."""
    now = datetime.now(UTC)
    show = button(t("Print"), "reports", id="handover-print")
    body = _given(id) if id else current(shifts.read_shift(now), now)
    return frame("handover", t("Hand over shift"), body, [spacer(), live_stamp(), show])


def current(shift: Shift, now: datetime) -> list[Child]:
    form = formatter()
    since = t("since {time}", time=form.stamp(shift.since, seconds=False))
    unowned = sum(not row["owner"] for row in shift.opened)
    sub = t("{n} open, {free} without owner", n=len(shift.opened), free=unowned)
    opened = panel(t("Open incidents"), opened_list(shift, now), sub=sub, id="handover-open")
    resolved = panel(t("Resolved this shift"), resolved_list(shift.resolved, now), sub=since,
                     id="handover-resolved")  # fmt: skip
    planned = panel(t("Maintenance, the next 7 days"), windows_list(shift.windows),
                    id="handover-planned")  # fmt: skip
    left = html.Div([_before(shift), opened, resolved], className="stack")
    right = html.Div([_form(shift), planned, earlier()], className="stack side")
    return [html.Div([left, right], className="cols handover", id="handover")]


def _before(shift: Shift) -> Child:
    """What the shift before had to say."""
    last = shift.last
    if last is None or not last["text"]:
        return None
    sub = t("{name}, {time}", name=last["author"],
            time=formatter().stamp(last["at"], seconds=False))  # fmt: skip
    return panel(t("From the shift before"), html.P(last["text"], className="pb note-text"),
                 sub=sub)  # fmt: skip


def opened_list(shift: Shift, now: datetime) -> Child:
    if not shift.opened:
        return empty_state(t("No open incidents"), t("Nothing waits for the next shift."))
    items = [entry(row, shift.notes.get(row["incident_id"], ()), now) for row in shift.opened]
    return html.Ol(items, className="handover-list")


def entry(row: Row, notes: Sequence[Row], now: datetime) -> Child:
    """One open incident: what, since when, who has it, what was noted."""
    form = formatter()
    age = form.duration(((row.get("resolved_at") or now) - row["opened_at"]).total_seconds())
    head = html.A(words.title_words(row, now), href=f"/app/incident/{row['incident_id']}",
                  className="strong")  # fmt: skip
    cause = words.cause_words(row, row.get("detail"), now)
    told = [html.P([html.Time(form.since(note["at"], now)), " ", html.B(note["author"]), ": ",
                    note["text"]], className="note-text") for note in notes[-NOTES:]]  # fmt: skip
    owner = html.Span([avatar(row["owner"]), row["owner"] or t("Nobody yet")], className="owner")
    facts = html.Div([owner, html.Span(words.severity_words(row["severity"])), html.B(age)],
                     className="handover-facts")  # fmt: skip
    body = html.Div([head, html.P(cause, className="mut") if cause else None, *told])
    return html.Li([glyph(words.shape(row["kind"]), 14), body, facts])


def resolved_list(rows: Sequence[Row], now: datetime) -> Child:
    if not rows:
        return empty_state(t("Nothing was resolved yet"), t("Since the shift began."))
    return html.Ol([entry(row, (), now) for row in rows], className="handover-list")


def windows_list(rows: Sequence[Row]) -> Child:
    if not rows:
        return empty_state(t("No maintenance is planned"))
    form = formatter()
    items = [
        html.Li([glyph("unavailable", 13), html.Div([
            html.P(html.B(subject_words(row))),
            html.P(t("{from_} \u2013 {until}", from_=form.stamp(row["from_at"], seconds=False),
                     until=form.stamp(row["until_at"], seconds=False)), className="mut"),
            html.P(row["note"] or "", className="faint"),
        ])]) for row in rows
    ]  # fmt: skip
    return html.Ol(items, className="exclusions")


def _form(shift: Shift) -> Child:
    """What no list says; whoever may act hands over."""
    if not may_command():
        return None
    text = dcc.Textarea(id="handover-text", className="field", rows=6, maxLength=shifts.MOST_TEXT,
                        placeholder=t("What the next shift must know"))  # fmt: skip
    label = html.Label([html.Span(t("In your words"), className="vh"), text])
    told = tn("{n} incident goes on the list.", "{n} incidents go on the list.",
              len(shift.opened))  # fmt: skip
    send = button(t("Hand over"), id="handover-send", kind="pri", **{"data-once": "true"})
    body = [label, html.Div([html.Span(told, className="mut"), html.Span(className="sp"), send],
                            className="form-foot"),
            html.Div(id="handover-notice", role="status")]  # fmt: skip
    sub = t("as {name}", name=current_user.name)
    return panel(
        t("Hand over"), html.Div(body, className="act-form block"), sub=sub, kind="no-print"
    )


def earlier() -> Child:
    rows = shifts.read_handovers()
    if not rows:
        return None
    form = formatter()
    items = [
        html.Li([html.A(form.stamp(row["at"], seconds=False),
                        href=f"/app/handover?id={row['handover_id']}"), " ", row["author"],
                 html.P(row["text"][:120], className="faint")])
        for row in rows
    ]  # fmt: skip
    return panel(t("Earlier handovers"), html.Ol(items, className="handover-earlier"),
                 kind="no-print", id="handover-earlier")  # fmt: skip


def _given(number: str) -> list[Child]:
    """A handover as it was; later news of its incidents stand on their pages."""
    wanted = whole(number, BIGINT)
    row = None if wanted is None else shifts.read_handover(wanted)
    if row is None:
        return [error_state(t("There is no such handover"), "", retry_href="/app/handover")]
    at, found = row["at"], [_revived(one) for one in row["incidents"]]
    opened = [entry(one, one["notes"], at) for one in found if not one["resolved_at"]]
    resolved = [entry(one, (), at) for one in found if one["resolved_at"]]
    sub = t("{name}, {time}", name=row["author"], time=formatter().stamp(at, seconds=False))
    parts: list[Child] = [html.P(row["text"] or t("No words were added."),
                                 className="pb note-text")]  # fmt: skip
    lists = [
        panel(t("Handover"), *parts, sub=sub),
        panel(t("Open then"), html.Ol(opened, className="handover-list")),
        panel(t("Resolved in that shift"), html.Ol(resolved, className="handover-list")),
    ]
    back = html.Div(link(t("The list as it stands now"), "/app/handover"), className="no-print")
    return [html.Div([*lists, back], className="stack handover-given", id="handover")]


def _revived(one: dict[str, Any]) -> Row:
    """A kept incident with instants again."""
    ats = {name: datetime.fromisoformat(one[name]) if one.get(name) else None
           for name in ("opened_at", "resolved_at")}  # fmt: skip
    notes = [note | {"at": datetime.fromisoformat(note["at"])} for note in one["notes"]]
    return one | ats | {"notes": notes}


def register(staff: Dash) -> None:
    @staff.callback(
        Output("handover-notice", "children"),
        Output("handover-text", "value"),
        Input("handover-send", "n_clicks"),
        State("handover-text", "value"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def hand_over(clicks: int | None, text: str | None) -> Any:
        if not clicks:
            return no_update, no_update
        number = shifts.hand_over(text or "", datetime.now(UTC))
        told = [glyph("finished"), html.Span(t("Handed over; the list is kept.")),
                html.A(t("To the list"), href=f"/app/handover?id={number}")]  # fmt: skip
        return html.Div(told, className="guard ok"), ""


PAGE = Page("handover", "/handover", title(mark("Hand over shift")), layout, register=register)
