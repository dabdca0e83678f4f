"""Collective invoices: what a company's drivers charged in a month, one invoice per month.

Its lines are receipts and credit notes, each on one invoice only; what comes after the month is
over stands on the next. Per line the debt moves from account 1510 to 1512.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing import ledger, postings
from billing.issuing import new_secret
from billing.mails import queue_mail
from billing.reading import ENCODER, Document
from billing.receipts import read_vat_lines, totals, vat_document
from billing.vat import VatLine
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("invoices")
BUYER = ("name", "organisation_number", "vat_number", "address", "reference")


class Company(NamedTuple):
    """Who is billed; `month` is the month that is over, its first day."""

    company_id: int
    operator_id: int
    name: str
    organisation_number: str | None
    vat_number: str | None
    address: str | None
    reference: str | None
    email: str
    language: str
    payment_days: int
    month: date
    time_zone: str


class Line(NamedTuple):
    """A receipt or credit note that is on no invoice yet; amounts in minor units."""

    receipt_id: int
    payment_id: int
    number: str
    gross: int
    document: str
    energy_wh: int
    who: str
    operator_id: int
    site_id: int | None
    station_id: str
    session_id: int | None
    cdr_id: int | None


def issue_due(connection: Connection, now: datetime) -> list[int]:
    """The invoices of the month before this one that are not there yet; their ids."""
    issued = []
    for company_id, currency in queries.companies_to_invoice(connection, at=now):
        with connection.transaction():
            issued.append(_issue(connection, company_id, currency, now))
    return [one for one in issued if one is not None]


def _issue(connection: Connection, company_id: int, currency: str, now: datetime) -> int | None:
    """None: another worker was quicker, or more is given back than was bought."""
    company = Company(*queries.lock_company(connection, company_id=company_id, at=now))
    rows = queries.lines_to_invoice(
        connection, company_id=company_id, currency=currency, month=company.month
    )
    lines = [Line(*row) for row in rows]
    if sum(line.gross for line in lines) <= 0:
        return None
    invoice_id = _store(connection, company, lines, currency, now)
    queries.add_lines(
        connection, invoice_id=invoice_id, receipt_ids=[line.receipt_id for line in lines]
    )
    _book(connection, lines, currency, str(invoice_id), now)
    queue_mail(connection, company.email, "invoice", company.language, {"invoice_id": invoice_id},
               f"invoice:{invoice_id}")  # fmt: skip
    return invoice_id


def _store(
    connection: Connection, company: Company, lines: Sequence[Line], currency: str, now: datetime
) -> int:
    local = now.astimezone(ZoneInfo(company.time_zone))
    document = _document(company, lines, currency)
    series = _series(company.operator_id, local.year)
    number = queries.take_number(connection, series=series, operator_id=company.operator_id)
    amounts = document["totals"]
    return int(
        queries.add_invoice(
            connection, company_id=company.company_id, series=series, number=number,
            month=company.month, at=now, currency=currency, net=amounts["net"],
            due_at=local.date() + timedelta(days=company.payment_days), vat=amounts["vat"],
            gross=amounts["gross"], document=ENCODER.encode(document).decode(),
            secret=new_secret(),
        )
    )  # fmt: skip


def _series(operator_id: int, year: int) -> str:
    """One series per operator and year: F2026, or F7-2026 for operator 7."""
    return f"F{year}" if operator_id == 1 else f"F{operator_id}-{year}"


def _document(company: Company, lines: Sequence[Line], currency: str) -> Document:
    """Everything the invoice shows: the seller as its receipts name it."""
    papers = [msgspec.json.decode(line.document) for line in lines]
    sums: dict[Decimal, tuple[int, int]] = {}
    for paper in papers:
        for one in read_vat_lines(paper["vat_lines"]):
            net, vat = sums.get(one.rate, (0, 0))
            sums[one.rate] = (net + one.net, vat + one.vat)
    vat_lines = [VatLine(rate, *sums[rate]) for rate in sorted(sums, reverse=True)]
    buyer = {name: getattr(company, name) for name in BUYER}
    return {
        "version": 1,
        "kind": "invoice",
        "seller": papers[-1]["seller"],
        "buyer": buyer,
        "time_zone": company.time_zone,
        "lines": [_line(line, paper) for line, paper in zip(lines, papers, strict=True)],
        "vat_lines": vat_document(vat_lines),
        "totals": totals(vat_lines, currency),
    }


def _line(line: Line, paper: Document) -> Document:
    session, amounts = paper["session"], paper["totals"]
    return {
        "number": line.number,
        "date": session["started_local"][:10],
        "site": session["site"],
        "code": session["code"] or session["evse"],
        "driver": line.who,
        "energy_wh": line.energy_wh,
        "net": amounts["net"],
        "vat": amounts["vat"],
        "gross": amounts["gross"],
    }


def _book(
    connection: Connection, lines: Sequence[Line], currency: str, invoice: str, now: datetime
) -> None:
    accounts = ledger.accounts_of(connection)
    found = [
        postings.invoiced(
            f"invoiced:{line.receipt_id}", about(line, invoice), line.gross, currency, accounts
        )
        for line in lines
    ]
    ledger.book_all(connection, found, now)


def about(line: Line, invoice: str) -> postings.About:
    return postings.About(
        line.operator_id, line.site_id, line.station_id, "company", line.session_id,
        line.payment_id, line.cdr_id, line.receipt_id, f"invoice {invoice}",
    )  # fmt: skip
