"""Energy's figures: the strip, bars, two sites side by side, stations by energy."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import dcc, html

from dashboard.components import (
    Child,
    Column,
    empty_state,
    figure_strip,
    figure_tile,
    panel,
    table,
)
from dashboard.csv_text import kwh
from dashboard.downloads import Table
from dashboard.figures import Bar, bucket_words, config, energy_bars
from dashboard.format import UNKNOWN, Format
from dashboard.i18n import formatter, t, theme
from dashboard.load import Energy
from dashboard.pages.analysis import Against, period_words, sessions_href
from dashboard.pages.analysis_bar import chart_legend, file_name, takeaways
from dashboard.pages.analysis_compare import Measure, changed, relative, side_by_side
from dashboard.pages.energy_view import GRAINS, Part, View, buckets
from dashboard.pages.frame import named

STATIONS = 50


def strip(view: View, mine: Part, other: Part | None, now: datetime) -> Child:
    """The sum of the bars below, what it is made of, and the most that was taken at once."""
    form, found = formatter(), mine.energy
    # of a time that was not measured as a whole nothing can be said
    whole = other if other and other.known_from <= other.period.start else None
    before, begun = (whole.energy.total_wh, whole.energy.sessions) if whole else (None, None)
    total = found.total_wh
    value = [form.number(total / 1000, 2 if total < 100_000 else 0), html.Small("kWh")]
    sessions = [form.number(found.sessions), changed(found.sessions, begun)]
    return figure_strip(
        [
            figure_tile(t("Energy"), [*value, changed(total, before)], t("Sum of all bars"),
                        help="energy_delivered", id="energy-total"),
            figure_tile(t("Sessions begun"), sessions, href=view.sessions(*_ends(mine)),
                        help="sessions_begun", id="energy-sessions"),
            figure_tile(t("Per session"), form.kwh(mine.per_session, 1),
                        help="energy_per_session"),
            *_peaks(view, mine),
            figure_tile(t("Highest single power"), form.kw(found.peak_power_w),
                        t("one evse, informative"), help="highest_single_power"),
            figure_tile(t("Complete as of"), complete_words(found, form, now), _late(found, now),
                        help="complete_as_of"),
        ],
        id="energy-figures",
    )  # fmt: skip


def _ends(part: Part) -> tuple[Any, Any]:
    return part.period.first, part.period.until - timedelta(days=1)


def _peaks(view: View, mine: Part) -> list[Child]:
    """The largest simultaneous power, and what share of all ratings it was."""
    form, load = formatter(), mine.load
    peak = load.peak if load else None
    if load is None or peak is None:
        names = (t("Largest simultaneous power"), t("Coincidence"))
        return [figure_tile(name, UNKNOWN) for name in names]
    day = peak.at.astimezone(load.period.zone).date()
    when = f"{form.date(peak.at)} {form.time(peak.at)}"
    of = t("of {power} rated", power=form.rating(load.rating_w))
    factor = t("mean is {share} of it", share=form.percent(load.load_factor))
    return [
        figure_tile(t("Largest simultaneous power"), form.kw(peak.power_w),
                    t("{when}, mean of 15 min, informative", when=when),
                    href=view.sessions(day, day), help="largest_simultaneous_power",
                    id="energy-peak"),
        figure_tile(t("Coincidence"), form.percent(load.coincidence, 1), f"{of} \u00b7 {factor}",
                    help="coincidence", id="energy-coincidence"),
    ]  # fmt: skip


def complete_words(found: Energy, form: Format, now: datetime) -> str:
    at = min(found.complete_until, now)
    return form.time(at, seconds=True) if now - at < timedelta(hours=20) else form.stamp(at)


def _late(found: Energy, now: datetime) -> str:
    if found.complete_until < now - timedelta(seconds=30):
        return t("Late readings are being added")
    return t("Every reading received is in")


def bars(view: View, grain: str, part: Part, now: datetime) -> list[Bar]:
    """One bar per bucket of the period, empty ones too; a bucket still running is incomplete, and
    those before the first energy ever are unknown."""
    found, zone, result = part.energy, part.period.zone, []
    for begin, finish in buckets(grain, part.period.start, min(part.period.end, now), zone):
        known = finish > part.known_from
        last = (finish - timedelta(seconds=1)).astimezone(zone).date()
        wh = found.buckets.get(begin.astimezone(UTC), 0)
        done = finish <= min(now, found.complete_until)
        href = view.sessions(begin.astimezone(zone).date(), last)
        result.append(Bar(begin, wh, done, known or bool(wh), href))
    return result


def previous_of(grain: str, bars: Sequence[Bar], other: Part | None) -> list[int | None]:
    """What the bars are held against, by their order."""
    if other is None:
        return []
    of = other.period
    held = [other.energy.buckets.get(begin.astimezone(UTC), 0 if end > other.known_from else None)
            for begin, end in buckets(grain, of.start, of.end, of.zone)]  # fmt: skip
    return [held[n] if n < len(held) else None for n in range(len(bars))]


def chart(
    view: View, grain: str, mine: Part, drawn: Sequence[Bar], other: Part | None, against: str
) -> Child:
    """Bars, and as a table with links and the sum."""
    form, heading = formatter(), t("Energy per {grain}", grain=t(GRAINS[grain]).lower())
    sub = period_words(mine.period)
    if not mine.energy.total_wh:
        return panel(heading, empty_state(t("No energy in this period"), sub), sub=sub)
    previous = previous_of(grain, drawn, other)
    labels = {"previous": against, "no_data": t("before the first energy")}
    figure = energy_bars(drawn, form, theme(), grain, previous, labels)
    graph = dcc.Graph(id="energy-chart", figure=figure, config=config(form), className="pb",
                      style={"height": 300})  # fmt: skip
    legend = [chart_legend(("dashed", against))] if other else []
    return panel(heading, *legend, graph, _numbers(grain, drawn, previous, against), sub=sub,
                 right=takeaways(view, mine.period, "energy", "energy-chart"))  # fmt: skip


def _numbers(grain: str, drawn: Sequence[Bar], previous: list[int | None], against: str) -> Child:
    form = formatter()
    columns = [Column(t("Period")), Column(t("Energy"), "num")]
    rows: list[list[Child]] = [
        [html.A(bucket_words(bar.bucket, grain, form), href=bar.href),
         form.kwh(bar.energy_wh if bar.known else None)] for bar in drawn
    ]  # fmt: skip
    foot: list[Child] = [t("Sum"), form.kwh(sum(bar.energy_wh for bar in drawn))]
    if previous:
        columns.append(Column(against, "num"))
        rows = [[*row, form.kwh(wh)] for row, wh in zip(rows, previous, strict=True)]
        foot.append(form.kwh(sum(wh or 0 for wh in previous)))
    listed = table(t("Energy per period"), columns, rows, id="energy-table", foot=foot)
    return html.Details([html.Summary(t("As a table")), listed], className="pb")


def compared(names: tuple[str, str], mine: Part, other: Part) -> Child:
    """Two sites in the same period."""
    form = formatter()

    def of(value: Callable[[Part], float | None]) -> tuple[float | None, float | None]:
        return value(mine), value(other)

    def rate(value: float | None) -> str:
        return form.percent(value, 1)

    measures = [
        Measure(t("Energy"), of(lambda part: part.energy.total_wh), form.kwh),
        Measure(t("Sessions begun"), of(lambda part: part.energy.sessions), form.number),
        Measure(t("Per session"), of(lambda part: part.per_session), lambda wh: form.kwh(wh, 1)),
        Measure(t("Largest simultaneous power"), of(lambda part: part.peak_w), form.kw),
        Measure(t("Coincidence"), of(lambda part: part.coincidence), rate, is_share=True),
        Measure(t("Load factor"), of(lambda part: part.load_factor), rate, is_share=True),
    ]  # fmt: skip
    return side_by_side(names, measures, period_words(mine.period))


def ranking(view: View, mine: Part, other: Part | None, against: Against | None) -> Child:
    """Stations by energy; a number leads to the sessions that it is the sum of."""
    form, found = formatter(), mine.energy.by_station
    before = {} if other is None or (against and against.is_site) else {
        row["station_id"]: row["energy_wh"] for row in other.energy.by_station}  # fmt: skip
    columns = [Column(t("Station")), Column(t("Site"), "ell"), Column(t("Energy"), "num"),
               Column(t("Change"), "num"), Column(t("Share"), "num")]  # fmt: skip
    total = sum(row["energy_wh"] for row in found) or 1
    rows = [
        [
            html.A(row["station_id"], href=f"/app/station/{row['station_id']}", className="mono"),
            row["site"] or "",
            html.A(form.kwh(row["energy_wh"]),
                   href=sessions_href(*_ends(mine), station=row["station_id"])),
            relative(row["energy_wh"], before.get(row["station_id"])),
            form.percent(row["energy_wh"] / total, 1),
        ]
        for row in found[:STATIONS]
    ]  # fmt: skip
    nothing = empty_state(t("No energy in this period"))
    listed = table(t("Stations by energy"), columns, rows, empty=nothing)
    body = html.Div(listed, className="ranking", tabIndex="0", role="region",
                    **named(t("Stations by energy")))  # fmt: skip
    sub = t("{n} in all", n=form.number(len(found)))
    return panel(t("Stations by energy"), body, sub=sub, id="energy-stations",
                 right=takeaways(view, mine.period, "energy-stations"))  # fmt: skip


# -- files ------------------------------------------------------------------------------------


def bars_table(view: View, grain: str, mine: Part, other: Part | None, against: str,
               now: datetime) -> Table:  # fmt: skip
    """The bars as rows: first day or instant, kWh, what they are held against."""
    drawn = bars(view, grain, mine, now)
    previous = previous_of(grain, drawn, other)
    zone, names = mine.period.zone, [t("Beginning"), t("Energy, kWh")]
    rows = []
    for n, one in enumerate(drawn):
        begin = one.bucket if grain == "hour" else one.bucket.astimezone(zone).date()
        energy = int(one.energy_wh) if one.known else None
        rows.append([begin, kwh(energy), *([kwh(previous[n])] if previous else [])])
    held = [t("{what}, kWh", what=against)] if previous else []
    return Table(file_name(view, mine.period), [*names, *held], rows)


def stations_table(view: View, mine: Part) -> Table:
    """All stations, not only the first that the page shows."""
    header = [t("Station"), t("Site"), t("Energy, kWh")]
    rows = [[row["station_id"], row["site"], kwh(row["energy_wh"])]
            for row in mine.energy.by_station]  # fmt: skip
    return Table(file_name(view, mine.period, "energy-stations"), header, rows)
