"""The ingest part's recurring work."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ingest.alarming import forget_messages, tell
from ingest.attempting import attempts
from ingest.audit_night import audit_nightly
from ingest.decisions import apply_decisions, judge_sessions
from ingest.imports import take_imports
from ingest.levels import sync_levels
from ingest.timelines import book_time
from ingest.visits import fold_visits
from ingest.watchdog import (
    find_normals,
    forget_watched,
    watch,
    watch_clocks,
    watch_fleet,
    watch_own,
    watch_sessions,
)
from ingest.webhooks import send_due
from sql.database import Connection
from sql.jobs import Job
from sql.settings import read_settings

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


def send_webhooks(connection: Connection) -> None:
    """Messages to webhooks, with links to this installation's pages."""
    given = read_settings(os.environ)
    base = given.public_url or f"http://{given.web_host}:{given.web_port}"
    send_due(connection, base.rstrip("/"), datetime.now(UTC))


def _now(work: Callable[[Connection, datetime], object]) -> Callable[[Connection], None]:
    """The work as of the instant it begins."""

    def run(connection: Connection) -> None:
        work(connection, datetime.now(UTC))

    return run


JOBS = (
    Job("watchdog", 2, _now(watch)),
    Job("alarms", 2, _now(tell)),
    Job("webhooks", 2, send_webhooks),
    Job("attempts", 2, _now(attempts)),
    Job("watch_sessions", 15, _now(watch_sessions)),
    Job("watch_fleet", 60, _now(watch_fleet)),
    Job("watch_own", 60, _now(watch_own)),
    Job("watch_clocks", 300, _now(watch_clocks)),
    Job("find_normals", 3600, _now(find_normals)),
    Job("thresholds", 3600, sync_levels),
    Job("forget_messages", 24 * 3600, _now(forget_messages)),
    Job("forget_watched", 24 * 3600, _now(forget_watched)),
    Job("timelines", 3, _now(book_time)),
    Job("refresh_rollups", 5, refresh_rollups),
    Job("fold_visits", 3, fold_visits),
    Job("judge_sessions", 5, judge_sessions),
    Job("apply_decisions", 1, apply_decisions),
    Job("imports", 1, take_imports),
    Job("audit", 600, _now(audit_nightly)),
    Job("ensure_partitions", 6 * 3600, ensure_partitions),
    Job("enforce_retention", 24 * 3600, enforce_retention),
)
