"""The numbers, recomputed: what rollups, sessions and outages say against their raw facts.

A check is a function (audit) -> results. One statement reads both sides of a comparison, so that
what is written meanwhile cannot differ. What is found stays open in `number_difference`, and
raises one alert of kind 'audit', until an audit of the same time no longer finds it.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from ingest import attempting, timelines
from ingest.audit_sessions import sessions
from ingest.audited import KEPT, Difference, Result, pieces, result_of, together
from ingest.visits import fold_visits
from sql.database import Connection
from sql.queries import Queries, load_queries

log = logging.getLogger("kilowatch.audit")
queries = load_queries("audit")
rollups = load_queries("audit_rollups")

DAY_EVSES = 1000  # evse-days a step takes: a large network day by day, a small one by weeks
MOST_DAYS = 31
DAY = timedelta(days=1)


class Period(Struct, frozen=True):
    """Whole days of the operator, as instants; `now` says which of them are over."""

    from_at: datetime
    until_at: datetime
    zone: str
    now: datetime
    began: float | None = None  # of the monotonic clock, at `now`

    def moved_on(self) -> datetime:
        """What time it is by now: facts that are closed meanwhile are of that time."""
        gone = 0.0 if self.began is None else time.monotonic() - self.began
        return self.now + timedelta(seconds=gone)


Check = Callable[[Connection, Period], Iterable[Result]]
Differences = Callable[[Connection, datetime, datetime, datetime], list[Difference]]


def by_query(name: str, part: Queries = queries) -> Check:
    """A check that is a query of sql/queries/audit.sql, or of another part."""

    def check(connection: Connection, period: Period) -> Iterator[Result]:
        rows = getattr(part, name)(connection, **asdict(period))
        found = (Difference(*row[1:]) for row in rows if row[1] is not None)
        yield result_of(name, int(rows[0][0]), found)

    return check


def by_refold(name: str, differences: Differences, job: str, count: str) -> Check:
    """A check of those who fold facts: they know best what their facts should be."""

    def check(connection: Connection, period: Period) -> Iterator[Result]:
        # the job that books them waits: what it has closed since then is no difference
        with held(connection, job):
            found = differences(connection, period.from_at, period.until_at, period.moved_on())
        checked = getattr(queries, count)(connection, **asdict(period))
        yield result_of(name, checked, found)

    return check


def by_sessions(connection: Connection, period: Period) -> list[Result]:
    return sessions(connection, period.from_at, period.until_at)


# The names are an interface: they are in number_check, number_difference and alerts.
STEPS: tuple[Check, ...] = (  # some days at a time
    by_query("energy_15min"),
    by_query("energy_hour"),
    by_query("energy_day"),
    by_query("energy_month"),
    by_query("energy_fleet_15min"),
    by_query("energy_fleet_day"),
    by_query("energy_site_15min", rollups),
    by_query("energy_site_day", rollups),
    by_query("energy_site_load", rollups),
    by_query("session_fleet_day"),
    by_query("visits", rollups),
    by_query("visit_total", rollups),
    by_query("visit_sale", rollups),
    by_query("visitor_day", rollups),
    by_query("visitor_gap", rollups),
    by_query("facts_have_sessions"),
    by_sessions,
    by_query("station_meters_count_nothing"),
    by_query("evses_have_one_vehicle"),
    by_query("days_are_whole"),
)
WHOLES: tuple[Check, ...] = (  # once: a fold goes on from its beginning up to now
    by_refold("time_and_outages", timelines.differences, "timelines", "count_time"),
    by_refold("attempts", attempting.differences, "attempts", "count_attempts"),
)


def audit(
    connection: Connection,
    now: datetime,
    days: Sequence[date] | None = None,
    progress: Callable[[int], object] = lambda _days: None,
) -> list[Result]:
    """Check days of the operator that follow one another; all there are, if left out.

    `progress` hears of days done. The connection must be autocommitting.
    """
    days = wanted_days(connection, now) if days is None else days
    if not days:
        return []
    place = queries.place(connection)
    zone, evses = ZoneInfo(place[0]), place[3]
    results, began = list[Result](), time.monotonic()

    def period(some: Sequence[date]) -> Period:
        edges = midnight(some[0], zone), midnight(some[-1] + DAY, zone)
        return Period(*edges, zone.key, now, began)

    for some in pieces(days, max(1, min(MOST_DAYS, DAY_EVSES // max(1, evses)))):
        results = together([*results, *_run(connection, STEPS, period(some))])
        progress(len(some))
    return [*results, *_run(connection, WHOLES, period(days))]


def _run(connection: Connection, checks: Sequence[Check], period: Period) -> list[Result]:
    """Checks over one period; written down, the alert raised or resolved."""
    _catch_up(connection)
    results = [result for check in checks for result in _checked(connection, check, period)]
    with connection.transaction():
        for result in results:
            _write_down(connection, result, period)
        queries.raise_alert(connection)
        queries.resolve_alert(connection, now=period.now)
    return results


def _catch_up(connection: Connection) -> None:
    """What jobs do every few seconds."""
    connection.execute("CALL process_refresh_requests()")
    fold_visits(connection)


def _checked(connection: Connection, check: Check, period: Period) -> list[Result]:
    """What differs twice: rows that come between two looks at a live system are no difference."""
    first = list(check(connection, period))
    if all(result.ok for result in first):
        return first
    _catch_up(connection)
    second = list(check(connection, period))
    known = {(one.subject, one.at) for result in first for one in result.found}
    for result in second:
        if result.differences <= KEPT:
            again = [one for one in result.found if (one.subject, one.at) in known]
            result.found, result.differences = again, len(again)
    return second


@contextmanager
def held(connection: Connection, job: str) -> Iterator[None]:
    """A job does not run meanwhile, in whatever process."""
    queries.hold_job(connection, job=job)
    try:
        yield
    finally:
        queries.release_job(connection, job=job)


def wanted_days(
    connection: Connection, now: datetime, first: date | None = None, until: date | None = None
) -> list[date]:
    """The operator's days from `first` to before `until`, as far as there are numbers.

    Readings that retention has removed cannot be missed: days that lack any are left out.
    """
    time_zone, first_at, kept_from, _ = queries.place(connection)
    if first_at is None:
        return []
    zone = ZoneInfo(time_zone)
    begin = first_at.astimezone(zone).date()
    if kept_from is not None:
        kept = kept_from.astimezone(zone)
        begin = max(begin, kept.date() + (DAY if kept > midnight(kept.date(), zone) else 0 * DAY))
    begin = max(begin, first or begin)
    end = min(until or date.max, now.astimezone(zone).date() + DAY)
    return [begin + n * DAY for n in range((end - begin).days)]


def _write_down(connection: Connection, result: Result, period: Period) -> None:
    # a month or a session that began earlier is this period's, too
    found = [replace(one, at=max(one.at, period.from_at)) for one in result.found]
    rows = msgspec.json.encode(found).decode()
    about: dict[str, Any] = {"name": result.name, "from_at": period.from_at}
    about |= {"until_at": period.until_at}
    queries.note_check(
        connection,
        **about,
        at=period.now,
        checked=result.checked,
        differences=result.differences,
    )
    queries.open_differences(connection, name=result.name, rows=rows, now=period.now)
    queries.resolve_differences(connection, **about, now=period.now)
    if not result.ok:
        log.warning("%s: %s of %s differ", result.name, result.differences, result.checked)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
