"""Findings become alerts, alerts become incidents, and both end by themselves.

A watch finds what is the case now; `settle` compares that with the open alerts of its kind. Of one
kind there is at most one open alert per evse and one open incident per site: the database
arbitrates between watchdogs.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from ingest.thresholds import FLAP_WINDOW, FLAPS
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("watchdog")


class Finding(NamedTuple):
    """What is the case with an evse (evse_id None: with its station; station_id None: with no
    station of ours). One that is not `is_due` keeps an open alert open and raises none."""

    station_id: str | None
    evse_id: int | None
    since: datetime
    is_due: bool
    detail: dict[str, Any]


class Kind(NamedTuple):
    """What an incident of this kind says to who reads the rows; pages have words of their own."""

    severity: str
    cause: str
    next_step: str


class Watch(NamedTuple):
    """`needs_contact`: of a station out of contact nothing is known, so its alerts stay as they
    are."""

    kind: str
    find: Callable[[Connection, datetime], list[Any]]
    needs_contact: bool = True


KINDS: dict[str, Kind] = {
    "offline": Kind("high", "no contact", "probe, then call the site host"),
    "faulted": Kind("high", "fault", "restart, then watch for a real session"),
    "silent_evse": Kind(
        "high", "available, but no success for far longer than normal",
        "restart, then watch for a real session",
    ),
    "failing_starts": Kind(
        "high", "starts fail one after the other", "restart, then watch for a real session"
    ),
    "no_energy": Kind(
        "high", "charging by its own account, nothing delivered", "call the driver, then restart"
    ),
    "meter_frozen": Kind(
        "high", "power flows, the register stands still", "take out of service, order a technician"
    ),
    "derated": Kind("low", "far less power than normal", "look for a hot or broken power module"),
    "stuck_preparing": Kind("low", "plugged in, not started", "see whether starts are refused"),
    "ghost_session": Kind(
        "low", "session without news, closed at its last evidence", "check the station's meter"
    ),
    "clock_off": Kind("low", "its clock is off", "let it set its clock, then restart"),
    "token_guessing": Kind(
        "high", "many different id tokens refused", "look at the camera, or call the site host"
    ),
    "rejected_connections": Kind(
        "low", "refused at the door: unknown name or wrong password", "check name and password"
    ),
}  # fmt: skip


def settle(connection: Connection, watch: Watch, now: datetime) -> None:
    """Raise, keep, reopen and end the alerts of one kind."""
    found = [Finding(*row) for row in watch.find(connection, now)]
    known = set(queries.open_alerts(connection, kind=watch.kind))
    fresh = [one for one in found if one.is_due and (one.station_id, one.evse_id) not in known]
    about = {"kind": watch.kind, "now": now}
    if fresh:
        queries.reopen_alerts(connection, **about, findings=_json(fresh), window=FLAP_WINDOW)
        queries.raise_alerts(connection, **about, findings=_json(fresh))
    if known:
        queries.end_alerts(
            connection, **about, findings=_json(found), window=FLAP_WINDOW, flaps=FLAPS,
            needs_contact=watch.needs_contact,
        )  # fmt: skip


def _json(findings: list[Finding]) -> Jsonb:
    return Jsonb([one._asdict() | {"since": one.since.isoformat()} for one in findings])


def gather(connection: Connection, now: datetime) -> None:
    """Alerts join the incident that explains them; incidents end with what they are made of."""
    kinds = Jsonb([{"kind": kind, **about._asdict()} for kind, about in KINDS.items()])
    queries.reopen_incidents(connection, now=now, window=FLAP_WINDOW)
    queries.open_station_incidents(connection, kinds=kinds)
    queries.gather_alerts(connection)
    queries.resolve_incidents(connection, now=now, kinds=list(KINDS))
