"""Sites: a list, and beside it the form to add one or to change the one in the address."""

from typing import Any

import dash_leaflet as dl
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from dashboard import administration, data
from dashboard.administration import ACTING
from dashboard.auth import require_role
from dashboard.components import Child, Column, empty_state, facts, link, panel, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_form import Done, Field, form, named, register_form
from dashboard.pages.admin_frame import (
    READERS,
    acts,
    admin_page,
    asked,
    more_link,
    number,
    only_looks,
)
from dashboard.pages.board import SWEDEN, basemap
from dashboard.pages.frame import Page, search_box, title
from dashboard.pages.frame import named as labelled
from sql.admin import sites

KEY = "site"
PLACES = ("latitude", "longitude")


def layout(**parameters: Any) -> Child:
    q, after = asked(parameters, "q"), asked(parameters, "after", 300)
    chosen = number(parameters, "site")
    row = administration.row("site", site_id=chosen) if chosen else None
    search = search_box("/app/admin/sites", t("Name or town"))
    listed = panel(t("Sites"), html.Div(listing(q, after), id="sites-listed"), right=[search])
    side = _side(row) if chosen is None or row else _gone()
    return admin_page("sites", [html.Div([listed, side], className="cols admin-cols")])


def _gone() -> Child:
    return panel(t("Site"), empty_state(t("There is no such site"), t("Choose one of the list.")))


def listing(q: str = "", after: str = "") -> Child:
    rows = administration.rows("sites", q=q, after=after, limit=administration.PAGE_ROWS + 1)
    shown = rows[: administration.PAGE_ROWS]
    columns = [
        Column(t("Site"), "ell"),
        Column(t("Town")),
        Column(t("Stations"), "num"),
        Column(t("Grid limit"), "num"),
        Column(t("Help phone")),
    ]
    nothing = empty_state(t("No sites"), t("Nothing with that name or town.") if q else "")
    last = (
        f"{shown[-1]['name'].lower()}\x01{shown[-1]['site_id']}" if len(rows) > len(shown) else ""
    )
    return html.Div(
        [
            table(t("Sites"), columns, [_cells(row) for row in shown], empty=nothing),
            more_link("/app/admin/sites", {"q": q}, last),
        ]
    )


def _cells(row: Row) -> list[Child]:
    form_ = formatter()
    return [
        html.A(row["name"], href=f"/app/admin/sites?site={row['site_id']}"),
        row["city"] or "",
        form_.number(row["stations"]),
        form_.kw(row["grid_limit_w"]) if row["grid_limit_w"] else "",
        row["help_phone"] or "",
    ]


def _side(row: Row | None) -> Child:
    heading = row["name"] if row else t("Add a site")
    body: list[Child] = [_map(row)]
    if acts():
        send = t("Save") if row else t("Add")
        body.append(
            form(
                KEY,
                list(_fields(row)),
                send,
                about=row and row["site_id"],
                note=t("Click on the map to place it."),
            )
        )
    else:
        body.append(
            only_looks()
            if row is None
            else facts((one.label, one.value) for one in _fields(row) if one.value)
        )
    right = [link(t("Add a site"), "/app/admin/sites")] if row and acts() else []
    return panel(heading, html.Div(body, className="pb stack"), right=right, id="site-panel")


def _fields(row: Row | None) -> Any:
    """As people write them: the grid limit in kW."""
    given = dict(row or {"country": "SE", "time_zone": data.deps().settings.time_zone})
    if given.get("grid_limit_w"):
        kw = given["grid_limit_w"] / 1000
        given["grid_limit_w"] = f"{kw:g}"
    return named(
        [
            Field("name", t("Name")),
            Field("address", t("Address")),
            Field("city", t("Town"), most=100),
            Field("country", t("Country"), hint="SE", most=3),
            Field("latitude", t("Latitude"), hint="59.3293", most=20),
            Field("longitude", t("Longitude"), hint="18.0686", most=20),
            Field("time_zone", t("Time zone"), hint="Europe/Stockholm", most=60),
            Field("grid_limit_w", t("Grid limit, kW"), hint="250", most=20),
            Field("help_phone", t("Help phone"), hint="08-123 456 78", most=40),
        ],
        given,
    )


def _map(row: Row | None) -> Child:
    """Where it stands; a click there writes the coordinates."""
    at = [row["latitude"], row["longitude"]] if row and row["latitude"] is not None else None
    pins = [pin(*at)] if at else []
    tiles = bool(data.deps().settings.tile_url)
    view: dict[str, Any] = {"center": at, "zoom": 13 if tiles else 6} if at else {"bounds": SWEDEN}
    chart = dl.Map(
        [*basemap(), dl.LayerGroup(pins, id="site-pin"), dl.ZoomControl(position="topright")],
        id="site-map",
        minZoom=3,
        maxZoom=17 if tiles else 12,
        attributionControl=tiles,
        zoomControl=False,
        trackViewport=False,
        className="map",
        **view,
    )
    return html.Div(
        chart, className="map-frame small", role="region", **labelled(t("Map of the site"))
    )


def pin(latitude: float, longitude: float) -> Child:
    style = {"color": "var(--ink)", "weight": 2, "fillColor": "var(--surface)", "fillOpacity": 1}
    return dl.CircleMarker(center=[latitude, longitude], radius=7, **style)


WORDS = {True: mark("The site is saved."), False: mark("The site is added.")}


def save(values: dict[str, str], about: Any) -> Done:
    """What the form does: add, or change the site it is about."""
    site_id = int(about) if about else None
    administration.do(_put, sites.read_site(values), site_id)
    return Done(t(WORDS[bool(about)]), listed=listing(), values=None if about else {})


def _put(connection: Any, actor: str, site: dict[str, Any], site_id: int | None) -> int:
    return sites.put_site(connection, actor, site, site_id)


def register(staff: Dash) -> None:
    register_form(staff, KEY, save, listed="sites-listed")

    @staff.callback(
        Output({"type": "field", "form": KEY, "name": ALL}, "value", allow_duplicate=True),
        Output("site-pin", "children"),
        Input("site-map", "clickData"),
        State({"type": "field", "form": KEY, "name": ALL}, "value"),
        prevent_initial_call=True,
    )
    @require_role(*ACTING)
    def place_site(click: dict[str, Any] | None, _values: list[Any]) -> Any:
        """A click on the map is the site's place, to five digits: about a metre."""
        names = [one["id"]["name"] for one in ctx.states_list[0]]
        at = (click or {}).get("latlng")
        if not at or not names:
            return [no_update] * len(names), no_update
        found = {"latitude": round(float(at["lat"]), 5), "longitude": round(float(at["lng"]), 5)}
        values = [f"{found[name]:.5f}" if name in found else no_update for name in names]
        return values, [pin(found["latitude"], found["longitude"])]


PAGE = Page(
    "admin_sites", "/admin/sites", title(mark("Sites")), layout, roles=READERS, register=register
)
