"""What each kind of mail says: one letter per kind, drawn as HTML and as plain text.

A new kind of mail is a function here, added to LETTERS; its parameters are those it was queued
with.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, Template
from msgspec import Struct

from billing import BillingError
from billing.alarms import told
from billing.invoice_paper import invoice_name, invoice_pdf, load_invoice, month_of
from billing.issuing import sellers_of
from billing.papers import file_name, load_paper, pdf_of
from billing.reading import Document
from billing.receipts import Seller
from billing.sheet import Paper, Row, card_of, instant, sheet_of
from billing.words import Tongue
from sql.database import Connection

TEMPLATES = Path(__file__).parent / "templates"


class LetterError(BillingError):
    """A mail can't be written; the message says what is missing."""


class Letter(Struct, frozen=True):
    """A mail before it has an address; `files` are (name, content) of PDFs."""

    subject: str
    language: str
    sender: str
    title: str
    reply_to: str | None = None
    preview: str = ""
    badge: str = ""
    subtitle: str = ""
    total: str = ""
    rows: tuple[Row, ...] = ()
    texts: tuple[str, ...] = ()
    link: str = ""
    button: str = ""
    note: str = ""
    footer: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()


class Mail(Struct, frozen=True):
    """A row of `mail` and where drivers' pages are."""

    mail_id: int
    recipient: str
    kind: str
    language: str
    parameters: dict[str, Any]
    base_url: str


def letter_of(connection: Connection, mail: Mail) -> Letter:
    """Raises LetterError or another BillingError: it can't be written as it was asked for."""
    write = LETTERS.get(mail.kind)
    if write is None:
        raise LetterError(f"mails of kind {mail.kind} are not known")
    try:
        return write(connection, mail)
    except (KeyError, TypeError, ValueError) as error:
        raise LetterError(f"parameters of the {mail.kind} mail: {error!r}") from None


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template(
        "mail.html"
    )


def html_of(letter: Letter) -> str:
    return _template().render(letter=letter)


def text_of(letter: Letter) -> str:
    """The same without looks."""
    head = [letter.sender, "", " ".join(each for each in (letter.title, letter.badge) if each)]
    body = [each for each in (letter.subtitle, letter.total) if each]
    rows = [f"{label}: {value}" for label, value in letter.rows]
    link = f"{letter.button}: {letter.link}" if letter.link else ""
    parts = ["\n".join([*head, *body]), "\n".join(rows), *letter.texts, link, letter.note]
    return "\n\n".join(part for part in [*parts, "--\n" + "\n".join(letter.footer)] if part) + "\n"


# -- receipts and credit notes --------------------------------------------------------------------


def receipt(connection: Connection, mail: Mail) -> Letter:
    """Parameters: receipt_id. Serves credit notes as well."""
    paper = load_paper(connection, int(mail.parameters["receipt_id"]))
    t = Tongue(mail.language, paper.zone)
    seller, session = paper.document["seller"], paper.document["session"]
    word, total = t.say(paper.kind), t.money(abs(paper.gross), paper.currency)
    where = session["site"] or session["evse"]
    return Letter(
        subject=t.say("mail_receipt_subject", word, paper.shown_number, total, where),
        language=mail.language,
        sender=seller["name"],
        reply_to=seller["email"],
        preview=t.say("mail_receipt_preview", total, t.kwh(session["energy_wh"])),
        title=t.say("mail_credited") if paper.is_credit else f"✓\u00a0{t.say('mail_done')}",
        badge=session["code"] or session["evse"],
        subtitle=_when(t, session, where),
        total=total,
        rows=tuple(_rows(t, paper)),
        texts=tuple(_money_texts(t, paper)),
        link=f"{mail.base_url}/receipt/{paper.secret}",
        button=t.say("mail_see"),
        note=_note(t, paper, word),
        footer=_footer(t, paper.document, t.say("mail_why")),
        files=((file_name(paper, mail.language), pdf_of(paper, mail.language)),),
    )


def _when(t: Tongue, session: Document, where: str) -> str:
    start, end = instant(session["started_at"]), instant(session["ended_at"])
    return f"{where}, {t.at(start, 'd MMMM y')}, {t.clock(start)}\u2013{t.clock(end)}"


