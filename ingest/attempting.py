"""Books attempts: takes requests, folds the stations' facts, writes what differs.

Every fold is one transaction with the removal of its requests, and one at a time folds: whatever
dies and whoever else is at it, nothing is lost or counted twice. It sees requests and facts as of
one instant: a fact that is seen without its request could lie before what is folded again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from ingest.alerts import Watch, settle
from ingest.attempt_facts import Change, Charge, Evidence, Start, Tap
from ingest.attempt_rows import (
    Plan,
    Recorded,
    Row,
    Station,
    plan,
    start_answer,
    start_payload,
)
from ingest.attempts import LONGEST, REACH
from ingest.audited import Difference, pieces
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("attempts")

STATIONS = 25  # a transaction
WRITE_ROWS = 5000  # a statement
# more different refused tokens than that, at one station within so long, are guesses
GUESSES, GUESS_SECONDS = 6, 600
T = TypeVar("T")


def book_attempts(
    connection: Connection,
    now: datetime | None = None,
    progress: Callable[[int], object] = lambda _stations: None,
) -> int:
    """Fold what was asked for and what time has decided; how many stations were folded.

    A year of history is no other case: `progress` hears of stations done.
    """
    now = now or datetime.now(UTC)
    done = 0
    queries.ask_for_due(connection, now=now)
    while count := _book_some(connection, now):
        progress(count)
        done += count
    return done


def find_guessing(connection: Connection, now: datetime) -> list[Any]:
    """Stations at which somebody tries id tokens, as findings of a watch."""
    found: list[Any] = queries.guessing(connection, now=now, window=GUESS_SECONDS, guesses=GUESSES)
    return found


GUESSING = Watch("token_guessing", find_guessing, needs_contact=False)


def attempts(connection: Connection, now: datetime) -> None:
    """The job."""
    book_attempts(connection, now)
    settle(connection, GUESSING, now)


# -- booking ------------------------------------------------------------------------------------


def _book_some(connection: Connection, now: datetime) -> int:
    """The next of those that are asked for; how many stations."""
    with _alone(connection):
        wanted = dict(queries.take_requests(connection, at_most=STATIONS))
        if wanted:
            _write(connection, list(_plans(connection, wanted, now)))
    return len(wanted)


@contextmanager
def _alone(connection: Connection, *, is_undone: bool = False) -> Iterator[None]:
    """A transaction that sees one instant, begun when nobody else folds: visits reach across
    stations."""
    queries.hold(connection)
    try:
        with connection.transaction(force_rollback=is_undone):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    finally:
        queries.release(connection)


def _plans(connection: Connection, wanted: dict[str, datetime], now: datetime) -> Iterator[Plan]:
    reached = dict(
        queries.reach(
            connection, station_ids=list(wanted), from_ats=list(wanted.values()), reach=REACH
        )
    )
    # what began shortly before belongs to what goes on
    since = {station_id: at - REACH for station_id, at in reached.items()}
    facts = read_facts(connection, since, None)
    for station, evidence in facts.evidence():
        first = since[station.station_id]
        yield plan(station, evidence, facts.recorded[station.station_id], (first, None), now)


def _write(connection: Connection, plans: Sequence[Plan]) -> None:
    dropped = [one.attempt_id for p in plans for one in p.dropped]
    if dropped:
        queries.drop_attempts(connection, attempt_ids=dropped)
    changed = ({"attempt_id": old.attempt_id, **_columns(row)}
               for p in plans for old, row in p.changed)  # fmt: skip
    for some in pieces(changed, WRITE_ROWS):
        queries.change_attempts(connection, changed=msgspec.json.encode(some).decode())
    added = (row for p in plans for row in p.added)
    for rows in pieces(added, WRITE_ROWS):
        queries.add_attempts(connection, added=msgspec.json.encode(rows).decode())
    _number_visits(connection, plans)


def _columns(row: Row) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def _number_visits(connection: Connection, plans: Sequence[Plan]) -> None:
    since: dict[str, datetime] = {}
    for visitor, at in (touched for p in plans for touched in p.touched()):
        since[visitor] = min(at, since.get(visitor, at))
    for some in pieces(sorted(since.items()), WRITE_ROWS):
        visitors, from_ats = zip(*some, strict=True)
        queries.number_visits(connection, visitors=list(visitors), from_ats=list(from_ats))


# -- reading ------------------------------------------------------------------------------------


class Facts(NamedTuple):
    """What is known of some stations since an instant each."""

    stations: dict[str, Station]
    charges: dict[str, list[Charge]]
    starts: dict[str, list[Start]]
    taps: dict[str, list[Tap]]
    changes: dict[str, list[Change]]
    recorded: dict[str, list[Recorded]]

    def evidence(self) -> Iterator[tuple[Station, Evidence]]:
        for name, station in self.stations.items():
            yield station, Evidence(
                name, station.station_key, station.evses, self.charges[name], self.starts[name],
                self.taps[name], self.changes[name],
            )  # fmt: skip


def read_facts(connection: Connection, since: dict[str, datetime], until: datetime | None) -> Facts:
    """Raw facts from `REACH` before each station's instant on, and the attempts booked since."""
    booked = {"station_ids": list(since), "sinces": list(since.values())}
    asked = {**booked, "sinces": [at - REACH for at in since.values()], "until": until}
    stations = queries.stations(connection, station_ids=booked["station_ids"])
    return Facts(
        {row[0]: _station(row) for row in stations},
        _by_station(queries.charges(connection, **asked), _charge),
        _by_station(queries.starts(connection, **asked), _start),
        _by_station(queries.taps(connection, **asked), lambda row: Tap(*row[1:])),
        _by_station(queries.changes(connection, **asked), lambda row: Change(*row[1:])),
        _by_station(queries.recorded(connection, **booked), _recorded),
    )


