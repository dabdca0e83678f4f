"""Hold implausible sessions back: judge them, keep why, and ask people.

Whoever meets a session first judges it: billing before it takes money, in the same transaction,
and the job `judge_sessions` for all others. Both write the same rows, in the order of locks that
every part keeps: payment, session, facts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from sql.database import Connection
from sql.doubts import REGISTER_FLAGS, Doubt, Point, Seen, doubts_of
from sql.queries import load_queries

queries = load_queries("quarantine")
HELD_FOR = timedelta(days=3)  # then nobody pays for the session


def judge(
    connection: Connection,
    session_ids: Sequence[int],
    now: datetime,
    deadline_at: datetime | None = None,
) -> dict[int, datetime]:
    """The sessions that are held back, each since when; their doubts are kept, people are asked.

    `deadline_at`: when it is too late to decide; without one nothing is lost by waiting.
    """
    for row in queries.sessions_to_judge(connection, session_ids=list(session_ids)):
        doubts, known = doubts_of(_seen(connection, row), now), row[9]
        if doubts or known:
            _keep(connection, row[0], doubts, now, deadline_at)
    return dict(queries.held_back(connection, session_ids=list(session_ids)))


def _seen(connection: Connection, row: Sequence[Any]) -> Seen:
    """The registers are read only where they tell something."""
    session_id, started_at, ended_at, energy_wh, limit_w, flags, power_wh, *other = row[:9]
    overlaps = None if None in other else (other[0], other[1])
    seen = Seen(
        session_id, started_at, ended_at, energy_wh, limit_w, tuple(flags), power_wh, overlaps
    )
    if not REGISTER_FLAGS.intersection(seen.flags):
        return seen
    registers = queries.registers_of(connection, session_id=seen.session_id)
    return replace(seen, registers=tuple(Point(*each) for each in registers))


def _keep(
    connection: Connection,
    session_id: int,
    doubts: list[Doubt],
    now: datetime,
    deadline_at: datetime | None,
) -> None:
    rows = [{"reason": doubt.reason, "detail": doubt.detail} for doubt in doubts]
    given = msgspec.json.encode(rows).decode()
    with connection.transaction():
        queries.lock_payment(connection, session_id=session_id)
        queries.keep_doubts(connection, session_id=session_id, doubts=given, now=now)
        queries.open_item(connection, session_id=session_id, now=now, deadline_at=deadline_at)
        queries.close_item(connection, session_id=session_id, now=now)
