"""One session or payment from the meter to the bank: every row that tells of it, as it stands."""

from dataclasses import dataclass, field
from typing import Any

from dashboard import doubts
from dashboard.books import queries
from dashboard.data import Row, deps


@dataclass(frozen=True)
class Trail:
    """All that is known of one session or payment, in the order the money goes."""

    payment: Row | None
    session: Row | None
    cdrs: list[Row] = field(default_factory=list)
    receipts: list[Row] = field(default_factory=list)
    bookings: list[Row] = field(default_factory=list)
    balance: list[Row] = field(default_factory=list)
    payouts: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    refunds: list[Row] = field(default_factory=list)
    disputes: list[Row] = field(default_factory=list)
    reviews: list[Row] = field(default_factory=list)
    mails: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)

    @property
    def receipt(self) -> Row | None:
        """The session's receipt; credit notes stand beside it."""
        return next((row for row in self.receipts if row["credits_receipt_id"] is None), None)

    @property
    def remaining(self) -> int:
        """What may still be given back of what was charged."""
        if self.payment is None:
            return 0
        asked = (row["amount"] for row in self.refunds if row["status"] in ("requested", "sent"))
        return int(self.payment["captured"] - self.payment["refunded"] - sum(asked))

    @property
    def currency(self) -> str:
        known = [row["currency"] for row in (self.payment, self.receipt, self.session) if row]
        return next((name for name in known if name), "SEK")


def read_trail(reference: str = "", session_id: int | None = None) -> Trail | None:
    """By the payment's reference or the session's id; None when there is neither."""
    with deps().connection() as connection:
        if reference:
            payment = queries.payment_by_reference(connection, reference=reference)
        else:
            payment = queries.payment_of_session(connection, session_id=session_id)
        session_id = payment["session_id"] if payment else session_id
        session = queries.session(connection, session_id=session_id)
        if payment is None and session is None:
            return None
        return _trail(connection, payment, session)


def _trail(connection: Any, payment: Row | None, session: Row | None) -> Trail:
    of_payment = {"payment_id": payment["payment_id"] if payment else None}
    of_session = {"session_id": session["session_id"] if session else None}
    both = of_payment | of_session
    receipts = queries.receipts_of(connection, **both)
    numbers = [str(row["receipt_id"]) for row in receipts]
    return Trail(
        payment,
        session,
        queries.cdrs(connection, **of_session),
        receipts,
        queries.bookings_of(connection, **both),
        queries.balance_of(connection, **of_payment),
        queries.payouts_of(connection, **of_payment),
        queries.events_of(connection, **of_payment),
        queries.refunds_of(connection, **of_payment),
        queries.disputes_of(connection, **of_payment),
        queries.reviews_of(connection, **both),
        queries.mails_of(connection, receipt_ids=numbers),
        doubts.decisions(connection, session["session_id"]) if session else [],
    )
