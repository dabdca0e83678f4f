"""What is kept for a while only: webhooks that were looked into, mails that were sent, and the
addresses of guests. The books, receipts and CDRs stay."""

from datetime import datetime, timedelta

from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("payments")

EVENTS_KEPT = timedelta(days=90)
ADDRESSES_KEPT = timedelta(days=400)  # a refund's credit note goes where the receipt went


def forget(connection: Connection, now: datetime) -> None:
    """May be run at any time, any number of times."""
    queries.forget_events(connection, before=now - EVENTS_KEPT)
    queries.forget_mails(connection, before=now - ADDRESSES_KEPT)
    queries.forget_addresses(connection, before=now - ADDRESSES_KEPT)
    queries.forget_answers(connection, before=now - ADDRESSES_KEPT)
