"""Raw facts of a station that tell of attempts to charge, as `attempts` folds them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple


class Charge(NamedTuple):
    """A session. `owner`: who paid, where that is known better than by the token."""

    session_id: int
    evse_id: int
    evse_key: int
    site_id: int | None
    id_token: str | None
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int
    stop_reason: str | None
    stopped_by: str | None
    flags: Sequence[str]
    remote_start_id: int | None
    payment_id: int | None
    owner: str | None

    @property
    def flowed_wh(self) -> int:
        """What an ended session has delivered; a running one moves on unseen."""
        return 0 if self.ended_at is None else self.energy_wh


class Start(NamedTuple):
    """A remote start, or a payment given back before one was sent (then without command_id).

    `answer` is accepted, rejected, unknown (it may have been received) or open; `reason` the
    wire's word for it; `failure` why the payment ended without a session.
    """

    command_id: int | None
    at: datetime
    evse_id: int | None
    id_token: str | None
    remote_start_id: int | None
    answer: str
    reason: str | None
    answered_at: datetime | None
    payment_id: int | None = None
    owner: str | None = None
    failure: str | None = None

    @property
    def key(self) -> str:
        if self.command_id is not None:
            return f"command:{self.command_id}"
        return f"payment:{self.payment_id}"


class Tap(NamedTuple):
    """An authorization and our answer."""

    at: datetime
    id_token: str
    status: str


class Change(NamedTuple):
    """A connector's status."""

    evse_key: int
    connector_id: int
    at: datetime
    status: str
    charging_state: str | None
    error_code: str | None


class Plug(NamedTuple):
    """A cable in: a connector occupied from `at` until `until` (None: still)."""

    evse_key: int
    connector_id: int
    at: datetime
    until: datetime | None
    ended_by: Change | None
    was_used: bool  # it said it was charging

    @property
    def key(self) -> str:
        return f"plug:{self.evse_key}:{self.connector_id}:{stamp(self.at)}"


class Evidence(NamedTuple):
    """What is known of a station; `evses` is evse_id to evse_key."""

    station_id: str
    station_key: int
    evses: dict[int, int]
    charges: Sequence[Charge] = ()
    starts: Sequence[Start] = ()
    taps: Sequence[Tap] = ()
    changes: Sequence[Change] = ()


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def tap_key(station_id: str, tap: Tap) -> str:
    return f"authorize:{station_id}:{stamp(tap.at)}:{tap.id_token}"


def plugs_of(changes: Iterable[Change]) -> list[Plug]:
    """Runs of Occupied, connector by connector, that a driver may have begun.

    A connector that came back only to say that its session is over (Finishing) tells of no try.
    """
    runs: dict[tuple[int, int], list[Change]] = {}
    plugs: list[Plug] = []
    for change in sorted(set(changes), key=_in_order):
        connector = (change.evse_key, change.connector_id)
        if change.status == "Occupied" and change.evse_key > 0:
            runs.setdefault(connector, []).append(change)
        elif run := runs.pop(connector, None):
            plugs += _plug(run, change)
    for run in runs.values():
        plugs += _plug(run, None)
    return sorted(plugs, key=lambda plug: (plug.at, plug.key))


def _plug(run: list[Change], ended_by: Change | None) -> list[Plug]:
    first, until = run[0], ended_by.at if ended_by else None
    states = {change.charging_state for change in run}
    if states <= {"Idle"} or until == first.at:
        return []
    was_used = bool(states & {"Charging", "SuspendedEV", "SuspendedEVSE"})
    return [Plug(first.evse_key, first.connector_id, first.at, until, ended_by, was_used)]


def _in_order(change: Change) -> tuple[datetime, str, str, str]:
    return change.at, change.status, change.charging_state or "", change.error_code or ""
