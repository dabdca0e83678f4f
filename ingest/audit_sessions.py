"""Sessions against their readings: every one is folded again from what its station sent.

The fold is `metering.recompute`, the one that ingestion counts with. Evse by evse, so that the
memory an audit takes does not grow with the number of sessions.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ingest.audited import Difference, Result, pieces, utc
from ingest.metering import Fact, Recomputed, difference, point_of, quarter, recompute
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("audit")

EVSES = 25  # at a time: some ten thousand readings of a busy day
GIVEN = ("correction", "import")  # energy that people or earlier systems stated; no fold makes it


class Session(NamedTuple):
    """What the row of `session` says; a row of the query `sessions`."""

    session_id: int
    station_id: str
    evse_id: int
    evse_key: int
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int
    register_wh: int | None
    register_at: datetime | None
    limit_w: int | None
    meter_start_wh: int | None
    meter_stop_wh: int | None
    first_reading_at: datetime | None
    last_reading_at: datetime | None

    def differs(self, expected: object, found: object, **evidence: Any) -> Difference:
        told = {"session_id": self.session_id, "station_id": self.station_id, **evidence}
        subject = f"session {self.session_id} of {self.station_id}/{self.evse_id}"
        return Difference(subject, self.started_at, str(expected), str(found), told)


class Row(NamedTuple):
    """A row of `meter_value`, as the fold wants it and with the energy that was booked."""

    at: datetime
    source: str
    register_wh: int | None
    power_w: float | None
    extra: dict[str, Any] | None
    context: str | None
    delta_wh: int | None


def sessions(connection: Connection, from_at: datetime, until_at: datetime) -> list[Result]:
    """The sessions that were open in the period: energy by quarter, its sum, registers, times."""
    results = [Result("session_facts"), Result("session_energy"), Result("session_registers")]
    keys = [row[0] for row in queries.evse_keys(connection, from_at=from_at, until_at=until_at)]
    for some in pieces(keys, EVSES):
        found = queries.sessions(connection, evse_keys=some, from_at=from_at, until_at=until_at)
        _compare(connection, [Session(*row) for row in found], results)
    return results


def _compare(connection: Connection, some: list[Session], results: list[Result]) -> None:
    rows: dict[int, list[Row]] = defaultdict(list)
    ids = [session.session_id for session in some]
    for session_id, *row in queries.readings(connection, session_ids=ids):
        rows[session_id].append(Row(*row))
    for session in some:
        recorded = rows.get(session.session_id, [])
        folded = fold(session, recorded)
        found = (
            facts_differ(session, recorded, folded),
            energy_differs(session, recorded),
            registers_differ(session, recorded, folded),
        )
        results[0].checked += len(recorded) - 1
        for result, differs in zip(results, found, strict=True):
            result.checked += 1
            if differs:
                result.add(differs)


def fold(session: Session, rows: list[Row]) -> Recomputed:
    """All readings again; those of a session whose evse was never told count nothing."""
    points = (
        [point_of(r.at, r.register_wh, r.power_w, r.extra, r.context) for r in rows]
        if session.evse_id
        else []
    )
    return recompute(points, session.limit_w)


def facts_differ(session: Session, rows: list[Row], folded: Recomputed) -> Difference | None:
    """The facts of each quarter are what the fold of all readings gives."""
    booked = [Fact(r.at, r.delta_wh) for r in rows if r.delta_wh and r.source not in GIVEN]
    changes = difference(folded.facts, booked)
    if not changes:
        return None
    quarters = {utc(quarter(at)): energy_wh for at, energy_wh in changes[:100]}
    return session.differs(
        f"{folded.energy_wh} Wh by its readings",
        f"{sum(fact.energy_wh for fact in booked)} Wh in its facts",
        quarters_off_by_wh=quarters,
    )


def energy_differs(session: Session, rows: list[Row]) -> Difference | None:
    """The session's energy is the sum of its facts, staff's and imported ones included."""
    counted = sum(row.delta_wh or 0 for row in rows)
    if counted == session.energy_wh:
        return None
    return session.differs(f"{counted} Wh", f"{session.energy_wh} Wh", facts=len(rows))


def registers_differ(session: Session, rows: list[Row], folded: Recomputed) -> Difference | None:
    """Begin and end, first and last reading, registers: what the readings say."""
    wrong = dict(_wrong(session, rows, folded))
    if not wrong:
        return None
    return session.differs(
        ", ".join(f"{name} {expected}" for name, (expected, _) in wrong.items()),
        ", ".join(f"{name} {found}" for name, (_, found) in wrong.items()),
    )


def _wrong(
    session: Session, rows: list[Row], folded: Recomputed
) -> Iterator[tuple[str, tuple[str, str]]]:
    read = [row.at for row in rows if row.source == "meter"]
    registers = {row.register_wh for row in rows if row.register_wh is not None}
    said: list[tuple[str, Any, Any]] = []
    if read:
        said.append(("first_reading_at", min(read), session.first_reading_at))
        said.append(("last_reading_at", max(read), session.last_reading_at))
    if registers and session.evse_id:
        base = folded.meter.base
        said.append(("meter_start_wh", folded.meter_start_wh, session.meter_start_wh))
        said.append(("register_wh", base and base.register_wh, session.register_wh))
    for name, expected, found in said:
        if expected != found:
            yield name, (str(expected), str(found))
    if registers and session.meter_stop_wh is not None and session.meter_stop_wh not in registers:
        yield "meter_stop_wh", ("one of its registers", str(session.meter_stop_wh))
    if session.ended_at is not None and session.ended_at < session.started_at:
        yield "ended_at", (f"not before {utc(session.started_at)}", utc(session.ended_at))
