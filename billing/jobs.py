"""The billing part's own process-mates: the worker, and the work that recurs."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from billing import cards
from billing.corrections import correct_due
from billing.effects import Context
from billing.ended import take_ended
from billing.files import make_due
from billing.forgetting import forget
from billing.gateway import Gateway
from billing.invoice_payments import book_noted
from billing.mails import send_due
from billing.months import close_due
from billing.reconcile import reconcile
from billing.repricing import price_again
from billing.statements import month_papers
from billing.worker import Worker
from sql.database import Connection
from sql.jobs import Job
from sql.settings import Settings


def public_url(settings: Settings) -> str:
    """Where drivers' browsers find us, without a slash at the end."""
    given = settings.public_url or f"http://{settings.web_host}:{settings.web_port}"
    return given.rstrip("/")


def make_worker(settings: Settings, dsn: str) -> Worker:
    """The worker of this installation, not yet running."""
    context = Context(public_url(settings))
    others: dict[str, Callable[[Connection], object]] = {
        "mail": lambda connection: send_due(connection, settings, datetime.now(UTC)),
        "file_request": lambda connection: make_due(connection, datetime.now(UTC)),
        "session_ended": lambda connection: take_ended(connection, datetime.now(UTC)),
        "card_setup": lambda connection: cards.request_due(
            connection, context.public_url, datetime.now(UTC)
        ),
        "period_close": lambda connection: close_due(connection, datetime.now(UTC), price_again),
        "invoice_payment": lambda connection: book_noted(connection, datetime.now(UTC)),
    }
    return Worker(dsn, Gateway(settings), context, others)


def jobs_of(settings: Settings) -> tuple[Job, ...]:
    """Among them: what Stripe says against what is booked, and the invariants, every hour."""
    always = (
        Job("corrections", 60, _correct),
        Job("month_papers", 3600, _month_papers),
        Job("forget", 24 * 3600, _forget),
    )
    if not settings.stripe_api_key:
        return always
    return (*always, Job("reconcile", 3600, partial(_reconcile, settings)))


def _correct(connection: Connection) -> None:
    correct_due(connection, datetime.now(UTC))


def _forget(connection: Connection) -> None:
    forget(connection, datetime.now(UTC))


def _month_papers(connection: Connection) -> None:
    month_papers(connection, datetime.now(UTC))


def _reconcile(settings: Settings, connection: Connection) -> None:
    reconcile(connection, Gateway(settings), datetime.now(UTC), price_again)