def _rows(t: Tongue, paper: Paper) -> list[Row]:
    sheet = sheet_of(paper, t.language)
    rows = [] if paper.is_credit else [sheet.session[-1]]
    for (what, *_, net, vat, _), line in zip(sheet.rows, paper.document["lines"], strict=True):
        label = t.say("mail_line", what, net, vat)
        rows.append((label, t.money(line["gross"], paper.currency)))
    vat = t.money(paper.document["totals"]["vat"], paper.currency)
    rate = sheet.head[4].removeprefix(t.say("vat")).strip()
    rows.append((t.say("mail_vat_of_it", rate).strip(), vat))
    if paper.paid > 0:
        how = card_of(paper)
        label = t.say("mail_paid_with", how) if how else t.say("paid")
        rows.append((label, t.money(paper.paid, paper.currency)))
    if paper.due > 0:
        rows.append(sheet.due)
    return rows


def _money_texts(t: Tongue, paper: Paper) -> list[str]:
    """What became of the rest of the hold: only what has happened."""
    if paper.is_credit:
        return [
            f"{t.say('reason')}: {paper.document['reason']}.",
            t.say("mail_given_back", t.money(-paper.gross, paper.currency)),
        ]
    rest = paper.hold - paper.captured
    if not paper.captured_at or rest <= 0:
        return []
    amounts = t.money(paper.hold, paper.currency), t.money(rest, paper.currency)
    return [t.say("mail_held", *amounts, t.clock(paper.captured_at))]


def _note(t: Tongue, paper: Paper, word: str) -> str:
    reference = paper.reference or paper.document["trace"]["payment_reference"]
    said = t.say("mail_attached", word, paper.shown_number)
    return f"{said} {t.say('mail_ref', reference)}" if reference else said


def _footer(t: Tongue, document: Document, why: str) -> tuple[str, ...]:
    seller, session = document["seller"], document["session"]
    phone = session["help_phone"] or seller["phone"]
    call = t.say("mail_wrong_call", phone) if phone else t.say("mail_wrong")
    return (call, _firm(t, seller), why)


def _firm(t: Tongue, seller: Document) -> str:
    numbers = [
        t.say(key, seller[key]) for key in ("organisation_number", "vat_number") if seller[key]
    ]
    address = (seller["address"] or "").splitlines()
    return ", ".join([seller["legal_entity"] or seller["name"], *address, *numbers])


# -- accounts of drivers --------------------------------------------------------------------------


def login_link(connection: Connection, mail: Mail) -> Letter:
    """Parameters: url or path, valid_until (ISO 8601, optional), operator_id (optional)."""
    seller, t = _house(connection, mail)
    until = mail.parameters.get("valid_until")
    said = t.say("mail_login_once")
    if until:
        said = t.say("mail_login_text", t.day_and_time(datetime.fromisoformat(until)))
    return _plain(mail, seller, t, "login", texts=(said,), note=t.say("mail_login_not_you"))


def to_pay(kind: str) -> Callable[[Connection, Mail], Letter]:
    """Letters that ask for money after a session; their words are mail_<kind>_....

    Parameters: url or path, amount (minor units), currency, operator_id (optional).
    """

    def write(connection: Connection, mail: Mail) -> Letter:
        seller, t = _house(connection, mail)
        amount = t.money(int(mail.parameters["amount"]), mail.parameters["currency"])
        said = t.say(f"mail_{kind}_text", amount)
        return _plain(mail, seller, t, kind, amount, texts=(said,), total=amount)

    return write


def statement(connection: Connection, mail: Mail) -> Letter:
    """Parameters: url or path, month (2026-11), energy_wh, amount (minor units), currency,
    operator_id."""
    seller, t = _house(connection, mail)
    given = mail.parameters
    day = datetime.fromisoformat(f"{given['month']}-15T12:00:00+00:00")
    month, total = t.at(day, "MMMM y"), t.money(int(given["amount"]), given["currency"])
    said = t.say("mail_statement_text", month, t.kwh(int(given["energy_wh"])), total)
    return _plain(mail, seller, t, "statement", month, texts=(said,), total=total)


