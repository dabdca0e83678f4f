"""Decisions of people about implausible sessions, booked; and sessions judged when they change.

A decision states what the energy is: nothing (void), so much (correct), what was measured
(accept). The session's facts are brought there by facts of their own, source 'correction', so the
old ones stay. Readings that come later change what was measured, not what was decided: the slow
path (`_recount` in ingest/store.py) leaves corrections alone, and `judge_sessions` states the
energy once more. The session's energy is the sum of all its facts at every moment.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg

from ingest.corrections import Counted, corrections
from ingest.quarters import Fact
from ingest.translate import stable_hash
from sql.database import Connection
from sql.quarantine import judge
from sql.queries import load_queries

log = logging.getLogger("kilowatch.ingest")
queries = load_queries("decisions")
AT_ONCE = 200


class Decided(NamedTuple):
    """A session under lock with its newest decision; `stated_wh` None: what was measured holds."""

    session_id: int
    station_id: str
    transaction_id: str
    started_at: datetime
    ended_at: datetime
    energy_wh: int
    correction_wh: int
    version: int
    decision_id: int
    stated_wh: int | None


def judge_sessions(connection: Connection, now: datetime | None = None) -> None:
    """Judge every session that has ended or has changed since."""
    while rows := queries.changes(connection, count=AT_ONCE):
        ids = sorted({session_id for _, session_id in rows})
        at = now or datetime.now(UTC)
        for (session_id,) in queries.stated_sessions(connection, session_ids=ids):
            settle(connection, session_id, at)
        judge(connection, ids, at)
        queries.forget_changes(connection, change_ids=[change_id for change_id, _ in rows])


def apply_decisions(connection: Connection, now: datetime | None = None) -> None:
    """Book every decision that is not booked yet; what one can't be keeps no other waiting."""
    for (session_id,) in queries.sessions_to_settle(connection, count=AT_ONCE):
        try:
            settle(connection, session_id, now or datetime.now(UTC))
        except (psycopg.DataError, psycopg.IntegrityError):
            log.exception("the decision about session %d is not booked", session_id)


def settle(connection: Connection, session_id: int, now: datetime) -> None:
    """Bring a session's energy to what its newest decision says, in one transaction.

    Done again it changes nothing: whoever is second finds nothing left to book.
    """
    with connection.transaction():
        row = queries.lock_session(connection, session_id=session_id)
        if row is None:
            return
        decided = Decided(*row)
        new_wh = decided.energy_wh
        if decided.stated_wh is not None or decided.correction_wh:
            new_wh = _book(connection, decided, now)
        queries.note_applied(
            connection, session_id=session_id, decision_id=decided.decision_id,
            old_wh=decided.energy_wh, new_wh=new_wh, now=now,
        )  # fmt: skip


def _book(connection: Connection, decided: Decided, now: datetime) -> int:
    """Book what is missing; the session's energy, which is the sum of all its facts."""
    rows = queries.facts(connection, session_id=decided.session_id)
    facts = [Counted(*row) for row in rows]
    changes = corrections(facts, decided.stated_wh, decided.started_at, decided.ended_at)
    booked = sum(each.energy_wh for each in changes)
    new_wh = sum(each.energy_wh for each in facts) + booked
    if changes or new_wh != decided.energy_wh:
        evse_key = queries.correct_session(
            connection, session_id=decided.session_id, energy_wh=new_wh, version=decided.version,
            correction_wh=decided.correction_wh + booked,
        )  # fmt: skip
        _add(connection, decided, changes, now)
        queries.tell_live(connection, evse_key=evse_key)
    return new_wh


def _add(connection: Connection, decided: Decided, changes: Sequence[Fact], now: datetime) -> None:
    if not changes:
        return
    version, owner = decided.version + 1, f"{decided.station_id} {decided.transaction_id}"
    queries.add_corrections(
        connection, session_id=decided.session_id, decision_id=decided.decision_id,
        ats=[each.at for each in changes], deltas=[each.energy_wh for each in changes],
        hashes=[stable_hash(owner, "correction", each.at, version) for each in changes],
        version=version, now=now,
    )  # fmt: skip
    queries.request_refresh(connection, from_at=changes[0].at, to_at=changes[-1].at)
