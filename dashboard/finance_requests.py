"""What finance asks for: refunds, mails, files, months to close, decisions. All are rows.

Nothing here moves money: billing picks the rows up. Each is written together with its line in the
audit log, both or neither.
"""

from datetime import date
from typing import Any

from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard.books import queries
from dashboard.data import Row, deps


def ask_refund(payment_id: int, kind: str, amount: int | None, reason: str, form_key: str) -> str:
    """Ask for money back; "" when it is asked for, else why not.

    `amount` None: all that remains. The payment's row is locked meanwhile, so that two people can
    never ask for more than was charged; the same form sent twice asks once.
    """
    with deps().transaction() as connection:
        queries.lock_payment(connection, payment_id=payment_id)
        row = queries.refundable(connection, payment_id=payment_id)
        if row is None or row["remaining"] <= 0:
            return "nothing_left"
        wanted = row["remaining"] if amount is None else amount
        if not 0 < wanted <= row["remaining"]:
            return "too_much"
        asked = queries.ask_refund(
            connection, payment_id=payment_id, kind=kind, amount=wanted, reason=reason,
            requested_by=current_user.email, form_key=form_key,
        )  # fmt: skip
        if asked:
            detail = {"kind": kind, "amount": wanted, "reason": reason}
            _audit(connection, "ask_refund", f"payment {row['reference']}", detail)
    return ""


def ask_mail(receipt: Row, recipient: str, language: str, form_key: str) -> None:
    """Send a receipt once more; `receipt` holds receipt_id and shown_number."""
    with deps().transaction() as connection:
        asked = queries.ask_mail(
            connection, recipient=recipient, kind="receipt", language=language, key=form_key,
            parameters=Jsonb({"receipt_id": receipt["receipt_id"]}),
        )  # fmt: skip
        if asked:
            subject = f"receipt {receipt['shown_number']}"
            _audit(connection, "send_receipt", subject, {"recipient": recipient})


def ask_file(kind: str, parameters: dict[str, Any]) -> int:
    """Have a file made; its file_request_id."""
    with deps().transaction() as connection:
        file_id: int = queries.ask_file(
            connection, kind=kind, parameters=Jsonb(parameters), requested_by=current_user.email
        )
        _audit(connection, "ask_file", kind, parameters)
    return file_id


def file_state(file_id: int) -> Row | None:
    with deps().connection() as connection:
        row: Row | None = queries.file_state(
            connection, file_id=file_id, requested_by=current_user.email
        )
    return row


def read_file(file_id: int) -> Row | None:
    """A finished file of the signed-in person: kind, file_name, media_type, content."""
    with deps().connection() as connection:
        row: Row | None = queries.file(connection, file_id=file_id, requested_by=current_user.email)
    return row


def ask_to_close(operator_id: int, month: date) -> bool:
    """Have a month closed; False when it was asked for already."""
    with deps().transaction() as connection:
        asked = queries.ask_to_close(
            connection, operator_id=operator_id, month=month, requested_by=current_user.email
        )
        if asked:
            subject = f"operator {operator_id}, {month:%Y-%m}"
            _audit(connection, "ask_to_close", subject, {})
    return asked is not None


def take_item(item_id: int) -> bool:
    """The signed-in person takes an open review item; False when it was theirs or is over."""
    with deps().transaction() as connection:
        taken = queries.take_item(connection, item_id=item_id, owner=current_user.name)
        if taken:
            _audit(connection, "take_review_item", f"review item {item_id}", {})
    return taken is not None


def resolve_item(item_id: int, note: str, decision: str | None) -> bool:
    """An open review item is decided; False when somebody was quicker."""
    with deps().transaction() as connection:
        done = queries.resolve_item(
            connection, item_id=item_id, by=current_user.email, note=note, decision=decision
        )
        if done:
            detail = {"note": note, "decision": decision}
            _audit(connection, "resolve_review_item", f"review item {item_id}", detail)
    return done is not None


def _audit(connection: Any, action: str, subject: str, detail: dict[str, Any]) -> None:
    queries.audit(
        connection, actor=current_user.email, action=action, subject=subject, detail=Jsonb(detail)
    )
