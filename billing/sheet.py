"""A receipt or credit note as the texts that stand on it, in one language. Pure.

The PDF and the mail are drawn from the same sheet, so they can't say different things.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from billing.reading import Document
from billing.words import Tongue

Row = tuple[str, str]
SHORT_HASH = 6
KWH, DASH = "\u00a0kWh", "\u2013"


class Paper(NamedTuple):
    """A stored receipt with what its payment's row says now; amounts in minor units."""

    receipt_id: int
    shown_number: str
    issued_at: datetime
    gross: int
    currency: str
    paid: int
    due: int
    written_off: int
    secret: str
    document: Document
    reference: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    hold: int = 0
    captured: int = 0
    authorised_at: datetime | None = None
    captured_at: datetime | None = None
    intent_id: str | None = None
    is_estimated: bool = False

    @property
    def is_credit(self) -> bool:
        return bool(self.document["kind"] == "credit_note")

    @property
    def kind(self) -> str:
        return "credit_note" if self.is_credit else "receipt"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.document["session"]["time_zone"])


class Sheet(Struct, frozen=True):
    """`foot` and every row of `rows` have the columns of `head`; the first is text."""

    title: str
    issued: str
    total: str
    seller: list[str]
    session: list[Row]
    head: list[str]
    rows: list[list[str]]
    foot: list[str]
    rates: list[list[str]]
    payment: list[Row]
    due: Row
    trace: list[Row]
    notes: list[str]
    headings: dict[str, str]


def sheet_of(paper: Paper, language: str) -> Sheet:
    t = Tongue(language, paper.zone)
    document = paper.document
    return Sheet(
        title=f"{t.say(paper.kind)} {paper.shown_number}",
        issued=t.day_and_time(paper.issued_at),
        total=t.money(paper.gross, paper.currency),
        seller=list(_seller(t, document["seller"], document["session"])),
        session=list(_session(t, document["session"])),
        head=_head(t, paper),
        rows=[_line(t, paper, line) for line in document["lines"]],
        foot=_foot(t, paper),
        rates=list(_rates(t, paper)),
        payment=list(_payment(t, paper)),
        due=(t.say("to_give_back" if paper.is_credit else "due"),
             t.money(abs(paper.due), paper.currency)),
        trace=list(_trace(t, paper)),
        notes=list(_notes(t, paper)),
        headings={key: t.say(key) for key in ("seller", "session", "lines", "payment", "trace",
                                              "per_rate")},
    )  # fmt: skip


def _seller(t: Tongue, seller: Document, session: Document) -> Iterator[str]:
    yield from firm(t, seller | {"phone": seller["phone"] or session["help_phone"]})


def firm(t: Tongue, seller: Document) -> Iterator[str]:
    """A seller as papers must name it, a text per line."""
    yield seller["legal_entity"]
    yield from (seller["address"] or "").splitlines()
    for key in ("organisation_number", "vat_number"):
        if seller[key]:
            yield t.say(key, seller[key])
    if seller["f_tax"]:
        yield t.say("f_tax")
    contact = [seller["email"], seller["phone"]]
    if any(contact):
        yield ", ".join(each for each in contact if each)


def _session(t: Tongue, session: Document) -> Iterator[Row]:
    yield t.say("station"), session["code"] or session["evse"]
    if session["code"]:
        yield t.say("evse"), session["evse"]
    if session["site"]:
        yield t.say("site"), session["site"]
    yield t.say("start"), t.second(instant(session["started_at"]))
    yield t.say("stop"), t.second(instant(session["ended_at"]))
    start, stop = session["meter_start_wh"], session["meter_stop_wh"]
    if start is not None and stop is not None:
        yield t.say("registers"), f"{t.kwh(start).removesuffix(KWH)} {DASH} {t.kwh(stop)}"
    yield t.say("energy_measured"), t.kwh(session["energy_wh"])


