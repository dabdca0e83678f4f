"""Close a month of the books: from then on it takes no more bookings, and never opens again."""

from datetime import date, datetime

from billing.checks import Price, run_checks
from billing.ledger import LedgerError
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("ledger")


def close_month(
    connection: Connection,
    operator_id: int,
    month: date,
    by: str,
    now: datetime,
    price: Price | None = None,
) -> None:
    """Close it for good, with an entry in the audit log; closing it again changes nothing.

    Raises LedgerError that names what stands in the way: the month is not over, a check of it
    fails, or review items from before its end are open.
    """
    first = month.replace(day=1)
    state = queries.month_state(connection, operator_id=operator_id, month=first)
    if state is None:
        raise LedgerError(f"operator {operator_id}: there is none")
    _, ends, closed_by, _ = state
    if closed_by is not None:
        return
    if ends > now:
        raise LedgerError(f"{first:%Y-%m} is not over yet")
    failed = [each.name for each in run_checks(connection, now, first, price=price) if not each.ok]
    if failed:
        raise LedgerError(f"{first:%Y-%m} can't be closed, checks fail: {', '.join(failed)}")
    _close(connection, operator_id, first, by, now)


def _close(connection: Connection, operator_id: int, month: date, by: str, now: datetime) -> None:
    whose = {"operator_id": operator_id, "month": month}
    with connection.transaction():
        closed = queries.close_month(connection, **whose, by=by, at=now)
        open_items = queries.month_state(connection, **whose)[3]
        if open_items:
            raise LedgerError(f"{month:%Y-%m} can't be closed, review items are open: {open_items}")
        if closed:
            queries.note_closed(connection, **whose, by=by, at=now)


def close_due(connection: Connection, now: datetime, price: Price | None = None) -> int:
    """Do what `period_close_request` asks for, oldest first; how many were answered."""
    answered = 0
    while _answer_one(connection, now, price):
        answered += 1
    return answered


def _answer_one(connection: Connection, now: datetime, price: Price | None) -> bool:
    with connection.transaction():
        asked = queries.asked_to_close(connection)
        if asked is None:
            return False
        number, operator_id, month, by = asked
        status, outcome = "done", None
        try:
            close_month(connection, operator_id, month, by, now, price)
        except LedgerError as error:
            status, outcome = "refused", str(error)
        queries.answer_close(
            connection, period_close_request_id=number, status=status, outcome=outcome, at=now
        )
    return True
