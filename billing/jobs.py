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
from billing.mails import base_url, send_due
from billing.months import close_due
from billing.reconcile import reconcile
from billing.repricing import price_again
from billing.statements import month_papers
from billing.worker import Worker
from sql.database import Connection
from sql.jobs import Job
from sql.settings import Settings

Work = Callable[..., object]


def _now(work: Work, *more: object) -> Callable[[Connection], None]:
    """The work as of the instant it begins."""

    def run(connection: Connection) -> None:
        work(connection, *more, datetime.now(UTC))

    return run


def make_worker(settings: Settings, dsn: str) -> Worker:
    """The worker of this installation, not yet running."""
    context = Context(base_url(settings))
    others: dict[str, Callable[[Connection], object]] = {
        "mail": _now(send_due, settings),
        "file_request": _now(make_due),
        "session_ended": _now(take_ended),
        "card_setup": _now(cards.request_due, context.public_url),
        "period_close": _now(partial(close_due, price=price_again)),
        "invoice_payment": _now(book_noted),
    }
    return Worker(dsn, Gateway(settings), context, others)


def jobs_of(settings: Settings) -> tuple[Job, ...]:
    """Among them: what Stripe says against what is booked, and the invariants, every hour."""
    always = (
        Job("corrections", 60, _now(correct_due)),
        Job("month_papers", 3600, _now(month_papers)),
        Job("forget", 24 * 3600, _now(forget)),
    )
    if not settings.stripe_api_key:
        return always
    work = partial(reconcile, price=price_again)
    return (*always, Job("reconcile", 3600, _now(work, Gateway(settings))))
