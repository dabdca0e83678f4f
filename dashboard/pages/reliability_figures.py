"""The figures of reliability: the strip, causes, repair, failed first attempts, sites, months."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import dcc, html

from dashboard.components import (
    Child,
    Column,
    aria,
    empty_state,
    panel,
    segments,
    table,
)
from dashboard.data import Row
from dashboard.figures import config
from dashboard.figures_time import Repair, repair_chart
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, theme, tn
from dashboard.pages.analysis_bar import file_name, png_button, takeaways
from dashboard.pages.frame import named
from dashboard.pages.reliability_strip import TARGET, uptime_words
from dashboard.pages.reliability_view import View
from dashboard.pages.reliability_words import CAUSES
from dashboard.periods import Period, midnight, shifted
from dashboard.reliability import Build, Group, Line, Past, gather
from dashboard.uptime import CAUSES as FIELDS
from dashboard.uptime import Tries, pareto, share, uptime

SHOWN_BUILDS, SHOWN_GROUPS, SHOWN_EVSES = 8, 12, 9
PARETO_LINE = 0.8
BINS = ((0.995, "u5", "\u2265 99.5"), (0.99, "u4", "99\u201399.5"), (0.97, "u3", "97\u201399"),
        (0.95, "u2", "95\u201397"), (0.9, "u1", "90\u201395"), (-9.0, "u0", "< 90"))  # fmt: skip
LEVELS = {"site": mark("Site"), "station": mark("Station"), "evse": mark("Evse")}
KEYS = {"site": "site_id", "station": "station_id", "evse": "evse_key"}


def bar_row(label: Child, part: float, words: Child, kind: str = "", href: str = "") -> Child:
    """A label, a bar of `part` (0 to 1) of the width, and words beside its end."""
    width = {"width": f"{max(0.0, min(1.0, part)) * 100:.1f}%"}
    cells = [
        html.Span(label, className="bar-label"),
        html.Span([html.I(style=width, className=kind), html.Span(words, className="bar-words")],
                  className="bar"),
    ]  # fmt: skip
    return (
        html.A(cells, className="bar-row", href=href)
        if href
        else html.Div(cells, className="bar-row")
    )


def causes(view: View, lines: Sequence[Line]) -> Child:
    """What the lost sessions were lost to; each cause leads to its outages."""
    form = formatter()
    lost = {
        cause: sum(line.rate * line.seconds.of_cause(cause) for line in lines) for cause in FIELDS
    }
    whole, most = sum(lost.values()), max(lost.values(), default=0)
    digits = 0 if whole >= 10 else 1
    rows = [
        bar_row(
            t(CAUSES[cause]), count / most,
            [html.B(form.number(count, digits)), " ",
             html.Span(form.percent(count / whole), className="faint")],
            href=view.down(show="outages", cause=cause),
        )
        for cause, count in sorted(lost.items(), key=lambda one: -one[1]) if count > 0
    ]  # fmt: skip
    body: Child = html.Div(rows, className="bars") if rows else empty_state(t("Nothing was lost"))
    return panel(
        t("Lost sessions by cause"), body, sub=form.number(whole, digits), id="past-causes"
    )


def repair(view: View, past: Past, period: Period) -> Child:
    """Median and 90 % of twelve months; the shown one is the last. Each leads to its outages."""
    form, known = formatter(), {row["bucket"]: row for row in past.repair_months}
    months = [row["bucket"] for row in past.months] or list(known)
    repairs = [
        Repair(at, *(known.get(at, {}).get(name) for name in ("median", "p90"))) for at in months
    ]
    if not any(one.median for one in repairs):
        return panel(t("Time to repair"), empty_state(t("No outage has ended in these months")))
    hrefs = [_month_href(view, one.month, period) for one in repairs]
    figure = repair_chart(repairs, form, theme(), (t("median"), t("90 %")), hrefs)
    graph = dcc.Graph(id="repair-chart", figure=figure, config=config(form),
                      style={"height": 208}, className="pb")  # fmt: skip
    rows = [
        [html.A(form.month(one.month), href=href), form.length(one.median), form.length(one.p90)]
        for one, href in zip(repairs, hrefs, strict=True)
    ]
    columns = [Column(t("Month")), Column(t("median"), "num"), Column(t("90 %"), "num")]
    numbers = html.Details([html.Summary(t("As a table")),
                            table(t("Time to repair"), columns, rows)], className="pb")  # fmt: skip
    return panel(t("Time to repair"), graph, numbers, sub=t("beginning to usable again"),
                 right=[png_button("repair-chart", file_name(view, period))])  # fmt: skip


def _month_href(view: View, month: datetime, period: Period) -> str:
    """The outages of one month, the longest first."""
    of = f"{month.astimezone(period.zone):%Y-%m}"
    return view.down(range="month", month=of, show="outages", sort="length", cause="")


def builds(view: View, found: Sequence[Build], period: Period) -> Child:
    """Failed first attempts by model and firmware; those above the line make four fifths."""
    form = formatter()
    failing = sorted(
        (b for b in found if b.tries.failed_first > 0), key=lambda b: -b.tries.failed_first
    )
    shares = pareto([b.tries.failed_first for b in failing])
    whole = sum(b.tries.failed_first for b in failing)
    most = failing[0].tries.failed_first if failing else 1
    worst = _worst_share(failing)
    rows: list[Child] = []
    for place, (build, running) in enumerate(zip(failing[:SHOWN_BUILDS], shares, strict=False)):
        rows.append(_build(view, build, build.tries.failed_first / most, running, worst))
        if running >= PARETO_LINE and (place == 0 or shares[place - 1] < PARETO_LINE):
            rows.append(html.Hr(className="pareto-line"))
    rest = failing[SHOWN_BUILDS:]
    if rest:
        failed = sum(b.tries.failed_first for b in rest)
        rows.append(_rest(len(rest), failed, failed / most, sum((b.tries for b in rest), Tries())))
    visits = sum(b.tries.visits for b in found)
    sub = t(
        "{n} of {all} visits \u00b7 line at 80 %", n=form.number(whole), all=form.number(visits)
    )
    head = html.Div([html.Span(), html.Span(), html.Span(t("cum.")), html.Span(t("of visits"))],
                    className="bar-row pareto faint", **aria(hidden="true"))  # fmt: skip
    body: Child = html.Div([head, *rows], className="bars") if rows else empty_state(
        t("No first attempt has failed"))  # fmt: skip
    return panel(t("Failed first attempts by model and firmware"), body, sub=sub,
                 right=takeaways(view, period, "reliability-builds"), id="past-builds")  # fmt: skip


def _worst_share(failing: Sequence[Build]) -> float:
    """From which share on a build stands out: half as much again as all together."""
    all_ = sum((b.tries for b in failing), Tries())
    return 1.5 * (share(all_.failed_first, all_.visits) or 1)


def _build(view: View, build: Build, part: float, running: float, worst: float) -> Child:
    form = formatter()
    failed = share(build.tries.failed_first, build.tries.visits) or 0
    label = [
        build.name,
        " ",
        html.Span(build.row["firmware_version"] or UNKNOWN, className="faint"),
    ]
    stands_out = failed >= worst
    kind, words = "ink" if stands_out else "", html.B(form.number(build.tries.failed_first))
    row = bar_row(label, part, words, kind,
                  href=view.down(show="attempts", build=str(build.row["build_id"])))  # fmt: skip
    row.className = "bar-row pareto"
    row.children += [
        html.Span(form.percent(running), className="num faint"),
        html.Span(form.percent(failed, 1), className="num strong" if stands_out else "num mut"),
    ]
    return row


def _rest(n: int, failed: int, part: float, tries: Tries) -> Child:
    form = formatter()
    row = bar_row(tn("{n} other", "{n} others", n), part, html.B(form.number(failed)), "quiet")
    row.className = "bar-row pareto"
    row.children += [
        html.Span(form.percent(1), className="num faint"),
        html.Span(form.percent(share(tries.failed_first, tries.visits), 1), className="num mut"),
    ]
    return row


def ranked(view: View, lines: Sequence[Line]) -> list[Group]:
    """Sites, stations or evses, those that lost most first."""
    return sorted(gather(lines, lambda evse: evse[KEYS[view.level]]),
                  key=lambda g: (-g.lost, g.seconds.uptime or 0))  # fmt: skip


def groups(view: View, lines: Sequence[Line], period: Period) -> Child:
    """Sites, stations or evses by the sessions they lost; a row leads further down."""
    form, level, found = formatter(), view.level, ranked(view, lines)
    columns = [
        Column(t(LEVELS[level]), "ell"), Column(t("Evses"), "num"),
        Column(t("First attempt"), "num"),
        Column(t("Uptime"), "num"), Column(t("Without exclusions"), "num"),
        Column(t("Connected"), "num"), Column(t("Down"), "num"), Column(t("Lost"), "num"),
    ]  # fmt: skip
    if level == "evse":
        columns.pop(1)
    rows = [_group(view, level, one) for one in found[: None if view.by else SHOWN_GROUPS]]
    choices = [(t(words), view.down(by=key), key == level)
               for key, words in LEVELS.items()]  # fmt: skip
    nothing = empty_state(t("No evse was in service"))
    whole = t("{n} in all", n=form.number(len(found)))
    body = html.Div(table(t("By lost sessions"), columns, rows, empty=nothing), className="split",
                    tabIndex="0", role="region", **named(t("By lost sessions")))  # fmt: skip
    right = [segments(choices, t("By")), *takeaways(view, period, "reliability")]
    return panel(t("By lost sessions"), body, sub=whole, right=right, id="past-groups")


def _group(view: View, level: str, one: Group) -> list[Child]:
    form, seconds = formatter(), one.seconds
    cells: list[Child] = [
        html.A(group_name(one, level), href=group_href(view, one, level), className="strong"),
        form.number(len(one.lines)),
        form.percent(one.tries.first_success, 1),
        html.Span(uptime_words(seconds.uptime),
                  className="strong" if (seconds.uptime or 0) <= TARGET else ""),
        uptime_words(seconds.uptime_without_exclusions),
        uptime_words(seconds.connected),
        form.length(seconds.down),
        html.B(form.number(one.lost, 1)),
    ]  # fmt: skip
    if level == "evse":
        cells.pop(1)
    return cells


def group_name(one: Group, level: str) -> str:
    if level == "site":
        return one.evse["site"] or t("Without a site")
    return evse_name(one.evse) if level == "evse" else str(one.evse["station_id"])


def evse_name(evse: Row) -> str:
    return f"{evse['station_id']} {t('evse {n}', n=evse['evse_id'])}"


def group_href(view: View, one: Group, level: str) -> str:
    if level == "site" and one.evse["site_id"]:
        return view.down(site=str(one.evse["site_id"]), by="")
    away = {"site": "", "by": "", "outage": "", "attempt": ""}
    return view.href(
        station=one.evse["station_id"], show="outages" if level == "evse" else "", **away
    )


def months(view: View, lines: Sequence[Line], rows: Sequence[Row], year: Period) -> Child:
    """The worst evses of the period through twelve months; blue above the target, ochre below."""
    form = formatter()
    firsts = _firsts(year)
    known = {(row["evse_key"], row["bucket"]): row for row in rows}
    head = [html.Th(t("Evse"), scope="col"), html.Th(t("Site"), scope="col", className="ell")]
    head += [
        html.Th(form.month(first, year=False), scope="col", title=form.month(first),
                className="num") for first in firsts
    ]  # fmt: skip
    body = [
        html.Tr(
            [
                *_heads(line),
                *(
                    _cell(known.get((line.evse["evse_key"], first)), _cell_href(view, line, first))
                    for first in firsts
                ),
            ]
        )
        for line in lines
    ]
    grid = html.Table([html.Caption(t("Uptime per evse and month")), html.Thead(html.Tr(head)),
                       html.Tbody(body)], className="heat uptime")  # fmt: skip
    shown: Child = [html.Div(grid, className="wide", tabIndex="0", role="region",
                             **named(t("Uptime per evse and month"))), _legend()]  # fmt: skip
    if not lines:
        shown = [empty_state(t("No evse was in service"))]
    sub = t("{n} worst of the period, target 97 %", n=len(lines))
    return panel(t("Uptime per evse and month"), *shown, sub=sub, id="past-months")


def _heads(line: Line) -> list[Child]:
    return [
        html.Th(evse_name(line.evse), scope="row"),
        html.Td(line.evse["site"] or "", className="ell"),
    ]


def _legend() -> Child:
    shades = [html.Span([html.I(className=kind), words]) for _, kind, words in BINS]
    return html.Div([html.Span(t("Uptime, %")), *shades], className="heat-legend")


def _firsts(year: Period) -> list[Any]:
    return [midnight(shifted(year.first, n), year.zone) for n in range(12)]


def _cell_href(view: View, line: Line, first: datetime) -> str:
    """The outages of the evse's station in that month."""
    return view.down(range="month", month=f"{first:%Y-%m}", station=line.evse["station_id"],
                     site="", by="", show="outages", sort="", cause="")  # fmt: skip


def _cell(row: Row | None, href: str) -> Child:
    value = uptime(row["in_service"], row["down"], row["excluded"]) if row else None
    if value is None or row is None:
        return html.Td("\u2013", className="none", title=t("Not in service"))
    kind = next(kind for least, kind, _ in BINS if value >= least)
    down = formatter().length(row["down"] - row["excluded"])
    shown = formatter().number(min(value, 0.999) * 100 if value < 1 else 100, 1)
    return html.Td(html.A(shown, href=href), className=kind, title=t("down {time}", time=down))


def worst(lines: Sequence[Line]) -> list[Line]:
    """The evses with the lowest uptime of the period."""
    return sorted(lines, key=lambda line: line.seconds.uptime or 0)[:SHOWN_EVSES]
