"""Findings become alerts, alerts become incidents, and both end by themselves.

A watch finds what is the case now; `settle` compares that with the open alerts of its kind. Of one
kind there is at most one open alert per evse and one open incident per site, router or build: the
database arbitrates between watchdogs.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from ingest.builds import open_builds
from ingest.kinds import KINDS, NEVER_PLANNED
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


class Watch(NamedTuple):
    """`needs_contact`: of a station out of contact nothing is known, so its alerts stay as they
    are. `is_refreshed`: an open alert tells what is the case now, not what was when it was
    raised."""

    kind: str
    find: Callable[[Connection, datetime], list[Any]]
    needs_contact: bool = True
    is_refreshed: bool = False


def settle(connection: Connection, watch: Watch, now: datetime) -> None:
    """Raise, keep, reopen and end the alerts of one kind."""
    found = [Finding(*row) for row in watch.find(connection, now)]
    known = set(queries.open_alerts(connection, kind=watch.kind))
    fresh = [one for one in found if one.is_due and (one.station_id, one.evse_id) not in known]
    about = {"kind": watch.kind, "now": now}
    if fresh:
        queries.reopen_alerts(connection, **about, findings=_json(fresh), window=FLAP_WINDOW)
        queries.raise_alerts(connection, **about, findings=_json(fresh))
    if known and watch.is_refreshed:
        queries.refresh_alerts(connection, kind=watch.kind, findings=_json(found))
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
    queries.plan_alerts(connection, now=now, never=list(NEVER_PLANNED))
    queries.dismiss_alerts(connection)
    queries.merge_routers(connection, now=now)
    queries.reopen_incidents(connection, now=now, window=FLAP_WINDOW)
    open_builds(connection, now)
    queries.open_station_incidents(connection, now=now, kinds=kinds)
    queries.gather_alerts(connection, now=now)
    queries.follow_merged(connection, now=now)
    queries.inherit_owners(connection, now=now)
    queries.name_groups(connection)
    queries.resolve_incidents(connection, now=now, kinds=list(KINDS))
