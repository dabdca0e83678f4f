"""Energy that changes after a session was priced: credit and price anew, and give the money back.

A station that was out of contact delivers its readings later, or people have stated what the
energy was: what was booked gives way to it. A guest's charge may only fall. Readings that make a
session doubtful move no money until people have looked.
"""

import logging
from datetime import datetime, timedelta

import psycopg
from msgspec.structs import replace
from psycopg.types.json import Jsonb

from billing import BillingError, ledger, postings
from billing.credits import Corrected, correct_cdr, sessions_to_correct
from billing.payment import CAPTURED
from billing.vat import VatLine
from sql.database import Connection
from sql.quarantine import judge
from sql.queries import load_queries

log = logging.getLogger("kilowatch.billing")
queries = load_queries("payments")

HOW_LONG = timedelta(days=60)  # after its start a session's readings are still looked at
AT_ONCE = 100
REASON = "The station delivered readings later"
GIVEN_UP = ("released", "expired")  # the session has its record, and nobody pays


def correct_due(connection: Connection, now: datetime) -> int:
    """Correct every session whose readings have changed; how many that were."""
    found = sessions_to_correct(connection, now - HOW_LONG, AT_ONCE)
    return sum(_try(connection, session_id, now) for session_id in found)


def _try(connection: Connection, session_id: int, now: datetime) -> bool:
    """What one session can't be keeps no other waiting."""
    try:
        return _correct(connection, session_id, now)
    except (BillingError, psycopg.DataError, psycopg.IntegrityError):
        log.exception("session %d is not corrected", session_id)
        return False


def _correct(connection: Connection, session_id: int, now: datetime) -> bool:
    """One session, under its payment's lock: what is not yet captured is left for later."""
    with connection.transaction():
        row = queries.lock_payment_of_session(connection, session_id=session_id)
        if row is not None and row[1] not in (*CAPTURED, *GIVEN_UP):
            return False
        if judge(connection, [session_id], now):
            return False  # no money moves for energy that is doubtful: people look first
        reason = queries.why_corrected(connection, session_id=session_id) or REASON
        corrected = correct_cdr(connection, session_id, reason, now=now)
        if corrected is None:
            return False
        _book(connection, session_id, corrected, now)
        if row is not None:
            _ask_people_or_stripe(connection, row[0], corrected, reason, now)
    return True


def _book(connection: Connection, session_id: int, corrected: Corrected, now: datetime) -> None:
    dimensions = queries.about_session(connection, session_id=session_id)
    about = replace(postings.About(*dimensions), cdr_id=corrected.cdr_id)
    accounts = ledger.accounts_of(connection)
    currency = queries.currency_of_cdr(connection, cdr_id=corrected.cdr_id)
    if corrected.credited:
        lines: tuple[VatLine, ...] = corrected.credited.vat_lines
        key = f"credit:{corrected.credited.receipt_id}"
        note = replace(about, receipt_id=corrected.credited.receipt_id)
        ledger.book(connection, postings.credited(key, note, lines, currency, accounts), now)
    if corrected.receipt_id:
        key = f"earned:{corrected.cdr_id}"
        receipt = replace(about, receipt_id=corrected.receipt_id)
        posting = postings.earned(key, receipt, corrected.vat_lines, currency, accounts)
        ledger.book(connection, posting, now)


def _ask_people_or_stripe(
    connection: Connection, payment_id: int, corrected: Corrected, reason: str, now: datetime
) -> None:
    """Less: the difference goes back to the card. More: a human decides how to ask for it."""
    if corrected.receipt_id is None and corrected.credited:
        queries.add_correction(
            connection, payment_id=payment_id, amount=-corrected.credited.gross, reason=reason,
            receipt_id=corrected.credited.receipt_id, at=now,
        )  # fmt: skip
    elif corrected.receipt_id:
        evidence = Jsonb({"receipt_id": corrected.receipt_id, "gross": corrected.gross})
        queries.add_correction_review(
            connection, payment_id=payment_id, evidence=evidence, at=now
        )  # fmt: skip
