"""What to ask a station that is in doubt, and what to make of its answer. Pure.

A probe is a row of `probe`. A round reads the open ones together with what has happened since, and
`judge` says what is next: ask (a command), end with an outcome, or wait (None). Nothing is alarmed
and no session is closed before the station has been asked and could have answered.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingest.thresholds import (
    EVIDENCE_GRACE,
    GHOST_UNMETERED,
    PROBE_TRIES,
    STOP_GRACE,
)
from sql.commands import Call, is_16, stop

# What was asked last
HEARTBEAT, READING, STATUS, TRANSACTION, EVENT, STOP = (
    "heartbeat", "reading", "status", "transaction", "event", "stop",
)  # fmt: skip
GOES_ON = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})


class Probe(NamedTuple):
    """An open probe and what is known now; `command_*` are of what was asked last."""

    probe_id: int
    kind: str
    station_id: str
    reason: str
    evidence_at: datetime
    began_at: datetime
    step: str | None
    command_id: int | None
    tries: int
    ocpp_version: str | None
    has_socket: bool
    last_seen_at: datetime | None
    command_status: str | None
    response: dict[str, Any] | None
    finished_at: datetime | None
    # of sessions only
    session_id: int | None = None
    version_then: int | None = None
    version: int | None = None
    ended_at: datetime | None = None
    transaction_id: str | None = None
    evse_id: int | None = None
    status: str | None = None
    charging_state: str | None = None


class Ask(NamedTuple):
    """Put a command into the queue."""

    step: str
    call: Call


class End(NamedTuple):
    """The probe is over; what follows is the business of its outcome."""

    outcome: str


Verdict = Ask | End | None


def judge(probe: Probe, now: datetime) -> Verdict:
    """What is next for an open probe."""
    return _contact(probe) if probe.kind == "contact" else _session(probe, now)


# -- a station that is silent on an open socket --------------------------------------------------


def _contact(probe: Probe) -> Verdict:
    if probe.last_seen_at is not None and probe.last_seen_at > probe.began_at:
        return End("heard")
    if not probe.has_socket:
        return End("gone")  # contact is lost anyway, no probe can tell more
    match probe.command_status:
        case None:
            return _heartbeat()
        case "queued" | "claimed":
            return None
        case "answered":
            return End("heard")  # even a refusal is a sign of life
    return _no_answer(probe)


def _no_answer(probe: Probe) -> Verdict:
    match _error(probe):
        case "Timeout":
            return End("silent")
        case "ConnectionClosed" | "StationOffline":
            return End("gone")
    # not sent in time: what was queued before it went unanswered, or our worker has ended
    return _heartbeat() if probe.tries < PROBE_TRIES else End("silent")


def _heartbeat() -> Ask:
    return Ask(HEARTBEAT, Call("TriggerMessage", {"requestedMessage": "Heartbeat"}))


# -- a session that nobody hears of --------------------------------------------------------------


def _session(probe: Probe, now: datetime) -> Verdict:
    outcome = _outcome(probe)
    if outcome:
        return End(outcome)
    if probe.step is None:
        return _question(probe, first=True)
    if probe.command_status in ("queued", "claimed"):
        return None
    return _after_stop(probe, now) if probe.step == STOP else _after_question(probe, now)


def _outcome(probe: Probe) -> str | None:
    """What has come about by itself."""
    if probe.ended_at is not None or probe.version is None:
        return "ended"
    if probe.version != probe.version_then:
        return "alive"  # a message about it has arrived
    if probe.has_socket:
        return "gone" if probe.reason == "no_contact" else None
    return "closed" if probe.reason == "no_contact" else "gone"


def _question(probe: Probe, *, first: bool) -> Ask:
    """1.6 can be asked for a reading, which names its transaction, then for a status; 2.x for the
    transaction itself (GetTransactionStatus, 2.0.1 E14), then for an event of it."""
    if is_16(probe.ocpp_version):
        message = "MeterValues" if first else "StatusNotification"
        payload: dict[str, Any] = {"requestedMessage": message}
        if probe.evse_id:
            payload["connectorId"] = probe.evse_id
        return Ask(READING if first else STATUS, Call("TriggerMessage", payload))
    if first:
        payload = {"transactionId": probe.transaction_id}
        return Ask(TRANSACTION, Call("GetTransactionStatus", payload))
    payload = {"requestedMessage": "TransactionEvent"}
    if probe.evse_id:
        payload["evse"] = {"id": probe.evse_id}
    return Ask(EVENT, Call("TriggerMessage", payload))


def _after_question(probe: Probe, now: datetime) -> Verdict:
    response = (probe.response or {}) if probe.command_status == "answered" else {}
    if probe.step == TRANSACTION and "messagesInQueue" in response:
        if response.get("ongoingIndicator") or response["messagesInQueue"]:
            return End("alive")
        if response.get("ongoingIndicator") is False:
            return End("closed")  # it knows of no such transaction: nothing to stop
    will_send = response.get("status") == "Accepted"
    if will_send and not _has_passed(probe.finished_at, EVIDENCE_GRACE, now):
        return None
    if probe.step in (READING, TRANSACTION):
        return _question(probe, first=False)
    return _spare(probe, now, was_told=will_send) or _stop(probe)


def _spare(probe: Probe, now: datetime, *, was_told: bool) -> End | None:
    """1.6: the connector says that charging goes on. If it just said so, that is evidence; if
    the station can't be asked, its last word is believed for a day."""
    goes_on = probe.status == "Occupied" and probe.charging_state in GOES_ON
    if probe.step != STATUS or not goes_on or probe.reason == "booted":
        return None
    if was_told:
        return End("alive")
    return None if _has_passed(probe.evidence_at, GHOST_UNMETERED, now) else End("believed")


def _stop(probe: Probe) -> Verdict:
    transaction_id = probe.transaction_id or ""
    if is_16(probe.ocpp_version) and not transaction_id.isdecimal():
        return End("closed")  # an id that 1.6 can't be told
    return Ask(STOP, stop(probe.ocpp_version, transaction_id))


def _after_stop(probe: Probe, now: datetime) -> Verdict:
    """Accepted: its end is on the way. Anything else: there is nothing that could end."""
    response = probe.response or {}
    accepted = probe.command_status == "answered" and response.get("status") == "Accepted"
    if accepted and not _has_passed(probe.finished_at, STOP_GRACE, now):
        return None
    return End("closed")


def _error(probe: Probe) -> str:
    return str((probe.response or {}).get("error", ""))


def _has_passed(since: datetime | None, seconds: int, now: datetime) -> bool:
    return since is None or now - since >= timedelta(seconds=seconds)
