"""What can be done about an incident: take it, see it, give it to a person with a note, write a
note, plan maintenance, close it as a false alarm."""

import time
from datetime import UTC, datetime
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from flask_login import current_user

from dashboard import incidents as own
from dashboard.auth import require_role
from dashboard.components import Child, button, glyph, panel
from dashboard.i18n import t
from dashboard.incidents import Incident
from dashboard.pages import maintenance
from dashboard.pages.frame import COMMANDING, may_command
from dashboard.pages.ledger_refund import problem
from dashboard.pages.reliability_exclude import acts

FEW = 8  # people that fit beside each other


def layout(found: Incident) -> Child:
    """Forms for those who may act; they stay as typed while the rest of the page is drawn anew."""
    parts: list[Child] = [html.Div(quick(found), id="incident-deeds")]
    if may_command():
        parts += [_assign(found), _note()] if found.is_open else [_note()]
    forms: list[Child] = []
    if acts() and (what := _what(found)):
        forms.append(_plan(found, what))
    if may_command() and found.is_open:
        forms.append(_false_alarm())
    if forms:
        parts.append(html.Div(forms, className="forms block"))
    parts.append(html.Div(id="incident-act-notice", role="status"))
    if not may_command():
        parts.append(html.P(t("Your role may look, not act"), className="faint block"))
    return panel(t("Act"), *parts, id="incident-act")


def quick(found: Incident) -> Child:
    """What takes one click."""
    row = found.row
    if not found.is_open or not may_command():
        return None
    names = []
    if row["owner"] != current_user.name:
        names.append(("take", t("Take it")))
    if not row["acknowledged_at"]:
        names.append(("acknowledge", t("Acknowledge")))
    return html.Div([button(words, kind="act", id={"type": "incident-quick", "deed": name})
                     for name, words in names], className="quick")  # fmt: skip


def _assign(found: Incident) -> Child:
    people = own.read_owners()
    chosen = found.row["owner"] if found.row["owner"] in people else None
    who: Child
    if len(people) <= FEW:
        who = html.Div(dcc.RadioItems(people, chosen, id="assign-owner", className="seg people",
                                      inline=True),
                       className="choice", title=t("To whom"))  # fmt: skip
    else:
        who = dcc.Dropdown(people, chosen, id="assign-owner", placeholder=t("To whom"))
    note = dcc.Input(id="assign-note", className="field wide", autoComplete="off",
                     maxLength=own.MOST_NOTE, placeholder=t("What they must know"))  # fmt: skip
    send = button(t("Assign"), id="assign-send", kind="act")
    body = [
        html.H3(t("Assign")),
        who,
        html.Div([html.Label([html.Span(t("Note")), note]), send], className="one-line"),
    ]
    return html.Div(body, className="act-form block", id="assign")


def _note() -> Child:
    text = dcc.Textarea(id="note-text", className="field", maxLength=own.MOST_NOTE, rows=2,
                        placeholder=t("What you saw, did or were told"))  # fmt: skip
    label = html.Label([html.Span(t("Note"), className="vh"), text])
    send = button(t("Write note"), id="note-send")
    return html.Div([html.H3(t("Note")), label,
                     html.Div([html.Span(className="sp"), send], className="form-foot")],
                    className="act-form block", id="note")  # fmt: skip


def _what(found: Incident) -> list[tuple[str, str]]:
    """What a window can be about: the site of the incident, its stations."""
    row = found.row
    options = [(row["site"], f"site:{row['site_id']}")] if row["site_id"] is not None else []
    names = sorted({one["station_id"] for one in found.alerts if one["is_known"]})
    return options + [(name, f"station:{name}") for name in names[: FEW - 1]]


def _plan(found: Incident, options: list[tuple[str, str]]) -> Child:
    choices = [{"label": text, "value": value} for text, value in options]
    what = dcc.RadioItems(choices, options[0][1], id="plan-what", className="seg", inline=True)
    site_id, now = found.row["site_id"], datetime.now(UTC)
    body = [maintenance.form(html.Div(what, className="choice", title=t("What it is about")),
                             site_id, now)]  # fmt: skip
    if site_id is not None:
        body.append(maintenance.windows(site_id, now))
    else:
        body.append(html.Div(id="exclusions-list"))
    head = html.Summary(t("Plan maintenance\u2026"), className="ctl")
    return html.Details([head, html.Div(body)], id="plan")


