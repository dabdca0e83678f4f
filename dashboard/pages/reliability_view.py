"""Which part of the past an address of Reliability asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from dash import html

from dashboard import ranges
from dashboard.components import Child, segments
from dashboard.i18n import formatter, t
from dashboard.pages import analysis
from dashboard.pages.analysis import PRESETS, number_of, one_of
from dashboard.pages.frame import named
from dashboard.periods import Period, shifted
from dashboard.uptime import CAUSES

LEVELS = ("site", "station", "evse")
SORTS = ("lost", "length", "time")


@dataclass(frozen=True)
class View(analysis.View):
    """What the address asks for; anything odd in it falls back to the default."""

    page: ClassVar[str] = "reliability"
    presets: ClassVar[tuple[str, ...]] = ("7d", "30d", "month", "3m", "12m")
    usual: ClassVar[str] = "month"

    month: str = ""
    by: str = ""
    show: str = ""
    sort: str = ""
    cause: str = ""
    build: str = ""
    outage: str = ""
    attempt: str = ""
    exclude: str = ""

    @classmethod
    def own(cls, parameters: Mapping[str, Any], today: date) -> dict[str, str]:
        return {
            "month": _month(str(parameters.get("month") or ""), today),
            "by": one_of(parameters, "by", LEVELS),
            "show": one_of(parameters, "show", ("outages", "attempts")),
            "sort": one_of(parameters, "sort", SORTS),
            "cause": one_of(parameters, "cause", CAUSES),
            "exclude": one_of(parameters, "exclude", ("new",)),
            **{name: number_of(parameters, name) for name in ("build", "outage", "attempt")},
        }

    def asked(self, **changes: str) -> dict[str, str]:
        """A month is only said where it is what is shown."""
        found = super().asked(**changes)
        if found.get("range") != "month":
            found.pop("month", None)
        return found

    def down(self, **changes: str) -> str:
        """A way on, without the evidence that is open."""
        return self.href(**{"outage": "", "attempt": "", "exclude": ""} | changes)

    def period(self, today: date, zone: ZoneInfo) -> Period:
        if self.range == "month" and not self.since:
            return ranges.preset("month", today, zone, self.month)
        return super().period(today, zone)

    @property
    def level(self) -> str:
        """What rankings list: of the whole fleet sites, of a site its stations."""
        return self.by or ("evse" if self.station else "station" if self.site else "site")


def read_view(parameters: Mapping[str, Any], today: date, known_since: date | None) -> View:
    """The view of an address: the last full month, or this one while there is no full one."""
    view = View.read(parameters, today)
    is_new = known_since is not None and known_since >= shifted(today, 0)
    usual = shifted(today, 0) if is_new else shifted(today, -1)
    return replace(view, month=view.month or f"{usual:%Y-%m}")


def _month(text: str, today: date) -> str:
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return ""
    return text if date(2000, 1, 1) <= found <= today else ""


def month_words(first: date, zone: Any) -> str:
    return formatter().month(datetime(first.year, first.month, 1, 12, tzinfo=zone))


def presets(view: View, zone: ZoneInfo, today: date, known_since: date | None) -> Child:
    """Presets as links, all months as a list; assets/staff/reliability.js reads it."""
    shown = month_words(date.fromisoformat(f"{view.month}-01"), zone)
    choices = [
        (shown if key == "month" else t(PRESETS[key]), view.down(range=key), key == view.range)
        for key in view.presets
    ]
    months = html.Select(
        [html.Option(month_words(one, zone), value=f"{one:%Y-%m}")
         for one in _months(today, known_since or today)],
        id="past-month", className="ctl pick", **named(t("All months")),
    )  # fmt: skip
    return html.Span([segments(choices, t("Period")), months], className="months")


def _months(today: date, first: date) -> list[date]:
    found = [shifted(today, 0)]
    while found[-1] > shifted(first, 0) and len(found) < 120:
        found.append(shifted(found[-1], -1))
    return found
