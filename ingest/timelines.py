"""Books time per state and outages: takes requests, folds raw facts, writes what differs.

Every fold is one transaction with the removal of its request: whatever dies, nothing is lost or
counted twice. A refold begins at a midnight, as no fact crosses one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingest.audited import Difference, pieces
from ingest.outages import midnight
from ingest.refold import Refold, in_service_from, refold
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("timelines")

BATCH = 500  # evses a transaction


def book_time(connection: Connection, now: datetime | None = None) -> int:
    """Fold what was asked for, and what midnight has cut; how many evses were folded."""
    now = now or datetime.now(UTC)
    zone = zone_of(connection)
    queries.request_open(connection, before_at=midnight(now, zone))
    done = 0
    while count := _book_some(connection, now, zone):
        done += count
    return done


def zone_of(connection: Connection) -> ZoneInfo:
    return ZoneInfo(queries.time_zone(connection))


def _book_some(connection: Connection, now: datetime, zone: ZoneInfo) -> int:
    with connection.transaction():
        wanted = dict(queries.take_requests(connection, now=now, at_most=BATCH))
        if wanted:
            refolds = list(refold(connection, wanted, now, zone))
            _write(connection, refolds)
        return len(wanted)


def _write(connection: Connection, refolds: Sequence[Refold]) -> None:
    served = [one for one in refolds if one.segments]
    later = [(one.timeline.evse_key, one.later) for one in refolds if one.later]
    _call(queries.put_timelines, connection, [_timeline_row(one) for one in served], (
        "evse_key", "station_id", "evse_id", "in_service_from", "open_since", "state", "cause",
        "excluded_because"))  # fmt: skip
    _call(queries.add_facts, connection, [row for one in served for row in _fact_rows(one)], (
        "started_at", "evse_key", "seconds", "state", "cause", "excluded_because"))  # fmt: skip
    gone = [(o.timeline.evse_key, *key) for o in refolds for key in o.gone_outages()]
    _call(queries.drop_outages, connection, gone, ("evse_key", "started_at", "cause"))
    _call(queries.put_outages, connection, [row for o in served for row in _outage_rows(o)], (
        "evse_key", "started_at", "ended_at", "cause", "excluded_because", "excluded_seconds",
        "excluded_by", "evidence"))  # fmt: skip
    _call(queries.request, connection, later, ("evse_keys", "from_ats"))


def _call(query: Any, connection: Connection, rows: Sequence[Any], names: Sequence[str]) -> None:
    if rows:
        query(connection, **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _timeline_row(one: Refold) -> tuple[Any, ...]:
    line, last = one.timeline, one.open
    since = last.started_at if last else one.segments[-1].ended_at
    now = (last.state, last.cause, last.excluded_because) if last else (None, None, None)
    return line.evse_key, line.station_id, line.evse_id, in_service_from(line), since, *now


def _fact_rows(one: Refold) -> Iterator[tuple[Any, ...]]:
    for fact, times in one.changes():
        seconds = fact.seconds if times > 0 else -fact.seconds
        for _ in range(abs(times)):
            yield fact.started_at, one.timeline.evse_key, seconds, *fact[2:]


def _outage_rows(one: Refold) -> Iterator[tuple[Any, ...]]:
    for outage in one.changed_outages():
        evidence = msgspec.json.encode({"began": outage.began, "ended": outage.ended}).decode()
        yield (
            one.timeline.evse_key, outage.started_at, outage.ended_at, outage.cause,
            outage.excluded_because, outage.excluded_seconds, outage.excluded_by, evidence,
        )  # fmt: skip


def differences(
    connection: Connection, from_at: datetime, until_at: datetime, now: datetime | None = None
) -> list[Difference]:
    """Facts, outages and rollups of the days of [from_at, until_at) against a fold of all raw
    facts."""
    now = now or datetime.now(UTC)
    book_time(connection, now)
    zone = zone_of(connection)
    if midnight(until_at, zone) < until_at:
        until_at = midnight(until_at, zone, days=1)
    rows = queries.rollup_differences(
        connection, from_at=midnight(from_at, zone), until_at=until_at
    )
    found = [
        Difference(name, at, str(expected), str(is_now)) for name, at, expected, is_now in rows
    ]
    keys = [row[0] for row in queries.timed_evses(connection)]
    for some in pieces(keys, BATCH):
        with connection.transaction():
            wanted = dict.fromkeys(some, from_at)
            for one in refold(connection, wanted, now, zone, until_at if until_at < now else None):
                found += _differing(one, until_at)
    return found


def _differing(one: Refold, until_at: datetime) -> Iterator[Difference]:
    evse = f"{one.timeline.station_id} evse {one.timeline.evse_id}"
    for fact, times in one.changes():
        if fact.started_at < until_at:
            said = f"{fact.seconds} s {fact.state} {fact.cause or ''} {fact.excluded_because or ''}"
            recorded = one.recorded.get(fact, 0)
            yield Difference(
                f"state of {evse}", fact.started_at, f"{said} x {recorded + times}", f"x {recorded}"
            )
    for outage in one.changed_outages():
        if (outage.ended_at or until_at) < until_at:  # what goes on then has another end by now
            known = one.recorded_outages.get((outage.started_at, outage.cause))
            yield Difference(f"outage of {evse}", outage.started_at, str(outage[1:5]), str(known))
    for started_at, cause in one.gone_outages():
        yield Difference(f"outage of {evse}", started_at, "none", cause)
