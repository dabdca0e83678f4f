"""What a step does to money and papers: CDR, receipt, journals, credit notes, mails."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from billing import BillingError, ledger, postings
from billing.closing import close_session, credit, note_paid
from billing.mails import queue_mail
from billing.payment import Payment, Refund, World
from billing.vat import VatLine, gross_of, share_of
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("payments")

Changes = dict[str, Any]


def close(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    """CDR, receipt and accrual; what can't be priced or booked goes to a human, with a deadline."""
    try:
        with connection.transaction():
            closed = close_session(
                connection, int(p.session_id or 0), str(p.tariff_hash),
                payment_id=p.payment_id, channel=p.channel, now=now,
            )  # fmt: skip
            if closed.gross:
                about = _about(p, w, cdr_id=closed.cdr_id, receipt_id=closed.receipt_id)
                key, lines = f"earned:{closed.cdr_id}", closed.vat_lines
                _book(connection, postings.earned, key, about, lines, p, now)
    except BillingError as error:
        return _cannot_price(connection, p, str(error), now)
    return {"cdr_id": closed.cdr_id, "receipt_id": closed.receipt_id, "gross": closed.gross,
            "energy_wh": closed.energy_wh, "cost": closed.gross, "cost_at": now}  # fmt: skip


def _cannot_price(connection: Connection, p: Payment, problem: str, now: datetime) -> Changes:
    until = p.quarantined_until or p.quarantine_end(now)
    queries.add_review(
        connection, kind="cannot_price", subject=f"payment {p.reference}", payment_id=p.payment_id,
        session_id=p.session_id, amount=None, currency=p.currency,
        evidence=Jsonb({"problem": problem}), opened_at=now, deadline_at=until,
    )  # fmt: skip
    return {"quarantined_until": until}


