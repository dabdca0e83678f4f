"""Planned maintenance: windows in which nothing alarms, and the form to plan one.

A window is a row of outage_exclusion, the same that Reliability shows: within it alerts raise no
incident, and the time does not count against uptime.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard import data, exclusions, shifts
from dashboard.auth import require_role
from dashboard.components import Child, Column, button, empty_state, glyph, panel, table
from dashboard.i18n import formatter, mark, t
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.incident_words import kind_words
from dashboard.pages.ledger_refund import problem
from dashboard.pages.reliability_exclude import PLANNED, WRITTEN, acts, listed

REASON = "scheduled_maintenance"


def layout(site: str = "", **_parts: Any) -> Child:
    """`site`: whose window is planned; else it is chosen in the form."""
    now = datetime.now(UTC)
    parts: list[Child] = []
    if acts():
        told = t("Within a window nothing alarms there, and the time does not count as downtime.")
        parts.append(panel(t("Plan maintenance"), form(_pick(site), None, now, foot=told)))
    parts.append(panel(t("Maintenance windows"), windows(None, now)))
    if under := shifts.read_planned_alerts(now):
        parts.append(panel(t("Quiet under maintenance now"), _under(under, now), id="under"))
    controls = [spacer(), live_stamp()]
    return frame("maintenance", t("Maintenance"), [html.Div(parts, className="stack maintenance")],
                 controls)  # fmt: skip


def _under(rows: list[data.Row], now: datetime) -> Child:
    """Alerts that would be incidents otherwise."""
    form_ = formatter()
    columns = [Column(t("Alert")), Column(t("Station")), Column(t("Site"), "ell"),
               Column(t("Raised")), Column(t("Planned until"))]  # fmt: skip
    drawn = [
        [kind_words(row["kind"]), row["station_id"] or "", row["site"] or "",
         form_.since(row["raised_at"], now), form_.stamp(row["planned_until"], seconds=False)]
        for row in rows
    ]  # fmt: skip
    return table(t("Quiet under maintenance now"), columns, drawn)


def _pick(site: str) -> Child:
    sites = data.sites()
    options = [(row["name"], f"site:{row['site_id']}") for row in sites]
    names = sorted({name for row in sites for name in row["station_ids"]})
    options += [(name, f"station:{name}") for name in names]
    chosen = f"site:{site}" if any(value == f"site:{site}" for _, value in options) else ""
    first = html.Option(t("Choose a site or a station"), value="")
    listed_ = [html.Option(text, value=value) for text, value in options]
    pick = html.Select([first, *listed_], id="plan-pick", className="field")
    # assets/staff/incidents.js writes what is picked into the field that is sent
    sent = dcc.Input(chosen, id="plan-what", type="hidden")
    return html.Label([html.Span(t("What")), pick, sent])


def windows(site_id: int | None, now: datetime) -> Child:
    """The list that follows when one is planned."""
    return html.Div(_listed(site_id, now), id="exclusions-list")


def _listed(site_id: int | None, now: datetime) -> Child:
    rows = shifts.read_windows(now, site_id)
    if not rows:
        return empty_state(t("No maintenance is planned"), t("Nor was any in the last 90 days."))
    return listed(rows, now, shifts.MOST)


def form(what: Child, site_id: int | None, now: datetime, *, foot: str = "") -> Child:
    """What, from when until when in the operator's zone, and which job it is."""
    begin = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    zone = formatter().zone
    fields = [
        dcc.Input(f"{at.astimezone(zone):{WRITTEN}}", id=f"plan-{name}", className="field",
                  autoComplete="off", placeholder="2026-11-22 14:00", maxLength=25)
        for name, at in (("from", begin), ("until", begin + PLANNED))
    ]  # fmt: skip
    note = dcc.Input(id="plan-note", className="field wide", autoComplete="off",
                     maxLength=exclusions.MOST_NOTE,
                     placeholder=t("Which job, who does it"))  # fmt: skip
    send = button(t("Plan maintenance"), id="plan-send", kind="pri", **{"data-once": "true"})
    body = [
        what,
        html.Label([html.Span(t("From")), fields[0]]),
        html.Label([html.Span(t("Until")), fields[1]]),
        html.Label([html.Span(t("Job")), note]),
        html.Div([html.Span(foot, className="mut"), html.Span(className="sp"), send],
                 className="form-foot"),
        html.Div(id="plan-notice", role="status"),
        dcc.Store(id="plan-site", data=site_id),
    ]  # fmt: skip
    return html.Div(body, className="act-form plan")


def register(staff: Dash) -> None:
    @staff.callback(
        Output("plan-notice", "children"),
        Output("exclusions-list", "children", allow_duplicate=True),
        Input("plan-send", "n_clicks"),
        State("plan-what", "value"),
        State("plan-from", "value"),
        State("plan-until", "value"),
        State("plan-note", "value"),
        State("plan-site", "data"),
        prevent_initial_call=True,
    )
    @require_role(*exclusions.ACTING)
    def plan(
        clicks: int | None, what: str | None, from_: str | None, until: str | None,
        note: str | None, site_id: int | None,
    ) -> Any:  # fmt: skip
        if not clicks:
            return no_update, no_update
        edges, zone = (from_ or "", until or ""), data.deps().settings.zone
        try:
            wish = exclusions.read_wish(what or "", edges, REASON, note or "", zone)
            exclusions.exclude(wish)
        except exclusions.WrongError as wrong:
            return problem(t(exclusions.WRONG[wrong.what])), no_update
        told = [glyph("finished"), html.Span(t("It is planned: no alarms there until it is over."))]
        return html.Div(told, className="guard ok"), _listed(site_id, datetime.now(UTC))


PAGE = Page("maintenance", "/maintenance", title(mark("Maintenance")), layout, register=register)
