"""What happened to a session in turn: authorised, plugged in, started, charging, full, stopped."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from dash import html

from dashboard.components import Child, empty_state, glyph, panel
from dashboard.i18n import formatter, mark, t
from dashboard.messages import ANSWERS, STOPS
from dashboard.pages.ledger_words import known
from dashboard.pages.station_past import CHARGING_STATES, state_of
from dashboard.pages.station_words import token_words
from dashboard.session_story import Story
from dashboard.states import fault_words, state_word

IDLE = timedelta(minutes=1)
COMMANDS = {
    "RemoteStartTransaction": mark("Start asked for"),
    "RequestStartTransaction": mark("Start asked for"),
    "RemoteStopTransaction": mark("Stop asked for"),
    "RequestStopTransaction": mark("Stop asked for"),
    "UnlockConnector": mark("Unlocking asked for"),
    "Reset": mark("Restart asked for"),
}
Event = tuple[datetime, str, str, str]  # when, shape, words, more


def timeline(story: Story) -> Child:
    """Every fact with its time and how long after the start it was."""
    found = sorted(events(story), key=lambda event: event[0])
    if not found:
        return panel(t("What happened"), empty_state(t("Nothing is known of it")))
    items = [_item(event, story.row["started_at"]) for event in found]
    return panel(t("What happened"), html.Ol(items, className="story"), id="session-times")


def _item(event: Event, start: datetime) -> Child:
    at, shape, words, more = event
    form = formatter()
    away = (at - start).total_seconds()
    sign = "\u2212" if away < 0 else "+"
    after = "" if away == 0 else f"{sign}{form.duration(abs(away))}"
    return html.Li(
        [
            html.Time(form.time(at, seconds=True), title=form.stamp(at), className="mono small"),
            glyph(shape, 12),
            html.Span([words, html.Span(f" {more}", className="faint") if more else ""]),
            html.Span(after, className="faint small"),
        ]
    )


def events(story: Story) -> Iterator[Event]:
    """The facts in no order."""
    yield from _before(story)
    yield from _session(story)
    yield from _reported(story)
    yield from _money(story)


def _before(story: Story) -> Iterator[Event]:
    for row in story.authorizations:
        fine = row["status"] == "Accepted"
        token = token_words(story.row["id_token"])
        answer = known(ANSWERS, row["status"])
        yield (
            row["at"],
            "reserved" if fine else "faulted",
            t("Token {token}: {answer}", token=token, answer=answer),
            "",
        )
    for row in story.commands:
        if row["action"] in COMMANDS:
            shape = "preparing" if row["status"] == "answered" else "unknown"
            yield row["requested_at"], shape, t(COMMANDS[row["action"]]), row["requested_by"]


def _session(story: Story) -> Iterator[Event]:
    row, form = story.row, formatter()
    yield row["started_at"], "preparing", t("Session started"), _meter(row["meter_start_wh"])
    if story.sums["charging_from"]:
        yield story.sums["charging_from"], "charging", t("Energy flows"), ""
    ended, full = row["ended_at"], row["charged_until"]
    if full and (ended is None or ended - full > IDLE):
        yield full, "finished", t("Last energy: full, or the car takes no more"), ""
    if ended:
        reason = row["stop_reason"] or ""
        words = t(STOPS[reason]) if reason in STOPS else reason or t("no reason told")
        yield ended, "finished", t("Session ended: {why}", why=words), _meter(row["meter_stop_wh"])
    for doubt in story.doubted.doubts:
        if doubt["is_open"]:
            yield doubt["found_at"], "derated", t("Held back: it looks wrong"), ""
    for row in story.trail.decisions:
        if row["applied_at"]:
            yield (
                row["applied_at"],
                "finished",
                t(
                    "Decided: {old} becomes {new}",
                    old=form.kwh(row["old_wh"]),
                    new=form.kwh(row["new_wh"]),
                ),
                row["decided_by"],
            )


def _meter(wh: int | None) -> str:
    return "" if wh is None else t("meter {energy}", energy=formatter().kwh(wh, 3))


def _reported(story: Story) -> Iterator[Event]:
    """What the connector and the transaction said of themselves, each change once."""
    said = ""
    for row in story.statuses:
        state = state_of(row)
        fault = fault_words(row["error_code"])
        told = f"{state_word(state)}, {fault}" if fault else state_word(state)
        if told != said:
            yield row["status_at"], state, t("Connector: {state}", state=told.lower()), ""
        said = told
    said = ""
    for row in story.states:
        state = CHARGING_STATES.get(row["charging_state"], "preparing")
        if state != said:
            yield row["state_at"], state, t("Vehicle: {state}", state=state_word(state).lower()), ""
        said = state


def _money(story: Story) -> Iterator[Event]:
    pay, form = story.payment, formatter()
    if pay is not None:
        held = form.money(pay["hold"], pay["currency"])
        if pay["authorised_at"]:
            yield (
                pay["authorised_at"],
                "reserved",
                t("{amount} held", amount=held),
                pay["reference"],
            )
        if pay["captured_at"]:
            amount = form.money(pay["captured"], pay["currency"])
            yield (
                pay["captured_at"],
                "finished",
                t("{amount} charged", amount=amount),
                pay["reference"],
            )
        if pay["released_at"]:
            yield (
                pay["released_at"],
                "unavailable",
                t("{amount} released", amount=held),
                pay["reference"],
            )
    for row in reversed(story.trail.cdrs):
        amount = form.money(row["gross"], row["currency"])
        words = (
            t("Taken back: {amount}", amount=amount)
            if row["is_credit"]
            else t("Priced: {amount}", amount=amount)
        )
        yield row["created_at"], "preparing", words, ""
