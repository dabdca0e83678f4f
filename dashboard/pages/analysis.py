"""What all analysis pages share: which days, site and station an address asks for, against what
they are held, and links to what is behind a figure.

A page's view is a subclass: it names its page, presets and own fields, and `own` reads the latter.
Every filter stands in the address, so that a view can be shared; what is odd there falls back to
the usual, and `remarks` says so in words. The row of controls is in analysis_bar.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dashboard import data, ranges
from dashboard.digits import digits
from dashboard.i18n import formatter, mark, t
from dashboard.periods import Period, midnight

PRESETS = {
    "today": mark("Today"), "yesterday": mark("Yesterday"), "7d": mark("7 days"),
    "4w": mark("4 weeks"), "30d": mark("30 days"), "13w": mark("13 weeks"), "month": "",
    "3m": mark("Quarter"), "12m": mark("12 months"),
}  # fmt: skip
REMARKS = {
    ranges.TURNED: mark("The first day lay after the last one: they have been swapped."),
    ranges.CUT: mark("A range is at most ten years long: these are the last ones of it."),
    ranges.ODD: mark("The dates of the address make no sense: this is the usual range."),
    ranges.FUTURE: mark("Days to come are left out."),
}


@dataclass(frozen=True)
class View:
    """What an address asks for. `since` is the address's `from`; `compare`: empty (the period
    before), none, or site:<id>; `remark` is what had to be put right (a key of REMARKS)."""

    page: ClassVar[str] = ""
    presets: ClassVar[tuple[str, ...]] = ("7d", "4w", "13w", "12m")
    usual: ClassVar[str] = "4w"

    range: str = ""
    since: str = ""
    until: str = ""
    compare: str = ""
    site: str = ""
    station: str = ""
    remark: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, Any], today: date) -> Self:
        """The view of an address (the keyword arguments of a layout, or request.args)."""
        edges = text_of(parameters, "from", 40), text_of(parameters, "until", 40)
        asked = ranges.free(*edges, today)
        found: dict[str, str] = {"remark": asked} if isinstance(asked, str) else {}
        if isinstance(asked, ranges.Days):
            found = {"since": asked.first.isoformat(), "until": asked.last.isoformat(),
                     "remark": asked.remark}  # fmt: skip
        else:
            found["range"] = one_of(parameters, "range", cls.presets, cls.usual)
        found |= {"compare": _compare(parameters), "site": number_of(parameters, "site"),
                  "station": text_of(parameters, "station")}  # fmt: skip
        return cls(**found, **cls.own(parameters, today))

    @classmethod
    def own(cls, parameters: Mapping[str, Any], today: date) -> dict[str, str]:  # noqa: ARG003
        """The fields that only this page has, from the same parameters."""
        return {}

    def changed(self, **changes: str) -> Self:
        """The same with other filters; a preset takes the place of a free range, and that of it."""
        if changes.get("range"):
            changes = {"since": "", "until": "", **changes}
        elif changes.get("since"):
            changes = {"range": "", **changes}
        return replace(self, **changes)

    def asked(self, **changes: str) -> dict[str, str]:
        """The parts of the address, changed; empty ones are left out."""
        view = self.changed(**changes)
        names = {field.name: field.name for field in fields(view)} | {"since": "from"}
        held = {names[name]: value for name, value in vars(view).items() if name != "remark"}
        return {name: value for name, value in held.items() if value}

    def href(self, **changes: str) -> str:
        """The page's own address with some filters changed."""
        return f"/app/{self.page}?{urlencode(self.asked(**changes))}"

    def elsewhere(self, page: str, period: Period, **more: str) -> str:
        """The same days, site and station on another page: presets are not the same there."""
        asked = {"from": period.first.isoformat(), "until": last_day(period).isoformat(),
                 "site": self.site, "station": self.station, **more}  # fmt: skip
        return f"/app/{page}?{urlencode({name: v for name, v in asked.items() if v})}"

    def csv(self, name: str = "", **changes: str) -> str:
        """Where the file of what is shown is made; `name`: when it is not the page's."""
        return f"/app/download/{name or self.page}.csv?{urlencode(self.asked(**changes))}"

    def period(self, today: date, zone: ZoneInfo) -> Period:
        """The days in question."""
        if self.since:
            days = ranges.Days(date.fromisoformat(self.since), date.fromisoformat(self.until))
            return ranges.period_of(days, zone)
        return ranges.preset(self.range, today, zone)

    def against(self, period: Period) -> "Against | None":
        """What the figures are held against; None: nothing."""
        if self.compare == "none":
            return None
        if self.compare:
            return Against(self.compare.removeprefix("site:"), "", period, is_site=True)
        return Against(self.site, self.station, period.before())

    def sessions(self, first: date, last: date, /, **more: str) -> str:
        """The list of the sessions of some days, of the same site and station unless said
        otherwise."""
        return sessions_href(first, last, **({"site": self.site, "station": self.station} | more))


