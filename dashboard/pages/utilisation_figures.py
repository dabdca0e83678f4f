"""Utilisation's figures: the strip, shares per state, days, idle stays, and who is used most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html

from dashboard.components import (
    Child,
    Column,
    aria,
    empty_state,
    figure_strip,
    figure_tile,
    glyph,
    panel,
    segments,
    table,
)
from dashboard.data import Row
from dashboard.figures import CONFIG, bucket_words
from dashboard.figures_time import Spent, spent_chart
from dashboard.i18n import formatter, mark, t, theme
from dashboard.pages.frame import named
from dashboard.pages.reliability_figures import KEYS, LEVELS, bar_row, group_name
from dashboard.pages.reliability_strip import delta, hours_words
from dashboard.pages.utilisation_week import peak_words
from dashboard.periods import Period
from dashboard.reliability import Group, Line, gather, together
from dashboard.states import state_word
from dashboard.uptime import difference, share
from dashboard.utilisation import Week, per_day

CHART: Any = CONFIG
SHOWN = 15
# what a row of the shares adds up, its shape and its words
SHARES = (
    (("available",), "available", mark("Available")), (("charging",), "charging", mark("Charging")),
    (("suspended", "finished"), "finished", mark("Idle after full")),
    (("preparing",), "preparing", mark("Plugged in, not started")),
    (("reserved",), "reserved", mark("Reserved")), (("faulted",), "faulted", mark("Fault")),
    (("unavailable",), "unavailable", mark("Out of service")),
    (("unknown",), "unknown", mark("No contact")),
)  # fmt: skip
STAYS = (mark("up to 15 min"), mark("15\u201330 min"), mark("30\u201360 min"), mark("1\u20132 h"),
         mark("2\u20134 h"), mark("over 4 h"))  # fmt: skip


def strip(lines: Sequence[Line], before: Sequence[Line], week: Week) -> Child:
    form, now, then = formatter(), together(lines), together(before)
    time, time_then = now.seconds, then.seconds
    charging, charging_then = (share(s.charging, s.in_service) for s in (time, time_then))
    daily, daily_then = (per_day(g.energy_wh, g.seconds) for g in (now, then))
    of = t("{part} of {whole}", part=hours_words(time.occupied), whole=hours_words(time.in_service))
    was = t("was {share}", share=form.percent(time_then.occupancy, 1))
    sessions, sessions_then = now.tries.succeeded, then.tries.succeeded
    return figure_strip(
        [
            figure_tile(t("Occupancy"),
                        [form.percent(time.occupancy, 1),
                         delta(time.occupancy, time_then.occupancy)],
                        f"{of} \u00b7 {was}", help="occupancy", id="used-occupancy"),
            figure_tile(t("Really charging"),
                        [form.percent(charging, 1), delta(charging, charging_then)],
                        t("{share} of occupied",
                          share=form.percent(share(time.charging, time.occupied), 1)),
                        help="really_charging", id="used-charging"),
            figure_tile(t("Idle after full"),
                        [form.percent(time.idle_share, 1),
                         _plain(time.idle_share, time_then.idle_share)],
                        t("{hours} of occupied time", hours=hours_words(time.idle)),
                        help="idle_share", id="used-idle"),
            figure_tile(t("kWh per evse-day"),
                        [form.number(None if daily is None else daily / 1000, 1),
                         _change(daily, daily_then)],
                        t("{energy}, {days} days", energy=form.kwh(now.energy_wh),
                          days=form.number(time.in_service / 86400)),
                        help="kwh_per_evse_day", id="used-energy"),
            figure_tile(t("Successful charges"),
                        [form.number(sessions), _change(sessions, sessions_then)],
                        t("{energy} each", energy=form.kwh(share(now.energy_wh, sessions), 1)),
                        help="successful_charges", id="used-sessions"),
            figure_tile(t("Fullest hour"), peak_words(week, "occupied"),
                        t("{share} of evses occupied",
                          share=form.percent(_most(week))), href="#week", id="used-peak",
                        help="fullest_hour"),
        ],
        id="used-figures",
    )  # fmt: skip


def _most(week: Week) -> float | None:
    peak = week.peak("occupied")
    return week.value(*peak, "occupied") if peak else None


def _plain(now: float | None, before: float | None) -> Child:
    """A change that is neither good nor bad by itself."""
    change = difference(now, before)
    return "" if change is None else html.Small(formatter().points(change))


def _change(now: float | None, before: float | None) -> Child:
    """How many percent more or less than before."""
    if not now or not before:
        return ""
    change = now / before - 1
    form = formatter()
    words = f"{form.signed(change * 100, 1)}\u00a0%"
    return html.Small(words, className="up" if change > 0 else "down")


def shares(lines: Sequence[Line], period: Period) -> Child:
    """Every second in service is in one row; the rows make a hundred percent."""
    form, seconds = formatter(), together(lines).seconds
    parts = [(shape, words, sum(getattr(seconds, name) for name in names))
             for names, shape, words in SHARES]  # fmt: skip
    bar = html.Div(
        [html.I(className=f"st-{shape} {shape}", style={"flex": str(part)})
         for shape, _, part in parts if part],
        className="states-bar", **aria(hidden="true"),
    )  # fmt: skip
    rows = [
        [html.Span([glyph(shape), " ", t(words)], className="bd"), hours_words(part),
         html.B(form.percent(share(part, seconds.in_service), 1))]
        for shape, words, part in parts if part or shape in ("available", "charging", "unknown")
    ]  # fmt: skip
    columns = [Column(t("State"), "fill"), Column(t("Hours"), "num"), Column(t("Share"), "num")]
    foot = [t("In service"), hours_words(seconds.in_service), form.percent(1, 1)]
    body = table(t("Share of time per state"), columns, rows, foot=foot)
    sub = t("{n} evses, {days} days", n=form.number(len(lines)), days=form.number(period.days))
    return panel(t("Share of time per state"), bar, body, sub=sub, id="used-states")


def spent(now: Sequence[Spent], before: Sequence[Spent], grain: str) -> Child:
    """Stacked shares of charging, waiting and idle; the period before as a dashed line."""
    form = formatter()
    title = t("Occupied against really charging")
    if not any(one.charging is not None for one in now):
        return panel(title, empty_state(t("No evse was in service")))
    labels = {"charging": state_word("charging"), "idle": t("Idle after full"),
              "preparing": state_word("preparing"), "previous": t("Occupied before")}  # fmt: skip
    previous = [occupied(one) for one in before]
    figure = spent_chart(now, previous, form, theme(), grain, labels)
    graph = dcc.Graph(figure=figure, config=CHART, style={"height": 262}, className="pb")
    rows = [[bucket_words(one.bucket, grain, form), form.percent(occupied(one), 1),
             form.percent(one.charging, 1), form.percent(one.idle, 1),
             form.percent(one.preparing, 1)] for one in now]  # fmt: skip
    columns = [Column(t("Period")), Column(t("Occupied"), "num"), Column(labels["charging"], "num"),
               Column(labels["idle"], "num"), Column(labels["preparing"], "num")]  # fmt: skip
    numbers = html.Details([html.Summary(t("As a table")),
                            table(title, columns, rows)],
                           className="pb")  # fmt: skip
    return panel(title, graph, numbers, sub=t("% of time in service"),
                 right=[_legend(labels)], id="used-days")  # fmt: skip


def _legend(labels: dict[str, str]) -> Child:
    shapes = (("charging", "charging"), ("preparing", "preparing"), ("idle", "finished"))
    marks = [html.Span([html.I(className=f"st-{shape} swatch"), labels[name]])
             for name, shape in shapes]  # fmt: skip
    before = html.Span([html.I(className="swatch dashed"), labels["previous"]])
    return html.Span([*marks, before], className="chart-legend")


def occupied(one: Spent) -> float | None:
    parts = (one.charging, one.idle, one.preparing)
    return None if one.charging is None else sum(part or 0 for part in parts)


def stays(rows: Sequence[Row], period: Period) -> Child:
    """How long cables stayed after the last energy: hours by the length of the stay."""
    form, title = formatter(), t("Idle after full, by length")
    seconds = {row["bin"]: row["seconds"] for row in rows}
    whole, most = sum(seconds.values()), max(seconds.values(), default=0)
    if not whole:
        words = t("No session stayed") if period.days <= 100 else t("Choose a shorter period")
        return panel(title, empty_state(words))
    bars = [
        bar_row(t(words), seconds.get(place, 0) / most,
                [html.B(hours_words(seconds.get(place, 0))), " ",
                 html.Span(form.percent(seconds.get(place, 0) / whole), className="faint")],
                "finished")
        for place, words in enumerate(STAYS)
    ]  # fmt: skip
    long = sum(seconds.get(place, 0) for place in (4, 5))
    sub = t("{share} in stays over 2 h", share=form.percent(long / whole))
    return panel(title, html.Div(bars, className="bars"), sub=sub, id="used-stays")


@dataclass(frozen=True)
class Ranking:
    """Sites, stations or evses by occupancy, with the period before beside it."""

    level: str
    is_chosen: bool
    lines: Sequence[Line]
    before: Sequence[Line]

    def draw(self, href: Callable[..., str]) -> Child:
        key = KEYS[self.level]
        found = sorted(gather(self.lines, lambda evse: evse[key]),
                       key=lambda g: -(g.seconds.occupancy or 0))  # fmt: skip
        known = {g.evse[key]: g.seconds.occupancy for g in gather(self.before, lambda e: e[key])}
        most = max((g.seconds.occupancy or 0 for g in found), default=0) or 1
        rows = [
            [html.Span(formatter().number(place), className="faint"),
             *self._cells(one, known.get(one.evse[key]), most, href)]
            for place, one in enumerate(found, 1)
        ]  # fmt: skip
        if not self.is_chosen and len(rows) > SHOWN:
            rows = [*rows[: SHOWN - 3], *rows[-3:]]
        columns = [Column(""), Column(t(LEVELS[self.level]), "ell"), Column(t("Evses"), "num"),
                   Column(t("Occupancy"), "num"), Column("", "bar-cell"),
                   Column(t("Change"), "num"), Column(t("Charging"), "num"),
                   Column(t("Idle"), "num"), Column(t("kWh/evse-day"), "num")]  # fmt: skip
        choices = [(t(words), href(by=level), level == self.level)
                   for level, words in LEVELS.items()]  # fmt: skip
        body = table(
            t("By occupancy"), columns, rows, empty=empty_state(t("No evse was in service"))
        )
        scrolled = html.Div(body, className="long" if self.is_chosen else "", tabIndex="0",
                            role="region", **named(t("By occupancy")))  # fmt: skip
        sub = t("{n} in all", n=formatter().number(len(found)))
        if len(rows) < len(found):
            sub += " \u00b7 " + t("most and least used")
        return panel(t("By occupancy"), scrolled, sub=sub, right=[segments(choices, t("By"))],
                     id="used-ranking")  # fmt: skip

    def _cells(
        self, one: Group, before: float | None, most: float, href: Callable[..., str]
    ) -> list[Child]:
        form, seconds = formatter(), one.seconds
        part = (seconds.occupancy or 0) / most
        daily = per_day(one.energy_wh, seconds)
        return [
            html.A(group_name(one, self.level), href=self._href(one, href)),
            form.number(len(one.lines)),
            html.B(form.percent(seconds.occupancy, 1)),
            html.Span(html.I(style={"width": f"{part * 100:.0f}%"}), className="share"),
            delta(seconds.occupancy, before),
            form.percent(share(seconds.charging, seconds.occupied)),
            form.percent(seconds.idle_share),
            form.number(None if daily is None else daily / 1000, 1),
        ]

    def _href(self, one: Group, href: Callable[..., str]) -> str:
        """Further down; an evse's sessions are on its station's page."""
        if self.level == "site" and one.evse["site_id"]:
            return href(site=str(one.evse["site_id"]), by="")
        if self.level == "evse":
            return f"/app/station/{one.evse['station_id']}"
        return href(station=one.evse["station_id"], site="", by="")
