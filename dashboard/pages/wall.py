"""The incident wall: one screen for a room, read from five metres. No navigation, nothing to press.

assets/staff/wall.js fills it from the live feed. It shows three incidents at most, the worst; what
is not live says so in the same large type.
"""

from datetime import UTC, datetime
from typing import Any

import dash_leaflet as dl
from dash import html

from dashboard.components import Child, aria, glyph
from dashboard.i18n import formatter, mark, t
from dashboard.pages.board import SWEDEN, basemap
from dashboard.pages.frame import Page, title, words

BLANK = "\u2013"
# state, its word in the foot
FOOT = (
    ("available", mark("free evses")),
    ("charging", mark("charging now")),
    ("suspended", mark("idle")),
    ("faulted", mark("down")),
    ("unavailable", mark("closed by us")),
    ("unknown", mark("no contact")),
)


def layout(**_parts: Any) -> Child:
    """Shapes without data, as the board."""
    parts = [head(), figures(), html.Div([incidents(), map_()], className="wall-middle"), foot()]
    wall = html.Main(parts, className="wall", id="wall")
    back = html.A(t("Back to the board"), href="/app/", className="skip")
    return html.Div([back, html.Div(id="stale-banner", hidden=True), wall, words()], id="main",
                    className="wall-frame")  # fmt: skip


def head() -> Child:
    live = html.Span([html.I(className="dot"), html.H1(t("Live"), id="live-word")],
                     className="live")  # fmt: skip
    day = formatter().date(datetime.now(UTC), weekday=True)
    return html.Header([
        live, html.Span("", id="wall-about", className="mut"), html.Span(className="sp"),
        html.Span(day, id="wall-day", className="mut"), html.Span(BLANK, id="wall-clock"),
        html.Span(id="live-clock", hidden=True),
    ], className="wall-head", role="status")  # fmt: skip


def figures() -> Child:
    trio = [html.Span([glyph(state), html.Span(BLANK, id=f"wall-{state}")])
            for state in ("faulted", "silent", "unknown")]  # fmt: skip
    tiles = [
        _tile("affected", t("Drivers affected"), html.Span(BLANK, id="wall-affected")),
        _tile("dark", t("Sites dark"), html.Span(BLANK, id="wall-dark")),
        _tile("down", t("Down · silent · no contact"), trio, kind="wall-trio"),
        _tile("first", t("First try"), [html.Span(BLANK, id="wall-first"), html.Small("%")]),
    ]
    return html.Section(tiles, className="wall-figures", **aria(label=t("Key figures")))


def _tile(name: str, label: str, value: Child, kind: str = "") -> Child:
    return html.Div([html.Div(label, className="l", id=f"wall-{name}-label"),
                     html.Div(value, className=f"v {kind}".strip())],
                    className="wall-tile", id=f"wall-{name}-tile")  # fmt: skip


def incidents() -> Child:
    return html.Section(html.Div(id="wall-incidents"), className="wall-incidents",
                        **aria(label=t("Incidents")))  # fmt: skip


def map_() -> Child:
    """Donuts only where an incident is, dots elsewhere."""
    spots = dl.GeoJSON(id="sites", pointToLayer={"variable": "kilowatch.map.spot"})
    chart = dl.Map(
        [*basemap(), spots], id="map", bounds=SWEDEN, zoomSnap=0.05, minZoom=2, maxZoom=12,
        attributionControl=False, zoomControl=False, dragging=False, scrollWheelZoom=False,
        doubleClickZoom=False, boxZoom=False, touchZoom=False, keyboard=False,
        trackViewport=False, className="map",
    )  # fmt: skip
    note = html.P(id="map-note", className="map-note", hidden=True)
    return html.Div([chart, note], className="wall-map", role="img",
                    **aria(label=t("Map of sites")))  # fmt: skip


def foot() -> Child:
    bar = html.Div([html.I(className=f"st-{state}", id=f"wall-bar-{state}") for state, _ in FOOT],
                   className="wall-bar", **aria(hidden="true"))  # fmt: skip
    counts = [html.Span([glyph(state), html.B(BLANK, id=f"wall-n-{state}"),
                         html.Span(t(word), className="mut")]) for state, word in FOOT]  # fmt: skip
    return html.Footer([bar, html.Div(counts, className="wall-counts")], className="wall-foot")


PAGE = Page("wall", "/wall", title(mark("Incident wall")), layout)
