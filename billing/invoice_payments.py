"""Money that companies pay to the bank: noted by staff, booked here, shared among the sessions.

What is given back on an invoice pays for the rest of it first; then the oldest sessions.
"""

from datetime import datetime
from typing import NamedTuple

from billing import ledger, postings
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("invoices")
AT_ONCE = 100


class Share(NamedTuple):
    """What a payment has on an invoice: `gross` of its lines, `paid` of it. `paid_on` is the
    receipt that says it is paid; None: all of it is given back."""

    payment_id: int
    receipt_id: int
    gross: int
    paid: int
    captured: int
    refunded: int
    operator_id: int
    site_id: int | None
    station_id: str
    session_id: int | None
    cdr_id: int | None
    paid_on: int | None


def book_noted(connection: Connection, now: datetime) -> int:
    """Book what staff have noted; how many notes were dealt with."""
    noted = queries.open_payments(connection, count=AT_ONCE)
    for invoice_payment_id, invoice_id, *_ in noted:
        with connection.transaction():
            _book(connection, invoice_payment_id, invoice_id, now)
    return len(noted)


def _book(connection: Connection, invoice_payment_id: int, invoice_id: int, now: datetime) -> None:
    number, due, currency = queries.lock_invoice(connection, invoice_id=invoice_id)
    amount = queries.lock_noted(connection, invoice_payment_id=invoice_payment_id)
    if amount is None:
        return
    queries.lock_payments(connection, invoice_id=invoice_id)
    shares = [Share(*row) for row in queries.shares(connection, invoice_id=invoice_id)]
    problem = _problem(shares, amount, due)
    if problem:
        queries.report_noted(
            connection, invoice_payment_id=invoice_payment_id, number=number, amount=amount,
            currency=currency, problem=problem, at=now,
        )  # fmt: skip
    else:
        parts = shared(shares, amount)
        _book_parts(connection, parts, f"{invoice_payment_id}", number, currency, now)
        queries.note_invoice(connection, invoice_id=invoice_id, amount=amount)
    queries.finish_noted(connection, invoice_payment_id=invoice_payment_id, at=now, problem=problem)


def _problem(shares: list[Share], amount: int, due: int) -> str | None:
    if amount > due:
        return f"more than is due: {due} minor units"
    early = [one for one in shares if one.gross < 0 and one.captured - one.refunded < -one.gross]
    if any(one.paid == 0 for one in early):
        return "it gives back what an earlier invoice asks for: note the earlier one first"
    return None


def shared(shares: list[Share], amount: int) -> list[tuple[Share, int]]:
    """(share, part of it that is paid now); the parts sum to `amount`."""
    parts = [(one, one.gross) for one in shares if one.gross < 0 and one.paid == 0]
    left = amount - sum(part for _, part in parts)
    for one in shares:
        part = min(left, one.gross - one.paid) if one.gross > 0 else 0
        if part > 0:
            parts.append((one, part))
            left -= part
    return parts


def _book_parts(
    connection: Connection, parts: list[tuple[Share, int]], noted: str, number: str, currency: str,
    now: datetime,
) -> None:  # fmt: skip
    accounts = ledger.accounts_of(connection)
    found = []
    for one, part in parts:
        about = postings.About(
            one.operator_id, one.site_id, one.station_id, "company", one.session_id,
            one.payment_id, one.cdr_id, one.receipt_id, f"invoice {number}",
        )  # fmt: skip
        key = f"paid:{noted}:{one.payment_id}"
        found.append(postings.paid(key, about, part, currency, accounts))
        _note(connection, one, part, now)
    ledger.book_all(connection, found, now)


def _note(connection: Connection, one: Share, part: int, now: datetime) -> None:
    queries.note_share(connection, receipt_id=one.receipt_id, amount=part)
    queries.note_money(
        connection, payment_id=one.payment_id, captured=max(part, 0), refunded=max(-part, 0), at=now
    )
    if part > 0 and one.paid_on is not None:
        queries.note_receipt(connection, receipt_id=one.paid_on, amount=part)
