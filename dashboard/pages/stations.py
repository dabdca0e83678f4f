"""All stations in one searchable table; the search stands in the address."""

from datetime import UTC, datetime
from typing import Any

import dash_ag_grid as dag
from dash import html

from dashboard import data
from dashboard.components import Child, empty_state, panel
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.analysis_bar import chip
from dashboard.pages.frame import Page, frame, live_stamp, search_box, spacer, title
from dashboard.states import STATES, state_word

GRID_OPTIONS = {
    "rowHeight": 32,
    "headerHeight": 28,
    "pagination": False,
    "animateRows": False,
    "enableCellTextSelection": True,
    "suppressColumnVirtualisation": True,
    "theme": {"function": "themeQuartz.withParams(kilowatchGrid)"},
}


def layout(q: str = "", site: str = "", **_parts: Any) -> Child:
    """The list, of a `site` if one is named, filtered by `q` from the start."""
    chosen = next((row for row in data.sites() if str(row["site_id"]) == site), None)
    rows = [row for row in data.stations() if not site or _is_at(row, chosen)]
    heading = tn("{n} station", "{n} stations", len(rows))
    field = search_box("/app/stations", t("Filter: station, site, town"))
    body = panel(t("Stations"), _grid(rows, q) if rows else _empty(site), sub=heading, id="all",
                 right=[*_site_chip(site, chosen), field])  # fmt: skip
    return frame("stations", t("Stations"), [body], [spacer(), live_stamp()])


def _is_at(row: data.Row, site: data.Row | None) -> bool:
    return site is not None and row["station_id"] in site["station_ids"]


def _site_chip(site: str, chosen: data.Row | None) -> list[Child]:
    if not site:
        return []
    return [chip(chosen["name"] if chosen else site, "/app/stations", t("All sites"))]


def _empty(site: str) -> Child:
    if site:
        return empty_state(t("No station at this site"), t("Perhaps it has been moved."))
    return empty_state(t("No stations yet"), t("Add one with: python app.py station add"))


def _grid(rows: list[data.Row], q: str) -> Child:
    options = GRID_OPTIONS | {"quickFilterText": q}
    grid = dag.AgGrid(
        id="stations-grid",
        columnDefs=_columns(),
        rowData=[_row(row) for row in rows],
        getRowId="params.data.station",
        defaultColDef={"sortable": True, "resizable": True, "filter": False},
        columnSize="sizeToFit",
        dashGridOptions=options,
        className="stations-grid",
    )
    return html.Div(grid, className="grid-frame")


def _columns() -> list[dict[str, Any]]:
    def column(field: str, label: str, **more: Any) -> dict[str, Any]:
        return {"field": field, "headerName": label, **more}

    return [
        column("harm", t("State"), cellRenderer="StateCell", width=190, sort="asc"),
        column("station", t("Station"), cellRenderer="StationCell", width=130),
        column("site", t("Site"), flex=1, minWidth=160),
        column("city", t("Town"), width=130),
        column("evses", t("Evses"), cellRenderer="ShapesCell", width=110, sortable=False),
        column("model", t("Model"), width=180),
        column("firmware", t("Firmware"), width=100),
        column("version", "OCPP", width=80),
        column("seen", t("Last message"), width=130, cellClass="num"),
    ]


def _row(row: data.Row) -> dict[str, Any]:
    states = row["states"] or []
    nothing = "unknown" if row["has_connected"] else "unconnected"
    worst = min(states, key=STATES.index, default=nothing)
    form = formatter()
    return {
        "harm": f"{STATES.index(worst):02}",
        "state": worst,
        "word": state_word(worst),
        "station": row["station_id"],
        "site": row["site"] or "",
        "city": row["city"] or "",
        "evses": " ".join(states),
        "shapes": states,
        "model": " ".join(part for part in (row["vendor"], row["model"]) if part),
        "firmware": row["firmware_version"] or "",
        "version": row["ocpp_version"] or "",
        "seen": form.since(row["last_seen_at"], datetime.now(UTC)),
    }


PAGE = Page("stations", "/stations", title(mark("Stations")), layout)
