"""Exclusions: which time does not count and why, the form to exclude more, and to revoke.

A form says what, from when until when, for which reason and with what proof. What it changes stands
beside it before anything is sent: the figure with and without.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from flask_login import current_user

from dashboard import data, exclusions, reliability
from dashboard.auth import require_role
from dashboard.components import Child, button, empty_state, facts, glyph, panel
from dashboard.data import Row
from dashboard.i18n import formatter, t
from dashboard.pages.ledger_refund import problem
from dashboard.pages.reliability_figures import evse_name
from dashboard.pages.reliability_outages import excluded_words
from dashboard.pages.reliability_strip import hours_words, uptime_words
from dashboard.pages.reliability_view import View
from dashboard.pages.reliability_words import REASONS
from dashboard.periods import Period
from dashboard.reliability import Evidence, Line, Scope
from dashboard.uptime import uptime

SHOWN = 12
PLANNED = timedelta(hours=2)
WRITTEN = "%Y-%m-%dT%H:%M:%S"  # as fields of dates write it


def acts() -> bool:
    return bool(current_user.has_role(*exclusions.ACTING))


# -- beside one outage ------------------------------------------------------------------------


def how_it_counts(found: Evidence, lines: Sequence[Line], period: Period) -> Child:
    """The evse's figure of the period, what this outage takes from it, and without it."""
    outage = found.outage
    line = next((one for one in lines if one.evse["evse_key"] == outage["evse_key"]), None)
    if line is None:
        return html.P(t("The evse was not in service in the shown period."), className="mut")
    seconds, own, excluded = line.seconds, *_within(outage, period)
    pairs: list[tuple[str, Child]] = [
        (t("In service, T"), hours_words(seconds.in_service)),
        (t("This outage"), formatter().length(own)),
        (t("of it excluded"), formatter().length(excluded)),
        (t("Uptime of the evse"), html.B(uptime_words(seconds.uptime))),
    ]
    if own > excluded:
        without = uptime(seconds.in_service, seconds.down, seconds.excluded + own - excluded)
        pairs.append((t("Uptime if it were excluded"), uptime_words(without)))
    else:
        counted = uptime(seconds.in_service, seconds.down, seconds.excluded - own)
        pairs.append((t("Uptime if it were not excluded"), uptime_words(counted)))
    return facts(pairs)


def _within(outage: Row, period: Period) -> tuple[int, int]:
    """Seconds of an outage within the period, and how many of them are excluded."""
    end = min(outage["ended_at"] or datetime.now(UTC), period.end)
    own = max(0, int((end - max(outage["started_at"], period.start)).total_seconds()))
    if outage["excluded_because"]:
        return own, own
    return own, min(own, int(outage["excluded_seconds"]))


def of_outage(found: Evidence) -> Child:
    """Why it is excluded already, or the form to exclude it."""
    outage = found.outage
    if outage["excluded_because"]:
        by = outage["excluded_by"]
        words = t("Excluded: {reason}", reason=excluded_words(outage))
        return html.P(words + (t(", by {name}", name=by) if by else ""), className="mut")
    if not acts():
        return html.P(t("Your role may look, not act"), className="faint")
    until = outage["ended_at"] or datetime.now(UTC) + PLANNED
    stations = {row["station_id"] for row in found.mates}
    kind = "evse" if len(found.mates) < 2 else "station" if len(stations) == 1 else "site"
    options = [
        {"label": evse_name(outage), "value": f"evse:{outage['evse_key']}"},
        {"label": outage["station_id"], "value": f"station:{outage['station_id']}"},
    ]
    if outage["site_id"]:
        options.append({"label": outage["site"], "value": f"site:{outage['site_id']}"})
    chosen = next(o["value"] for o in reversed(options)
                  if o["value"].startswith(kind) or kind == "site")  # fmt: skip
    what = dcc.RadioItems(options, chosen, id="exclude-what", className="seg", inline=True)
    edges = (outage["started_at"], until)
    return form(
        t("Exclude\u2026"), html.Div(what, className="choice", title=t("What it is about")), edges
    )


