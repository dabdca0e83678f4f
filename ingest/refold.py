"""What evses' time is, folded anew from the raw facts, beside what is recorded of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.evidence import Charge, Contact, Evidence, Exclusion, Status, Try
from ingest.outages import Outage, midnight, outages, pieces
from ingest.timeline import Segment, fold
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("timelines")
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


class Timeline(NamedTuple):
    """An evse, and how far its time is stored (None: not at all yet)."""

    evse_key: int
    station_id: str
    evse_id: int
    in_service_from: datetime | None
    open_since: datetime | None
    revision: int
    is_open: bool
    decommissioned_at: datetime | None
    first_sign_at: datetime


class Fact(NamedTuple):
    started_at: datetime
    seconds: int
    state: str
    cause: str | None
    excluded_because: str | None


class Refold(NamedTuple):
    """What an evse's time is from `from_at` on, beside what is recorded."""

    timeline: Timeline
    from_at: datetime
    segments: list[Segment]
    open: Segment | None
    facts: list[Fact]
    recorded: dict[Fact, int]
    outages: list[Outage]
    recorded_outages: dict[tuple[datetime, str], tuple[Any, ...]]
    later: datetime | None  # evidence that is still to come

    def changes(self) -> list[tuple[Fact, int]]:
        """Facts to add (1) and to take back (-1)."""
        target = Counter(self.facts)
        keys = target.keys() | self.recorded.keys()
        off = {key: target[key] - self.recorded.get(key, 0) for key in keys}
        return sorted(((key, n) for key, n in off.items() if n), key=lambda one: one[0].started_at)

    def changed_outages(self) -> list[Outage]:
        known = self.recorded_outages
        return [o for o in self.outages if known.get((o.started_at, o.cause)) != _said(o)]

    def gone_outages(self) -> list[tuple[datetime, str]]:
        return sorted(
            self.recorded_outages.keys() - {(o.started_at, o.cause) for o in self.outages}
        )


def _said(outage: Outage) -> tuple[Any, ...]:
    return outage.ended_at, outage.excluded_because, outage.excluded_seconds


def refold(
    connection: Connection,
    wanted: dict[int, datetime],
    now: datetime,
    zone: ZoneInfo,
    until_at: datetime | None = None,
) -> Iterator[Refold]:
    """Fold the evses, each from an instant on (or earlier: a midnight, an outage's beginning), up
    to now or to a midnight: then nothing stays open."""
    queries.lock_timelines(connection, evse_keys=list(wanted))
    rows = queries.timelines(connection, evse_keys=list(wanted))
    timelines = [Timeline._make(row) for row in rows if row[-1] is not None]
    from_ats = _beginnings(connection, timelines, wanted, zone)
    keys: dict[str, Any] = {"evse_keys": list(from_ats), "from_ats": list(from_ats.values())}
    keys["until_at"] = until_at or FOREVER
    evidence = _evidence(connection, timelines, keys)
    recorded = _by_evse(queries.recorded_facts(connection, **keys))
    known = _by_evse(queries.recorded_outages(connection, **keys))
    for timeline in timelines:
        key = timeline.evse_key
        facts = {Fact(*row[:5]): row[5] for row in recorded.get(key, ())}
        told = {(row[0], row[2]): (row[1], row[3], row[4]) for row in known.get(key, ())}
        end = (until_at or now, until_at is None)
        yield _refold(timeline, from_ats[key], evidence[key], facts, told, end, zone)


def _refold(
    timeline: Timeline,
    from_at: datetime,
    evidence: Evidence,
    recorded: dict[Fact, int],
    known: dict[tuple[datetime, str], tuple[Any, ...]],
    end: tuple[datetime, bool],
    zone: ZoneInfo,
) -> Refold:
    """`end`: up to when, and whether the last segment goes on there."""
    second, goes_on = end[0].replace(microsecond=0), end[1]
    segments = fold(evidence, max(from_at, in_service_from(timeline)), second)
    parts = list(pieces(segments, zone))
    is_open = goes_on and bool(parts) and parts[-1].ended_at == second
    is_open = is_open and not _has_left(timeline, second)
    closed = parts[:-1] if is_open else parts
    facts = [Fact(p.started_at, p.seconds, p.state, p.cause, p.excluded_because) for p in closed]
    later = min((at for at in evidence.instants() if at >= second), default=None)
    if later is not None:  # of this very second: a request for it would be taken again at once
        later = max(later, second + timedelta(seconds=1))
    if not parts:  # in service since this second
        later = max(in_service_from(timeline), second) + timedelta(seconds=1)
    return Refold(
        timeline, from_at, segments, parts[-1] if is_open else None, facts, recorded,
        outages(segments, second), known, later,
    )  # fmt: skip


def _has_left(timeline: Timeline, second: datetime) -> bool:
    return timeline.decommissioned_at is not None and timeline.decommissioned_at <= second


def in_service_from(timeline: Timeline) -> datetime:
    """The whole second in which an evse that has shown signs of life came into service."""
    return timeline.first_sign_at.replace(microsecond=0)


def _beginnings(
    connection: Connection,
    timelines: Sequence[Timeline],
    wanted: dict[int, datetime],
    zone: ZoneInfo,
) -> dict[int, datetime]:
    """Where each refold begins: what follows from that instant alone must be known there."""
    starts = {}
    for one in timelines:
        first = in_service_from(one)
        # new, or in service from another instant than it was taken for
        others = {first, one.in_service_from or first}
        base = min(others) if len(others) > 1 or one.open_since is None else one.open_since
        starts[one.evse_key] = midnight(max(min(wanted[one.evse_key], base), min(others)), zone)
    # an outage's first day may begin within another outage
    moved = starts
    while moved:
        keys = {"evse_keys": list(moved), "from_ats": list(moved.values())}
        running = queries.running_outages(connection, **keys)
        moved = {key: midnight(began_at, zone) for key, began_at in running}
        starts |= moved
    return starts


def _evidence(
    connection: Connection, timelines: Sequence[Timeline], keys: dict[str, Any]
) -> dict[int, Evidence]:
    contacts = _by_evse(queries.contacts(connection, **keys))
    statuses = _by_evse(queries.statuses(connection, **keys))
    charges = _by_evse(queries.charges(connection, **keys))
    tries = _by_evse(queries.tries(connection, **keys))
    exclusions = _by_evse(queries.exclusions(connection, **keys))
    return {
        one.evse_key: Evidence(
            contacts=[Contact(*row) for row in contacts.get(one.evse_key, ())],
            statuses=[Status(*row) for row in statuses.get(one.evse_key, ())],
            charges=[_charge(*row) for row in charges.get(one.evse_key, ())],
            tries=[Try(*row) for row in tries.get(one.evse_key, ())],
            exclusions=[Exclusion(*row) for row in exclusions.get(one.evse_key, ())],
            decommissioned_at=one.decommissioned_at,
        )
        for one in timelines
    }


def _charge(
    session_id: int,
    started_at: datetime,
    ended_at: datetime | None,
    charged_until: datetime | None,
    ats: list[datetime] | None,
    states: list[str] | None,
) -> Charge:
    told = tuple(zip(ats or (), states or (), strict=True))
    return Charge(session_id, started_at, ended_at, charged_until, told)


def _by_evse(rows: Iterable[Sequence[Any]]) -> dict[int, list[Sequence[Any]]]:
    """Rows that come ordered by evse_key, their first column, gathered without it."""
    return {key: [row[1:] for row in found] for key, found in groupby(rows, itemgetter(0))}