def settle(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    """The card was charged: what exceeds the hold is written off, visibly."""
    about = _about(p, w, external_id=p.charge_id)
    _book(connection, postings.captured, f"captured:{p.payment_id}", about, p.captured, p, now)
    excess = (p.gross or 0) - p.captured
    if excess > 0:
        _write_off(connection, p, about, excess, now)
    if p.receipt_id:
        note_paid(connection, p.receipt_id, p.captured, max(excess, 0))
    return {"written_off": max(excess, 0)}


def write_off(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    """Nothing could be captured, and a human gave it up."""
    about = _about(p, w)
    _write_off(connection, p, about, p.gross or 0, now)
    if p.receipt_id:
        note_paid(connection, p.receipt_id, 0, p.gross or 0)
    return {}


def _write_off(
    connection: Connection, p: Payment, about: postings.About, amount: int, now: datetime
) -> None:
    lines = share_of(receipt_lines(connection, p), amount)
    _book(connection, postings.written_off, f"write_off:{p.payment_id}", about, lines, p, now)


def receipt_lines(connection: Connection, p: Payment) -> tuple[VatLine, ...]:
    """VAT lines of the payment's receipt, as its CDR has them."""
    row = connection.execute(
        "SELECT document #> '{kilowatch,vat_lines}' FROM cdr WHERE cdr_id = %s", [p.cdr_id]
    ).fetchone()
    return msgspec.convert(row[0] if row else [], tuple[VatLine, ...], strict=False)


def mail(connection: Connection, p: Payment, _w: World, _now: datetime) -> Changes:
    """The receipt, to the address given at Checkout or on our page."""
    if p.email and p.receipt_id:
        with connection.transaction():
            try:
                _mail(connection, p, p.email, "receipt", p.receipt_id)
            except psycopg.errors.CheckViolation:
                raise psycopg.Rollback() from None  # no address at all: the page has the receipt
    return {}


def _mail(connection: Connection, p: Payment, to: str, kind: str, receipt_id: int) -> None:
    key = f"receipt:{receipt_id}:{to}"
    queue_mail(connection, to, kind, p.language, {"receipt_id": receipt_id}, key)


def released(_connection: Connection, _p: Payment, _w: World, now: datetime) -> Changes:
    return {"released_at": now}


# -- refunds and disputes -------------------------------------------------------------------------


def refunded(connection: Connection, p: Payment, w: World, number: int, now: datetime) -> Changes:
    """Stripe has done it: credit note, booking, and the request is finished."""
    refund = next(one for one in w.refunds if one.refund_request_id == number)
    receipt_id = refund.receipt_id
    if receipt_id is None:
        receipt_id = _credit(connection, p, w, refund, now)
    else:  # a correction wrote its credit note and booked it when it was found
        about = _about(p, w, receipt_id=receipt_id, external_id=refund.refund_id)
        _book(connection, postings.repaid, f"refund:{number}", about, refund.amount, p, now)
    queries.finish_refund(connection, refund_request_id=number, status="done",
                          outcome="succeeded", receipt_id=receipt_id, at=now)  # fmt: skip
    if p.email:
        _mail(connection, p, p.email, "credit_note", receipt_id)
    return {"refunded": p.refunded + refund.amount}


def _credit(connection: Connection, p: Payment, w: World, refund: Refund, now: datetime) -> int:
    receipt_id = queries.receipt_in_force(connection, payment_id=p.payment_id)
    credited = credit(connection, receipt_id or 0, refund.amount, refund.reason, now=now)
    about = _about(p, w, receipt_id=credited.receipt_id, external_id=refund.refund_id)
    key = f"refund:{refund.refund_request_id}"
    _book(connection, postings.refunded, key, about, credited.vat_lines, p, now)
    return credited.receipt_id


def credit_invoice(
    connection: Connection, p: Payment, w: World, number: int, now: datetime
) -> Changes:
    """A company gets it back with its next invoice: credit note and booking, no money."""
    refund = next(one for one in w.refunds if one.refund_request_id == number)
    status, outcome, receipt_id = "done", "on the next invoice", refund.receipt_id
    if receipt_id is None:
        try:
            receipt_id = _credit_alone(connection, p, w, refund, now)
        except BillingError as error:
            status, outcome = "rejected", str(error)[:500]
    queries.finish_refund(connection, refund_request_id=number, status=status, outcome=outcome,
                          receipt_id=receipt_id, at=now)  # fmt: skip
    return {}


def _credit_alone(
    connection: Connection, p: Payment, w: World, refund: Refund, now: datetime
) -> int:
    receipt_id = queries.receipt_in_force(connection, payment_id=p.payment_id)
    with connection.transaction():
        credited = credit(connection, receipt_id or 0, refund.amount, refund.reason, now=now)
        about, key = _about(p, w, receipt_id=credited.receipt_id), f"credit:{credited.receipt_id}"
        _book(connection, postings.credited, key, about, credited.vat_lines, p, now)
    return credited.receipt_id


def fail_refund(
    connection: Connection, _p: Payment, w: World, number: int, now: datetime
) -> Changes:
    refund = next(one for one in w.refunds if one.refund_request_id == number)
    queries.finish_refund(connection, refund_request_id=number, status="failed",
                          outcome=refund.outcome or "refused", receipt_id=None, at=now)  # fmt: skip
    return {}


def reject_refund(
    connection: Connection, p: Payment, _w: World, number: int, now: datetime
) -> Changes:
    why = f"at most {p.captured - p.refunded} is left to refund"
    if p.state == "dispute_lost":
        why = "the bank has given the money back"
    queries.finish_refund(connection, refund_request_id=number, status="rejected", outcome=why,
                          receipt_id=None, at=now)  # fmt: skip
    return {}


def dispute(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    """The bank took the money back until it has decided."""
    return _disputed(connection, p, w, now, postings.disputed)


def dispute_won(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    return _disputed(connection, p, w, now, postings.dispute_won)


def _disputed(
    connection: Connection, p: Payment, w: World, now: datetime,
    make: Callable[..., postings.Posting],
) -> Changes:  # fmt: skip
    if w.dispute is not None:
        about = _about(p, w, external_id=w.dispute.dispute_id)
        key = f"{make.__name__}:{w.dispute.dispute_id}"
        _book(connection, make, key, about, w.dispute.amount, p, now)
    return {}


def dispute_lost(connection: Connection, p: Payment, w: World, now: datetime) -> Changes:
    if w.dispute is not None:
        about = _about(p, w, external_id=w.dispute.dispute_id)
        lines = _disputed_lines(receipt_lines(connection, p), w.dispute.amount)
        _book(connection, postings.dispute_lost, f"dispute_lost:{w.dispute.dispute_id}",
              about, lines, p, now)  # fmt: skip
    return {}


def _disputed_lines(sold: tuple[VatLine, ...], amount: int) -> tuple[VatLine, ...]:
    """What was sold and is lost; banks may take more than that: a loss without VAT."""
    part = min(amount, gross_of(sold))
    lines = share_of(sold, part) if part > 0 else ()
    return lines if amount == part else (*lines, VatLine(Decimal(0), amount - part, 0))


def _about(p: Payment, w: World, **more: Any) -> postings.About:
    """The dimensions of a journal; `more` says what else is known by then."""
    papers = {"cdr_id": p.cdr_id, "receipt_id": p.receipt_id, **more}
    return postings.About(
        p.operator_id, w.evse.site_id, w.evse.station_id, p.channel, p.session_id, p.payment_id,
        **papers,
    )  # fmt: skip


def _book(
    connection: Connection, make: Callable[..., postings.Posting], key: str,
    about: postings.About, what: tuple[VatLine, ...] | int, p: Payment, now: datetime,
) -> None:  # fmt: skip
    accounts = ledger.accounts_of(connection)
    ledger.book(connection, make(key, about, what, p.currency, accounts), now)