def _false_alarm() -> Child:
    reason = dcc.Input(id="false-reason", className="field wide", autoComplete="off",
                       maxLength=own.MOST_NOTE,
                       placeholder=t("How you know that nothing was wrong"))  # fmt: skip
    told = t("Its alerts stay quiet until they are over.")
    send = button(t("Close as false alarm"), id="false-send", kind="dng")
    body = [html.Label([html.Span(t("Reason")), reason]),
            html.Div([html.Span(told, className="mut"), html.Span(className="sp"), send],
                     className="form-foot")]  # fmt: skip
    head = html.Summary(t("False alarm\u2026"), className="ctl ghost")
    return html.Details([head, html.Div(body, className="act-form")], id="false-alarm")


# -- callbacks --------------------------------------------------------------------------------

TICK = Output("incident-tick", "data", allow_duplicate=True)
NOTICE = Output("incident-act-notice", "children", allow_duplicate=True)
VIEW = State("incident-view", "data")


def register(staff: Dash) -> None:
    _register_quick(staff)
    _register_assign(staff)
    _register_note(staff)
    _register_false_alarm(staff)


def _answer(done: bool, words: str) -> tuple[Any, Any]:
    """What was done, and the sign to draw the page anew; or why nothing was done."""
    if not done:
        return problem(t("Nothing was changed: it is over, or somebody was quicker.")), time.time()
    return html.Div([glyph("finished"), html.Span(words)], className="guard ok"), time.time()


def _number(view: Any) -> int:
    """A number that no incident has, where the page sends none."""
    found = view.get("incident") if isinstance(view, dict) else None
    return found if isinstance(found, int) and 0 < found < own.NEWEST else 0


def _register_quick(staff: Dash) -> None:
    @staff.callback(
        NOTICE, TICK,
        Input({"type": "incident-quick", "deed": ALL}, "n_clicks"),
        VIEW,
        prevent_initial_call=True,
    )  # fmt: skip
    @require_role(*COMMANDING)
    def handle(clicks: list[int | None], view: Any) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        if ctx.triggered_id["deed"] == "take":
            return _answer(own.take(_number(view)), t("It is yours."))
        return _answer(own.acknowledge(_number(view)), t("Acknowledged."))


def _register_assign(staff: Dash) -> None:
    @staff.callback(
        NOTICE, TICK, Output("assign-note", "value"),
        Input("assign-send", "n_clicks"),
        Input("assign-note", "n_submit"),
        State("assign-owner", "value"),
        State("assign-note", "value"),
        VIEW,
        prevent_initial_call=True,
    )  # fmt: skip
    @require_role(*COMMANDING)
    def assign(
        clicks: int | None, entered: int | None, owner: str | None, note: str | None, view: Any
    ) -> Any:
        if not clicks and not entered:
            return no_update, no_update, no_update
        if not owner:
            return problem(t("Choose a person.")), no_update, no_update
        done = own.assign(_number(view), owner, note or "")
        told = _answer(done, t("{name} has it now.", name=owner))
        return *told, "" if done else no_update


def _register_note(staff: Dash) -> None:
    @staff.callback(
        NOTICE, TICK, Output("note-text", "value"),
        Input("note-send", "n_clicks"),
        State("note-text", "value"),
        VIEW,
        prevent_initial_call=True,
    )  # fmt: skip
    @require_role(*COMMANDING)
    def note(clicks: int | None, text: str | None, view: Any) -> Any:
        if not clicks:
            return no_update, no_update, no_update
        if not (text or "").strip():
            return problem(t("Write something first.")), no_update, no_update
        done = own.add_note(_number(view), text or "")
        return *_answer(done, t("Written.")), "" if done else no_update


def _register_false_alarm(staff: Dash) -> None:
    @staff.callback(
        NOTICE, TICK,
        Input("false-send", "n_clicks"),
        State("false-reason", "value"),
        VIEW,
        prevent_initial_call=True,
    )  # fmt: skip
    @require_role(*COMMANDING)
    def close(clicks: int | None, reason: str | None, view: Any) -> Any:
        if not clicks:
            return no_update, no_update
        if not (reason or "").strip():
            return problem(t("Write how you know it.")), no_update
        done = own.close_as_false(_number(view), reason or "")
        return _answer(done, t("It is closed."))
