"""`driver ...` and `company ...` for the command line: who is registered, who pays.

The database is opened through the callable that the program puts into click's `obj`, as in
billing/cli.py.
"""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from billing.cli import Opened, fail
from billing.money import minor_unit

MONEY = "Amount in whole units, for example 1234.50."


@click.group()
def driver() -> None:
    """Registered drivers: list them, let a company pay for them, block and unblock."""


@driver.command("add")
@click.argument("email")
@click.option("--name", help="As shown on the company's invoice.")
@click.option("--company", help="Number or name of the company that pays.")
@click.option("--language", type=click.Choice(["sv", "en"]), default="sv", show_default=True)
@click.pass_obj
def driver_add(
    opened: Opened, /, email: str, name: str | None, company: str | None, language: str
) -> None:
    """Add a driver, or change name and company; they sign in with a link by e-mail."""
    from billing.people import PeopleError, put_driver

    with opened() as connection:
        try:
            driver_id = put_driver(connection, email, name, company, language, _now())
        except PeopleError as error:
            fail(error)
    click.echo(f"{email}: driver {driver_id}")


@driver.command("tag")
@click.argument("email")
@click.argument("id_token", metavar="TAG")
@click.option("--label", help="What the driver calls it.")
@click.pass_obj
def driver_tag(opened: Opened, /, email: str, id_token: str, label: str | None) -> None:
    """Give a tag to a driver; a new number is accepted at the same time."""
    from billing.people import PeopleError, give_tag

    with opened() as connection:
        try:
            give_tag(connection, email, id_token, label, _now())
        except PeopleError as error:
            fail(error)
    click.echo(f"{id_token}: {email}")


@driver.command("list")
@click.pass_obj
def driver_list(opened: Opened, /) -> None:
    """List drivers: number, address, name, company, card, tags, what they owe."""
    from billing.people import list_drivers

    with opened() as connection:
        _table(list_drivers(connection))


@click.group()
def company() -> None:
    """Companies that pay by collective invoice: add them, list invoices, note what they paid."""


@company.command("add")
@click.argument("name")
@click.option("--email", required=True, help="Where invoices go.")
@click.option("--organisation-number")
@click.option("--vat-number")
@click.option("--address", help="Lines are separated by a semicolon.")
@click.option("--reference", help="Theirs, printed on the invoice.")
@click.option("--language", type=click.Choice(["sv", "en"]), default="sv", show_default=True)
@click.option("--payment-days", type=click.IntRange(0, 365), default=30, show_default=True)
@click.pass_obj
def company_add(opened: Opened, /, name: str, **given: Any) -> None:
    """Add a company, or change what its invoices say."""
    from billing.people import PeopleError, put_company

    given["address"] = "\n".join(
        part.strip() for part in (given["address"] or "").split(";") if part.strip()
    ) or None  # fmt: skip
    with opened() as connection:
        try:
            company_id = put_company(connection, name, given, _now())
        except PeopleError as error:
            fail(error)
    click.echo(f"{name}: company {company_id}")


@company.command("tag")
@click.argument("name", metavar="COMPANY")
@click.argument("id_token", metavar="TAG")
@click.option("--label", help="For example a car's number.")
@click.pass_obj
def company_tag(opened: Opened, /, name: str, id_token: str, label: str | None) -> None:
    """Give a tag to a company itself: for cars that several people drive."""
    from billing.people import PeopleError, give_company_tag

    with opened() as connection:
        try:
            give_company_tag(connection, name, id_token, label, _now())
        except PeopleError as error:
            fail(error)
    click.echo(f"{id_token}: {name}")


@company.command("list")
@click.pass_obj
def company_list(opened: Opened, /) -> None:
    """List companies: number, name, invoice address, drivers, what is due."""
    from billing.people import list_companies

    with opened() as connection:
        _table(list_companies(connection))


@company.command("invoices")
@click.argument("name", metavar="COMPANY", required=False)
@click.pass_obj
def company_invoices(opened: Opened, /, name: str | None) -> None:
    """List invoices: number, company, month, due date, currency, total and paid."""
    from billing.people import PeopleError, list_invoices

    with opened() as connection:
        try:
            _table(list_invoices(connection, name))
        except PeopleError as error:
            fail(error)


@company.command("paid")
@click.argument("number", metavar="INVOICE")
@click.argument("amount", metavar="AMOUNT")
@click.option("--on", "paid_on", metavar="DATE", help="Day it came to the bank; today if left out.")
@click.pass_obj
def company_paid(opened: Opened, /, number: str, amount: str, paid_on: str | None) -> None:
    """Note money that came to the bank for an invoice; the billing worker books it."""
    from billing.people import PeopleError, note_paid

    try:
        day = date.fromisoformat(paid_on) if paid_on else _now().date()
        units = Decimal(amount)
    except (ValueError, InvalidOperation):
        fail(f"expected an amount such as 1234.50 and a date such as 2026-11-22, got {amount}")
    with opened() as connection:
        try:
            noted = note_paid(connection, number, lambda code: _minor(units, code), day, _now())
        except PeopleError as error:
            fail(error)
    click.echo(f"{number}: {noted}")


def _minor(units: Decimal, currency: str) -> int:
    exact = units.scaleb(minor_unit(currency))
    if exact != exact.to_integral_value() or exact <= 0:
        fail(f"expected a positive amount that {currency} has, got {units}")
    return int(exact)


def _table(rows: list[Any]) -> None:
    for row in rows:
        click.echo("\t".join("-" if cell is None else str(cell) for cell in row))


def _now() -> datetime:
    return datetime.now(UTC)
