"""Utilisation's figures: the strip, shares per state, days, idle stays, and who is used most."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

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
    table,
)
from dashboard.data import Row
from dashboard.figures import bucket_words, config
from dashboard.figures_time import Spent, spent_chart
from dashboard.i18n import formatter, mark, t, theme
from dashboard.pages.analysis import Against, last_day, period_words
from dashboard.pages.analysis_bar import chart_legend, takeaways
from dashboard.pages.analysis_compare import Measure, changed, side_by_side
from dashboard.pages.reliability_figures import bar_row
from dashboard.pages.reliability_strip import delta, hours_words
from dashboard.pages.utilisation_view import Part, View
from dashboard.pages.utilisation_week import peak_words
from dashboard.periods import Period, shifted
from dashboard.reliability import Group
from dashboard.states import state_word
from dashboard.uptime import Seconds, difference, share
from dashboard.utilisation import Week, grain_of, per_day

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
# where time out of use is explained: the cause of its outages
OUTAGES = {"faulted": "hardware", "unavailable": "unavailable", "unknown": "network"}
STAYS = (mark("up to 15 min"), mark("15\u201330 min"), mark("30\u201360 min"), mark("1\u20132 h"),
         mark("2\u20134 h"), mark("over 4 h"))  # fmt: skip


def strip(mine: Part, other: Part | None, against: Against | None, named: str) -> Child:
    """Each figure and how far it is from what it is held against."""
    form, now, time = formatter(), mine.all, mine.all.seconds
    then = other.all if other else None
    before = then.seconds if then else Seconds()
    charging, charging_then = (share(s.charging, s.in_service) for s in (time, before))
    whole = then if other and other.is_whole else None
    daily = per_day(now.energy_wh, time)
    daily_then = per_day(then.energy_wh, before) if then else None
    of = t("{part} of {whole}", part=hours_words(time.occupied), whole=hours_words(time.in_service))
    was = _was(before.occupancy, against, named)
    sessions = now.tries.succeeded
    return figure_strip(
        [
            figure_tile(t("Occupancy"),
                        [form.percent(time.occupancy, 1),
                         delta(time.occupancy, before.occupancy)],
                        f"{of}{was}", help="occupancy", id="used-occupancy"),
            figure_tile(t("Really charging"),
                        [form.percent(charging, 1), delta(charging, charging_then)],
                        t("{share} of occupied",
                          share=form.percent(share(time.charging, time.occupied), 1)),
                        help="really_charging", id="used-charging"),
            figure_tile(t("Idle after full"),
                        [form.percent(time.idle_share, 1),
                         _plain(time.idle_share, before.idle_share)],
                        t("{hours} of occupied time", hours=hours_words(time.idle)),
                        help="idle_share", id="used-idle"),
            figure_tile(t("kWh per evse-day"),
                        [form.number(None if daily is None else daily / 1000, 1),
                         changed(daily, daily_then)],
                        t("{energy}, {days} days", energy=form.kwh(now.energy_wh),
                          days=form.number(time.in_service / 86400)),
                        help="kwh_per_evse_day", id="used-energy"),
            figure_tile(t("Successful charges"),
                        [form.number(sessions),
                         changed(sessions, whole.tries.succeeded if whole else None)],
                        t("{energy} each", energy=form.kwh(share(now.energy_wh, sessions), 1)),
                        help="successful_charges", id="used-sessions"),
            figure_tile(t("Fullest hour"), peak_words(mine.hours, "occupied"),
                        t("{share} of evses occupied", share=form.percent(_most(mine.hours))),
                        href="#week", id="used-peak", help="fullest_hour"),
        ],
        id="used-figures",
    )  # fmt: skip


def _was(occupancy: float | None, against: Against | None, named: str) -> str:
    """Was 22.8 %; Mora 22.8 %."""
    if against is None:
        return ""
    words = formatter().percent(occupancy, 1)
    return (
        f" \u00b7 {named} {words}"
        if against.is_site
        else " \u00b7 " + t("was {share}", share=words)
    )


def compared(names: tuple[str, str], mine: Part, other: Part) -> Child:
    """Two sites in the same period."""
    form = formatter()

    def of(value: Callable[[Group], float | None]) -> tuple[float | None, float | None]:
        return value(mine.all), value(other.all)

    def rate(value: float | None) -> str:
        return form.percent(value, 1)

    def daily(group: Group) -> float | None:
        return per_day(group.energy_wh, group.seconds)

    shares = [
        Measure(t("Occupancy"), of(lambda g: g.seconds.occupancy), rate, is_share=True),
        Measure(t("Really charging"), of(lambda g: share(g.seconds.charging, g.seconds.in_service)),
                rate, is_share=True),
        Measure(t("Idle after full"), of(lambda g: g.seconds.idle_share), rate, is_share=True),
    ]  # fmt: skip
    counts = [
        Measure(t("Evses"), of(lambda g: len(g.lines)), form.number),
        Measure(t("kWh per evse-day"), of(daily), lambda wh: form.kwh(wh, 1)),
        Measure(t("Energy"), of(lambda g: g.energy_wh), form.kwh),
        Measure(t("Successful charges"), of(lambda g: g.tries.succeeded), form.number),
    ]
    return side_by_side(names, [*shares, *counts], period_words(mine.period))


def _most(week: Week) -> float | None:
    peak = week.peak("occupied")
    return week.value(*peak, "occupied") if peak else None


def _plain(now: float | None, before: float | None) -> Child:
    """A change that is neither good nor bad by itself."""
    change = difference(now, before)
    return "" if change is None else html.Small(formatter().points(change))


def shares(view: View, mine: Part) -> Child:
    """Every second in service is in one row; the rows make a hundred percent, and each leads to
    the sessions or the outages it is made of."""
    form, seconds = formatter(), mine.all.seconds
    parts = [(shape, words, sum(getattr(seconds, name) for name in names))
             for names, shape, words in SHARES]  # fmt: skip
    bar = html.Div(
        [html.I(className=f"st-{shape} {shape}", style={"flex": str(part)})
         for shape, _, part in parts if part],
        className="states-bar", **aria(hidden="true"),
    )  # fmt: skip
    rows = [
        [html.Span([glyph(shape), " ", _behind(view, mine, shape, t(words))], className="bd"),
         hours_words(part), html.B(form.percent(share(part, seconds.in_service), 1))]
        for shape, words, part in parts if part or shape in ("available", "charging", "unknown")
    ]  # fmt: skip
    columns = [Column(t("State"), "fill"), Column(t("Hours"), "num"), Column(t("Share"), "num")]
    foot = [t("In service"), hours_words(seconds.in_service), form.percent(1, 1)]
    body = table(t("Share of time per state"), columns, rows, foot=foot)
    sub = t("{n} evses, {days} days", n=form.number(len(mine.lines)),
            days=form.number(mine.period.days))  # fmt: skip
    return panel(t("Share of time per state"), bar, body, sub=sub, id="used-states")


def _behind(view: View, mine: Part, shape: str, words: str) -> Child:
    """Time with a vehicle is made of sessions, time out of use of outages."""
    if shape in OUTAGES:
        more = {"show": "outages", "cause": OUTAGES[shape]}
        return html.A(words, href=view.elsewhere("reliability", mine.period, **more))
    if shape in ("charging", "finished", "preparing"):
        return html.A(words, href=view.sessions(mine.period.first, last_day(mine.period)))
    return words


def spent(view: View, mine: Part, other: Part | None, named: str) -> Child:
    """Stacked shares of charging, waiting and idle; what they are held against as a dashed line."""
    form, now, grain = formatter(), mine.spent, grain_of(mine.period)
    title = t("Occupied against really charging")
    if not any(one.charging is not None for one in now):
        return panel(title, empty_state(t("No evse was in service")))
    labels = {"charging": state_word("charging"), "idle": t("Idle after full"),
              "preparing": state_word("preparing"), "no_data": t("not in service"),
              "previous": t("Occupied, {what}", what=named)}  # fmt: skip
    held = [occupied(one) for one in other.spent] if other else []
    hrefs = [view.sessions(*_days(one, grain, mine.period)) for one in now]
    figure = spent_chart(now, held, form, theme(), grain, labels, hrefs)
    graph = dcc.Graph(id="spent-chart", figure=figure, config=config(form),
                      style={"height": 262}, className="pb")  # fmt: skip
    shapes = [("st-charging", "charging"), ("st-preparing", "preparing"), ("st-finished", "idle"),
              *([("dashed", "previous")] if held else [])]  # fmt: skip
    legend = chart_legend(*((kind, labels[name]) for kind, name in shapes))
    return panel(title, legend, graph, _numbers(now, hrefs, grain, labels, title),
                 sub=t("% of time in service"), id="used-days",
                 right=takeaways(view, mine.period, "utilisation-days", "spent-chart"))  # fmt: skip


def _days(one: Spent, grain: str, period: Period) -> tuple[date, date]:
    """The first and the last day of a bar."""
    first = one.bucket.astimezone(period.zone).date()
    if grain == "day":
        return first, first
    return first, min(shifted(first, 1), period.until) - timedelta(days=1)


def _numbers(
    now: Sequence[Spent], hrefs: Sequence[str], grain: str, labels: dict[str, str], title: str
) -> Child:
    form = formatter()
    rows: list[list[Child]] = [
        [html.A(bucket_words(one.bucket, grain, form), href=href), form.percent(occupied(one), 1),
         form.percent(one.charging, 1), form.percent(one.idle, 1), form.percent(one.preparing, 1)]
        for one, href in zip(now, hrefs, strict=True)
    ]  # fmt: skip
    columns = [Column(t("Period")), Column(t("Occupied"), "num"), Column(labels["charging"], "num"),
               Column(labels["idle"], "num"), Column(labels["preparing"], "num")]  # fmt: skip
    return html.Details([html.Summary(t("As a table")), table(title, columns, rows)],
                        className="pb")  # fmt: skip


def occupied(one: Spent) -> float | None:
    parts = (one.charging, one.idle, one.preparing)
    return None if one.charging is None else sum(part or 0 for part in parts)


def stays(view: View, rows: Sequence[Row], period: Period) -> Child:
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
                "finished", view.sessions(period.first, last_day(period)))
        for place, words in enumerate(STAYS)
    ]  # fmt: skip
    long = sum(seconds.get(place, 0) for place in (4, 5))
    sub = t("{share} in stays over 2 h", share=form.percent(long / whole))
    return panel(title, html.Div(bars, className="bars"), sub=sub, id="used-stays")
