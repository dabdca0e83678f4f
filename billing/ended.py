"""Sessions that have ended: whose they are, and therefore who pays. One CDR for each.

The database queues every session that ends (`ended_session`). A driver's becomes a payment that
begins at `completed`; a guest's is the business of its own payment; everybody else's is free.
"""

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from billing import BillingError
from billing.assignment import tariff_for
from billing.closing import ToClose, close_many
from billing.payment import QUARANTINE
from sql import DatabaseError
from sql.database import Connection
from sql.quarantine import judge
from sql.queries import load_queries

log = logging.getLogger("kilowatch.billing")
queries = load_queries("drivers")

BATCH = 200
LATER = timedelta(minutes=1)
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # read out on the phone: no 0 O 1 I L
TRIES = 5  # for a reference that nobody has


class Ended(NamedTuple):
    """A session in the queue; `payment_state` is that of a guest's payment for it."""

    session_id: int
    operator_id: int
    evse_key: int
    started_at: datetime
    ended_at: datetime | None
    payment_id: int | None
    payment_state: str | None
    is_closed: bool
    driver_id: int | None
    company_id: int | None
    language: str
    email: str | None


def take_ended(connection: Connection, now: datetime) -> int:
    """Work through the queue; how many sessions have left it."""
    taken = 0
    while done := _batch(connection, now):
        taken += done
    return taken


def _batch(connection: Connection, now: datetime) -> int:
    """Some of the queue in one transaction; if one of them can't be done, each on its own."""
    try:
        with connection.transaction():
            return _take(connection, _claim(connection, now, BATCH), now)
    except (BillingError, psycopg.DataError, psycopg.IntegrityError):
        return _one_by_one(connection, now)


def _claim(connection: Connection, now: datetime, count: int) -> list[Ended]:
    return [Ended(*row) for row in queries.claim_ended(connection, at=now, count=count)]


def _one_by_one(connection: Connection, now: datetime) -> int:
    for _ in range(BATCH):
        with connection.transaction():
            found = _claim(connection, now, 1)
            if not found:
                return 0
            try:
                with connection.transaction():
                    _take(connection, found, now)
            except (BillingError, psycopg.DataError, psycopg.IntegrityError) as error:
                _report(connection, found[0], error, now)
    return 1


def _report(connection: Connection, session: Ended, error: Exception, now: datetime) -> None:
    """A human must know; the queue tries again."""
    problem = " ".join(str(error).split())[:500]
    log.error("session %d is not billed: %s", session.session_id, problem)
    queries.report_unbilled(
        connection, session_id=session.session_id, problem=problem, at=now, look_at=now + LATER
    )


def _take(connection: Connection, sessions: list[Ended], now: datetime) -> int:
    waiting = [one.session_id for one in sessions if _waits(one)]
    todo = [one for one in sessions if one.session_id not in waiting]
    free = [one for one in todo if not one.is_closed and not _charge(connection, one, now)]
    held = _held_back(connection, free, now)
    wanted = [ToClose(one.session_id, None, "free", one.payment_id) for one in free
              if one.session_id not in held]  # fmt: skip
    if wanted:
        close_many(connection, wanted, now)
    done = [one.session_id for one in todo if one.session_id not in held]
    queries.postpone_ended(connection, session_ids=[*waiting, *held], look_at=now + LATER)
    queries.forget_ended(connection, session_ids=done)
    return len(todo)


def _waits(session: Ended) -> bool:
    """It goes on after all, or its payment has not come to its end and writes the CDR itself."""
    if session.ended_at is None:
        return False
    over = session.payment_state in ("released", "expired")
    return session.payment_id is not None and not session.is_closed and not over


def _held_back(connection: Connection, free: list[Ended], now: datetime) -> set[int]:
    """Implausible, and nobody pays: people may look before it gets its record. What somebody pays
    for waits in its payment."""
    ids = [one.session_id for one in free if one.payment_id is None]
    since = judge(connection, ids, now) if ids else {}
    return {session_id for session_id, at in since.items() if now < at + QUARANTINE}


def _charge(connection: Connection, session: Ended, now: datetime) -> bool:
    """Ask the driver, or the driver's company; false: nobody pays for this one."""
    if session.ended_at is None:
        return True  # it ends again
    is_nobodys = session.driver_id is None and session.company_id is None
    if is_nobodys or session.payment_id is not None:
        return False
    tariff = tariff_for(connection, session.evse_key, session.started_at)
    if tariff is None:
        return False
    _add_payment(connection, session, tariff.hash, tariff.tariff.currency, now)
    return True


def _add_payment(
    connection: Connection, session: Ended, tariff_hash: str, currency: str, now: datetime
) -> None:
    about: dict[str, Any] = {
        "channel": "company" if session.company_id else "registered",
        "operator_id": session.operator_id,
        "evse_key": session.evse_key,
        "session_id": session.session_id,
        "driver_id": session.driver_id,
        "company_id": session.company_id,
        "language": session.language,
        "email": None if session.company_id else session.email,
        "currency": currency,
        "tariff_hash": tariff_hash,
    }
    for _ in range(TRIES):
        reference = new_reference()
        if queries.add_payment(connection, reference=reference, at=now, **about):
            if session.driver_id is not None:
                named = {"session_id": session.session_id, "driver_id": session.driver_id}
                queries.note_driver(connection, **named)
            return
    raise DatabaseError("no reference is free for a new payment")


def new_reference() -> str:
    """What a payer quotes on the phone: 8F3K-27W."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(7))
    return f"{letters[:4]}-{letters[4:]}"
