"""The history of an incident: alerts, messages sent, deeds and notes on one line of time."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from dash import html

from dashboard.components import Child, glyph, icon, panel
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.incidents import Incident
from dashboard.pages import incident_words as words

SHOWN = 120
EVENTS = {
    "raised": mark("Alert"), "escalated": mark("Escalation"), "resolved": mark("All-clear"),
    "test": mark("Test"),
}  # fmt: skip
STATES = {
    "waiting": mark("waits to be sent"), "held": mark("held back in quiet hours"),
    "sent": mark("sent"), "failed": mark("could not be sent"), "dropped": mark("not needed"),
}  # fmt: skip


class Event(NamedTuple):
    """One thing that happened; `kind` is the shape or icon before it."""

    at: datetime
    kind: str
    text: Child
    who: str = ""


def timeline(found: Incident) -> Child:
    """Newest first."""
    events = sorted([*_alerts(found), *_ends(found), *_deeds(found), *_notes(found),
                     *_messages(found)], key=lambda event: event.at, reverse=True)  # fmt: skip
    items = [_item(event) for event in events[:SHOWN]]
    return panel(t("History"), html.Ol(items, className="history"), id="history")


def _item(event: Event) -> Child:
    form = formatter()
    shape = icon(event.kind[2:]) if event.kind.startswith("i-") else glyph(event.kind, 12)
    now = datetime.now(UTC)
    time = html.Time(form.since(event.at, now), title=form.stamp(event.at), className="small")
    who = [html.Span(event.who, className="faint")] if event.who else []
    return html.Li([time, shape, html.Div([event.text, *who])])


def _alerts(found: Incident) -> list[Event]:
    """Raised and over; those of one kind within a minute are one line."""
    events: list[Event] = []
    for name, key in (("raised_at", "raised"), ("resolved_at", "over")):
        groups: dict[tuple[str, int], list[Row]] = {}
        for one in found.alerts:
            if one[name]:
                minute = int(one[name].timestamp()) // 60
                groups.setdefault((one["kind"], minute), []).append(one)
        events += [_alert_event(key, kind, rows, name) for (kind, _), rows in groups.items()]
    return events


def _alert_event(key: str, kind: str, rows: list[Row], name: str) -> Event:
    stations = sorted({row["station_id"] or "" for row in rows} - {""})
    where = stations[0] if len(stations) == 1 else t("{n} stations", n=len(stations))
    what = words.kind_words(kind)
    text = t("{what}: {where}", what=what, where=where) if stations else what
    if key == "over":
        text = t("Over: {what}", what=text)
    shape = words.shape(kind) if key == "raised" else "finished"
    return Event(min(row[name] for row in rows), shape, text)


def _ends(found: Incident) -> list[Event]:
    row = found.row
    events = []
    if row["acknowledged_at"]:
        events.append(
            Event(row["acknowledged_at"], "i-check", t("Acknowledged"), row["acknowledged_by"])
        )
    if row["resolved_at"]:
        text = t("Closed as a false alarm") if row["resolution"] == "false_alarm" else (
            t("The incident is over"))  # fmt: skip
        events.append(Event(row["resolved_at"], "finished", text, row["resolved_by"] or ""))
    return events


def _deeds(found: Incident) -> list[Event]:
    """What the audit log has that stands nowhere else: who gave it to whom."""
    events = []
    for deed in found.deeds:
        if deed["action"] == "assign_incident":
            by, owner = deed["name"] or deed["actor"], deed["detail"].get("owner") or ""
            text = t("Taken") if owner == by else t("Given to {name}", name=owner)
            events.append(Event(deed["at"], "i-drivers", text, by))
    return events


def _notes(found: Incident) -> list[Event]:
    return [
        Event(note["at"], "i-log", html.P(note["text"], className="note-text"), note["author"])
        for note in found.notes
    ]


def _messages(found: Incident) -> list[Event]:
    return [Event(row["sent_at"] or row["created_at"], "i-flag", message_words(row))
            for row in found.messages]  # fmt: skip


def message_words(row: dict[str, Any]) -> str:
    """Alert to On call (e-mail): sent; a failure says why."""
    channel = t("e-mail") if row["channel"] == "email" else t("webhook")
    text = t("{event} to {receiver} ({channel}): {state}", event=t(EVENTS[row["event"]]),
             receiver=row["receiver"], channel=channel, state=t(STATES[row["state"]]))  # fmt: skip
    return f"{text}, {row['error']}" if row["error"] and row["state"] != "sent" else text
