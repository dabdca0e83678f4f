"""Stations: a list with those that wait for approval, and the form to register one."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dash import Dash, html
from flask import request

from dashboard import administration
from dashboard.components import Child, Column, empty_state, panel, segments, table
from dashboard.data import Row, deps
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_form import (
    Done,
    Field,
    deed,
    deeds_said,
    form,
    register_deeds,
    register_form,
)
from dashboard.pages.admin_frame import (
    READERS,
    acts,
    admin_page,
    asked,
    more_link,
    shaped,
    stamp,
)
from dashboard.pages.frame import Page, search_box, title
from dashboard.pages.station_connect import ocpp_address
from sql.admin import stations
from sql.admin.passwords import new_password
from sql.fields import read_form

KEY, DEEDS = "station-new", "station-deed"
SHOWS = {
    "": mark("In the network"),
    "pending": mark("Awaiting approval"),
    "retired": mark("Retired"),
}
ONCE = mark("Shown only now: write it into the station. A new one can be made at any time.")


def layout(**parameters: Any) -> Child:
    q, after = asked(parameters, "q"), asked(parameters, "after")
    show = asked(parameters, "show")
    show = show if show in SHOWS else ""
    counts = administration.row("station_counts") or {}
    numbers = {"": counts["active"], "pending": counts["pending"], "retired": counts["retired"]}
    choices = [
        (
            f"{t(word)} {formatter().number(numbers[name])}",
            f"/app/admin/stations?show={name}" if name else "/app/admin/stations",
            name == show,
        )
        for name, word in SHOWS.items()
    ]
    right = [segments(choices, t("Stations")), search_box("/app/admin/stations", t("Id or site"))]
    listed = panel(
        t("Stations"),
        deeds_said(DEEDS),
        html.Div(listing(q, show, after), id="stations-listed"),
        right=right,
    )
    # `new`: a name that was refused at the door, from the roll-out
    side: list[Child] = [_new(asked(parameters, "new")[:48])] if acts() else []
    side.append(_rejected())
    body = html.Div([listed, html.Div(side, className="stack")], className="cols admin-cols")
    return admin_page("stations", [body])


def listing(q: str = "", show: str = "", after: str = "") -> Child:
    rows, last = administration.page_of("stations", after, "station_id", q=q, show=show)
    columns = [
        Column(t("Station")),
        Column(t("Site"), "ell"),
        Column(t("Evses"), "num"),
        Column(t("Model")),
        Column(t("Router")),
        Column(t("State")),
        Column(""),
    ]
    nothing = empty_state(t("No stations"), t("Nothing that begins like that.") if q else "")
    return html.Div(
        [
            table(t("Stations"), columns, [_cells(row) for row in rows], empty=nothing),
            more_link("/app/admin/stations", {"q": q, "show": show}, last),
        ]
    )


def _cells(row: Row) -> list[Child]:
    name = row["station_id"]
    waits = row["registration_status"] == "Pending" and acts()
    words = t("Approve {name}", name=name)
    return [
        html.A(name, href=address(name), className="mono"),
        row["site"] or "",
        formatter().number(row["evses"]),
        " ".join(part for part in (row["vendor"], row["model"]) if part),
        row["router"] or "",
        state(row),
        deed(DEEDS, "approve", name, t("Approve"), words, kind="") if waits else "",
    ]


def address(station_id: str) -> str:
    """Of a station's own page of the administration."""
    return f"/app/admin/station/{quote(station_id, safe='')}"


def state(row: Row) -> Child:
    """The one thing that counts most, with its shape."""
    if row["decommissioned_at"] and row["decommissioned_at"] <= datetime.now(UTC):
        return shaped("unavailable", t("Retired {date}", date=stamp(row["decommissioned_at"])))
    if row["registration_status"] == "Pending":
        return shaped("preparing", t("Awaiting approval"))
    if not row["has_password"]:
        return shaped("silent", t("No password"))
    if row["is_online"]:
        return shaped("available", t("Connected"))
    if row["last_seen_at"] is None:
        return shaped("unconnected", t("Never connected"))
    return shaped("unknown", t("No contact since {t}", t=stamp(row["last_seen_at"])))


def _new(station_id: str) -> Child:
    names = [row["name"] for row in administration.rows("site_names")]
    fields = [
        Field("station_id", t("Id"), station_id, hint="KW-0042", most=48),
        Field("site", t("Site"), hint=t("its name; a new one makes a new site"), suggestions=names),
        Field("evses", t("Evses"), "1", most=3),
        Field("max_power_w", t("Power of each, kW"), hint="22", most=20),
        Field(
            "standard",
            t("Connector"),
            hint="Type 2, CCS",
            most=40,
            suggestions=("Type 2", "CCS", "CHAdeMO", "Schuko"),
        ),
    ]
    inside = form(KEY, fields, t("Add"), note=t("It is given a password, which is shown once."))
    return panel(t("Add a station"), html.Div(inside, className="pb"))


def _rejected() -> Child:
    """Who was not let in: often a station that nobody has registered yet."""
    rows = administration.rows("rejected", at_most=10)
    columns = [Column(t("Station"), "ell"), Column(t("When")), Column(t("Why"))]
    why = {"unknown station": t("unknown"), "wrong password": t("wrong password")}
    cells = [
        [
            html.Span(row["station_id"], className="mono"),
            formatter().since(row["at"], _now()),
            why.get(row["reason"], row["reason"]),
        ]
        for row in rows
    ]
    nothing = empty_state(t("Nobody was turned away"))
    return panel(t("Turned away"), table(t("Turned away"), columns, cells, empty=nothing))


def _now() -> datetime:
    return datetime.now(UTC)


def add(values: dict[str, str], _about: Any) -> Done:
    """Register a station; its password is shown once."""
    wish = read_form(values, stations.STATION_CHECKS, needed=("station_id", "evses"))
    station_id, password = wish.pop("station_id"), new_password()
    administration.do(stations.add_station, station_id, password, **wish)
    return with_password(
        t("{name} is added.", name=station_id),
        station_id,
        password,
        listed=listing(),
        values={"evses": "1"},
    )


def with_password(words: str, station_id: str, password: str, **more: Any) -> Done:
    told = t(
        "Password of {name}. {once} Address: {address}",
        name=station_id,
        once=t(ONCE),
        address=ocpp_address(deps().settings, request.host, station_id),
    )
    return Done(words, secret=password, secret_words=told, **more)


def press(name: str, station_id: Any) -> Done:
    """Approve a station that waits."""
    password = new_password()
    if name == "approve":
        administration.do(stations.approve_station, str(station_id), password)
    words = t("{name} is approved; it hears of it at its next boot.", name=station_id)
    return with_password(words, str(station_id), password, listed=listing(show="pending"))


def register(staff: Dash) -> None:
    register_form(staff, KEY, add, listed="stations-listed")
    register_deeds(staff, DEEDS, press, "stations-listed")


PAGE = Page(
    "admin_stations",
    "/admin/stations",
    title(mark("Stations")),
    layout,
    roles=READERS,
    register=register,
)
