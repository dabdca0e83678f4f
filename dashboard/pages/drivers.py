"""Drivers: how many people charged, who came back, how long, how much, where, at what hour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from dash import html

from dashboard import data, explorer, visits
from dashboard.components import Child, empty_state, panel
from dashboard.csv_text import Cell, kwh
from dashboard.downloads import Download, Table
from dashboard.i18n import formatter, mark, t
from dashboard.pages import drivers_figures as figures
from dashboard.pages.analysis import View, against_words, last_day
from dashboard.pages.analysis_bar import bar, file_name
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.periods import Period


@dataclass(frozen=True)
class DriversView(View):
    page: ClassVar[str] = "drivers"
    presets: ClassVar[tuple[str, ...]] = ("7d", "4w", "13w", "12m")


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone = data.deps().settings.zone
    today, sites = datetime.now(UTC).astimezone(zone).date(), data.sites()
    view = DriversView.read(parameters, today)
    head = bar(view, sites, today, zone)
    body = [head, *_body(view, sites, today)]
    return frame("drivers", t("Drivers"), body, [spacer(), live_stamp()])


def _body(view: DriversView, sites: list[data.Row], today: date) -> list[Child]:
    if explorer.counted_since() is None and not explorer.waiting():
        note = t(
            "Sessions are counted once they have ended; the first figures are here seconds after."
        )
        return [panel(t("Drivers"), empty_state(t("No session has ended yet"), note))]
    period = view.period(today, data.deps().settings.zone)
    against = view.against(period)
    now = visits.read_counts(period, view.site)
    before = visits.read_counts(against.period, against.site) if against else None
    then = visits.read_buckets(against.period, against.site) if against else []
    name = against_words(against, sites)
    left = [
        figures.users(view, period, visits.read_buckets(period, view.site), then, name),
        figures.hours(view, period, now),
    ]
    right = [figures.lengths(view, period, now), figures.energies(view, period, now)]
    return [
        figures.strip(now, before, name, view.sessions(period.first, last_day(period), station="")),
        html.Div(
            [html.Div(left, className="stack"), html.Div(right, className="stack")],
            className="cols drivers",
        ),
        *([] if view.site else [figures.sites(view, visits.read_sites(period))]),
        html.P(_counted(), className="mut small"),
    ]


def _counted() -> str:
    """What is counted, and whether it is complete."""
    words = t(
        "Counted from sessions that have ended. A user is a driver\u2019s account, a guest\u2019s"
        " browser (the one that paid), or else an id token; somebody with two of them counts twice."
    )
    left = explorer.waiting()
    if not left:
        return words
    return (
        words
        + " "
        + t(
            "{n} changes are being added to the sums",
            n=formatter().number(left) + ("+" if left >= 1000 else ""),
        )
    )


# -- file -------------------------------------------------------------------------------------


def read_file(parameters: Mapping[str, str]) -> Table:
    """Days or months, then sites: what the page shows."""
    zone = data.deps().settings.zone
    today = datetime.now(zone).date()
    view = DriversView.read(parameters, today)
    period = view.period(today, zone)
    header = [t("Period"), t("Site"), t("Users"), t("New"), t("Sessions"), "kWh", t("Hours")]
    return Table(file_name(view, period), header, list(_lines(view, period)))


def _lines(view: DriversView, period: Period) -> Iterator[list[Cell]]:
    site = (
        next((r["name"] for r in data.sites() if str(r["site_id"]) == view.site), "")
        if view.site
        else ""
    )
    for one in visits.read_buckets(period, view.site):
        yield [
            one.first,
            site or t("All sites"),
            one.users,
            one.new_users,
            one.sessions,
            None,
            None,
        ]
    for each in visits.read_sites(period) if not view.site else []:
        words = f"{period.first} \u2013 {last_day(period)}"
        yield [
            words,
            each.name or t("Without a site"),
            each.users,
            each.new_users,
            each.sessions,
            kwh(each.energy_wh),
            round(each.seconds / 3600, 2),
        ]


DOWNLOAD = Download(read_file)
PAGE = Page("drivers", "/drivers", title(mark("Drivers")), layout)
__all__ = ["DOWNLOAD", "PAGE"]
