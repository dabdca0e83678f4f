"""Who is told of an incident, of what, and when: rules, quiet hours, escalation. Pure.

What comes out may be asked for again and again: the database keeps each message once.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ingest.thresholds import FLAP_WINDOW

RANKS = {"low": 0, "high": 1, "critical": 2}
RESTLESS = 2  # an incident that has come back so often is told as over only after a while of calm
MINUTE = timedelta(minutes=1)


class Incident(NamedTuple):
    """An incident as rules look at it; `zone`: of its site. `round`: how often it came back."""

    incident_id: int
    kind: str
    severity: str
    site_id: int | None
    zone: str
    noticed_at: datetime
    round: int
    is_acknowledged: bool


class Rule(NamedTuple):
    """None: every kind, every site. `severity`: at least that."""

    rule_id: int
    kind: str | None
    severity: str
    site_id: int | None
    delay_seconds: int
    receiver_id: int
    escalate_after_seconds: int | None
    escalate_to: int | None
    active_from: datetime


class Receiver(NamedTuple):
    """Someone who can be told; quiet hours are None or both given."""

    receiver_id: int
    quiet_from: time | None
    quiet_until: time | None


class Message(NamedTuple):
    """To be sent from `at` on, which is later than now in quiet hours."""

    incident_id: int
    receiver_id: int
    event: str
    round: int
    rule_id: int | None
    at: datetime


def messages(
    incident: Incident,
    rules: Sequence[Rule],
    receivers: Mapping[int, Receiver],
    told: frozenset[int],
    now: datetime,
) -> list[Message]:
    """What is to be said of an open incident by now, once per receiver and event.

    Args:
        told: Receivers who know of it from an earlier round and have not heard that it is over.
    """
    found: dict[tuple[int, str], Message] = {}
    for rule in rules:
        if not applies(rule, incident):
            continue
        for message in _of_rule(rule, incident, receivers, now):
            key = message.receiver_id, message.event
            if key not in found or message.at < found[key].at:
                found[key] = message
    return [one for one in found.values() if one.event != "raised" or one.receiver_id not in told]


def applies(rule: Rule, incident: Incident) -> bool:
    """Whether a rule is about an incident, whatever time it is."""
    return (
        rule.kind in (None, incident.kind)
        and rule.site_id in (None, incident.site_id)
        and RANKS[incident.severity] >= RANKS[rule.severity]
        and incident.noticed_at >= rule.active_from
    )


def _of_rule(
    rule: Rule, incident: Incident, receivers: Mapping[int, Receiver], now: datetime
) -> Iterator[Message]:
    due = incident.noticed_at + timedelta(seconds=rule.delay_seconds)
    if now < due:
        return
    first, second = receivers.get(rule.receiver_id), receivers.get(rule.escalate_to or 0)
    told_at = released(first, incident.severity, incident.zone, due) if first else due
    if first:
        yield _message(incident, rule, first, "raised", told_at)
    if second is None or rule.escalate_after_seconds is None or incident.is_acknowledged:
        return
    # counted from when the first was due to be told: whether it got there changes nothing
    due = told_at + timedelta(seconds=rule.escalate_after_seconds)
    if now >= due:
        at = released(second, incident.severity, incident.zone, due)
        yield _message(incident, rule, second, "escalated", at)


def _message(
    incident: Incident, rule: Rule, receiver: Receiver, event: str, at: datetime
) -> Message:
    return Message(
        incident.incident_id, receiver.receiver_id, event, incident.round, rule.rule_id, at
    )


def resolved_at(
    receiver: Receiver, severity: str, zone: str, ended_at: datetime, times: int
) -> datetime:
    """When to tell that an incident is over which came back so many times: one that comes and goes
    must have stayed away for a while."""
    calm = timedelta(seconds=FLAP_WINDOW if times >= RESTLESS else 0)
    return released(receiver, severity, zone, ended_at + calm)


def released(receiver: Receiver, severity: str, zone: str, at: datetime) -> datetime:
    """The first instant from `at` on at which a receiver may be told; what is critical waits for
    nothing."""
    if severity == "critical" or receiver.quiet_from is None or receiver.quiet_until is None:
        return at
    return _end_of_quiet(receiver.quiet_from, receiver.quiet_until, zone, at.astimezone(UTC))


@lru_cache(maxsize=10_000)
def _end_of_quiet(quiet_from: time, quiet_until: time, zone: str, at: datetime) -> datetime:
    """Minute by minute, by the clock on the wall: right also in nights of 23 and 25 hours."""
    place = ZoneInfo(zone)
    while is_quiet(quiet_from, quiet_until, at.astimezone(place).time()):
        at = at.replace(second=0, microsecond=0) + MINUTE
    return at


def is_quiet(quiet_from: time, quiet_until: time, clock: time) -> bool:
    """Whether a time of day lies within quiet hours, which may reach over midnight."""
    if quiet_from < quiet_until:
        return quiet_from <= clock < quiet_until
    return clock >= quiet_from or clock < quiet_until
