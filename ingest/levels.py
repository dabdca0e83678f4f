"""Thresholds that staff may set: a row of `watch_threshold` each, with the standard and the bounds.

The watchdog puts the rows there; who sets `value` is heard in the next round.
"""

from typing import NamedTuple

from psycopg.types.json import Jsonb

from ingest import thresholds as at
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("alerting")


class Level(NamedTuple):
    """`kind`: of the alerts it is about; `name`: of the watch's parameter."""

    kind: str
    name: str
    unit: str
    standard: int
    least: int
    most: int


LEVELS = (
    Level("offline", "grace", "seconds", at.OFFLINE_GRACE, 5, at.HOUR),
    Level("site_dark", "grace", "seconds", at.DARK_GRACE, 2, at.HOUR),
    Level("router_down", "grace", "seconds", at.DARK_GRACE, 2, at.HOUR),
    Level("router_down", "together", "seconds", at.ROUTER_TOGETHER, 5, at.HOUR),
    Level("platform", "grace", "seconds", at.RESTART_GRACE, 5, at.HOUR),
    Level("no_energy", "patience", "seconds", at.NO_ENERGY, at.MINUTE, at.DAY),
    Level("stuck_preparing", "patience", "seconds", at.STUCK_PREPARING, at.MINUTE, at.DAY),
    Level("ghost_session", "shown", "seconds", at.GHOST_SHOWN, at.HOUR, 30 * at.DAY),
    Level("silent_evse", "gaps", "times", at.SILENT_GAPS, 1, 20),
    Level("silent_evse", "least", "seconds", at.SILENT_LEAST, 10 * at.MINUTE, 30 * at.DAY),
    Level("derated", "least", "times", at.DERATED_LEAST, 3, 100),
    Level("clock_off", "off", "seconds", at.CLOCK_OFF, at.CLOCK_KEEP, at.DAY),
    Level("rejected_connections", "times", "times", at.REFUSED_TIMES, 1, 1000),
    Level("rejected_connections", "window", "seconds", at.REFUSED_WINDOW, at.MINUTE, at.DAY),
    Level("payment_stuck", "patience", "seconds", at.PAYMENT_STUCK, 5 * at.MINUTE, 7 * at.DAY),
    Level("job_failed", "failures", "times", at.JOB_FAILURES, 1, 1000),
    Level("job_failed", "late", "seconds", at.JOB_LATE, at.MINUTE, at.DAY),
    Level("certificate", "ahead_days", "days", at.CERTIFICATE_AHEAD_DAYS, 1, 365),
    Level("undelivered", "late", "seconds", at.UNDELIVERED_LATE, 5 * at.MINUTE, at.DAY),
    Level("firmware", "stations", "times", at.BUILD_STATIONS, 2, 1000),
    Level("firmware", "sites", "times", at.BUILD_SITES, 1, 1000),
    Level("firmware", "window", "seconds", at.BUILD_WINDOW, at.MINUTE, 7 * at.DAY),
)


def sync_levels(connection: Connection) -> None:
    """Bring the rows up to date with this version; what staff have set stays as far as allowed."""
    queries.sync_thresholds(connection, levels=Jsonb([one._asdict() for one in LEVELS]))


def given(connection: Connection, kind: str, **standard: float) -> dict[str, float]:
    """The values by name: what staff have set, else the standard."""
    rows = queries.thresholds(connection, kind=kind)
    return standard | {name: value for name, value in rows if name in standard}
