"""Who is used most: sites, stations or evses by occupancy, each leading further down."""

from decimal import Decimal

from dash import html

from dashboard.components import Child, Column, empty_state, panel, segments, table
from dashboard.csv_text import hours, kwh, percent
from dashboard.downloads import Table
from dashboard.i18n import formatter, t
from dashboard.pages.analysis import last_day, sessions_href
from dashboard.pages.analysis_bar import file_name, takeaways
from dashboard.pages.frame import named
from dashboard.pages.reliability_figures import KEYS, LEVELS, group_name
from dashboard.pages.reliability_strip import delta
from dashboard.pages.utilisation_view import Part, View
from dashboard.reliability import Group, gather
from dashboard.uptime import share
from dashboard.utilisation import per_day

SHOWN = 15


def ranking(view: View, mine: Part, before: Part | None) -> Child:
    """Sites, stations or evses by occupancy, with the period before beside it."""
    form, level, title = formatter(), view.level, t("By occupancy")
    found, known = ranked(view, mine), _known(view, before)
    most = max((g.seconds.occupancy or 0 for g in found), default=0) or 1
    rows = [
        [html.Span(form.number(place), className="faint"),
         *_cells(view, mine, one, known.get(one.evse[KEYS[level]]), most)]
        for place, one in enumerate(found, 1)
    ]  # fmt: skip
    if not view.by and len(rows) > SHOWN:
        rows = [*rows[: SHOWN - 3], *rows[-3:]]
    columns = [Column(""), Column(t(LEVELS[level]), "ell"), Column(t("Evses"), "num"),
               Column(t("Occupancy"), "num"), Column("", "bar-cell"), Column(t("Change"), "num"),
               Column(t("Charging"), "num"), Column(t("Idle"), "num"),
               Column(t("kWh/evse-day"), "num")]  # fmt: skip
    choices = [(t(words), view.href(by=one), one == level) for one, words in LEVELS.items()]
    body = html.Div(table(title, columns, rows, empty=empty_state(t("No evse was in service"))),
                    className="long" if view.by else "", tabIndex="0", role="region",
                    **named(title))  # fmt: skip
    sub = t("{n} in all", n=form.number(len(found)))
    if len(rows) < len(found):
        sub += " \u00b7 " + t("most and least used")
    right = [segments(choices, t("By")), *takeaways(view, mine.period, "utilisation")]
    return panel(title, body, sub=sub, right=right, id="used-ranking")


def _known(view: View, before: Part | None) -> dict[object, float | None]:
    """Occupancy before, by what is ranked."""
    key = KEYS[view.level]
    groups = gather(before.lines if before else [], lambda evse: evse[key])
    return {one.evse[key]: one.seconds.occupancy for one in groups}


def ranked(view: View, mine: Part) -> list[Group]:
    """The most used first."""
    key = KEYS[view.level]
    return sorted(gather(mine.lines, lambda evse: evse[key]),
                  key=lambda g: -(g.seconds.occupancy or 0))  # fmt: skip


def _cells(view: View, mine: Part, one: Group, before: float | None, most: float) -> list[Child]:
    """The name leads further down, the share to the sessions."""
    form, seconds = formatter(), one.seconds
    part = (seconds.occupancy or 0) / most
    daily = per_day(one.energy_wh, seconds)
    behind = _sessions(view, mine, one)
    shown = html.B(form.percent(seconds.occupancy, 1))
    return [
        html.A(group_name(one, view.level), href=_down(view, one)),
        form.number(len(one.lines)),
        html.A(shown, href=behind) if behind else shown,
        html.Span(html.I(style={"width": f"{part * 100:.0f}%"}), className="share"),
        delta(seconds.occupancy, before),
        form.percent(share(seconds.charging, seconds.occupied)),
        form.percent(seconds.idle_share),
        form.number(None if daily is None else daily / 1000, 1),
    ]


def _sessions(view: View, mine: Part, one: Group) -> str:
    """The sessions of a site or a station; those without a site have no list of their own."""
    days = mine.period.first, last_day(mine.period)
    if view.level != "site":
        return sessions_href(*days, station=one.evse["station_id"])
    return sessions_href(*days, site=str(one.evse["site_id"])) if one.evse["site_id"] else ""


def _down(view: View, one: Group) -> str:
    """Further down; an evse's own page is its station's."""
    if view.level == "site" and one.evse["site_id"]:
        return view.href(site=str(one.evse["site_id"]), by="", cell="")
    if view.level == "evse":
        return f"/app/station/{one.evse['station_id']}"
    return view.href(station=one.evse["station_id"], site="", by="", cell="")


def ranking_table(view: View, mine: Part, before: Part | None) -> Table:
    """All of them, with the hours that the shares are made of."""
    key, known = KEYS[view.level], _known(view, before)
    header = [t(LEVELS[view.level]), t("Evses"), t("In service") + ", h", t("Occupancy") + ", %",
              t("Occupied before") + ", %", t("Charging") + ", h", t("Idle") + ", h",
              t("Energy, kWh"), t("kWh/evse-day")]  # fmt: skip
    rows = [
        [group_name(one, view.level), len(one.lines), hours(one.seconds.in_service),
         percent(one.seconds.occupancy), percent(known.get(one.evse[key])),
         hours(one.seconds.charging), hours(one.seconds.idle), kwh(one.energy_wh),
         _daily(one)] for one in ranked(view, mine)
    ]  # fmt: skip
    return Table(file_name(view, mine.period), header, rows)


def _daily(one: Group) -> Decimal | None:
    daily = per_day(one.energy_wh, one.seconds)
    return None if daily is None else round(Decimal(daily) / 1000, 3)