def instant(at: datetime | str) -> datetime:
    """A document's instant, fresh or from the database."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def _several(paper: Paper) -> bool:
    return len(paper.document["vat_lines"]) != 1


def _head(t: Tongue, paper: Paper) -> list[str]:
    rates = paper.document["vat_lines"]
    vat = (
        t.say("vat") if _several(paper) else t.say("vat_rate", t.percent(Decimal(rates[0]["rate"])))
    )
    names = [t.say(key) for key in ("what", "quantity", "unit_price", "net")]
    return [*names, vat, t.say("gross", t.currency(paper.currency))]


def _line(t: Tongue, paper: Paper, line: Document) -> list[str]:
    what = t.say(line["what"])
    if _several(paper):
        what += f" ({t.percent(Decimal(line['vat_rate']))})"
    quantity = line["quantity"] and t.quantity(Decimal(line["quantity"]), line["unit"])
    price = line["unit_price"] and t.price(Decimal(line["unit_price"]))
    return [what, quantity or "", price or "", *_amounts(t, paper, line)]


def _amounts(t: Tongue, paper: Paper, line: Document) -> list[str]:
    return [t.amount(line[column], paper.currency) for column in ("net", "vat", "gross")]


def _foot(t: Tongue, paper: Paper) -> list[str]:
    word = t.say("given_back" if paper.is_credit else "to_pay")
    return [word, "", "", *_amounts(t, paper, paper.document["totals"])]


def _rates(t: Tongue, paper: Paper) -> Iterator[list[str]]:
    """VAT per rate, where there is more than one."""
    if _several(paper):
        for line in paper.document["vat_lines"]:
            yield [t.percent(Decimal(line["rate"])), "", "", *_amounts(t, paper, line)]


def _payment(t: Tongue, paper: Paper) -> Iterator[Row]:
    if card := card_of(paper):
        yield t.say("card"), card
    if paper.is_credit and paper.paid:
        yield t.say("refunded"), t.money(-paper.paid, paper.currency)
    elif not paper.is_credit:
        yield from _paid(t, paper)


def _paid(t: Tongue, paper: Paper) -> Iterator[Row]:
    """Held, charged and released, each with its time; the rest of a hold goes with the charge."""
    if paper.authorised_at and paper.hold:
        yield t.say("held", t.clock(paper.authorised_at)), t.money(paper.hold, paper.currency)
    if paper.captured_at and paper.captured:
        at = t.clock(paper.captured_at)
        yield t.say("captured", at), t.money(paper.captured, paper.currency)
        if (rest := paper.hold - paper.captured) > 0:
            yield t.say("released", at), t.money(rest, paper.currency)
    elif paper.paid:
        yield t.say("paid"), t.money(paper.paid, paper.currency)
    if paper.written_off:
        yield t.say("written_off"), t.money(paper.written_off, paper.currency)


def card_of(paper: Paper) -> str:
    """Visa •••• 4242"""
    brand = (paper.card_brand or "").replace("_", " ").title()
    return f"{brand} •••• {paper.card_last4}".strip() if paper.card_last4 else ""


def _trace(t: Tongue, paper: Paper) -> Iterator[Row]:
    trace = paper.document["trace"]
    if paper.is_credit:
        yield t.say("credits"), paper.document["credits"]["number"]
        yield t.say("reason"), paper.document["reason"]
    if reference := paper.reference or trace["payment_reference"]:
        yield t.say("reference"), reference
    if paper.intent_id:
        yield t.say("intent"), f"{paper.intent_id[:7]}…{paper.intent_id[-4:]}"
    if trace["price_shown_at"]:
        yield t.say("shown_at"), t.second(instant(trace["price_shown_at"]))
    if trace["tariff_id"]:
        yield t.say("tariff"), f"{trace['tariff_id']}, {trace['tariff_hash'][:SHORT_HASH]}"


def _notes(t: Tongue, paper: Paper) -> Iterator[str]:
    if paper.is_credit:
        yield t.say("note_credit")
        return
    if any(line["what"] == "network" for line in paper.document["lines"]):
        yield t.say("note_supplies")
    if paper.is_estimated:
        yield t.say("note_estimated")
    yield t.say("note_receipt")
