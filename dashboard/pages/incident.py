"""One incident: what it is made of, the evidence, what was done about it, and what can be done."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from dash import Dash, Input, Output, State, dcc, html

from dashboard import incidents as own
from dashboard.auth import require_role
from dashboard.components import Child, aria, avatar, badge, error_state, facts, glyph, link
from dashboard.data import Row
from dashboard.digits import BIGINT, whole
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t
from dashboard.incidents import Incident
from dashboard.pages import incident_act, incident_evidence, incident_history
from dashboard.pages import incident_words as words
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.incidents import ended_words


def layout(incident_id: str = "", **parameters: Any) -> Child:
    """One that does not exist is named as such."""
    number = unquote(incident_id)
    wanted = whole(number, BIGINT)
    found = None if wanted is None else own.read_incident(wanted)
    if found is None:
        note = error_state(t("There is no incident {name}", name=number[:40]),
                           t("Look for it among open and past ones."),
                           retry_href="/app/incidents")  # fmt: skip
        return frame("incidents", t("Unknown incident"), [note])
    alert = str(parameters.get("alert") or "")
    heading = html.Div([html.A(t("Incidents"), href="/app/incidents", className="crumb"),
                        html.Span("/", className="faint"),
                        html.H1(t("Incident {n}", n=number))], className="heading")  # fmt: skip
    return frame("incidents", heading, body(found, alert), [spacer(), live_stamp()])


def body(found: Incident, alert: str) -> list[Child]:
    here: dict[str, Any] = {"data-incident": str(found.row["incident_id"])}
    state = {"incident": found.row["incident_id"], "alert": alert}
    left = html.Div([html.Div(incident_evidence.concerned(found, alert), id="incident-concerned"),
                     html.Div(incident_evidence.evidence(found, alert))],
                    className="stack")  # fmt: skip
    right = html.Div([incident_act.layout(found),
                      html.Div(incident_history.timeline(found), id="incident-history")],
                     className="stack side")  # fmt: skip
    return [
        html.Div(id="incident", hidden=True, **here),
        dcc.Store(id="incident-view", data=state),
        dcc.Store(id="incident-tick"),
        html.Div(verdict(found, datetime.now(UTC)), id="incident-verdict"),
        html.Div([left, right], className="cols one-incident"),
    ]


def verdict(found: Incident, now: datetime) -> Child:
    """What happened, why, what to do next; owner, age and how far it has come beside it."""
    row = about(found)
    kind = row["kind"]
    detail = {**found.alerts[0]["detail"], **row["detail"]} if len(found.alerts) == 1 else (
        row["detail"])  # fmt: skip
    told = [html.P(words.title_words(row, now), className="verdict-line"),
            html.P(words.cause_words(row, detail, now), className="mut")]  # fmt: skip
    if found.is_open and (then := words.next_words(row)):
        phone = f" \u00b7 {row['phone']}" if row["phone"] and kind == "site_dark" else ""
        told.append(html.P([html.Span(t("Next"), className="faint"), " ", html.B(then + phone)],
                           className="verdict-next"))  # fmt: skip
    critical = " crit" if found.is_open and row["severity"] == "critical" else ""
    left = html.Div([glyph(words.shape(kind), 20), html.Div(told)], className="verdict-words")
    right = html.Div(facts(_facts(found, now)), className="verdict-action")
    return html.Section([left, right], className=f"panel verdict{critical}",
                        **aria(label=t("Verdict")))  # fmt: skip


def about(found: Incident) -> Row:
    """The incident's row with the counts that its words need."""
    stations = sorted({one["station_id"] for one in found.alerts if one["station_id"]}
                      | {one["station_id"] for one in found.evses})  # fmt: skip
    evses = {(a["station_id"], a["evse_id"]) for a in found.alerts if a["evse_id"]}
    return found.row | {
        "stations": len(stations), "station_id": stations[0] if stations else None,
        "evses": len(found.evses) or len(evses) or len(stations),
    }  # fmt: skip


def _facts(found: Incident, now: datetime) -> list[tuple[str, Child]]:
    form, row = formatter(), found.row
    end = row["resolved_at"] or now
    seen = UNKNOWN
    if row["acknowledged_at"]:
        seen = t("{time} by {name}", time=form.since(row["acknowledged_at"], now),
                 name=row["acknowledged_by"] or UNKNOWN)  # fmt: skip
    owner = [avatar(row["owner"]), html.Span(row["owner"] or t("Nobody yet"))]
    state = badge("finished", ended_words(row, now)) if not found.is_open else t("Open")
    pairs: list[tuple[str, Child]] = [
        (t("State"), state),
        (t("Severity"), words.severity_words(row["severity"])),
        (t("Began"), form.stamp(row["opened_at"], seconds=False)),
        (t("Lasts") if found.is_open else t("Lasted"),
         html.B(form.length((end - row["opened_at"]).total_seconds()))),
        (t("Owner"), html.Span(owner, className="owner")),
        (t("Acknowledged"), seen),
    ]  # fmt: skip
    if row["reopened"]:
        pairs.append((t("Came back"), t("{n} times", n=row["reopened"])))
    if row["merged_into"]:
        href = f"/app/incident/{row['merged_into']}"
        pairs.append((t("Part of"), link(t("Incident {n}", n=row["merged_into"]), href)))
    return pairs


def register(staff: Dash) -> None:
    """Something about it has changed: draw the parts that are read anew; forms stay as typed."""

    @staff.callback(
        Output("incident-verdict", "children"),
        Output("incident-concerned", "children"),
        Output("incident-history", "children"),
        Output("incident-deeds", "children"),
        Input("incident-tick", "data"),
        State("incident-view", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def redraw(_tick: Any, view: dict[str, Any]) -> tuple[Child, ...]:
        found = own.read_incident(int(view["incident"]))
        if found is None:
            return error_state(t("There is no incident {name}", name=view["incident"]), ""), *(
                None, None, None)  # fmt: skip
        return (
            verdict(found, datetime.now(UTC)),
            incident_evidence.concerned(found, str(view.get("alert") or "")),
            incident_history.timeline(found),
            incident_act.quick(found),
        )

    incident_act.register(staff)


PAGE = Page(
    "incident", "/incident", title(mark("Incident")), layout,
    path_template="/incident/<incident_id>", register=register,
)  # fmt: skip
