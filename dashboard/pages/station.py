"""One station: a verdict, what can be done about it, its evses, its last day, its messages.

The server draws the parts from the database; assets/staff/station.js ticks figures and curves from
the live feed, and asks for a part anew (`live-tick`) only when a state or a session changed.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from dash import Dash, Input, Output, State, dcc, html

from dashboard import commands, data, station_data, station_logs
from dashboard.auth import require_role
from dashboard.components import Child, error_state
from dashboard.i18n import t
from dashboard.pages import (
    station_attempts,
    station_commands,
    station_connect,
    station_evses,
    station_log,
    station_more,
    station_notes,
    station_past,
)
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.station_verdict import verdict


def layout(station_id: str = "", **parts: Any) -> Child:
    """The page of a station; one that does not exist is named as such."""
    station_id = unquote(station_id)
    found = data.read_station(station_id)
    if found is None:
        note = error_state(t("No station is called {name}", name=station_id),
                           t("Its id stands on the station's own page and in the list."),
                           retry_href="/app/stations")  # fmt: skip
        return frame("stations", t("Unknown station"), [note])
    return frame("stations", heading(found), body(found, parts), [spacer(), live_stamp()])


def heading(found: data.Station) -> Child:
    """Where we are, and what the station is."""
    row = found.row
    slash = html.Span("/", className="faint")
    crumbs: list[Child] = [html.A(t("Stations"), href="/app/stations", className="crumb"), slash]
    if row["site"]:
        site = html.A(row["site"], href=f"/app/stations?q={quote(row['site'])}", className="crumb")
        crumbs += [site, slash]
    model = " ".join(part for part in (row["vendor"], row["model"]) if part)
    installed = row["firmware_version"]
    firmware = t("Firmware {version}", version=installed) if installed else ""
    version = f"OCPP {row['ocpp_version']}" if row["ocpp_version"] else ""
    chips = [html.Span(text, className="chip wide-only") for text in (model, firmware, version)
             if text]  # fmt: skip
    return html.Div([*crumbs, html.H1(row["station_id"]), *chips], className="heading")


def body(found: data.Station, parts: dict[str, Any]) -> list[Child]:
    station_id = found.row["station_id"]
    now, tries = datetime.now(UTC), station_data.read_tries(station_id)
    drawn = ";".join(shape(evse) for evse in found.evses)
    here = {"data-station": station_id, "data-drawn": drawn}
    return [
        html.Div(id="station", hidden=True, **here),
        dcc.Store(id="station-id", data=station_id),
        html.Div(verdict(found, now, tries), id="station-verdict"),
        # while it holds instructions, the style sheet leaves commands and the past out
        html.Div(station_connect.instructions(found), id="station-connect"),
        station_commands.layout(found, str(parts.get("evse") or "")),
        html.Div(station_evses.cards(found, now, tries), id="station-evses"),
        html.Div(station_past.timeline(found, now), id="station-timeline"),
        station_notes.layout(found.row),
        html.Div(
            [
                html.Div(station_attempts.last(station_id, tries), id="station-attempts"),
                station_log.layout(station_id, parts),
            ],
            className="cols even past",
        ),
        station_more.layout(found, str(parts.get("more") or "")),
    ]


def shape(evse: data.Row) -> str:
    """What this page was drawn for, as assets/staff/station.js says it: a change that comes before
    the first live picture is noticed by the difference."""
    flags = (evse["is_online"], (evse["energy_wh"] or 0) >= commands.SUCCESS_WH)
    parts = [evse["state"], evse["session_id"] or "", *(str(flag).lower() for flag in flags)]
    return f"{evse['evse_key']}={','.join(map(str, parts))}"


def register(staff: Dash) -> None:
    """A state or a session changed: draw the parts that depend on them anew."""

    @staff.callback(
        Output("station-verdict", "children"),
        Output("station-connect", "children"),
        Output("station-evses", "children"),
        Output("station-timeline", "children"),
        Output("station-attempts", "children"),
        Input("live-tick", "data"),
        State("station-id", "data"),
        prevent_initial_call=True,
    )
    @require_role()
    def redraw(_tick: int, station_id: str) -> tuple[Child, ...]:
        found, now = data.read_station(station_id), datetime.now(UTC)
        if found is None:
            gone = error_state(t("No station is called {name}", name=station_id), "")
            return gone, None, None, None, None
        tries = station_data.read_tries(station_id)
        return (
            verdict(found, now, tries),
            station_connect.instructions(found),
            station_evses.cards(found, now, tries),
            station_past.timeline(found, now),
            station_attempts.last(station_id, tries),
        )

    for part in (station_commands, station_log, station_notes, station_more):
        part.register(staff)
    staff.server.register_blueprint(station_logs.create_blueprint())


def tab_title(station_id: str = "", **_parts: Any) -> str:
    """Several stations are open at once: each tab says which."""
    return f"{unquote(station_id)[:64]} \u00b7 Kilowatch" if station_id else title("Station")()


PAGE = Page(
    "station", "/station", tab_title, layout,
    path_template="/station/<station_id>", register=register,
)  # fmt: skip
