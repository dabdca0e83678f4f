"""The papers of a month that is over: statements of drivers, collective invoices of companies."""

from datetime import datetime, timedelta

from billing.invoices import issue_due
from billing.mails import queue_mail
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("invoices")
# a receipt that was begun before midnight may be there a moment after it
GRACE = timedelta(hours=2)


def month_papers(connection: Connection, now: datetime) -> None:
    """Whatever is not there yet; may be called at any time, any number of times."""
    make_statements(connection, now - GRACE)
    issue_due(connection, now)


def make_statements(connection: Connection, now: datetime) -> int:
    """A statement and a mail for every driver with receipts in the month that is over."""
    with connection.transaction():
        month = queries.month_over(connection, at=now)
        new = queries.add_statements(connection, month=month, at=now)
        for statement_id, email, language, currency, energy_wh, gross in new:
            if email is None:
                continue
            about = {
                "path": f"/my/statement/{statement_id}",
                "month": f"{month:%Y-%m}",
                "energy_wh": energy_wh,
                "amount": gross,
                "currency": currency,
            }
            queue_mail(connection, email, "statement", language, about, f"statement:{statement_id}")
    return len(new)
