"""The figures of Drivers: the strip, users per day, hours, lengths and energies, sites."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from dashboard import visits
from dashboard.components import (
    Child,
    Column,
    empty_state,
    figure_strip,
    figure_tile,
    panel,
    table,
)
from dashboard.figures import CONFIG, bucket_words, tick_words
from dashboard.figures_counts import Axis, Part, stacked
from dashboard.format import unit as _unit
from dashboard.i18n import formatter, t, theme, tn
from dashboard.pages.analysis import View, last_day
from dashboard.pages.analysis_bar import file_name, png_button
from dashboard.pages.frame import named
from dashboard.pages.reliability_figures import bar_row
from dashboard.periods import Period, midnight
from dashboard.uptime import share
from dashboard.visits import ENERGIES, LENGTHS, Bucket, Counts, SiteCounts

CHART: Any = CONFIG


# -- figures ----------------------------------------------------------------------------------


def strip(now: Counts, before: Counts | None, name: str, href: str) -> Child:
    form = formatter()
    returning = share(now.returning, now.users)
    unknown = now.sessions and not now.users
    return figure_strip(
        [
            figure_tile(
                t("Users"),
                [form.number(now.users), _change(now.users, before.users if before else None)],
                _was(form.number(before.users) if before else None, name)
                if not unknown
                else t("nobody is known by name or token"),
                id="users",
                help="users",
            ),
            figure_tile(
                t("New"),
                [
                    form.number(now.new_users),
                    _change(now.new_users, before.new_users if before else None),
                ],
                t("never here before"),
                id="new-users",
                help="new_users",
            ),
            figure_tile(
                t("Returning"),
                form.percent(returning, 1),
                tn(
                    "{number} user",
                    "{number} users",
                    now.returning,
                    number=form.number(now.returning),
                ),
                id="returning",
            ),
            figure_tile(
                t("Sessions per user"),
                form.number(now.per_user, 2),
                _was(form.number(before.per_user, 2) if before else None, name),
                help="sessions_per_user",
            ),
            figure_tile(
                t("Sessions"),
                [
                    form.number(now.sessions),
                    _change(now.sessions, before.sessions if before else None),
                ],
                t("ended"),
                href=href,
                id="ended-sessions",
                help="ended_sessions",
            ),
            figure_tile(
                t("Mean length"),
                form.duration(share(now.seconds, now.sessions)),
                _was(
                    form.duration(share(before.seconds, before.sessions)) if before else None, name
                ),
                help="mean_length",
            ),
            figure_tile(
                t("Energy per session"),
                form.kwh(share(now.energy_wh, now.sessions), 1),
                form.kwh(now.energy_wh),
                help="energy_per_session",
            ),
        ],
        id="driver-figures",
    )


def _was(value: str | None, name: str) -> str:
    return t("{name}: {value}", name=name, value=value) if value else ""


def _change(now: int, before: int | None) -> Child:
    """How many percent more or less; neither good nor bad by itself."""
    if not before:
        return ""
    return html.Small([" ", f"{formatter().signed((now / before - 1) * 100, 1)}\u00a0%"])


# -- charts -----------------------------------------------------------------------------------


def users(
    view: View,
    period: Period,
    buckets: Sequence[Bucket],
    before: Sequence[Bucket],
    name: str,
) -> Child:
    form, grain = formatter(), visits.grain_of(period)
    title_words = t(
        "Users per {grain}", grain=t("Month").lower() if grain == "month" else t("Day").lower()
    )
    if not any(one.sessions for one in buckets):
        return panel(title_words, empty_state(t("No session ended in this period")))
    at = [midnight(one.first, period.zone) for one in buckets]
    axis = Axis(
        [bucket_words(one, grain, form) for one in at],
        [tick_words(one, grain, form) for one in at],
        [
            view.sessions(one.first, visits.last_of(one.first, period), station="")
            for one in buckets
        ],
    )
    back = [one.users - one.new_users for one in buckets]
    parts = [
        Part(t("Returning"), back, [form.number(n) for n in back]),
        Part(
            t("New"),
            [one.new_users for one in buckets],
            [form.number(one.new_users) for one in buckets],
        ),
    ]
    line = Part(name, [one.users for one in before], [form.number(one.users) for one in before])
    figure = stacked(parts, axis, form, theme(), line if before else None)
    graph = dcc.Graph(
        id="users-chart", figure=figure, config=CHART, style={"height": 262}, className="pb"
    )
    rows = [
        [words, form.number(one.users), form.number(one.new_users), form.number(one.sessions)]
        for words, one in zip(axis.words, buckets, strict=True)
    ]
    columns = [
        Column(t("Period")),
        Column(t("Users"), "num"),
        Column(t("New"), "num"),
        Column(t("Sessions"), "num"),
    ]
    numbers = html.Details(
        [html.Summary(t("As a table")), table(title_words, columns, rows)], className="pb"
    )
    return panel(
        title_words,
        graph,
        numbers,
        sub=t("new above returning"),
        right=[png_button("users-chart", file_name(view, period, "users"))],
    )


def hours(view: View, period: Period, now: Counts) -> Child:
    form, title_words = formatter(), t("Sessions by hour of day")
    counts = [now.of("hour", hour) for hour in range(24)]
    if not any(counts):
        return panel(title_words, empty_state(t("No session ended in this period")))
    days = (period.first, last_day(period))
    axis = Axis(
        [f"{hour:02}:00\u2013{hour:02}:59" for hour in range(24)],
        [f"{hour:02}" for hour in range(24)],
        [view.sessions(*days, station="", hour=str(hour), state="ended") for hour in range(24)],
    )
    parts = [Part(t("Sessions"), counts, [form.number(n) for n in counts])]
    graph = dcc.Graph(
        id="hours-chart",
        figure=stacked(parts, axis, form, theme()),
        config=CHART,
        style={"height": 200},
        className="pb",
    )
    return panel(
        title_words,
        graph,
        sub=t("when they began"),
        right=[png_button("hours-chart", file_name(view, period, "hours"))],
    )


def lengths(view: View, period: Period, now: Counts) -> Child:
    form = formatter()
    rows = []
    for number, low, high in visits.bins(LENGTHS):
        words = (
            f"{_minutes(low, high)[0]}\u2013{_unit(*_minutes(low, high)[1:])}"
            if low and high
            else t("below {time}", time=form.duration((high or 0) * 60))
            if high
            else t("over {time}", time=_unit(form.number(low / 60), "h"))
        )
        filters = {"longer": str(low or ""), "shorter": str(high or "")}
        rows.append((words, now.of("length", number), filters))
    mean = form.duration(share(now.seconds, now.sessions))
    return _bars(view, period, t("Length of sessions"), t("mean {time}", time=mean), rows)


def energies(view: View, period: Period, now: Counts) -> Child:
    form = formatter()
    rows = []
    for number, low, high in visits.bins(ENERGIES):
        words = (
            f"{_short(low)}\u2013{form.kwh(high, 0)}"
            if low and high
            else t("below {energy}", energy=form.kwh(high, 1))
            if high
            else t("over {energy}", energy=form.kwh(low, 0))
        )
        filters = {"least": _typed(low), "most": _typed(high)}
        rows.append((words, now.of("energy", number), filters))
    mean = form.kwh(share(now.energy_wh, now.sessions), 1)
    return _bars(view, period, t("Energy of sessions"), t("mean {energy}", energy=mean), rows)


def _minutes(low: int, high: int) -> tuple[str, str, str]:
    """Both ends and their unit: 30, 45, min; 1, 1.5, h."""
    form = formatter()
    if high <= 60:
        return form.number(low), form.number(high), "min"
    ends = [form.number(end / 60, 1 if end % 60 else 0) for end in (low, high)]
    return ends[0], ends[1], "h"


def _short(wh: int) -> str:
    return formatter().number(wh / 1000, 1 if wh < 1000 else 0)


def _typed(wh: int | None) -> str:
    """As the explorer's fields take it."""
    return f"{wh / 1000:g}" if wh else ""


