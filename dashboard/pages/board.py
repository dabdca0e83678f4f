"""The board: what is wrong now, for whom, and where. Filled and kept up to date by the live feed.

The layout holds the shapes and no data: assets/staff/board.js and map.js write the figures, from
one snapshot and the changes after it, so that nothing is drawn twice and nothing polls.
"""

from datetime import UTC, datetime
from typing import Any

import dash_leaflet as dl
from dash import Dash, Input, Output, dcc, html

from dashboard import data
from dashboard import incidents as own
from dashboard.auth import require_role
from dashboard.components import (
    Child,
    Column,
    figure_strip,
    figure_tile,
    legend,
    link,
    live_tile,
    loading_state,
    panel,
    table,
    trio_tile,
)
from dashboard.i18n import formatter, t
from dashboard.pages.frame import (
    COMMANDING,
    Page,
    frame,
    named,
    spacer,
    title,
)

BASEMAP = "/app/assets/nordic.geojson"
BLANK = "\u2013"
LEGEND = ("available", "charging", "suspended", "faulted", "unavailable", "unknown")
SWEDEN = [[55.2, 10.9], [69.2, 24.2]]


def layout(**_parts: Any) -> Child:
    """The skeleton of the board."""
    body = [figures(), html.Div([html.Div([incidents(), stations()], className="left"), map_()],
                                className="cols board", id="board")]  # fmt: skip
    handover = link(t("Hand over shift"), "/app/handover", kind="")
    return frame("board", t("Board"), body, [spacer(), handover])


def figures() -> Child:
    """Live stamp, then figures in order of harm; what cannot be computed yet is left out."""
    today = formatter().date(datetime.now(UTC), weekday=True)
    down = [("faulted", BLANK), ("silent", BLANK), ("unknown", BLANK)]
    return figure_strip(
        [
            live_tile(today, ""),
            figure_tile(t("Drivers affected now"), BLANK, help="drivers_affected", id="affected"),
            figure_tile(t("Sites dark"), BLANK, unit=" ", help="sites_dark", id="dark"),
            trio_tile(t("Down / silent / no contact"), down,
                      help="evses_down_silent_no_contact", id="down"),
            figure_tile(t("Charging"), BLANK, unit=" ", help="charging_now", id="charging"),
            figure_tile(t("First attempt, 24 h"), BLANK, unit=" ", id="first",
                        href="/app/reliability", help="first_attempt_success"),
            figure_tile(t("Holds over 15 min"), BLANK, unit=" ", id="holds", href="/app/payments",
                        help="holds_over_15_minutes"),
            figure_tile(t("Today"), BLANK, unit="kWh", id="today", href="/app/energy?range=today",
                        help="energy_delivered"),
        ],
        id="figures",
    )  # fmt: skip


def incidents() -> Child:
    chips = [html.Span(id="incidents-critical", className="chip", hidden=True),
             html.Span(id="incidents-unassigned", className="chip", hidden=True)]  # fmt: skip
    place = html.Div(loading_state(), id="incidents-list")
    everything = link(t("All incidents"), "/app/incidents")
    return panel(t("Incidents"), *deeds(), place, right=[*chips, everything], id="incidents")


def deeds() -> list[Child]:
    """Where the buttons of a list of incidents write [incident_id, deed, when], and the answer."""
    return [html.P(id="incident-notice", role="status"), dcc.Store(id="incident-deed")]


def stations() -> Child:
    """Only those that need a look, worst first."""
    columns = [
        Column(t("State")), Column(t("Station")), Column(t("Site")), Column(t("Evses")),
        Column(t("Since")), Column(t("Cause"), "ell"), Column(t("Lost/day"), "num"),
    ]  # fmt: skip
    rows = html.Div(
        table(t("Stations that need a look, worst first"), columns, [], id="worst"),
        className="scroll", tabIndex=0,
    )  # fmt: skip
    note = html.Div(loading_state(), id="worst-note")
    everything = link(t("All stations"), "/app/stations")
    return panel(t("Stations, worst first"), rows, note, right=[everything], id="stations")


def map_() -> Child:
    """The clustered map; scripts draw the donuts, the basemap is ours unless tiles are set."""
    counts = html.Div(legend((state, BLANK) for state in LEGEND), id="legend")
    chart = dl.Map(
        [*basemap(), sites(), dl.ZoomControl(position="topright")],
        id="map", bounds=SWEDEN, zoomSnap=0.25, zoomDelta=1, minZoom=3, maxZoom=17,
        attributionControl=bool(data.deps().settings.tile_url), trackViewport=False,
        zoomControl=False, className="map",
    )  # fmt: skip
    label = named(t("Map of sites"))
    shown = html.Div([chart, html.P(id="map-note", className="map-note", hidden=True)],
                     className="map-frame", role="region", **label)  # fmt: skip
    return panel(t("Map"), shown, counts, id="map-panel")


def basemap() -> list[Child]:
    """The Nordic countries in a pane under everything, or the operator's own tiles."""
    tile_url = data.deps().settings.tile_url
    if tile_url:
        return [dl.TileLayer(url=tile_url)]
    land = dl.GeoJSON(
        url=BASEMAP,
        style={"variable": "kilowatch.map.land"}, interactive=False, id="land",
    )  # fmt: skip
    return [dl.Pane(land, name="land", style={"zIndex": 200})]


def sites() -> Child:
    return dl.GeoJSON(
        id="sites",
        cluster=True,
        zoomToBoundsOnClick=True,
        superClusterOptions={"radius": 46, "maxZoom": 12, "minPoints": 2},
        pointToLayer={"variable": "kilowatch.map.site"},
        clusterToLayer={"variable": "kilowatch.map.cluster"},
    )


def register(staff: Dash) -> None:
    """Somebody takes an incident, or has seen it."""

    @staff.callback(
        Output("incident-notice", "children"),
        Input("incident-deed", "data"),
        prevent_initial_call=True,
    )
    @require_role(*COMMANDING)
    def handle(deed: Any) -> str:
        match deed:
            case [int(incident_id), "assign", *_]:
                done = own.take(incident_id)
            case [int(incident_id), "acknowledge", *_]:
                done = own.acknowledge(incident_id)
            case _:
                done = False
        return "" if done else t("That incident is over, or somebody was quicker.")


PAGE = Page("board", "/", title("Board"), layout, register=register)
