"""The raw facts of an evse's time and the order in which they tell. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

FAILURES = 3  # failed attempts in a row, after which an evse counts as down


class Contact(NamedTuple):
    at: datetime
    is_online: bool
    cause: str | None  # of a loss: 'station' or 'csms'


class Status(NamedTuple):
    """A connector's status; connector 0 is the station as a whole."""

    at: datetime
    connector_id: int
    status: str
    charging_state: str | None
    error_code: str | None


class Charge(NamedTuple):
    """A session; energy flowed up to `charged_until`, None: never. `states` as 2.x told them."""

    session_id: int
    started_at: datetime
    ended_at: datetime | None
    charged_until: datetime | None
    states: Sequence[tuple[datetime, str]] = ()


class Try(NamedTuple):
    """An attempt to charge that failed by the station's fault, or succeeded."""

    at: datetime
    attempt_id: int
    has_succeeded: bool


class Exclusion(NamedTuple):
    from_at: datetime
    until_at: datetime
    reason: str
    by: str


class Evidence(msgspec.Struct):
    """The raw facts of one evse since `from_at`, and of each kind the last ones before it."""

    contacts: list[Contact] = []
    statuses: list[Status] = []
    charges: list[Charge] = []
    tries: list[Try] = []
    exclusions: list[Exclusion] = []
    decommissioned_at: datetime | None = None

    def instants(self) -> list[datetime]:
        """When something changes."""
        return [at for at, _, _ in events_of(self)]


Event = tuple[datetime, str, Any]


def by_second(evidence: Evidence) -> Iterator[tuple[datetime, list[tuple[str, Any]]]]:
    """Events in order, gathered by the whole second they fall in."""
    gathered: list[tuple[str, Any]] = []
    second = None
    for at, change, event in events_of(evidence):
        floor = at.replace(microsecond=0)
        if second is not None and floor != second:
            yield second, gathered
            gathered = []
        second = floor
        gathered.append((change, event))
    if second is not None:
        yield second, gathered


def events_of(evidence: Evidence) -> list[Event]:
    events: list[Event] = [(c.at, "contact", c) for c in evidence.contacts]
    events += [(s.at, "status", s) for s in evidence.statuses]
    for charge in sorted(evidence.charges):
        events += _charge_events(charge)
    events += _failures(evidence.tries)
    for one in evidence.exclusions:
        events += [(one.from_at, "exclude", one), (one.until_at, "include", one)]
    if evidence.decommissioned_at:
        events.append((evidence.decommissioned_at, "leave", None))
    return sorted(events, key=lambda event: event[0])


def _charge_events(charge: Charge) -> list[Event]:
    events: list[Event] = [(charge.started_at, "begin", charge)]
    events += [(max(at, charge.started_at), "charging", (charge, s)) for at, s in charge.states]
    if charge.charged_until:
        events.append((max(charge.charged_until, charge.started_at), "flowed", charge))
    if charge.ended_at:
        events.append((charge.ended_at, "end", charge))
    return events


def _failures(tries: Iterable[Try]) -> list[Event]:
    """An evse is failing from the third failure in a row on, until something succeeds."""
    events, failed = list[Event](), 0
    for one in sorted(tries):
        if one.has_succeeded and failed >= FAILURES:
            events.append((one.at, "succeed", one))
        failed = 0 if one.has_succeeded else failed + 1
        if failed == FAILURES:
            events.append((one.at, "fail", one))
    return events


def reference(change: str, event: Any) -> dict[str, Any]:
    """Where a raw fact is found."""
    if isinstance(event, Contact):
        return {"relation": "contact_history", "at": event.at, "is_online": event.is_online}
    if isinstance(event, Status):
        told = {"status": event.status, "error_code": event.error_code}
        return {"relation": "status_history", "at": event.at, **told}
    if isinstance(event, Try):
        return {"relation": "attempt", "at": event.at, "attempt_id": event.attempt_id}
    if isinstance(event, Exclusion):
        return {"relation": "outage_exclusion", "at": event.from_at, "reason": event.reason}
    charge = event[0] if isinstance(event, tuple) and not isinstance(event, Charge) else event
    session_id = charge.session_id if charge else None
    return {"relation": "session", "session_id": session_id, "change": change}
