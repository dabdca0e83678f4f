"""The ingest part's recurring work."""

from datetime import UTC, datetime, timedelta

from ingest.decisions import apply_decisions, judge_sessions
from ingest.watchdog import watch
from sql.database import Connection
from sql.jobs import Job

KEEP_READINGS = "7 years"  # accounting material (PAYMENTS: ahead of any other retention)


def refresh_rollups(connection: Connection) -> None:
    """Bring aggregates up to date where rows came late."""
    connection.execute("CALL process_refresh_requests()")


def ensure_partitions(connection: Connection) -> None:
    """Next months' partitions, before they are needed."""
    now = datetime.now(UTC)
    connection.execute(
        "CALL ensure_partitions(%s, %s)", [now - timedelta(days=31), now + timedelta(days=93)]
    )


def enforce_retention(connection: Connection) -> None:
    connection.execute("CALL enforce_retention(%s::interval)", [KEEP_READINGS])


JOBS = (
    Job("watchdog", 2, watch),
    Job("refresh_rollups", 5, refresh_rollups),
    Job("judge_sessions", 5, judge_sessions),
    Job("apply_decisions", 1, apply_decisions),
    Job("ensure_partitions", 6 * 3600, ensure_partitions),
    Job("enforce_retention", 24 * 3600, enforce_retention),
)
