"""Load: power over an average day and the worst one, and sites against their grid connections."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from dash import dcc, html

from dashboard import load
from dashboard.components import Child, Column, empty_state, panel, table
from dashboard.csv_text import kwh, percent
from dashboard.downloads import Table
from dashboard.figures import config
from dashboard.figures_load import Day, load_chart, quarter_words
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, t, theme
from dashboard.load_curve import Load, SitePeak
from dashboard.pages.analysis import last_day, period_words, sessions_href
from dashboard.pages.analysis_bar import chart_legend, file_name, takeaways
from dashboard.pages.energy_view import Part, View
from dashboard.pages.frame import named
from dashboard.periods import Period


def curve(view: View, mine: Part, other: Part | None, against: str, now: datetime) -> Child:
    """The average day, the day with the largest quarter, and the average day it is held against."""
    form, heading, found = formatter(), t("Load over the day"), mine.load
    if found is None or found.peak is None:
        return panel(heading, empty_state(t("No energy in this period"), period_words(mine.period)))
    day = found.peak.at.astimezone(found.period.zone).date()
    worst = load.read_day(mine.place, day, found.period, now)
    labels = {"mean": t("average day"), "worst": form.date(found.peak.at, weekday=True),
              "other": against, "limit": t("grid connection"), "no_data": t("not yet")}  # fmt: skip
    held = other.load.mean_w if other and other.load else ()
    drawn = Day(found.mean_w, worst, held, mine.limit_w)
    graph = dcc.Graph(id="load-chart", figure=load_chart(drawn, form, theme(), labels),
                      config=config(form), className="pb", style={"height": 300})  # fmt: skip
    shapes = [("st-charging", labels["mean"]), ("thin", labels["worst"])]
    legend = chart_legend(*shapes, *([("dashed", against)] if any(held) else []))
    return panel(heading, legend, graph, _numbers(found, worst, labels, view, day),
                 right=takeaways(view, mine.period, "energy-load", "load-chart"),
                 sub=_sub(found, mine.period), id="load-day")  # fmt: skip


def _sub(found: Load, period: Period) -> str:
    words = t("mean of 15 min, {period}", period=period_words(found.period))
    return words if found.period == period else f"{words} ({t('the last year of it')})"


def _numbers(
    found: Load, worst: Sequence[float | None], labels: dict[str, str], view: View, day: date
) -> Child:
    form = formatter()
    columns = [
        Column(t("Quarter of an hour")),
        Column(labels["mean"], "num"),
        Column(labels["worst"], "num"),
    ]
    rows = [[quarter_words(n), form.kw(found.mean_w[n]), form.kw(worst[n])] for n in range(96)]
    listed = html.Div(table(t("Load over the day"), columns, rows), className="ranking")
    behind = html.A(t("Sessions of {day}", day=labels["worst"]), href=view.sessions(day, day),
                    className="behind")  # fmt: skip
    return html.Details([html.Summary(t("As a table")), behind, listed], className="pb")


def sites(view: View, found: Sequence[SitePeak], period: Period) -> Child:
    """Every site: the most it took at once, what its grid connection takes, what is left."""
    form, heading = formatter(), t("Sites against their grid connections")
    columns = [Column(t("Site"), "ell"), Column(t("Largest power"), "num"), Column(t("When")),
               Column(t("Grid connection"), "num"), Column(t("Used"), "num"),
               Column("", "bar-cell"), Column(t("Headroom"), "num"),
               Column(t("Rated"), "num"), Column(t("Coincidence"), "num"),
               Column(t("Energy"), "num")]  # fmt: skip
    rows = [_site(view, one, period) for one in found]
    listed = table(heading, columns, rows, empty=empty_state(t("No site has stations")))
    body = html.Div(listed, className="ranking", tabIndex="0", role="region", **named(heading))
    over = sum((one.headroom_w or 0) < 0 for one in found)
    sub = t("largest mean of 15 min; power within it may be higher: informative")
    if over:
        sub = t("{n} over", n=form.number(over)) + f" \u00b7 {sub}"
    return panel(heading, body, sub=sub, id="energy-sites",
                 right=takeaways(view, period, "energy-sites"))  # fmt: skip


def _site(view: View, one: SitePeak, period: Period) -> list[Child]:
    form, peak = formatter(), one.peak
    when: Child = UNKNOWN
    if peak:
        day = peak.at.astimezone(period.zone).date()
        when = html.A(f"{form.date(peak.at)} {form.time(peak.at)}",
                      href=sessions_href(day, day, site=str(one.site_id)))  # fmt: skip
    width = f"{min(1.0, one.used or 0) * 100:.0f}%"
    energy = sessions_href(period.first, last_day(period), site=str(one.site_id))
    return [
        html.A(one.name, href=view.href(site=str(one.site_id)), className="strong"),
        html.B(form.kw(peak.power_w if peak else None)), when, form.rating(one.limit_w),
        form.percent(one.used), html.Span(html.I(style={"width": width}), className="share"),
        _headroom(one), form.rating(one.rating_w), form.percent(one.coincidence),
        html.A(form.kwh(one.energy_wh), href=energy),
    ]  # fmt: skip


def _headroom(one: SitePeak) -> Child:
    """What is left; more than the connection takes is said in words, too."""
    form, left = formatter(), one.headroom_w
    if left is None or left >= 0:
        return form.kw(left)
    return html.Span([form.kw(left), " ", t("over")], className="over")


# -- files ------------------------------------------------------------------------------------


def _kw(watts: float | None) -> Decimal | None:
    return None if watts is None else round(Decimal(watts) / 1000, 3)


def load_table(view: View, mine: Part, now: datetime) -> Table:
    """96 quarters: the average day and the worst one, in kW."""
    header = [t("Quarter of an hour"), t("average day") + ", kW"]
    found, worst = mine.load, tuple[float | None, ...]()
    if found and found.peak:
        day = found.peak.at.astimezone(found.period.zone).date()
        worst = load.read_day(mine.place, day, found.period, now)
        header.append(f"{day.isoformat()}, kW")
    rows = [] if found is None else [
        [quarter_words(n), _kw(found.mean_w[n]), *([_kw(worst[n])] if worst else [])]
        for n in range(96)
    ]  # fmt: skip
    return Table(file_name(view, mine.period, "energy-load"), header, rows)


def sites_table(view: View, found: Sequence[SitePeak], period: Period) -> Table:
    header = [t("Site"), t("Largest power") + ", kW", t("When"), t("Grid connection") + ", kW",
              t("Headroom") + ", kW", t("Rated") + ", kW", t("Coincidence") + ", %",
              t("Energy, kWh")]  # fmt: skip
    rows = [
        [one.name, _kw(one.peak.power_w if one.peak else None), one.peak and one.peak.at,
         _kw(one.limit_w), _kw(one.headroom_w), _kw(one.rating_w), percent(one.coincidence),
         kwh(one.energy_wh)] for one in found
    ]  # fmt: skip
    return Table(file_name(view, period, "energy-sites"), header, rows)
