"""Incidents of a build: vendor, model and firmware that fail the same way in several sites."""

from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from ingest import thresholds as at
from ingest.grouping import Cluster, Failure, Limits, clusters, expected_failures
from ingest.grouping import is_more_than_chance as is_striking
from ingest.kinds import KINDS
from ingest.levels import given
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("watchdog")

# what a build can be guilty of
BUILD_KINDS = (
    "offline", "faulted", "silent_evse", "failing_starts", "no_energy", "meter_frozen", "derated",
    "stuck_preparing", "ghost_session", "clock_off",
)  # fmt: skip


def open_builds(connection: Connection, now: datetime) -> None:
    """Open an incident for every build that fails more than chance allows."""
    rows = queries.failures_by_build(connection, kinds=list(BUILD_KINDS))
    levels = given(connection, "firmware", **Limits()._asdict())
    limits = Limits(**{name: int(value) for name, value in levels.items()})
    found = list(clusters([Failure(*row) for row in rows], limits))
    if not found:
        return
    known = {row[0] for row in queries.open_builds(connection)}
    for cluster in found:
        if cluster.failures[0].group_key not in known and _is_striking(connection, cluster, now):
            _open(connection, cluster, now)


def _is_striking(connection: Connection, cluster: Cluster, now: datetime) -> bool:
    """Compared with how often this kind of failure comes in the whole network."""
    first = cluster.failures[0]
    until = min(one.noticed_at for one in cluster.failures)
    period = timedelta(days=at.BUILD_USUAL_DAYS)
    usual, stations = queries.usual_failures(
        connection, kind=first.kind, from_at=until - period, until_at=until
    )
    after = now - timedelta(seconds=cluster.seconds)
    of_build, changed = queries.build_stations(
        connection, vendor=first.vendor, model=first.model,
        firmware_version=first.firmware_version, changed_after=after,
    )  # fmt: skip
    exposed = changed if cluster.is_after_change else of_build
    expected = expected_failures(usual, stations, period.total_seconds(), exposed, cluster.seconds)
    return is_striking(len({one.station_id for one in cluster.failures}), expected)


def _open(connection: Connection, cluster: Cluster, now: datetime) -> None:
    first = cluster.failures[0]
    kind = KINDS[first.kind]
    detail = {
        "alert_kind": first.kind, "vendor": first.vendor, "model": first.model,
        "firmware_version": first.firmware_version, "is_after_change": cluster.is_after_change,
    }  # fmt: skip
    queries.open_build_incident(
        connection, now=now, group_key=first.group_key, severity=kind.severity,
        opened_at=min(one.raised_at for one in cluster.failures), detail=Jsonb(detail),
        cause=f"{kind.cause}: {first.vendor or ''} {first.model} {first.firmware_version}",
        next_step="stop the roll-out, compare with other firmware",
    )  # fmt: skip
