"""Reliability: how often charging works, how long evses could be used, and what it cost.

In the order of meaning: first attempts, charging, uptime with connected beside it, repair, what was
lost and to what; then who and where; then outages, each with its evidence. Every figure leads to
what it is made of, and no further than two clicks from the OCPP messages.
"""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, html

from dashboard import data, reliability
from dashboard.components import Child, empty_state, panel
from dashboard.i18n import mark, t
from dashboard.pages import analysis
from dashboard.pages import reliability_evidence as evidence
from dashboard.pages import reliability_exclude as exclude
from dashboard.pages import reliability_figures as figures
from dashboard.pages import reliability_outages as outages
from dashboard.pages import reliability_strip as strip
from dashboard.pages.analysis import period_words
from dashboard.pages.analysis_bar import bar
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.reliability_view import View, presets, read_view
from dashboard.pages.reliability_words import MEANINGS
from dashboard.periods import Period
from dashboard.reliability import Line, Scope
from dashboard.uptime import Tries


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone, now = data.deps().settings.zone, datetime.now(UTC)
    today, since = now.astimezone(zone).date(), reliability.known_since()
    known = since.astimezone(zone).date() if since else None
    view = read_view(parameters, today, known)
    sites = data.sites()
    head = bar(view, sites, today, zone, first=presets(view, zone, today, known))
    body = _nothing() if known is None else _body(view, sites, view.period(today, zone), now)
    return frame("reliability", t("Reliability"), [head, *body], [spacer(), live_stamp()])


def _nothing() -> list[Child]:
    words = t("Time is counted from a station\u2019s first contact on; the first figures are here"
              " seconds after it.")  # fmt: skip
    return [panel(t("Reliability"), empty_state(t("No time is booked yet"), words))]


def _body(view: View, sites: list[data.Row], period: Period, now: datetime) -> list[Child]:
    today = now.astimezone(period.zone).date()
    scope, against = reliability.read_scope(view.site, view.station), view.against(period)
    other = against and reliability.Other(
        reliability.read_scope(against.site, against.station), against.period
    )
    lines = reliability.read_lines(scope, period, today, energy=False)
    builds = reliability.read_builds(scope, period, today)
    past = reliability.read_past(scope, period, today, other or None)
    tries = sum((build.tries for build in builds), Tries())
    left: list[Child]
    if view.show == "outages":
        left = [outages.outages(view, _outages(view, scope, period, lines, outages.LISTED), period)]
    elif view.show == "attempts":
        build_id = int(view.build) if view.build else None
        left = [
            outages.attempts(view, reliability.read_failed(scope, period, build_id, outages.LISTED))
        ]
    else:
        left = _overview(view, scope, period, lines, builds, past)
    right = _right(view, scope, period, lines, now)
    chosen = " chosen" if view.outage or view.attempt else ""
    columns = [html.Div(left, className="stack"), html.Div(right, className="stack side")]
    body = [strip.strip(view, lines, tries, past),
            html.Div(columns, className="cols reliability" + chosen)]  # fmt: skip
    if against and against.is_site and other and not view.show:
        names = (analysis.site_words(view.site, sites), analysis.against_words(against, sites))
        held = reliability.read_lines(other.scope, other.period, today, energy=False)
        body.insert(1, strip.compared(names, lines, held, (tries, past.tries), past))
    return body


def _overview(
    view: View, scope: Scope, period: Period, lines: list[Line],
    builds: list[reliability.Build], past: reliability.Past,
) -> list[Child]:  # fmt: skip
    worst, year = figures.worst(lines), period.year()
    repair = figures.repair(view, past, period)
    pair = html.Div([figures.causes(view, lines), repair], className="cols causes")
    return [
        pair,
        figures.builds(view, builds, period),
        figures.groups(view, lines, period),
        outages.outages(view, _outages(view, scope, period, lines, outages.SHOWN), period),
        figures.months(view, worst, reliability.read_evse_months(worst, year), year),
    ]


def _outages(
    view: View, scope: Scope, period: Period, lines: list[Line], at_most: int
) -> list[data.Row]:
    return reliability.read_outages(
        scope, period, lines, cause=view.cause or None, sort=view.sort or "lost", at_most=at_most
    )


def _right(
    view: View, scope: Scope, period: Period, lines: list[Line], now: datetime
) -> list[Child]:
    """The evidence of what was chosen; else what is excluded, and what the figures mean."""
    if view.outage:
        found = reliability.read_evidence(int(view.outage))
        if found:
            return [evidence.drawer(view, found, exclude.how_it_counts(found, lines, period),
                                    exclude.of_outage(found))]  # fmt: skip
    if view.attempt:
        attempt = reliability.read_attempt(int(view.attempt))
        if attempt:
            return [evidence.attempt_drawer(view, attempt)]
    gone = []
    if view.outage or view.attempt:
        words = t("Later evidence has shown that it was otherwise.")
        gone = [panel(t("Evidence"), empty_state(t("That is not there any more"), words))]
    return [*gone, exclude.excluded(view, scope, period, now), how(lines, period), meanings()]


def how(lines: list[Line], period: Period) -> Child:
    """The formula with this period's numbers in it."""
    all_ = reliability.together(lines).seconds
    pairs: list[tuple[str, Child]] = [
        (t("In service, T"), strip.hours_words(all_.in_service)),
        (t("Outage"), strip.hours_words(all_.down)),
        (t("Excluded"), strip.hours_words(all_.excluded)),
        (t("Counted"), strip.hours_words(all_.down - all_.excluded)),
        (t("Uptime"), html.B(strip.uptime_words(all_.uptime))),
        (t("Without exclusions"), strip.uptime_words(all_.uptime_without_exclusions)),
    ]
    facts = html.Dl([part for k, v in pairs for part in (html.Dt(k), html.Dd(v))], className="kv")
    return panel(t("How it counts"), html.Div(facts, className="pb"), sub=period_words(period))


def meanings() -> Child:
    """What each figure means, for those who cannot point at it."""
    parts = [part for name, words in MEANINGS for part in (html.Dt(t(name)), html.Dd(t(words)))]
    return panel(t("What the figures mean"), html.Dl(parts, className="meanings pb"))


def register(staff: Dash) -> None:
    exclude.register(staff)


PAGE = Page("reliability", "/reliability", title(mark("Reliability")), layout, register=register)
