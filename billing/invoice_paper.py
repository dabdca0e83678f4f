"""A collective invoice as PDF: drawn by the same hand as receipts."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing.costs import ClosingError
from billing.papers import draw
from billing.reading import Document
from billing.sheet import Paper, Row, Sheet, firm
from billing.words import Tongue
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("invoices")
DASH = "\u2013"


class Invoice(NamedTuple):
    """A stored invoice; amounts in minor units."""

    number: str
    month: date
    issued_at: datetime
    due_at: date
    currency: str
    gross: int
    secret: str
    document: Document
    operator_id: int
    payment_details: str | None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.document["time_zone"])


def load_invoice(connection: Connection, invoice_id: int) -> Invoice:
    """Raises ClosingError: there is no such invoice."""
    row = queries.invoice_of(connection, invoice_id=invoice_id)
    if row is None:
        raise ClosingError(f"invoice {invoice_id}: there is none")
    fields = [*row[:7], msgspec.json.decode(row[7]), *row[8:]]
    return Invoice(*fields)


def invoice_name(invoice: Invoice, language: str) -> str:
    """faktura-F2026-00012.pdf"""
    return f"{'faktura' if language == 'sv' else 'invoice'}-{invoice.number}.pdf"


def invoice_pdf(invoice: Invoice, language: str) -> bytes:
    """`language` is sv or en."""
    paper = Paper(
        0, invoice.number, invoice.issued_at, invoice.gross, invoice.currency, 0, invoice.gross, 0,
        invoice.secret, {"kind": "invoice"},
    )  # fmt: skip
    return draw(sheet_of(invoice, language), paper, language)


def sheet_of(invoice: Invoice, language: str) -> Sheet:
    t = Tongue(language, invoice.zone)
    document = invoice.document
    return Sheet(
        title=f"{t.say('invoice')} {invoice.number}",
        issued=t.at(invoice.issued_at, "d MMMM y"),
        total=t.money(invoice.gross, invoice.currency),
        seller=[*firm(t, document["seller"]), *(invoice.payment_details or "").splitlines()],
        session=list(_buyer(t, document["buyer"])),
        head=_head(t, invoice),
        rows=[_line(t, invoice, line) for line in document["lines"]],
        foot=[t.say("to_pay"), "", "", *_amounts(t, invoice, document["totals"])],
        rates=list(_rates(t, invoice)),
        payment=list(_payment(t, invoice)),
        due=(t.say("to_pay"), t.money(invoice.gross, invoice.currency)),
        trace=list(_trace(t, invoice)),
        notes=[t.say("note_invoice")],
        headings={"seller": t.say("seller"), "session": t.say("buyer"), "lines": t.say("lines"),
                  "payment": t.say("payment"), "trace": t.say("invoice"),
                  "per_rate": t.say("per_rate")},
    )  # fmt: skip


def _buyer(t: Tongue, buyer: Document) -> Iterator[Row]:
    yield t.say("name"), buyer["name"]
    for number in ("organisation_number", "vat_number"):
        if buyer[number]:
            label, _, value = t.say(number, buyer[number]).rpartition(" ")
            yield label, value
    if buyer["address"]:
        yield t.say("address"), ", ".join(buyer["address"].splitlines())
    if buyer["reference"]:
        yield t.say("your_reference"), buyer["reference"]


def _head(t: Tongue, invoice: Invoice) -> list[str]:
    names = ("session", "quantity", "receipt", "net", "vat")
    return [*(t.say(name) for name in names), t.say("gross", t.currency(invoice.currency))]


def _line(t: Tongue, invoice: Invoice, line: Document) -> list[str]:
    what = [line["date"], line["site"] or line["code"], line["driver"]]
    energy = t.kwh(line["energy_wh"]) if line["energy_wh"] else DASH
    said = " ".join(part for part in what if part)
    return [said, energy, line["number"], *_amounts(t, invoice, line)]


def _amounts(t: Tongue, invoice: Invoice, line: Document) -> list[str]:
    return [t.amount(line[column], invoice.currency) for column in ("net", "vat", "gross")]


def _rates(t: Tongue, invoice: Invoice) -> Iterator[list[str]]:
    for line in invoice.document["vat_lines"]:
        rate = t.say("vat_rate", t.percent(Decimal(line["rate"])))
        yield [rate, "", "", *_amounts(t, invoice, line)]


def _payment(t: Tongue, invoice: Invoice) -> Iterator[Row]:
    yield t.say("pay_by"), invoice.due_at.isoformat()
    yield t.say("quote"), invoice.number


def _trace(t: Tongue, invoice: Invoice) -> Iterator[Row]:
    yield t.say("month"), month_of(t, invoice.month)
    yield t.say("sessions"), str(len(invoice.document["lines"]))


def month_of(t: Tongue, month: date) -> str:
    """november 2026"""
    noon = datetime(month.year, month.month, 15, 12, tzinfo=t.zone)
    return t.at(noon, "MMMM y")
