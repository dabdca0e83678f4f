"""Utilisation: what the evses' time is spent on, when in the week, where, and against what."""

from datetime import UTC, date, datetime
from typing import Any

from dash import html

from dashboard import data, reliability, utilisation
from dashboard.components import Child, empty_state, panel
from dashboard.i18n import mark, t
from dashboard.pages import analysis, utilisation_hour
from dashboard.pages import utilisation_figures as figures
from dashboard.pages import utilisation_week as week
from dashboard.pages.analysis_bar import bar
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.utilisation_ranking import ranking
from dashboard.pages.utilisation_view import View, read_other, read_part
from dashboard.periods import Period


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone = data.deps().settings.zone
    today = datetime.now(UTC).astimezone(zone).date()
    view, sites = View.read(parameters, today), data.sites()
    known = reliability.known_since() is not None
    body = _body(view, view.period(today, zone), sites, today) if known else [
        panel(t("Utilisation"), empty_state(t("No time is booked yet"),
              t("Time is counted from a station\u2019s first contact on; the first figures are here"
                " seconds after it.")))]  # fmt: skip
    head = bar(view, sites, today, zone)
    return frame("utilisation", t("Utilisation"), [head, *body], [spacer(), live_stamp()])


def _body(view: View, period: Period, sites: list[data.Row], today: date) -> list[Child]:
    against = view.against(period)
    mine = read_part(view.site, view.station, period, today)
    other = read_other(against, today)
    named = analysis.against_words(against, sites)
    left = [week.heat(view, mine), figures.spent(view, mine, other, named)]
    right = [
        *utilisation_hour.hour(view, mine), figures.shares(view, mine),
        figures.stays(view, utilisation.read_stays(mine.scope, period), period),
    ]  # fmt: skip
    body = [
        figures.strip(mine, other, against, named),
        html.Div([html.Div(left, className="stack"), html.Div(right, className="stack")],
                 className="cols utilisation"),
    ]  # fmt: skip
    if against and against.is_site and other:
        body.append(figures.compared((analysis.site_words(view.site, sites), named), mine, other))
    return [*body, ranking(view, mine, other if against and not against.is_site else None)]


PAGE = Page("utilisation", "/utilisation", title(mark("Utilisation")), layout)