def form(
    words: str, what: Child, edges: tuple[datetime, datetime], *, is_open: bool = False
) -> Child:
    """Names, times in the operator's zone, a reason, a note. One of them is on a page at a time."""
    zone = formatter().zone
    fields = [
        dcc.Input(f"{at.astimezone(zone):{WRITTEN}}", id=f"exclude-{name}", className="field",
                  autoComplete="off", placeholder="2026-11-22 14:00", maxLength=25)
        for name, at in zip(("from", "until"), edges, strict=True)
    ]  # fmt: skip
    reasons = dcc.RadioItems(
        [{"label": t(text), "value": code} for code, text in REASONS.items()], None,
        id="exclude-reason", className="reasons",
    )  # fmt: skip
    note = dcc.Input(id="exclude-note", className="field wide", autoComplete="off",
                     maxLength=exclusions.MOST_NOTE,
                     placeholder=t("Who confirmed it, case number"))  # fmt: skip
    send = button(t("Exclude"), id="exclude-send", kind="pri", **{"data-once": "true"})
    body = [
        what,
        html.Label([html.Span(t("From")), fields[0]]),
        html.Label([html.Span(t("Until")), fields[1]]),
        html.Div(reasons, className="choice", title=t("Reason")),
        html.Label([html.Span(t("Proof")), note]),
        html.Div([html.Span(t("It stays in the books: with and without."), className="mut"),
                  html.Span(className="sp"), send], className="form-foot"),
    ]  # fmt: skip
    parts = [html.Summary(words, className="ctl"), html.Div(body, className="act-form")]
    details = html.Details(parts, id="exclude", open=is_open)
    notice = html.Div(id="exclude-notice", role="status")
    return html.Div([html.Div(details, className="forms"), notice], className="exclude")


# -- the list ---------------------------------------------------------------------------------


def excluded(view: View, scope: Scope, period: Period, now: datetime) -> Child:
    """What does not count in this period and what is planned; the form for a maintenance window."""
    rows = reliability.read_exclusions(scope, period, now)
    planned = sum(row["revoked_at"] is None and row["from_at"] > now for row in rows)
    sub = t("{n} planned", n=planned) if planned else ""
    parts: list[Child] = [html.Div(listed(rows, now), id="exclusions-list")]
    if acts():
        begin = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        plan = form(t("Exclude time or plan maintenance\u2026"), _what(view, scope),
                    (begin, begin + PLANNED), is_open=view.exclude == "new")  # fmt: skip
        parts.append(html.Div(plan, className="block"))
    return panel(t("Excluded time"), *parts, sub=sub, id="exclusions")


def _what(view: View, scope: Scope) -> Child:
    """Sites and stations; evses of what is shown, where that is not the whole fleet."""
    sites = data.sites()
    options = [{"label": row["name"], "value": f"site:{row['site_id']}"} for row in sites]
    names = sorted({name for row in sites for name in row["station_ids"]})
    options += [{"label": name, "value": f"station:{name}"} for name in scope.station_ids or names]
    if scope.evse_keys:
        lines = reliability.read_evses(scope)
        options += [{"label": evse_name(row), "value": f"evse:{row['evse_key']}"} for row in lines]
    chosen = (
        f"station:{view.station}" if view.station else f"site:{view.site}" if view.site else None
    )
    first = html.Option(t("Choose a site, a station or an evse"), value="")
    pick = html.Select([first, *(html.Option(o["label"], value=o["value"]) for o in options)],
                       id="exclude-pick", className="field")  # fmt: skip
    # assets/staff/reliability.js writes what is picked into the field that is sent
    sent = dcc.Input(chosen or "", id="exclude-what", type="hidden")
    return html.Label([html.Span(t("What")), pick, sent])


