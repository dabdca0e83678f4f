"""The books' part of `audit`, and `close-month`; see `billing/cli.py` for click's `obj`."""

import sys
from datetime import UTC, date, datetime

import click

from billing import BillingError
from billing.checks import Result
from billing.cli import Opened, fail
from sql.database import Connection

BY = "command line"


def audit_books(connection: Connection, month: date | None) -> bool:
    """Check the books against receipts, sessions and Stripe, a line per check; whether all agree.

    With `month` (its first day) only what began in it.
    """
    from billing.checks import run_checks
    from billing.repricing import price_again

    results = run_checks(connection, datetime.now(UTC), month, price=price_again)
    for result in results:
        _print(result)
    return all(result.ok for result in results)


def _print(result: Result) -> None:
    verdict = "ok" if result.ok else "DIFFERS"
    click.echo(f"{verdict}\t{result.name}\tchecked {result.checked}")
    for one in result.found:
        amount = f"\t{one.amount} {one.currency}" if one.currency else ""
        click.echo(f"\t{one.subject}{amount}\t{one.evidence}")


@click.command("close-month")
@click.argument("month", metavar="YYYY-MM")
@click.option("--operator", metavar="NUMBER|NAME", help="The first operator if left out.")
@click.pass_obj
def close_month_command(opened: Opened, /, month: str, operator: str | None) -> None:
    """Close a month of the books for good: it takes no more bookings."""
    from billing.assignment import find_place
    from billing.months import close_month
    from billing.repricing import price_again

    wanted = _month(month)
    with opened() as connection:
        try:
            place = find_place(connection, "operator", operator)
            close_month(connection, place.operator_id, wanted, BY, datetime.now(UTC), price_again)
        except BillingError as error:
            click.echo(f"kilowatch: {error}", err=True)
            sys.exit(1)
    click.echo(f"{place.name}: {month} is closed")


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        fail(f"expected a month such as 2026-06, got {text}")
