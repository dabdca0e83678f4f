"""Lists of outages and of failed attempts; each leads to its evidence."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboard.components import (
    Child,
    Column,
    empty_state,
    glyph,
    link,
    panel,
    segments,
    table,
)
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.analysis_bar import chip, takeaways
from dashboard.pages.frame import named
from dashboard.pages.reliability_view import View
from dashboard.pages.reliability_words import CAUSES, OUTCOMES, PLATFORM, REASONS, SHAPES, STAGES
from dashboard.periods import Period

SHOWN, LISTED = 10, 200  # on the overview, in the list; files hold all
SORTS = {"lost": mark("Lost sessions"), "length": mark("Length"), "time": mark("Newest")}


def outages(view: View, rows: Sequence[Row], period: Period) -> Child:
    """Those that cost most; with `show` all of them, by cause and in the chosen order."""
    found = rows[0]["found"] if rows else 0
    whole = view.show == "outages"
    columns = [Column(t("Start")), Column(t("Down"), "num"), Column(t("Site"), "ell"),
               Column(t("Evses")), Column(t("Cause")), Column(t("Lost"), "num"),
               Column(t("Counted"), "num")]  # fmt: skip
    cells = [_outage(view, row) for row in rows]
    nothing = empty_state(t("No outage in this period"))
    body = html.Div(table(t("Outages"), columns, cells, empty=nothing, id="past-outages-rows"),
                    className="" if not whole else "long", **_scrolled(t("Outages")))  # fmt: skip
    sub = t("{n}, by lost sessions", n=formatter().number(found))
    if whole:
        sub = t("{n} of {all}", n=formatter().number(len(rows)), all=formatter().number(found))
    right = [_sorts(view)] if whole else [link(t("All outages"), view.href(show="outages"))]
    right = [*right, *takeaways(view, period, "reliability-outages")]
    head = [_cause_chips(view)] if whole else []
    return panel(t("Outages"), *head, body, sub=sub, right=right, id="past-outages")


def _scrolled(label: str) -> dict[str, Any]:
    return {"tabIndex": "0", "role": "region", **named(label)}


def _sorts(view: View) -> Child:
    choices = [(t(words), view.href(sort=key, outage=""), key == (view.sort or "lost"))
               for key, words in SORTS.items()]  # fmt: skip
    return segments(choices, t("Order"))


def _cause_chips(view: View) -> Child:
    choices = [(t("All causes"), view.href(cause="", outage=""), not view.cause)]
    choices += [(t(words), view.href(cause=cause, outage=""), cause == view.cause)
                for cause, words in CAUSES.items()]  # fmt: skip
    away = link(t("Overview"), view.href(show="", cause="", sort="", outage=""), "chevron")
    return html.Div([away, segments(choices, t("Cause"))], className="filters")


def _outage(view: View, row: Row) -> list[Child]:
    form = formatter()
    counted = row["seconds"] - row["excluded"]
    href = view.href(outage=str(row["outage_id"]), attempt="")
    start = html.A(moment(row["started_at"]), href=href, className="row")
    going = row["ended_at"] is None
    return [
        start,
        [form.length(row["seconds"]), " \u2026" if going else ""],
        html.Span(row["site"] or UNKNOWN, className="strong"),
        evses_words(row),
        html.Span([glyph(SHAPES[row["cause"]], 11), " ", t(CAUSES[row["cause"]])],
                  className="nowrap"),
        form.number(row["lost"], 1),
        form.length(counted) if counted else t("excluded"),
    ]  # fmt: skip


def moment(at: datetime) -> str:
    """Date and time; the year only where it is another one than now."""
    form = formatter()
    year = at.astimezone(form.zone).year != datetime.now(form.zone).year
    return f"{form.date(at, year=year)} {form.time(at)}"


def evses_words(row: Row) -> str:
    """KVA-03 evse 2; or how many."""
    if row["evses"] == 1:
        return f"{row['station_id']} {t('evse {n}', n=row['evse_id'])}"
    if row["stations"] == 1:
        return f"{row['station_id']}, " + tn("{n} evse", "{n} evses", row["evses"])
    return (
        tn("{n} station", "{n} stations", row["stations"])
        + ", "
        + tn("{n} evse", "{n} evses", row["evses"])
    )


def attempts(view: View, rows: Sequence[Row]) -> Child:
    """First attempts that failed, newest first: of one model and firmware when it was chosen."""
    found = rows[0]["found"] if rows else 0
    columns = [Column(t("Time")), Column(t("Site"), "ell"), Column(t("Evse")),
               Column(t("Model, firmware")), Column(t("Got to")), Column(t("Result")),
               Column(t("Later"))]  # fmt: skip
    cells = [_attempt(view, row) for row in rows]
    nothing = empty_state(t("No first attempt has failed"))
    body = html.Div(table(t("Failed first attempts"), columns, cells, empty=nothing),
                    className="long", **_scrolled(t("Failed first attempts")))  # fmt: skip
    away = link(t("Overview"), view.href(show="", build="", attempt=""), "chevron")
    head: list[Child] = [away]
    if view.build and rows:
        head.append(chip(build_name(rows[0]), view.down(build=""), t("All models")))
    sub = t("{n} of {all}", n=formatter().number(len(rows)), all=formatter().number(found))
    return panel(t("Failed first attempts"), html.Div(head, className="filters"), body, sub=sub,
                 id="past-attempts")  # fmt: skip


def build_name(row: Row) -> str:
    parts = (row["vendor"], row["model"], row["firmware_version"])
    return " ".join(part for part in parts if part) or UNKNOWN


def _attempt(view: View, row: Row) -> list[Child]:
    later = (
        t("succeeded") if row["visit_succeeded"] else html.Span(t("gave up"), className="strong")
    )
    evse = t("evse {n}", n=row["evse_id"]) if row["evse_id"] else ""
    return [
        html.A(moment(row["started_at"]),
               href=view.href(attempt=str(row["attempt_id"]), outage=""), className="row"),
        row["site"] or UNKNOWN, f"{row['station_id']} {evse}", build_name(row),
        t(STAGES[row["stage"]]), result_words(row), later,
    ]  # fmt: skip


def result_words(row: Row) -> str:
    """Failed, and the wire's word for it."""
    word = t(OUTCOMES[row["outcome"]])
    return f"{word}, {row['reason']}" if row["reason"] else word


def excluded_words(row: Row) -> str:
    """Why a time does not count."""
    reason = row["excluded_because"]
    return t(REASONS[reason]) if reason in REASONS else t(PLATFORM)
