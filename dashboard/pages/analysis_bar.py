"""The row of controls above an analysis page, what is printed instead of it, and its downloads.

assets/staff/analysis.js makes date fields of the two texts and follows the lists.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from dashboard import data, ranges
from dashboard.components import Child, button, icon, segments
from dashboard.i18n import formatter, t
from dashboard.pages.analysis import (
    PRESETS,
    Against,
    View,
    against_words,
    last_day,
    period_words,
    remarks,
    site_words,
)
from dashboard.pages.frame import named, pick, spacer
from dashboard.periods import Period


def bar(
    view: View, sites: list[data.Row], today: date, zone: ZoneInfo, own: Sequence[Child] = (),
    *, first: Child = None, compares: bool = True,
) -> Child:  # fmt: skip
    """Presets (or `first`), free range, site, what to compare with, the page's `own` controls,
    downloads; then what had to be put right in the address."""
    period = view.period(today, zone)
    parts = [
        first or presets(view), dates(view, period, today), site_select(sites), *station_chip(view),
        *([compare_select(view, period, sites)] if compares else []), *own, spacer(),
        csv_link(view.csv()), print_button(),
    ]  # fmt: skip
    row = html.Div(parts, className="analysis-bar", role="group", **named(t("What is shown")))
    printed = print_head(view, period, view.against(period) if compares else None, sites)
    told = [html.P(words, className="remark", role="status") for words in remarks(view, sites)]
    return html.Div([row, printed, *told], className="analysis-head")


def presets(view: View) -> Child:
    choices = [(t(PRESETS[key]), view.href(range=key), key == view.range) for key in view.presets]
    return segments(choices, t("Period"))


def dates(view: View, period: Period, today: date) -> Child:
    """The days that are shown; behind them two fields for others."""
    shown = {"from": period.first, "until": min(last_day(period), today)}
    words = {"from": t("From"), "until": t("Until")}
    fields = [
        html.Label([words[name], _date_field(name, day, today)]) for name, day in shown.items()
    ]
    send = html.Button(t("Show"), type="submit", className="ctl pri")
    form = html.Form([*fields, send], id="view-dates", className="pop-body", action=view.href())
    head = html.Summary([icon("calendar"), period_words(period)],
                        className="ctl on" if view.since else "ctl",
                        title=t("Choose the days"), id="view-days")  # fmt: skip
    return html.Details([head, form], className="pop")


def _date_field(name: str, day: date, today: date) -> Child:
    edges: Any = {"min": ranges.EARLIEST.isoformat(), "max": today.isoformat()}
    return dcc.Input(id=f"view-{name}", name=name, value=day.isoformat(), className="field",
                     autoComplete="off", **edges)  # fmt: skip


def site_select(sites: list[data.Row]) -> Child:
    options = [html.Option(t("All sites"), value="")]
    options += [html.Option(row["name"], value=str(row["site_id"])) for row in sites]
    return pick("view-site", t("Site"), options)


def compare_select(view: View, period: Period, sites: list[data.Row]) -> Child:
    """The period before, nothing, or another site in the same period."""
    before = period_words(period.before())
    options = [html.Option(t("against {what}", what=before), value=""),
               html.Option(t("compare with nothing"), value="none")]  # fmt: skip
    options += [
        html.Option(t("against {what}", what=row["name"]), value=f"site:{row['site_id']}")
        for row in sites if str(row["site_id"]) != view.site
    ]  # fmt: skip
    return pick("view-compare", t("Compare with"), options)


def station_chip(view: View) -> list[Child]:
    if not view.station:
        return []
    return [chip(view.station, view.href(station=""), t("All stations"))]


def chip(words: str, href: str, away: str) -> Child:
    """What a list is narrowed to; `away` says what leaving it shows."""
    leave = html.A("\u00d7", href=href, title=away, **named(away))
    return html.Span([words, leave], className="chip on")


def csv_link(href: str, words: str = "CSV") -> Child:
    """A file of what is shown, by the same address."""
    return html.A([icon("download"), words], href=href, download="", className="ctl csv",
                  title=t("Download what is shown as CSV"))  # fmt: skip


def takeaways(view: View, period: Period, name: str, graph_id: str = "") -> list[Child]:
    """A panel's own downloads, for its head: the file `name` of its numbers, and with `graph_id`
    a picture of its chart."""
    parts: list[Child] = [html.A("CSV", href=view.csv(name), download="", className="ctl ghost png",
                                 title=t("Download what is shown as CSV"))]  # fmt: skip
    return [*parts, *([png_button(graph_id, file_name(view, period, name))] if graph_id else [])]


def chart_legend(*shapes: tuple[str, str]) -> Child:
    """What a chart's lines and colours are: (class of the swatch, words), above it."""
    marks = [html.Span([html.I(className=f"swatch {kind}"), words]) for kind, words in shapes]
    return html.Div(marks, className="chart-legend")


def png_button(graph_id: str, name: str) -> Child:
    """A picture of one chart, made by the browser; `name`: the file's, without .png."""
    held = {"data-png": graph_id, "data-name": name}
    return button("PNG", kind="ghost png", title=t("Download the chart as a picture"),
                  **held, **named(f"PNG: {t('Download the chart as a picture')}"))  # fmt: skip


def print_button() -> Child:
    words = t("Print")
    return button("", "reports", kind="icon ghost", id="view-print", title=words, **named(words))


def file_name(view: View, period: Period, name: str = "") -> str:
    """kilowatch-energy-2026-10-01-2026-10-31: a file's name without its ending."""
    part = f"-{view.site or view.station}" if view.site or view.station else ""
    return f"kilowatch-{name or view.page}{part}-{period.first}-{last_day(period)}"


def print_head(view: View, period: Period, against: Against | None, sites: list[data.Row]) -> Child:
    """What paper says instead of the controls: of when, where, against what, and made when."""
    form = formatter()
    where = view.station or site_words(view.site, sites)
    parts = [where, period_words(period)]
    if against is not None:
        parts.append(t("against {what}", what=against_words(against, sites)))
    parts.append(t("printed {time}", time=form.stamp(datetime.now(period.zone), seconds=False)))
    return html.P(" \u00b7 ".join(parts), className="print-only")