def listed(rows: Sequence[Row], now: datetime, at_most: int = SHOWN) -> Child:
    if not rows:
        return empty_state(t("Nothing is excluded"), t("Neither in this period nor planned."))
    return html.Ol([_row(row, now) for row in rows[:at_most]], className="exclusions")


def _row(row: Row, now: datetime) -> Child:
    form_, reason = formatter(), t(REASONS[row["reason"]])
    edge = t("{from_} \u2013 {until}", from_=form_.stamp(row["from_at"], seconds=False),
             until=form_.stamp(row["until_at"], seconds=False))  # fmt: skip
    length = form_.length((row["until_at"] - row["from_at"]).total_seconds())
    if row["revoked_at"]:
        state = t("revoked by {name}", name=row["revoked_by"])
    elif row["from_at"] > now:
        state = t("planned")
    else:
        state = t("goes on") if row["until_at"] > now else ""
    head = [html.B(subject_words(row)), html.Span(state, className="chip") if state else ""]
    back = None
    if acts() and not row["revoked_at"]:
        back = button(t("Revoke"), kind="ghost", title=t("Revoke: {what}", what=subject_words(row)),
                      id={"type": "exclusion-revoke", "id": row["exclusion_id"]})  # fmt: skip
    told = " \u00b7 ".join(part for part in (reason, row["note"], row["created_by"]) if part)
    words = [html.P(head), html.P(f"{edge}, {length}", className="mut"),
             html.P(told, className="faint")]  # fmt: skip
    return html.Li(
        [glyph("unavailable", 13), html.Div(words), back],
        className="revoked" if row["revoked_at"] else "",
    )  # fmt: skip


def subject_words(row: Row) -> str:
    if row["site_id"] is not None:
        return row["site"] or t("Site")
    if row["station_id"]:
        return str(row["station_id"])
    return f"{row['evse_station_id']} {t('evse {n}', n=row['evse_id'])}"


def register(staff: Dash) -> None:
    """Exclude and revoke; the list is drawn anew, the figures follow with the next fold."""
    _register_exclude(staff)
    _register_revoke(staff)


def _register_exclude(staff: Dash) -> None:
    @staff.callback(
        Output("exclude-notice", "children"),
        Input("exclude-send", "n_clicks"),
        State("exclude-what", "value"),
        State("exclude-from", "value"),
        State("exclude-until", "value"),
        State("exclude-reason", "value"),
        State("exclude-note", "value"),
        prevent_initial_call=True,
    )
    @require_role(*exclusions.ACTING)
    def exclude(
        clicks: int | None, what: str | None, from_: str | None, until: str | None,
        reason: str | None, note: str | None,
    ) -> Any:  # fmt: skip
        if not clicks:
            return no_update
        edges, zone = (from_ or "", until or ""), data.deps().settings.zone
        try:
            wish = exclusions.read_wish(what or "", edges, reason or "", note or "", zone)
            exclusions.exclude(wish)
        except exclusions.WrongError as wrong:
            return problem(t(exclusions.WRONG[wrong.what]))
        return done(t("It is excluded."))


def done(words: str) -> Child:
    """What was done; the page asks again by itself, assets/staff/reliability.js."""
    later = t("The figures follow within seconds.")
    again: dict[str, Any] = {"data-again": "true"}
    told = [glyph("finished"), html.Span(f"{words} {later}")]
    return html.Div(told, className="guard", **again)


def _register_revoke(staff: Dash) -> None:
    @staff.callback(
        Output("exclusions-list", "children"),
        Input({"type": "exclusion-revoke", "id": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @require_role(*exclusions.ACTING)
    def revoke(clicks: list[int | None]) -> Any:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update
        gone = exclusions.revoke(int(ctx.triggered_id["id"]))
        words = t("It counts again.") if gone else t("Somebody was quicker.")
        return done(words)