@dataclass(frozen=True)
class Against:
    """What is held against: of which site and station (empty: all), in which period."""

    site: str
    station: str
    period: Period
    is_site: bool = False


def sessions_href(first: date, last: date, /, **filters: str) -> str:
    """The list of sessions that began on some days, both included; filters: site, station."""
    asked = {"from": first.isoformat(), "until": last.isoformat(), **filters}
    return f"/app/sessions?{urlencode({name: v for name, v in asked.items() if v})}"


def last_day(period: Period) -> date:
    return period.until - timedelta(days=1)


def one_of(parameters: Mapping[str, Any], name: str, allowed: Any, usual: str = "") -> str:
    """A choice of the address; the usual one instead of nonsense."""
    wished = str(parameters.get(name) or "")
    return wished if wished in allowed else usual


def number_of(parameters: Mapping[str, Any], name: str) -> str:
    """Digits that the database's integers can hold, else nothing."""
    return digits(parameters.get(name))


def text_of(parameters: Mapping[str, Any], name: str, most: int = 64) -> str:
    """Free text; NUL can't be asked of a database."""
    return str(parameters.get(name) or "").replace("\0", "")[:most]


def _compare(parameters: Mapping[str, Any]) -> str:
    wished = str(parameters.get("compare") or "")
    kind, _, site = wished.partition(":")
    if kind == "site":
        number = number_of({"site": site}, "site")
        return f"site:{number}" if number else ""
    return wished if wished == "none" else ""


# -- words ------------------------------------------------------------------------------------


def remarks(view: View, sites: list[data.Row]) -> list[str]:
    """What had to be put right in the address, and which of its sites do not exist."""
    found = [t(REMARKS[view.remark])] if view.remark else []
    named = {"", "none", *(str(row["site_id"]) for row in sites)}
    unknown = {view.site, view.compare.removeprefix("site:")} - named
    return [*found, *(t("There is no site {number} with stations.", number=number)
                      for number in sorted(unknown))]  # fmt: skip


def site_words(site: str, sites: list[data.Row]) -> str:
    """A site's name; all of them without one."""
    name = next((row["name"] for row in sites if str(row["site_id"]) == site), site)
    return str(name) if site else t("All sites")


def against_words(against: Against | None, sites: list[data.Row]) -> str:
    """What a figure is held against, as a chart's line or a column names it."""
    if against is None:
        return ""
    return site_words(against.site, sites) if against.is_site else period_words(against.period)


def period_words(period: Period) -> str:
    """October 2026; Nov 2025 - Oct 2026; 26 Oct - 22 Nov; 22 Nov. The year where it is needed."""
    form, dash = formatter(), "\u2009\u2013\u2009"
    if period.is_month:
        return form.month(period.start)
    last = midnight(last_day(period), period.zone)
    if period.first.day == 1 and period.until.day == 1:
        return f"{form.month(period.start)}{dash}{form.month(last)}"
    two = period.start.year != last.year
    ends = form.date(last, year=two or last.year != datetime.now(period.zone).year)
    if period.days == 1:
        return ends
    return f"{form.date(period.start, year=two)}{dash}{ends}"
