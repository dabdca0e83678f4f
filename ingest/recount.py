"""The slow path: readings that are late, out of order or take back what was counted. One function
of all of a session's readings says what is true; what is recorded otherwise is booked against."""

from datetime import datetime
from typing import Any

from ingest.book import Book, Counted, Evse, Session, fact_row
from ingest.metering import Fact, Point, Recomputed, difference, kept, point_of, recompute
from ingest.translate import Reading
from sql.database import AsyncConnection
from sql.queries import load_async_queries

queries = load_async_queries("ingest")

STATED = ("correction",)  # facts by people's decisions (ingest/decisions.py)


async def recount(
    connection: AsyncConnection, book: Book, session_id: int
) -> list[tuple[Any, ...]]:
    """Fold all readings of a session again. Takes the outcome over into the session; returns the
    rows to insert: its late readings, and what they change."""
    session = book.dirty[session_id]
    late, rows = book.late[session_id], list[tuple[Any, ...]]()
    recorded = await queries.session_readings(
        connection,
        session_id=session.session_id,
        evse_keys=[session.evse_key, book.main_keys.get(session.station_id, session.evse_key)],
        from_at=session.first_reading_at,
        to_at=session.last_reading_at,
    )
    points = [point_of(at, *about) for at, _, *about, _ in recorded]
    points += [point(item.reading) for item in late]
    result = recompute(points if session.evse_id else [], session.limit_w)
    evse = Evse(session.evse_key, session.evse_id, None)
    for reading, received_at in late:
        counted = Counted(flags=result.flagged.get(kept(point(reading)), ()))
        rows.append(
            book.reading_row(session.station_id, evse, reading, received_at, session, counted)
        )
    if session.evse_id:
        corrected_wh = await queries.correction_of(connection, session_id=session.session_id)
        facts = [Fact(at, delta) for at, source, *_, delta in recorded
                 if delta and source not in STATED]  # fmt: skip
        rows += changed_facts(book, session, difference(result.facts, facts))
        take_over(session, result, corrected_wh)
    return rows


def point(reading: Reading) -> Point:
    return point_of(
        reading.measured_at, reading.register_wh, reading.power_w, reading.extra, reading.context
    )


def changed_facts(book: Book, session: Session, changes: list[Fact]) -> list[tuple[Any, ...]]:
    if not changes:
        return []
    note_refresh(book, changes[0].at, changes[-1].at)
    revision = (session.version or 0) + 1
    received_at = max((item.received_at for item in book.late[session.session_id]), default=None)
    received_at = received_at or session.last_reading_at or session.started_at
    return [fact_row(session, change, received_at, "adjustment", revision) for change in changes]


def take_over(session: Session, result: Recomputed, corrected_wh: int) -> None:
    """What people decided is no part of what was measured: it stands beside it."""
    session.keep(result.meter)
    session.judge(result.flags)
    session.energy_wh = result.energy_wh + corrected_wh
    session.charged_until = result.charged_until
    if result.meter_start_wh is not None:
        session.meter_start_wh = result.meter_start_wh


def note_refresh(book: Book, from_at: datetime, to_at: datetime) -> None:
    first, last = book.refresh or (from_at, to_at)
    book.refresh = (min(first, from_at), max(last, to_at))
