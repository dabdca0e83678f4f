"""The end of a session in the books' eyes: its CDR, and its receipt when something is to be paid.

Everything happens in the caller's transaction; nothing is booked here. Lock order: payment,
session, facts, and last the counter of receipt numbers, which stays locked until the end.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from billing.costs import ClosingError, facts_of, frozen_by_hash
from billing.credits import Corrected, Credited, correct_cdr, credit, sessions_to_correct
from billing.issuing import (
    add_cdrs,
    cdr_row,
    issue,
    paying_of,
    queries,
    receipt_row,
    sellers_of,
    stored_lines,
)
from billing.records import record_of
from billing.vat import VatLine
from sql.database import Connection

__all__ = [
    "Closed", "Corrected", "Credited", "ToClose", "close_many", "close_session", "correct_cdr",
    "credit", "note_paid", "sessions_to_correct",
]  # fmt: skip


class Closed(Struct, frozen=True):
    """A session's CDR and receipt (None: nothing was to be paid); amounts in minor units."""

    session_id: int
    cdr_id: int
    receipt_id: int | None
    net: int
    vat: int
    gross: int
    currency: str
    energy_wh: int
    vat_lines: tuple[VatLine, ...]


class ToClose(Struct, frozen=True):
    """A session to close; without a tariff it is free."""

    session_id: int
    tariff_hash: str | None
    channel: str
    payment_id: int | None = None


def close_session(
    connection: Connection,
    session_id: int,
    tariff_hash: str | None,
    *,
    payment_id: int | None,
    channel: str,
    now: datetime,
) -> Closed:
    """Write the session's CDR and, if anything is to be paid, its receipt with all of it due.

    Once per session: closed again it answers what holds for it. Raises ClosingError: there is no
    such session or tariff.
    """
    wanted = ToClose(session_id, tariff_hash, channel, payment_id)
    (closed,) = close_many(connection, [wanted], now)
    return closed


def close_many(connection: Connection, wanted: Sequence[ToClose], now: datetime) -> list[Closed]:
    """As `close_session` for many at once, in few statements: for bulk, a few hundred a call."""
    with connection.transaction():
        ids = [each.session_id for each in wanted]
        found = _closed(connection, ids)
        todo = [each for each in wanted if each.session_id not in found]
        if todo:
            _close(connection, todo, now)
            found |= _closed(connection, ids)
    return [found[session_id] for session_id in ids]


def _closed(connection: Connection, session_ids: list[int]) -> dict[int, Closed]:
    rows = queries.newest_cdrs(connection, session_ids=session_ids)
    return {row[0]: Closed(*(*row[:-1], stored_lines(row[-1]))) for row in rows}


def _close(connection: Connection, todo: Sequence[ToClose], now: datetime) -> None:
    facts = facts_of(connection, [each.session_id for each in todo])
    for each in todo:
        if each.session_id not in facts:
            raise ClosingError(f"session {each.session_id}: there is none")
    sellers = sellers_of(connection, {f.about["operator_id"] for f in facts.values()})
    records = {
        each.session_id: record_of(
            facts[each.session_id],
            frozen_by_hash(connection, each.tariff_hash) if each.tariff_hash else None,
            sellers[facts[each.session_id].about["operator_id"]].currency,
            each.channel,
            now,
        )
        for each in todo
    }
    cdr_ids = add_cdrs(connection, [cdr_row(record, now) for record in records.values()])
    payments = paying_of(connection, [each.payment_id for each in todo if each.payment_id])
    due = [each for each in todo if each.session_id in cdr_ids and records[each.session_id].gross]
    issue(
        connection,
        [
            receipt_row(
                records[each.session_id],
                sellers[facts[each.session_id].about["operator_id"]],
                payments.get(each.payment_id or 0),
                each.payment_id,
                cdr_ids[each.session_id],
            )
            for each in due
        ],
        sellers,
        now,
    )


def note_paid(connection: Connection, receipt_id: int, paid: int, written_off: int) -> None:
    """So much of the receipt is paid and written off in all (not: more); the rest is due.

    Of a credit note both are negative. Raises ClosingError: there is no such receipt.
    """
    noted = queries.note_paid(connection, receipt_id=receipt_id, paid=paid, written_off=written_off)
    if noted is None:
        raise ClosingError(f"receipt {receipt_id}: there is none")
