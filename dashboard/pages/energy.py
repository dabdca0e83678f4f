"""Energy per hour, day or month: of everything, a site, a station. The address holds the choice."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import data
from dashboard.components import (
    Child,
    Column,
    empty_state,
    figure_strip,
    figure_tile,
    panel,
    segments,
    table,
)
from dashboard.figures import CONFIG, Bar, bucket_words, energy_bars
from dashboard.format import Format
from dashboard.i18n import formatter, mark, t, theme
from dashboard.pages.frame import Page, frame, live_stamp, named, spacer, title

RANGES = {
    "today": (mark("Today"), 1, "hour"),
    "yesterday": (mark("Yesterday"), 1, "hour"),
    "7d": (mark("7 days"), 7, "day"),
    "30d": (mark("30 days"), 30, "day"),
    "12m": (mark("12 months"), 365, "month"),
}
GRAINS = {"hour": mark("Hour"), "day": mark("Day"), "month": mark("Month")}
MOST_BARS = 800
CHART: Any = CONFIG


@dataclass(frozen=True)
class View:
    """What the address asks for; anything odd in it falls back to the default."""

    range: str = "30d"
    grain: data.Grain = "day"
    site: str = ""
    station: str = ""

    def href(self, **changes: str) -> str:
        view = replace(self, **changes)  # type: ignore[arg-type]
        asked = {name: value for name, value in vars(view).items() if value}
        return f"/app/energy?{urlencode(asked)}"


def read_view(parameters: dict[str, Any]) -> View:
    """The view of an address. A grain that would draw too many bars gives way to the usual one."""
    chosen = parameters.get("range")
    name = chosen if chosen in RANGES else "30d"
    _, days, usual = RANGES[name]
    wished = parameters.get("grain")
    grain = wished if wished in GRAINS else usual
    if (grain == "hour" and days * 24 > MOST_BARS) or (grain != "hour" and days == 1):
        grain = usual
    site, station = (str(parameters.get(key) or "") for key in ("site", "station"))
    return View(name, grain, site, station)  # type: ignore[arg-type]


def period(view: View, now: datetime) -> tuple[datetime, datetime]:
    """From and up to which midnight; 12 months are this one and the eleven before it."""
    end = data.midnight(now, 1)
    if view.range == "yesterday":
        return data.midnight(now, -1), data.midnight(now)
    if view.range == "12m":
        local = data.midnight(now)
        month = local.year * 12 + local.month - 1 - 11
        return local.replace(year=month // 12, month=month % 12 + 1, day=1), end
    return data.midnight(now, 1 - RANGES[view.range][1]), end


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    view, now = read_view(parameters), datetime.now(UTC)
    sites = data.sites()
    start, end = period(view, now)
    found = data.read_energy(view.grain, start, end, station_ids(view, sites))
    body = [strip(found, now), chart(view, found, start, end, now), ranking(found)]
    controls = [*_filters(view, sites), spacer(), live_stamp()]
    return frame("energy", t("Energy and load"), body, controls)


def station_ids(view: View, sites: list[data.Row]) -> list[str] | None:
    """The stations a view is about; None: all. An unknown site has none."""
    if view.station:
        return [view.station]
    if view.site:
        found = [row["station_ids"] for row in sites if str(row["site_id"]) == view.site]
        return found[0] if found else []
    return None


def _filters(view: View, sites: list[data.Row]) -> list[Child]:
    ranges = [(t(v[0]), view.href(range=k, grain=""), k == view.range) for k, v in RANGES.items()]
    grains = [
        (t(word), view.href(grain=grain), grain == view.grain)
        for grain, word in GRAINS.items()
        if read_view({"range": view.range, "grain": grain}).grain == grain
    ]
    options = [html.Option(t("All sites"), value="")]
    options += [html.Option(row["name"], value=str(row["site_id"])) for row in sites]
    # assets/staff/pages.js keeps it in step with the address
    pick = html.Select(options, id="energy-site", className="ctl pick", **named(t("Site")))
    chosen = html.Span(view.station, className="chip on mono") if view.station else ""
    return [segments(ranges, t("Period")), segments(grains, t("Per")), pick, chosen]


def strip(found: data.Energy, now: datetime) -> Child:
    """The sum of the bars below, and what it is made of."""
    form = formatter()
    value = form.number(found.total_wh / 1000, 2 if found.total_wh < 100_000 else 0)
    peak = max((row["peak_power_w"] or 0 for row in found.rows), default=None)
    mean = found.total_wh / found.sessions if found.sessions else None
    return figure_strip(
        [
            figure_tile(
                t("Energy"),
                value,
                t("Sum of all bars"),
                unit="kWh",
                help="energy_delivered",
                id="energy-total",
            ),
            figure_tile(t("Sessions begun"), form.number(found.sessions), help="sessions_begun"),
            figure_tile(t("Per session"), form.kwh(mean), help="energy_per_session"),
            figure_tile(
                t("Highest single power"),
                form.kw(peak),
                t("one evse, informative"),
                help="highest_single_power",
            ),
            figure_tile(
                t("Complete as of"),
                complete_words(found, form, now),
                _late(found, now),
                help="complete_as_of",
            ),
        ]
    )


def complete_words(found: data.Energy, form: Format, now: datetime) -> str:
    at = min(found.complete_until, now)
    return form.time(at, seconds=True) if now - at < timedelta(hours=20) else form.stamp(at)


def _late(found: data.Energy, now: datetime) -> str:
    if found.complete_until < now - timedelta(seconds=30):
        return t("Late readings are being added")
    return t("Every reading received is in")


def bars(
    view: View, found: data.Energy, start: datetime, end: datetime, now: datetime
) -> list[Bar]:
    """One bar per bucket of the period, empty ones too; a bucket still running is incomplete."""
    zone = data.deps().settings.zone
    known = {row["bucket"].astimezone(UTC): row["energy_wh"] for row in found.rows}
    result = []
    for begin, finish in buckets(view.grain, start, min(end, now), zone):
        done = finish <= min(now, found.complete_until)
        result.append(Bar(begin, known.get(begin.astimezone(UTC), 0), done))
    return result


def buckets(
    grain: str, start: datetime, end: datetime, zone: Any
) -> list[tuple[datetime, datetime]]:
    """Begin and end of every bucket; days of 23 and 25 hours and months come out right."""
    found, begin = [], start
    while begin < end:
        finish = _next(grain, begin, zone)
        found.append((begin, finish))
        begin = finish
    return found


def _next(grain: str, begin: datetime, zone: Any) -> datetime:
    if grain == "hour":
        return (begin.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    local = begin.astimezone(zone).replace(tzinfo=None)
    if grain == "day":
        return (local + timedelta(days=1)).replace(tzinfo=zone)
    return (local.replace(day=1) + timedelta(days=32)).replace(day=1, tzinfo=zone)


def chart(view: View, found: data.Energy, start: datetime, end: datetime, now: datetime) -> Child:
    form = formatter()
    drawn = bars(view, found, start, end, now)
    if not found.total_wh:
        checked = f"{form.date(start, year=True)} \u2013 {form.date(end - timedelta(seconds=1))}"
        inside: Child = empty_state(t("No energy in this period"), checked)
    else:
        figure = energy_bars(drawn, form, theme(), view.grain)
        inside = dcc.Graph(
            id="energy-chart", figure=figure, config=CHART, style={"height": 340}, className="pb"
        )
    rows = [[bucket_words(bar.bucket, view.grain, form), form.kwh(bar.energy_wh)] for bar in drawn]
    columns = [Column(t("Period")), Column(t("Energy"), "num")]
    numbers = html.Details(
        [html.Summary(t("As a table")),
         table(t("Energy per period"), columns, rows, id="energy-table",
               foot=[t("Sum"), form.kwh(found.total_wh)])],
        className="pb",
    )  # fmt: skip
    return panel(t("Energy per {grain}", grain=t(GRAINS[view.grain]).lower()), inside, numbers)


def ranking(found: data.Energy) -> Child:
    form = formatter()
    columns = [Column(t("Station")), Column(t("Site"), "ell"), Column(t("Energy"), "num"),
               Column(t("Share"), "num")]  # fmt: skip
    total = sum(row["energy_wh"] for row in found.by_station) or 1
    rows = [
        [
            html.A(row["station_id"], href=f"/app/station/{row['station_id']}", className="mono"),
            row["site"] or "",
            form.kwh(row["energy_wh"]),
            form.percent(row["energy_wh"] / total, 1),
        ]
        for row in found.by_station[:50]
    ]
    nothing = empty_state(t("No energy in this period"))
    listed = table(t("Stations by energy"), columns, rows, empty=nothing)
    body = html.Div(listed, className="ranking", tabIndex=0)
    return panel(t("Stations by energy"), body, sub=form.number(len(found.by_station)))


PAGE = Page("energy", "/energy", title(mark("Energy and load")), layout)