def _by_station(rows: Iterable[Any], make: Callable[[Any], T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(make(row))
    return found


def _station(row: Any) -> Station:
    evses = dict(zip(row[4], row[5], strict=True))
    return Station(row[0], row[1], row[2], row[3], evses)


def _charge(row: Any) -> Charge:
    _, *known = row
    return Charge(*known)._replace(flags=tuple(row[11]))


def _recorded(row: Any) -> Recorded:
    return Recorded(row[1], Row(row[0], *row[2:]))


def _start(row: Any) -> Start:
    _, command_id, at, payload, status, response, answered_at, payment_id, owner, failure = row[:10]
    answer, reason = start_answer(status, response)
    if command_id is None:
        return Start(
            None, at, row[10], row[11], None, "rejected", failure, answered_at, payment_id, owner,
            failure,
        )  # fmt: skip
    return Start(
        command_id, at, *start_payload(payload), answer, reason, answered_at, payment_id, owner,
        failure,
    )  # fmt: skip


# -- proof --------------------------------------------------------------------------------------


def differences(
    connection: Connection, from_at: datetime, until_at: datetime, now: datetime | None = None
) -> list[Difference]:
    """Attempts, visits and counters of a period that the raw facts do not confirm.

    From and until are midnights of the operator. Stations that are still to be folded are left
    out: they are behind, not wrong. Nothing is written.
    """
    now = now or datetime.now(UTC)
    with _alone(connection, is_undone=True):
        found = [*_wrong_attempts(connection, from_at, until_at, now)]
        for name in ("wrong_visits", "wrong_totals", "wrong_session_days"):
            rows = getattr(queries, name)(connection, from_at=from_at, until_at=until_at)
            found += [Difference(f"{name[6:]} {row[0]}", *row[1:]) for row in rows]
    return found


def _wrong_attempts(
    connection: Connection, from_at: datetime, until_at: datetime, now: datetime
) -> Iterator[Difference]:
    waiting = {row[0] for row in queries.waiting(connection, now=now)}
    names = [row[0] for row in queries.all_stations(connection) if row[0] not in waiting]
    for some in pieces(names, STATIONS):
        facts = read_facts(connection, dict.fromkeys(some, from_at), until_at + LONGEST + REACH)
        for station, evidence in facts.evidence():
            known = [r for r in facts.recorded[station.station_id] if r.row.started_at < until_at]
            yield from _told(plan(station, evidence, known, (from_at, until_at), now))


def _told(wrong: Plan) -> Iterator[Difference]:
    for old in wrong.dropped:
        yield Difference(old.row.key, old.row.started_at, "none", _words(old.row))
    for old, row in wrong.changed:
        yield Difference(row.key, row.started_at, _words(row), _words(old.row))
    for row in wrong.added:
        yield Difference(row.key, row.started_at, _words(row), "none")


def _words(row: Row) -> str:
    return msgspec.json.encode(row).decode()
