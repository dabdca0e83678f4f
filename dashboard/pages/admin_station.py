"""One station as administrators keep it: place, router, evses, password, trace, retirement."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, html

from dashboard import administration
from dashboard.components import Child, Column, empty_state, facts, link, panel, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_form import (
    Done,
    Field,
    deed,
    deeds_said,
    folded,
    form,
    named,
    register_deeds,
    register_form,
    sure,
)
from dashboard.pages.admin_frame import READERS, acts, admin_page, only_looks, stamp
from dashboard.pages.admin_stations import state, with_password
from dashboard.pages.frame import Page, title
from sql import fields
from sql.admin import sites, stations
from sql.admin.passwords import new_password
from sql.fields import read_form

KEY, EVSE, DEEDS = "station-kept", "evse-kept", "station-own-deed"
CHECKS: dict[str, fields.Check] = {
    "site": fields.plain(200),
    "router": fields.plain(100),
    "note": fields.plain(1000),
}


def layout(station_id: str = "", **_parameters: Any) -> Child:
    row = administration.row("station", station_id=station_id[:200])
    if row is None:
        note = empty_state(t("There is no such station"), t("Choose one of the list."))
        return admin_page("stations", [panel(t("Station"), note)], t("Not found"))
    left = [_kept(row), _evses(row)]
    right = [_about(row), *([_deeds(row)] if acts() else [])]
    body = html.Div(
        [html.Div(left, className="stack"), html.Div(right, className="stack")],
        className="cols admin-cols",
    )
    return admin_page("stations", [body], row["station_id"])


def _about(row: Row) -> Child:
    model = " ".join(row[name] for name in ("vendor", "model") if row[name])
    pairs: list[tuple[str, Child]] = [
        (t("State"), state(row)),
        (t("Model"), model or "\u2013"),
        (t("Serial number"), row["serial_number"] or "\u2013"),
        (t("Firmware"), row["firmware_version"] or "\u2013"),
        ("OCPP", row["ocpp_version"] or "\u2013"),
        (t("Last message"), stamp(row["last_seen_at"])),
        (t("Registered"), stamp(row["created_at"])),
    ]
    look = link(t("Open the station"), f"/app/station/{row['station_id']}")
    return panel(t("Station"), html.Div(facts(pairs), className="pb"), right=[look])


def _kept(row: Row) -> Child:
    names = [site["name"] for site in administration.rows("site_names")]
    lines = list(
        named(
            [
                Field("site", t("Site"), hint=t("empty: it stands nowhere"), suggestions=names),
                Field(
                    "router",
                    t("Router"),
                    hint=t("stations behind one router lose contact together"),
                    most=100,
                ),
                Field("note", t("Note"), most=1000),
            ],
            row,
        )
    )
    if not acts():
        body: Child = html.Div([facts((f.label, f.value or "\u2013") for f in lines), only_looks()])
    else:
        body = form(KEY, lines, t("Save"), about=row["station_id"])
    return panel(t("Where it stands"), html.Div(body, className="pb"))


def _evses(row: Row) -> Child:
    station_id = row["station_id"]
    body: list[Child] = [html.Div(evse_list(station_id), id="evses-listed")]
    if acts():
        inside = form(
            EVSE,
            [
                Field("evse_id", t("Number"), hint="1", most=3),
                Field("public_code", t("Public code"), hint=t("empty: it is given one"), most=40),
                Field("max_power_w", t("Power, kW"), hint="22", most=20),
                Field(
                    "standard",
                    t("Connector"),
                    hint="Type 2, CCS",
                    most=40,
                    suggestions=("Type 2", "CCS", "CHAdeMO", "Schuko"),
                ),
            ],
            t("Save"),
            about=station_id,
            note=t("The number of an evse that is there changes it."),
        )
        body.append(html.Div(folded(t("Add or change an evse\u2026"), inside), className="pb"))
    return panel(t("Evses"), *body)


def evse_list(station_id: str) -> Child:
    rows = administration.rows("evses", station_id=station_id)
    columns = [
        Column(t("Number"), "num"),
        Column(t("Public code")),
        Column(t("Power"), "num"),
        Column(t("Connectors"), "ell"),
    ]
    cells = [
        [
            str(row["evse_id"]),
            html.Span(row["public_code"] or "\u2013", className="mono"),
            formatter().rating(row["max_power_w"]) if row["max_power_w"] else "\u2013",
            ", ".join(name or t("unknown") for name in row["standards"] or []),
        ]
        for row in rows
    ]
    nothing = empty_state(
        t("No evses yet"), t("A station's messages make them, or the form below.")
    )
    return table(t("Evses"), columns, cells, empty=nothing)


def _deeds(row: Row) -> Child:
    return panel(t("Access"), html.Div(access(row), id="access-listed"), deeds_said(DEEDS))


def access(row: Row) -> Child:
    """Password, trace, retirement, each with what it means."""
    name, now = row["station_id"], datetime.now(UTC)
    retired = row["decommissioned_at"] is not None
    traced = row["trace_until"] and row["trace_until"] > now
    lines = []
    if row["registration_status"] == "Pending":
        words = t("Approve {name}", name=name)
        lines.append(
            (
                deed(DEEDS, "approve", name, t("Approve"), words, kind="pri"),
                t("It has presented itself and waits."),
            )
        )
    lines.append(
        (
            sure(
                DEEDS, "password", name, t("New password"), t("New password of {name}", name=name)
            ),
            t("The old one is good no more, and the open connection is closed."),
        )
    )
    trace = ("untrace", t("End trace")) if traced else ("trace", t("Trace for 24 h"))
    until = (
        t("on until {t}", t=stamp(row["trace_until"]))
        if traced
        else t("Keeps readings in the message log.")
    )
    lines.append((deed(DEEDS, trace[0], name, trace[1], f"{trace[1]}: {name}"), until))
    if retired:
        lines.append(
            (
                deed(DEEDS, "back", name, t("Bring back"), t("Bring back {name}", name=name)),
                t("Retired {date}", date=stamp(row["decommissioned_at"])),
            )
        )
    else:
        lines.append(
            (
                sure(DEEDS, "retire", name, t("Retire"), t("Retire {name}", name=name)),
                t("Out of service for good; what it did stays."),
            )
        )
    return html.Ul(
        [html.Li([one, html.Span(words, className="mut")]) for one, words in lines],
        className="deed-list",
    )


def keep(values: dict[str, str], about: Any) -> Done:
    """Move a station, say more of it."""
    said = read_form(values, CHECKS)
    administration.do(_keep, str(about), said)
    return Done(t("{name} is saved.", name=about), values=None)


def _keep(connection: Any, actor: str, station_id: str, said: dict[str, Any]) -> None:
    site = said["site"]
    site_id = sites.find_site(connection, "site", site) if site else None
    changes = {"site_id": site_id, "router": said["router"], "note": said["note"]}
    stations.change_station(connection, actor, station_id, changes)


def keep_evse(values: dict[str, str], about: Any) -> Done:
    """Add an evse, or change the one of that number."""
    evse = read_form(values, stations.EVSE_CHECKS, needed=("evse_id",))
    administration.do(stations.put_evse, str(about), evse)
    words = t("Evse {n} of {name} is saved.", n=evse["evse_id"], name=about)
    return Done(words, listed=evse_list(str(about)))


def press(name: str, of: Any) -> Done:
    """New password, trace, retirement, approval."""
    station_id, now = str(of), datetime.now(UTC)
    if name in ("password", "approve"):
        return _with_password(name, station_id)
    if name in ("trace", "untrace"):
        until = now + stations.TRACED if name == "trace" else None
        administration.do(stations.trace, station_id, until)
        words = (
            t("Readings are kept in the log until {t}.", t=stamp(until))
            if until
            else t("The trace is over.")
        )
    elif name == "retire":
        administration.do(stations.retire, station_id, now)
        words = t("{name} is retired.", name=station_id)
    else:
        administration.do(stations.bring_back, station_id)
        words = t("{name} belongs to the network again.", name=station_id)
    return Done(words, listed=_again(station_id))


def _with_password(name: str, station_id: str) -> Done:
    password = new_password()
    if name == "password":
        administration.do(stations.set_password, station_id, password)
        words = t("{name} has a new password; it must come in anew.", name=station_id)
    else:
        administration.do(stations.approve_station, station_id, password)
        words = t("{name} is approved; it hears of it at its next boot.", name=station_id)
    return with_password(words, station_id, password, listed=_again(station_id))


def _again(station_id: str) -> Child:
    row = administration.row("station", station_id=station_id)
    return access(row) if row else None


def register(staff: Dash) -> None:
    register_form(staff, KEY, keep)
    register_form(staff, EVSE, keep_evse, listed="evses-listed")
    register_deeds(staff, DEEDS, press, "access-listed")


PAGE = Page(
    "admin_station",
    "/admin/station",
    title(mark("Station")),
    layout,
    path_template="/admin/station/<station_id>",
    roles=READERS,
    register=register,
)
