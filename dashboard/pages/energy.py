"""Energy and load: kWh, power over the day, and sites against their grid connections."""

from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard import data, load
from dashboard.components import Child, segments
from dashboard.i18n import mark, t
from dashboard.pages import analysis, energy_figures, energy_load
from dashboard.pages.analysis_bar import bar
from dashboard.pages.energy_view import GRAINS, View, grains, read_other, read_part
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.periods import Period


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone, now = data.deps().settings.zone, datetime.now(UTC)
    today = now.astimezone(zone).date()
    view, sites = View.read(parameters, today), data.sites()
    period = view.period(today, zone)
    head = bar(view, sites, today, zone, _grains(view, period))
    body = [head, *_body(view, period, sites, now)]
    return frame("energy", t("Energy and load"), body, [spacer(), live_stamp()])


def _grains(view: View, period: Period) -> list[Child]:
    shown = view.grain_of(period)
    choices = [(t(GRAINS[one]), view.href(grain=one), one == shown) for one in grains(period)]
    return [segments(choices, t("Per"))] if len(choices) > 1 else []


def _body(view: View, period: Period, sites: list[data.Row], now: datetime) -> list[Child]:
    grain, against = view.grain_of(period), view.against(period)
    mine = read_part(view.site, view.station, period, grain, now)
    other = read_other(against, grain, now)
    named = analysis.against_words(against, sites)
    drawn = energy_figures.bars(view, grain, mine, now)
    charts = [energy_figures.chart(view, grain, mine, drawn, other, named),
              energy_load.curve(view, mine, other, named, now)]  # fmt: skip
    body = [energy_figures.strip(view, mine, other, now), html.Div(charts, className="cols even")]
    if against and against.is_site and other:
        names = (analysis.site_words(view.site, sites), named)
        body.append(energy_figures.compared(names, mine, other))
    if not view.station:
        body.append(energy_load.sites(view, load.read_site_peaks(view.site, period), period))
    return [*body, energy_figures.ranking(view, mine, other, against)]


PAGE = Page("energy", "/energy", title(mark("Energy and load")), layout)
