"""What staff do with drivers and companies: add them, hand out tags, note what was paid."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import psycopg

from billing import BillingError
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("people_paying")
BY = "command line"


class PeopleError(BillingError):
    """There is no such driver, company or invoice, or it can't be; the message says which."""


def put_driver(
    connection: Connection, email: str, name: str | None, company: str | None, language: str,
    now: datetime,
) -> int:  # fmt: skip
    """Add a driver or change name and company (what is None stays). Raises PeopleError."""
    company_id = find_company(connection, company) if company else None
    try:
        return int(
            queries.put_driver(
                connection, email=email.strip(), name=name, company_id=company_id,
                language=language, at=now,
            )
        )  # fmt: skip
    except psycopg.errors.CheckViolation:
        raise PeopleError(f"{email}: expected an e-mail address, and a name up to 100") from None


def find_company(connection: Connection, name: str) -> int:
    """By number or name. Raises PeopleError: there is none."""
    company_id = queries.company_by_name(connection, name=name)
    if company_id is None:
        raise PeopleError(f"no company is called {name}; see: python app.py company list")
    return int(company_id)


def give_tag(
    connection: Connection, email: str, id_token: str, label: str | None, now: datetime
) -> None:
    """Raises PeopleError: no such driver, or the tag is somebody's already."""
    driver_id = queries.driver_by_email(connection, email=email.strip())
    if driver_id is None:
        raise PeopleError(f"no driver has the address {email}; see: python app.py driver list")
    _give(connection, id_token, label, now, driver_id=driver_id, company_id=None)


def give_company_tag(
    connection: Connection, name: str, id_token: str, label: str | None, now: datetime
) -> None:
    """Raises PeopleError: no such company, or the tag is somebody's already."""
    company_id = find_company(connection, name)
    _give(connection, id_token, label, now, driver_id=None, company_id=company_id)


def _give(
    connection: Connection, id_token: str, label: str | None, now: datetime, **whose: int | None
) -> None:
    try:
        given = queries.give_tag(connection, id_token=id_token, label=label, at=now, **whose)
    except psycopg.errors.CheckViolation:
        raise PeopleError("expected a tag of 1 to 255 characters, a label up to 40") from None
    if not given:
        raise PeopleError(f"{id_token} belongs to somebody already")


def put_company(connection: Connection, name: str, given: dict[str, Any], now: datetime) -> int:
    """`given`: email, organisation_number, vat_number, address, reference, language, payment_days.

    Raises PeopleError.
    """
    try:
        return int(queries.put_company(connection, name=name, at=now, **given))
    except psycopg.errors.CheckViolation:
        raise PeopleError(f"{given['email']}: expected an e-mail address") from None


def list_drivers(connection: Connection) -> list[Any]:
    """(number, address, name, company, card, tags, sum due in minor units)."""
    return list(queries.list_drivers(connection))


def list_companies(connection: Connection) -> list[Any]:
    """(number, name, address of invoices, drivers, sum of unpaid invoices in minor units)."""
    return list(queries.list_companies(connection))


def list_invoices(connection: Connection, company: str | None) -> list[Any]:
    """(number, company, month, due date, currency, gross, paid), newest first."""
    company_id = find_company(connection, company) if company else None
    return list(queries.list_invoices(connection, company_id=company_id))


def note_paid(
    connection: Connection, number: str, minor: Callable[[str], int], day: date, now: datetime
) -> str:
    """`minor` turns the amount into the invoice's currency. Raises PeopleError."""
    row = queries.invoice_by_number(connection, number=number)
    if row is None:
        raise PeopleError(f"no invoice {number}; see: python app.py company invoices")
    invoice_id, currency, due = row
    amount = minor(currency)
    if amount > due:
        raise PeopleError(f"invoice {number}: {due} minor units of {currency} are due")
    queries.note_invoice_payment(
        connection, invoice_id=invoice_id, amount=amount, paid_at=day, noted_by=BY, at=now
    )
    return f"{amount} minor units of {currency} noted, {due - amount} stay due"
