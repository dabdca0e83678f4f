"""Taking back: credit notes for receipts, and CDRs corrected by a credit and a new one.

In the caller's transaction; nothing is booked here. A receipt never changes: what is given back is
a paper of its own with negative amounts, in the same unbroken series, that names the receipt.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct

from billing.costs import ClosingError, frozen_by_hash, one_session
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
from billing.reading import Document, parse
from billing.receipts import credit_document, read_vat_lines
from billing.records import Record, credit_record, record_of
from billing.vat import VatLine, gross_of, negated, share_of
from sql.database import Connection

MAY_ONLY_FALL = "guest"  # what a guest agreed to was charged; nothing is asked for afterwards


class Credited(Struct, frozen=True):
    """A credit note; its amounts are negative minor units."""

    receipt_id: int
    net: int
    vat: int
    gross: int
    vat_lines: tuple[VatLine, ...]


class Corrected(Struct, frozen=True):
    """What a correction did: `credited` when something is given back, `receipt_id` of a new
    receipt when more is due. Both None: the amount is the same. Amounts of the new CDR."""

    cdr_id: int
    credit_cdr_id: int
    net: int
    vat: int
    gross: int
    vat_lines: tuple[VatLine, ...]
    credited: Credited | None
    receipt_id: int | None


class _Receipt(NamedTuple):
    receipt_id: int
    shown_number: str
    issued_at: datetime
    session_id: int | None
    payment_id: int | None
    cdr_id: int | None
    gross: int
    currency: str
    credits_receipt_id: int | None
    document: Document


def credit(
    connection: Connection,
    receipt_id: int,
    gross_amount: int | None,
    reason: str,
    *,
    now: datetime,
) -> Credited:
    """A credit note over a part of a receipt, or over all that is left of it (None).

    Each VAT rate gives back its share. Raises ClosingError: there is no such receipt, it is a
    credit note itself, or more would be credited than it was for.
    """
    with connection.transaction():
        receipt, left = _with_rest(connection, receipt_id)
        amount = gross_of(left) if gross_amount is None else gross_amount
        try:
            lines = share_of(left, amount)
        except ValueError:
            raise ClosingError(
                f"receipt {receipt.shown_number}: {gross_of(left)} is left to credit, not {amount}"
            ) from None
        return _credit(connection, receipt, lines, reason, now)


def _with_rest(connection: Connection, receipt_id: int) -> tuple[_Receipt, list[VatLine]]:
    """The receipt, locked, and what of each VAT rate nobody has credited yet."""
    row = queries.lock_receipt(connection, receipt_id=receipt_id)
    if row is None:
        raise ClosingError(f"receipt {receipt_id}: there is none")
    receipt = _Receipt(*row)
    if receipt.credits_receipt_id is not None:
        raise ClosingError(f"receipt {receipt.shown_number}: it is a credit note itself")
    given_back = [
        stored_lines(text) for (text,) in queries.credits_of(connection, receipt_id=receipt_id)
    ]
    whole = read_vat_lines(receipt.document["vat_lines"])
    return receipt, _sum([*whole, *(line for lines in given_back for line in lines)])


def _sum(lines: Sequence[VatLine]) -> list[VatLine]:
    """One line per rate, highest first."""
    sums: dict[Decimal, tuple[int, int]] = {}
    for line in lines:
        net, vat = sums.get(line.rate, (0, 0))
        sums[line.rate] = (net + line.net, vat + line.vat)
    found = [VatLine(rate, *sums[rate]) for rate in sorted(sums, reverse=True)]
    return [line for line in found if line.net or line.vat]


def _credit(
    connection: Connection,
    receipt: _Receipt,
    lines: Sequence[VatLine],
    reason: str,
    now: datetime,
) -> Credited:
    """`lines` are what is given back, positive."""
    back = negated(lines)
    named = {
        "receipt_id": receipt.receipt_id,
        "number": receipt.shown_number,
        "issued_at": receipt.issued_at,
    }
    document = credit_document(receipt.document, back, named, reason)
    operator_id = receipt.document["seller"]["operator_id"]
    amounts = document["totals"]
    row = {
        "operator_id": operator_id,
        "session_id": receipt.session_id,
        "payment_id": receipt.payment_id,
        "cdr_id": receipt.cdr_id,
        **amounts,
        "credits_receipt_id": receipt.receipt_id,
        "reason": reason,
        "document": document,
    }
    (credit_id,) = issue(connection, [row], sellers_of(connection, [operator_id]), now)
    return Credited(credit_id, amounts["net"], amounts["vat"], amounts["gross"], back)


def sessions_to_correct(connection: Connection, since: datetime, count: int) -> list[int]:
    """Sessions begun since then whose energy is no longer their CDR's, at most `count`.

    Without guests' whose energy has grown: theirs stay as they were charged.
    """
    rows = queries.changed_sessions(connection, since=since, count=count, fixed=MAY_ONLY_FALL)
    return [session_id for (session_id,) in rows]


def correct_cdr(
    connection: Connection, session_id: int, reason: str, *, now: datetime
) -> Corrected | None:
    """Price a closed session anew: its readings have changed since.

    The old CDR is credited and a new one written. Less to pay: a credit note over the difference.
    More: the receipt is credited and a new one issued; but never for a guest, whose CDR then stays
    as it is. None: nothing to correct. Raises ClosingError: the session is not closed.
    """
    with connection.transaction():
        old = queries.cdr_to_correct(connection, session_id=session_id)
        if old is None:
            raise ClosingError(f"session {session_id}: it is not closed")
        document = parse(old[7], ClosingError)
        record = _again(connection, session_id, old[1], old[6], document, now)
        same = (record.net, record.vat, record.energy_wh) == (old[3], old[4], old[2])
        channel = document["kilowatch"]["channel"]
        if same or (record.gross > old[5] and channel == MAY_ONLY_FALL):
            return None
        return _correct(connection, old, document, record, reason, now)


def _again(
    connection: Connection,
    session_id: int,
    tariff_hash: str | None,
    currency: str,
    document: Document,
    now: datetime,
) -> Record:
    frozen = frozen_by_hash(connection, tariff_hash) if tariff_hash else None
    facts = one_session(connection, session_id)
    channel = document["kilowatch"]["channel"]
    return record_of(facts, frozen, currency, channel, now)


def _correct(
    connection: Connection,
    old: Sequence[Any],
    document: Document,
    record: Record,
    reason: str,
    now: datetime,
) -> Corrected | None:
    cdr_id, receipt_id = old[0], old[8]
    session_id = record.facts.session_id
    taken_back = {
        **cdr_row(record, now, corrects=cdr_id),
        "document": credit_record(document, cdr_id, now),
        **dict(zip(("net", "vat", "gross"), (-old[3], -old[4], -old[5]), strict=True)),
        "energy_wh": -old[2],
        "is_credit": True,
    }
    credit_id = add_cdrs(connection, [taken_back]).get(session_id)
    if credit_id is None:
        return None  # somebody else has just corrected it
    row = cdr_row(record, now, corrects=credit_id)
    row["document"] = record.document | {"id": f"{session_id}-{credit_id}"}
    new_id = add_cdrs(connection, [row])[session_id]
    less = _sum([*read_vat_lines(document["kilowatch"]["vat_lines"]), *negated(record.vat_lines)])
    credited, issued = None, None
    if receipt_id is not None and gross_of(less):
        credited = _give_back(connection, receipt_id, less, reason, now)
    if gross_of(less) < 0:
        issued = _issue_anew(connection, record, new_id, old[9], now)
    return Corrected(
        new_id, credit_id, record.net, record.vat, record.gross, record.vat_lines, credited, issued
    )


def _give_back(
    connection: Connection,
    receipt_id: int,
    less: Sequence[VatLine],
    reason: str,
    now: datetime,
) -> Credited | None:
    """The difference, or everything when a receipt over more replaces this one; at most what
    earlier credit notes (a goodwill, say) have left."""
    receipt, left = _with_rest(connection, receipt_id)
    gross, rest = gross_of(less), gross_of(left)
    if rest <= 0:
        return None
    lines = left if gross < 0 or gross >= rest else less
    return _credit(connection, receipt, lines, reason, now)


def _issue_anew(
    connection: Connection, record: Record, cdr_id: int, payment_id: int | None, now: datetime
) -> int:
    operator_id = record.facts.about["operator_id"]
    sellers = sellers_of(connection, [operator_id])
    paying = paying_of(connection, [payment_id] if payment_id else []).get(payment_id or 0)
    row = receipt_row(record, sellers[operator_id], paying, payment_id, cdr_id)
    (receipt_id,) = issue(connection, [row], sellers, now)
    return receipt_id
