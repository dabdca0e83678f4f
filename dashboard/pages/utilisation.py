"""Utilisation: what the evses' time is spent on, when in the week, where, and against before."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from dash import html

from dashboard import data, reliability, utilisation
from dashboard.components import Child, empty_state, panel, segments
from dashboard.i18n import mark, t
from dashboard.pages import utilisation_figures as figures
from dashboard.pages import utilisation_week as week
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.reliability_view import LEVELS, chip, period_words, site_select
from dashboard.periods import Period, last_days, last_months

RANGES = {"7d": mark("7 days"), "4w": mark("4 weeks"), "13w": mark("13 weeks"),
          "12m": mark("12 months")}  # fmt: skip
DAYS = {"7d": 7, "4w": 28, "13w": 91}


@dataclass(frozen=True)
class View:
    """What the address asks for; anything odd in it falls back to the default."""

    range: str = "4w"
    site: str = ""
    station: str = ""
    by: str = ""
    heat: str = "occupied"

    def href(self, **changes: str) -> str:
        asked = {k: v for k, v in vars(replace(self, **changes)).items() if v}
        return f"/app/utilisation?{urlencode(asked)}"

    @property
    def level(self) -> str:
        return self.by or ("evse" if self.station else "station" if self.site else "site")


def read_view(parameters: dict[str, Any]) -> View:
    def one_of(name: str, allowed: Any, usual: str = "") -> str:
        wished = str(parameters.get(name) or "")
        return wished if wished in allowed else usual

    site = str(parameters.get("site") or "")
    return View(
        one_of("range", RANGES, "4w"), site if site.isdecimal() and len(site) < 10 else "",
        str(parameters.get("station") or "")[:64], one_of("by", LEVELS),
        one_of("heat", week.KINDS, "occupied"),
    )  # fmt: skip


def period_of(view: View, today: date) -> Period:
    """So many days up to and with today; a year is twelve whole months."""
    zone = data.deps().settings.zone
    if view.range == "12m":
        return last_months(today, 12, zone)
    return last_days(today, DAYS[view.range], zone)


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    view, zone = read_view(parameters), data.deps().settings.zone
    today = datetime.now(UTC).astimezone(zone).date()
    known = reliability.known_since() is not None
    body = _body(view, today) if known else [
        panel(t("Utilisation"), empty_state(t("No time is booked yet"),
              t("Time is counted from a station\u2019s first contact on; the first figures are here"
                " seconds after it.")))]  # fmt: skip
    return frame("utilisation", t("Utilisation"), body, _controls(view, today))


def _controls(view: View, today: date) -> list[Child]:
    ranges = [(t(words), view.href(range=key), key == view.range) for key, words in RANGES.items()]
    period = period_of(view, today)
    against = html.Span(
        [html.Span(period_words(period)), html.Span(t("against"), className="faint"),
         html.Span(period_words(period.before()), className="mut")],
        className="against wide-only",
    )  # fmt: skip
    chosen = [chip(view.station, view.href(station=""), t("All stations"))] if view.station else []
    return [segments(ranges, t("Period")), against, site_select(data.sites()), *chosen, spacer(),
            live_stamp()]  # fmt: skip


def _body(view: View, today: date) -> list[Child]:
    scope, period = reliability.read_scope(view.site, view.station), period_of(view, today)
    before = period.before()
    lines = reliability.read_lines(scope, period, today)
    lines_before = reliability.read_lines(scope, before, today)
    hours = utilisation.read_week(scope, period)
    now, then = utilisation.read_spent(scope, period), utilisation.read_spent(scope, before)
    left = [
        week.heat(view.heat, hours, lambda kind: view.href(heat=kind)),
        figures.spent(now, then, utilisation.grain_of(period)),
    ]
    right = [
        figures.shares(lines, period),
        figures.stays(utilisation.read_stays(scope, period), period),
    ]
    ranking = figures.Ranking(view.level, bool(view.by), lines, lines_before)
    return [
        figures.strip(lines, lines_before, hours),
        html.Div([html.Div(left, className="stack"), html.Div(right, className="stack")],
                 className="cols utilisation"),
        ranking.draw(view.href),
    ]  # fmt: skip


PAGE = Page("utilisation", "/utilisation", title(mark("Utilisation")), layout)