def _bars(
    view: View,
    period: Period,
    name: str,
    sub: str,
    rows: Sequence[tuple[str, int, dict[str, str]]],
) -> Child:
    """A bar per bin, as wide as its count, leading to its sessions."""
    form, most = formatter(), max((count for _, count, _ in rows), default=0)
    whole = sum(count for _, count, _ in rows)
    if not most:
        return panel(name, empty_state(t("No session ended in this period")))
    first, last = period.first, last_day(period)
    lines = [
        bar_row(
            words,
            count / most,
            [
                html.B(form.number(count)),
                " ",
                html.Span(form.percent(count / whole), className="faint"),
            ],
            "plain",
            view.sessions(first, last, **{"station": "", "state": "ended", **filters})
            if count
            else "",
        )
        for words, count, filters in rows
    ]
    return panel(name, html.Div(lines, className="bars"), sub=sub)


# -- sites ------------------------------------------------------------------------------------


def sites(view: View, rows: Sequence[SiteCounts]) -> Child:
    form = formatter()
    columns = [
        Column(t("Site"), "ell"),
        Column(t("Users"), "num"),
        Column(t("New there"), "num"),
        Column(t("Returning"), "num"),
        Column(t("Sessions"), "num"),
        Column(t("Sessions per user"), "num"),
        Column(t("Mean length"), "num"),
        Column(t("kWh per session"), "num"),
    ]
    lines = [
        [
            html.A(one.name or t("Without a site"), href=view.href(site=str(one.site_id)))
            if one.site_id > 0
            else t("Without a site"),
            html.B(form.number(one.users)),
            form.number(one.new_users),
            form.percent(share(one.users - one.new_users, one.users)),
            form.number(one.sessions),
            form.number(share(one.sessions, one.users), 2),
            form.duration(share(one.seconds, one.sessions)),
            form.number((share(one.energy_wh, one.sessions) or 0) / 1000, 1),
        ]
        for one in rows
    ]
    nothing = empty_state(t("No session ended in this period"))
    body = html.Div(
        table(t("Users by site"), columns, lines, empty=nothing),
        className="long",
        tabIndex="0",
        role="region",
        **named(t("Users by site")),
    )
    return panel(
        t("Users by site"),
        body,
        sub=t("who charges at two sites counts at both"),
        id="driver-sites",
    )
