"""What an incident is made of: stations and evses with the way to their evidence, and the raw facts
and messages around one of its alerts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from dash import html

from dashboard import incidents as own
from dashboard.components import Child, Column, aria, badge, empty_state, glyphs, panel, table
from dashboard.data import Row
from dashboard.i18n import formatter, t, tn
from dashboard.incidents import Incident
from dashboard.pages import incident_words as words
from dashboard.pages.reliability_evidence import messages, proofs
from dashboard.states import state_word


def concerned(found: Incident, alert: str) -> Child:
    """One line per alert; of a dark site one line per station, as all of it is dark."""
    columns = [Column(t("Alert")), Column(t("Station")), Column(t("Now")), Column(t("Raised")),
               Column(t("Over")), Column(t("Behind it"), "ell"), Column(t("Evidence"))]  # fmt: skip
    now, chosen = datetime.now(UTC), chosen_of(found, alert)
    rows = [_row(one, now, one is chosen) for one in found.alerts]
    stations = {one["station_id"] for one in found.alerts}
    sub = tn("{n} alert", "{n} alerts", len(found.alerts))
    if stations - {None}:
        sub += " \u00b7 " + tn("{n} station", "{n} stations", len(stations - {None}))
    nothing = empty_state(t("No alert of a station belongs to it"),
                          t("It is about more than one of them."))  # fmt: skip
    parts: list[Child] = [table(t("Alerts"), columns, rows, empty=nothing)]
    if len(found.alerts) == own.MOST_ALERTS:
        parts.append(html.P(t("The first {n} are shown.", n=own.MOST_ALERTS), className="more"))
    if found.evses:
        parts.append(_site(found.evses))
    return panel(t("Stations concerned"), *parts, sub=sub, id="concerned")


def chosen_of(found: Incident, alert: str) -> Row | None:
    """The alert that the address names, else the first of a station of ours."""
    known = [one for one in found.alerts if one["station_id"]]
    named = (one for one in known if str(one["alert_id"]) == alert)
    return next(named, known[0] if known else None)


def _row(one: Row, now: datetime, is_chosen: bool) -> list[Child]:
    form, current = formatter(), aria(current="true") if is_chosen else {}
    here = f"?alert={one['alert_id']}"
    open_it = html.A(t("Facts and messages"), href=f"/app/incident/{one['incident_id']}{here}",
                     **current) if one["station_id"] else ""  # fmt: skip
    return [
        words.kind_words(one["kind"]),
        _station(one),
        badge(one["state"]) if one["state"] else _contact(one),
        form.since(one["raised_at"], now),
        _over(one, now),
        words.cause_words({"kind": one["kind"], "cause": one["detail"].get("error_code")},
                          one["detail"], now),
        html.Span([open_it, *_elsewhere(one)], className="ways"),
    ]  # fmt: skip


def _station(one: Row) -> Child:
    name = one["station_id"]
    if not name:
        return ""
    evse = f"\u2009/\u2009{one['evse_id']}" if one["evse_id"] else ""
    if not one["is_known"]:
        return html.Span(name + evse, className="mono")
    return html.A(name + evse, href=f"/app/station/{quote(name, safe='')}", className="mono")


def _contact(one: Row) -> Child:
    if not one["is_known"]:
        return ""
    state = "available" if one["is_online"] else "unknown"
    return badge(state, t("In contact") if one["is_online"] else state_word("unknown"))


def _over(one: Row, now: datetime) -> str:
    form = formatter()
    if one["dismissed_at"]:
        return t("false alarm")
    if one["planned_until"] and one["planned_until"] > now:
        return t("planned until {time}", time=form.since(one["planned_until"], now))
    if one["resolved_at"]:
        return form.since(one["resolved_at"], now)
    return t("calm since {time}", time=form.since(one["over_at"], now)) if one["over_at"] else (
        t("goes on"))  # fmt: skip


def _elsewhere(one: Row) -> list[Child]:
    """Where more of it is: its session, the attempts at its evse."""
    found: list[Child] = []
    if session_id := one["detail"].get("session_id"):
        found.append(html.A(t("Session"), href=f"/app/session/{session_id}"))
    if one["is_known"] and one["kind"] in ("failing_starts", "silent_evse"):
        asked = {"show": "attempts", "range": "7d", "station": one["station_id"]}
        found.append(html.A(t("Attempts"), href=f"/app/reliability?{urlencode(asked)}"))
    return found


def _site(evses: Sequence[Row]) -> Child:
    """Every station of the site as it is now."""
    by_station: dict[str, list[Row]] = {}
    for one in evses:
        by_station.setdefault(one["station_id"], []).append(one)
    items = [
        html.Li([html.A(name, href=f"/app/station/{quote(name, safe='')}", className="mono"),
                 glyphs([row["state"] for row in rows])])
        for name, rows in by_station.items()
    ]  # fmt: skip
    return html.Div([html.H3(t("All of the site, now")), html.Ul(items, className="site-now")],
                    className="block")  # fmt: skip


def evidence(found: Incident, alert: str) -> Child:
    """The facts and frames around the chosen alert."""
    one = chosen_of(found, alert)
    if one is None:
        return None
    read = own.read_evidence(one)
    evse = f" {t('evse {n}', n=one['evse_id'])}" if one["evse_id"] else ""
    sub = t("{station}, around {time}", station=f"{one['station_id']}{evse}",
            time=formatter().stamp(one["raised_at"]))  # fmt: skip
    parts: list[Any] = [
        html.Div([html.H3(t("Facts")), html.Ol(proofs(read), className="proofs")],
                 className="block"),
        html.Div([html.H3(t("OCPP messages")), messages(read.messages)], className="block"),
    ]  # fmt: skip
    return panel(t("Evidence"), *parts, sub=sub, id="evidence")
