"""The strip of reliability's figures, in the order of meaning, and how shares are written."""

from collections.abc import Callable, Sequence

from dash import html

from dashboard.components import Child, figure_strip, figure_tile
from dashboard.data import Row
from dashboard.i18n import formatter, t, tn
from dashboard.pages.analysis_compare import Measure, side_by_side
from dashboard.pages.reliability_view import View
from dashboard.reliability import Group, Line, Past, together
from dashboard.uptime import Tries, difference, share, uptime

TARGET = 0.97  # 23 CFR 680.116(b): more than 97 %


def delta(now: float | None, before: float | None, digits: int = 1) -> Child:
    """How many percentage points better or worse than the period before."""
    change = difference(now, before)
    if change is None or round(change * 100, digits) == 0:
        return ""
    kind = "up" if change > 0 else "down"
    return html.Small(formatter().points(change, digits), className=kind)


def uptime_words(value: float | None) -> str:
    """Two decimals, and never rounded up to a hundred."""
    if value is not None and value < 1:
        value = min(value, 0.9999)
    return formatter().percent(value, 2)


def hours_words(seconds: float) -> str:
    return f"{formatter().number(seconds / 3600)}\u00a0h"


def strip(view: View, lines: Sequence[Line], tries: Tries, past: Past) -> Child:
    """Each figure is the way down to what it is made of."""
    all_ = together(lines)
    tiles = [
        *_success(view, tries, past.tries),
        _uptime(view, lines, past),
        _connected(view, all_, past),
        _repair(view, past.repairs),
        _lost(view, all_),
    ]
    return figure_strip(tiles, id="past-figures")


def compared(
    names: tuple[str, str], lines: Sequence[Line], held: Sequence[Line],
    tries: tuple[Tries, Tries], past: Past,
) -> Child:  # fmt: skip
    """Two sites in the same period."""
    form, pair = formatter(), (together(lines), together(held))
    repairs = past.repairs, past.repairs_before or {}

    def of(value: Callable[[Group], float | None]) -> tuple[float | None, float | None]:
        return value(pair[0]), value(pair[1])

    def rate(value: float | None) -> str:
        return form.percent(value, 1)

    measures = [
        Measure(t("First-attempt success"), (tries[0].first_success, tries[1].first_success), rate,
                is_share=True),
        Measure(t("Charging success"), (tries[0].success, tries[1].success), rate, is_share=True),
        Measure(t("Uptime, with exclusions"), of(lambda g: g.seconds.uptime), uptime_words,
                is_share=True, digits=2),
        Measure(t("Without exclusions"), of(lambda g: g.seconds.uptime_without_exclusions),
                uptime_words, is_share=True, digits=2),
        Measure(t("Connected"), of(lambda g: g.seconds.connected), uptime_words, is_share=True,
                digits=2),
        Measure(t("Time to repair") + ", " + t("median"),
                (repairs[0].get("median"), repairs[1].get("median")), form.length),
        Measure(t("Lost sessions"), of(lambda g: g.lost), lambda n: form.number(n, 1)),
    ]  # fmt: skip
    return side_by_side(names, measures, "")


def _success(view: View, tries: Tries, before: Tries) -> list[Child]:
    form, href = formatter(), view.down(show="attempts", build="")
    visits = t("{n} of {all} visits", n=form.number(tries.first_successes),
               all=form.number(tries.visits))  # fmt: skip
    attempts = t("{n} of {all} attempts", n=form.number(tries.succeeded),
                 all=form.number(tries.authorised))  # fmt: skip
    first = [form.percent(tries.first_success, 1), delta(tries.first_success, before.first_success)]
    any_ = [form.percent(tries.success, 1), delta(tries.success, before.success)]
    return [
        figure_tile(t("First-attempt success"), first, visits, href=href, id="past-first",
                    help="first_attempt_success"),
        figure_tile(t("Charging success"), any_, attempts, href=href, id="past-success",
                    help="charging_success"),
    ]  # fmt: skip


def _uptime(view: View, lines: Sequence[Line], past: Past) -> Child:
    form, now = formatter(), together(lines).seconds
    below = sum((line.seconds.uptime or 0) <= TARGET for line in lines)
    bare = t("without {share}", share=uptime_words(now.uptime_without_exclusions))
    under = t("{n} of {all} under 97 %", n=form.number(below), all=form.number(len(lines)))
    value = [uptime_words(now.uptime), delta(now.uptime, past.seconds.uptime, 2)]
    href = view.down(show="outages", cause="")
    return figure_tile(t("Uptime, with exclusions"), value, f"{bare} \u00b7 {under}", href=href,
                       id="past-uptime", help="uptime")  # fmt: skip


def _connected(view: View, all_: Group, past: Past) -> Child:
    now = all_.seconds
    hours = t("T = {hours}", hours=hours_words(now.in_service))
    year = t("uptime of 12 months {share}", share=uptime_words(rolling(past.months)))
    value = [uptime_words(now.connected), delta(now.connected, past.seconds.connected, 2)]
    href = view.down(show="outages", cause="network")
    return figure_tile(t("Connected"), value, f"{hours} \u00b7 {year}", href=href,
                       id="past-connected", help="connected")  # fmt: skip


def rolling(months: Sequence[Row]) -> float | None:
    """The uptime of all the months together."""
    in_service, down, excluded = (
        sum(row[name] for row in months) for name in ("in_service", "down", "excluded")
    )
    return uptime(in_service, down, excluded)


def _repair(view: View, repairs: Row) -> Child:
    form = formatter()
    value = [form.duration(repairs["median"]), html.Small(t("median"))]
    detail = [t("p90"), " ", html.B(form.length(repairs["p90"])), " \u00b7 ",
              tn("{n} outage", "{n} outages", repairs["outages"])]  # fmt: skip
    href = view.down(show="outages", sort="length", cause="")
    return figure_tile(t("Time to repair"), value, detail, href=href, id="past-repair",
                       help="time_to_repair")  # fmt: skip


def _lost(view: View, all_: Group) -> Child:
    form = formatter()
    part = share(all_.lost, all_.lost + all_.tries.succeeded)
    detail = t("{share} of what would have been", share=form.percent(part, 1))
    href = view.down(show="outages", sort="lost", cause="")
    return figure_tile(t("Lost sessions"), form.number(round(all_.lost)), detail, href=href,
                       id="past-lost", help="lost_sessions")  # fmt: skip
