"""What an evse was doing, second by second, purely: raw facts in, gapless segments out.

One fold serves the job that books time per state, the audit and every refold after late evidence.
Instants are cut to whole seconds, so that the seconds of a day always sum to the day.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from ingest.evidence import (
    Charge,
    Contact,
    Evidence,
    Exclusion,
    Status,
    Try,
    by_second,
    reference,
)

# Which connector tells most about its evse: one vehicle at a time, and one usable plug is enough.
RANKS = ("Occupied", "Reserved", "Available", "Faulted", "Unavailable")
IDLE = frozenset({"available", "preparing", "finished", "reserved"})
STATES = {  # charging_state of OCPP 2.0.1 -> ours
    "Charging": "charging", "SuspendedEV": "suspended", "SuspendedEVSE": "suspended",
    "EVConnected": "preparing", "Idle": "finished",
}  # fmt: skip
CSMS = "csms"


class Segment(NamedTuple):
    """[started_at, ended_at) in whole seconds. `cause`: why the evse could not be used, None: it
    could. `began`: the raw facts of its first second, by relation."""

    started_at: datetime
    ended_at: datetime
    state: str
    cause: str | None
    excluded_because: str | None
    excluded_by: str | None
    began: tuple[dict[str, Any], ...]

    @property
    def seconds(self) -> int:
        return (self.ended_at - self.started_at) // timedelta(seconds=1)


class Moment(msgspec.Struct):
    """What is true at one instant: events move it on."""

    is_online: bool = False
    loss: str | None = None
    station_status: str | None = None
    connectors: dict[int, Status] = {}
    charge: Charge | None = None
    charging_state: str | None = None
    is_flowing: bool = False
    last_ended_at: datetime | None = None
    is_failing: bool = False
    exclusions: list[Exclusion] = []
    is_gone: bool = False

    def contact(self, event: Contact) -> None:
        self.is_online, self.loss = event.is_online, event.cause

    def status(self, event: Status) -> None:
        if event.connector_id == 0:
            self.station_status = event.status
        else:
            self.connectors[event.connector_id] = event

    def begin(self, event: Charge) -> None:
        self.charge, self.charging_state = event, None
        self.is_flowing = event.charged_until is not None

    def charging(self, event: tuple[Charge, str]) -> None:
        if self.charge is event[0]:
            self.charging_state = event[1]

    def flowed(self, event: Charge) -> None:
        if self.charge is event:
            self.is_flowing = False

    def end(self, event: Charge) -> None:
        self.last_ended_at = event.ended_at
        if self.charge is event:
            self.charge = None

    def fail(self, _event: Try) -> None:
        self.is_failing = True

    def succeed(self, _event: Try) -> None:
        self.is_failing = False

    def exclude(self, event: Exclusion) -> None:
        self.exclusions = [*self.exclusions, event]

    def include(self, event: Exclusion) -> None:
        self.exclusions = [one for one in self.exclusions if one is not event]

    def leave(self, _event: None) -> None:
        self.is_gone = True

    def verdict(self) -> tuple[str, str | None, str | None, str | None]:
        """State, cause, excluded_because, excluded_by."""
        state, cause = self.state()
        if cause is None and self.is_failing and state in IDLE:
            cause = "failed_starts"
        if cause == CSMS:
            return state, cause, CSMS, None
        if cause is None or not self.exclusions:
            return state, cause, None, None
        return state, cause, self.exclusions[0].reason, self.exclusions[0].by

    def state(self) -> tuple[str, str | None]:
        """As the view evse_state says it, and why the evse could not be used."""
        best = min(self.connectors.values(), key=_rank, default=None)
        told = {best.status if best else None, self.station_status}
        if not self.is_online and not (self.charge and self.is_flowing):
            return "unknown", CSMS if self.loss == CSMS else "network"
        if "Faulted" in told:
            return "faulted", "hardware"
        if "Unavailable" in told:
            return "unavailable", "unavailable"
        if self.charge:
            return self._in_session(self.charge, best), None
        if best is None:
            return "unknown", "network"  # nothing was ever said of it
        return self._without_session(best), None

    def _in_session(self, charge: Charge, best: Status | None) -> str:
        told = self.charging_state or (best and best.charging_state) or "Charging"
        state = STATES.get(told, "charging")
        # known only afterwards: a full vehicle that its station went on to call charging
        is_over = charge.ended_at is not None and not self.is_flowing
        return "suspended" if state == "charging" and is_over else state

    def _without_session(self, best: Status) -> str:
        if best.status != "Occupied":
            return best.status.lower()
        if best.charging_state:
            return STATES.get(best.charging_state, "charging")
        has_charged = self.last_ended_at is not None and self.last_ended_at >= best.at
        return "finished" if has_charged else "preparing"


def fold(evidence: Evidence, from_at: datetime, now: datetime) -> list[Segment]:
    """The segments of [from_at, now), both whole seconds; earlier evidence gives what it was then.
    They end early where the station was decommissioned."""
    moment, segments = Moment(), list[Segment]()
    began: list[dict[str, Any]] = []
    at, verdict = from_at, None
    for second, events in by_second(evidence):
        if second >= now:
            break
        if second > from_at:
            _extend(segments, at, second, verdict or moment.verdict(), began)
            at = second
        for change, event in events:
            getattr(moment, change)(event)
        began = [reference(change, event) for change, event in events]
        verdict = moment.verdict()
        if moment.is_gone:
            return [s for s in segments if s.started_at < second]
    _extend(segments, at, now, verdict or moment.verdict(), began)
    return segments


Verdict = tuple[str, str | None, str | None, str | None]


def _extend(
    segments: list[Segment], at: datetime, until: datetime, verdict: Verdict, began: list[Any]
) -> None:
    """A segment that says the same as the one before it goes on."""
    if at >= until:
        return
    last = segments[-1] if segments else None
    if last is not None and last[2:6] == verdict:
        segments[-1] = last._replace(ended_at=until)
    else:
        segments.append(Segment(at, until, *verdict, tuple(began)))


def _rank(connector: Status) -> tuple[int, float]:
    place = RANKS.index(connector.status) if connector.status in RANKS else len(RANKS)
    return place, -connector.at.timestamp()
