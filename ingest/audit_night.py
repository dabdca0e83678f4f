"""The audit of every night: the day before, then days whose facts changed after they were over."""

import logging
import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.audit import DAY, audit, midnight, wanted_days
from sql.database import Connection
from sql.queries import load_queries

log = logging.getLogger("kilowatch.audit")
queries = load_queries("audit")

HOUR = timedelta(hours=3)  # after midnight, when late rows have come and nobody looks at charts
BUDGET_SECONDS = 900.0  # for days that changed; what is left waits for the next night
KEEP = timedelta(days=400)


def audit_nightly(
    connection: Connection, now: datetime, budget_seconds: float = BUDGET_SECONDS
) -> list[date]:
    """Audit what is due by `now`; the days done. Asked often, it works once a night.

    A process that was not there at night does it when it comes.
    """
    zone = ZoneInfo(queries.place(connection)[0])
    yesterday = (now - HOUR).astimezone(zone).date() - DAY
    if _is_done(connection, yesterday, zone):
        return []
    done = _audit(connection, yesterday, zone, now)
    queries.gather_days(connection, zone=zone.key)
    began = time.monotonic()
    for (from_at,) in queries.waiting_days(connection, before=midnight(yesterday + DAY, zone)):
        if time.monotonic() - began > budget_seconds:
            log.warning("days that changed wait for the next night: the audit took too long")
            break
        day = from_at.astimezone(zone).date()
        if day not in done:
            done += _audit(connection, day, zone, now)
        queries.drop_day(connection, from_at=from_at)
    queries.forget_checks(connection, before=now - KEEP)
    return done


def _is_done(connection: Connection, day: date, zone: ZoneInfo) -> bool:
    """Whether the day has been audited since it was over."""
    over_at = midnight(day + DAY, zone)
    last = queries.last_night(connection, from_at=midnight(day, zone), until_at=over_at)
    return last is not None and last >= over_at + HOUR


def _audit(connection: Connection, day: date, zone: ZoneInfo, now: datetime) -> list[date]:
    """One day, if there are any numbers of it; that it was looked at is noted in any case."""
    found = wanted_days(connection, now, day, day + DAY)
    audit(connection, now, found)
    period = {"from_at": midnight(day, zone), "until_at": midnight(day + DAY, zone)}
    queries.note_check(
        connection, at=now, name="night", checked=len(found), differences=0, **period
    )
    return found
