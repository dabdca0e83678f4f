"""Which part of the past an address of Reliability or Utilisation asks for."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from dash import html

from dashboard import data
from dashboard.components import Child, segments
from dashboard.i18n import formatter, mark, t
from dashboard.pages.frame import named
from dashboard.periods import Period, last_days, last_months, midnight, month, shifted
from dashboard.uptime import CAUSES

RANGES = {
    "7d": mark("7 days"), "30d": mark("30 days"), "month": "", "3m": mark("Quarter"),
    "12m": mark("12 months"),
}  # fmt: skip
LEVELS = ("site", "station", "evse")
SORTS = ("lost", "length", "time")


@dataclass(frozen=True)
class View:
    """What the address asks for; anything odd in it falls back to the default."""

    range: str
    month: str
    site: str = ""
    station: str = ""
    by: str = ""
    show: str = ""
    sort: str = ""
    cause: str = ""
    build: str = ""
    outage: str = ""
    attempt: str = ""
    exclude: str = ""

    def href(self, page: str = "reliability", **changes: str) -> str:
        view = replace(self, **changes)
        asked = {name: value for name, value in vars(view).items() if value}
        if view.range != "month":
            asked.pop("month", None)
        return f"/app/{page}?{urlencode(asked)}"

    def down(self, **changes: str) -> str:
        """A way on, without the evidence that is open."""
        return self.href(**{"outage": "", "attempt": "", "exclude": ""} | changes)

    @property
    def level(self) -> str:
        """What rankings list: of the whole fleet sites, of a site its stations."""
        return self.by or ("evse" if self.station else "station" if self.site else "site")


def read_view(parameters: dict[str, Any], today: date, known_since: date | None) -> View:
    """The view of an address: the last full month, or this one while there is no full one."""

    def one_of(name: str, allowed: Any) -> str:
        wished = str(parameters.get(name) or "")
        return wished if wished in allowed else ""

    def number(name: str) -> str:
        wished = str(parameters.get(name) or "")
        return wished if wished.isdecimal() and len(wished) < 10 else ""

    last = shifted(today, -1)
    usual = shifted(today, 0) if known_since and known_since >= shifted(today, 0) else last
    return View(
        one_of("range", RANGES) or "month",
        _month(str(parameters.get("month") or ""), today) or f"{usual:%Y-%m}",
        number("site"), str(parameters.get("station") or "")[:64], one_of("by", LEVELS),
        one_of("show", ("outages", "attempts")), one_of("sort", SORTS), one_of("cause", CAUSES),
        number("build"), number("outage"), number("attempt"), one_of("exclude", ("new",)),
    )  # fmt: skip


def _month(text: str, today: date) -> str:
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return ""
    return text if date(2000, 1, 1) <= found <= today else ""


def period_of(view: View, today: date) -> Period:
    zone = data.deps().settings.zone
    match view.range:
        case "7d":
            return last_days(today, 7, zone)
        case "30d":
            return last_days(today, 30, zone)
        case "3m":
            return last_months(today, 3, zone)
        case "12m":
            return last_months(today, 12, zone)
    return month(date.fromisoformat(f"{view.month}-01"), zone)


def period_words(period: Period) -> str:
    """October 2026; Nov 2025 - Oct 2026; 26 Oct - 22 Nov."""
    form = formatter()
    if period.is_month:
        return form.month(period.start)
    last = midnight(date.fromordinal(period.until.toordinal() - 1), period.zone)
    if period.first.day == 1 and period.until.day == 1:
        return f"{form.month(period.start)}\u2009\u2013\u2009{form.month(last)}"
    return f"{form.date(period.start)}\u2009\u2013\u2009{form.date(last)}"


def month_words(first: date, zone: Any) -> str:
    return formatter().month(datetime(first.year, first.month, 1, 12, tzinfo=zone))


def controls(
    view: View, sites: list[data.Row], today: date, known_since: date | None
) -> list[Child]:
    """Ranges as links, all months and sites as lists; assets/staff/reliability.js reads them."""
    zone = data.deps().settings.zone
    choices = []
    for key, words in RANGES.items():
        label = (
            month_words(date.fromisoformat(f"{view.month}-01"), zone)
            if key == "month"
            else t(words)
        )
        choices.append((label, view.down(range=key), key == view.range))
    months = html.Select(
        [html.Option(month_words(one, zone), value=f"{one:%Y-%m}")
         for one in _months(today, known_since or today)],
        id="past-month", className="ctl pick", **named(t("All months")),
    )  # fmt: skip
    near = html.Span([segments(choices, t("Period")), months], className="months")
    return [near, site_select(sites), *_station(view)]


def site_select(sites: list[data.Row]) -> Child:
    options = [html.Option(t("All sites"), value="")]
    options += [html.Option(row["name"], value=str(row["site_id"])) for row in sites]
    return html.Select(options, id="past-site", className="ctl pick", **named(t("Site")))


def _station(view: View) -> list[Child]:
    if not view.station:
        return []
    return [chip(view.station, view.down(station=""), t("All stations"))]


def chip(words: str, href: str, away: str) -> Child:
    """What a list is narrowed to; `away` says what leaving it shows."""
    leave = html.A("\u00d7", href=href, title=away, **named(away))
    return html.Span([words, leave], className="chip on")


def _months(today: date, first: date) -> list[date]:
    found = [shifted(today, 0)]
    while found[-1] > shifted(first, 0) and len(found) < 120:
        found.append(shifted(found[-1], -1))
    return found
