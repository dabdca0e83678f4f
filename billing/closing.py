"""The end of a session in the books' eyes: its CDR, and its receipt when something is to be paid.

Everything happens in the caller's transaction; nothing is booked here. Lock order: payment,
session, facts, and last the counter of receipt numbers, which stays locked until the end.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from billing.costs import ClosingError, facts_of, frozen_by_hash
from billing.reading import ENCODER, parse
from billing.receipts import Paying, Seller, read_vat_lines, receipt_document
from billing.records import Record, record_of
from billing.vat import VatLine
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("receipts")


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
    return {row[0]: Closed(*(*row[:-1], _stored_lines(row[-1]))) for row in rows}


def _stored_lines(text: str) -> tuple[VatLine, ...]:
    return read_vat_lines(parse(f'{{"lines":{text}}}', ClosingError)["lines"])


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
            _receipt_row(
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


def sellers_of(connection: Connection, operator_ids: Iterable[int]) -> dict[int, Seller]:
    rows = queries.sellers(connection, operator_ids=list(operator_ids))
    return {row[0]: Seller(*row) for row in rows}


def paying_of(connection: Connection, payment_ids: list[int]) -> dict[int, Paying]:
    if not payment_ids:
        return {}
    return {row[0]: Paying(*row) for row in queries.paying(connection, payment_ids=payment_ids)}


def cdr_row(record: Record, now: datetime, corrects: int | None = None) -> dict[str, Any]:
    return {
        "session_id": record.facts.session_id,
        "tariff_hash": record.frozen.hash if record.frozen else None,
        "document": record.document,
        "net": record.net,
        "vat": record.vat,
        "gross": record.gross,
        "currency": record.priced.currency,
        "energy_wh": record.energy_wh,
        "corrects_cdr_id": corrects,
        "is_credit": False,
        "created_at": now,
    }


def add_cdrs(connection: Connection, rows: list[dict[str, Any]]) -> dict[int, int]:
    """The new CDRs by session; a session that somebody else closes right now is left out."""
    added = queries.add_cdrs(connection, rows=ENCODER.encode(rows).decode())
    return {session_id: cdr_id for cdr_id, session_id in added}


def _receipt_row(
    record: Record, seller: Seller, paying: Paying | None, payment_id: int | None, cdr_id: int
) -> dict[str, Any]:
    return {
        "operator_id": seller.operator_id,
        "session_id": record.facts.session_id,
        "payment_id": payment_id,
        "cdr_id": cdr_id,
        "net": record.net,
        "vat": record.vat,
        "gross": record.gross,
        "currency": record.priced.currency,
        "document": receipt_document(record, seller, paying),
    }


def issue(
    connection: Connection,
    rows: list[dict[str, Any]],
    sellers: dict[int, Seller],
    now: datetime,
) -> list[int]:
    """Number the receipts, each series without a gap, and store them; their ids in that order."""
    issued: list[int] = []
    for operator_id in sorted({row["operator_id"] for row in rows}):
        some = [row for row in rows if row["operator_id"] == operator_id]
        series = series_of(sellers[operator_id], now)
        last = queries.take_numbers(
            connection, series=series, operator_id=operator_id, count=len(some)
        )
        for number, row in enumerate(some, last - len(some) + 1):
            row |= {"series": series, "number": number, "issued_at": now, "secret": new_secret()}
        added = queries.add_receipts(connection, rows=ENCODER.encode(some).decode())
        issued += [receipt_id for receipt_id, _ in added]
    return issued


def series_of(seller: Seller, now: datetime) -> str:
    """One series per operator and year of its own calendar."""
    return f"{seller.series_prefix}{now.astimezone(ZoneInfo(seller.time_zone)).year}"


def new_secret() -> str:
    """What opens a receipt for whoever has the link: 144 random bits."""
    return secrets.token_urlsafe(18)


def note_paid(connection: Connection, receipt_id: int, paid: int, written_off: int) -> None:
    """So much of the receipt is paid and written off in all (not: more); the rest is due.

    Of a credit note both are negative. Raises ClosingError: there is no such receipt.
    """
    noted = queries.note_paid(connection, receipt_id=receipt_id, paid=paid, written_off=written_off)
    if noted is None:
        raise ClosingError(f"receipt {receipt_id}: there is none")