def invoice(connection: Connection, mail: Mail) -> Letter:
    """Parameters: invoice_id. To a company, the invoice as a PDF with it."""
    found = load_invoice(connection, int(mail.parameters["invoice_id"]))
    t, seller = Tongue(mail.language, found.zone), found.document["seller"]
    total = t.money(found.gross, found.currency)
    values = month_of(t, found.month), found.due_at.isoformat(), found.number
    said = t.say("mail_invoice_text", *values)
    return Letter(
        subject=t.say("mail_invoice_subject", found.number, total),
        language=mail.language,
        sender=seller["name"],
        reply_to=seller["email"],
        preview=said,
        title=t.say("mail_invoice_title", found.number),
        total=total,
        texts=(said, *filter(None, [found.payment_details])),
        link=f"{mail.base_url}/my/invoice/{found.secret}",
        button=t.say("mail_invoice_button"),
        footer=(_firm(t, seller),),
        files=((invoice_name(found, mail.language), invoice_pdf(found, mail.language)),),
    )


# -- staff ----------------------------------------------------------------------------------------


def alert(connection: Connection, mail: Mail) -> Letter:
    """Parameters: event (raised, escalated, resolved, test), incident_id (not of a test)."""
    seller, t = _house(connection, mail)
    pages, event = f"{mail.base_url}/app/", mail.parameters["event"]
    if event == "test":
        text = t.say("mail_alert_test_text")
        subject = t.say("mail_alert_test_subject")
        return _to_staff(mail, seller, t, "alert_test", subject, link=pages, texts=(text,))
    incident_id = int(mail.parameters["incident_id"])
    about = told(connection, incident_id, event, mail.language)
    return _to_staff(
        mail, seller, t, "alert", about.subject, link=f"{pages}incident/{incident_id}",
        rows=about.rows, texts=about.texts,
    )  # fmt: skip


def _to_staff(
    mail: Mail, seller: Seller, t: Tongue, kind: str, subject: str, **more: Any
) -> Letter:
    return Letter(
        subject=subject,
        language=mail.language,
        sender=seller.name,
        title=subject,
        button=t.say(f"mail_{kind}_button"),
        footer=(t.say("mail_alert_footer"),),
        **more,
    )


def _house(connection: Connection, mail: Mail) -> tuple[Seller, Tongue]:
    """The operator that writes, the first one unless the parameters name another."""
    found = connection.execute("SELECT min(operator_id) FROM operator").fetchone()
    wanted = int(mail.parameters.get("operator_id") or (found[0] if found else 0) or 0)
    seller = sellers_of(connection, [wanted]).get(wanted)
    if seller is None:
        raise LetterError(f"operator {wanted}: there is none")
    return seller, Tongue(mail.language, ZoneInfo(seller.time_zone))


def _plain(mail: Mail, seller: Seller, t: Tongue, kind: str, *values: str, **more: Any) -> Letter:
    """A letter of one text and one button."""
    firm = {
        "legal_entity": seller.legal_entity,
        "name": seller.name,
        "address": seller.address,
        "organisation_number": seller.organisation_number,
        "vat_number": seller.vat_number,
    }
    return Letter(
        subject=t.say(f"mail_{kind}_subject", *values),
        language=mail.language,
        sender=seller.name,
        reply_to=seller.email,
        preview=more["texts"][0],
        title=t.say(f"mail_{kind}_title"),
        link=mail.parameters.get("url") or mail.base_url + mail.parameters["path"],
        button=t.say(f"mail_{kind}_button"),
        footer=(_firm(t, firm),),
        **more,
    )


LETTERS: dict[str, Callable[[Connection, Mail], Letter]] = {
    "receipt": receipt,
    "credit_note": receipt,
    "login_link": login_link,
    "payment_declined": to_pay("declined"),
    "payment_authentication": to_pay("authentication"),
    "payment_no_card": to_pay("no_card"),
    "payment_reminder": to_pay("reminder"),
    "statement": statement,
    "invoice": invoice,
    "alert": alert,
}
